// What the verbs that read the record share: their command line, colour, and one record as a line for people.
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "assent/result.h"
#include "cli/verbs.h"
#include "record/entry.h"

namespace assent::cli {

struct RecordArguments {
  boost::program_options::variables_map given;
  std::vector<std::string> words;  // what is no option, in order
};
// Options and words in any order. Nothing is thrown; an error is safe to show.
Result<RecordArguments> parse_words(Arguments arguments, const boost::program_options::options_description& options,
                                    std::size_t most_words);

// "assent: cannot <verb>: <why>" on stderr; gives `status`.
int complain(std::string_view verb, std::string_view why, int status);

enum class Colour { Plain, Red, Green, Yellow, Dim };
class Paint {
 public:
  explicit Paint(int fd);  // colour only on a terminal, and not where NO_COLOR is set
  [[nodiscard]] std::string operator()(Colour colour, std::string_view text) const;

 private:
  bool on_;
};

// "14:03:22" local time, or with the date where `with_date`.
enum class TimeStyle { Time, DateAndTime };
std::string local_time(const std::string& recorded, TimeStyle style);
std::string duration_text(double seconds);

// Turns records, given in order, into lines; remembers the processes that later records refer to.
class RecordView {
 public:
  explicit RecordView(Paint paint) : paint_(paint) {}
  // Empty: nothing to show (a process, an outcome that is good).
  std::string line(const record::Json& record);
  // Takes note of a record that is not shown itself.
  void remember(const record::Json& record);

 private:
  [[nodiscard]] std::string who(const record::Json& record) const;
  [[nodiscard]] std::string place(const std::string& path) const;
  [[nodiscard]] std::string act_line(const record::Json& record) const;

  Paint paint_;
  std::string cwd_;
  std::map<std::uint64_t, std::string> processes_;  // "rm[4001]"
};

}  // namespace assent::cli
