#include "cli/always.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <optional>

#include "approve/rights.h"
#include "base/show.h"
#include "base/sys.h"
#include "cli/policy_options.h"
#include "decide/act.h"
#include "decide/rule_text.h"
#include "decide/sources.h"

namespace assent::cli {

namespace {

namespace fs = std::filesystem;
using decide::Fact;
using decide::FactSet;

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 16> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  return text.data();
}

// Which profile of this user's a session's rules come from first.
Result<std::string> profile_file(const approve::SessionFacts& session, const decide::LoadOptions& options) {
  if (session.profiles.empty()) return fail(EPERM, "its session does not say which profile it goes by");
  const std::string& name = session.profiles.back();
  const bool plain = !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  if (plain) return options.config + "/profiles/" + name + ".toml";
  if (name.starts_with(options.config + "/") && name.ends_with(".toml") && name.find("/../") == std::string::npos)
    return name;
  return fail(EPERM, fmt::format("its session goes by {}, which is no profile below {}; add a rule there yourself",
                                 show(name), show(options.config)));
}

// The profiles as they would be, in a folder of their own, so that they are read in exactly the usual way.
class Staged {
 public:
  static Result<Staged> make(const std::string& config, const AlwaysRule& planned) {
    Staged out;
    std::string place = fs::temp_directory_path().string() + "/assent-always-XXXXXX";
    if (::mkdtemp(place.data()) == nullptr) return sys::last_error("cannot make a folder to try the rule in");
    out.folder_ = place;
    std::error_code error;
    fs::create_directories(out.folder_ + "/profiles", error);
    for (const std::string below : {"", "/profiles"}) {
      for (auto at = fs::directory_iterator(config + below, error); !error && at != fs::directory_iterator();
           at.increment(error)) {
        if (at->path().extension() != ".toml") continue;
        const auto text = decide::read_profile_file(at->path().string());
        if (!text) continue;
        if (auto status = put(out.folder_ + below + "/" + at->path().filename().string(), *text); !status)
          return pass(std::move(status));
      }
    }
    if (auto status = put(out.folder_ + planned.path.substr(config.size()), planned.after); !status)
      return pass(std::move(status));
    return out;
  }
  ~Staged() {
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(folder_, ignored);
  }
  Staged(Staged&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
  Staged& operator=(Staged&&) = delete;
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  Staged() = default;
  static Status put(const std::string& path, std::string_view text) {
    auto fd = sys::openat(AT_FDCWD, path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    if (!fd) return pass(std::move(fd));
    return sys::write_all(fd->get(), text);
  }
  std::string folder_;
};

std::string all_of(const decide::Problems& problems, const std::string& staged, const std::string& config) {
  std::string out;
  for (const auto& problem : problems) {
    std::string text = to_string(problem);
    for (auto at = text.find(staged); !staged.empty() && at != std::string::npos; at = text.find(staged))
      text.replace(at, staged.size(), config);
    out += (out.empty() ? "" : "; ") + text;
  }
  return out;
}

Request request_of(const Question& question, const decide::Policy& policy, FactSet facts) {
  Request out;
  out.process = question.process;
  const auto operation = operation_from_name(question.operation);
  if (!operation) {
    const std::vector<std::string> words{"connect", question.object};
    auto parsed = decide::request_for(policy, words, {}, "/");
    return parsed ? std::move(*parsed) : out;
  }
  FileSubject subject;
  subject.operation = *operation;
  subject.path = question.object;
  subject.zone = policy.zone_of(subject.path);
  subject.hidden = policy.hidden(subject.path);
  const auto holds = [facts](Fact fact) { return (facts & decide::bit(fact)) != 0; };
  subject.own = holds(Fact::Own);
  subject.replaced = holds(Fact::Replaced);
  subject.touched = holds(Fact::Touched);
  subject.by_git = holds(Fact::ByGit);
  subject.own_folder = holds(Fact::OwnFolder);
  subject.unkept = holds(Fact::Unkept);
  subject.recoverable = [yes = holds(Fact::Recoverable)] { return yes; };
  out.subject = std::vector<FileSubject>{std::move(subject)};
  return out;
}

// A question does not say what was true of its object; what leads to its own rule is close enough to try the new one.
std::optional<FactSet> facts_behind(const Question& question, const decide::Policy& policy) {
  std::optional<FactSet> best;
  for (unsigned facts = 0; facts < 2U * decide::bit(Fact::Unkept); ++facts) {
    const auto set = static_cast<FactSet>(facts);
    if (best && std::popcount(facts) >= std::popcount(static_cast<unsigned>(*best))) continue;
    const Decision said = policy.decide(request_of(question, policy, set));
    if (said.verdict == Verdict::Ask && said.rule == question.decision.rule) best = set;
  }
  return best;
}

}  // namespace

Result<AlwaysRule> plan_always(const approve::message::Waiting& waiting, const approve::SessionFacts& session) {
  const Question& question = waiting.question;
  if (waiting.uid != ::geteuid())
    return fail(EPERM, fmt::format("it is {}'s session, which your profile does not rule", show(waiting.user)));
  if (question.decision.quorum > 1 || question.decision.not_self || !question.decision.approvers.empty()) {
    return fail(EPERM,
                fmt::format("{} says who has to be asked, each time anew", show(to_string(question.decision.rule))));
  }
  decide::LoadOptions options = decide::load_options(session.project);
  options.profiles = session.profiles;
  auto path = profile_file(session, options);
  if (!path) return pass(std::move(path));

  AlwaysRule out;
  out.path = std::move(*path);
  const std::string who = approve::person_of(::geteuid(), ::getegid()).user;
  const std::string command = question.process ? show_command(question.process->argv, 60) : question.object;
  auto rule =
      decide::allowing_rule(question, fmt::format("always allowed by {} on {}", who, today()), "asked by: " + command);
  if (!rule) return fail(EINVAL, rule.error());
  out.rule = std::move(*rule);

  auto text = decide::read_profile_file(out.path);
  if (!text && text.error() != ENOENT && text.error() != ENOTDIR)
    return fail(text.error(), fmt::format("{} cannot be read ({})", show(out.path), ::strerrorname_np(text.error())));
  out.is_new = !text;
  const std::string name = fs::path(out.path).stem().string();
  out.before = text ? std::move(*text) : std::string();
  const std::string base = out.is_new ? decide::new_profile(name) : out.before;
  const bool in_this_one = question.decision.rule.file == out.path;
  out.after = decide::with_rule(base, out.rule, in_this_one ? question.decision.rule.line : 0);
  // The comment is the rule's first line; its header stands in the next.
  const auto at = out.after.rfind(out.rule);
  out.line =
      2 + static_cast<int>(std::count(out.after.begin(), out.after.begin() + static_cast<std::ptrdiff_t>(at), '\n'));

  auto before = decide::Policy::load(options);
  if (!before) return fail(EINVAL, "the profiles have problems already: " + all_of(before.error(), "", ""));
  const auto facts = facts_behind(question, *before);
  auto staged = Staged::make(options.config, out);
  if (!staged) return pass(std::move(staged));
  decide::LoadOptions tried = options;
  tried.config = staged->folder();
  tried.protect.push_back(options.config);
  auto after = decide::Policy::load(tried);
  if (!after) return fail(EINVAL, "with the rule: " + all_of(after.error(), staged->folder(), options.config));
  const Decision said = after->decide(request_of(question, *after, facts.value_or(0)));
  if (said.verdict != Verdict::Allow) {
    return fail(EPERM, fmt::format("{} would still say {}, and a rule of yours does not lift that",
                                   show(to_string(said.rule)), assent::name(said.verdict)));
  }
  return out;
}

std::string seal_of(const AlwaysRule& planned) {
  const std::string shown = fmt::format("{}\n{}\n{}\n{}", planned.path, planned.line, planned.is_new, planned.rule);
  std::array<unsigned char, 16> hash{};
  ::crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(shown.data()), shown.size(),
                       nullptr, 0);
  std::string out;
  for (const unsigned char byte : hash) out += fmt::format("{:02x}", byte);
  return out;
}

Status add_always(const AlwaysRule& planned) {
  const auto cannot = [&](const std::string& what, int code) {
    return fail(code, fmt::format("cannot write {}: {} ({}); add the rule yourself", show(planned.path), what,
                                  ::strerrorname_np(code)));
  };
  // Where the profile is a link, as people keep their dotfiles, the file behind it is the one.
  std::error_code error;
  const fs::path real = fs::weakly_canonical(planned.path, error);
  if (error) return cannot(error.message(), error.value());
  fs::create_directories(real.parent_path(), error);
  if (error) return cannot(error.message(), error.value());
  auto folder = sys::openat(AT_FDCWD, real.parent_path().c_str(), O_RDONLY | O_DIRECTORY);
  if (!folder) return cannot(folder.error().what, folder.error().code);
  if (::flock(folder->get(), LOCK_EX) != 0) return cannot("it cannot be locked", errno);
  const auto now = decide::read_profile_file(real.string());
  const bool as_before = now ? *now == planned.before && !planned.is_new : planned.is_new && now.error() == ENOENT;
  if (!as_before) return cannot("it was changed meanwhile", ESTALE);
  struct stat stat {};
  const mode_t mode = ::stat(real.c_str(), &stat) == 0 ? stat.st_mode & 07777 : 0644;
  std::string fresh = real.string() + ".XXXXXX";
  const UniqueFd file(::mkostemp(fresh.data(), O_CLOEXEC));
  if (!file) return cannot("no file can be made beside it", errno);
  const auto drop = [&](Status status) {
    ::unlink(fresh.c_str());
    return status;
  };
  if (auto status = sys::write_all(file.get(), planned.after); !status) return drop(std::move(status));
  if (::fchmod(file.get(), mode) != 0 || ::fsync(file.get()) != 0) return drop(cannot("the disk", errno));
  if (::rename(fresh.c_str(), real.c_str()) != 0) return drop(cannot("it cannot be replaced", errno));
  ::fsync(folder->get());
  return {};
}

}  // namespace assent::cli
