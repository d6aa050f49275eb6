# cmake -DOUT=file.cpp -DFOLDER=src/web/page -P embed_page.cmake: writes the files of the web page into a C++ source, so
# that the program carries them with it.
file(GLOB FILES ${FOLDER}/*.html ${FOLDER}/*.css ${FOLDER}/*.js ${FOLDER}/*.svg)
list(SORT FILES)
set(ENTRIES "")
list(LENGTH FILES COUNT)
foreach(FILE ${FILES})
  get_filename_component(NAME ${FILE} NAME)
  file(READ ${FILE} TEXT)
  string(APPEND ENTRIES "    {\"${NAME}\", R\"-assent-(${TEXT})-assent-\"},\n")
endforeach()
file(WRITE ${OUT} "// Made from src/web/page by cmake/embed_page.cmake.
#include <array>

#include \"web/page.h\"

namespace assent::web {

namespace {

constexpr std::array<PageFile, ${COUNT}> kFiles{{
${ENTRIES}}};

}  // namespace

std::span<const PageFile> page_files() { return kFiles; }

}  // namespace assent::web
")
