// Bytes of anybody to messages.
#include <limits>
#include <nlohmann/json.hpp>

#include "approve/message.h"
#include "approve/message_limits.h"

namespace assent::approve {

namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

// Reads members of an object. The first that is missing or wrong spoils the whole.
class Reader {
 public:
  Reader(const Json& object, bool& good) : object_(object), good_(good) {
    if (!object.is_object()) good_ = false;
  }

  [[nodiscard]] const Json* member(const char* name) const {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  template <class Number>
  Number number(const char* name, std::uint64_t most = static_cast<std::uint64_t>(std::numeric_limits<Number>::max())) {
    const Json* value = member(name);
    if (value == nullptr || !value->is_number_unsigned() || value->get<std::uint64_t>() > most) return wrong<Number>();
    return static_cast<Number>(value->get<std::uint64_t>());
  }
  milliseconds time(const char* name) {
    return milliseconds(number<std::int64_t>(name, static_cast<std::uint64_t>(kMostTime.count())));
  }
  bool truth(const char* name) {
    const Json* value = member(name);
    return value != nullptr && value->is_boolean() ? value->get<bool>() : wrong<bool>();
  }
  std::string text(const char* name, std::size_t most = kMostText) {
    const Json* value = member(name);
    return value != nullptr ? text_of(*value, most) : wrong<std::string>();
  }
  std::vector<std::string> texts(const char* name, std::size_t most_words, std::size_t most_bytes) {
    const Json* value = member(name);
    if (value == nullptr || !value->is_array() || value->size() > most_words) return wrong<std::vector<std::string>>();
    std::vector<std::string> out;
    for (const auto& one : *value) out.push_back(text_of(one, most_bytes));
    return out;
  }
  template <class T>
  T wrong() {
    good_ = false;
    return T{};
  }

 private:
  std::string text_of(const Json& value, std::size_t most) {
    constexpr std::size_t kCutMark = 5;
    if (value.is_string()) {
      const auto& text = value.get_ref<const std::string&>();
      return text.size() <= most + kCutMark ? text : wrong<std::string>();
    }
    const auto hex = value.is_object() ? value.find("hex") : value.end();
    if (!value.is_object() || hex == value.end() || !hex->is_string()) return wrong<std::string>();
    const auto& digits = hex->get_ref<const std::string&>();
    if (digits.size() % 2 != 0 || digits.size() / 2 > most + kCutMark) return wrong<std::string>();
    std::string out;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
      const int high = digit(digits[i]), low = digit(digits[i + 1]);
      if (high < 0 || low < 0) return wrong<std::string>();
      out += static_cast<char>(high << 4 | low);
    }
    return out;
  }
  static int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

  const Json& object_;
  bool& good_;
};

class Decoder {
 public:
  bool good = true;

  SessionFacts facts(const Json& json) {
    Reader from(json, good);
    SessionFacts out;
    out.session = from.text("session", 128);
    out.name = from.text("name");
    out.project = from.text("project");
    out.command = from.texts("command", kMostWords, kMostCommand);
    if (from.member("profiles") != nullptr) out.profiles = from.texts("profiles", kMostList, kMostText);
    out.pid = from.number<pid_t>("pid");
    return out;
  }

  Scope scope(Reader& from) {
    const auto said = scope_from_name(from.text("scope", 16));
    return said ? *said : from.wrong<Scope>();
  }

  Consent consent(Reader& from) {
    const std::string said = from.text("consent", 16);
    for (const auto one : {Consent::Yes, Consent::No, Consent::Stop}) {
      if (said == name(one)) return one;
    }
    good = false;
    return Consent::No;
  }

  std::vector<Vote> votes(Reader& of_all) {
    const Json* list = of_all.member("votes");
    if (list == nullptr || !list->is_array() || list->size() > kMostList) return of_all.wrong<std::vector<Vote>>();
    std::vector<Vote> out;
    for (const auto& one : *list) {
      Reader from(one, good);
      Vote vote;
      vote.who = from.text("who");
      vote.uid = from.number<uid_t>("uid");
      vote.from = from.text("from");
      vote.scope = scope(from);
      vote.took = from.time("took_ms");
      out.push_back(std::move(vote));
    }
    return out;
  }

  ProcessRef process(const Json& json) {
    Reader from(json, good);
    auto out = std::make_shared<Process>();
    out->id = from.number<std::uint64_t>("id");
    out->parent = from.number<std::uint64_t>("parent");
    out->pid = from.number<pid_t>("pid");
    out->inner_pid = from.number<pid_t>("inner_pid");
    out->exe = from.text("exe");
    out->argv = from.texts("argv", kMostWords, kMostCommand);
    out->cwd = from.text("cwd");
    out->ancestry = from.texts("ancestry", kMostList, kMostText);
    return out;
  }

  Question question(const Json& json) {
    Reader from(json, good);
    Question out;
    out.id = from.number<std::uint64_t>("id");
    out.session = from.text("session", 128);
    out.operation = from.text("operation", 128);
    out.object = from.text("object");
    if (from.member("other") != nullptr) out.other = from.text("other");  // sessions of before do not say
    out.recovery = recovery(from);
    out.asked_at =
        std::chrono::system_clock::time_point(milliseconds(from.number<std::int64_t>("asked_ms", 1ULL << 43)));
    out.confirm = from.text("confirm");
    out.votes = votes(from);
    if (const Json* rule = from.member("rule")) {
      Reader place(*rule, good);
      out.decision.rule.file = place.text("file");
      out.decision.rule.line = place.number<int>("line");
    } else {
      good = false;
    }
    out.decision.verdict = Verdict::Ask;
    out.decision.reason = from.text("reason");
    out.decision.quorum = from.number<unsigned>("quorum");
    out.decision.approvers = from.texts("approvers", kMostList, kMostText);
    out.decision.not_self = from.truth("not_self");
    out.decision.timeout =
        std::chrono::seconds(from.number<std::int64_t>("timeout_s", static_cast<std::uint64_t>(kMostTime.count())));
    if (const Json* who = from.member("process")) out.process = process(*who);
    if (const Json* radius = from.member("radius")) {
      Reader size(*radius, good);
      out.radius.emplace();
      out.radius->files = size.number<std::uint64_t>("files");
      out.radius->bytes = size.number<std::uint64_t>("bytes");
      out.radius->not_in_git = size.number<std::uint64_t>("not_in_git");
      out.radius->outside_project = size.number<std::uint64_t>("outside_project");
      out.radius->complete = size.truth("complete");
      out.radius->root = size.text("root");
    }
    return out;
  }

