// Protected: the built-in layer that no profile can lift. What keeps the agent in check is never the agent's to change.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "assent/request.h"

namespace assent::decide {

class Protected {
 public:
  // `folders`: assent's configuration, state, sockets and vaults; absolute, no slash at the end.
  explicit Protected(std::vector<std::string> folders) : folders_(std::move(folders)) {}

  // The object lies in one of the folders, is one, or has a component `.assent.toml` or `.assent-…`; or the operation
  // would move or remove a folder that one of them lies in. Never allocates.
  [[nodiscard]] bool forbids(Operation operation, std::string_view path) const;

  // Whether a folder is, holds, or lies in a protected one.
  [[nodiscard]] bool touches(std::string_view folder) const;

  [[nodiscard]] const std::vector<std::string>& folders() const { return folders_; }

 private:
  std::vector<std::string> folders_;
};

// Whether `path` is `folder` or lies below it.
bool within(std::string_view path, std::string_view folder);

}  // namespace assent::decide
