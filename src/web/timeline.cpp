#include "web/timeline.h"

#include <fmt/format.h>

#include <deque>
#include <map>
#include <nlohmann/json.hpp>

#include "base/show.h"
#include "record/entry.h"
#include "record/log_reader.h"
#include "record/query.h"
#include "record/session_dir.h"
#include "record/summary.h"

namespace assent::web {

namespace {

using record::bytes_array_of;
using record::bytes_of;
using record::Json;
using record::number_of;

constexpr std::size_t kMostSessions = 200;
constexpr std::size_t kMostRows = 300;

Json json_of(const record::SessionSummary& session) {
  return {{"session", session.session},
          {"name", show(session.name)},
          {"command", show_command(session.command)},
          {"project", show(session.project)},
          {"mode", show(session.mode)},
          {"started", show(session.started)},
          {"seconds", session.seconds},
          {"state", record::name(session.state)},
          {"reason", show(session.reason)},
          {"status", session.status},
          {"allowed", session.counts.allowed},
          {"denied", session.counts.denied},
          {"asked", session.counts.asked}};
}

// Records of processes stand before those that name them.
class Processes {
 public:
  void remember(const Json& record) {
    const auto argv = bytes_array_of(record, "argv");
    auto name = argv.empty() ? bytes_of(record, "exe") : argv.front();
    name = name.substr(name.rfind('/') + 1);
    known_[number_of(record, "process")] = fmt::format("{}[{}]", show(name, 24), number_of(record, "pid"));
  }
  [[nodiscard]] std::string who(const Json& record) const {
    const auto found = known_.find(number_of(record, "process"));
    return found == known_.end() ? "" : found->second;
  }

