#include "record/lines.h"

#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace assent::record {

namespace {

std::string_view word(FileType type) {
  switch (type) {
    case FileType::Unknown:
      return "none";
    case FileType::Regular:
      return "file";
    case FileType::Directory:
      return "directory";
    case FileType::Symlink:
      return "symlink";
    case FileType::Fifo:
      return "fifo";
    case FileType::Socket:
      return "socket";
    case FileType::CharDevice:
      return "char-device";
    case FileType::BlockDevice:
      return "block-device";
  }
  return "none";
}

std::string_view word(Zone zone) {
  switch (zone) {
    case Zone::Gated:
      return "gated";
    case Zone::Read:
      return "read";
    case Zone::Free:
      return "free";
    case Zone::Private:
      return "private";
    case Zone::Kernel:
      return "kernel";
  }
  return "read";
}

std::string_view word(NetSubject::Protocol protocol) {
  switch (protocol) {
    case NetSubject::Protocol::Tcp:
      return "tcp";
    case NetSubject::Protocol::Udp:
      return "udp";
    case NetSubject::Protocol::Unix:
      return "unix";
  }
  return "tcp";
}

// "device:inode:birth": device and birth time in hex, so that two of them compare as text.
void write_id(JsonWriter& line, const FileId& id) {
  if (id.inode == 0) return;
  std::array<char, 64> text;
  char* at = std::to_chars(text.data(), text.data() + 17, id.device, 16).ptr;
  *at++ = ':';
  at = std::to_chars(at, at + 21, id.inode).ptr;
  *at++ = ':';
  at = std::to_chars(at, at + 17, static_cast<std::uint64_t>(id.birth_ns), 16).ptr;
  line.word("id", {text.data(), static_cast<std::size_t>(at - text.data())});
}

void write_file(JsonWriter& line, const FileSubject& file) {
  line.element_object();
  line.word("op", name(file.operation));
  line.bytes("path", file.path);
  line.word("zone", word(file.zone));
  if (file.type != FileType::Unknown) line.word("type", word(file.type));
  if (file.type == FileType::Regular) line.number("size", file.size);
  if (file.own) line.truth("own", true);
  if (file.hidden) line.truth("hidden", true);
  if (file.replaced) line.truth("replaced", true);
  write_id(line, file.id);
  line.close('}');
}

void write_subject(JsonWriter& line, const Request& request) {
  if (const auto* files = std::get_if<std::vector<FileSubject>>(&request.subject)) {
    line.open_array("objects");
    for (const auto& file : *files) write_file(line, file);
    line.close(']');
  } else if (const auto* net = std::get_if<NetSubject>(&request.subject)) {
    line.open_object("net");
    line.word("protocol", word(net->protocol));
    line.bytes("address", net->address);
    if (net->protocol != NetSubject::Protocol::Unix) line.number("port", net->port);
    if (!net->names.empty()) line.bytes_array("names", net->names);
    line.close('}');
  } else if (const auto* exec = std::get_if<ExecSubject>(&request.subject)) {
    line.open_object("exec");
    line.bytes("path", exec->path);
    line.bytes_array("argv", exec->argv);
    line.close('}');
  }
}

// Rules come in great numbers from few places; the text is short and from the profile, so still bytes.
void write_rule(JsonWriter& line, const RuleRef& rule) {
  if (rule.line <= 0) {
    line.bytes("rule", rule.file);
    return;
  }
  constexpr std::size_t kShort = 256;
  if (rule.file.size() > kShort) {
    line.bytes("rule", to_string(rule));
    return;
  }
  std::array<char, kShort + 16> text;
  std::memcpy(text.data(), rule.file.data(), rule.file.size());
  char* at = text.data() + rule.file.size();
  *at++ = ':';
  at = std::to_chars(at, text.data() + text.size(), rule.line).ptr;
  line.bytes("rule", {text.data(), static_cast<std::size_t>(at - text.data())});
}

void write_answer_members(JsonWriter& line, const Answer& answer) {
  line.word("answer", name(answer.consent));
  line.bytes("by", answer.who);
  if (answer.uid != static_cast<uid_t>(-1)) line.number("by_uid", answer.uid);
  if (!answer.from.empty()) line.bytes("from", answer.from);
  if (answer.consent == Consent::Yes) line.word("scope", name(answer.scope));
  if (!answer.reason.empty()) line.bytes("answer_reason", answer.reason);
  line.number("took_ms", static_cast<std::int64_t>(answer.took.count()));
  if (answer.votes.empty()) return;
  line.open_array("votes");
  for (const auto& vote : answer.votes) {
    line.element_object();
    line.bytes("by", vote.who);
    line.number("by_uid", vote.uid);
    line.bytes("from", vote.from);
    line.word("scope", name(vote.scope));
    line.number("took_ms", static_cast<std::int64_t>(vote.took.count()));
    line.close('}');
  }
  line.close(']');
}

}  // namespace

void start_line(JsonWriter& line, std::uint64_t sequence, std::string_view time, std::string_view kind) {
  line.raw("{\"v\":1,\"seq\":");
  std::array<char, 20> digits;
  line.raw({digits.data(),
            static_cast<std::size_t>(std::to_chars(digits.data(), digits.data() + digits.size(), sequence).ptr -
                                     digits.data())});
  line.resume();
  line.word("time", time);
  line.word("kind", kind);
}

