// Messages to bytes.
#include <utf8proc.h>

#include <nlohmann/json.hpp>

#include "approve/message.h"
#include "approve/message_limits.h"

namespace assent::approve {

namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

bool is_utf8(std::string_view bytes) {
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(bytes.data());
  for (auto left = static_cast<utf8proc_ssize_t>(bytes.size()); left > 0;) {
    utf8proc_int32_t point = 0;
    const auto n = utf8proc_iterate(at, left, &point);
    if (n <= 0) return false;
    at += n;
    left -= n;
  }
  return true;
}

// Paths and arguments are bytes; JSON knows only text. What is no UTF-8 stands as {"hex": "…"}.
Json bytes(std::string_view value, std::size_t most = kMostText) {
  std::string text(value.substr(0, most));
  if (value.size() > most) text += "[cut]";
  if (is_utf8(text)) return text;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : text) {
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return Json{{"hex", hex}};
}

Json bytes_list(const std::vector<std::string>& words, std::size_t most_words, std::size_t most_bytes) {
  Json out = Json::array();
  std::size_t used = 0;
  for (const auto& word : words) {
    if (out.size() + 1 >= most_words || used >= most_bytes) {
      out.push_back("[" + std::to_string(words.size() - out.size()) + " more words]");
      break;
    }
    out.push_back(bytes(word, most_bytes - used));
    used += word.size() + 1;
  }
  return out;
}

Json of(const SessionFacts& facts) {
  return {{"session", bytes(facts.session)},
          {"name", bytes(facts.name)},
          {"project", bytes(facts.project)},
          {"command", bytes_list(facts.command, kMostWords, kMostCommand)},
          {"profiles", bytes_list(facts.profiles, kMostList, kMostText)},
          {"pid", facts.pid}};
}

Json of(const std::vector<Vote>& votes) {
  Json out = Json::array();
  for (const auto& vote : votes) {
    out.push_back({{"who", bytes(vote.who)},
                   {"uid", vote.uid},
                   {"from", bytes(vote.from)},
                   {"scope", name(vote.scope)},
                   {"took_ms", vote.took.count()}});
  }
  return out;
}

Json of(const Process& process) {
  return {{"id", process.id},          {"parent", process.parent},
          {"pid", process.pid},        {"inner_pid", process.inner_pid},
          {"exe", bytes(process.exe)}, {"argv", bytes_list(process.argv, kMostWords, kMostCommand)},
          {"cwd", bytes(process.cwd)}, {"ancestry", bytes_list(process.ancestry, kMostList, kMostText)}};
}

Json of(const Question& question) {
  const Decision& decision = question.decision;
  const auto asked = std::chrono::duration_cast<milliseconds>(question.asked_at.time_since_epoch()).count();
  Json out{{"id", question.id},
           {"session", bytes(question.session)},
           {"operation", bytes(question.operation)},
           {"object", bytes(question.object)},
           {"other", bytes(question.other)},
           {"recovery", name(question.recovery)},
           {"asked_ms", asked},
           {"confirm", bytes(question.confirm)},
           {"votes", of(question.votes)},
           {"rule", {{"file", bytes(decision.rule.file)}, {"line", decision.rule.line}}},
           {"reason", bytes(decision.reason)},
           {"quorum", decision.quorum},
           {"approvers", bytes_list(decision.approvers, kMostList, kMostText)},
           {"not_self", decision.not_self},
           {"timeout_s", decision.timeout.count()}};
  if (question.process) out["process"] = of(*question.process);
  if (question.radius) {
    const Radius& radius = *question.radius;
    out["radius"] = {{"files", radius.files},           {"bytes", radius.bytes},
                     {"not_in_git", radius.not_in_git}, {"outside_project", radius.outside_project},
                     {"complete", radius.complete},     {"root", bytes(radius.root)}};
  }
  return out;
}

Json of(const Answer& answer) {
  Json out{{"question", answer.question},    {"consent", name(answer.consent)}, {"scope", name(answer.scope)},
           {"reason", bytes(answer.reason)}, {"who", bytes(answer.who)},        {"from", bytes(answer.from)},
           {"votes", of(answer.votes)},      {"took_ms", answer.took.count()}};
  if (answer.uid != static_cast<uid_t>(-1)) out["uid"] = answer.uid;
  return out;
}

struct Encoder {
  Json operator()(const message::Hello& m) const {
    Json out{{"is", "hello"},
             {"version", m.version},
             {"role", m.role == message::Hello::Role::Session ? "session" : "operator"}};
    if (m.role == message::Hello::Role::Session)
      out["facts"] = of(m.session);
    else
      out["from"] = bytes(m.from);
    return out;
  }
  Json operator()(const message::Welcome& m) const { return {{"is", "welcome"}, {"version", m.version}}; }
  Json operator()(const message::Refused& m) const { return {{"is", "refused"}, {"why", bytes(m.why)}}; }
  Json operator()(const message::Ask& m) const {
    return {{"is", "ask"}, {"question", of(m.question)}, {"left_ms", m.left.count()}};
  }
  Json operator()(const message::Cancel& m) const { return {{"is", "cancel"}, {"question", m.question}}; }
  Json operator()(const message::Answered& m) const { return {{"is", "answered"}, {"answer", of(m.answer)}}; }
  Json operator()(const message::List& m) const {
    return {{"is", "list"}, {"unless", m.unless}, {"wait_ms", m.wait.count()}};
  }
  Json operator()(const message::Waiting& m) const {
    return {{"is", "waiting"},
            {"id", bytes(m.id)},
            {"question", of(m.question)},
            {"user", bytes(m.user)},
            {"uid", m.uid},
            {"left_ms", m.left.count()},
            {"merged", m.merged},
            {"may_answer", m.may_answer},
            {"why_not", bytes(m.why_not)}};
  }
  Json operator()(const message::Running& m) const {
    return {
        {"is", "running"}, {"facts", of(m.session)}, {"user", bytes(m.user)}, {"uid", m.uid}, {"waiting", m.waiting}};
  }
  Json operator()(const message::End& m) const {
    return {{"is", "end"}, {"revision", m.revision}, {"unchanged", m.unchanged}};
  }
  Json operator()(const message::Give& m) const {
    return {{"is", "give"},           {"id", bytes(m.id)},         {"consent", name(m.consent)},
            {"scope", name(m.scope)}, {"reason", bytes(m.reason)}, {"confirm", bytes(m.confirm)}};
  }
  Json operator()(const message::Given& m) const { return {{"is", "given"}, {"missing", m.missing}}; }
  Json operator()(const message::Knock&) const { return {{"is", "knock"}}; }
  Json operator()(const message::Door& m) const { return {{"is", "door"}, {"url", bytes(m.url)}}; }
};

}  // namespace

std::string encode(const Message& message) {
  const std::string payload = std::visit(Encoder{}, message).dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto size = static_cast<std::uint32_t>(payload.size());
  std::string out;
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(size >> shift & 0xff);
  return out + payload;
}

}  // namespace assent::approve
