#include "decide/rules.h"

#include <algorithm>

#include "base/show.h"

namespace assent::decide {

namespace {

std::string joined(const Texts& texts) {
  std::string out;
  for (const auto& text : texts) out += (out.empty() ? "" : " ") + show(text.value);
  return out;
}

std::string operation_words(OperationSet operations) {
  std::string out;
  for (const auto operation : {Operation::Create, Operation::Modify, Operation::Truncate, Operation::Rename,
                               Operation::Delete, Operation::Metadata}) {
    if ((operations & bit(operation)) != 0) out += (out.empty() ? "" : ",") + std::string(name(operation));
  }
  return out;
}

std::string condition_words(const FileRule& rule) {
  std::string out;
  for (const auto fact : {Fact::Own, Fact::Recoverable, Fact::Replaced, Fact::Touched, Fact::OwnFolder, Fact::ByGit}) {
    if ((rule.when & bit(fact)) != 0) out += (out.empty() ? " when " : " and ") + std::string(name(fact));
  }
  if (rule.after > 0) out += " after " + std::to_string(rule.after);
  if (rule.larger > 0) out += " larger than " + std::to_string(rule.larger) + " bytes";
  return out;
}

Ruling ruling_of(const Say& say, const Profile& profile, const Usual& usual) {
  Decision out;
  out.verdict = say.action;
  out.rule = {profile.file, say.at.line};
  out.reason = say.reason;
  out.error = say.error.value_or(EPERM);
  out.quorum = say.quorum.value_or(1);
  out.not_self = say.not_self;
  if (say.action == Verdict::Ask) out.approvers = say.approvers.empty() ? profile.approvers : say.approvers;
  out.timeout = say.timeout.value_or(usual.timeout);
  out.confirm_over = say.confirm_over.value_or(usual.confirm_over);
  return ruling(std::move(out));
}

std::string bad(std::string_view what, const Text& text, const std::string& why) {
  return std::string(what) + " \"" + show(text.value) + "\" " + why;
}

// Whether everything that `later` matches has been matched by `earlier`.
bool leaves_nothing(const FileMatcher& earlier, const FileMatcher& later) {
  if ((later.operations & ~earlier.operations) != 0) return false;
  if ((earlier.when & ~later.when) != 0 || earlier.after > later.after || earlier.larger > later.larger) return false;
  return std::all_of(later.paths.begin(), later.paths.end(), [&earlier](const Pattern& wanted) {
    return std::any_of(earlier.paths.begin(), earlier.paths.end(),
                       [&wanted](const Pattern& p) { return p.covers(wanted); });
  });
}

}  // namespace

Ruling ruling(Decision decision) {
  const auto verdict = static_cast<std::uint64_t>(decision.verdict);
  const std::uint64_t strictness = verdict << 32 | std::uint64_t{decision.quorum} << 8 | (decision.not_self ? 2U : 0U) |
                                   (decision.server_name == ServerName::Match ? 4U : 0U) |
                                   (decision.approvers.empty() ? 0U : 1U);
  return {std::move(decision), strictness};
}

FileFacts::FileFacts(const FileSubject& subject) : subject_(subject), operation_(bit(subject.operation)) {
  if (subject.own) known_ |= bit(Fact::Own);
  if (subject.replaced) known_ |= bit(Fact::Replaced);
  if (subject.touched) known_ |= bit(Fact::Touched);
  if (subject.own_folder) known_ |= bit(Fact::OwnFolder);
  if (subject.by_git) known_ |= bit(Fact::ByGit);
  if (subject.unkept) known_ |= bit(Fact::Unkept);
}

bool FileFacts::all(FactSet wanted) { return (wanted & ~bit(Fact::Recoverable) & ~known_) == 0; }

bool FileFacts::recoverable() {
  if (!recoverable_) recoverable_ = subject_.recoverable && subject_.recoverable();
  return *recoverable_;
}

bool FileMatcher::matches(FileFacts& facts, const Scene& scene) const {
  if ((operations & facts.operation()) == 0 || !facts.all(when)) return false;
  if (scene.hits < after || (larger > 0 && facts.subject().size <= larger)) return false;
  const std::string_view path = facts.subject().path;
  if (std::none_of(paths.begin(), paths.end(), [path](const Pattern& pattern) { return pattern.matches(path); }))
    return false;
  return (when & bit(Fact::Recoverable)) == 0 || facts.recoverable();
}

bool NetMatcher::matches(const NetSubject& subject) const {
  if (subject.protocol == NetSubject::Protocol::Udp && !udp.value_or(ruling.decision.verdict == Verdict::Deny))
    return false;
  return std::any_of(hosts.begin(), hosts.end(), [&subject](const HostPattern& host) { return host.matches(subject); });
}

void RuleLists::append(const Profile& profile, const Places& places, const Usual& usual, Problems& problems) {
  const auto problem = [&](At at, std::string what) { problems.push_back({profile.file, at, std::move(what)}); };
  const std::size_t first = file.size();
  for (const FileRule& rule : profile.file_rules) {
    FileMatcher out{ruling_of(rule.say, profile, usual), rule.operations, rule.when, rule.after, rule.larger, {}, {}};
    for (const Text& path : rule.paths) {
      auto pattern = Pattern::compile(path.value, Pattern::Over::Path, places);
      if (!pattern) {
        problem(path.at, bad("pattern", path, pattern.error()));
      } else {
        out.paths.push_back(std::move(*pattern));
      }
    }
    out.text = std::string(name(rule.say.action)) + " " + operation_words(rule.operations) + " " + joined(rule.paths) +
               condition_words(rule);
    for (std::size_t i = first; i < file.size() && !out.paths.empty(); ++i) {
      if (!leaves_nothing(file[i], out)) continue;
      problem(rule.say.at, "the rule can never match: the one at line " +
                               std::to_string(file[i].ruling.decision.rule.line) +
                               " matches all of it first; put this one before it");
      break;
    }
    file.push_back(std::move(out));
  }
  for (const NetRule& rule : profile.net_rules) {
    NetMatcher out{ruling_of(rule.say, profile, usual), {}, rule.udp, {}};
    if (rule.sni) {
      out.ruling.decision.server_name = ServerName::Match;
      out.ruling = ruling(std::move(out.ruling.decision));
    }
    for (const Text& host : rule.hosts) {
      auto pattern = HostPattern::compile(host.value, places);
      if (!pattern) {
        problem(host.at, bad("host", host, pattern.error()));
      } else {
        out.hosts.push_back(std::move(*pattern));
      }
    }
    out.text = std::string(name(rule.say.action)) + " connect " + joined(rule.hosts) +
               (rule.udp == true ? " udp" : "") + (rule.sni ? " sni=match" : "");
    net.push_back(std::move(out));
  }
  for (const ExecRule& rule : profile.exec_rules) {
    ExecMatcher out{ruling_of(rule.say, profile, usual), {}, {}};
    for (const Text& word : rule.argv) {
      if (auto added = out.argv.add(word.value); !added) problem(word.at, bad("argument", word, added.error()));
    }
    out.text = std::string(name(rule.say.action)) + " exec " + joined(rule.argv);
    exec.push_back(std::move(out));
  }
}

}  // namespace assent::decide
