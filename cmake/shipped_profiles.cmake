# profiles/*.toml become part of assent_decide; read again whenever one changes.
file(GLOB PROFILES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/profiles/*.toml)
set(SHIPPED_PROFILES ${CMAKE_CURRENT_BINARY_DIR}/shipped_profiles.cpp)
add_custom_command(
  OUTPUT ${SHIPPED_PROFILES}
  COMMAND ${CMAKE_COMMAND} -DOUT=${SHIPPED_PROFILES} -DFOLDER=${PROJECT_SOURCE_DIR}/profiles
          -P ${PROJECT_SOURCE_DIR}/cmake/embed_profiles.cmake
  DEPENDS ${PROFILES} ${PROJECT_SOURCE_DIR}/cmake/embed_profiles.cmake
  VERBATIM)
target_sources(assent_decide PRIVATE ${SHIPPED_PROFILES})
