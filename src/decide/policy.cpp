// Judging: the hot way. Building stands in policy_load.cpp.
#include "decide/policy.h"

#include <algorithm>

#include "decide/compiled.h"

namespace assent::decide {

namespace {

std::string_view parent_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos || slash == 0 ? std::string_view("/") : path.substr(0, slash);
}

template <class Rules, class Matches>
const Ruling* first_in(const Rules& rules, Matches matches) {
  for (const auto& rule : rules) {
    if (matches(rule)) return &rule.ruling;
  }
  return nullptr;
}

}  // namespace

// `first_match(layer)` gives what the layer says, or null. A project's file is heard only where it is stricter than all
// the others together, so that an `ask` in it cannot soften a `deny` that would have come from `unmatched`.
template <class Match>
const Ruling& Policy::Compiled::strictest(Match first_match) const {
  const Ruling* best = nullptr;
  const Ruling* tighter = nullptr;
  for (const Layer& layer : layers) {
    const Ruling* said = first_match(layer.rules);
    if (said == nullptr) continue;
    const Ruling*& slot = layer.standing == Layer::Standing::Full ? best : tighter;
    if (slot == nullptr || said->strictness > slot->strictness) slot = said;
  }
  if (best == nullptr) best = &unmatched;
  return tighter != nullptr && tighter->strictness > best->strictness ? *tighter : *best;
}

const Ruling& Policy::Compiled::file(const FileSubject& subject, const Scene& scene) const {
  if (own.forbids(subject.operation, subject.path)) return protected_own;
  switch (subject.zone) {
    case Zone::Kernel:
      return kernel;
    case Zone::Free:
    case Zone::Private:
      return floor;
    case Zone::Gated:
    case Zone::Read:
      break;
  }
  return strictest([facts = FileFacts(subject), &scene](const RuleLists& rules) mutable {
    return first_in(rules.file, [&](const FileMatcher& rule) { return rule.matches(facts, scene); });
  });
}

const Ruling& Policy::Compiled::net(const NetSubject& subject) const {
  // Whom an approval daemon hears is a human: the agent never, by no rule, however wide.
  if (subject.protocol == NetSubject::Protocol::Unix && own.forbids(Operation::Modify, subject.address))
    return protected_own;
  return strictest([&subject](const RuleLists& rules) {
    return first_in(rules.net, [&](const NetMatcher& rule) { return rule.matches(subject); });
  });
}

const Ruling& Policy::Compiled::exec(const ExecSubject& subject) const {
  const Ruling& said = strictest([&subject](const RuleLists& rules) {
    return first_in(rules.exec, [&](const ExecMatcher& rule) { return rule.matches(subject); });
  });
  return &said == &unmatched ? ungated : said;
}

Judgement Policy::judge(const Request& request) const {
  const Compiled& all = *compiled_;
  const bool is_frozen = all.settings.mode == Mode::Freeze;
  if (const auto* net = std::get_if<NetSubject>(&request.subject)) {
    return {&(is_frozen ? all.frozen : all.net(*net)).decision, 0};
  }
  if (const auto* exec = std::get_if<ExecSubject>(&request.subject)) {
    const Ruling& said = all.exec(*exec);
    return {&(is_frozen && &said != &all.ungated ? all.frozen : said).decision, 0};
  }
  const auto& subjects = std::get<std::vector<FileSubject>>(request.subject);
  const Scene scene{request.hits};
  const Ruling* strictest = nullptr;
  Judgement out;
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    const FileSubject& subject = subjects[i];
    const bool gated = subject.zone == Zone::Gated || subject.zone == Zone::Read;
    // What is hidden is not there for the agent, except what it made itself; a new name in a folder that can be seen
    // hides nothing.
    const bool is_hidden = gated && subject.hidden && !subject.own &&
                           (subject.operation != Operation::Create || hidden(parent_of(subject.path)));
    const Ruling* said = &all.file(subject, scene);
    if (said != &all.protected_own && is_hidden) said = &all.hidden;
    if (said != &all.protected_own && !is_hidden && gated && is_frozen) said = &all.frozen;
    if (strictest == nullptr || said->strictness > strictest->strictness) {
      strictest = said;
      out.subject = i;
    }
  }
  out.decision = strictest != nullptr ? &strictest->decision : &all.kernel.decision;  // nothing named: nothing allowed
  return out;
}

bool Policy::names_host_loopback(const NetSubject& subject) const {
  for (const Layer& layer : compiled_->layers) {
    for (const NetMatcher& rule : layer.rules.net) {
      if (rule.ruling.decision.verdict == Verdict::Deny) continue;
      for (const HostPattern& host : rule.hosts) {
        if (host.is_loopback() && host.matches(subject))
          return compiled_->net(subject).decision.verdict != Verdict::Deny;
      }
    }
  }
  return false;
}

bool Policy::says_udp(const NetSubject& subject) const {
  for (const Layer& layer : compiled_->layers) {
    for (const NetMatcher& rule : layer.rules.net) {
      if (rule.udp == true && rule.ruling.decision.verdict != Verdict::Deny && rule.matches(subject)) return true;
    }
  }
  return false;
}

