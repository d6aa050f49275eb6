#include "undo/restore.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/show.h"
#include "base/sys.h"
#include "undo/restorer.h"

namespace assent::undo {

std::string_view name(Done done) {
  constexpr std::array<std::string_view, 4> kWords{"restored", "already", "conflict", "failed"};
  return kWords[static_cast<std::size_t>(done)];
}

bool Wanted::matches(std::string_view path) const {
  const std::string whole(path);
  return std::ranges::any_of(paths, [&](const std::string& wanted) {
    if (below(path, wanted)) return true;
    if (wanted.find_first_of("*?[") == std::string::npos) return false;
    const bool any_depth = wanted.find('/') == std::string::npos;
    const std::string subject = any_depth ? last_name(whole) : whole;
    return ::fnmatch(wanted.c_str(), subject.c_str(), FNM_NOESCAPE) == 0;
  });
}

std::string new_undo_id() {
  const std::time_t now = ::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  return fmt::format("undo-{:04}{:02}{:02}-{:02}{:02}{:02}-{:04x}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, ::randombytes_uniform(0x10000));
}

Result<Restored> restore(const RestoreOptions& options) {
  const std::string path = options.state_vault + "/" + options.transaction;
  auto folder = sys::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!folder) {
    if (folder.error().code == ENOENT)
      return fail(ENOENT,
                  fmt::format("cannot undo {}: the vault keeps nothing of it (ENOENT)", show(options.transaction)));
    return pass(std::move(folder));
  }
  auto manifest = read_manifest(folder->get());
  if (!manifest) return pass(std::move(manifest));
  return restore(options, std::move(*manifest));
}

Result<Restored> restore(const RestoreOptions& options, Manifest manifest) {
  return Restorer(options, std::move(manifest)).run();
}

}  // namespace assent::undo
