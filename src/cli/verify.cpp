// assent verify: recomputes the chain of one session, or of all and of the list of heads.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/record_view.h"
#include "record/session_dir.h"
#include "record/verify.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;
using record::Verification;

void print_json(const Verification& result) {
  nlohmann::ordered_json out;
  if (result.session.empty()) {
    out["heads"] = "heads.jsonl";
  } else {
    out["session"] = result.session;
    out["state"] = name(result.state);
    out["records"] = result.records;
    out["head"] = record::view(result.head);
  }
  out["sound"] = !result.bad.has_value();
  if (result.bad) {
    out["line"] = result.bad->line;
    out["damage"] = name(result.bad->damage);
    out["detail"] = show(result.bad->detail);
  }
  fmt::print("{}\n", out.dump());
}

void print_text(const Verification& result, const Paint& paint) {
  const auto what = result.session.empty() ? std::string("heads.jsonl") : result.session;
  if (!result.bad) {
    fmt::print("{}  {}  {} records, {}, head {}\n", what, paint(Colour::Green, "sound "), result.records,
               name(result.state), record::view(result.head));
    return;
  }
  const auto where = result.bad->line != 0 ? fmt::format(" line {}", result.bad->line) : std::string();
  fmt::print("{}  {}{} {}: {}\n", what, paint(Colour::Red, "BROKEN"), where, name(result.bad->damage),
             result.bad->detail);
}

}  // namespace

int verify_main(Arguments arguments) {
  po::options_description options("options");
  options.add_options()("json", "one JSON object a line")("help,h", "this text");
  const auto parsed = parse_words(arguments, options, 1);
  if (!parsed) return complain("verify", parsed.error().what, kUsage);
  if (parsed->given.count("help") != 0) {
    std::ostringstream text;
    text << options;
    fmt::print(
        "usage: assent verify [SESSION] [--json]\n\nRecomputes the chain of SESSION, else of every session and of "
        "the list of heads. Exit status 1 and the first\nbad line where something was changed, dropped, swapped or "
        "cut. "
        "Who keeps the head of a session elsewhere can\nprove later that nothing before it was rewritten.\n\n{}",
        text.str());
    return kOk;
  }
  const auto state = record::state_directory();
  if (!state) return complain("verify", state.error().what, kFailed);
  std::vector<Verification> results;
  if (!parsed->words.empty()) {
    // A session that is gone is still named by its whole id.
    const auto& word = parsed->words.front();
    const auto session = record::is_session_id(word) ? Result<std::string>(word) : record::find_session(*state, word);
    if (!session) return complain("verify", session.error().what, kFailed);
    results.push_back(record::verify(*state, *session));
  } else {
    auto all = record::verify_all(*state);
    if (!all) return complain("verify", all.error().what, kFailed);
    results = std::move(*all);
  }
  const Paint paint(STDOUT_FILENO);
  const bool json = parsed->given.count("json") != 0;
  int status = kOk;
  for (const auto& result : results) {
    json ? print_json(result) : print_text(result, paint);
    if (result.bad) status = kNegative;
  }
  return status;
}

}  // namespace assent::cli
