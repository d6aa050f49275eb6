#include "cli/vault_find.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>

#include "base/show.h"
#include "base/sys.h"
#include "record/session_dir.h"
#include "session/past_sessions.h"
#include "session/paths.h"
#include "undo/catalog.h"
#include "undo/manifest.h"

namespace assent::cli {

namespace {

undo::Record begin_of(const VaultPlace& place, const std::string& transaction) {
  undo::start_checksums();
  // The first line says it; the rest may be long.
  auto file = sys::openat(AT_FDCWD, fmt::format("{}/{}/{}", place.vault, transaction, undo::kManifestName).c_str(),
                          O_RDONLY | O_NOFOLLOW);
  if (!file) return {};
  std::string head(64 * 1024, '\0');
  const ssize_t n = ::pread(file->get(), head.data(), head.size(), 0);
  head.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  for (std::size_t at = 0; at < head.size();) {
    const auto end = std::min(head.find('\n', at), head.size());
    auto record = undo::decode(std::string_view(head).substr(at, end - at));
    if (record && record->kind == undo::Kind::Begin) return std::move(*record);
    at = end + 1;
  }
  return {};
}

constexpr std::size_t kDigitsOfDay = 8;

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return number;
}

bool begins_session(std::string_view word) {
  constexpr std::string_view kShape = "dddddddd-dddddd-xxxx";
  if (word.size() < kDigitsOfDay || word.size() > kShape.size()) return false;
  return std::equal(word.begin(), word.end(), kShape.begin(), [](char c, char shape) {
    const bool digit = c >= '0' && c <= '9';
    if (shape == 'd') return digit;
    if (shape == 'x') return digit || (c >= 'a' && c <= 'f');
    return c == shape;
  });
}

// Newest first. Undos sort among themselves, sessions too.
std::vector<std::string> transactions(const std::string& vault) {
  std::vector<std::string> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(vault.c_str()), ::closedir);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (record::is_session_id(name) || is_undo(name)) out.push_back(name);
  }
  std::ranges::sort(out, std::greater<>());
  return out;
}

Result<undo::Manifest> manifest_of(const VaultPlace& place, const std::string& transaction) {
  auto folder = sys::openat(AT_FDCWD, (place.vault + "/" + transaction).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!folder) return pass(std::move(folder));
  return undo::read_manifest(folder->get());
}

// Times of folders alone are nothing that anybody wants back.
bool is_something(const undo::Record& record) {
  switch (record.kind) {
    case undo::Kind::Begin:
    case undo::Kind::Store:
    case undo::Kind::Linked:
    case undo::Kind::Parent:
    case undo::Kind::Already:
    case undo::Kind::Failed:
    case undo::Kind::Void:
    case undo::Kind::End:
    case undo::Kind::Hashed:
      return false;
    case undo::Kind::Removed:
    case undo::Kind::Folder:
    case undo::Kind::Content:
    case undo::Kind::Changed:
    case undo::Kind::Renamed:
    case undo::Kind::Swapped:
    case undo::Kind::Placed:
    case undo::Kind::Made:
      return true;
  }
  return false;
}

bool kept_something(const VaultPlace& place, const std::string& transaction) {
  if (const auto end = undo::end_of(place.vault, transaction); end && end->refers > 0) return true;
  auto manifest = manifest_of(place, transaction);
  return manifest && (manifest->damaged > 0 || std::ranges::any_of(manifest->records, is_something));
}

Result<std::string> last_session(const VaultPlace& place) {
  for (const auto& name : transactions(place.vault)) {
    if (!is_undo(name) && kept_something(place, name)) return name;
  }
  return fail(ENOENT, "the vault keeps nothing: no session has destroyed or changed anything that was there before it");
}

}  // namespace

Result<VaultPlace> find_vault() {
  auto state = record::state_directory();
  if (!state) return pass(std::move(state));
  std::error_code error;
  const auto canonical = std::filesystem::weakly_canonical(*state, error);
  VaultPlace out;
  out.state = error ? *state : canonical.string();
  out.vault = out.state + "/vault";
  if (auto own = record::own_state(out.state); !own) return pass(std::move(own));
  return out;
}

bool is_undo(std::string_view transaction) {
  return transaction.starts_with("undo-") || transaction.starts_with("redo-");
}

bool names_transaction(std::string_view word) {
  if (word == "last") return true;
  if (const auto colon = word.rfind(':'); colon != std::string_view::npos) {
    if (!number_in(word.substr(colon + 1))) return false;
    word = word.substr(0, colon);
    return word == "last" || begins_session(word);
  }
  if (number_in(word) && word.size() < kDigitsOfDay) return true;
  return begins_session(word) || (is_undo(word) && begins_session(word.substr(5)));
}

Result<Transaction> find_transaction(const VaultPlace& place, std::string_view word) {
  Transaction out;
  if (const auto colon = word.rfind(':'); colon != std::string_view::npos) {
    out.sequence = number_in(word.substr(colon + 1));
    word = word.substr(0, colon);
  } else if (const auto number = number_in(word); number && word.size() < kDigitsOfDay) {
    out.sequence = number;
    word = "last";
  }
  if (out.sequence && word == "last") {
    // A record's number is one of the last session, as `assent log` shows it, whether that kept something or not.
    auto session = record::find_session(place.state, "last");
    if (!session) return pass(std::move(session));
    out.id = std::move(*session);
    return out;
  }
  if (word.empty() || word == "last") {
    auto last = last_session(place);
    if (!last) return pass(std::move(last));
    out.id = std::move(*last);
    return out;
  }
  for (const auto& name : transactions(place.vault)) {
    if (!name.starts_with(word)) continue;
    if (!out.id.empty()) return fail(EINVAL, fmt::format("several in the vault begin with {}", show(word)));
    out.id = name;
  }
  if (!out.id.empty()) return out;
  auto session = record::find_session(place.state, word);
  if (session) return fail(ENOENT, fmt::format("the vault keeps nothing of {} (ENOENT)", *session));
  return fail(ENOENT, fmt::format("there is no {} in the vault (ENOENT)", show(word)));
}

