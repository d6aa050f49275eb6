#include "decide/pattern.h"

#include <re2/re2.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "decide/glob_syntax.h"

namespace assent::decide {

namespace {

using Failure = tl::unexpected<std::string>;

constexpr int kMaxMemory = 1 << 20;  // of one compiled pattern, bytes

// Bytes that mean themselves, in and out of a set.
bool is_plain(unsigned char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '/' ||
         byte == '_';
}

void append_byte(std::string& out, unsigned char byte) {
  if (is_plain(byte)) {
    out += static_cast<char>(byte);
    return;
  }
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\x";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

void append_set(std::string& out, const ByteSet& set) {
  out += '[';
  for (unsigned from = 0; from < 256; ++from) {
    if (!set.test(from)) continue;
    unsigned to = from;
    while (to + 1 < 256 && set.test(to + 1)) ++to;
    append_byte(out, static_cast<unsigned char>(from));
    if (to > from) {
      out += '-';
      append_byte(out, static_cast<unsigned char>(to));
    }
    from = to;
  }
  out += ']';
}

bool is_slash(const Piece& piece) { return std::holds_alternative<char>(piece) && std::get<char>(piece) == '/'; }

void append_regex(std::string& out, const Glob& glob, Pattern::Over over) {
  for (std::size_t i = 0; i < glob.size(); ++i) {
    const Piece& piece = glob[i];
    if (const char* byte = std::get_if<char>(&piece)) {
      append_byte(out, static_cast<unsigned char>(*byte));
    } else if (std::holds_alternative<AnyRun>(piece)) {
      out += "[^/]*";
    } else if (std::holds_alternative<AnyByte>(piece)) {
      out += over == Pattern::Over::Path ? "[^/]" : "(?s:.)";
    } else if (const auto* set = std::get_if<ByteSet>(&piece)) {
      append_set(out, *set);
    } else if (const auto* choice = std::get_if<Choice>(&piece)) {
      out += "(?:";
      for (std::size_t b = 0; b < choice->branches.size(); ++b) {
        if (b > 0) out += '|';
        append_regex(out, choice->branches[b], over);
      }
      out += ')';
    } else {  // AnyDeep
      const bool whole_component = over == Pattern::Over::Path && (i == 0 || is_slash(glob[i - 1]));
      if (whole_component && i + 1 < glob.size() && is_slash(glob[i + 1])) {
        out += "(?:(?s:.*)/)?";  // "**/" also stands for nothing
        ++i;
      } else {
        out += whole_component ? "(?s:.+)" : "(?s:.*)";
      }
    }
  }
}

std::string literal_start(const Glob& glob) {
  std::string out;
  for (const Piece& piece : glob) {
    if (!std::holds_alternative<char>(piece)) break;
    out += std::get<char>(piece);
  }
  return out;
}

// The bytes from `begin` to the end where all of them are literal.
bool literal_end(const Glob& glob, std::size_t begin, std::string& out) {
  out.clear();
  for (std::size_t i = begin; i < glob.size(); ++i) {
    if (!std::holds_alternative<char>(glob[i])) return false;
    out += std::get<char>(glob[i]);
  }
  return !out.empty();
}

// The longest run of bytes that every match must hold, behind the first `begin` pieces.
std::string needle_of(const Glob& glob, std::size_t begin) {
  std::string longest;
  std::string run;
  for (std::size_t i = begin; i < glob.size(); ++i) {
    if (std::holds_alternative<char>(glob[i])) {
      run += std::get<char>(glob[i]);
      if (run.size() > longest.size()) longest = run;
    } else {
      run.clear();
    }
  }
  return longest;
}

bool contains(std::string_view text, std::string_view needle) {
  return ::memmem(text.data(), text.size(), needle.data(), needle.size()) != nullptr;
}

bool has_slash(const Glob& glob) {
  return std::any_of(glob.begin(), glob.end(), [](const Piece& piece) {
    if (is_slash(piece) || std::holds_alternative<AnyDeep>(piece)) return true;
    const auto* choice = std::get_if<Choice>(&piece);
    return choice != nullptr && std::any_of(choice->branches.begin(), choice->branches.end(), has_slash);
  });
}

// Canonical paths have none of these, so a pattern with one could never match.
std::string unmatchable(const Glob& glob) {
  std::string flat;
  for (const Piece& piece : glob) flat += std::holds_alternative<char>(piece) ? std::get<char>(piece) : '*';
  if (flat.size() > 1 && flat.ends_with('/'))
    return "ends in a slash; write dir for the folder, dir/** for what is below it";
  flat += '/';
  if (flat.find("//") != std::string::npos && flat != "//") return "has two slashes together, which no path has";
  if (flat.find("/./") != std::string::npos) return "has a component \".\", which no path has";
  if (flat.find("/../") != std::string::npos) return "has a component \"..\", which no path has";
  return {};
}

std::unique_ptr<const re2::RE2> compile_regex(const std::string& source) {
  re2::RE2::Options options(re2::RE2::Latin1);  // bytes, not UTF-8
  options.set_log_errors(false);
  options.set_max_mem(kMaxMemory);
  options.set_longest_match(false);
  return std::make_unique<const re2::RE2>(source, options);
}

std::string_view last_component(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool is_below(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() + 1 && path[folder.size()] == '/' && path.starts_with(folder);
}

}  // namespace

class Pattern::LazyRegex {
 public:
  static tl::expected<std::shared_ptr<LazyRegex>, std::string> create(const std::string& source) {
    auto out = std::make_shared<LazyRegex>(source);
    // Without counted repetitions a program is never longer than its source, so a short one always fits.
    if (source.size() > kSurelyFits && !out->get().ok()) return Failure("is too large");
    return out;
  }
  explicit LazyRegex(std::string source) : source_(std::move(source)) {}
  const re2::RE2& get() {
    std::call_once(once_, [this] {
      regex_ = compile_regex(source_);
      if (!regex_->ok() && source_.size() <= kSurelyFits) std::abort();  // no memory: no rule can be trusted any more
    });
    return *regex_;
  }

 private:
  static constexpr std::size_t kSurelyFits = 4096;
  std::string source_;
  std::once_flag once_;
  std::unique_ptr<const re2::RE2> regex_;
};

tl::expected<Pattern, std::string> Pattern::compile(std::string_view text, Over over, const Places& places) {
  auto parsed = parse_glob(text, over, places);
  if (!parsed) return Failure(std::move(parsed.error()));
  Glob& glob = *parsed;
  Pattern out;
  const bool by_name = over == Over::Path && !has_slash(glob);

  if (over == Over::Path && !by_name) {
    const bool any_depth = std::holds_alternative<AnyDeep>(glob.front());
    if (any_depth) glob.insert(glob.begin(), Piece('/'));  // "**/name" is "/**/name"
    if (!is_slash(glob.front())) {
      return Failure("is neither absolute nor a plain name; begin it with /, ~/, ${PROJECT}/ or **/");
    }
    if (auto why = unmatchable(glob); !why.empty()) return Failure(std::move(why));
  }
  if (by_name && (text == "." || text == "..")) return Failure("names a component that no path has");

  out.source_.reserve(2 * glob.size());
  append_regex(out.source_, glob, over);
  out.literal_ = literal_start(glob);
  const std::size_t fixed = out.literal_.size();
  const bool all_literal = fixed == glob.size();

  if (by_name && all_literal) {
    out.kind_ = Kind::Name;
    out.name_ = std::move(out.literal_);
    return out;
  }
  if (all_literal) {
    out.kind_ = Kind::Exact;
    return out;
  }
  if (over == Over::Path && !by_name && std::holds_alternative<AnyDeep>(glob[fixed]) && out.literal_.ends_with('/')) {
    const std::string folder = out.literal_.substr(0, fixed - 1);
    if (fixed + 1 == glob.size()) {
      out.kind_ = folder.empty() ? Kind::Everything : Kind::Below;
      out.literal_ = folder;
      return out;
    }
    if (is_slash(glob[fixed + 1]) && literal_end(glob, fixed + 1, out.name_)) {
      out.kind_ = Kind::EndBelow;
      out.literal_ = folder;
      return out;
    }
  }
  auto regex = LazyRegex::create(out.source_);
  if (!regex) return Failure(std::move(regex.error()));
  out.kind_ = by_name ? Kind::NameGlob : Kind::Glob;
  out.name_ = needle_of(glob, fixed);
  out.glob_ = std::move(*regex);
  return out;
}

bool Pattern::matches(std::string_view bytes) const {
  const auto glob_matches = [this](std::string_view text) {
    return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), glob_->get());
  };
  switch (kind_) {
    case Kind::Everything:
      return bytes.size() > 1 && bytes.front() == '/';
    case Kind::Exact:
      return bytes == literal_;
    case Kind::Below:
      return is_below(bytes, literal_);
    case Kind::Name:
      return last_component(bytes) == name_;
    case Kind::EndBelow:
      return bytes.size() >= literal_.size() + name_.size() && bytes.ends_with(name_) && bytes.starts_with(literal_) &&
             bytes[literal_.size()] == '/';
    case Kind::Glob:
      return bytes.starts_with(literal_) && contains(bytes, name_) && glob_matches(bytes);
    case Kind::NameGlob:
      return glob_matches(last_component(bytes));
  }
  return false;
}

// Most say no at once of the whole way up: what begins or holds no such bytes has no folder that does.
bool Pattern::matches_above(std::string_view path) const {
  if (path.size() <= 1) return false;
  switch (kind_) {
    case Kind::Everything:
    case Kind::Below:
      return matches(path);
    case Kind::Exact:
      return path == literal_ || is_below(path, literal_);
    case Kind::Name:
      if (!contains(path, name_)) return false;
      break;
    case Kind::EndBelow:
    case Kind::Glob:
      if (!path.starts_with(literal_) || !contains(path, name_)) return false;
      break;
    case Kind::NameGlob:
      break;
  }
  while (path.size() > 1) {
    if (matches(path)) return true;
    const auto slash = path.rfind('/');
    path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
  return false;
}

std::optional<std::string> Pattern::literal() const {
  return kind_ == Kind::Exact ? std::optional(literal_) : std::nullopt;
}

bool Pattern::covers(const Pattern& other) const {
  if (kind_ == Kind::Everything) return other.kind_ != Kind::Exact || other.literal_ != "/";
  if (source_ == other.source_ && (kind_ == Kind::NameGlob) == (other.kind_ == Kind::NameGlob)) return true;
  if (other.kind_ == Kind::Exact) return matches(other.literal_);
  if (kind_ != Kind::Below) return false;
  switch (other.kind_) {
    case Kind::Below:
    case Kind::EndBelow:
      return other.literal_ == literal_ || is_below(other.literal_, literal_);
    case Kind::Glob:
      return other.literal_.starts_with(literal_ + "/");
    case Kind::Everything:
    case Kind::Exact:
    case Kind::Name:
    case Kind::NameGlob:
      return false;
  }
  return false;
}

}  // namespace assent::decide
