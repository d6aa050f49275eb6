// One case of the differential list: a name and what it does in a fresh folder with the standard objects in it.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace differential {

struct Case {
  std::string name;
  std::function<std::string()> run;  // what came of it, in one line; the working directory is the case's folder
};
using Cases = std::vector<Case>;

// The families of calls, each in its own file.
void add_removals(Cases& cases);
void add_renames(Cases& cases);
void add_opens(Cases& cases);
void add_openat2(Cases& cases);
void add_links_and_nodes(Cases& cases);
void add_metadata(Cases& cases);
void add_descriptors(Cases& cases);
void add_processes(Cases& cases);

// Spellings of paths; each reaches, misses or fails at something of the standard objects.
const std::vector<std::string>& all_paths();
std::string long_name(std::size_t bytes);
std::string long_path(std::size_t bytes);  // "./././…/file"
std::string absolute(const std::string& name);

// "0", a number, or "ENOENT".
std::string result(long returned);
// Joins what several calls came to. A braced list is evaluated in the order it is written, operands of + are not.
inline std::string line(std::initializer_list<std::string> parts) {
  std::string out;
  for (const auto& part : parts) out += (out.empty() ? "" : " ") + part;
  return out;
}
// What a freshly opened descriptor is like (or the errno), after one byte was written to and read from it. Closes it.
std::string describe(int fd);
// Runs `body` in a child process; its line, or how it died.
std::string in_child(const std::function<std::string()>& body);

// Makes the standard objects in the working directory.
void build_fixture();
// One line an object: type, mode, size, content, links, attributes, link target, whether its time has changed.
std::vector<std::string> digest();

}  // namespace differential
