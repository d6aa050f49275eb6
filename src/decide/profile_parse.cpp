// TOML to Profile, section by section.
#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/duration.h"
#include "base/show.h"
#include "decide/profile.h"
#include "decide/toml_reader.h"
#include "decide/units.h"

namespace assent::decide {

namespace {

constexpr std::size_t kMaxText = 1 << 20;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::array<std::pair<Fact, std::string_view>, 7> kFacts{{{Fact::Own, "own"},
                                                                   {Fact::Recoverable, "recoverable"},
                                                                   {Fact::Replaced, "replaced"},
                                                                   {Fact::Touched, "touched"},
                                                                   {Fact::OwnFolder, "own_folder"},
                                                                   {Fact::ByGit, "by_git"},
                                                                   {Fact::Unkept, "unkept"}}};

std::optional<Verdict> verdict_from_name(std::string_view word) {
  for (const auto verdict : {Verdict::Allow, Verdict::Ask, Verdict::Deny}) {
    if (name(verdict) == word) return verdict;
  }
  return std::nullopt;
}

std::optional<std::chrono::seconds> duration(std::string_view text) {
  auto parsed = parse_duration(text);
  return parsed ? std::optional(*parsed) : std::nullopt;
}

constexpr std::string_view kVerdictWords = "\"allow\", \"ask\" or \"deny\"";
constexpr std::string_view kDurationWords = "a duration such as \"90s\", \"5m\" or \"2h\"";
constexpr std::string_view kSizeWords = "a size such as \"512K\", \"10M\" or \"2G\"";

class Reader {
 public:
  Reader(Profile& out, Problems& problems) : out_(out), problems_(problems) {}

  void read(const toml::table& root) {
    Section top(root, "the profile", out_.file, problems_);
    const auto version = top.integer("version", 1, kMost);
    if (!top.has("version")) top.problem({1, 1}, "the profile has no version; begin it with version = 1");
    if (version && version->value != 1)
      top.problem(version->at,
                  "version " + std::to_string(version->value) + " is newer than this assent, which reads version 1");
    if (auto text = top.string("name")) out_.name = std::move(text->value);
    if (auto text = top.string("description")) out_.description = std::move(text->value);
    out_.extends = top.strings("extends");
    out_.approvers = people(top, "approvers");
    out_.project_may = top.string("project_may");
    if (out_.project_may && out_.project_may->value != "tighten" && out_.project_may->value != "loosen") {
      top.problem(out_.project_may->at, "project_may must be \"tighten\" or \"loosen\"");
    }
    if (out_.project_may) widens(top, "project_may");
    if (const auto* table = top.table("defaults")) defaults(*table);
    if (const auto* table = top.table("filesystem")) filesystem(*table);
    if (const auto* table = top.table("environment")) environment(top, *table);
    for (const auto* table : top.tables("file")) file_rule(*table);
    for (const auto* table : top.tables("net")) net_rule(*table);
    for (const auto* table : top.tables("exec")) exec_rule(*table);
    if (const auto* table = top.table("vault")) vault(top, *table);
    if (const auto* table = top.table("limits")) limits(*table);
    if (const auto* table = top.table("notify")) notify(top, *table);
    for (const auto* table : top.tables("test")) expectation(*table);
    top.finish();
  }

 private:
  Section section(const toml::table& table, std::string where) {
    return {table, std::move(where), out_.file, problems_};
  }

  void widens(Section& from, std::string_view key, std::string_view prefix = {}) {
    if (from.has(key)) out_.widening.push_back({std::string(prefix) + std::string(key), from.at_key(key)});
  }

  static std::vector<std::string> people(Section& from, std::string_view key) {
    std::vector<std::string> out;
    for (auto& text : from.strings(key)) {
      if (text.value.empty() || text.value == "group:") {
        from.problem(text.at, std::string(key) + " has an empty name; write a user's name or \"group:NAME\"");
      } else {
        out.push_back(std::move(text.value));
      }
    }
    return out;
  }

