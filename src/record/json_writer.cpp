#include "record/json_writer.h"

#include <array>

namespace assent::record {

namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
constexpr std::uint64_t kHighs = 0x8080808080808080ULL;

constexpr std::uint64_t zero_bytes(std::uint64_t x) { return (x - kOnes) & ~x & kHighs; }

// Whether any of eight bytes is a control byte, a quote, a backslash, DEL or not ASCII. May say yes too often.
constexpr bool needs_care(std::uint64_t x) {
  return ((x & kHighs) | ((x - kOnes * 0x20) & ~x & kHighs) | zero_bytes(x ^ (kOnes * '"')) |
          zero_bytes(x ^ (kOnes * '\\')) | zero_bytes(x ^ (kOnes * 0x7f))) != 0;
}

struct Utf8 {
  std::uint32_t code_point = 0;
  unsigned length = 0;  // 0: not valid
};

// Strict: no overlong forms, no surrogates, nothing above U+10FFFF.
Utf8 decode(std::string_view rest) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
  const unsigned char lead = byte(0);
  unsigned length = 0;
  std::uint32_t least = 0;
  std::uint32_t code_point = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2, least = 0x80, code_point = lead & 0x1FU;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3, least = 0x800, code_point = lead & 0x0FU;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4, least = 0x10000, code_point = lead & 0x07U;
  } else {
    return {};
  }
  if (rest.size() < length) return {};
  for (unsigned i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code_point = (code_point << 6) | (byte(i) & 0x3FU);
  }
  if (code_point < least || code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) return {};
  return {code_point, length};
}

// C1 controls, bidirectional marks and overrides, zero-width and other invisible format characters, tags.
bool harmful(std::uint32_t c) {
  return (c >= 0x7F && c <= 0x9F) || c == 0xAD || c == 0x61C || c == 0x180E || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
         (c >= 0xE0000 && c <= 0xE0FFF);
}

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

void JsonWriter::bytes(std::string_view name, std::string_view value) {
  key(name);
  if (quoted(value) == Encoding::Exact) return;
  raw(",\"");
  raw(name);
  raw("_b64\":");
  base64(value);
}

void JsonWriter::bytes_array(std::string_view name, std::span<const std::string> values) {
  Encoding all = Encoding::Exact;
  open_array(name);
  for (const auto& value : values) {
    if (comma_) put(',');
    if (quoted(value) == Encoding::Lossy) all = Encoding::Lossy;
    comma_ = true;
  }
  close(']');
  if (all == Encoding::Exact) return;
  raw(",\"");
  raw(name);
  raw("_b64\":");
  open('[');
  for (const auto& value : values) {
    if (comma_) put(',');
    base64(value);
    comma_ = true;
  }
  close(']');
}

JsonWriter::Encoding JsonWriter::quoted(std::string_view value) {
  Encoding encoding = Encoding::Exact;
  put('"');
  while (!value.empty()) {
    while (value.size() >= 8 && end_ - at_ >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, value.data(), 8);
      if (needs_care(word)) break;
      std::memcpy(at_, &word, 8);
      at_ += 8;
      value.remove_prefix(8);
    }
    if (value.empty()) break;
    const auto c = static_cast<unsigned char>(value[0]);
    if (c == '"' || c == '\\') {
      put('\\');
      put(static_cast<char>(c));
    } else if (c < 0x20 || c == 0x7F) {
      escape(c);
    } else if (c < 0x80) {
      put(static_cast<char>(c));
    } else {
      const auto symbol = decode(value);
      if (symbol.length == 0) {
        encoding = Encoding::Lossy;
        escape(0xFFFD);
      } else {
        harmful(symbol.code_point) ? escape(symbol.code_point) : raw(value.substr(0, symbol.length));
        value.remove_prefix(symbol.length - 1);
      }
    }
    value.remove_prefix(1);
    if (overflowed_) return encoding;
  }
  put('"');
  return encoding;
}

void JsonWriter::escape(std::uint32_t code_point) {
  if (code_point > 0xFFFF) {
    code_point -= 0x10000;
    escape(0xD800 + (code_point >> 10));
    code_point = 0xDC00 + (code_point & 0x3FF);
  }
  const std::array<char, 6> text{'\\',
                                 'u',
                                 kHex[code_point >> 12 & 15],
                                 kHex[code_point >> 8 & 15],
                                 kHex[code_point >> 4 & 15],
                                 kHex[code_point & 15]};
  raw({text.data(), text.size()});
}

void JsonWriter::base64(std::string_view value) {
  put('"');
  for (std::size_t i = 0; i < value.size(); i += 3) {
    const auto at = [&](std::size_t k) {
      return k < value.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(value[k])) : 0U;
    };
    const std::uint32_t bits = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    const std::array<char, 4> text{kBase64[bits >> 18 & 63], kBase64[bits >> 12 & 63],
                                   i + 1 < value.size() ? kBase64[bits >> 6 & 63] : '=',
                                   i + 2 < value.size() ? kBase64[bits & 63] : '='};
    raw({text.data(), text.size()});
    if (overflowed_) return;
  }
  put('"');
}

}  // namespace assent::record
