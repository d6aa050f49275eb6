// Building a Policy: reads the files of each layer, merges what is no rule, compiles the rules.
#include <algorithm>
#include <optional>
#include <utility>

#include "base/show.h"
#include "decide/compiled.h"
#include "decide/sources.h"

namespace assent::decide {

namespace {

using Links = std::vector<Sources::Link>;

constexpr std::string_view kCommandLine = "command line";

RuleRef origin_of(const Profile& profile, At at) { return {profile.file, at.line}; }

// One layer as read: its profiles front to back.
struct Read {
  std::string name;
  Links links;
  Layer::Standing standing = Layer::Standing::Full;
};

class Builder {
 public:
  Builder(const LoadOptions& options, Problems& problems)
      : options_(options),
        problems_(problems),
        sources_(profile_folders(options), options.expectations ? Sources::Reading::All : Sources::Reading::Rules),
        own_(protected_folders(options)) {}

  void build(Settings& settings, std::vector<Layer>& layers, std::vector<Policy::Expected>& expectations,
             std::vector<std::string>& files) {
    read_layers();
    for (const auto& layer : layers_) {
      for (const auto& link : layer.links) files.push_back(link.profile.file);
    }
    values(settings);
    for (const auto& layer : layers_) {
      for (const auto& link : layer.links) floor(settings, link.profile, layer.standing);
    }
    one_offs(settings);
    const Usual usual{settings.timeout, settings.confirm_over};
    for (const auto& read : layers_) {
      Layer layer{read.name, read.standing, {}};
      for (const auto& link : read.links) layer.rules.append(link.profile, options_.places, usual, problems_);
      layers.push_back(std::move(layer));
    }
    command_line(layers, usual);
    for (const auto& [file, expectation] : expectations_) expectations.push_back({file, expectation});
  }

  Protected protected_own() { return std::move(own_); }

 private:
  static std::vector<std::string> protected_folders(const LoadOptions& options) {
    std::vector<std::string> out = options.protect;
    out.push_back(options.etc);
    out.push_back(options.config);
    std::erase_if(out, [](const std::string& folder) { return folder.empty() || folder == "/"; });
    return out;
  }

  void read_layers() {
    const bool all = options_.layers == Layers::All;
    if (all) layers_.push_back({"/etc/assent", sources_.chain_of_file(options_.etc + "/profile.toml", problems_)});
    if (all && !options_.config.empty())
      layers_.push_back({"user", sources_.chain_of_file(options_.config + "/profile.toml", problems_)});
    Read chosen{"profile", {}};
    for (auto spec = options_.profiles.rbegin(); spec != options_.profiles.rend(); ++spec) {
      Links chain = sources_.chain(*spec, problems_);
      if (!chain.empty()) expect(chain.front().profile);
      for (auto& link : chain) {
        const bool known = std::any_of(chosen.links.begin(), chosen.links.end(),
                                       [&link](const auto& other) { return other.profile.file == link.profile.file; });
        if (!known) chosen.links.push_back(std::move(link));
      }
    }
    layers_.push_back(std::move(chosen));
    if (all && !options_.places.project.empty()) project();
  }

  void project() {
    Links chain = sources_.chain_of_file(options_.places.project + "/.assent.toml", problems_);
    if (chain.empty()) return;
    expect(chain.front().profile);
    if (options_.project == Trust::Yes && may_loosen()) {
      auto& chosen = layers_.back().links;
      chosen.insert(chosen.begin(), std::make_move_iterator(chain.begin()), std::make_move_iterator(chain.end()));
      return;
    }
    for (const auto& link : chain) {
      if (link.by_name)
        continue;  // a shipped or installed one; what it would open is left out, its rules still tighten
      for (const auto& widening : link.profile.widening) {
        problems_.push_back({link.profile.file, widening.at,
                             "a project's own profile may only tighten, so " + widening.value +
                                 " has no place in it; put it into your own profile, or write project_may = \"loosen\" "
                                 "there and run 'assent trust'"});
      }
    }
    layers_.push_back({"project", std::move(chain), Layer::Standing::TightenOnly});
  }

