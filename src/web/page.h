// The files of the page, as they were when this program was built (src/web/page).
#pragma once

#include <span>
#include <string_view>

namespace assent::web {

struct PageFile {
  std::string_view name;
  std::string_view bytes;
};
std::span<const PageFile> page_files();

// The file behind a path of the address bar ("/", "/login", "/style.css"); nullptr: none.
const PageFile* page_file(std::string_view path);
std::string_view content_type(std::string_view name);

}  // namespace assent::web
