// Pattern: a glob over bytes, compiled once, matched without allocating.
//
//   *      any bytes within one component      **     any bytes, across components ("**/" also stands for nothing)
//   ?      one byte, not a slash               [a-z]  one byte of a set; [!a-z] one that is not; never a slash
//   {a,b}  one of several, may be nested       \x     the byte x itself; \xHH the byte of that number
//   ${PROJECT} ${HOME} ${TMP} ${UID} and a leading ~ stand for their values, never read as a glob
//
// A path pattern is matched against the whole absolute path; without a slash it is matched against the last component,
// so it names files at any depth. "dir/**" means what is below dir, never dir itself.
#pragma once

#include <tl/expected.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace assent::decide {

// What the variables of a profile stand for. Absolute canonical paths without a slash at the end.
struct Places {
  std::string project;
  std::string home;
  std::string tmp = "/tmp";
  std::string uid;
};

// Expands a leading ~ and ${NAME} in a plain path (no glob). Error: one sentence.
tl::expected<std::string, std::string> expand(std::string_view text, const Places& places);

class Pattern {
 public:
  enum class Over {
    Path,      // rules described above
    Argument,  // one word of a command line: * and ? match slashes too, top-level a|b means a or b, nothing expands
  };

  // Error: one sentence that says what is wrong with the pattern, without naming the pattern.
  static tl::expected<Pattern, std::string> compile(std::string_view text, Over over, const Places& places);

  [[nodiscard]] bool matches(std::string_view bytes) const;
  // Whether it matches an absolute path, or a folder that the path lies in.
  [[nodiscard]] bool matches_above(std::string_view path) const;

  // True only where every path that `other` matches is surely matched by this one. Used to find rules that can
  // never be reached; false where it cannot be told.
  [[nodiscard]] bool covers(const Pattern& other) const;

  // The one path that it matches, where it has no wild card and is no plain name.
  [[nodiscard]] std::optional<std::string> literal() const;

 private:
  enum class Kind {
    Everything,  // "/**": every absolute path but the root
    Exact,       // literal_ is the whole
    Below,       // literal_ is a folder; matches what is below it
    Name,        // the last component is name_
    EndBelow,    // below literal_ (any depth), ending in name_, which begins with a slash
    Glob,        // every match begins with literal_ and holds name_; glob_ decides
    NameGlob,    // glob_ over the last component
  };

  Kind kind_ = Kind::Exact;
  std::string literal_;
  std::string name_;
  std::string source_;  // the regular expression, for comparing
  // Compiled when the first path comes that it must judge: of a profile's globs a session needs few. All that can be
  // wrong with one is found before.
  class LazyRegex;
  std::shared_ptr<LazyRegex> glob_;
};

}  // namespace assent::decide
