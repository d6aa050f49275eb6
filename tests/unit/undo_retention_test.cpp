// How long the vault keeps what, by a clock of the test's own: old ones go, the oldest first where there is too much,
// none inside its minimum age; and a vault that is full loses nothing. And what a drill finds of content that changed
// by itself.
#include <chrono>

#include "support/undo_fixture.h"

namespace assent::test {
namespace {

using std::chrono::hours;

class UndoRetention : public UndoTest {
 protected:
  // A session that removed one file of that many bytes.
  void session(const std::string& name, std::size_t bytes) {
    write_file(project + "/" + name, std::string(bytes, 'x'));
    auto agent = this->agent(name);
    agent->remove(project + "/" + name);
    agent->end();
    EXPECT_FALSE(exists(project + "/" + name));
  }
  // The sessions ended now; what is asked is asked that much later.
  undo::PruneOptions later(hours age) const {
    undo::PruneOptions out;
    out.state_vault = vault;
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    out.now_ns = now.tv_sec * 1'000'000'000LL + now.tv_nsec + std::chrono::nanoseconds(age).count();
    return out;
  }
  static std::string removed(const undo::PruneOptions& options) {
    const bool due = undo::prune_due(options);
    auto pruned = undo::prune(options);
    EXPECT_TRUE(pruned) << pruned.error().what;
    std::string out;
    for (const auto& kept : pruned->removed) out += kept.transaction + " ";
    EXPECT_TRUE(due || out.empty()) << "the quick look would have passed it over";
    return out;
  }
};

TEST_F(UndoRetention, WhatIsOlderThanTheRetentionGoesAndNothingElse) {
  session("s1", 100);
  session("s2", 100);
  auto options = later(hours(24 * 14 - 1));
  EXPECT_EQ("", removed(options));
  options = later(hours(24 * 14 + 1));
  options.is_running = [](const std::string& transaction) { return transaction == "s2"; };
  options.dry_run = true;
  EXPECT_EQ("s1 ", removed(options));
  EXPECT_TRUE(exists(vault + "/s1")) << "a dry run removes nothing";
  options.dry_run = false;
  EXPECT_EQ("s1 ", removed(options));
  EXPECT_FALSE(exists(vault + "/s1"));
  EXPECT_TRUE(exists(vault + "/s2")) << "it runs";
}

TEST_F(UndoRetention, WhereThereIsTooMuchTheOldestGoFirstAndNoMoreThanMustGo) {
  for (const char* name : {"s3", "s1", "s2"}) session(name, 10'000);  // the names say nothing about their age
  auto options = later(hours(25));
  options.max_total = 30'000;
  EXPECT_EQ("", removed(options));
  options.max_total = 25'000;
  EXPECT_EQ("s3 ", removed(options));
  options.max_total = 0;
  EXPECT_EQ("s1 s2 ", removed(options));
}

TEST_F(UndoRetention, NothingGoesInsideItsMinimumAgeHoweverMuchThereIs) {
  session("s1", 10'000);
  auto options = later(hours(23));
  options.max_total = 0;
  options.retention = std::chrono::seconds(1);
  EXPECT_EQ("", removed(options));
  EXPECT_TRUE(exists(vault + "/s1/L0" + project + "/s1"));
  // A clock that was set back makes nothing old.
  options = later(hours(-24 * 365));
  options.max_total = 0;
  options.retention = std::chrono::seconds(1);
  EXPECT_EQ("", removed(options));
}

TEST_F(UndoRetention, ALongSessionIsAsOldAsItsEnd) {
  write_file(project + "/a", "mine");
  auto agent = this->agent();
  agent->remove(project + "/a");
  // It began twenty days before it ended.
  const std::string manifest = vault + "/s1/manifest";
  std::string lines = read_file(manifest);
  auto begin = undo::decode(lines.substr(0, lines.find('\n')));
  ASSERT_TRUE(begin);
  begin->time -= std::chrono::nanoseconds(hours(24 * 20)).count();
  agent->end();
  lines = read_file(manifest);
  write_file(manifest, undo::encode(*begin) + lines.substr(lines.find('\n') + 1));
  EXPECT_EQ("", removed(later(hours(1))));
  EXPECT_EQ("", removed(later(hours(24 * 13))));
  EXPECT_EQ("s1 ", removed(later(hours(24 * 15))));
}

TEST_F(UndoRetention, AFullVaultRefusesTheNextLossAndRoomMakesItPossible) {
  auto how = options();
  how.max_total = 20'000;
  how.already = [this] { return undo::bytes_kept(vault); };
  session("s0", 16'000);
  write_file(project + "/a", std::string(10'000, 'a'));
  Agent agent(how, &own);
  const auto refused = agent.try_remove(project + "/a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(EDQUOT, refused.error().code);
  const auto unwritten = agent.try_open_for_writing(project + "/a");
  ASSERT_FALSE(unwritten);
  EXPECT_EQ(EDQUOT, unwritten.error().code);
  EXPECT_EQ(std::string(10'000, 'a'), read_file(project + "/a"));
  EXPECT_EQ("", removed(later(hours(1)))) << "no room is made of what is not old enough";
  EXPECT_TRUE(exists(vault + "/s0"));
}

class UndoDrill : public UndoRetention {
 protected:
  undo::Drill drill() {
    const std::string into = scratch / ("drill" + std::to_string(++drills_));
    EXPECT_EQ(0, ::mkdir(into.c_str(), 0700));
    auto out = undo::drill(vault, "s1", into);
    EXPECT_TRUE(out) << out.error().what;
    return out ? *out : undo::Drill{};
  }
  // As a disk does it: other bytes, the same size and times.
  static void rot(const std::string& path) {
    struct stat st {};
    ASSERT_EQ(0, ::stat(path.c_str(), &st));
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(1, ::pwrite(file.get(), "R", 1, 1));
    const timespec times[2] = {st.st_atim, st.st_mtim};
    ASSERT_EQ(0, ::futimens(file.get(), times));
  }

 private:
  int drills_ = 0;
};

TEST_F(UndoDrill, ContentThatChangedByItselfSinceTheFirstDrillIsFoundByTheNext) {
  write_file(project + "/moved", "what was moved");
  write_file(project + "/copied", "what was copied");
  write_file(project + "/sound", "what stays as it is");
  auto agent = this->agent();
  agent->remove(project + "/moved");
  agent->write(project + "/copied", "changed");
  agent->remove(project + "/sound");
  agent->end();
  const auto first = drill();
  EXPECT_EQ(3U, first.good);
  EXPECT_EQ(3U, first.noted);
  EXPECT_EQ(0U, first.compared);
  const auto second = drill();
  EXPECT_EQ(3U, second.good);
  EXPECT_EQ(0U, second.noted);
  EXPECT_EQ(3U, second.compared);
  rot(vault + "/s1/L0" + project + "/moved");
  rot(vault + "/s1/objects/1");
  const auto third = drill();
  EXPECT_EQ(1U, third.good);
  ASSERT_EQ(2U, third.bad);
  for (const auto& item : third.items) {
    if (!item.good) {
      EXPECT_EQ("its content is not what an earlier drill found", item.why);
    }
  }
  // It stays found, and what was noted is not needed for anything else.
  EXPECT_EQ(2U, drill().bad);
  std::filesystem::remove(vault + "/s1/hashes");
  EXPECT_EQ("", problems(undo()));
}

TEST_F(UndoDrill, AHashWhoseLineIsDamagedIsNotBelieved) {
  write_file(project + "/a", "mine");
  auto agent = this->agent();
  agent->remove(project + "/a");
  agent->end();
  EXPECT_EQ(1U, drill().noted);
  std::string lines = read_file(vault + "/s1/hashes");
  lines[lines.size() - 2] ^= 1;
  write_file(vault + "/s1/hashes", lines);
  const auto again = drill();
  EXPECT_EQ(1U, again.good);
  EXPECT_EQ(1U, again.noted);
}

}  // namespace
}  // namespace assent::test
