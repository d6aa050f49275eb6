#include "resolve/git_index.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/sys.h"
#include "resolve/git_index_format.h"

namespace assent::resolve {
namespace {

constexpr std::uint64_t kLongestIndex = std::uint64_t{256} << 20;
constexpr std::uint64_t kLongestHashed = 256 << 10;  // a millisecond or two, and no call may take long
constexpr std::size_t kLongestPointer = 8192;        // "gitdir: " and a path
constexpr std::uint32_t kRegular = 0100000;
constexpr std::uint32_t kSymlink = 0120000;
constexpr std::uint32_t kTypeMask = 0170000;

GitTime time_of(const struct statx_timestamp& time) {
  return GitTime{static_cast<std::uint32_t>(time.tv_sec), time.tv_nsec};
}

// A short regular file. O_NONBLOCK: what lies there may be a FIFO.
Result<std::string> pointing_file(int project) {
  auto file = sys::openat(project, ".git", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!file) return pass(std::move(file));
  auto stat = sys::statx(file->get(), "");
  if (!stat) return pass(std::move(stat));
  if (!S_ISREG(stat->stx_mode)) return fail(ENOENT, "cannot use .git: it is neither a folder nor a file");
  std::string text(kLongestPointer, '\0');
  const ssize_t got = ::pread(file->get(), text.data(), text.size(), 0);
  if (got < 0) return sys::last_error("pread");
  text.resize(static_cast<std::size_t>(got));
  return text;
}

// The folder that holds the index. Links in the last place are not followed: git makes none there.
Result<UniqueFd> git_folder(int project) {
  auto dot_git = sys::openat(project, ".git", O_PATH | O_NOFOLLOW);
  if (!dot_git) return dot_git;
  auto stat = sys::statx(dot_git->get(), "");
  if (!stat) return pass(std::move(stat));
  if (S_ISDIR(stat->stx_mode)) return dot_git;

  auto text = pointing_file(project);
  if (!text) return pass(std::move(text));
  constexpr std::string_view kWord = "gitdir: ";
  if (!text->starts_with(kWord)) return fail(ENOENT, "cannot use .git: it does not name a folder");
  std::string place = text->substr(kWord.size());
  while (!place.empty() && (place.back() == '\n' || place.back() == '\r')) place.pop_back();
  return sys::openat(project, place.c_str(), O_PATH | O_DIRECTORY);
}

Result<std::vector<std::uint8_t>> read_all(int fd, std::uint64_t size) {
  if (size > kLongestIndex) return fail(EFBIG, "cannot read git's index: it is too long");
  std::vector<std::uint8_t> bytes(size);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return sys::last_error("pread");
    if (got == 0) return fail(EINVAL, "cannot read git's index: it became shorter");
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

// Whether the file there is the one of `stat`, and its bytes those of the entry. Nothing waits: neither for a FIFO nor
// for the end of a lease.
bool has_content(const GitEntry& entry, const struct statx& stat, int folder, const char* name) {
  if (entry.hash == GitHash{} || stat.stx_size > kLongestHashed) return false;
  auto file = sys::open_regular(folder, name, RESOLVE_NO_SYMLINKS);
  if (!file) return false;
  std::string bytes(stat.stx_size + 1, '\0');  // one more: it may have grown
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::pread(file->get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (got < 0) return false;
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  auto now = sys::statx(file->get(), "");
  if (!now || sys::id_of(*now) != sys::id_of(stat) || time_of(now->stx_ctime) != time_of(stat.stx_ctime)) return false;
  return done == stat.stx_size && git_blob_hash(std::string_view(bytes).substr(0, done)) == entry.hash;
}

}  // namespace

struct GitIndex::State {
  UniqueFd file;
  struct statx pinned {};
  std::once_flag once;
  GitEntries entries;
  std::optional<Error> error;

  Status load() {
    // Written in place since it was pinned: what it says now is not what was there when the session began.
    auto now = sys::statx(file.get(), "");
    if (!now) return pass(std::move(now));
    const bool same = now->stx_size == pinned.stx_size && time_of(now->stx_mtime) == time_of(pinned.stx_mtime);
    if (!same) return fail(EINVAL, "cannot use git's index: it was written in place since the session began");
    auto bytes = read_all(file.get(), now->stx_size);
    if (!bytes) return pass(std::move(bytes));
    auto parsed = parse_git_index(*bytes);
    if (!parsed) return pass(std::move(parsed));
    entries = std::move(*parsed);
    return {};
  }
};

GitIndex::GitIndex() = default;
GitIndex::GitIndex(GitIndex&&) noexcept = default;
GitIndex& GitIndex::operator=(GitIndex&&) noexcept = default;
GitIndex::~GitIndex() = default;

Result<GitIndex> GitIndex::pin(int project) {
  auto folder = git_folder(project);
  if (!folder) return pass(std::move(folder));
  auto file = sys::openat(folder->get(), "index", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!file) return pass(std::move(file));
  auto stat = sys::statx(file->get(), "");
  if (!stat) return pass(std::move(stat));
  if (!S_ISREG(stat->stx_mode)) return fail(EINVAL, "cannot use git's index: it is not a regular file");
  GitIndex out;
  out.state_ = std::make_unique<State>();
  out.state_->file = std::move(*file);
  out.state_->pinned = *stat;
  return out;
}

Status GitIndex::load_now() const {
  if (!state_) return {};
  std::call_once(state_->once, [this] {
    if (auto loaded = state_->load(); !loaded) state_->error = std::move(loaded).error();
    state_->file.reset();
  });
  if (state_->error) return tl::unexpected<Error>(*state_->error);
  return {};
}

bool GitIndex::tracks(std::string_view path) const {
  return load_now() && state_ && state_->entries.find(path) != nullptr;
}

std::size_t GitIndex::entries() const { return load_now() && state_ ? state_->entries.entries.size() : 0; }

bool GitIndex::holds_unmodified(std::string_view path, const struct statx& stat, Place place) const {
  if (!load_now() || !state_ || (stat.stx_mask & STATX_BASIC_STATS) != STATX_BASIC_STATS) return false;
  const GitEntry* entry = state_->entries.find(path);
  if (entry == nullptr || !entry->plain) return false;
  const std::uint32_t type = entry->mode & kTypeMask;
  if ((type != kRegular && type != kSymlink) || (stat.stx_mode & kTypeMask) != type) return false;
  if (type == kRegular && ((entry->mode ^ stat.stx_mode) & 0100) != 0) return false;
  const bool same = entry->size == static_cast<std::uint32_t>(stat.stx_size) &&
                    entry->inode == static_cast<std::uint32_t>(stat.stx_ino) && entry->uid == stat.stx_uid &&
                    entry->gid == stat.stx_gid && entry->changed == time_of(stat.stx_ctime) &&
                    entry->modified == time_of(stat.stx_mtime);
  if (!same || entry->modified < time_of(state_->pinned.stx_mtime)) return same;
  return type == kRegular && place.name != nullptr && has_content(*entry, stat, place.folder, place.name);
}

}  // namespace assent::resolve
