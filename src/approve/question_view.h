// The words of a question, laid out for a terminal of any size. Pure: values in, lines out. Everything that came from
// outside passes show(), so a line holds no byte that a terminal acts on, besides the few attributes put in here.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "assent/question.h"

namespace assent::approve {

enum class Colour { No, Yes };

struct QuestionView {
  enum class Mode { Keys, Reason, Confirm, Details };

  std::size_t columns = 80;
  std::size_t rows = 24;
  Colour colour = Colour::No;
  std::chrono::seconds left{0};
  std::size_t waiting = 0;  // other questions behind this one
  std::size_t merged = 1;   // calls that ask this very question
  std::string mark;         // a word that the agent does not know; empty: none
  Mode mode = Mode::Keys;
  Scope scope = Scope::Once;  // for Confirm: what is being confirmed
  std::string input;          // what has been typed (raw)
  std::string message;        // one line to the human
  std::size_t page = 0;       // for Details
};

struct Line {
  enum class Look { Plain, Bold, Reverse, Warning };
  std::string text;
  Look look = Look::Plain;
};

// At most `rows` lines of at most `columns` columns; the last one is where the human types. At least 20 × 4.
std::vector<Line> lay_out(const Question& question, const QuestionView& view);

// How many pages Mode::Details has.
std::size_t pages_of(const Question& question, const QuestionView& view);

// The question's facts alone, most important first, each in as many lines as it needs; nothing is cut.
std::vector<Line> everything_of(const Question& question, std::size_t columns);

// The same in at most `rows` lines: what matters most stays, long names are cut in the middle.
std::vector<Line> facts_in(const Question& question, std::size_t columns, std::size_t rows);

// "cannot be undone" …
std::string_view words_of(Recovery recovery);

// Text that is safe already, broken into lines of at most `columns`; at spaces where that is possible.
std::vector<std::string> wrap(std::string_view shown, std::size_t columns);

std::string human_bytes(std::uint64_t bytes);       // "3.4 MB"
std::string human_count(std::uint64_t number);      // "1,204"
std::string human_left(std::chrono::seconds left);  // "4:58"
std::string what_lies_below(const Radius& radius);  // "at least 1,204 files, 3.4 MB; 12 not in git; 0 outside …"

}  // namespace assent::approve
