#include "cli/record_view.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/program_options/parsers.hpp>
#include <cmath>
#include <cstdlib>
#include <ctime>

#include "base/show.h"
#include "record/summary.h"

namespace assent::cli {

namespace po = boost::program_options;
using record::bytes_array_of;
using record::bytes_of;
using record::Json;
using record::number_of;

Result<RecordArguments> parse_words(Arguments arguments, const po::options_description& options,
                                    std::size_t most_words) {
  RecordArguments out;
  try {
    po::options_description all(options);
    all.add_options()("word", po::value<std::vector<std::string>>());
    po::positional_options_description words;
    words.add("word", -1);
    const std::vector<std::string> copy(arguments.begin(), arguments.end());
    po::store(po::command_line_parser(copy).options(all).positional(words).run(), out.given);
    po::notify(out.given);
  } catch (const po::error& error) {
    return fail(EINVAL, show(error.what()));
  }
  if (out.given.count("word") != 0) out.words = out.given["word"].as<std::vector<std::string>>();
  if (out.words.size() > most_words)
    return fail(EINVAL, fmt::format("'{}' is one word too many", show(out.words[most_words])));
  return out;
}

int complain(std::string_view verb, std::string_view why, int status) {
  // What fails in the record room says "cannot …" itself.
  if (why.starts_with("cannot ")) {
    fmt::print(stderr, "assent: {}\n", why);
  } else {
    fmt::print(stderr, "assent: cannot {}: {}; see 'assent {} --help'\n", verb, why, verb);
  }
  return status;
}

Paint::Paint(int fd) {
  const char* no = std::getenv("NO_COLOR");
  on_ = (no == nullptr || no[0] == '\0') && ::isatty(fd) == 1;
}

std::string Paint::operator()(Colour colour, std::string_view text) const {
  if (!on_) return std::string(text);
  switch (colour) {
    case Colour::Plain:
      return std::string(text);
    case Colour::Red:
      return fmt::format("\x1b[31m{}\x1b[0m", text);
    case Colour::Green:
      return fmt::format("\x1b[32m{}\x1b[0m", text);
    case Colour::Yellow:
      return fmt::format("\x1b[33m{}\x1b[0m", text);
    case Colour::Dim:
      return fmt::format("\x1b[2m{}\x1b[0m", text);
  }
  return std::string(text);
}

std::string local_time(const std::string& recorded, TimeStyle style) {
  const double seconds = record::seconds_of(recorded);
  if (seconds < 0) return style == TimeStyle::Time ? "--:--:--" : "-";
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm local{};
  ::localtime_r(&whole, &local);
  const auto time = fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
  if (style == TimeStyle::Time) return time;
  return fmt::format("{:04}-{:02}-{:02} {}", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday, time);
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<long long>(seconds);
  if (seconds < 10) return fmt::format("{:.1f}s", seconds);
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
}

void RecordView::remember(const Json& record) {
  const auto kind = bytes_of(record, "kind");
  if (kind == "begin") cwd_ = bytes_of(record, "cwd");
  if (kind != "process") return;
  const auto argv = bytes_array_of(record, "argv");
  auto name = argv.empty() ? bytes_of(record, "exe") : argv.front();
  name = name.substr(name.rfind('/') + 1);
  processes_[number_of(record, "process")] = fmt::format("{}[{}]", show(name, 24), number_of(record, "pid"));
}

std::string RecordView::who(const Json& record) const {
  const auto found = processes_.find(number_of(record, "process"));
  return found == processes_.end() ? "?" : found->second;
}

std::string RecordView::place(const std::string& path) const {
  const bool below =
      cwd_.size() > 1 && path.size() > cwd_.size() + 1 && path.starts_with(cwd_) && path[cwd_.size()] == '/';
  return show(below ? path.substr(cwd_.size() + 1) : path);
}

std::string RecordView::act_line(const Json& record) const {
  std::string what;
  for (const auto& subject : record::subjects_of(record)) {
    if (!what.empty()) what += ", ";
    what += show(subject.operation) + " " + place(subject.object);
  }
  if (what.empty()) what = show(bytes_of(record, "call"));
  if (bytes_of(record, "kind") == "exec") {
    what = "exec " + show_command(bytes_array_of(record::child_of(record, "exec"), "argv"));
  }
  const bool denied = record::judgement_of(record) == record::Judgement::Denied;
  auto line = fmt::format("{} {}", paint_(denied ? Colour::Red : Colour::Green, denied ? "denied " : "allowed"), what);
  line += fmt::format("  {}", paint_(Colour::Dim, who(record)));
  if (const auto rule = bytes_of(record, "rule"); !rule.empty()) line += "  " + show(rule);
  if (const auto by = bytes_of(record, "by"); !by.empty()) line += "  by " + show(by);
  if (const auto error = bytes_of(record, "error"); !error.empty()) line += ": " + show(error);
  const auto outcome = bytes_of(record, "outcome");
  if (!denied && !outcome.empty() && outcome != "ok" && outcome != "continued") {
    line += "  " + paint_(Colour::Yellow, show(outcome));
  }
  return line;
}

std::string RecordView::line(const Json& record) {
  remember(record);
  const auto kind = bytes_of(record, "kind");
  std::string text;
  if (kind == "act" || kind == "exec") {
    text = act_line(record);
  } else if (kind == "begin") {
    text = fmt::format("session {} of {} in {}", show(bytes_of(record, "session")),
                       show_command(bytes_array_of(record, "command")), show(bytes_of(record, "cwd")));
  } else if (kind == "question") {
    text =
        fmt::format("{} #{}: {} {}  {}", paint_(Colour::Yellow, "asked  "), number_of(record, "question"),
                    show(bytes_of(record, "op")), place(bytes_of(record, "object")), paint_(Colour::Dim, who(record)));
  } else if (kind == "answer") {
    text = fmt::format("{} #{}: {} by {} after {}", paint_(Colour::Yellow, "answer "), number_of(record, "question"),
                       show(bytes_of(record, "answer")), show(bytes_of(record, "by")),
                       duration_text(static_cast<double>(number_of(record, "took_ms")) / 1000));
    if (const auto scope = bytes_of(record, "scope"); !scope.empty()) text += fmt::format(" ({})", show(scope));
    if (const auto why = bytes_of(record, "answer_reason"); !why.empty()) text += ": " + show(why);
  } else if (kind == "outcome") {
    const auto outcome = bytes_of(record, "outcome");
    if (outcome == "ok") return {};
    text = fmt::format("{} act {}: {}", paint_(Colour::Yellow, "outcome"), number_of(record, "of"), show(outcome));
  } else if (kind == "exit") {
    const auto signal = number_of(record, "signal");
    // Kernels before 6.15 do not tell how.
    const std::string how = signal != 0                  ? fmt::format(" by signal {}", signal)
                            : !record.contains("status") ? ""
                                                         : fmt::format(" with {}", number_of(record, "status"));
    text = paint_(Colour::Dim, fmt::format("exit    {}{}", who(record), how));
  } else if (kind == "note" || kind == "failure" || kind == "settled") {
    text = fmt::format("{:<7} {}", kind, show(bytes_of(record, "text")));
  } else if (kind == "end") {
    text = fmt::format("end     {}: {} allowed, {} denied, {} asked", show(bytes_of(record, "reason")),
                       number_of(record, "allowed"), number_of(record, "denied"), number_of(record, "asked"));
  } else if (kind == "process" || kind == "staged") {
    return {};
  } else {
    text = "unknown record of kind " + show(kind);
  }
  return fmt::format("{:>6}  {}  {}", number_of(record, "seq"),
                     paint_(Colour::Dim, local_time(bytes_of(record, "time"), TimeStyle::Time)), text);
}

}  // namespace assent::cli
