#include "session/freeze_list.h"

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/show.h"
#include "base/sys.h"

namespace assent::session {

namespace {

using Json = nlohmann::json;

constexpr int kVersion = 1;

tl::unexpected<Error> cannot(const std::string& verb, const std::string& path, const std::string& why, int code) {
  const char* name = ::strerrorname_np(code);
  return fail(code, fmt::format("cannot {} {}: {} ({})", verb, show(path), why, name != nullptr ? name : "EIO"));
}

// A path is bytes: hex, and beside it a text for people where it is one.
std::string to_hex(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::optional<std::string> from_hex(const std::string& hex) {
  std::string out;
  if (hex.empty() || hex.size() % 2 != 0 || hex.find_first_not_of("0123456789abcdef") != std::string::npos)
    return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); i += 2) out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

std::optional<Freeze> freeze_of(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto word = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  auto folder = from_hex(word("folder_hex"));
  if (!folder || !folder->starts_with('/')) return std::nullopt;
  const auto uid = json.find("uid");
  Freeze out;
  out.folder = std::move(*folder);
  out.by = word("by");
  if (uid != json.end() && uid->is_number_unsigned()) out.uid = uid->get<uid_t>();
  out.since = word("since");
  return out;
}

// Whoever holds this is the only one who changes the list.
Result<UniqueFd> lock(const std::string& folder) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(folder, error);
  if (error) return cannot("make", folder, error.message(), error.value());
  if (made) ::chmod(folder.c_str(), folder == kSystemFolder ? 0755 : 0700);
  const std::string path = folder + "/" + kFreezesName + ".lock";
  auto fd = sys::openat(AT_FDCWD, path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (!fd) return cannot("open", path, ::strerrordesc_np(fd.error().code), fd.error().code);
  if (::flock(fd->get(), LOCK_EX) != 0) return cannot("lock", path, ::strerrordesc_np(errno), errno);
  return fd;
}

Status write(const std::string& folder, const std::vector<Freeze>& freezes) {
  Json out{{"version", kVersion}, {"freezes", Json::array()}};
  for (const auto& one : freezes) {
    out["freezes"].push_back({{"folder", show(one.folder)},
                              {"folder_hex", to_hex(one.folder)},
                              {"by", show(one.by)},
                              {"uid", one.uid},
                              {"since", one.since}});
  }
  const std::string path = folder + "/" + kFreezesName, fresh = path + ".new";
  ::unlink(fresh.c_str());
  auto fd = sys::openat(AT_FDCWD, fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
                        folder == kSystemFolder ? 0644 : 0600);
  if (!fd) return cannot("write", fresh, ::strerrordesc_np(fd.error().code), fd.error().code);
  if (folder == kSystemFolder) ::fchmod(fd->get(), 0644);
  if (auto status = sys::write_all(fd->get(), out.dump(2) + "\n"); !status) return status;
  if (::fsync(fd->get()) != 0) return cannot("write", fresh, ::strerrordesc_np(errno), errno);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return cannot("write", path, ::strerrordesc_np(errno), errno);
  if (auto place = sys::openat(AT_FDCWD, folder.c_str(), O_RDONLY | O_DIRECTORY)) ::fsync(place->get());
  return {};
}

}  // namespace

Result<std::vector<Freeze>> read_freezes(const std::string& folder) {
  const std::string path = folder + "/" + kFreezesName;
  auto text = sys::read_file(AT_FDCWD, path.c_str(), 4 << 20);
  if (!text && (text.error().code == ENOENT || text.error().code == ENOTDIR)) return std::vector<Freeze>{};
  if (!text) return cannot("read", path, ::strerrordesc_np(text.error().code), text.error().code);
  const Json json = Json::parse(*text, nullptr, false);
  const auto broken = [&] { return cannot("read", path, "it is no list of freezes", EPROTO); };
  if (!json.is_object() || !json.contains("version") || json["version"] != kVersion) return broken();
  const auto list = json.find("freezes");
  if (list == json.end() || !list->is_array()) return broken();
  std::vector<Freeze> out;
  for (const auto& one : *list) {
    auto freeze = freeze_of(one);
    if (!freeze) return broken();
    out.push_back(std::move(*freeze));
  }
  return out;
}

Result<bool> add_freeze(const std::string& folder, Freeze freeze) {
  auto held = lock(folder);
  if (!held) return pass(std::move(held));
  auto freezes = read_freezes(folder);
  if (!freezes) return pass(std::move(freezes));
  if (std::ranges::any_of(*freezes, [&](const Freeze& one) { return one.folder == freeze.folder; })) return false;
  freezes->push_back(std::move(freeze));
  if (auto status = write(folder, *freezes); !status) return pass(std::move(status));
  return true;
}

Result<bool> remove_freeze(const std::string& folder, const std::string& frozen) {
  auto freezes = read_freezes(folder);
  if (!freezes) return pass(std::move(freezes));
  if (std::ranges::none_of(*freezes, [&](const Freeze& one) { return one.folder == frozen; })) return false;
  auto held = lock(folder);
  if (!held) return pass(std::move(held));
  freezes = read_freezes(folder);
  if (!freezes) return pass(std::move(freezes));
  std::erase_if(*freezes, [&](const Freeze& one) { return one.folder == frozen; });
  if (auto status = write(folder, *freezes); !status) return pass(std::move(status));
  return true;
}

}  // namespace assent::session
