#include "approve/screen_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace assent::approve {
namespace {

using testing::HasSubstr;
using testing::Not;

ScreenState after(std::string_view output) {
  ScreenState state;
  state.feed(output);
  return state;
}

TEST(ScreenState, KnowsWhereItMayBeCut) {
  EXPECT_TRUE(after("plain\r\n").at_rest());
  EXPECT_TRUE(after("\x1b[1;31mred\x1b[0m").at_rest());
  EXPECT_TRUE(after("é").at_rest());
  EXPECT_TRUE(after("\x1b]0;title\a").at_rest());
  EXPECT_TRUE(after("\x1b]0;title\x1b\\").at_rest());
  EXPECT_TRUE(after("\x1b(B\x1b=").at_rest());
  for (const std::string_view open :
       {"\x1b", "\x1b[", "\x1b[1;3", "\x1b]0;title", "\x1bPq", "\xc3", "\xe6\x97", "\x1b(", "\x1b]0;title\x1b"}) {
    EXPECT_FALSE(after(open).at_rest()) << open;
    EXPECT_THAT(after(open).enter(), testing::StartsWith("\x18\x1b\\"));
  }
  EXPECT_TRUE(after("\x1b]0;never ended\x18").at_rest());
}

TEST(ScreenState, AQuestionIsDrawnOnAScreenOfItsOwn) {
  EXPECT_THAT(after("text").enter(), HasSubstr("\x1b[?1049h"));
  EXPECT_THAT(after("text").leave(), HasSubstr("\x1b[?1049l"));
}

TEST(ScreenState, AProgramOnTheAlternateScreenStaysThere) {
  const ScreenState vi = after("\x1b[?1049h");
  EXPECT_TRUE(vi.alternate());
  EXPECT_THAT(vi.enter(), Not(HasSubstr("1049")));
  EXPECT_THAT(vi.leave(), Not(HasSubstr("1049")));
  EXPECT_FALSE(after("\x1b[?1049h\x1b[?1049l").alternate());
}

TEST(ScreenState, ModesOfTheAgentAreTakenAwayAndGivenBack) {
  const ScreenState state = after("\x1b[?1000;1006h\x1b[?25l\x1b[?2004h\x1b[?7l\x1b[4h\x1b=\x1b(0\x1b[2;10r\x1b[1;31m");
  EXPECT_THAT(state.enter(), HasSubstr("\x1b[?1000l"));
  EXPECT_THAT(state.enter(), HasSubstr("\x1b[?7h"));
  const std::string leave = state.leave();
  for (const std::string_view mode : {"\x1b[?1000h", "\x1b[?1006h", "\x1b[?25l", "\x1b[?2004h", "\x1b[?7l", "\x1b[4h",
                                      "\x1b=", "\x1b(0", "\x1b[2;10r", "\x1b[1;31m"}) {
    EXPECT_THAT(leave, HasSubstr(mode));
  }
}

TEST(ScreenState, RedefinedColoursCannotHideTheQuestion) {
  EXPECT_THAT(after("\x1b]10;#000000\x1b\\\x1b]11;#000000\x1b\\").enter(), HasSubstr("\x1b]110"));
  EXPECT_THAT(after("\x1b]4;1;#000000\a").enter(), HasSubstr("\x1b]104"));
  EXPECT_THAT(after("\x1b]0;title\a").enter(), Not(HasSubstr("\x1b]104")));
}

TEST(ScreenState, NorCanColoursThatAreSetByOtherWords) {
  for (const char* colours : {"\x1b]5;0;#000000\a", "\x1b]21;foreground=#000000\x1b\\",
                              "\xc2\x9d"
                              "10;#000000\xc2\x9c"})
    EXPECT_THAT(after(colours).enter(), HasSubstr("\x1b]110")) << colours;
}

TEST(ScreenState, ControlsOfOneByteAreControls) {
  const ScreenState state = after(
      "\xc2\x9b?25l\xc2\x9b?1049h\xc2\x9b"
      "2;3r");
  EXPECT_TRUE(state.at_rest());
  EXPECT_TRUE(state.alternate());
  EXPECT_THAT(state.leave(), HasSubstr("\x1b[?25l"));
  EXPECT_THAT(state.leave(), HasSubstr("\x1b[2;3r"));
  EXPECT_TRUE(after("\x1b]0;title\xc2\x9c").at_rest());
  EXPECT_FALSE(after("\xc2\x9b").at_rest());
  EXPECT_TRUE(after("\xc3\x9b\xc2\xa9").at_rest()) << "letters are none";
}

// Saved with CSI ? s, brought back with CSI ? r, and by other ways that nobody reads along.
TEST(ScreenState, NoModeIsLeftThatCouldHideAQuestion) {
  const std::string enter = after("\x1b[?6;69h\x1b[?6;69s\x1b[?6;69l\x1b[?6;69r").enter();
  for (const char* mode : {"\x1b[?5l", "\x1b[?6l", "\x1b[?69l", "\x1b[?7h", "\x1b[?2026l"})
    EXPECT_THAT(enter, HasSubstr(mode));
}

TEST(ScreenState, AResetForgetsEverything) {
  EXPECT_EQ(after("\x1b[?1000h\x1b[1m\x1b=\x1b[?1049h\x1b"
                  "c")
                .leave(),
            ScreenState().leave());
}

TEST(ScreenState, TidyLeavesAPlainTerminalAsItIs) {
  EXPECT_EQ(after("hello\r\n\x1b[1mx\x1b[0m").tidy(), "");
  EXPECT_THAT(after("\x1b[?1049h\x1b[?25l").tidy(), HasSubstr("\x1b[?1049l"));
  EXPECT_THAT(after("\x1b[?25l").tidy(), HasSubstr("\x1b[?25h"));
}

TEST(ScreenState, AnyBytesInAnyPiecesAreTakenAndStayBounded) {
  std::mt19937 random(3);
  ScreenState state;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes(random() % 50, '\0');
    for (char& c : bytes) c = "\x1b[]?;0123456789hlmrP\\\a\xc3\xa9(x"[random() % 26];
    state.feed(bytes);
  }
  EXPECT_LT(state.enter().size() + state.leave().size() + state.tidy().size(), 2000U);
}

}  // namespace
}  // namespace assent::approve