  // The machine's owner first, then the user; a project never has a say in this.
  bool may_loosen() {
    for (const auto& layer : layers_) {
      for (const auto& link : layer.links) {
        if (link.profile.project_may) return link.profile.project_may->value == "loosen";
      }
    }
    return false;
  }

  void expect(const Profile& profile) {
    for (const auto& expectation : profile.tests) expectations_.emplace_back(profile.file, expectation);
  }

  // The first layer and profile that gives a value decides; a project's file, and the machine's, may only make it
  // smaller.
  template <class T, class Get>
  void smaller_or_first(T& value, Get get) {
    bool given = false;
    for (const auto& layer : layers_) {
      for (const auto& link : layer.links) {
        const auto& found = get(link.profile);
        if (!found) continue;
        if (layer.standing == Layer::Standing::TightenOnly) {
          value = std::min<T>(value, *found);
        } else if (!given) {
          value = *found;
          given = true;
        }
        break;
      }
    }
  }

  template <class T, class Get>
  void smaller_or_first(std::optional<T>& value, Get get) {
    bool given = false;
    for (const auto& layer : layers_) {
      for (const auto& link : layer.links) {
        const std::optional<T>& found = get(link.profile);
        if (!found) continue;
        if (layer.standing == Layer::Standing::TightenOnly) {
          value = value ? std::min(*value, *found) : *found;
        } else if (!given) {
          value = *found;
          given = true;
        }
        break;
      }
    }
  }

  // Not for a project's file at all, not even by way of what it extends.
  template <class Value, class Get>
  void first(Value& value, Get get) {
    for (const auto& layer : layers_) {
      if (layer.standing == Layer::Standing::TightenOnly) continue;
      for (const auto& link : layer.links) {
        const auto& found = get(link.profile);
        if (!found) continue;
        value = *found;
        return;
      }
    }
  }

  void values(Settings& out) {
    bool given = false;
    for (const auto& layer : layers_) {
      // Within a layer the first profile that says it; across layers the strictest.
      const auto says = std::find_if(layer.links.begin(), layer.links.end(),
                                     [](const auto& link) { return link.profile.unmatched.has_value(); });
      if (says != layer.links.end()) {
        const Profile& profile = says->profile;
        const bool floor_for_project = layer.standing == Layer::Standing::TightenOnly && !given;
        const Verdict before = given || floor_for_project ? out.unmatched : Verdict::Allow;
        if (!(given || floor_for_project) || profile.unmatched->value > before) {
          out.unmatched = profile.unmatched->value;
          out.unmatched_rule = origin_of(profile, profile.unmatched->at);
          out.unmatched_approvers = profile.approvers;
        }
        given = true;
      }
      const auto moded = std::find_if(layer.links.begin(), layer.links.end(),
                                      [](const auto& link) { return link.profile.mode.has_value(); });
      if (moded != layer.links.end()) out.mode = std::max(out.mode, moded->profile.mode->value);
    }
    if (options_.mode) out.mode = std::max(out.mode, *options_.mode);

    const auto plain = [](const auto& placed) {
      using T = std::remove_cvref_t<decltype(placed->value)>;
      return placed ? std::optional<T>(placed->value) : std::nullopt;
    };
    smaller_or_first(out.timeout, [&](const Profile& p) { return plain(p.timeout); });
    smaller_or_first(out.confirm_over, [&](const Profile& p) { return plain(p.confirm_over); });
    if (options_.timeout) out.timeout = *options_.timeout;

    first(out.keep, [](const Profile& p) { return p.vault.keep; });
    first(out.vault_max_file, [](const Profile& p) { return p.vault.max_file; });
    first(out.vault_max_total, [](const Profile& p) { return p.vault.max_total; });
    first(out.vault_retention, [](const Profile& p) { return p.vault.retention; });
    smaller_or_first(out.limits.memory, [](const Profile& p) { return p.limits.memory; });
    smaller_or_first(out.limits.processes, [](const Profile& p) { return p.limits.processes; });
    smaller_or_first(out.limits.open_files, [](const Profile& p) { return p.limits.open_files; });
    smaller_or_first(out.limits.cpu, [](const Profile& p) { return p.limits.cpu; });
    first(out.notify.desktop, [](const Profile& p) { return p.notify.desktop; });
    first(out.notify.bell, [](const Profile& p) { return p.notify.bell; });
    first(
        out.notify.url, [](const Profile& p) -> const auto& { return p.notify.url; });
    first(out.notify.command,
          [](const Profile& p) { return p.notify.command.empty() ? std::nullopt : std::optional(p.notify.command); });
  }

