// A thread swaps the name between two objects while the broker acts on it: only the judged one may ever be destroyed.
// Each has its control: the plain call, judged the same way, destroys the other one.
#include <linux/fs.h>

#include <atomic>
#include <thread>

#include "support/broker_fixture.h"

namespace assent::test {
namespace {

constexpr int kRounds = 10'000;

// Exchanges two names without pause; each always exists, unless somebody takes it.
class Swapper {
 public:
  Swapper(std::string a, std::string b) : a_(std::move(a)), b_(std::move(b)), thread_([this] { run(); }) {}
  ~Swapper() {
    stop_ = true;
    thread_.join();
  }
  Swapper(const Swapper&) = delete;
  Swapper& operator=(const Swapper&) = delete;

 private:
  void run() {
    while (!stop_) ::renameat2(AT_FDCWD, a_.c_str(), AT_FDCWD, b_.c_str(), RENAME_EXCHANGE);
  }
  std::string a_;
  std::string b_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

struct Count {
  int removed = 0;
  int raced = 0;
  int lost = 0;
};

template <class Act>
Count remove_under_fire(Act act) {
  const Folder temp;
  write_file(temp / "victim", "victim");
  write_file(temp / "precious", "precious");
  const FileId precious = target(temp / "precious").id;
  Count count;
  {
    const Swapper swapper(temp / "victim", temp / "precious");
    for (int round = 0; round < kRounds && count.lost == 0; ++round) {
      Target judged = target(temp / "victim");
      if (!judged.exists() || judged.id == precious) continue;  // only the other one has been agreed to
      act(temp / "victim", std::move(judged), count);
      const bool here =
          sys::statx(AT_FDCWD, (temp / "precious").c_str()) || sys::statx(AT_FDCWD, (temp / "victim").c_str());
      if (!here) count.lost = 1;
      // A new victim, where one is missing.
      for (const char* name : {"victim", "precious"}) {
        const UniqueFd fresh(::open((temp / name).c_str(), O_CREAT | O_EXCL | O_WRONLY, 0600));
        if (fresh && ::write(fresh.get(), "victim", 6) != 6) ADD_FAILURE();
      }
    }
  }
  for (const auto& name : names_in(temp.path())) {
    if (target(temp / name).id == precious) return count;
  }
  count.lost = 1;
  return count;
}

TEST(BrokerRace, ARemovalNeverTakesAnythingButWhatWasJudged) {
  Desk desk;
  const Count count = remove_under_fire([&](const std::string& path, Target judged, Count& tally) {
    const auto outcome = desk.act(Remove{at(path), RemoveKind::File}, std::move(judged));
    tally.removed += code_of(outcome) == 0;
    tally.raced += outcome.raced;
    EXPECT_TRUE(outcome.stranded.empty() || code_of(outcome) == EIO);
  });
  EXPECT_EQ(0, count.lost);
  EXPECT_GT(count.removed, 0);
  EXPECT_GT(count.raced, 0) << "the race did not happen, so nothing was shown";
}

// A race that is open is lost sooner or later; on a busy machine later.
template <class Attempt>
bool does_damage(Attempt attempt) {
  for (int i = 0; i < 50; ++i) {
    if (attempt().lost == 1) return true;
  }
  return false;
}

TEST(BrokerRace, ControlAPlainUnlinkTakesTheOtherOne) {
  EXPECT_TRUE(does_damage(
      [] { return remove_under_fire([](const std::string& path, Target, Count&) { ::unlink(path.c_str()); }); }));
}

template <class Act>
Count rename_under_fire(Act act) {
  const Folder temp;
  write_file(temp / "to", "victim");
  write_file(temp / "precious", "precious");
  const FileId precious = target(temp / "precious").id;
  Count count;
  {
    const Swapper swapper(temp / "to", temp / "precious");
    for (int round = 0; round < kRounds; ++round) {
      write_file(temp / "from", "source");
      Target judged = target(temp / "to");
      if (!judged.exists() || judged.id == precious) continue;
      act(temp / "from", temp / "to", target(temp / "from", Owner::Agent), std::move(judged), count);
    }
  }
  for (const auto& name : names_in(temp.path())) {
    if (target(temp / name).id == precious) return count;
  }
  count.lost = 1;
  return count;
}

TEST(BrokerRace, ARenameNeverReplacesAnythingButWhatWasJudged) {
  Desk desk;
  const Count count = rename_under_fire(
      [&](const std::string& from, const std::string& to, Target source, Target judged, Count& tally) {
        const auto outcome = desk.act(Rename{at(from), at(to), 0}, std::move(source), std::move(judged));
        tally.removed += code_of(outcome) == 0;
        tally.raced += outcome.raced;
      });
  EXPECT_EQ(0, count.lost);
  EXPECT_GT(count.removed, 0);
  EXPECT_GT(count.raced, 0) << "the race did not happen, so nothing was shown";
}

TEST(BrokerRace, ControlAPlainRenameReplacesTheOtherOne) {
  EXPECT_TRUE(does_damage([] {
    return rename_under_fire([](const std::string& from, const std::string& to, Target, Target, Count&) {
      ::rename(from.c_str(), to.c_str());
    });
  }));
}

template <class Act>
Count truncate_under_fire(Act act) {
  const Folder temp;
  write_file(temp / "victim", "victim");
  write_file(temp / "precious", "precious");
  const FileId precious = target(temp / "precious").id;
  Count count;
  {
    const Swapper swapper(temp / "victim", temp / "precious");
    for (int round = 0; round < kRounds; ++round) {
      Target judged = target(temp / "victim");
      if (judged.id != precious) act(temp / "victim", std::move(judged), count);
    }
  }
  const std::string where = target(temp / "precious").id == precious ? "precious" : "victim";
  count.lost = read_file(temp / where) != "precious";
  return count;
}

TEST(BrokerRace, TruncationNeverCutsAnythingButWhatWasJudged) {
  Desk desk;
  const auto cut = [&](const std::string& path, Target judged, Count& tally) {
    const Open open{at(path), O_WRONLY | O_TRUNC, 0, 0, OpenCall::Open};
    tally.raced += desk.act(open, std::move(judged)).raced;
    Target again = target(path);
    if (again.stat->stx_size != 8) desk.act(Truncate{at(path), 0}, std::move(again));
  };
  // A busy machine may need several goes before the two meet.
  Count count;
  for (int go = 0; go < 20 && count.raced == 0 && count.lost == 0; ++go) count = truncate_under_fire(cut);
  EXPECT_EQ(0, count.lost);
  EXPECT_GT(count.raced, 0) << "the race did not happen, so nothing was shown";
}

TEST(BrokerRace, ControlAPlainOpenCutsTheOtherOne) {
  EXPECT_TRUE(does_damage([] {
    return truncate_under_fire(
        [](const std::string& path, Target, Count&) { const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_TRUNC)); });
  }));
}

}  // namespace
}  // namespace assent::test
