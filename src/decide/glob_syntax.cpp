#include "decide/glob_syntax.h"

#include <iterator>
#include <optional>

namespace assent::decide {

namespace {

constexpr std::size_t kMaxLength = 4096;
constexpr int kMaxDepth = 8;

using Failure = tl::unexpected<std::string>;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Parser {
 public:
  Parser(std::string_view text, Pattern::Over over, const Places& places) : text_(text), over_(over), places_(places) {}

  tl::expected<Glob, std::string> whole() {
    if (over_ == Pattern::Over::Argument) return alternatives();
    if (text_.starts_with('~') && (text_.size() == 1 || text_[1] == '/')) {
      append(start_, places_.home);
      at_ = 1;
    }
    auto rest = sequence(0);
    if (!rest) return rest;
    if (at_ < text_.size()) return Failure("\"" + std::string(1, text_[at_]) + "\" closes nothing; write \\ before it");
    if (start_.empty()) return rest;
    start_.insert(start_.end(), std::make_move_iterator(rest->begin()), std::make_move_iterator(rest->end()));
    return std::move(start_);
  }

 private:
  // Argument: "destroy|apply" is one of two.
  tl::expected<Glob, std::string> alternatives() {
    Choice choice;
    do {
      auto branch = sequence(0);
      if (!branch) return branch;
      choice.branches.push_back(std::move(*branch));
    } while (take('|'));
    if (at_ < text_.size()) return Failure("\"" + std::string(1, text_[at_]) + "\" closes nothing; write \\ before it");
    if (choice.branches.size() == 1) return std::move(choice.branches.front());
    return Glob{std::move(choice)};
  }

  // Up to the end, or the comma or brace that ends this branch.
  tl::expected<Glob, std::string> sequence(int depth) {
    Glob out;
    out.reserve(depth == 0 ? text_.size() + places_.project.size() : 16);
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '}' || (c == ',' && depth > 0)) return out;
      if (c == '|' && over_ == Pattern::Over::Argument && depth == 0) return out;
      ++at_;
      switch (c) {
        case '\0':
          return Failure("has a NUL byte");
        case '*':
          star(out);
          break;
        case '?':
          out.emplace_back(AnyByte{});
          break;
        case '[': {
          auto set = byte_set();
          if (!set) return Failure(std::move(set.error()));
          out.emplace_back(*set);
          break;
        }
        case '{': {
          auto choice = braces(depth + 1);
          if (!choice) return Failure(std::move(choice.error()));
          out.emplace_back(std::move(*choice));
          break;
        }
        case '\\': {
          auto byte = escaped();
          if (!byte) return Failure(std::move(byte.error()));
          out.emplace_back(*byte);
          break;
        }
        case '$':
          if (over_ == Pattern::Over::Path && at_ < text_.size() && text_[at_] == '{') {
            auto value = variable();
            if (!value) return Failure(std::move(value.error()));
            append(out, *value);
            break;
          }
          out.emplace_back(c);
          break;
        default:
          out.emplace_back(c);
          break;
      }
    }
    return out;
  }

  void star(Glob& out) {
    bool deep = false;
    while (take('*')) deep = true;
    if (deep || over_ == Pattern::Over::Argument) {
      out.emplace_back(AnyDeep{});
    } else {
      out.emplace_back(AnyRun{});
    }
  }

  tl::expected<Choice, std::string> braces(int depth) {
    if (depth > kMaxDepth) return Failure("has braces more than eight deep");
    Choice choice;
    do {
      auto branch = sequence(depth);
      if (!branch) return Failure(std::move(branch.error()));
      choice.branches.push_back(std::move(*branch));
    } while (take(','));
    if (!take('}')) return Failure("has a { without its }");
    return choice;
  }

  tl::expected<ByteSet, std::string> byte_set() {
    ByteSet set;
    const bool negated = take('!') || take('^');
    bool first = true;
    for (;; first = false) {
      if (at_ >= text_.size()) return Failure("has a [ without its ]");
      if (text_[at_] == ']' && !first) break;
      auto low = set_byte();
      if (!low) return Failure(std::move(low.error()));
      auto high = low;
      if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
        ++at_;
        high = set_byte();
        if (!high) return Failure(std::move(high.error()));
      }
      const auto from = static_cast<unsigned char>(*low);
      const auto to = static_cast<unsigned char>(*high);
      if (from > to) return Failure("has a range that ends before it begins");
      for (unsigned b = from; b <= to; ++b) set.set(b);
    }
    ++at_;
    if (negated) set.flip();
    set.reset(0);
    if (over_ == Pattern::Over::Path) set.reset('/');
    if (set.none()) return Failure("has a set that no byte is in");
    return set;
  }

  tl::expected<char, std::string> set_byte() {
    const char c = text_[at_++];
    if (c == '\0') return Failure("has a NUL byte");
    if (c == '\\') return escaped();
    return c;
  }

  tl::expected<char, std::string> escaped() {
    if (at_ >= text_.size()) return Failure("ends in a \\ that quotes nothing");
    const char c = text_[at_++];
    if (c == '\0') return Failure("has a NUL byte");
    if (c != 'x') return c;
    if (at_ + 2 > text_.size()) return Failure("has a \\x without two hexadecimal digits");
    const int high = hex_digit(text_[at_]);
    const int low = hex_digit(text_[at_ + 1]);
    if (high < 0 || low < 0) return Failure("has a \\x without two hexadecimal digits");
    if (high == 0 && low == 0) return Failure("has a NUL byte");
    at_ += 2;
    return static_cast<char>(high * 16 + low);
  }

  // After "$", at "{".
  tl::expected<std::string, std::string> variable() {
    const auto end = text_.find('}', at_);
    if (end == std::string_view::npos) return Failure("has a ${ without its }");
    auto value = expand(text_.substr(at_ - 1, end + 2 - at_), places_);
    if (value) at_ = end + 1;
    return value;
  }

  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  static void append(Glob& out, std::string_view bytes) {
    for (const char c : bytes) out.emplace_back(c);
  }

  std::string_view text_;
  Pattern::Over over_;
  const Places& places_;
  std::size_t at_ = 0;
  Glob start_;
};

std::optional<std::string_view> value_of(std::string_view name, const Places& places) {
  if (name == "PROJECT") return places.project;
  if (name == "HOME") return places.home;
  if (name == "TMP") return places.tmp;
  if (name == "UID") return places.uid;
  return std::nullopt;
}

}  // namespace

tl::expected<std::string, std::string> expand(std::string_view text, const Places& places) {
  std::string out;
  std::size_t at = 0;
  if (text.starts_with('~') && (text.size() == 1 || text[1] == '/')) {
    out = places.home;
    at = 1;
  }
  while (at < text.size()) {
    if (text.substr(at, 2) != "${") {
      out += text[at++];
      continue;
    }
    const auto end = text.find('}', at);
    if (end == std::string_view::npos) return Failure("has a ${ without its }");
    const auto value = value_of(text.substr(at + 2, end - at - 2), places);
    if (!value)
      return Failure("names a variable that does not exist; there are ${PROJECT}, ${HOME}, ${TMP} and ${UID}");
    if (value->empty()) return Failure("names a variable that has no value here");
    out += *value;
    at = end + 1;
  }
  return out;
}

tl::expected<Glob, std::string> parse_glob(std::string_view text, Pattern::Over over, const Places& places) {
  if (text.empty()) return Failure("is empty");
  if (text.size() > kMaxLength) return Failure("is longer than 4096 bytes");
  return Parser(text, over, places).whole();
}

}  // namespace assent::decide
