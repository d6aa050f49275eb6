#include "record/unfinished.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "base/sys.h"
#include "record/pending.h"
#include "record/session_dir.h"

namespace assent::record {

namespace {

constexpr std::string_view kWhole = ".whole";

std::string name_in(const std::string& state, std::string_view name) {
  return state + "/unfinished/" + std::string(name);
}

Status make_name(const std::string& state, std::string_view name) {
  auto made = sys::openat(AT_FDCWD, name_in(state, name).c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
  if (!made) return pass(std::move(made));
  return {};
}

}  // namespace

Status enter_unfinished(const std::string& state, const std::string& session, int directory) {
  // A second name for the file that is there anyway costs no inode.
  if (::linkat(directory, kLogName, AT_FDCWD, name_in(state, session).c_str(), 0) == 0) return {};
  if (errno == ENOENT) return {};  // no such folder: whoever makes it will look into this session too
  return make_name(state, session);
}

void leave_unfinished(const std::string& state, const std::string& session) {
  (void)::unlink(name_in(state, session).c_str());
}

Result<Unfinished> list_unfinished(const std::string& state) {
  Unfinished out;
  if (const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(name_in(state, "").c_str()), &::closedir); folder) {
    errno = 0;
    while (const dirent* entry = ::readdir(folder.get())) {
      if (entry->d_name == kWhole) out.whole = true;
      if (is_session_id(entry->d_name)) out.sessions.emplace_back(entry->d_name);
    }
    if (errno != 0) return sys::last_error("readdir");
    std::sort(out.sessions.begin(), out.sessions.end());
  } else if (errno == ENOENT) {
    // Before the look into all: a session that begins after it finds the folder, one that began earlier is looked at.
    (void)::mkdir(name_in(state, "").c_str(), 0700);
  } else {
    return sys::last_error("opendir");
  }
  if (out.whole) return out;
  auto all = list_sessions(state);
  if (!all) return pass(std::move(all));
  out.sessions = std::move(*all);
  return out;
}

void complete_unfinished(const std::string& state, const std::vector<std::string>& left) {
  for (const auto& session : left) {
    if (!make_name(state, session)) return;
  }
  (void)make_name(state, kWhole).has_value();
}

}  // namespace assent::record
