#include "undo/kept_places.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "base/show.h"
#include "base/sys.h"
#include "undo/object.h"

namespace assent::undo {

bool good_name(std::string_view transaction) {
  return !transaction.empty() && transaction.front() != '.' && transaction.find('/') == std::string_view::npos;
}

Result<Manifest> manifest_of(const std::string& state_vault, const std::string& transaction) {
  if (!good_name(transaction))
    return fail(EINVAL, fmt::format("'{}' is no transaction of the vault", show(transaction)));
  auto folder = sys::openat(AT_FDCWD, (state_vault + "/" + transaction).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!folder) {
    if (folder.error().code == ENOENT)
      return fail(ENOENT, fmt::format("the vault keeps nothing of {} (ENOENT)", show(transaction)));
    return pass(std::move(folder));
  }
  return read_manifest(folder->get());
}

Places::Places(std::string state_vault, std::string transaction, const Manifest& manifest)
    : state_vault_(std::move(state_vault)), transaction_(std::move(transaction)) {
  stores_[0] = state_vault_;
  for (const Record& record : manifest.records) {
    if (record.kind == Kind::Store) stores_[record.store] = record.path;
  }
}

std::string Places::of(const Record& record) const {
  const auto store = stores_.find(record.store);
  const std::string& transaction = record.kind == Kind::Removed && !record.other.empty() ? record.other : transaction_;
  return fmt::format("{}/{}/{}", store == stores_.end() ? state_vault_ : store->second, transaction, record.place);
}

std::size_t Places::number(unsigned store) const {
  const auto at = stores_.find(store);
  return at == stores_.end() ? 0 : static_cast<std::size_t>(std::distance(stores_.begin(), at));
}

std::vector<std::string> Places::folders() const {
  std::vector<std::string> out;
  for (const auto& [number, path] : stores_) {
    if (good_name(transaction_)) out.push_back(path + "/" + transaction_);
  }
  return out;
}

bool holds_object(const Record& record) {
  return (record.kind == Kind::Removed || record.kind == Kind::Content) && record.other.empty();
}

namespace {

// The object of a record as it lies in the vault now; opened folder by folder, for names of any length.
Result<UniqueFd> open_kept(const std::string& path) {
  auto place = open_place(path);
  if (!place) return pass(std::move(place));
  return sys::openat(place->folder.get(), place->name.c_str(), O_PATH | O_NOFOLLOW);
}

}  // namespace

bool is_in_vault(const Places& places, const Record& record) {
  auto object = open_kept(places.of(record));
  if (!object) return false;
  auto stat = sys::statx(object->get(), "");
  return stat &&
         (record.how != How::Moved || record.kind != Kind::Removed || same_object(sys::id_of(*stat), record.id));
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(folder.c_str()), ::closedir);
  if (!directory) return out;
  while (const dirent* entry = ::readdir(directory.get())) out.emplace_back(entry->d_name);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace assent::undo
