#include "resolve/git_index_format.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

namespace assent::resolve {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kLongestIndex = std::size_t{256} << 20;  // so that a place among the names fits into 32 bits
constexpr std::size_t kHeader = 12;
constexpr std::size_t kStatBytes = 40;
constexpr std::uint16_t kExtended = 0x4000;
constexpr std::uint16_t kStage = 0x3000;
constexpr std::uint16_t kNameMask = 0x0fff;
constexpr std::uint16_t kIntentToAdd = 0x2000;  // of the extended flags
constexpr std::size_t kMostNames = 16 << 20;
constexpr std::size_t kLongestName = 1 << 14;  // longer ones cannot be paths

tl::unexpected<Error> malformed(const char* why) {
  return fail(EINVAL, std::string("cannot read git's index: ") + why);
}

std::uint32_t big32(const std::uint8_t* at) {
  std::uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}
std::uint16_t big16(const std::uint8_t* at) { return static_cast<std::uint16_t>(at[0] << 8 | at[1]); }

// Reads entries one after another; every read is checked against the end.
class Parser {
 public:
  Parser(Bytes bytes, std::size_t hash) : bytes_(bytes), hash_(hash) {}

  Result<GitEntries> parse() {
    if (bytes_.size() < kHeader + hash_) return malformed("it is too short");
    if (std::memcmp(bytes_.data(), "DIRC", 4) != 0) return malformed("it does not begin as one");
    version_ = big32(&bytes_[4]);
    if (version_ < 2 || version_ > 4) return malformed("unknown version");
    const std::uint32_t count = big32(&bytes_[8]);
    end_ = bytes_.size() - hash_;
    at_ = kHeader;
    if (count > (end_ - at_) / (kStatBytes + hash_ + 2)) return malformed("more entries than bytes");
    if (end_ > kLongestIndex) return malformed("it is too long");
    out_.entries.reserve(count);
    out_.names.reserve(version_ == 4 ? (end_ - at_) / 2 : end_ - at_ - count * (kStatBytes + hash_ + 2));
    for (std::uint32_t i = 0; i < count; ++i) {
      if (auto read = entry(); !read) return pass(std::move(read));
    }
    if (auto read = extensions(); !read) return pass(std::move(read));
    return std::move(out_);
  }

 private:
  Status entry() {
    const std::size_t start = at_;
    const std::size_t fixed = kStatBytes + hash_ + 2;
    if (end_ - at_ < fixed) return malformed("an entry is cut");
    const std::uint8_t* stat = &bytes_[at_];
    GitEntry entry;
    entry.changed = {big32(stat), big32(stat + 4)};
    entry.modified = {big32(stat + 8), big32(stat + 12)};
    entry.inode = big32(stat + 20);
    entry.mode = big32(stat + 24);
    entry.uid = big32(stat + 28);
    entry.gid = big32(stat + 32);
    entry.size = big32(stat + 36);
    if (hash_ == entry.hash.size()) std::memcpy(entry.hash.data(), stat + kStatBytes, hash_);
    const std::uint16_t flags = big16(stat + kStatBytes + hash_);
    at_ += fixed;
    std::uint16_t more = 0;
    if ((flags & kExtended) != 0) {
      if (version_ == 2) return malformed("extended flags in version 2");
      if (end_ - at_ < 2) return malformed("an entry is cut");
      more = big16(&bytes_[at_]);
      at_ += 2;
    }
    entry.plain = (flags & kStage) == 0 && (more & kIntentToAdd) == 0;
    const unsigned stage = (flags & kStage) >> 12;

    if (auto read = version_ == 4 ? compressed_name(entry) : plain_name(entry, start, flags & kNameMask); !read) {
      return read;
    }
    if (entry.name_length == 0) return malformed("an entry without a name");
    if (!out_.entries.empty()) {
      const int order = out_.name(out_.entries.back()).compare(out_.name(entry));
      if (order > 0 || (order == 0 && stage <= last_stage_)) return malformed("its entries are not in order");
    }
    last_stage_ = stage;
    out_.entries.push_back(entry);
    return {};
  }