  // Folders, hidden names and environment of one profile.
  void floor(Settings& out, const Profile& profile, Layer::Standing standing) {
    for (const auto& text : profile.filesystem.hide) hide(out, text, profile.file, text.at);
    if (standing == Layer::Standing::TightenOnly) return;
    folders(out.gated, profile.filesystem.gated, profile.file);
    folders(out.free, profile.filesystem.free, profile.file);
    folders(out.private_, profile.filesystem.private_, profile.file);
    folders(out.read, profile.filesystem.read, profile.file);
    for (const auto& text : profile.filesystem.free) {
      const auto path = expand(text.value, options_.places);
      if (!path || !own_.touches(*path)) continue;
      problems_.push_back(
          {profile.file, text.at,
           "free folder \"" + show(text.value) +
               "\" is or holds assent's own files, which the agent could then change; name the folders it needs"});
    }
    for (const auto& text : profile.pass) pass(out, text, profile.file);
    // Front to back, and the front one wins: it must come last.
    out.set.insert(out.set.begin(), profile.set.begin(), profile.set.end());
  }

  void pass(Settings& out, const Text& text, std::string_view file) {
    auto pattern = Pattern::compile(text.value, Pattern::Over::Argument, options_.places);
    if (pattern) {
      out.pass.push_back(std::move(*pattern));
    } else {
      problems_.push_back({std::string(file), text.at, "variable \"" + show(text.value) + "\" " + pattern.error()});
    }
  }

  std::optional<std::string> folder(const Text& text, std::string_view file) {
    auto path = expand(text.value, options_.places);
    std::string why;
    if (!path) {
      why = path.error();
    } else if (path->empty() || path->front() != '/') {
      why = "is not absolute; begin it with /, ~/ or ${PROJECT}";
    } else if (path->find('\0') != std::string::npos) {
      why = "has a NUL byte";
    } else if (text.value.find_first_of("*?") != std::string::npos) {
      why = "is a pattern; only plain folders can stand here";
    } else {
      while (path->size() > 1 && path->ends_with('/')) path->pop_back();
      const std::string closed = *path + "/";
      if (closed.find("/../") != std::string::npos || closed.find("/./") != std::string::npos ||
          (closed.find("//") != std::string::npos && *path != "/")) {
        why = "has a component that is empty, \".\" or \"..\"";
      }
    }
    if (why.empty()) return *path;
    problems_.push_back({std::string(file), text.at, "folder \"" + show(text.value) + "\" " + why});
    return std::nullopt;
  }

  void folders(std::vector<Folder>& out, const Texts& texts, const std::string& file) {
    for (const auto& text : texts) {
      auto path = folder(text, file);
      if (!path) continue;
      const bool known =
          std::any_of(out.begin(), out.end(), [&path](const Folder& other) { return other.path == *path; });
      if (!known) out.push_back({std::move(*path), {file, text.at.line}});
    }
  }

  void hide(Settings& out, const Text& text, const std::string& file, At at) {
    auto pattern = Pattern::compile(text.value, Pattern::Over::Path, options_.places);
    if (!pattern) {
      problems_.push_back({file, at, "pattern \"" + show(text.value) + "\" " + pattern.error()});
      return;
    }
    const auto literal = pattern->literal();
    const std::string plain = literal && literal->starts_with('/') ? *literal : std::string();
    for (const std::string_view root :
         {std::string_view("/"), std::string_view(options_.places.project), std::string_view(options_.places.home)}) {
      if (plain == root && !plain.empty())
        problems_.push_back(
            {file, at, "pattern \"" + show(text.value) + "\" would hide the whole of it; nothing could run"});
    }
    out.hide.push_back({text.value, plain, std::move(*pattern), {file, at.line}});
  }

