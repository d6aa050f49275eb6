#include "approve/rights.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include <algorithm>

#include "base/show.h"

namespace assent::approve {

namespace {

bool names(const std::vector<std::string>& approvers, const Person& person) {
  constexpr std::string_view kGroup = "group:";
  return std::ranges::any_of(approvers, [&](const std::string& one) {
    if (!one.starts_with(kGroup)) return one == person.user;
    return std::ranges::find(person.groups, std::string_view(one).substr(kGroup.size())) != person.groups.end();
  });
}

std::string list(const std::vector<std::string>& approvers) {
  std::string out;
  for (const auto& one : approvers) out += (out.empty() ? "" : ", ") + show(one, 40);
  return out;
}

std::optional<std::string> why_no_say(const Question& question, uid_t owner, const Person& person) {
  const Decision& decision = question.decision;
  if (decision.not_self && person.uid == owner) return "the rule wants somebody else than the user of the session";
  if (!decision.approvers.empty()) {
    if (names(decision.approvers, person)) return std::nullopt;
    return fmt::format("{} is none of its approvers ({})", show(person.user, 40), list(decision.approvers));
  }
  if (decision.quorum <= 1 && !decision.not_self && person.uid != owner)
    return "only the user of the session may answer it";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> why_not_allow(const Question& question, uid_t owner, const Person& person) {
  if (auto why = why_no_say(question, owner, person)) return why;
  if (std::ranges::any_of(question.votes, [&](const Vote& vote) { return vote.uid == person.uid; })) {
    return fmt::format("{} has said yes already; it needs {} different people", show(person.user, 40),
                       question.decision.quorum);
  }
  return std::nullopt;
}

std::optional<std::string> why_not_refuse(const Question& question, uid_t owner, const Person& person) {
  return person.uid == owner ? std::nullopt : why_no_say(question, owner, person);
}

Person person_of(uid_t uid, gid_t gid) {
  Person out;
  out.uid = uid;
  out.user = std::to_string(uid);
  std::vector<gid_t> groups{gid};
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    out.user = found->pw_name;
    // What the machine says of the user, not what one process happens to hold.
    int count = 256;
    groups.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(found->pw_name, found->pw_gid, groups.data(), &count) < 0) {
      groups.resize(static_cast<std::size_t>(std::max(count, 0)));
      if (::getgrouplist(found->pw_name, found->pw_gid, groups.data(), &count) < 0) count = 0;
    }
    groups.resize(static_cast<std::size_t>(std::max(count, 0)));
  }
  for (const gid_t one : groups) {
    std::vector<char> room(65536);
    group record{};
    group* is = nullptr;
    if (::getgrgid_r(one, &record, room.data(), room.size(), &is) == 0 && is != nullptr)
      out.groups.emplace_back(is->gr_name);
  }
  return out;
}

}  // namespace assent::approve
