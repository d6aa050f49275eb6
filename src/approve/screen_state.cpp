#include "approve/screen_state.h"

#include <array>
#include <charconv>

namespace assent::approve {

namespace {

constexpr std::size_t kLongestSequence = 256;
constexpr std::size_t kMostModes = 64;
constexpr std::size_t kMostAttributes = 256;

// Modes that change what is typed or how the question looks, and what they are in a terminal just reset.
struct Mode {
  int number;
  bool on;
};
constexpr std::array<Mode, 16> kModes{{{1, false},     // cursor keys
                                       {5, false},     // whole screen reversed
                                       {6, false},     // origin
                                       {7, true},      // wrap
                                       {9, false},     // mouse, oldest form
                                       {25, true},     // cursor shown
                                       {66, false},    // keypad
                                       {69, false},    // left and right margins
                                       {1000, false},  // mouse …
                                       {1002, false},
                                       {1003, false},
                                       {1004, false},  // focus reports
                                       {1005, false},
                                       {1006, false},
                                       {2004, false},    // bracketed paste
                                       {2026, false}}};  // drawing held back by the terminal

std::string private_mode(int number, bool on) { return "\x1b[?" + std::to_string(number) + (on ? "h" : "l"); }

}  // namespace

bool ScreenState::mode(int number, bool unset) const {
  const auto found = private_.find(number);
  return found == private_.end() ? unset : found->second;
}

void ScreenState::forget() {
  private_.clear();
  insert_ = keypad_ = shifted_ = false;
  attributes_.clear();
  region_.clear();
  charset_ = 'B';
}

void ScreenState::set_modes(std::string_view numbers, bool on) {
  while (!numbers.empty()) {
    const std::size_t end = std::min(numbers.find(';'), numbers.size());
    int number = 0;
    const auto parsed = std::from_chars(numbers.data(), numbers.data() + end, number);
    if (parsed.ec == std::errc() && (private_.size() < kMostModes || private_.contains(number))) private_[number] = on;
    numbers.remove_prefix(std::min(end + 1, numbers.size()));
  }
}

void ScreenState::end_csi(unsigned char last) {
  const std::string_view all = sequence_;
  if (last == 'h' || last == 'l') {
    if (all.starts_with('?')) set_modes(all.substr(1), last == 'h');
    if (all == "4") insert_ = last == 'h';
  } else if (last == 'm' && (all.empty() || (all[0] >= '0' && all[0] <= ';'))) {
    if (all.empty() || all == "0") {
      attributes_.clear();
    } else if (attributes_.size() + all.size() < kMostAttributes) {
      attributes_ += "\x1b[" + sequence_ + "m";
    } else {
      attributes_ = "\x1b[" + sequence_ + "m";
    }
  } else if (last == 'r' && (all.empty() || (all[0] >= '0' && all[0] <= ';'))) {
    region_ = sequence_;
  } else if (last == 'p' && all == "!") {
    const bool alternate_now = alternate();
    forget();
    if (alternate_now) private_[1049] = true;
  }
}

void ScreenState::byte(unsigned char c) {
  // A C1 control in UTF-8: to many terminals the same as ESC and a letter.
  const bool is_c1 = c >= 0x80 && c <= 0x9F && before_ == 0xC2;
  before_ = c;
  if (is_c1) {
    continuation_ = 0;
    byte(0x1B);
    return byte(static_cast<unsigned char>(c - 0x40));
  }
  // These end or begin a sequence wherever they stand.
  if (c == 0x18 || c == 0x1A) {
    state_ = State::Ground;
    return;
  }
  switch (state_) {
    case State::Ground:
      if (c == 0x1B) {
        state_ = State::Escape;
        continuation_ = 0;
      } else if (c == 0x0E || c == 0x0F) {
        shifted_ = c == 0x0E;
      } else if (c >= 0xC2 && c <= 0xF4) {
        continuation_ = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
      } else if (c >= 0x80 && c <= 0xBF && continuation_ > 0) {
        --continuation_;
      } else {
        continuation_ = 0;
      }
      return;
    case State::Escape:
      sequence_.clear();
      state_ = State::Ground;
      if (c == '[') {
        state_ = State::Csi;
      } else if (c == ']' || c == 'P' || c == '_' || c == '^' || c == 'X') {
        sequence_ = static_cast<char>(c);
        state_ = State::String;
      } else if (c >= 0x20 && c <= 0x2F) {
        sequence_ = static_cast<char>(c);
        state_ = State::EscapeMore;
      } else if (c == 0x1B) {
        state_ = State::Escape;
      } else if (c == '=' || c == '>') {
        keypad_ = c == '=';
      } else if (c == 'c') {
        forget();
      }
      return;
    case State::EscapeMore:
      if (c >= 0x20 && c <= 0x2F) return;
      if (sequence_ == "(" && c >= 0x30 && c <= 0x7E) charset_ = static_cast<char>(c);
      state_ = c == 0x1B ? State::Escape : State::Ground;
      return;
    case State::Csi:
      if (c >= 0x40 && c <= 0x7E) {
        state_ = State::Ground;
        end_csi(c);
      } else if (c == 0x1B) {
        state_ = State::Escape;
      } else if (c >= 0x20 && c <= 0x3F && sequence_.size() < kLongestSequence) {
        sequence_ += static_cast<char>(c);
      }
      return;
    case State::String:
    case State::StringEscape:
      if (c == 0x07 || (state_ == State::StringEscape && c == '\\')) {
        // OSC 4, 5, 10 … 19 and kitty's 21 set colours; with the right ones a question could not be seen.
        for (const char* colours : {"]4;", "]5;", "]1", "]21"}) palette_ = palette_ || sequence_.starts_with(colours);
        state_ = State::Ground;
      } else if (state_ == State::StringEscape) {
        state_ = State::Escape;
        byte(c);
      } else if (c == 0x1B) {
        state_ = State::StringEscape;
      } else if (sequence_.size() < 8) {
        sequence_ += static_cast<char>(c);
      }
      return;
  }
}

void ScreenState::feed(std::string_view output) {
  for (const char c : output) byte(static_cast<unsigned char>(c));
}

std::string ScreenState::enter() const {
  std::string out;
  if (!at_rest()) out += "\x18\x1b\\";  // end the sequence the agent left open, else it would eat the question
  // 1049 keeps the cursor and the screen. In the agent's own alternate screen there is nothing to keep.
  out += alternate() ? "\x1b"
                       "7"
                     : "\x1b[?1049h";
  // All of them: there are ways to set one that are not seen here (modes saved and brought back, states restored).
  for (const Mode& one : kModes) out += private_mode(one.number, one.on);
  out += "\x1b[r\x1b[4l\x1b>\x1b(B\x0f\x1b[0m";
  if (palette_) out += "\x1b]104\x1b\\\x1b]105\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\";
  // Pastes come marked, so that they cannot answer; keys come plain, whatever keyboard protocol the agent asked for.
  out += "\x1b[?2004h\x1b[>0u\x1b[>4;0m\x1b[?25l\x1b[2J\x1b[H";
  return out;
}

std::string ScreenState::leave() const {
  std::string out = "\x1b[0m\x1b[2J\x1b[<u\x1b[>4m\x1b[?2004l\x1b[?25h";
  out += alternate() ? "\x1b"
                       "8"
                     : "\x1b[?1049l";
  if (!region_.empty())
    out +=
        "\x1b"
        "7\x1b[" +
        region_ +
        "r\x1b"
        "8";  // setting a region moves the cursor
  for (const Mode& one : kModes) {
    // Setting the origin mode moves the cursor too; the restored cursor has brought it back.
    if (one.number != 6 && mode(one.number, one.on) != one.on) out += private_mode(one.number, !one.on);
  }
  if (insert_) out += "\x1b[4h";
  if (keypad_) out += "\x1b=";
  if (charset_ != 'B') out += std::string("\x1b(") + charset_;
  if (shifted_) out += "\x0e";
  return out + "\x1b[0m" + attributes_;
}

std::string ScreenState::tidy() const {
  std::string out;
  if (!at_rest()) out += "\x18\x1b\\";
  for (const Mode& one : kModes) {
    if (mode(one.number, one.on) != one.on) out += private_mode(one.number, one.on);
  }
  if (alternate()) out += "\x1b[?1049l";
  if (!region_.empty())
    out +=
        "\x1b"
        "7\x1b[r\x1b"
        "8";
  if (insert_) out += "\x1b[4l";
  if (keypad_) out += "\x1b>";
  if (charset_ != 'B') out += "\x1b(B";
  if (shifted_) out += "\x0f";
  if (!attributes_.empty()) out += "\x1b[0m";
  return out;
}

}  // namespace assent::approve
