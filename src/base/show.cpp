#include "base/show.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdint>

namespace assent {

namespace {

// One thing on the screen that is never split: a character with its marks, or one escape.
struct Cell {
  std::string text;
  std::size_t width = 0;
};
using Cells = std::vector<Cell>;

// A few marks are how Vietnamese, Hebrew or Devanagari are written; hundreds on one letter paint over other lines.
constexpr int kMostMarks = 3;

constexpr std::string_view kEllipsis = "…";

// The kind of thing a code point is on a screen.
enum class Looks { Visible, Mark, Escaped };

// Nothing to see, though the general category is that of a letter, a mark or a symbol (Unicode's
// Default_Ignorable_Code_Point outside Cf and Cn, and the empty Braille pattern).
bool invisible(std::int32_t c) {
  return c == 0x034F || c == 0x115F || c == 0x1160 || c == 0x17B4 || c == 0x17B5 || (c >= 0x180B && c <= 0x180F) ||
         c == 0x2800 || c == 0x3164 || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFFA0 || c == 0xFFFC ||
         (c >= 0x1D159 && c <= 0x1D17A && c != 0x1D15E) || (c >= 0xE0000 && c <= 0xE0FFF);
}

Looks looks_of(std::int32_t c) {
  if (invisible(c)) return Looks::Escaped;
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CN:  // not assigned (when utf8proc was made): nobody knows what a terminal does with it
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:  // bidirectional overrides and isolates, zero-width joiners, soft hyphen, tags
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:  // every space but U+0020, which is handled before: they all look like it
      return Looks::Escaped;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return Looks::Mark;
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
      return utf8proc_charwidth(c) > 0 ? Looks::Visible : Looks::Escaped;
  }
  return Looks::Escaped;
}

void add_escape(Cells& cells, std::string text) {
  const std::size_t width = text.size();
  cells.push_back({std::move(text), width});
}

void add_cells(Cells& cells, std::string_view bytes) {
  int marks_left = 0;  // how many more the last cell can carry; none after an escape
  for (std::size_t at = 0; at < bytes.size();) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    if (byte < 0x80) {
      ++at;
      marks_left = 0;
      if (byte == '\\') {
        add_escape(cells, "\\\\");
      } else if (byte == '\n') {
        add_escape(cells, "\\n");
      } else if (byte == '\t') {
        add_escape(cells, "\\t");
      } else if (byte == '\r') {
        add_escape(cells, "\\r");
      } else if (byte < 0x20 || byte == 0x7F) {
        add_escape(cells, fmt::format("\\x{:02x}", byte));
      } else {
        cells.push_back({std::string(1, static_cast<char>(byte)), 1});
        marks_left = kMostMarks;
      }
      continue;
    }
    // Strict: overlong forms, surrogates and what lies above U+10FFFF are invalid, and each byte is shown by itself.
    std::int32_t point = -1;
    const auto length =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()) + at,
                         static_cast<utf8proc_ssize_t>(std::min<std::size_t>(bytes.size() - at, 4)), &point);
    if (length <= 0 || point < 0) {
      ++at;
      marks_left = 0;
      add_escape(cells, fmt::format("\\x{:02x}", byte));
      continue;
    }
    const std::string_view character = bytes.substr(at, static_cast<std::size_t>(length));
    at += static_cast<std::size_t>(length);
    switch (looks_of(point)) {
      case Looks::Visible:
        cells.push_back({std::string(character), static_cast<std::size_t>(utf8proc_charwidth(point))});
        marks_left = kMostMarks;
        continue;
      case Looks::Mark:
        if (marks_left > 0) {
          cells.back().text += character;
          cells.back().width += static_cast<std::size_t>(std::max(0, utf8proc_charwidth(point)));
          --marks_left;
          continue;
        }
        break;
      case Looks::Escaped:
        break;
    }
    marks_left = 0;
    add_escape(cells, fmt::format("\\u{{{:x}}}", point));
  }
}

std::string join(const Cells& cells) {
  std::string out;
  for (const Cell& cell : cells) out += cell.text;
  return out;
}

std::string join(const Cells& cells, std::size_t columns) {
  std::size_t width = 0;
  for (const Cell& cell : cells) width += cell.width;
  if (width <= columns) return join(cells);
  if (columns == 0) return {};
  const std::size_t tail_room = (columns - 1) / 2;
  const std::size_t head_room = columns - 1 - tail_room;
  std::string head;
  for (std::size_t i = 0, used = 0; i < cells.size() && used + cells[i].width <= head_room; ++i) {
    head += cells[i].text;
    used += cells[i].width;
  }
  std::size_t from = cells.size();
  for (std::size_t used = 0; from > 0 && used + cells[from - 1].width <= tail_room; --from)
    used += cells[from - 1].width;
  head += kEllipsis;
  for (; from < cells.size(); ++from) head += cells[from].text;
  return head;
}

// Bytes above 0x7f mean nothing to a shell.
bool plain_to_shell(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80 ||
         std::string_view("_@%+=:,./-").find(static_cast<char>(c)) != std::string_view::npos;
}

void add_word(Cells& cells, std::string_view word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain_to_shell)) return add_cells(cells, word);
  add_escape(cells, "'");
  for (std::size_t at = 0;;) {
    const std::size_t quote = word.find('\'', at);
    add_cells(cells, word.substr(at, quote - at));
    if (quote == std::string_view::npos) break;
    add_escape(cells, "'\\''");  // the shell's own way to write a quote; its backslash is not doubled
    at = quote + 1;
  }
  add_escape(cells, "'");
}

}  // namespace

std::string show(std::string_view bytes) {
  Cells cells;
  add_cells(cells, bytes);
  return join(cells);
}

std::string show(std::string_view bytes, std::size_t columns) {
  Cells cells;
  add_cells(cells, bytes);
  return join(cells, columns);
}

std::string show_command(const std::vector<std::string>& argv, std::size_t columns) {
  Cells cells;
  for (const std::string& word : argv) {
    if (!cells.empty()) add_escape(cells, " ");
    add_word(cells, word);
  }
  return columns == 0 ? join(cells) : join(cells, columns);
}

std::size_t columns_of(std::string_view shown) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < shown.size();) {
    std::int32_t point = -1;
    const auto length =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(shown.data()) + at,
                         static_cast<utf8proc_ssize_t>(std::min<std::size_t>(shown.size() - at, 4)), &point);
    at += length > 0 ? static_cast<std::size_t>(length) : 1;
    width += length > 0 && point >= 0 ? static_cast<std::size_t>(std::max(0, utf8proc_charwidth(point))) : 1;
  }
  return width;
}

}  // namespace assent
