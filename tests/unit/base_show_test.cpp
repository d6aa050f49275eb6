#include "base/show.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <random>
#include <string>

namespace assent {
namespace {

using namespace std::string_literals;

// What may never come out, whatever went in: anything a terminal acts on or that cannot be seen.
void expect_harmless(const std::string& shown) {
  for (std::size_t at = 0; at < shown.size();) {
    utf8proc_int32_t point = -1;
    const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(shown.data()) + at,
                                         static_cast<utf8proc_ssize_t>(shown.size() - at), &point);
    ASSERT_GT(length, 0) << "not valid UTF-8 at " << at;
    ASSERT_GE(point, 0x20);
    ASSERT_FALSE(point >= 0x7F && point <= 0x9F);
    ASSERT_FALSE((point >= 0x200B && point <= 0x200F) || (point >= 0x2028 && point <= 0x202E) ||
                 (point >= 0x2060 && point <= 0x206F) || point == 0xFEFF || point == 0x61C)
        << std::hex << point;
    at += static_cast<std::size_t>(length);
  }
}

// Reads the escapes back: the proof that two different names never look the same by escaping.
std::string told_back(const std::string& shown) {
  std::string out;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (shown[i] != '\\') {
      out += shown[i];
      continue;
    }
    const char kind = shown.at(++i);
    if (kind == '\\') {
      out += '\\';
    } else if (kind == 'n') {
      out += '\n';
    } else if (kind == 't') {
      out += '\t';
    } else if (kind == 'r') {
      out += '\r';
    } else if (kind == 'x') {
      out += static_cast<char>(std::stoi(shown.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else if (kind == 'u') {
      const std::size_t end = shown.find('}', i);
      utf8proc_uint8_t buffer[4];
      const auto n = utf8proc_encode_char(std::stoi(shown.substr(i + 2, end - i - 2), nullptr, 16), buffer);
      out.append(reinterpret_cast<char*>(buffer), static_cast<std::size_t>(n));
      i = end;
    } else {
      ADD_FAILURE() << "unknown escape " << kind;
    }
  }
  return out;
}

TEST(Show, PlainTextComesOutAsItIs) {
  EXPECT_EQ(show("src/main.cpp"), "src/main.cpp");
  EXPECT_EQ(show("a b~!'\"$"), "a b~!'\"$");
  EXPECT_EQ(show(""), "");
  EXPECT_EQ(show("Grüße 日本語 ελ עברית 🎉"), "Grüße 日本語 ελ עברית 🎉");
}

TEST(Show, ControlBytesAndEscapeSequencesAreEscaped) {
  EXPECT_EQ(show("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(show("\x1b[2J\x1b]0;t\a"), "\\x1b[2J\\x1b]0;t\\x07");
  EXPECT_EQ(show("\0x\x7f"s), "\\x00x\\x7f");
}

TEST(Show, C1ControlsAreEscapedInBothForms) {
  EXPECT_EQ(show("\xc2\x9b"
                 "2J"),
            "\\u{9b}2J");
  EXPECT_EQ(show("\x9b"
                 "2J"),
            "\\x9b2J");
  EXPECT_EQ(show("\xc2\x85"), "\\u{85}");
}

TEST(Show, BackslashIsDoubledSoAnEscapeCannotBeFaked) {
  EXPECT_EQ(show("\\n"), "\\\\n");
  EXPECT_NE(show("\\n"), show("\n"));
}

TEST(Show, BidirectionalOverridesAndIsolatesAreEscaped) {
  for (int c : {0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069, 0x200E, 0x200F, 0x061C}) {
    utf8proc_uint8_t buffer[4];
    const auto n = utf8proc_encode_char(c, buffer);
    const std::string name = "a" + std::string(reinterpret_cast<char*>(buffer), static_cast<std::size_t>(n)) + "b";
    const std::string shown = show(name);
    expect_harmless(shown);
    EXPECT_EQ(told_back(shown), name);
    EXPECT_NE(shown, name);
  }
  EXPECT_EQ(show("txt.\u202egpj"), "txt.\\u{202e}gpj");
}

TEST(Show, WhatCannotBeSeenIsEscaped) {
  EXPECT_EQ(show("a\u200bb"), "a\\u{200b}b");
  EXPECT_EQ(show("\ufeff"), "\\u{feff}");
  EXPECT_EQ(show("a\u00a0b"), "a\\u{a0}b");  // looks like a space, is none
  EXPECT_EQ(show("a\u3000b"), "a\\u{3000}b");
  EXPECT_EQ(show("a\u3164b"), "a\\u{3164}b");  // Hangul filler: a letter that is empty
  EXPECT_EQ(show("a\u2800b"), "a\\u{2800}b");  // Braille pattern of no dots
  EXPECT_EQ(show("a\ufe0f"), "a\\u{fe0f}");    // variation selector
  EXPECT_EQ(show("a\u00adb"), "a\\u{ad}b");
  EXPECT_EQ(show("a\u2028b\u2029"), "a\\u{2028}b\\u{2029}");
  EXPECT_EQ(show("\U000e0041"), "\\u{e0041}");  // tag letters
  EXPECT_EQ(show("\ue000\U0010ffff"), "\\u{e000}\\u{10ffff}");
}

TEST(Show, InvalidUtf8IsShownByteByByte) {
  EXPECT_EQ(show("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(show("a\xc3"), "a\\xc3");         // cut at the end
  EXPECT_EQ(show("\xc3("), "\\xc3(");         // cut in the middle
  EXPECT_EQ(show("\xc0\xaf"), "\\xc0\\xaf");  // overlong '/'
  EXPECT_EQ(show("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");
  EXPECT_EQ(show("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(show("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(show("\xf0\x80\x80\x8a"), "\\xf0\\x80\\x80\\x8a");
}

TEST(Show, AFloodOfCombiningMarksIsCut) {
  EXPECT_EQ(show("e\u0301"), "e\u0301");
  std::string flood = "e";
  for (int i = 0; i < 500; ++i) flood += "\u0301";
  const std::string shown = show(flood);
  EXPECT_EQ(shown.substr(0, 7), "e\u0301\u0301\u0301");
  EXPECT_EQ(shown.substr(7, 7), "\\u{301}");
  EXPECT_EQ(told_back(shown), flood);
  EXPECT_EQ(show("\u0301x"), "\\u{301}x");  // nothing to stand on: would change the text before it
  EXPECT_EQ(show("\n\u0301"), "\\n\\u{301}");
}

TEST(Show, EveryCodePointIsHarmlessAndCanBeToldBack) {
  for (int c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    utf8proc_uint8_t buffer[4];
    const auto n = utf8proc_encode_char(c, buffer);
    const std::string name = "x" + std::string(reinterpret_cast<char*>(buffer), static_cast<std::size_t>(n));
    const std::string shown = show(name);
    ASSERT_NO_FATAL_FAILURE(expect_harmless(shown));
    ASSERT_EQ(told_back(shown), name);
    ASSERT_EQ(columns_of(shown), columns_of(show(shown.substr(0, 1))) + columns_of(shown.substr(1)));
  }
}

TEST(Show, RandomBytesAreHarmlessAndCanBeToldBack) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string name(random() % 64, '\0');
    for (char& c : name) c = static_cast<char>(random());
    const std::string shown = show(name);
    ASSERT_NO_FATAL_FAILURE(expect_harmless(shown));
    ASSERT_EQ(told_back(shown), name);
    for (std::size_t columns : {0U, 1U, 2U, 7U, 20U, 80U}) {
      const std::string cut = show(name, columns);
      ASSERT_NO_FATAL_FAILURE(expect_harmless(cut));
      ASSERT_LE(columns_of(cut), columns);
    }
  }
}

TEST(Show, LongNamesAreCutInTheMiddle) {
  EXPECT_EQ(show("abcdefghij", 10), "abcdefghij");
  EXPECT_EQ(show("abcdefghij", 9), "abcd…ghij");
  EXPECT_EQ(show("abcdefghij", 4), "ab…j");
  EXPECT_EQ(show("abcdefghij", 1), "…");
  EXPECT_EQ(show("abcdefghij", 0), "");
  EXPECT_EQ(show("日本語日本語", 6), "日…語");    // a wide character is never halved
  EXPECT_EQ(show("aaa\x1b\x1b\x1b", 7), "aaa…");  // nor is an escape
  const std::string long_name(4096, 'n');
  EXPECT_EQ(show(long_name), long_name);
  EXPECT_EQ(columns_of(show(long_name, 80)), 80U);
}

TEST(Show, CommandIsQuotedAsAShellWouldWantIt) {
  EXPECT_EQ(show_command({"rm", "-rf", "tests/", "~/"}), "rm -rf tests/ '~/'");
  EXPECT_EQ(show_command({"sh", "-c", "echo $HOME; rm *"}), "sh -c 'echo $HOME; rm *'");
  EXPECT_EQ(show_command({"echo", ""}), "echo ''");
  EXPECT_EQ(show_command({"echo", "it's"}), "echo 'it'\\''s'");
  EXPECT_EQ(show_command({"rm", "日本"}), "rm 日本");
  EXPECT_EQ(show_command({}), "");
}

TEST(Show, CommandCannotHideAnythingInItsWords) {
  EXPECT_EQ(show_command({"rm", "a\nb", "\x1b[A"}), "rm 'a\\nb' '\\x1b[A'");
  EXPECT_EQ(show_command({"rm", "a\xff\u202e"}), "rm a\\xff\\u{202e}");
  std::vector<std::string> many(5000, "file");
  EXPECT_EQ(columns_of(show_command(many, 60)), 60U);
}

TEST(Show, ColumnsAreThoseOfATerminal) {
  EXPECT_EQ(columns_of(""), 0U);
  EXPECT_EQ(columns_of("abc"), 3U);
  EXPECT_EQ(columns_of("日本"), 4U);
  EXPECT_EQ(columns_of("e\u0301"), 1U);
}

}  // namespace
}  // namespace assent
