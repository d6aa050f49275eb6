// assent freeze, assent thaw: folders that nobody may change from now on, and again. They write the list that every
// session watches (session/freezes.h); no daemon is needed.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <ctime>
#include <sstream>

#include "approve/rights.h"
#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/policy_options.h"
#include "cli/record_view.h"
#include "session/freeze_list.h"
#include "session/paths.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

Result<std::string> list_folder(bool system) {
  if (system) return std::string(session::kSystemFolder);
  auto paths = session::Paths::from_environment();
  if (!paths) return pass(std::move(paths));
  return paths->state;
}

int print_freezes(std::string_view verb, const std::string& folder, std::string_view whose) {
  const auto freezes = session::read_freezes(folder);
  if (!freezes) return complain(verb, freezes.error().what, kFailed);
  for (const auto& one : *freezes)
    fmt::print("{}  since {} by {}{}\n", show(one.folder), show(one.since), show(one.by), whose);
  return kOk;
}

enum class Change { Freeze, Thaw };

int change(Change change, Arguments arguments) {
  const std::string_view verb = change == Change::Freeze ? "freeze" : "thaw";
  po::options_description options("options");
  auto add = options.add_options();
  add("system", "for everybody on this machine (root)");
  if (change == Change::Freeze) add("list", "say what is frozen");
  add("help,h", "this text");
  const auto parsed = parse_words(arguments, options, 1);
  if (!parsed) return complain(verb, parsed.error().what, kUsage);
  if (parsed->given.count("help") != 0) {
    std::ostringstream text;
    text << options;
    fmt::print("usage: assent {} [--system] [DIR]\n\n{}\n\n{}", verb,
               change == Change::Freeze ? "From now on every gated act under DIR (the project) is denied, in running "
                                          "sessions too, whatever a profile\n"
                                          "says and whoever assents, until 'assent thaw'."
                                        : "Ends the freeze of DIR (the project).",
               text.str());
    return kOk;
  }
  const bool system = parsed->given.count("system") != 0;
  auto folder = list_folder(system);
  if (!folder) return complain(verb, folder.error().what, kFailed);
  if (parsed->given.count("list") != 0) {
    const int own = print_freezes(verb, *folder, "");
    return system ? own : std::max(own, print_freezes(verb, session::kSystemFolder, " (system)"));
  }
  std::string target;
  if (!parsed->words.empty() && change == Change::Thaw && parsed->words.front().starts_with('/') &&
      !session::canonical(parsed->words.front())) {
    target = parsed->words.front();  // gone meanwhile
  } else {
    auto found = parsed->words.empty() ? find_project(std::nullopt) : session::canonical(parsed->words.front());
    if (!found) return complain(verb, found.error().what, kFailed);
    target = *found;
  }
  if (change == Change::Thaw) {
    auto done = session::remove_freeze(*folder, target);
    if (!done) return complain(verb, done.error().what, kFailed);
    if (!*done)
      return complain(verb, fmt::format("{}: it is not frozen; 'assent freeze --list' says what is", show(target)),
                      kNegative);
    fmt::print("{} is thawed\n", show(target));
    // The other list may hold it still.
    const auto other = session::read_freezes(system ? list_folder(false).value_or("") : session::kSystemFolder);
    for (const auto& one : other.value_or(std::vector<session::Freeze>{})) {
      if (one.folder == target) fmt::print("but it is frozen {} too\n", system ? "by its user" : "for everybody");
    }
    return kOk;
  }
  const auto self = approve::person_of(::getuid(), ::getgid());
  auto done = session::add_freeze(*folder, session::Freeze{target, self.user, self.uid, now_text()});
  if (!done) return complain(verb, done.error().what, kFailed);
  fmt::print("{} is frozen{}\n", show(target), *done ? "" : " already");
  return kOk;
}

}  // namespace

int freeze_main(Arguments arguments) { return change(Change::Freeze, arguments); }
int thaw_main(Arguments arguments) { return change(Change::Thaw, arguments); }

}  // namespace assent::cli