  Answer answer(const Json& json) {
    Reader from(json, good);
    Answer out;
    out.question = from.number<std::uint64_t>("question");
    out.consent = consent(from);
    out.scope = scope(from);
    out.reason = from.text("reason");
    out.who = from.text("who");
    if (from.member("uid") != nullptr) out.uid = from.number<uid_t>("uid");
    out.from = from.text("from");
    out.votes = votes(from);
    out.took = from.time("took_ms");
    return out;
  }

  const Json& part(Reader& from, const char* name) {
    static const Json kNothing;
    const Json* found = from.member(name);
    if (found == nullptr) good = false;
    return found != nullptr ? *found : kNothing;
  }

  std::optional<Message> message(const Json& json) {
    Reader from(json, good);
    const std::string is = from.text("is", 16);
    if (is == "hello") {
      message::Hello out;
      out.version = from.number<unsigned>("version");
      const std::string role = from.text("role", 16);
      if (role == "session") {
        out.role = message::Hello::Role::Session;
        // Another version may describe itself in other words; it is told so, not refused as broken.
        if (out.version == kProtocolVersion) out.session = facts(part(from, "facts"));
      } else if (role == "operator") {
        if (out.version == kProtocolVersion) out.from = from.text("from", 256);
      } else {
        good = false;
      }
      return out;
    }
    if (is == "welcome") return message::Welcome{from.number<unsigned>("version")};
    if (is == "refused") return message::Refused{from.text("why")};
    if (is == "ask") {
      message::Ask out;
      out.question = question(part(from, "question"));
      out.left = from.time("left_ms");
      return out;
    }
    if (is == "cancel") return message::Cancel{from.number<std::uint64_t>("question")};
    if (is == "answered") return message::Answered{answer(part(from, "answer"))};
    if (is == "list") {
      message::List out;
      if (from.member("unless") != nullptr) out.unless = from.number<std::uint64_t>("unless");
      if (from.member("wait_ms") != nullptr) out.wait = from.time("wait_ms");
      return out;
    }
    if (is == "waiting") {
      message::Waiting out;
      out.id = from.text("id", 32);
      out.question = question(part(from, "question"));
      out.user = from.text("user");
      out.uid = from.number<uid_t>("uid");
      out.left = from.time("left_ms");
      out.merged = from.number<std::uint64_t>("merged");
      out.may_answer = from.truth("may_answer");
      out.why_not = from.text("why_not");
      return out;
    }
    if (is == "running") {
      message::Running out;
      out.session = facts(part(from, "facts"));
      out.user = from.text("user");
      out.uid = from.number<uid_t>("uid");
      out.waiting = from.number<std::uint64_t>("waiting");
      return out;
    }
    if (is == "end") {
      message::End out;
      if (from.member("revision") != nullptr) out.revision = from.number<std::uint64_t>("revision");
      if (from.member("unchanged") != nullptr) out.unchanged = from.truth("unchanged");
      return out;
    }
    if (is == "give") {
      message::Give out;
      out.id = from.text("id", 32);
      out.consent = consent(from);
      out.scope = scope(from);
      out.reason = from.text("reason");
      out.confirm = from.text("confirm");
      return out;
    }
    if (is == "given") return message::Given{from.number<std::uint64_t>("missing")};
    if (is == "knock") return message::Knock{};
    if (is == "door") return message::Door{from.text("url", 512)};
    return std::nullopt;
  }

 private:
  Recovery recovery(Reader& from) {
    const std::string said = from.text("recovery", 16);
    for (const auto one : {Recovery::Vault, Recovery::Git, Recovery::None, Recovery::NoLoss}) {
      if (said == name(one)) return one;
    }
    return from.wrong<Recovery>();
  }
};

}  // namespace

Result<Message> decode(std::string_view payload) {
  const Json json = Json::parse(payload.begin(), payload.end(), nullptr, false);
  Decoder decoder;
  if (json.is_object()) {
    auto out = decoder.message(json);
    if (out && decoder.good) return std::move(*out);
  }
  return fail(EPROTO, "cannot read a message: it is none of this version of the protocol (EPROTO)");
}

Result<std::optional<std::string>> Frames::next() {
  constexpr std::size_t kHead = 4;
  const std::size_t there = buffer_.size() - read_;
  if (there < kHead) return std::optional<std::string>();
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < kHead; ++i)
    size |= static_cast<std::uint32_t>(static_cast<unsigned char>(buffer_[read_ + i])) << (8 * i);
  if (size > kMostFrame) return fail(EMSGSIZE, "cannot read a message: it is too long (EMSGSIZE)");
  if (there < kHead + size) return std::optional<std::string>();
  std::string payload = buffer_.substr(read_ + kHead, size);
  read_ += kHead + size;
  if (read_ == buffer_.size() || read_ > kMostFrame) {
    buffer_.erase(0, read_);
    read_ = 0;
  }
  return std::optional<std::string>(std::move(payload));
}

}  // namespace assent::approve
