// ScreenState: what the agent has told the terminal to be, as far as a question drawn over it must put it back. In: the
// agent's output. Not a terminal emulator: it keeps modes, not text. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace assent::approve {

class ScreenState {
 public:
  void feed(std::string_view output);

  // False in the middle of an escape sequence or of a character: not a place to cut.
  [[nodiscard]] bool at_rest() const { return state_ == State::Ground && continuation_ == 0; }

  [[nodiscard]] bool alternate() const { return mode(1049) || mode(1047) || mode(47); }

  // To a known terminal, with the main screen kept: then a question can be drawn.
  [[nodiscard]] std::string enter() const;
  // Back to what the agent had. Where alternate() is true it must be made to draw again by itself.
  [[nodiscard]] std::string leave() const;
  // To a terminal as a shell wants it, when the agent is gone or stopped and may have left it in any state.
  [[nodiscard]] std::string tidy() const;

 private:
  enum class State { Ground, Escape, EscapeMore, Csi, String, StringEscape };

  [[nodiscard]] bool mode(int number, bool unset = false) const;
  void byte(unsigned char c);
  void end_csi(unsigned char last);
  void set_modes(std::string_view numbers, bool on);
  void forget();

  State state_ = State::Ground;
  int continuation_ = 0;         // bytes of a UTF-8 character still to come
  unsigned char before_ = 0;     // the last byte
  std::string sequence_;         // parameters of a CSI, or the start of an OSC
  std::map<int, bool> private_;  // modes of `CSI ? n h` and `l`
  bool insert_ = false;          // CSI 4 h
  bool keypad_ = false;          // ESC =
  bool palette_ = false;         // colours were redefined
  std::string attributes_;       // SGR sequences since the last reset
  std::string region_;           // CSI t;b r
  char charset_ = 'B';           // ESC ( c
  bool shifted_ = false;         // SO
};

}  // namespace assent::approve
