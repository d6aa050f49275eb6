# profiles/*.toml become part of the program, parsed already; read again whenever one changes. A library of its own,
# which whoever uses assent_decide gets with it: what makes it is made of assent_decide.
file(GLOB PROFILES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/profiles/*.toml)
list(SORT PROFILES)
set(SHIPPED_PROFILES ${CMAKE_CURRENT_BINARY_DIR}/shipped_profiles.cpp)
add_executable(bake_profiles ${PROJECT_SOURCE_DIR}/src/decide/bake_main.cpp)
add_dependencies(bake_profiles assent_decide)
target_link_libraries(bake_profiles PRIVATE $<TARGET_FILE:assent_decide> assent_base PkgConfig::RE2)
add_custom_command(
  OUTPUT ${SHIPPED_PROFILES}
  COMMAND bake_profiles ${SHIPPED_PROFILES} ${PROFILES}
  DEPENDS bake_profiles ${PROFILES}
  VERBATIM)
add_library(assent_shipped STATIC ${SHIPPED_PROFILES})
target_link_libraries(assent_shipped PRIVATE assent_base)
target_link_libraries(assent_decide INTERFACE assent_shipped)
