# src/web/page becomes part of assent_web; read again whenever a file changes.
file(GLOB PAGE_FILES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/web/page/*)
set(WEB_PAGE ${CMAKE_CURRENT_BINARY_DIR}/web_page.cpp)
add_custom_command(
  OUTPUT ${WEB_PAGE}
  COMMAND ${CMAKE_COMMAND} -DOUT=${WEB_PAGE} -DFOLDER=${PROJECT_SOURCE_DIR}/src/web/page
          -P ${PROJECT_SOURCE_DIR}/cmake/embed_page.cmake
  DEPENDS ${PAGE_FILES} ${PROJECT_SOURCE_DIR}/cmake/embed_page.cmake
  VERBATIM)
target_sources(assent_web PRIVATE ${WEB_PAGE})
