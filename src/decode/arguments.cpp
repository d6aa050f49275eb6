#include "decode/arguments.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace assent::decode {

tl::unexpected<Error> invalid(const char* what) { return fail(EINVAL, what); }

Result<std::string> Arguments::name(int i) const {
  auto text = memory_.read_string(raw(i));
  if (text && text->empty()) return fail(ENOENT, "cannot use the name: it is empty");
  return text;
}

Result<PathArg> Arguments::path(int i) const {
  auto text = name(i);
  if (!text) return pass(std::move(text));
  return PathArg{AT_FDCWD, std::move(*text)};
}

Result<PathArg> Arguments::path_at(int dirfd, int i) const {
  auto text = name(i);
  if (!text) return pass(std::move(text));
  return PathArg{s32(dirfd), std::move(*text)};
}

Result<PathArg> Arguments::path_at(int dirfd, int i, std::uint32_t flags, NullPath null) const {
  if ((flags & AT_EMPTY_PATH) == 0) return path_at(dirfd, i);
  if (raw(i) == 0 && null == NullPath::Empty) return PathArg{s32(dirfd), {}};
  auto text = memory_.read_string(raw(i));
  if (!text) return pass(std::move(text));
  return PathArg{s32(dirfd), std::move(*text)};
}

Result<PathArg> Arguments::descriptor(int i) const {
  if (s32(i) < 0) return fail(EBADF, "cannot use the descriptor: its number is negative");
  return PathArg{s32(i), {}, Descriptor::Opened};
}

Status copy_struct(const RemoteMemory& memory, std::uint64_t address, std::uint64_t size, std::span<std::byte> known) {
  std::array<std::byte, kMaxStruct> all{};
  if (size > all.size()) return fail(E2BIG, "cannot copy the struct: it is too long");
  if (auto copied = memory.read(address, std::span(all).first(size)); !copied) return copied;
  const std::size_t kept = std::min<std::size_t>(size, known.size());
  const auto rest = std::span(all).first(size).subspan(kept);
  if (std::ranges::any_of(rest, [](std::byte b) { return b != std::byte{0}; })) {
    return fail(E2BIG, "cannot copy the struct: it says more than is known here");
  }
  std::ranges::copy(std::span(all).first(known.size()), known.begin());
  return {};
}

}  // namespace assent::decode
