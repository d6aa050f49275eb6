// JsonWriter: appends JSON text to a fixed piece of memory. Made for the hot path: no allocation, no exceptions; what
// does not fit sets overflowed() and is left out. Byte strings that are valid UTF-8 come back exactly; for any other,
// the member NAME holds a readable text with U+FFFD and NAME_b64 beside it the exact bytes in base64.
// What could harm a terminal (control bytes, bidirectional overrides, invisible format characters) is always
// \u-escaped.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace assent::record {

class JsonWriter {
 public:
  JsonWriter(char* begin, char* end) : begin_(begin), at_(begin), end_(end) {}

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  [[nodiscard]] std::string_view text() const { return {begin_, size()}; }
  [[nodiscard]] bool overflowed() const { return overflowed_; }

  // Text that is JSON already.
  void raw(std::string_view json) {
    if (!fits(json.size())) return;
    std::memcpy(at_, json.data(), json.size());
    at_ += json.size();
  }
  void open(char bracket) {
    put(bracket);
    comma_ = false;
  }
  void close(char bracket) {
    put(bracket);
    comma_ = true;
  }
  // Goes on after text that another writer wrote, in the middle of an object.
  void resume() { comma_ = true; }
  // The first `n` bytes are there already.
  void skip(std::size_t n) {
    if (fits(n)) at_ += n;
    comma_ = true;
  }
  // Overflows unless there is room for `n` more bytes.
  void need(std::size_t n) { (void)fits(n); }

  // `name` is ASCII that needs no escape.
  void key(std::string_view name) {
    if (!fits(name.size() + 4)) return;
    if (comma_) *at_++ = ',';
    *at_++ = '"';
    std::memcpy(at_, name.data(), name.size());
    at_ += name.size();
    *at_++ = '"';
    *at_++ = ':';
    comma_ = true;
  }
  void open_object(std::string_view name) {
    key(name);
    open('{');
  }
  void open_array(std::string_view name) {
    key(name);
    open('[');
  }
  // An object as the next element of an array.
  void element_object() {
    if (comma_) put(',');
    open('{');
  }

  // A word of our own: ASCII that needs no escape.
  void word(std::string_view name, std::string_view value) {
    key(name);
    put('"');
    raw(value);
    put('"');
  }
  template <std::integral Number>
  void number(std::string_view name, Number value) {
    key(name);
    if (!fits(24)) return;
    at_ = std::to_chars(at_, end_, value).ptr;
  }
  void truth(std::string_view name, bool value) {
    key(name);
    raw(value ? std::string_view("true") : std::string_view("false"));
  }
  // Bytes from outside.
  void bytes(std::string_view name, std::string_view value);
  void bytes_array(std::string_view name, std::span<const std::string> values);

 private:
  enum class Encoding { Exact, Lossy };

  bool fits(std::size_t n) {
    if (static_cast<std::size_t>(end_ - at_) >= n) return true;
    overflowed_ = true;
    end_ = at_;  // nothing that comes later may squeeze in
    return false;
  }
  void put(char c) {
    if (fits(1)) *at_++ = c;
  }
  Encoding quoted(std::string_view value);
  void escape(std::uint32_t code_point);
  void base64(std::string_view value);

  char* begin_;
  char* at_;
  char* end_;
  bool comma_ = false;
  bool overflowed_ = false;
};

}  // namespace assent::record