 private:
  std::map<std::uint64_t, std::string> known_;
};

std::string what_of(const Json& record) {
  if (bytes_of(record, "kind") == "exec")
    return "exec " + show_command(bytes_array_of(record::child_of(record, "exec"), "argv"));
  std::string out;
  for (const auto& subject : record::subjects_of(record))
    out += (out.empty() ? "" : ", ") + show(subject.operation) + " " + show(subject.object);
  return out.empty() ? show(bytes_of(record, "call")) : out;
}

Json row_of(const Json& record, const Processes& processes) {
  const auto kind = bytes_of(record, "kind");
  Json row{{"seq", number_of(record, "seq")}, {"time", show(bytes_of(record, "time"))}, {"kind", show(kind)}};
  std::string what;
  std::vector<std::string> more;
  const auto add = [&](std::string_view label, const std::string& value) {
    if (!value.empty()) more.push_back(fmt::format("{}{}", label, show(value)));
  };
  if (kind == "act" || kind == "exec") {
    const bool denied = record::judgement_of(record) == record::Judgement::Denied;
    row["kind"] = denied ? "denied" : "allowed";
    what = what_of(record);
    add("rule ", bytes_of(record, "rule"));
    add("by ", bytes_of(record, "by"));
    add("", bytes_of(record, "error"));
    const auto outcome = bytes_of(record, "outcome");
    if (!denied && outcome != "ok" && outcome != "continued") add("outcome ", outcome);
  } else if (kind == "begin") {
    what = show_command(bytes_array_of(record, "command"));
    add("in ", bytes_of(record, "cwd"));
    add("mode ", bytes_of(record, "mode"));
  } else if (kind == "question") {
    row["kind"] = "asked";
    what = fmt::format("#{}: {} {}", number_of(record, "question"), show(bytes_of(record, "op")),
                       show(bytes_of(record, "object")));
    add("rule ", bytes_of(record, "rule"));
  } else if (kind == "answer") {
    what = fmt::format("#{}: {} by {}", number_of(record, "question"), show(bytes_of(record, "answer")),
                       show(bytes_of(record, "by")));
    add("from ", bytes_of(record, "from"));
    add("for ", bytes_of(record, "scope"));
    more.push_back(fmt::format("after {:.1f} s", static_cast<double>(number_of(record, "took_ms")) / 1000));
    const Json& votes = record::child_of(record, "votes");
    for (const auto& vote : votes.is_array() ? votes : Json::array()) add("yes of ", bytes_of(vote, "by"));
    add("", bytes_of(record, "answer_reason"));
  } else if (kind == "outcome") {
    what = fmt::format("of record {}: {}", number_of(record, "of"), show(bytes_of(record, "outcome")));
  } else if (kind == "exit") {
    const auto signal = number_of(record, "signal");
    // Kernels before 6.15 do not tell how.
    what = signal != 0                  ? fmt::format("ended by signal {}", signal)
           : !record.contains("status") ? "ended"
                                        : fmt::format("ended with {}", number_of(record, "status"));
  } else if (kind == "end") {
    what = show(bytes_of(record, "reason"));
    more.push_back(fmt::format("{} allowed, {} denied, {} asked", number_of(record, "allowed"),
                               number_of(record, "denied"), number_of(record, "asked")));
  } else {
    what = show(bytes_of(record, "text"));
  }
  row["what"] = what;
  row["more"] = more;
  if (kind != "begin" && kind != "end") row["who"] = processes.who(record);
  return row;
}

bool is_wanted(std::string_view kind, std::string_view text, bool denied) {
  if (kind == "process" || kind == "staged" || kind.empty()) return false;
  // An outcome that is good says nothing new, nor does a process that ended well.
  if (kind == "outcome" && text.find("\"outcome\":\"ok\"") != std::string_view::npos) return false;
  if (kind == "exit" && text.find(",\"status\":0,") != std::string_view::npos) return false;
  return !denied || kind == "act" || kind == "exec" || kind == "answer";
}

// Where the last kMostRows begin: found without reading what the lines say.
std::uint64_t last_rows_after(record::LogReader reader, const Part& part) {
  std::deque<std::uint64_t> last;
  while (const auto line = reader.next()) {
    if (part.before != 0 && line->number >= part.before) break;
    if (line->number <= part.after || !is_wanted(record::kind_of(line->text), line->text, false)) continue;
    last.push_back(line->number);
    if (last.size() > kMostRows + 1) last.pop_front();
  }
  return last.size() > kMostRows ? last.front() - 1 : part.after;
}

}  // namespace

Result<Json> sessions_json(const std::string& state) {
  auto names = record::list_sessions(state);
  if (!names) return pass(std::move(names));
  std::erase_if(*names, [&](const auto& name) { return record::never_began(state, name); });
  Json out{{"sessions", Json::array()}, {"more", 0}};
  for (auto at = names->rbegin(); at != names->rend(); ++at) {
    if (out["sessions"].size() == kMostSessions) {
      out["more"] = names->size() - kMostSessions;
      break;
    }
    if (auto summary = record::summarize(state, *at))
      out["sessions"].push_back(json_of(*summary));
    else
      out["sessions"].push_back({{"session", show(*at)}, {"state", "unreadable"}, {"reason", summary.error().what}});
  }
  return out;
}

Result<Json> timeline_json(const std::string& state, const std::string& session, const Part& part) {
  if (!record::is_session_id(session)) return fail(EINVAL, "that is no session");
  auto summary = record::summarize(state, session);
  if (!summary) return pass(std::move(summary));
  std::uint64_t after = part.after;
  if (!part.denied) {
    auto first = record::LogReader::open(record::session_path(state, session));
    if (!first) return pass(std::move(first));
    after = last_rows_after(std::move(*first), part);
  }
  auto reader = record::LogReader::open(record::session_path(state, session));
  if (!reader) return pass(std::move(reader));
  Processes processes;
  std::deque<Json> rows;
  record::Query query;
  query.denied = part.denied;
  bool earlier = false;
  while (const auto line = reader->next()) {
    const auto kind = record::kind_of(line->text);
    if (part.before != 0 && line->number >= part.before) break;
    const bool wanted = line->number > after && is_wanted(kind, line->text, part.denied);
    if (!wanted && kind != "process") continue;
    const auto record = record::parse_record(line->text);
    if (!record) continue;
    if (kind == "process") processes.remember(*record);
    if (!wanted || !query.matches(*record)) continue;
    rows.push_back(row_of(*record, processes));
    if (rows.size() <= kMostRows) continue;
    rows.pop_front();
    earlier = true;
  }
  return Json{{"session", json_of(*summary)}, {"rows", rows}, {"earlier", earlier}};
}

}  // namespace assent::web
