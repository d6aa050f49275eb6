// Where the objects of a transaction lie, and what lies there. Within the room only.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "assent/result.h"
#include "assent/unique_fd.h"
#include "undo/manifest.h"

namespace assent::undo {

bool good_name(std::string_view transaction);
Result<Manifest> manifest_of(const std::string& state_vault, const std::string& transaction);
std::vector<std::string> names_in(const std::string& folder);  // sorted, with "." and ".."

class Places {
 public:
  Places(std::string state_vault, std::string transaction, const Manifest& manifest);
  [[nodiscard]] std::string of(const Record& record) const;  // the object's path
  [[nodiscard]] const std::map<unsigned, std::string>& stores() const { return stores_; }
  [[nodiscard]] std::vector<std::string> folders() const;  // the transaction's, one in each store
  [[nodiscard]] std::size_t number(unsigned store) const;  // of its folder among these

 private:
  std::string state_vault_;
  std::string transaction_;
  std::map<unsigned, std::string> stores_;
};

// Whether the line put an object into the vault.
bool holds_object(const Record& record);
bool is_in_vault(const Places& places, const Record& record);

}  // namespace assent::undo
