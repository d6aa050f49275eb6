# assent_room(NAME [DEPENDS target...]): the folder src/NAME becomes a static library, assent_NAME.
# Includes go one way (cli -> session -> room -> base -> include/assent); scripts/check-includes proves it.
function(assent_room NAME)
  cmake_parse_arguments(ROOM "" "" "DEPENDS" ${ARGN})
  file(GLOB SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${NAME}/*.cpp)
  list(FILTER SOURCES EXCLUDE REGEX "/main\\.cpp$|_main\\.cpp$")
  if(NOT SOURCES)
    add_library(assent_${NAME} INTERFACE)
    target_link_libraries(assent_${NAME} INTERFACE assent_options ${ROOM_DEPENDS})
    return()
  endif()
  add_library(assent_${NAME} STATIC ${SOURCES})
  target_link_libraries(assent_${NAME} PUBLIC assent_options ${ROOM_DEPENDS})
endfunction()