  void one_offs(Settings& out) {
    const std::string file(kCommandLine);
    for (const auto& path : options_.hide) hide(out, {path, {}}, file, {});
    for (const auto& path : options_.write) {
      if (own_.touches(path))
        problems_.push_back(
            {file,
             {},
             "--write \"" + show(path) + "\" is or holds assent's own files, which the agent could then change"});
      folders(out.free, {{path, {}}}, file);
    }
    for (const auto& path : options_.read) {
      if (auto plain = folder({path, {}}, file)) out.shown.push_back(std::move(*plain));
    }
    for (const auto& entry : options_.environment) {
      const auto equals = entry.find('=');
      if (equals == std::string::npos) {
        pass(out, {entry, {}}, file);
      } else {
        out.set.push_back({entry.substr(0, equals), entry.substr(equals + 1), {}});
      }
    }
  }

  void command_line(std::vector<Layer>& layers, const Usual& usual) {
    if (options_.allow_hosts.empty()) return;
    Profile profile;
    profile.file = kCommandLine;
    NetRule rule;
    rule.say.action = Verdict::Allow;
    rule.say.reason = "--allow-host";
    NetRule datagrams = rule;
    datagrams.udp = true;
    for (const auto& host : options_.allow_hosts) {
      const bool udp = host.starts_with("udp:");
      (udp ? datagrams : rule).hosts.push_back({udp ? host.substr(4) : host, {}});
    }
    for (NetRule* one : {&rule, &datagrams}) {
      if (!one->hosts.empty()) profile.net_rules.push_back(std::move(*one));
    }
    Layer layer{std::string(kCommandLine), Layer::Standing::Full, {}};
    layer.rules.append(profile, options_.places, usual, problems_);
    layers.push_back(std::move(layer));
  }

  const LoadOptions& options_;
  Problems& problems_;
  Sources sources_;
  Protected own_;
  std::vector<Read> layers_;
  std::vector<std::pair<std::string, Expectation>> expectations_;
};

Ruling built_in(Verdict verdict, std::string reason, int error = EPERM) {
  Decision out;
  out.verdict = verdict;
  out.rule = {"built-in", 0};
  out.reason = std::move(reason);
  out.error = error;
  return ruling(std::move(out));
}

}  // namespace

tl::expected<Policy, Problems> Policy::load(const LoadOptions& options) {
  Problems problems;
  auto all = std::make_shared<Compiled>();
  all->places = options.places;
  Builder builder(options, problems);
  builder.build(all->settings, all->layers, all->expectations, all->files);
  all->own = builder.protected_own();
  if (!problems.empty()) {
    arrange(problems);
    return tl::unexpected<Problems>(std::move(problems));
  }

  Decision unmatched;
  unmatched.verdict = all->settings.unmatched;
  unmatched.rule = all->settings.unmatched_rule;
  unmatched.reason = "no rule names it";
  if (unmatched.verdict == Verdict::Ask) unmatched.approvers = all->settings.unmatched_approvers;
  unmatched.timeout = all->settings.timeout;
  unmatched.confirm_over = all->settings.confirm_over;
  all->unmatched = ruling(std::move(unmatched));
  all->protected_own = built_in(Verdict::Deny, "belongs to assent itself");
  all->hidden = built_in(Verdict::Deny, "is hidden from the agent", EACCES);
  all->kernel = built_in(Verdict::Deny, "belongs to the kernel", EACCES);
  all->floor = built_in(Verdict::Allow, "lies in a folder that the agent may change unasked");
  all->frozen = built_in(Verdict::Deny, "everything is frozen");
  all->ungated = built_in(Verdict::Allow, "no rule names this program");
  return Policy(std::move(all));
}

}  // namespace assent::decide
