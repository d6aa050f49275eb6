// assent log: what was decided in a session, a line a record; follows one that runs.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <sstream>
#include <thread>

#include "base/duration.h"
#include "base/show.h"
#include "base/sys.h"
#include "cli/exit_status.h"
#include "cli/record_view.h"
#include "record/clock_text.h"
#include "record/log_reader.h"
#include "record/query.h"
#include "record/session_dir.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;
using record::Json;

po::options_description described() {
  po::options_description all("options");
  auto add = all.add_options();
  add("follow,f", "wait for more until the session ends");
  add("denied", "only what was refused");
  add("path", po::value<std::string>()->value_name("PATH"),
      "only what touched PATH or lies below it; a glob is possible");
  add("since", po::value<std::string>()->value_name("TIME"), "only from then on: 10m (ago), or 2026-11-21T02:15 (UTC)");
  add("all,a", "every record, process starts too");
  add("json", "the records themselves, a JSON object a line");
  add("help,h", "this text");
  return all;
}

Result<std::string> since_text(const std::string& word) {
  if (word.size() >= 10 && word[4] == '-' && word[7] == '-') return word;
  const auto ago = parse_duration(word);
  if (!ago) return fail(EINVAL, fmt::format("'{}' is no time", show(word)));
  record::ClockText text;
  return std::string(text.at({::time(nullptr) - static_cast<std::time_t>(ago->count()), 0}));
}

// A line of ours is printable already; what somebody else put there is made so.
std::string printable(std::string_view line, const Json& record) {
  const bool plain = std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
  return plain ? std::string(line) : record.dump(-1, ' ', true, Json::error_handler_t::replace);
}

struct Wanted {
  record::Query query;
  bool all = false;
  bool json = false;
  bool follow = false;
};

int print_log(const std::string& path, const Wanted& wanted) {
  auto reader = record::LogReader::open(path);
  if (!reader) return complain("log", reader.error().what, kFailed);
  auto directory = sys::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
  if (!directory) return complain("log", directory.error().what, kFailed);
  RecordView view{Paint(STDOUT_FILENO)};
  bool unreadable = false;
  // Whether it runs is asked before the last look, so what it wrote at the very end is still shown.
  for (bool running = true; running;) {
    running = wanted.follow && record::is_running(directory->get());
    while (const auto line = reader->next()) {
      const auto record = record::parse_record(line->text);
      if (!record) {
        unreadable = true;
        fmt::print(stderr, "assent: cannot read line {} of the log: not a record; see 'assent verify'\n", line->number);
        continue;
      }
      if (record::kind_of(line->text) == "end") running = false;
      if (!wanted.query.matches(*record)) {
        view.remember(*record);
        continue;
      }
      if (wanted.json) {
        fmt::print("{}\n", printable(line->text, *record));
        continue;
      }
      auto text = view.line(*record);
      if (text.empty() && wanted.all)
        text = fmt::format("{:>6}  {}", record::number_of(*record, "seq"), printable(line->text, *record));
      if (!text.empty()) fmt::print("{}\n", text);
    }
    std::fflush(stdout);
    if (running) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  if (reader->cut() || reader->torn() > 0) {
    unreadable = true;
    fmt::print(stderr, "assent: the log is not whole at its end; see 'assent verify'\n");
  }
  return unreadable ? kNegative : kOk;
}

}  // namespace

int log_main(Arguments arguments) {
  const auto options = described();
  const auto parsed = parse_words(arguments, options, 1);
  if (!parsed) return complain("log", parsed.error().what, kUsage);
  const auto& given = parsed->given;
  if (given.count("help") != 0) {
    std::ostringstream text;
    text << options;
    fmt::print(
        "usage: assent log [SESSION] [options]\n\nWhat was decided. SESSION: an id, the beginning of one, or 'last' "
        "(the default).\n\n{}",
        text.str());
    return kOk;
  }
  Wanted wanted;
  wanted.follow = given.count("follow") != 0;
  wanted.all = given.count("all") != 0;
  wanted.json = given.count("json") != 0;
  wanted.query.denied = given.count("denied") != 0;
  if (given.count("path") != 0) {
    auto path = std::filesystem::path(given["path"].as<std::string>());
    std::error_code error;
    if (path.is_relative()) path = std::filesystem::current_path(error) / path;
    auto text = path.lexically_normal().string();
    while (text.size() > 1 && text.back() == '/') text.pop_back();
    wanted.query.path = text;
  }
  if (given.count("since") != 0) {
    const auto since = since_text(given["since"].as<std::string>());
    if (!since) return complain("log", since.error().what, kUsage);
    wanted.query.since = *since;
  }
  const auto state = record::state_directory();
  if (!state) return complain("log", state.error().what, kFailed);
  const auto session = record::find_session(*state, parsed->words.empty() ? "last" : parsed->words.front());
  if (!session) return complain("log", session.error().what, kFailed);
  return print_log(record::session_path(*state, *session), wanted);
}

}  // namespace assent::cli