  void defaults(const toml::table& table) {
    Section from = section(table, "[defaults]");
    out_.unmatched = from.word<Verdict>("unmatched", verdict_from_name, kVerdictWords);
    out_.timeout = from.word<std::chrono::seconds>("timeout", duration, kDurationWords);
    if (auto count = from.integer("confirm_over", 0, kMost))
      out_.confirm_over = {static_cast<std::uint64_t>(count->value), count->at};
    out_.mode = from.word<Mode>("mode", mode_from_name, "\"live\", \"plan\" or \"freeze\"");
    from.finish();
  }

  void filesystem(const toml::table& table) {
    Section from = section(table, "[filesystem]");
    out_.filesystem = {from.strings("gated"), from.strings("free"), from.strings("private"), from.strings("hide"),
                       from.strings("read")};
    for (const auto* key : {"gated", "free", "private", "read"}) widens(from, key, "filesystem.");
    from.finish();
  }

  void environment(Section& top, const toml::table& table) {
    widens(top, "environment");
    Section from = section(table, "[environment]");
    for (auto& text : from.strings("pass")) {
      if (text.value.empty() || text.value.find('=') != std::string::npos ||
          text.value.find('\0') != std::string::npos) {
        from.problem(text.at, "pass must hold names of variables; a value is given in set");
      } else {
        out_.pass.push_back(std::move(text));
      }
    }
    if (const auto* values = from.table("set")) {
      Section set = section(*values, "[environment.set]");
      for (auto&& [key, node] : *values) {
        auto value = set.string(key.str());
        if (!value) continue;
        const bool bad = key.str().empty() || key.str().find('=') != std::string_view::npos ||
                         key.str().find('\0') != std::string_view::npos || value->value.find('\0') != std::string::npos;
        if (bad) {
          set.problem(
              value->at,
              "a variable's name must not be empty, and neither name nor value may hold a NUL, nor the name a \"=\"");
        } else {
          out_.set.push_back({std::string(key.str()), std::move(value->value), value->at});
        }
      }
    }
    from.finish();
  }

  Say say(Section& from) {
    Say out;
    out.at = from.here();
    if (const auto action = from.word<Verdict>("action", verdict_from_name, kVerdictWords)) {
      out.action = action->value;
    } else if (!from.has("action")) {
      from.missing("action");
    }
    if (auto text = from.string("reason")) out.reason = std::move(text->value);
    if (const auto code = from.word<int>("errno", errno_from_name, "the name of an error such as \"EACCES\""))
      out.error = code->value;
    if (const auto quorum = from.integer("quorum", 1, 100)) out.quorum = static_cast<unsigned>(quorum->value);
    out.approvers = people(from, "approvers");
    out.not_self = from.boolean("not_self").value_or(false);
    if (const auto time = from.word<std::chrono::seconds>("timeout", duration, kDurationWords))
      out.timeout = time->value;
    if (const auto count = from.integer("confirm_over", 0, kMost))
      out.confirm_over = static_cast<std::uint64_t>(count->value);
    if (!from.has("action")) return out;

    if (out.action != Verdict::Ask) {
      for (const auto* key : {"quorum", "approvers", "not_self", "timeout", "confirm_over"}) {
        if (from.has(key))
          from.problem(from.at_key(key), std::string(key) + " has a meaning only where action is \"ask\"");
      }
    }
    if (out.action == Verdict::Allow && from.has("errno"))
      from.problem(from.at_key("errno"), "errno has no meaning where action is \"allow\"");
    const bool has_group = std::any_of(out.approvers.begin(), out.approvers.end(),
                                       [](const auto& who) { return who.starts_with("group:"); });
    if (out.quorum && !out.approvers.empty() && !has_group && *out.quorum > out.approvers.size()) {
      from.problem(from.at_key("quorum"), "quorum is " + std::to_string(*out.quorum) + ", but only " +
                                              std::to_string(out.approvers.size()) +
                                              " may answer; nobody could ever allow it");
    }
    return out;
  }

  FactSet facts(Section& from) {
    FactSet out = 0;
    for (const auto& text : from.strings("when")) {
      if (const auto fact = fact_from_name(text.value)) {
        out |= bit(*fact);
      } else {
        std::string known;
        for (const auto& [fact_known, word] : kFacts) known += (known.empty() ? "" : ", ") + std::string(word);
        from.problem(text.at, "unknown condition \"" + show(text.value) + "\" in when; known: " + known +
                                  "; after and larger are keys of their own");
      }
    }
    return out;
  }

