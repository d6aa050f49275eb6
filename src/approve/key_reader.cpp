#include "approve/key_reader.h"

namespace assent::approve {

namespace {

using namespace std::chrono_literals;

constexpr auto kEscapeKey = 100ms;  // a terminal sends the rest of a sequence at once
// A sequence that never ends (Alt and "]" typed by hand) must not swallow the answer for ever; none is this slow.
constexpr auto kAbandoned = 3s;

}  // namespace

void KeyReader::end_sequence(std::vector<Event>& events) {
  state_ = State::Ground;
  if (sequence_ == "\x1b[200~") {
    pasting_ = true;
  } else if (sequence_ == "\x1b[201~") {
    if (pasting_) events.push_back({Event::Kind::Paste, {}});
    pasting_ = false;
  } else if (!pasting_) {
    events.push_back({Event::Kind::Sequence, sequence_});
  }
}

void KeyReader::byte(unsigned char c, std::vector<Event>& events) {
  switch (state_) {
    case State::Ground:
      if (c == 0x1B) {
        sequence_ = "\x1b";
        continuation_ = 0;
        state_ = State::Escape;
      } else if (c < 0x80) {
        continuation_ = 0;
        if (!pasting_) events.push_back({Event::Kind::Key, std::string(1, static_cast<char>(c))});
      } else if (c >= 0xC2 && c <= 0xF4) {
        character_ = static_cast<char>(c);
        continuation_ = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
      } else if (c <= 0xBF && continuation_ > 0) {
        character_ += static_cast<char>(c);
        if (--continuation_ == 0 && !pasting_) events.push_back({Event::Kind::Key, character_});
      }  // else: no character; 8-bit controls are not used by UTF-8 terminals
      return;
    case State::Escape:
      keep(c);
      if (c == '[') {
        state_ = State::Csi;
      } else if (c == 'O') {
        state_ = State::Ss3;
      } else if (c == ']' || c == 'P' || c == '_' || c == '^' || c == 'X') {
        state_ = State::String;
      } else if (c == 0x1B) {
        sequence_ = "\x1b";
      } else {
        end_sequence(events);  // Alt and a key: no plain key
      }
      return;
    case State::Csi:
      if (c == 0x1B) {
        sequence_ = "\x1b";
        state_ = State::Escape;
        return;
      }
      keep(c);
      if (c == 'M' && sequence_ == "\x1b[M") {
        mouse_left_ = 3;
        state_ = State::X10Mouse;
      } else if (c >= 0x40 && c <= 0x7E && !(c == '[' && sequence_ == "\x1b[[")) {  // the console's F1 is ESC [ [ A
        end_sequence(events);
      }
      return;
    case State::X10Mouse:
      keep(c);
      if (--mouse_left_ == 0) end_sequence(events);
      return;
    case State::Ss3:
      keep(c);
      end_sequence(events);
      return;
    case State::String:
      keep(c);
      if (c == 0x07) end_sequence(events);
      if (c == 0x1B) state_ = State::StringEscape;
      return;
    case State::StringEscape:
      keep(c);
      if (c == '\\') {
        end_sequence(events);
      } else {
        state_ = c == 0x1B ? State::StringEscape : State::String;
      }
      return;
  }
}

std::vector<KeyReader::Event> KeyReader::feed(std::string_view input, Clock::time_point now) {
  std::vector<Event> events = idle(now);
  last_ = now;
  for (const char c : input) byte(static_cast<unsigned char>(c), events);
  return events;
}

std::vector<KeyReader::Event> KeyReader::idle(Clock::time_point now) {
  std::vector<Event> events;
  if (state_ == State::Escape && now - last_ >= kEscapeKey) {
    state_ = State::Ground;
    if (!pasting_) events.push_back({Event::Kind::Key, "\x1b"});
  } else if (!at_rest() && now - last_ >= kAbandoned) {
    state_ = State::Ground;
    pasting_ = false;
  }
  return events;
}

}  // namespace assent::approve
