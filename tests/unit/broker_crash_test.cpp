// The supervisor is killed after every step of every act of several steps; then repair() runs from what the record
// says. Nothing is ever lost: what was there before is at its own name, or the act is complete.
#include <csignal>

#include "broker/repair.h"
#include "support/broker_fixture.h"

namespace assent::test {
namespace {

// Performs the act in a child that is killed with SIGKILL at its nth step. Whether it was.
bool killed_at(int nth, const Action& action, const std::vector<std::string>& paths, Owner source = Owner::Before) {
  const pid_t child = ::fork();
  if (child == 0) {
    int steps = 0;
    Desk desk({.nonce = 7, .keeper = {}, .on_step = [&](broker::Step) {
                 if (++steps == nth) ::kill(::getpid(), SIGKILL);
               }});
    if (paths.size() == 1) {
      (void)desk.act(action, target(paths[0]));
    } else {
      (void)desk.act(action, target(paths[0], source), target(paths[1]));
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status);
}

TEST(BrokerCrash, ARemovalThatWasCutShortIsPutBackOrOver) {
  int kills = 0;
  for (const bool folder : {false, true}) {
    for (int nth = 1; nth < 6; ++nth) {
      const Folder temp;
      if (folder) {
        ::mkdir((temp / "a").c_str(), 0750);
      } else {
        write_file(temp / "a", "precious");
      }
      const FileId id = target(temp / "a").id;
      const Remove remove{at(temp / "a"), folder ? RemoveKind::Directory : RemoveKind::File};
      if (!killed_at(nth, remove, {temp / "a"})) break;
      ++kills;
      const auto repaired = broker::repair(
          {.directory = temp.path(), .stage = broker::stage_name(7, 1), .name = "a", .id = id, .source = {}});
      ASSERT_TRUE(repaired) << repaired.error().what;
      if (*repaired == broker::Repaired::PutBack) {
        EXPECT_EQ(id, target(temp / "a").id);
        EXPECT_EQ(std::vector<std::string>{"a"}, names_in(temp.path()));
      } else {
        EXPECT_EQ(broker::Repaired::Nothing, *repaired);
        EXPECT_TRUE(names_in(temp.path()).empty());
      }
    }
  }
  EXPECT_EQ(4, kills);
}

TEST(BrokerCrash, ARenameOverThatWasCutShortIsPutBackOrOver) {
  int kills = 0;
  int put_back = 0;
  for (const Owner source : {Owner::Agent, Owner::Before}) {
    for (int nth = 1; nth < 8; ++nth) {
      const Folder temp;
      ::mkdir((temp / "x").c_str(), 0755);
      ::mkdir((temp / "y").c_str(), 0755);
      write_file(temp / "x/a", "A");
      write_file(temp / "y/b", "precious");
      const FileId from = target(temp / "x/a").id;
      const FileId to = target(temp / "y/b").id;
      if (!killed_at(nth, Rename{at(temp / "x/a"), at(temp / "y/b"), 0}, {temp / "x/a", temp / "y/b"}, source)) break;
      ++kills;
      EXPECT_TRUE(exists(temp / "y/b")) << "the destination never lacks a name";
      const auto repaired = broker::repair({.directory = temp / "y",
                                            .stage = broker::stage_name(7, 1),
                                            .name = "b",
                                            .id = to,
                                            .source = broker::HalfDone::Source{temp / "x", "a", from}});
      ASSERT_TRUE(repaired) << repaired.error().what;
      EXPECT_EQ(std::vector<std::string>{"b"}, names_in(temp / "y"));
      if (*repaired == broker::Repaired::PutBack) {
        ++put_back;
        EXPECT_EQ("precious", read_file(temp / "y/b"));
        EXPECT_EQ("A", read_file(temp / "x/a"));
      } else {
        EXPECT_EQ("A", read_file(temp / "y/b"));
        EXPECT_FALSE(exists(temp / "x/a"));
      }
    }
  }
  EXPECT_EQ(6, kills);  // staged, exchanged, taken
  EXPECT_EQ(4, put_back);
}

TEST(BrokerCrash, ARacedActThatWasCutShortIsPutBackToo) {
  const Folder temp;
  write_file(temp / "a", "judged");
  const FileId judged = target(temp / "a").id;
  const pid_t child = ::fork();
  if (child == 0) {
    Target stale = target(temp / "a");
    write_file(temp / "b", "precious");
    ::rename((temp / "b").c_str(), (temp / "a").c_str());
    Desk desk({.nonce = 7, .keeper = {}, .on_step = [](broker::Step) { ::kill(::getpid(), SIGKILL); }});
    (void)desk.act(Remove{at(temp / "a"), RemoveKind::File}, std::move(stale));
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(exists(temp / "a"));
  const auto repaired = broker::repair(
      {.directory = temp.path(), .stage = broker::stage_name(7, 1), .name = "a", .id = judged, .source = {}});
  EXPECT_EQ(broker::Repaired::PutBack, repaired.value());
  EXPECT_EQ("precious", read_file(temp / "a"));
}

TEST(BrokerCrash, RepairNeverReplacesWhatHasTheNameNow) {
  const Folder temp;
  const std::string stage = broker::stage_name(7, 1);
  write_file(temp / stage, "old");
  write_file(temp / "a", "new");
  const auto repaired = broker::repair(
      {.directory = temp.path(), .stage = stage, .name = "a", .id = target(temp / stage).id, .source = {}});
  EXPECT_EQ(broker::Repaired::NameTaken, repaired.value());
  EXPECT_EQ("new", read_file(temp / "a"));
  EXPECT_EQ("old", read_file(temp / stage));
}

TEST(BrokerCrash, RepairFollowsNoSymbolicLinkAndTouchesOnlyStagingNames) {
  const Folder temp;
  ::mkdir((temp / "d").c_str(), 0755);
  ::symlink("d", (temp / "l").c_str());
  write_file(temp / "d/.assent-stage-x", "old");
  EXPECT_FALSE(
      broker::repair({.directory = temp / "l", .stage = ".assent-stage-x", .name = "a", .id = {}, .source = {}}));
  EXPECT_FALSE(broker::repair({.directory = temp / "d", .stage = "other", .name = "a", .id = {}, .source = {}}));
  EXPECT_EQ("old", read_file(temp / "d/.assent-stage-x"));
}

}  // namespace
}  // namespace assent::test
