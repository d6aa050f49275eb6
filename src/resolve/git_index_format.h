// The bytes of git's index, versions 2, 3 and 4 (Documentation/gitformat-index). Pure: bytes in, entries out.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assent/result.h"
#include "resolve/git_hash.h"

namespace assent::resolve {

struct GitTime {
  std::uint32_t seconds = 0;
  std::uint32_t nanoseconds = 0;

  friend auto operator<=>(const GitTime&, const GitTime&) = default;
};

struct GitEntry {
  GitTime changed;
  GitTime modified;
  std::uint32_t inode = 0;  // the low 32 bits
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t size = 0;  // the low 32 bits
  std::uint32_t name = 0;  // where in `names`
  std::uint32_t name_length = 0;
  GitHash hash{};      // of its content; all zero where the hashes are longer
  bool plain = false;  // stage 0 and really added: git holds a blob for it
};

struct GitEntries {
  std::vector<GitEntry> entries;  // in the order of their names (bytes)
  std::string names;

  [[nodiscard]] std::string_view name(const GitEntry& entry) const {
    return std::string_view(names).substr(entry.name, entry.name_length);
  }
  // The entry of that name, the one of the lowest stage where it is in conflict; nullptr where there is none.
  [[nodiscard]] const GitEntry* find(std::string_view name) const;
};

// EINVAL: malformed, or a kind that is not read here (split index, unknown required extensions).
Result<GitEntries> parse_git_index(std::span<const std::uint8_t> bytes);

}  // namespace assent::resolve
