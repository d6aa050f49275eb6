// The bytes of a git configuration file (git-config(1)), and which of its settings name programs that git runs.
// Pure: bytes in, settings out. Where git itself would refuse the file, this reads on: rather one too many.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace assent::resolve {

struct GitSetting {
  std::string section;     // lower case: "filter"
  std::string subsection;  // as written: "lfs"
  std::string key;         // lower case: "clean"
  std::string value;
  bool bare = false;  // a key without "=": true

  [[nodiscard]] std::string name() const;  // "filter.lfs.clean"
};

// Calls `each` with one setting after the other, until it says no. What it is given is good for that call only.
void each_git_setting(std::string_view bytes, const std::function<bool(const GitSetting&)>& each);

// Whether git, doing what its user asked for, may run what the value says, or take hooks or settings from there.
// Not: what is a switch ("true"), the pagers and editors that everybody has, git-lfs as it sets itself up.
[[nodiscard]] bool names_program(const GitSetting& setting);

// include.path and includeIf.….path, whatever the condition.
[[nodiscard]] bool is_include(const GitSetting& setting);

}  // namespace assent::resolve
