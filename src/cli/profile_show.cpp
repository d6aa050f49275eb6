#include "cli/profile_show.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "base/show.h"

namespace assent::cli {

namespace {

using decide::Folder;
using decide::Settings;

constexpr std::size_t kOriginColumn = 88;

std::string line(const std::string& text, const RuleRef& origin) {
  return fmt::format("  {:<{}}  {}\n", text, kOriginColumn, show(to_string(origin)));
}

std::string folders_text(std::string_view key, const std::vector<Folder>& folders) {
  std::string out;
  for (const auto& folder : folders) out += line(fmt::format("{:<8} {}", key, show(folder.path)), folder.origin);
  return out;
}

nlohmann::ordered_json folders_json(const std::vector<Folder>& folders) {
  auto out = nlohmann::ordered_json::array();
  for (const auto& folder : folders)
    out.push_back({{"path", show(folder.path)}, {"origin", show(to_string(folder.origin))}});
  return out;
}

}  // namespace

std::string policy_text(const decide::Policy& policy) {
  const Settings& settings = policy.settings();
  std::string out = "profiles\n";
  for (const auto& file : policy.files()) out += fmt::format("  {}\n", show(file));
  out += "\ndefaults\n";
  out += line(fmt::format("unmatched    {}", name(settings.unmatched)), settings.unmatched_rule);
  out += fmt::format("  timeout      {}s\n  confirm_over {}\n  mode         {}\n", settings.timeout.count(),
                     settings.confirm_over, name(settings.mode));
  out += "\nfilesystem\n";
  out += folders_text("gated", settings.gated) + folders_text("free", settings.free) +
         folders_text("private", settings.private_) + folders_text("read", settings.read);
  for (const auto& hidden : settings.hide)
    out += line(fmt::format("{:<8} {}", "hide", show(hidden.text)), hidden.origin);
  out += "\nrules (within a layer the first that matches decides; across layers the strictest)\n";
  out += line("deny     whatever belongs to assent itself", {"built-in", 0});
  std::string layer;
  for (const auto& rule : policy.rules()) {
    if (rule.layer != layer) out += fmt::format(" {}\n", show(layer = rule.layer));
    out += line(rule.text, rule.origin);
  }
  return out;
}

std::string policy_json(const decide::Policy& policy) {
  const Settings& settings = policy.settings();
  nlohmann::ordered_json out;
  out["profiles"] = nlohmann::json::array();
  for (const auto& file : policy.files()) out["profiles"].push_back(show(file));
  out["defaults"] = {{"unmatched", name(settings.unmatched)},
                     {"origin", show(to_string(settings.unmatched_rule))},
                     {"timeout_seconds", settings.timeout.count()},
                     {"confirm_over", settings.confirm_over},
                     {"mode", name(settings.mode)}};
  out["filesystem"] = {{"gated", folders_json(settings.gated)},
                       {"free", folders_json(settings.free)},
                       {"private", folders_json(settings.private_)},
                       {"read", folders_json(settings.read)}};
  auto hide = nlohmann::ordered_json::array();
  for (const auto& hidden : settings.hide)
    hide.push_back({{"pattern", show(hidden.text)}, {"origin", show(to_string(hidden.origin))}});
  out["filesystem"]["hide"] = std::move(hide);
  out["rules"] = nlohmann::json::array();
  for (const auto& rule : policy.rules()) {
    out["rules"].push_back({{"layer", show(rule.layer)},
                            {"verdict", name(rule.verdict)},
                            {"rule", rule.text},
                            {"origin", show(to_string(rule.origin))}});
  }
  return out.dump() + "\n";
}

}  // namespace assent::cli