bool Policy::says_udp() const {
  for (const Layer& layer : compiled_->layers) {
    for (const NetMatcher& rule : layer.rules.net) {
      if (rule.udp == true && rule.ruling.decision.verdict != Verdict::Deny) return true;
    }
  }
  return false;
}

// A verdict changes with the port only where the range of a rule begins or ends.
Judgement Policy::judge_name(const std::string& name) const {
  const Compiled& all = *compiled_;
  if (all.settings.mode == Mode::Freeze) return {&all.frozen.decision, 0};
  NetSubject subject;
  subject.names.push_back(name);
  const Ruling* mildest = nullptr;
  const auto try_port = [&](unsigned port) {
    if (port > 65535) return;
    subject.port = static_cast<std::uint16_t>(port);
    const Ruling& said = all.net(subject);
    if (mildest == nullptr || said.strictness < mildest->strictness) mildest = &said;
  };
  try_port(443);
  for (const Layer& layer : all.layers) {
    for (const NetMatcher& rule : layer.rules.net) {
      for (const HostPattern& host : rule.hosts) {
        try_port(host.first_port());
        try_port(host.last_port() + 1U);
      }
    }
  }
  return {&mildest->decision, 0};
}

Decision Policy::decide(const Request& request) const {
  const Judgement judged = judge(request);
  Decision out = *judged.decision;
  out.subject = judged.subject;
  return out;
}

bool Policy::hidden(std::string_view path) const {
  const Settings& settings = compiled_->settings;
  if (settings.hide.empty()) return false;
  for (const auto& folder : settings.shown) {
    if (within(path, folder)) return false;
  }
  return std::any_of(settings.hide.begin(), settings.hide.end(),
                     [path](const auto& hide) { return hide.pattern.matches_above(path); });
}

Zone Policy::zone_of(std::string_view path) const {
  for (const std::string_view kernel : {"/proc", "/sys", "/dev"}) {
    if (within(path, kernel)) return Zone::Kernel;
  }
  Zone zone = Zone::Read;
  std::size_t longest = 0;
  // The project and the home stay visible where a private folder lies above them.
  for (const std::string_view kept :
       {std::string_view(compiled_->places.project), std::string_view(compiled_->places.home)}) {
    if (!kept.empty() && within(path, kept)) longest = std::max(longest, kept.size());
  }
  const auto consider = [&](const std::vector<Folder>& folders, Zone meaning) {
    for (const auto& folder : folders) {
      if (!within(path, folder.path) || folder.path.size() < longest) continue;
      longest = folder.path.size();
      zone = meaning;
    }
  };
  consider(compiled_->settings.gated, Zone::Gated);
  consider(compiled_->settings.free, Zone::Free);
  consider(compiled_->settings.private_, Zone::Private);
  return zone;
}

const Settings& Policy::settings() const { return compiled_->settings; }
const Places& Policy::places() const { return compiled_->places; }
const std::vector<Policy::Expected>& Policy::expectations() const { return compiled_->expectations; }
std::vector<std::string> Policy::files() const { return compiled_->files; }

std::vector<std::string> Policy::environment(const char* const* host) const {
  std::vector<std::string> out;
  const Settings& settings = compiled_->settings;
  for (; host != nullptr && *host != nullptr; ++host) {
    const std::string_view entry = *host;
    const auto name = entry.substr(0, entry.find('='));
    if (name.size() == entry.size()) continue;
    const bool is_set =
        std::any_of(settings.set.begin(), settings.set.end(), [name](const Variable& v) { return v.name == name; });
    const bool passes =
        std::any_of(settings.pass.begin(), settings.pass.end(), [name](const Pattern& p) { return p.matches(name); });
    if (passes && !is_set) out.emplace_back(entry);
  }
  for (std::size_t i = 0; i < settings.set.size(); ++i) {
    const Variable& variable = settings.set[i];
    const bool again = std::any_of(settings.set.begin() + static_cast<std::ptrdiff_t>(i) + 1, settings.set.end(),
                                   [&variable](const Variable& later) { return later.name == variable.name; });
    if (!again) out.push_back(variable.name + "=" + variable.value);
  }
  return out;
}

std::vector<Policy::RuleLine> Policy::rules() const {
  std::vector<RuleLine> out;
  for (const Layer& layer : compiled_->layers) {
    const auto add = [&](const auto& rules) {
      for (const auto& rule : rules)
        out.push_back({layer.name, rule.ruling.decision.rule, rule.ruling.decision.verdict, rule.text});
    };
    add(layer.rules.file);
    add(layer.rules.net);
    add(layer.rules.exec);
  }
  return out;
}

Decision headless(Decision decision) {
  if (decision.verdict == Verdict::Ask) decision.verdict = Verdict::Deny;
  return decision;
}

Decision frozen(std::string reason) {
  Decision out;
  out.verdict = Verdict::Deny;
  out.rule = {"built-in", 0};
  out.reason = std::move(reason);
  return out;
}

}  // namespace assent::decide
