#include "base/remote_memory.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/sys.h"

namespace assent {
namespace {

// Every kernel page size is a multiple of this one, so a piece that stays inside it stays inside one page.
constexpr std::uint64_t kPage = 4096;
// Most paths are shorter; a longer first read costs little, a second call costs microseconds.
constexpr std::size_t kFirstRead = 256;
constexpr std::size_t kPieces = 32;

tl::unexpected<Error> unreadable() { return fail(EFAULT, "cannot read the caller's memory: no such address"); }

}  // namespace

// process_vm_readv(2): a partial transfer ends at the border of a remote piece, never inside one. So each piece ends
// with its page, and a page that is not there costs only itself.
Result<std::size_t> RemoteMemory::read_some(std::uint64_t address, std::span<std::byte> out) const {
  if (address > std::numeric_limits<std::uint64_t>::max() - out.size()) return unreadable();
  if (reader_) return reader_(address, out);

  std::size_t done = 0;
  while (done < out.size()) {
    std::array<iovec, kPieces> pieces;
    std::size_t count = 0;
    std::size_t asked = 0;
    while (count < kPieces && done + asked < out.size()) {
      const std::uint64_t at = address + done + asked;
      const std::size_t length = std::min<std::size_t>(out.size() - done - asked, kPage - at % kPage);
      pieces[count++] = iovec{reinterpret_cast<void*>(at), length};
      asked += length;
    }
    const iovec local{out.data() + done, asked};
    const ssize_t got = ::process_vm_readv(tid_, &local, 1, pieces.data(), count, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EFAULT) return done;
    if (got < 0) return sys::last_error("process_vm_readv");
    done += static_cast<std::size_t>(got);
    if (static_cast<std::size_t>(got) < asked) return done;
  }
  return done;
}

Status RemoteMemory::read(std::uint64_t address, std::span<std::byte> out) const {
  const auto got = read_some(address, out);
  if (!got) return tl::unexpected<Error>(got.error());
  if (*got != out.size()) return unreadable();
  return {};
}

Result<std::string> RemoteMemory::read_string(std::uint64_t address, std::size_t limit) const {
  std::array<std::byte, kFirstRead> first;
  std::size_t asked = std::min(limit, first.size());
  auto got = read_some(address, std::span(first).first(asked));
  if (!got) return pass(std::move(got));
  const char* text = reinterpret_cast<const char*>(first.data());
  if (const void* end = std::memchr(text, '\0', *got)) return std::string(text, static_cast<const char*>(end));
  if (*got < asked) return unreadable();

  // A long one: the bytes that are there already stay, only the following ones are read, in growing steps.
  std::string out(text, *got);
  while (out.size() < limit) {
    const std::size_t old = out.size();
    asked = std::min(limit - old, std::max<std::size_t>(old, PATH_MAX - kFirstRead));
    out.resize(old + asked);
    got = read_some(address + old, std::as_writable_bytes(std::span(out.data() + old, asked)));
    if (!got) return pass(std::move(got));
    if (const void* end = std::memchr(out.data() + old, '\0', *got)) {
      out.resize(static_cast<std::size_t>(static_cast<const char*>(end) - out.data()));
      return out;
    }
    if (*got < asked) return unreadable();
  }
  return fail(ENAMETOOLONG, "cannot read the caller's string: it is too long");
}

}  // namespace assent
