// Store: one folder of the vault on one mount, and in it the folder of one transaction: mirrored trees of what was
// moved in (L0, L1 …, where a path was kept before) and numbered copies (objects/). Nothing is made before it is
// needed.
//   STORE/TRANSACTION/L0/home/ana/project/src/a.c      STORE/TRANSACTION/objects/17
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "assent/file_id.h"
#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::undo {

class Store {
 public:
  Store(std::string folder, std::string transaction)
      : folder_(std::move(folder)), transaction_(std::move(transaction)) {}

  // The transaction's folder; made where it is not there yet, 0700, with all folders above it.
  Result<int> open();
  [[nodiscard]] bool is_open() const { return root_.valid(); }
  [[nodiscard]] std::uint64_t device() const { return device_; }  // after open()
  [[nodiscard]] const std::string& folder() const { return folder_; }

  // The folder that stands for `path` (absolute) in the mirrored tree `layer`. ENOTDIR, ELOOP: a kept object has the
  // name of one of its folders; another layer will do. The descriptor stays the store's.
  Result<int> mirror(std::string_view layer, std::string_view path);
  Result<int> objects();

 private:
  Result<int> descend(const std::string& place);

  std::string folder_;
  std::string transaction_;
  UniqueFd root_;
  std::uint64_t device_ = 0;
  std::unordered_map<std::string, UniqueFd> open_;  // by place below the root
};

// Makes `path` and the folders above it that are missing, 0700 each.
Status make_folders(const std::string& path);

// Whether a rename from `folder` into `store` would stay on one mount. Found by asking the kernel for a rename of
// nothing; changes nothing. Both must exist.
bool same_mount(int folder, int store);

// Folders that could hold what is removed below `folder`, where the state folder cannot: the top of its mount, and
// beside `folder` itself. The best that can be made and used; empty: none, copies will have to do.
std::string place_for(const std::string& folder, const std::string& state_vault);

}  // namespace assent::undo
