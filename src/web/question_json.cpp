#include "web/question_json.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "approve/question_view.h"
#include "base/show.h"

namespace assent::web {

namespace {

using nlohmann::json;

json shown(const std::vector<std::string>& words) {
  json out = json::array();
  for (const auto& word : words) out.push_back(show(word));
  return out;
}

json json_of(const std::vector<Vote>& votes) {
  json out = json::array();
  for (const auto& vote : votes) {
    out.push_back({{"who", show(vote.who)},
                   {"from", show(vote.from)},
                   {"scope", name(vote.scope)},
                   {"took_ms", vote.took.count()}});
  }
  return out;
}

}  // namespace

json json_of(const approve::message::Waiting& waiting, const approve::Person& person) {
  const Question& q = waiting.question;
  json out{{"id", show(waiting.id)},
           {"session", show(q.session)},
           {"user", show(waiting.user)},
           {"own", waiting.uid == person.uid},
           {"operation", show(q.operation)},
           {"object", show(q.object)},
           {"other", show(q.other)},
           {"other_word", other_word(q)},
           {"recovery", name(q.recovery)},
           {"recovery_text", approve::words_of(q.recovery)},
           {"rule", show(to_string(q.decision.rule))},
           {"reason", show(q.decision.reason)},
           {"quorum", q.decision.quorum},
           {"approvers", shown(q.decision.approvers)},
           {"not_self", q.decision.not_self},
           {"votes", json_of(q.votes)},
           {"calls", waiting.merged},
           {"left_ms", waiting.left.count()},
           {"confirm", show(q.confirm)},
           {"may_allow", waiting.may_answer},
           {"may_refuse", !approve::why_not_refuse(q, waiting.uid, person)},
           {"why_not", show(waiting.why_not)}};
  if (q.process) {
    const Process& process = *q.process;
    out["command"] = process.argv.empty() ? show(process.exe) : show_command(process.argv);
    out["exe"] = show(process.exe);
    out["cwd"] = show(process.cwd);
    out["ancestry"] = shown(process.ancestry);
    out["pid"] = process.pid;
  }
  if (q.radius) {
    out["radius"] = {{"text", approve::what_lies_below(*q.radius)},
                     {"root", show(q.radius->root)},
                     {"outside_project", q.radius->outside_project}};
  }
  return out;
}

std::string text_of(const Snapshot& snapshot, const approve::Person& person) {
  json out{{"user", show(person.user)}, {"rules", person.uid == ::geteuid()},
           {"waiting", json::array()},  {"waiting_in_all", snapshot.waiting_in_all},
           {"running", json::array()},  {"running_in_all", snapshot.running_in_all}};
  for (const auto& one : snapshot.waiting) out["waiting"].push_back(json_of(one, person));
  for (const auto& one : snapshot.running) {
    const auto& facts = one.session;
    out["running"].push_back({{"session", show(facts.session)},
                              {"name", show(facts.name)},
                              {"project", show(facts.project)},
                              {"command", show_command(facts.command)},
                              {"pid", facts.pid},
                              {"user", show(one.user)},
                              {"waiting", one.waiting}});
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace assent::web