  std::uint64_t size_key(Section& from, std::string_view key) {
    const auto size = from.word<std::uint64_t>(key, parse_size, kSizeWords);
    return size ? size->value : 0;
  }

  void file_rule(const toml::table& table) {
    Section from = section(table, "[[file]]");
    FileRule rule;
    const std::size_t before = problems_.size();
    for (const auto& text : from.strings("ops")) {
      if (const auto operation = operation_from_name(text.value)) {
        rule.operations |= bit(*operation);
      } else {
        from.problem(text.at, "unknown operation \"" + show(text.value) +
                                  "\" in ops; known: create, modify, truncate, rename, delete, metadata");
      }
    }
    rule.paths = from.strings("paths");
    const bool readable = problems_.size() == before;  // else what is empty only could not be read
    rule.when = facts(from);
    if (const auto count = from.integer("after", 1, kMost)) rule.after = static_cast<std::uint64_t>(count->value);
    rule.larger = size_key(from, "larger");
    rule.say = say(from);
    from.finish();

    if (!from.has("ops")) from.missing("ops");
    if (!from.has("paths")) from.missing("paths");
    if (from.has("ops") && rule.operations == 0 && readable)
      from.problem(from.at_key("ops"), "ops is empty, so the rule can never match");
    if (from.has("paths") && rule.paths.empty() && readable)
      from.problem(from.at_key("paths"), "paths is empty, so the rule can never match");
    const bool may_exist = (rule.operations & ~bit(Operation::Create)) != 0;
    if (rule.operations != 0 && !may_exist &&
        ((rule.when & ~bit(Fact::OwnFolder) & ~bit(Fact::ByGit)) != 0 || rule.larger != 0)) {
      from.problem(from.at_key(rule.when != 0 ? "when" : "larger"),
                   "the rule can never match: what is being created does not exist yet, so only own_folder and by_git "
                   "can hold of it");
    }
    if (rule.operations != 0 && (rule.when & bit(Fact::Replaced)) != 0 &&
        (rule.operations & bit(Operation::Delete)) == 0) {
      from.problem(from.at_key("when"),
                   "the rule can never match: only a delete can be replaced; add \"delete\" to ops");
    }
    if ((rule.when & bit(Fact::Own)) != 0 && rule.after > 0) {
      from.problem(from.at_key("after"), "after counts what was there before, so it has no meaning together with own");
    }
    if (rule.operations == 0 || rule.paths.empty()) return;
    out_.file_rules.push_back(std::move(rule));
  }

  void net_rule(const toml::table& table) {
    Section from = section(table, "[[net]]");
    NetRule rule;
    rule.hosts = from.strings("hosts");
    rule.udp = from.boolean("udp");
    const auto sni = from.word<bool>(
        "sni", [](std::string_view word) { return word == "match" ? std::optional(true) : std::nullopt; },
        "\"match\", or not be there");
    rule.sni = sni && sni->value;
    rule.say = say(from);
    from.finish();
    if (!from.has("hosts")) from.missing("hosts");
    if (from.has("hosts") && rule.hosts.empty())
      from.problem(from.at_key("hosts"), "hosts is empty, so the rule can never match");
    if (rule.hosts.empty()) return;
    out_.net_rules.push_back(std::move(rule));
  }

  void exec_rule(const toml::table& table) {
    Section from = section(table, "[[exec]]");
    ExecRule rule;
    rule.argv = from.strings("argv");
    rule.say = say(from);
    from.finish();
    if (!from.has("argv")) from.missing("argv");
    if (from.has("argv") && rule.argv.empty())
      from.problem(from.at_key("argv"), "argv is empty, so the rule can never match");
    if (rule.argv.empty()) return;
    out_.exec_rules.push_back(std::move(rule));
  }

  void vault(Section& top, const toml::table& table) {
    widens(top, "vault");
    Section from = section(table, "[vault]");
    out_.vault.keep = from.boolean("keep");
    if (const auto size = from.word<std::uint64_t>("max_file", parse_size, kSizeWords))
      out_.vault.max_file = size->value;
    if (const auto size = from.word<std::uint64_t>("max_total", parse_size, kSizeWords))
      out_.vault.max_total = size->value;
    if (const auto time =
            from.word<std::chrono::seconds>("retention", duration, "a duration such as \"12h\" or \"14d\""))
      out_.vault.retention = time->value;
    from.finish();
  }

