// assent sessions: what ran, newest last.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/record_view.h"
#include "record/session_dir.h"
#include "record/summary.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;
using record::SessionState;
using record::SessionSummary;

void print_json(const SessionSummary& session) {
  nlohmann::ordered_json out;
  out["session"] = session.session;
  if (!session.name.empty()) out["name"] = show(session.name);
  out["started"] = show(session.started);
  out["seconds"] = session.seconds;
  out["state"] = name(session.state);
  if (!session.reason.empty()) out["reason"] = show(session.reason);
  if (session.status >= 0) out["status"] = session.status;
  out["command"] = nlohmann::ordered_json::array();
  for (const auto& word : session.command) out["command"].push_back(show(word));
  out["cwd"] = show(session.cwd);
  out["project"] = show(session.project);
  out["mode"] = show(session.mode);
  out["asked"] = session.counts.asked;
  out["denied"] = session.counts.denied;
  out["allowed"] = session.counts.allowed;
  fmt::print("{}\n", out.dump());
}

Colour colour_of(SessionState state) {
  switch (state) {
    case SessionState::Running:
      return Colour::Green;
    case SessionState::Ended:
      return Colour::Plain;
    case SessionState::Crashed:
      return Colour::Red;
  }
  return Colour::Plain;
}

void print_row(const SessionSummary& session, const Paint& paint) {
  fmt::print("{}  {}  {:>7}  {}  {:>5} {:>6} {:>7}  {}{}\n", session.session,
             local_time(session.started, TimeStyle::DateAndTime), duration_text(session.seconds),
             paint(colour_of(session.state), fmt::format("{:<7}", name(session.state))), session.counts.asked,
             session.counts.denied, session.counts.allowed, session.name.empty() ? "" : show(session.name, 20) + ": ",
             show_command(session.command, 60));
}

}  // namespace

int sessions_main(Arguments arguments) {
  po::options_description options("options");
  options.add_options()("json", "one JSON object a line")("help,h", "this text");
  const auto parsed = parse_words(arguments, options, 0);
  if (!parsed) return complain("sessions", parsed.error().what, kUsage);
  if (parsed->given.count("help") != 0) {
    std::ostringstream text;
    text << options;
    fmt::print("usage: assent sessions [--json]\n\nLists the sessions of this user, newest last.\n\n{}", text.str());
    return kOk;
  }
  const auto state = record::state_directory();
  if (!state) return complain("sessions", state.error().what, kFailed);
  const auto sessions = record::list_sessions(*state);
  if (!sessions) return complain("sessions", sessions.error().what, kFailed);
  const bool json = parsed->given.count("json") != 0;
  const Paint paint(STDOUT_FILENO);
  if (!json && !sessions->empty()) {
    fmt::print("{:<20}  {:<19}  {:>7}  {:<7}  {:>5} {:>6} {:>7}  {}\n", "SESSION", "STARTED", "RAN", "STATE", "ASKED",
               "DENIED", "ALLOWED", "COMMAND");
  }
  int status = kOk;
  for (const auto& session : *sessions) {
    if (record::never_began(*state, session)) continue;
    const auto summary = record::summarize(*state, session);
    if (!summary) {
      status = complain("sessions", fmt::format("cannot read session {}: {}", session, summary.error().what), kFailed);
    } else if (json) {
      print_json(*summary);
    } else {
      print_row(*summary, paint);
    }
  }
  return status;
}

}  // namespace assent::cli