std::vector<std::string> standing_undos(const VaultPlace& place) {
  const auto all = transactions(place.vault);
  std::vector<std::string> taken_back, out;
  for (const auto& name : all) {
    if (name.starts_with("redo-")) taken_back.push_back(about(place, name));
  }
  for (const auto& name : all) {
    if (name.starts_with("undo-") && std::ranges::find(taken_back, name) == taken_back.end()) out.push_back(name);
  }
  return out;
}

Result<std::string> find_undo_to_redo(const VaultPlace& place) {
  for (const auto& name : standing_undos(place)) {
    if (kept_something(place, name)) return name;
  }
  return fail(ENOENT, "there is no undo that could be taken back");
}

std::string about(const VaultPlace& place, const std::string& transaction) { return begin_of(place, transaction).path; }

std::int64_t began(const VaultPlace& place, const std::string& transaction) {
  return begin_of(place, transaction).time;
}

std::string session_of(const VaultPlace& place, std::string transaction) {
  for (int depth = 0; depth < 64 && is_undo(transaction); ++depth) transaction = about(place, transaction);
  return transaction;
}

std::vector<std::string> undos_of(const VaultPlace& place, const std::string& session) {
  std::vector<std::string> out;
  for (const auto& name : transactions(place.vault)) {
    if (is_undo(name) && session_of(place, name) == session) out.push_back(name);
  }
  return out;
}

bool is_running(const VaultPlace& place, const std::string& transaction) {
  if (is_undo(transaction)) return false;  // they hold the lock
  auto folder = sys::openat(AT_FDCWD, record::session_path(place.state, transaction).c_str(),
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  return folder && record::is_running(folder->get());
}

std::vector<std::string> mend(const VaultPlace& place, const std::string& transaction,
                              std::optional<undo::Manifest>* as_read) {
  std::vector<std::string> said;
  if (is_running(place, transaction)) return said;
  auto manifest = manifest_of(place, transaction);
  const bool ended = manifest && std::ranges::any_of(manifest->records, [](const undo::Record& each) {
                       return each.kind == undo::Kind::End;
                     });
  if (ended && manifest->damaged == 0) {
    if (as_read != nullptr) *as_read = std::move(*manifest);
    return said;
  }
  if (!ended) said = session::mend_past_sessions(place.state);
  auto recovered = undo::recover(place.vault, transaction);
  if (!recovered) {
    said.push_back(recovered.error().what);
    return said;
  }
  if (recovered->unlisted > 0)
    said.push_back(fmt::format("found {} in the vault that its manifest did not tell of",
                               count_text(recovered->unlisted, "object")));
  return said;
}

Result<UniqueFd> lock_vault(const VaultPlace& place) {
  auto file = sys::openat(AT_FDCWD, (place.vault + "/.lock").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (!file) {
    if (file.error().code == ENOENT) return UniqueFd();  // no vault yet, nothing to keep apart
    return fail(file.error().code,
                fmt::format("cannot lock the vault {}: {} ({})", show(place.vault),
                            ::strerrordesc_np(file.error().code), ::strerrorname_np(file.error().code)));
  }
  if (::flock(file->get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno == EWOULDBLOCK) {
    fmt::print(stderr, "assent: waiting for another undo, prune or drill to end\n");
    int code = 0;
    do {
      code = ::flock(file->get(), LOCK_EX) == 0 ? 0 : errno;
    } while (code == EINTR);
    if (code == 0) return file;
  }
  return sys::last_error("cannot lock the vault");
}

int cannot(std::string_view doing, std::string_view why, int status) {
  if (why.starts_with("cannot ")) {
    fmt::print(stderr, "assent: {}\n", why);
  } else {
    fmt::print(stderr, "assent: cannot {}: {}\n", doing, why);
  }
  return status;
}

std::vector<std::string> spellings(const std::string& word) {
  namespace fs = std::filesystem;
  std::vector<std::string> out;
  const auto add = [&out](std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (std::ranges::find(out, path) == out.end()) out.push_back(std::move(path));
  };
  if (word.find('/') == std::string::npos && word.find_first_of("*?[") != std::string::npos) add(word);
  std::error_code error;
  fs::path path(word);
  if (path.is_relative()) path = fs::current_path(error) / path;
  const fs::path plain = path.lexically_normal();
  add(plain.string());
  // The manifest has no symbolic links above an object; the object itself may be one.
  const fs::path bare = plain.has_filename() ? plain : plain.parent_path();
  const fs::path folder = fs::weakly_canonical(bare.parent_path(), error);
  if (!error) add((folder / bare.filename()).string());
  return out;
}

std::string place_text(const std::string& path, const std::string& working_directory) {
  const auto& cwd = working_directory;
  const bool below = cwd.size() > 1 && path.size() > cwd.size() + 1 && path.starts_with(cwd) && path[cwd.size()] == '/';
  return show(below ? path.substr(cwd.size() + 1) : path);
}

std::string size_text(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  for (const char* unit : {"KiB", "MiB", "GiB"}) {
    if (value < 1023.5) return fmt::format("{:.{}f} {}", value, value < 9.95 ? 1 : 0, unit);
    value /= 1024;
  }
  return fmt::format("{:.1f} TiB", value);
}

std::string count_text(std::uint64_t count, std::string_view noun) {
  std::string digits = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return fmt::format("{} {}{}", digits, noun, count == 1 ? "" : "s");
}

}  // namespace assent::cli
