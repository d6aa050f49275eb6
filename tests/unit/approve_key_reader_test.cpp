#include "approve/key_reader.h"

#include <gtest/gtest.h>

namespace assent::approve {
namespace {

using namespace std::chrono_literals;
using Kind = KeyReader::Event::Kind;

const KeyReader::Clock::time_point kNow{1000s};

// The plain keys in `input`, as one string.
std::string keys_in(std::string_view input) {
  KeyReader reader;
  std::string out;
  for (const auto& event : reader.feed(input, kNow)) {
    if (event.kind == Kind::Key) out += event.text;
  }
  return out;
}

TEST(KeyReader, PlainKeysComeOneByOne) {
  KeyReader reader;
  const auto events = reader.feed("on\r", kNow);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].text, "o");
  EXPECT_EQ(events[2].text, "\r");
  EXPECT_EQ(keys_in("é日x"), "é日x");
}

TEST(KeyReader, NothingATerminalSendsByItselfIsAKey) {
  EXPECT_EQ(keys_in("\x1b[12;40R"), "");                            // cursor position
  EXPECT_EQ(keys_in("\x1b[?1;2c\x1b[>0;276;0c\x1b[0n"), "");        // device attributes and status
  EXPECT_EQ(keys_in("\x1b]lo\r\x1b\\"), "");                        // title report, with a title of "o, Enter"
  EXPECT_EQ(keys_in("\x1b]52;c;bzE=\a"), "");                       // clipboard
  EXPECT_EQ(keys_in("\x1b]11;rgb:0000/0000/0000\x1b\\"), "");       // background colour
  EXPECT_EQ(keys_in("\x1bP1$ro\x1b\\"), "");                        // DECRQSS
  EXPECT_EQ(keys_in("\x1bP>|o term\x1b\\"), "");                    // terminal version
  EXPECT_EQ(keys_in("\x1b_Gi=1;OK\x1b\\"), "");                     // graphics protocol
  EXPECT_EQ(keys_in("\x1b[<0;10;10M\x1b[<0;10;10m"), "");           // mouse
  EXPECT_EQ(keys_in("\x1b[Mooo"), "");                              // mouse, oldest form: three plain bytes
  EXPECT_EQ(keys_in("\x1b[I\x1b[O"), "");                           // focus
  EXPECT_EQ(keys_in("\x1bOP\x1b[A\x1b[[A\x1b[3~\x1b[111;5u"), "");  // function and arrow keys, kitty keyboard
  EXPECT_EQ(keys_in("\x1bo"), "");                                  // Alt and o
}

TEST(KeyReader, AKeyAfterASequenceIsAKey) { EXPECT_EQ(keys_in("\x1b[12;40Ro"), "o"); }

TEST(KeyReader, ASequenceInPiecesIsStillOne) {
  KeyReader reader;
  for (const std::string_view piece : {"\x1b", "[1", "2;4", "0"}) EXPECT_TRUE(reader.feed(piece, kNow).empty());
  EXPECT_FALSE(reader.at_rest());
  const auto events = reader.feed("R", kNow);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, Kind::Sequence);
  EXPECT_EQ(events[0].text, "\x1b[12;40R");
}

TEST(KeyReader, AStringThatComesSlowlyIsStillOne) {
  KeyReader reader;
  auto now = kNow;
  EXPECT_TRUE(reader.feed("\x1b]l", now).empty());
  for (const std::string_view piece : {"o", "\r", "o", "\r"}) EXPECT_TRUE(reader.feed(piece, now += 900ms).empty());
  EXPECT_EQ(reader.feed("\x1b\\", now).size(), 1U);
}

TEST(KeyReader, AnAbandonedSequenceDoesNotSwallowKeysForEver) {
  KeyReader reader;
  EXPECT_TRUE(reader.feed("\x1b]", kNow).empty());
  EXPECT_EQ(reader.feed("n", kNow + 4s).size(), 1U);
}

TEST(KeyReader, ThePastedIsNoKey) {
  KeyReader reader;
  const auto events = reader.feed("\x1b[200~o\ryes\x1b[A o\x1b[201~", kNow);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, Kind::Paste);
  EXPECT_EQ(reader.feed("n", kNow).at(0).text, "n");
}

TEST(KeyReader, EscapeAloneIsAKeyAfterAMoment) {
  KeyReader reader;
  EXPECT_TRUE(reader.feed("\x1b", kNow).empty());
  EXPECT_TRUE(reader.idle(kNow + 50ms).empty());
  ASSERT_EQ(reader.idle(kNow + 120ms).size(), 1U);
  EXPECT_TRUE(reader.at_rest());
}

TEST(KeyReader, InvalidUtf8IsNoKey) { EXPECT_EQ(keys_in("\xff\x80\xc3(\x9bo"), "(o"); }

TEST(KeyReader, AnEndlessSequenceTakesNoMemory) {
  KeyReader reader;
  reader.feed("\x1b]", kNow);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(reader.feed(std::string(1000, 'o'), kNow).empty());
  EXPECT_LE(reader.feed("\a", kNow).at(0).text.size(), 64U);
}

}  // namespace
}  // namespace assent::approve
