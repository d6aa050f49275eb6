# cmake -DOUT=file.cpp -DFOLDER=profiles -P embed_profiles.cmake: writes the profiles into a C++ source, so that the
# program carries them with it.
file(GLOB FILES ${FOLDER}/*.toml)
list(SORT FILES)
set(ENTRIES "")
list(LENGTH FILES COUNT)
foreach(FILE ${FILES})
  get_filename_component(NAME ${FILE} NAME_WE)
  file(READ ${FILE} TEXT)
  string(APPEND ENTRIES "    {\"${NAME}\", R\"-assent-(${TEXT})-assent-\"},\n")
endforeach()
file(WRITE ${OUT} "// Made from profiles/*.toml by cmake/embed_profiles.cmake.
#include <array>

#include \"decide/sources.h\"

namespace assent::decide {

namespace {

constexpr std::array<Shipped, ${COUNT}> kShipped{{
${ENTRIES}}};

}  // namespace

std::span<const Shipped> shipped_profiles() { return kShipped; }

}  // namespace assent::decide
")
