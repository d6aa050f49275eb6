// KeyReader: bytes of a terminal → plain keys and everything else. A terminal does not only send what a human types: it
// answers queries that the agent printed (cursor position, colours, titles, clipboard), reports the mouse and pastes.
// All of that comes as escape sequences, and no byte inside one is ever a key. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assent::approve {

class KeyReader {
 public:
  using Clock = std::chrono::steady_clock;

  struct Event {
    enum class Kind {
      Key,       // one character, `text` is its UTF-8; control keys as their byte ("\r", "\x7f", "\x03")
      Sequence,  // a whole escape sequence, `text` holds at most its first 64 bytes
      Paste,     // the end of a bracketed paste; its content is dropped
    };
    Kind kind;
    std::string text;
  };

  std::vector<Event> feed(std::string_view input, Clock::time_point now);

  // An escape byte that nothing followed for a while was the Escape key: Key "\x1b".
  std::vector<Event> idle(Clock::time_point now);

  [[nodiscard]] bool at_rest() const { return state_ == State::Ground && !pasting_; }

 private:
  enum class State { Ground, Escape, Csi, X10Mouse, Ss3, String, StringEscape };

  void byte(unsigned char c, std::vector<Event>& events);
  void keep(unsigned char c) {
    if (sequence_.size() < 64) sequence_ += static_cast<char>(c);
  }
  void end_sequence(std::vector<Event>& events);

  State state_ = State::Ground;
  std::string sequence_;
  std::string character_;  // UTF-8 under way
  int continuation_ = 0;
  int mouse_left_ = 0;
  bool pasting_ = false;
  Clock::time_point last_{};
};

}  // namespace assent::approve
