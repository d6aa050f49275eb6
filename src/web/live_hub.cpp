#include "web/live_hub.h"

#include <boost/asio/post.hpp>

#include "web/question_json.h"

namespace assent::web {

namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 150ms;
constexpr auto kBeat = 15s;
// The page comes again and so shows that it may still listen, and who its person is by then.
constexpr auto kLongest = 5min;

}  // namespace

bool LiveHub::join(std::shared_ptr<Stream> stream, const Login& login, approve::Person person, std::string cookie) {
  Group& group = groups_[login.uid];
  std::erase_if(group.members, [](const Member& member) { return member.stream.expired(); });
  if (group.members.size() >= kMostStreams) return false;
  group.person = std::move(person);
  group.known.reset();  // the newcomer is told everything, with the time that is left now
  group.members.push_back({stream, std::move(cookie), Clock::now()});
  if (!ticking_) tick();
  return true;
}

void LiveHub::tick() {
  const auto now = Clock::now();
  const bool beat = now - beaten_ >= kBeat;
  if (beat) beaten_ = now;
  for (auto at = groups_.begin(); at != groups_.end();) {
    auto& [uid, group] = *at;
    std::erase_if(group.members, [&](const Member& member) {
      const auto stream = member.stream.lock();
      if (!stream) return true;
      if (now - member.joined < kLongest && logins_.is_open(member.cookie, now)) {
        if (beat) stream->beat();
        return false;
      }
      stream->finish();
      return true;
    });
    if (group.members.empty() && !group.looking) {
      at = groups_.erase(at);
      continue;
    }
    if (!group.looking && !group.members.empty()) look(uid, group);
    ++at;
  }
  ticking_ = !groups_.empty();
  if (!ticking_) return;
  timer_.expires_after(kLook);
  timer_.async_wait([this](const boost::system::error_code& stopped) {
    if (!stopped) tick();
  });
}

void LiveHub::look(uid_t uid, Group& group) {
  group.looking = true;
  desk_.look(group.person, group.known, [this, uid](std::optional<Snapshot> snapshot) {
    boost::asio::post(io_, [this, uid, snapshot = std::move(snapshot)]() mutable { told(uid, std::move(snapshot)); });
  });
}

void LiveHub::told(uid_t uid, std::optional<Snapshot> snapshot) {
  const auto found = groups_.find(uid);
  if (found == groups_.end()) return;
  Group& group = found->second;
  group.looking = false;
  if (!snapshot) return;
  // Somebody joined while it was on its way: the next look is for them.
  group.known = snapshot->revision;
  const auto text =
      std::make_shared<const std::string>("event: state\ndata: " + text_of(*snapshot, group.person) + "\n\n");
  for (const auto& member : group.members) {
    if (const auto stream = member.stream.lock()) stream->tell(text);
  }
}

}  // namespace assent::web