  void limits(const toml::table& table) {
    Section from = section(table, "[limits]");
    if (const auto size = from.word<std::uint64_t>("memory", parse_size, kSizeWords)) out_.limits.memory = size->value;
    if (const auto count = from.integer("processes", 1, 4'194'304))
      out_.limits.processes = static_cast<std::uint64_t>(count->value);
    if (const auto count = from.integer("open_files", 16, 1'073'741'816))
      out_.limits.open_files = static_cast<std::uint64_t>(count->value);
    if (const auto share = from.word<unsigned>("cpu", parse_percent, "a share of one processor such as \"400%\""))
      out_.limits.cpu = share->value;
    from.finish();
  }

  void notify(Section& top, const toml::table& table) {
    widens(top, "notify");  // it names a command that runs outside the sandbox
    Section from = section(table, "[notify]");
    out_.notify.desktop = from.boolean("desktop");
    out_.notify.bell = from.boolean("bell");
    for (auto& text : from.strings("command")) out_.notify.command.push_back(std::move(text.value));
    if (auto url = from.string("url")) {
      const bool known = url->value.starts_with("https://") || url->value.starts_with("http://");
      const bool plain =
          std::ranges::all_of(url->value, [](char c) { return c > ' ' && c < 0x7F && c != '"' && c != '\\'; });
      if (!known || !plain) {
        from.problem(
            url->at,
            "url must begin with https:// or http:// and hold no space, quote, backslash or letter beyond ASCII");
      } else {
        out_.notify.url = std::move(url->value);
      }
    }
    from.finish();
  }

  void expectation(const toml::table& table) {
    Section from = section(table, "[[test]]");
    Expectation out;
    out.at = from.here();
    const auto act = from.string("act");
    if (act) out.act = *act;
    if (!from.has("act")) from.missing("act");
    const auto expect = from.word<Verdict>("expect", verdict_from_name, kVerdictWords);
    if (expect) out.expect = expect->value;
    if (!from.has("expect")) from.missing("expect");
    out.when = facts(from);
    out.size = size_key(from, "size");
    if (const auto hits = from.integer("hits", 0, kMost)) out.hits = static_cast<std::uint64_t>(hits->value);
    from.finish();
    if (act && expect) out_.tests.push_back(std::move(out));
  }

  Profile& out_;
  Problems& problems_;
};

}  // namespace

std::string_view name(Mode mode) {
  switch (mode) {
    case Mode::Live:
      return "live";
    case Mode::Plan:
      return "plan";
    case Mode::Freeze:
      return "freeze";
  }
  return "freeze";
}

std::optional<Mode> mode_from_name(std::string_view word) {
  for (const auto mode : {Mode::Live, Mode::Plan, Mode::Freeze}) {
    if (name(mode) == word) return mode;
  }
  return std::nullopt;
}

std::string_view name(Fact fact) {
  for (const auto& [value, word] : kFacts) {
    if (value == fact) return word;
  }
  return "?";
}

std::optional<Fact> fact_from_name(std::string_view word) {
  for (const auto& [value, known] : kFacts) {
    if (known == word) return value;
  }
  return std::nullopt;
}

Profile parse_profile(std::string_view text, std::string file, Problems& problems) {
  Profile out;
  out.file = std::move(file);
  if (text.size() > kMaxText) {
    problems.push_back({out.file, {}, "the profile is larger than 1 MiB"});
    return out;
  }
  const auto parsed = toml::parse(text);
  if (!parsed) {
    const auto& begin = parsed.error().source().begin;
    problems.push_back({out.file,
                        {static_cast<int>(begin.line), static_cast<int>(begin.column)},
                        "is not TOML: " + show(parsed.error().description())});
    return out;
  }
  Problems found;
  Reader(out, found).read(parsed.table());
  arrange(found);
  problems.insert(problems.end(), found.begin(), found.end());
  return out;
}

}  // namespace assent::decide