void write_begin(JsonWriter& line, std::string_view session, const SessionInfo& info, const Previous& previous) {
  line.word("session", session);
  if (!previous.session.empty()) line.word("previous", previous.session);
  line.word("heads", previous.heads);
  if (!info.name.empty()) line.bytes("name", info.name);
  line.bytes_array("command", info.command);
  line.bytes("cwd", info.cwd);
  line.bytes("project", info.project);
  line.bytes("mode", info.mode);
  if (!info.options.empty()) line.bytes_array("options", info.options);
  if (info.nonce != 0) {
    std::array<char, 16> digits;  // as text: readers in JavaScript would round a number of 64 bits
    char* end = std::to_chars(digits.data(), digits.data() + digits.size(), info.nonce, 16).ptr;
    line.word("nonce", {digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  line.open_array("profiles");
  for (const auto& profile : info.profiles) {
    line.element_object();
    line.bytes("file", profile.file);
    line.bytes("hash", profile.hash);
    line.close('}');
  }
  line.close(']');
  if (!info.notes.empty()) line.bytes_array("notes", info.notes);
  line.word("assent", ASSENT_VERSION);
  utsname system{};
  if (::uname(&system) == 0) {
    line.bytes("kernel", system.release);
    line.bytes("host", system.nodename);
  }
  line.number("uid", ::getuid());
  line.number("gid", ::getgid());
  line.number("pid", ::getpid());
}

void write_process(JsonWriter& line, const Process& process) {
  line.number("process", process.id);
  line.number("parent", process.parent);
  line.number("pid", process.pid);
  line.number("inner_pid", process.inner_pid);
  line.bytes("exe", process.exe);
  line.bytes_array("argv", process.argv);
  line.bytes("cwd", process.cwd);
  line.bytes_array("ancestry", process.ancestry);
}

void write_act(JsonWriter& line, const Act& act) {
  const Request& request = *act.request;
  line.number("process", request.process ? request.process->id : 0);
  line.word("call", request.call);
  write_subject(line, request);
  if (act.decision != nullptr) {
    write_rule(line, act.decision->rule);
    line.word("decision", name(act.decision->verdict));
    if (!act.decision->reason.empty() && act.decision->verdict != Verdict::Allow) {
      line.bytes("reason", act.decision->reason);
    }
  } else {
    line.word("decision", "deny");
    line.word("by", "supervisor");
  }
  if (!act.error.empty()) line.bytes("error", act.error);
  if (act.answer != nullptr) {
    if (act.answer->question != 0) line.number("question", act.answer->question);
    write_answer_members(line, *act.answer);
  }
}

void write_staged(JsonWriter& line, std::span<const Fact> staged) {
  if (staged.empty()) return;
  line.open_object("staged");
  for (const auto& [fact, value] : staged) line.bytes(fact, value);
  line.close('}');
}

void write_error(JsonWriter& line, std::string_view name, int error) {
  const char* text = ::strerrorname_np(error);
  if (text != nullptr) {
    line.word(name, text);
  } else {
    line.number(name, error);
  }
}

void write_outcome(JsonWriter& line, const Outcome& outcome, std::int64_t took_us) {
  if (outcome.error == 0) {
    line.word("outcome", "ok");
    if (outcome.value != 0) line.number("value", outcome.value);
  } else {
    write_error(line, "outcome", outcome.error);
  }
  if (outcome.object.inode != 0) {
    line.open_object("made");
    write_id(line, outcome.object);
    line.close('}');
  }
  if (!outcome.facts.empty()) {
    line.open_object("facts");
    for (const auto& [fact, value] : outcome.facts) line.bytes(fact, value);
    line.close('}');
  }
  line.number("us", took_us);
}

void write_question(JsonWriter& line, const Question& question) {
  line.number("question", question.id);
  line.number("process", question.process ? question.process->id : 0);
  line.bytes("op", question.operation);
  line.bytes("object", question.object);
  if (!question.other.empty()) line.bytes("other", question.other);
  if (question.radius) {
    line.open_object("radius");
    line.bytes("root", question.radius->root);
    line.number("files", question.radius->files);
    line.number("bytes", question.radius->bytes);
    line.number("not_in_git", question.radius->not_in_git);
    line.number("outside_project", question.radius->outside_project);
    line.truth("complete", question.radius->complete);
    line.close('}');
  }
  line.word("recovery", name(question.recovery));
  write_rule(line, question.decision.rule);
  if (!question.decision.reason.empty()) line.bytes("reason", question.decision.reason);
  line.number("quorum", question.decision.quorum);
  line.number("timeout_s", static_cast<std::int64_t>(question.decision.timeout.count()));
  if (!question.confirm.empty()) line.bytes("confirm", question.confirm);
}

void write_answer(JsonWriter& line, const Answer& answer) {
  line.number("question", answer.question);
  write_answer_members(line, answer);
}

void write_exit(JsonWriter& line, std::uint64_t process, std::optional<int> wait_status) {
  line.number("process", process);
  if (!wait_status) return;
  if (WIFSIGNALED(*wait_status)) {
    line.number("signal", WTERMSIG(*wait_status));
  } else {
    line.number("status", WEXITSTATUS(*wait_status));
  }
}

}  // namespace assent::record