  // The name ends in NUL; then up to seven more make the entry a multiple of eight long. The length in the flags is
  // the name's, or all ones where that does not fit.
  Status plain_name(GitEntry& entry, std::size_t start, std::size_t stated) {
    const auto length = until_nul();
    if (!length) return malformed("a name has no end");
    if (stated == kNameMask ? *length < kNameMask : *length != stated) return malformed("a name's length is wrong");
    append(entry, 0, *length);
    const std::size_t whole = ((at_ - start + *length + 8) / 8) * 8;
    if (whole > end_ - start) return malformed("an entry is cut");
    at_ = start + whole;
    return {};
  }

  // Version 4: how many bytes to drop from the end of the name before, then what follows, then NUL; no padding.
  Status compressed_name(GitEntry& entry) {
    std::size_t drop = 0;
    for (bool first = true;; first = false) {
      if (at_ == end_) return malformed("an entry is cut");
      const std::uint8_t byte = bytes_[at_++];
      drop = ((first ? 0 : drop + 1) << 7) | (byte & 0x7f);
      if ((byte & 0x80) == 0) break;
      if (drop > kLongestName) return malformed("a name drops too much");
    }
    const auto length = until_nul();
    if (!length) return malformed("a name has no end");
    const std::size_t before = out_.entries.empty() ? 0 : out_.entries.back().name_length;
    if (drop > before) return malformed("a name drops too much");
    // A few bytes may ask for a long name each: a small file must not ask for much memory.
    if (out_.names.size() + (before - drop) + *length > kMostNames + 8 * bytes_.size()) {
      return malformed("its names are too long");
    }
    append(entry, before - drop, *length);
    at_ += *length + 1;
    return {};
  }

  [[nodiscard]] std::optional<std::size_t> until_nul() const {
    if (at_ == end_) return std::nullopt;
    const std::size_t limit = std::min(end_ - at_, kLongestName);
    const void* nul = std::memchr(&bytes_[at_], 0, limit);
    if (nul == nullptr) return std::nullopt;
    return static_cast<std::size_t>(static_cast<const std::uint8_t*>(nul) - &bytes_[at_]);
  }

  // The first `kept` bytes of the name before and `length` bytes from here.
  void append(GitEntry& entry, std::size_t kept, std::size_t length) {
    entry.name = static_cast<std::uint32_t>(out_.names.size());
    entry.name_length = static_cast<std::uint32_t>(kept + length);
    if (kept != 0) {
      // Grow first: the bytes to copy are in the string itself.
      const std::size_t from = out_.entries.back().name;
      out_.names.resize(out_.names.size() + kept);
      std::memcpy(&out_.names[entry.name], &out_.names[from], kept);
    }
    out_.names.append(reinterpret_cast<const char*>(bytes_.data()) + at_, length);
  }

  // Extensions follow up to the hash. Lower-case ones must be understood: "sdir" says that some entries stand for
  // whole folders (which match no file); "link" keeps the rest of the entries elsewhere and is not read.
  Status extensions() {
    while (at_ != end_) {
      if (end_ - at_ < 8) return malformed("an extension is cut");
      const std::string_view signature(reinterpret_cast<const char*>(&bytes_[at_]), 4);
      const std::size_t size = big32(&bytes_[at_ + 4]);
      const bool optional = signature[0] >= 'A' && signature[0] <= 'Z';
      if (!optional && signature != "sdir") return malformed("it needs an extension that is not read here");
      at_ += 8;
      if (size > end_ - at_) return malformed("an extension is cut");
      at_ += size;
    }
    return {};
  }

  Bytes bytes_;
  std::size_t hash_;
  std::uint32_t version_ = 0;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  unsigned last_stage_ = 0;
  GitEntries out_;
};

}  // namespace

const GitEntry* GitEntries::find(std::string_view wanted) const {
  const auto at = std::ranges::lower_bound(entries, wanted, {}, [this](const GitEntry& entry) { return name(entry); });
  return at != entries.end() && name(*at) == wanted ? &*at : nullptr;
}

// Nothing in the file says whether its hashes are SHA-1 or SHA-256 (the repository's config does, which is not worth
// reading): the wrong length soon meets a name or an order that cannot be.
Result<GitEntries> parse_git_index(Bytes bytes) {
  auto sha1 = Parser(bytes, 20).parse();
  if (sha1) return sha1;
  auto sha256 = Parser(bytes, 32).parse();
  return sha256 ? std::move(sha256) : std::move(sha1);
}

}  // namespace assent::resolve
