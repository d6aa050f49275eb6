// The picture of `assent watch`: a model laid out for a terminal of any size. Pure: values in, lines out. Everything
// that came from outside has passed show(), and no line is wider than the screen.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/watch_model.h"

namespace assent::cli {

struct WatchLine {
  enum class Look { Plain, Bold, Dim, Reverse, Warning, Good, Selected };
  std::string text;
  Look look = Look::Plain;
};

struct WatchPicture {
  std::vector<WatchLine> lines;       // at most `rows`
  std::optional<std::size_t> cursor;  // in the last line, where something is typed
  std::size_t most_scroll = 0;        // lines that the details could still go up by
  bool shows_question = false;        // enough of the selected one is there to answer it
};

// The same width in letters that every terminal has; for those that are of another character set than UTF-8, where the
// bytes of a name could be orders to the terminal.
std::string in_ascii(std::string_view text);

WatchPicture lay_out(const WatchModel& model, std::size_t columns, std::size_t rows, WatchModel::Clock::time_point now);

}  // namespace assent::cli
