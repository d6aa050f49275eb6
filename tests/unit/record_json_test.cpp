#include <random>

#include "record/chain.h"
#include "record/json_writer.h"
#include "unit/record_fixture.h"

namespace assent::record {
namespace {

std::string written(std::string_view value) {
  std::vector<char> buffer(64 * 1024);
  JsonWriter line(buffer.data(), buffer.data() + buffer.size());
  line.open('{');
  line.bytes("k", value);
  line.close('}');
  EXPECT_FALSE(line.overflowed());
  return std::string(line.text());
}

std::string back(std::string_view value) {
  const auto json = parse_record(written(value));
  EXPECT_TRUE(json);
  return json ? bytes_of(*json, "k") : std::string();
}

TEST(RecordJson, BytesComeBackExactly) {
  for (const std::string& value :
       {std::string(), std::string("plain"), std::string("with \"quotes\" and \\ backslash"),
        std::string("new\nline\ttab\x1b[31m"), std::string("\x7f\0\x01", 3), std::string("é ü 漢字 🦊"),
        std::string("\xff\xfe"), std::string("ok\xc3"), std::string("\xed\xa0\x80"), std::string("\xc0\xaf"),
        std::string("\xf4\x90\x80\x80"),
        std::string("a\xe2\x80\xae"
                    "b"),
        std::string(4096, '\n'), std::string(4096, '\xff'), std::string(4095, 'x') + '"'}) {
    EXPECT_EQ(back(value), value);
  }
}

TEST(RecordJson, RandomBytesComeBackExactly) {
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    std::string value(random() % 40, '\0');
    const unsigned top = random() % 2 ? 256 : 128;
    for (auto& c : value) c = static_cast<char>(random() % top);
    ASSERT_EQ(back(value), value);
  }
}

TEST(RecordJson, ValidUtf8HasNoBase64Beside) { EXPECT_EQ(written("é漢"), "{\"k\":\"é漢\"}"); }

TEST(RecordJson, WhatHarmsATerminalIsEscaped) {
  // ESC, DEL, C1 CSI (U+009B), right-to-left override, zero-width space, line separator, byte order mark, a tag.
  const auto text = written("\x1b\x7f\xc2\x9b\xe2\x80\xae\xe2\x80\x8b\xe2\x80\xa8\xef\xbb\xbf\xf3\xa0\x80\x81");
  EXPECT_EQ(text, "{\"k\":\"\\u001b\\u007f\\u009b\\u202e\\u200b\\u2028\\ufeff\\udb40\\udc01\"}");
}

TEST(RecordJson, ArraysComeBackExactly) {
  std::vector<char> buffer(4096);
  const std::vector<std::string> argv{"a", "", "\xff", "b\nc"};
  JsonWriter line(buffer.data(), buffer.data() + buffer.size());
  line.open('{');
  line.bytes_array("argv", argv);
  line.number("after", 3);
  line.close('}');
  const auto json = parse_record(line.text());
  ASSERT_TRUE(json) << line.text();
  EXPECT_EQ(bytes_array_of(*json, "argv"), argv);
  EXPECT_EQ(number_of(*json, "after"), 3U);
}

TEST(RecordJson, NeverWritesBeyondItsRoom) {
  const std::string value = "a\"\\\xff\xc2\x9b é 🦊 and a longer plain tail";
  for (std::size_t room = 0; room < 200; ++room) {
    std::vector<char> buffer(room + 16, '#');
    JsonWriter line(buffer.data(), buffer.data() + room);
    line.open('{');
    line.bytes("k", value);
    line.number("n", 123456789);
    line.close('}');
    for (std::size_t i = room; i < buffer.size(); ++i) ASSERT_EQ(buffer[i], '#') << room;
    if (!line.overflowed()) {
      ASSERT_TRUE(parse_record(line.text())) << room;
    }
  }
}

TEST(RecordJson, DeepNestingIsRefusedWithoutHarm) {
  EXPECT_FALSE(parse_record(std::string(1000000, '[')));
  EXPECT_FALSE(parse_record(std::string(100000, '[') + std::string(100000, ']')));
  (void)parse_record("{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}");
}

TEST(RecordChain, ALineKnowsItsOwnHash) {
  std::vector<char> buffer(4096);
  JsonWriter line(buffer.data(), buffer.data() + buffer.size());
  line.raw("{\"v\":1,\"seq\":12,\"kind\":\"x\"");
  const auto hash = seal(line, genesis());
  auto text = std::string(line.text());
  ASSERT_EQ(text.back(), '\n');
  text.pop_back();
  EXPECT_EQ(line.size(), std::string_view("{\"v\":1,\"seq\":12,\"kind\":\"x\"").size() + kSealSize);
  const auto sealed = unseal(text);
  ASSERT_TRUE(sealed);
  EXPECT_EQ(sealed->sequence, 12U);
  EXPECT_EQ(sealed->hash, hash);
  EXPECT_EQ(hash_line(genesis(), sealed->body), hash);
}

TEST(RecordChain, WhatHasNotTheShapeIsNoRecord) {
  for (const char* text : {"", "{}", "\n", "{\"v\":1,\"seq\":1,\"hash\":\"\"}", "{\"v\":1,\"seq\":0,\"hash\":\""}) {
    EXPECT_FALSE(unseal(text));
  }
}

}  // namespace
}  // namespace assent::record
