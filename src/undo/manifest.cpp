#include "undo/manifest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <unordered_set>

#include "base/sys.h"

namespace assent::undo {

namespace {

constexpr std::array<std::string_view, 17> kKinds{"begin",   "store",   "removed", "folder", "content", "changed",
                                                  "renamed", "swapped", "linked",  "parent", "placed",  "made",
                                                  "already", "failed",  "void",    "end",    "hashed"};
constexpr std::array<std::string_view, 3> kHows{"moved", "cloned", "copied"};
constexpr std::size_t kDigits = 16;  // of the checksum
constexpr char kHex[] = "0123456789abcdef";

// Bytes of a value that must not stand in a line as they are: what separates fields and lines, and control bytes.
void put_bytes(std::string& out, std::string_view bytes) {
  const auto plain = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != '%' && byte != 0x7f;
  };
  if (std::ranges::all_of(bytes, plain)) {
    out.append(bytes);
    return;
  }
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (!plain(c)) {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool get_bytes(std::string_view text, std::string& out) {
  if (text.find('%') == std::string_view::npos) {  // nearly all
    out.assign(text);
    return true;
  }
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return false;
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return false;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

template <class Number>
void put_number(std::string& out, std::string_view key, Number value) {
  char text[24];
  out += ' ';
  out += key;
  out += '=';
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

template <class Number>
bool get_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

void put_field(std::string& out, std::string_view key, std::string_view value) {
  out += ' ';
  out += key;
  out += '=';
  put_bytes(out, value);
}

void put_id(std::string& out, std::string_view key, const FileId& id) {
  char text[64];
  char* const end = text + sizeof text - 2;  // and two colons
  char* at = std::to_chars(text, end, id.device, 16).ptr;
  *at++ = ':';
  at = std::to_chars(at, end, id.inode).ptr;
  *at++ = ':';
  at = std::to_chars(at, end, static_cast<std::uint64_t>(id.birth_ns), 16).ptr;
  out += ' ';
  out += key;
  out += '=';
  out.append(text, at);
}

bool get_id(std::string_view text, FileId& out) {
  const auto first = text.find(':');
  const auto second = first == std::string_view::npos ? first : text.find(':', first + 1);
  if (second == std::string_view::npos) return false;
  std::uint64_t birth = 0;
  const char* begin = text.data();
  const auto device = std::from_chars(begin, begin + first, out.device, 16);
  const auto last = std::from_chars(begin + second + 1, begin + text.size(), birth, 16);
  if (device.ptr != begin + first || last.ptr != begin + text.size()) return false;
  out.birth_ns = static_cast<std::int64_t>(birth);
  return get_number(text.substr(first + 1, second - first - 1), out.inode);
}

std::uint64_t checksum(std::string_view text) {
  static constexpr unsigned char kKey[crypto_shorthash_KEYBYTES] = {};
  std::array<unsigned char, crypto_shorthash_BYTES> hash{};
  ::crypto_shorthash(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size(), kKey);
  std::uint64_t out = 0;
  for (const unsigned char byte : hash) out = (out << 8) | byte;
  return out;
}

template <std::size_t N>
std::optional<std::size_t> place_in(const std::array<std::string_view, N>& words, std::string_view word) {
  const auto at = std::ranges::find(words, word);
  if (at == words.end()) return std::nullopt;
  return static_cast<std::size_t>(at - words.begin());
}

// The length is known to the compiler, so it is one comparison of numbers.
template <std::size_t N>
bool is(std::string_view key, const char (&word)[N]) {
  return key.size() == N - 1 && std::memcmp(key.data(), word, N - 1) == 0;
}

bool set_field(Record& record, std::string_view key, std::string_view value) {
  if (is(key, "order")) return get_number(value, record.order);
  if (is(key, "seq")) return get_number(value, record.sequence);
  if (is(key, "time")) return get_number(value, record.time);
  if (is(key, "path")) return get_bytes(value, record.path);
  if (is(key, "other")) return get_bytes(value, record.other);
  if (is(key, "id")) return get_id(value, record.id);
  if (is(key, "other_id")) return get_id(value, record.other_id);
  if (is(key, "mode")) return get_number(value, record.metadata.mode);
  if (is(key, "uid")) return get_number(value, record.metadata.uid);
  if (is(key, "gid")) return get_number(value, record.metadata.gid);
  if (is(key, "atime")) return get_number(value, record.metadata.atime);
  if (is(key, "mtime")) return get_number(value, record.metadata.mtime);
  if (is(key, "flags")) return get_number(value, record.metadata.flags.emplace());
  if (is(key, "size")) return get_number(value, record.size);
  if (is(key, "links")) return get_number(value, record.links);
  if (is(key, "store")) return get_number(value, record.store);
  if (is(key, "place")) return get_bytes(value, record.place);
  if (is(key, "refers")) return get_number(value, record.refers);
  if (is(key, "hash")) return get_bytes(value, record.hash);
  if (is(key, "until")) return get_number(value, record.until);
  if (is(key, "written")) return record.written = true;
  if (is(key, "how")) {
    const auto how = place_in(kHows, value);
    if (how) record.how = static_cast<How>(*how);
    return how.has_value();
  }
  if (is(key, "xattr")) {
    auto& [attribute, bytes] = record.metadata.xattrs.emplace_back();
    const auto middle = value.find('=');
    return middle != std::string_view::npos && get_bytes(value.substr(0, middle), attribute) &&
           get_bytes(value.substr(middle + 1), bytes);
  }
  return true;  // a later version's, which an older reader may leave alone
}

}  // namespace

bool is_act(Kind kind) {
  switch (kind) {
    case Kind::Begin:
    case Kind::Store:
    case Kind::Parent:
    case Kind::Void:
    case Kind::End:
    case Kind::Hashed:
      return false;
    case Kind::Removed:
    case Kind::Folder:
    case Kind::Content:
    case Kind::Changed:
    case Kind::Renamed:
    case Kind::Swapped:
    case Kind::Linked:
    case Kind::Placed:
    case Kind::Made:
    case Kind::Already:
    case Kind::Failed:
      return true;
  }
  return false;
}

std::string_view name(Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

bool start_checksums() { return ::sodium_init() >= 0; }

namespace {

void encode_onto(std::string& out, const Record& record) {
  const std::size_t begin = out.size();
  out.append(kDigits, '0');
  out += ' ';
  out += name(record.kind);
  put_number(out, "order", record.order);
  if (record.kind == Kind::Begin) put_number(out, "format", kFormat);
  if (record.sequence != 0) put_number(out, "seq", record.sequence);
  put_number(out, "time", record.time);
  if (!record.path.empty()) put_field(out, "path", record.path);
  if (!record.other.empty()) put_field(out, "other", record.other);
  if (!(record.id == FileId{})) put_id(out, "id", record.id);
  if (!(record.other_id == FileId{})) put_id(out, "other_id", record.other_id);
  if (record.metadata.mode != 0) {
    const Metadata& metadata = record.metadata;
    put_number(out, "mode", metadata.mode);
    put_number(out, "uid", metadata.uid);
    put_number(out, "gid", metadata.gid);
    put_number(out, "atime", metadata.atime);
    put_number(out, "mtime", metadata.mtime);
    if (metadata.flags) put_number(out, "flags", *metadata.flags);
    for (const auto& [attribute, value] : metadata.xattrs) {
      out += " xattr=";
      put_bytes(out, attribute);
      out += '=';
      put_bytes(out, value);
    }
  }
  if (record.size != 0) put_number(out, "size", record.size);
  if (record.links != 1) put_number(out, "links", record.links);
  if (!record.place.empty() || record.kind == Kind::Store) {
    put_number(out, "store", record.store);
    put_field(out, "place", record.place);
    put_field(out, "how", kHows[static_cast<std::size_t>(record.how)]);
  }
  if (record.written) out += " written=1";
  if (record.refers != 0) put_number(out, "refers", record.refers);
  if (!record.hash.empty()) put_field(out, "hash", record.hash);
  if (record.until != 0) put_number(out, "until", record.until);
  std::uint64_t sum = checksum(std::string_view(out).substr(begin + kDigits));
  for (std::size_t digit = kDigits; digit-- > 0; sum >>= 4) out[begin + digit] = kHex[sum & 15];
  out += '\n';
}

bool decode_into(std::string_view line, Record& record) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.size() < kDigits + 2) return false;
  std::uint64_t said = 0;
  for (const char c : line.substr(0, kDigits)) {
    const int digit = hex_digit(c);
    if (digit < 0) return false;
    said = (said << 4) | static_cast<std::uint64_t>(digit);
  }
  if (said != checksum(line.substr(kDigits))) return false;
  line.remove_prefix(kDigits + 1);
  const auto kind = place_in(kKinds, line.substr(0, line.find(' ')));
  if (!kind) return false;
  record.kind = static_cast<Kind>(*kind);
  for (auto space = line.find(' '); space != std::string_view::npos;) {
    line.remove_prefix(space + 1);
    space = line.find(' ');
    const std::string_view field = line.substr(0, space);
    const auto equals = field.find('=');
    if (equals == std::string_view::npos) return false;
    int format = 0;
    if (field.substr(0, equals) == "format" && (!get_number(field.substr(equals + 1), format) || format > kFormat))
      return false;
    if (!set_field(record, field.substr(0, equals), field.substr(equals + 1))) return false;
  }
  return true;
}

}  // namespace

std::string encode(const Record& record) {
  std::string out;
  out.reserve(320 + record.path.size() * 2);
  encode_onto(out, record);
  return out;
}

std::optional<Record> decode(std::string_view line) {
  std::optional<Record> out(std::in_place);
  if (!decode_into(line, *out)) out.reset();
  return out;
}

namespace {

// Calls `each` for every line; the last one without a newline is `torn`.
template <class Each>
Status each_line(int fd, Each&& each) {
  std::string buffer;
  std::array<char, 1 << 16> piece;
  for (;;) {
    const ssize_t n = ::read(fd, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys::last_error("cannot read the vault's manifest");
    buffer.append(piece.data(), static_cast<std::size_t>(n));
    std::size_t at = 0;
    for (auto end = buffer.find('\n'); end != std::string::npos; end = buffer.find('\n', at)) {
      each(std::string_view(buffer).substr(at, end - at));
      at = end + 1;
    }
    buffer.erase(0, at);
    if (n == 0) {
      if (!buffer.empty()) each(std::string_view(buffer));
      return {};
    }
  }
}

}  // namespace

Result<ManifestWriter> ManifestWriter::open(int folder, const char* name) {
  if (!start_checksums()) return fail(EIO, "cannot start libsodium");
  auto fd = sys::openat(folder, name, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
  if (!fd) return fail(fd.error().code, "cannot open the vault's manifest: " + fd.error().what);
  ManifestWriter out(std::move(*fd));
  char last = '\n';
  auto read = each_line(out.fd_.get(), [&](std::string_view line) {
    if (const auto record = decode(line)) out.next_ = std::max(out.next_, record->order + 1);
  });
  if (!read) return pass(std::move(read));
  auto stat = sys::statx(out.fd_.get(), "");
  if (!stat) return pass(std::move(stat));
  out.size_ = stat->stx_size;
  // A torn last line stays what it is; the next one begins on its own.
  if (out.size_ > 0 && ::pread(out.fd_.get(), &last, 1, static_cast<off_t>(out.size_ - 1)) == 1 && last != '\n') {
    if (auto status = sys::write_all(out.fd_.get(), "\n"); !status) return pass(std::move(status));
    ++out.size_;
  }
  return out;
}

Result<std::uint64_t> ManifestWriter::append(Record& record) {
  if (auto status = append_all(std::span(&record, 1)); !status) return pass(std::move(status));
  return record.order;
}

Status ManifestWriter::append_all(std::span<Record> records) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  lines_.clear();
  std::uint64_t order = next_;
  for (Record& record : records) {
    record.order = order++;
    record.time = now.tv_sec * 1'000'000'000 + now.tv_nsec;
    encode_onto(lines_, record);
  }
  const ssize_t written = ::write(fd_.get(), lines_.data(), lines_.size());
  if (written == static_cast<ssize_t>(lines_.size())) {
    size_ += lines_.size();
    next_ = order;
    return {};
  }
  const int code = written < 0 ? errno : ENOSPC;
  // Half a line would make the next one unreadable too.
  if (written > 0 && ::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0)
    return sys::last_error("cannot mend the vault's manifest");
  return fail(code, fmt::format("cannot write the vault's manifest: {} ({})", ::strerrordesc_np(code),
                                ::strerrorname_np(code)));
}

Status ManifestWriter::sync() {
  if (::fdatasync(fd_.get()) != 0) return sys::last_error("cannot bring the vault's manifest to the disk");
  return {};
}

Result<Manifest> read_manifest(int folder, const char* name) {
  if (!start_checksums()) return fail(EIO, "cannot start libsodium");
  auto fd = sys::openat(folder, name, O_RDONLY | O_NOFOLLOW);
  if (!fd) return fail(fd.error().code, "cannot open the vault's manifest: " + fd.error().what);
  Manifest out;
  constexpr std::uint64_t kShortLine = 256;
  if (auto stat = sys::statx(fd->get(), "")) out.records.reserve(stat->stx_size / kShortLine);
  std::unordered_set<std::uint64_t> never;
  auto status = each_line(fd->get(), [&](std::string_view line) {
    if (line.empty()) return;
    Record& record = out.records.emplace_back();
    const bool good = decode_into(line, record);
    if (good && record.kind != Kind::Void) return;
    if (good) never.insert(record.refers);
    if (!good) ++out.damaged;
    out.records.pop_back();
  });
  if (!status) return pass(std::move(status));
  if (!never.empty()) std::erase_if(out.records, [&](const Record& each) { return never.contains(each.order); });
  return out;
}

}  // namespace assent::undo
