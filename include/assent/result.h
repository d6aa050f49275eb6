// Result<T>: a value, or an errno with one sentence. Source: tl::expected, made nodiscard.
// Exceptions never cross a room's edge; a function that can fail returns one of these.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace assent {

// code: an errno value, never 0. what: "cannot <verb> <object>: <why>", already safe to show.
struct Error {
  int code = EPERM;
  std::string what;

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

using Status = Result<void>;

inline tl::unexpected<Error> fail(int code, std::string what = {}) {
  return tl::unexpected<Error>(Error{code, std::move(what)});
}

// Passes an Error on to a Result of another type.
template <class T>
tl::unexpected<Error> pass(Result<T>&& failed) {
  return tl::unexpected<Error>(std::move(failed).error());
}

}  // namespace assent
