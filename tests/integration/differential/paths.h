// The words in a path of the list that only the case's own folder can fill in.
#pragma once

#include <string>

#include "case.h"

namespace differential {

inline std::string real(const std::string& path) {
  if (path == "NAME255") return long_name(255);
  if (path == "NAME256") return long_name(256);
  if (path == "new255") return std::string(255, 'w');
  if (path == "PATH4095") return long_path(4095);
  if (path == "PATH4096") return long_path(4096);
  if (path.starts_with("ABS/")) return absolute(path.substr(4));
  return path;
}

}  // namespace differential
