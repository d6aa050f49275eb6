#include "record/pending.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>

#include "base/sys.h"

namespace assent::record {

namespace {

void store(std::uint64_t& place, std::uint64_t value) {
  std::atomic_ref<std::uint64_t>(place).store(value, std::memory_order_release);
}

Status pread_all(int fd, void* to, std::size_t size, std::size_t offset) {
  auto* at = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t n = ::pread(fd, at, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys::last_error("pread");
    if (n == 0) return fail(EBADMSG, "cannot read audit.pending: it is cut");
    at += n;
    offset += static_cast<std::size_t>(n);
    size -= static_cast<std::size_t>(n);
  }
  return {};
}

Result<PendingHeader> read_header(int fd) {
  PendingHeader header;
  if (auto status = pread_all(fd, &header, sizeof header, 0); !status) return pass(std::move(status));
  if (header.magic != kPendingMagic || header.version != 1) {
    return fail(EBADMSG, "cannot read audit.pending: not a file of this version");
  }
  return header;
}

// A file that has left its session's folder may be another session's by now, and what was read in it that one's.
Status still_there(int directory) {
  if (::faccessat(directory, kPendingName, F_OK, AT_SYMLINK_NOFOLLOW) == 0) return {};
  return sys::last_error("faccessat");
}

// Nobody else can have it: the rename takes it from all others.
UniqueFd take_spare(int directory, const std::string& spare) {
  if (::renameat(AT_FDCWD, spare.c_str(), directory, kPendingName) != 0) return {};
  UniqueFd fd(::openat(directory, kPendingName, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat stat {};
  const bool good = fd && ::fstat(fd.get(), &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_uid == ::geteuid() &&
                    (stat.st_mode & 07777) == 0600 && stat.st_nlink == 1 &&
                    stat.st_size == static_cast<off_t>(kPendingSize) &&
                    stat.st_blocks * 512 >= static_cast<blkcnt_t>(kPendingSize);
  if (good) return fd;
  (void)::unlinkat(directory, kPendingName, 0);
  return {};
}

Result<UniqueFd> make_new(int directory) {
  auto fd = sys::openat(directory, kPendingName, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!fd) return pass(std::move(fd));
  // btrfs writes a changed block to a new place, which can fail later as SIGBUS; in-place writes cannot.
  unsigned flags = 0;
  if (::ioctl(fd->get(), FS_IOC_GETFLAGS, &flags) == 0) {
    flags |= FS_NOCOW_FL;
    (void)::ioctl(fd->get(), FS_IOC_SETFLAGS, &flags);
  }
  if (const int code = ::posix_fallocate(fd->get(), 0, kPendingSize); code != 0) {
    errno = code;
    return sys::last_error("posix_fallocate");
  }
  return fd;
}

}  // namespace

Result<PendingFile> PendingFile::create(int directory, std::string_view session, const std::string& spare) {
  Result<UniqueFd> fd = take_spare(directory, spare);
  if (!*fd) fd = make_new(directory);
  if (!fd) return pass(std::move(fd));
  void* map = ::mmap(nullptr, kPendingSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0);
  if (map == MAP_FAILED) return sys::last_error("mmap");
  ::madvise(map, kPendingSize, MADV_RANDOM);  // the first fault would read the whole (empty) file ahead
  PendingFile file(std::move(*fd), static_cast<char*>(map));
  // Killed in here: without its magic word it holds nothing.
  file.header().magic = {};
  std::atomic_signal_fence(std::memory_order_seq_cst);
  file.header() = PendingHeader{};
  session.copy(file.header().session.data(), file.header().session.size() - 1);
  file.header().version = 1;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  file.header().magic = kPendingMagic;
  return file;
}

Status PendingFile::remove(int directory, const std::string& spare) {
  if (::renameat2(directory, kPendingName, AT_FDCWD, spare.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (::unlinkat(directory, kPendingName, 0) != 0) return sys::last_error("unlinkat");
  return {};
}

PendingFile::PendingFile(PendingFile&& other) noexcept
    : fd_(std::move(other.fd_)),
      map_(std::exchange(other.map_, nullptr)),
      committed_(other.committed_),
      generation_(other.generation_) {}

PendingFile::~PendingFile() {
  if (map_ != nullptr) ::munmap(map_, kPendingSize);
}

void PendingFile::publish(std::size_t open) {
  store(header().slot[generation_ % 2].filled, static_cast<std::uint64_t>(committed_) << 32 | open);
}

void PendingFile::open(std::size_t size, std::size_t staged_size) {
  store(header().staged, staged_size);
  publish(size);
}

void PendingFile::commit(std::size_t size) {
  committed_ += size;
  publish(0);
}

void PendingFile::restart(std::uint64_t base) {
  auto& next = header().slot[(generation_ + 1) % 2];
  store(next.base, base);
  store(next.filled, 0);
  store(header().generation, ++generation_);
  // A reader that copies lines which are written from here on must see the new generation.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  committed_ = 0;
}

void PendingFile::set_counts(const Counts& counts) {
  store(header().counts.allowed, counts.allowed);
  store(header().counts.denied, counts.denied);
  store(header().counts.asked, counts.asked);
}

Result<PendingCopy> read_pending(int directory) {
  auto fd = sys::openat(directory, kPendingName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) return pass(std::move(fd));
  // The writer may start from the front while we copy; then the generation has changed and we copy again. A writer
  // flushes every few milliseconds at most, so a few tries do.
  for (int attempt = 0; attempt < 1000; ++attempt) {
    auto before = read_header(fd->get());
    if (auto still = still_there(directory); !before && !still) return pass(std::move(still));
    if (!before) return pass(std::move(before));
    const auto& slot = before->slot[before->generation % 2];
    const std::uint64_t committed = slot.filled >> 32;
    const std::uint64_t open = slot.filled & 0xFFFFFFFFU;
    const std::uint64_t staged = open > 0 ? before->staged : 0;
    if (committed + open > kDataCapacity || staged > kStagedCapacity) {
      return fail(EBADMSG, "cannot read audit.pending: it is damaged");
    }
    PendingCopy copy;
    copy.base = slot.base;
    copy.counts = before->counts;
    copy.session.assign(before->session.data(), ::strnlen(before->session.data(), before->session.size()));
    copy.lines.resize(committed);
    copy.open.resize(open);
    copy.staged.resize(staged);
    Status status = pread_all(fd->get(), copy.lines.data(), committed, kDataOffset);
    if (status) status = pread_all(fd->get(), copy.open.data(), open, kDataOffset + committed);
    if (status) status = pread_all(fd->get(), copy.staged.data(), staged, kStagedOffset);
    if (!status) return pass(std::move(status));
    auto after = read_header(fd->get());
    if (!after) return pass(std::move(after));
    if (after->generation != before->generation) continue;
    if (auto still = still_there(directory); !still) return pass(std::move(still));
    return copy;
  }
  return fail(EAGAIN, "cannot read audit.pending: it changes too fast");
}

Result<Counts> read_counts(int directory) {
  auto fd = sys::openat(directory, kPendingName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) return pass(std::move(fd));
  auto header = read_header(fd->get());
  if (!header) return pass(std::move(header));
  if (auto still = still_there(directory); !still) return pass(std::move(still));
  return header->counts;
}

}  // namespace assent::record
