// undo, redo and vault as a user types them, on a vault that an agent of the fixture has filled.
#include <fcntl.h>
#include <sys/file.h>

#include <chrono>
#include <thread>

#include "cli/verbs.h"
#include "support/undo_fixture.h"
#include "unit/record_fixture.h"

namespace assent::cli {
namespace {

using record::Json;
using test::age;
using test::Agent;
using test::exists;
using test::id_at;
using test::read_file;
using test::tree;
using test::write_file;

class CliUndo : public test::UndoTest {
 protected:
  CliUndo() {
    vault = scratch / "state/assent/vault";
    project = std::filesystem::canonical(project);
    ::setenv("XDG_STATE_HOME", (scratch / "state").c_str(), 1);
    ::setenv("HOME", scratch.path().c_str(), 1);
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(project);
    session = begin_session();
  }
  ~CliUndo() override {
    std::filesystem::current_path(before_);
    ::unsetenv("XDG_STATE_HOME");
  }

  std::string begin_session() {
    auto created = record::AuditLog::create(scratch / "state/assent", record::some_session());
    EXPECT_TRUE(created);
    log = std::move(*created);
    return log->session();
  }
  // The session is over, and its record tells what the agent made.
  void end_session() {
    for (const auto& id : own) {
      const record::SomeAct act("/made", Verdict::Allow);
      auto permit = log->intent(act.act());
      ASSERT_TRUE(permit);
      record::Outcome outcome;
      outcome.object = id;
      ASSERT_TRUE(log->outcome(permit->sequence(), outcome));
    }
    ASSERT_TRUE(log->close({}));
    log.reset();
  }
  std::unique_ptr<Agent> agent() { return UndoTest::agent(session); }

  struct Ran {
    int status = 0;
    std::string out;
    std::string err;
  };
  static Ran run(int (*verb)(Arguments), const std::vector<std::string>& arguments = {}) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    Ran ran;
    ran.status = verb(arguments);
    std::fflush(stdout);
    ran.out = ::testing::internal::GetCapturedStdout();
    ran.err = ::testing::internal::GetCapturedStderr();
    return ran;
  }
  static bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
  static Json json_of(const Ran& ran) { return Json::parse(ran.out, nullptr, false); }

  std::string session;
  std::unique_ptr<record::AuditLog> log;

 private:
  std::filesystem::path before_;
};

TEST_F(CliUndo, PutsEverythingBackAndRedoTakesItAwayAgain) {
  std::filesystem::create_directories(project + "/src/deep");
  write_file(project + "/src/deep/a.c", "precious");
  write_file(project + "/b", "too");
  age(project + "/src/deep/a.c", 1);
  age(project + "/src/deep", 2);
  age(project + "/src", 3);
  age(project, 4);
  const auto before = tree(project);
  auto gone = agent();
  gone->remove_tree(project + "/src");
  gone->write(project + "/b", "spoiled");
  gone->end();
  end_session();
  const auto after = tree(project);

  const auto undone = run(undo_main);
  EXPECT_EQ(undone.status, 0) << undone.out << undone.err;
  EXPECT_TRUE(holds(undone.out, "restored    file           src/deep/a.c")) << undone.out;
  EXPECT_TRUE(holds(undone.out, "undo " + session + ": restored 1 file, 2 folders, the content of 1 file"))
      << undone.out;
  EXPECT_TRUE(holds(undone.out, "to take this back: assent redo undo-")) << undone.out;
  EXPECT_EQ(before, tree(project));

  const auto redone = run(redo_main);
  EXPECT_EQ(redone.status, 0) << redone.out << redone.err;
  EXPECT_EQ(after, tree(project));
  EXPECT_EQ(run(redo_main).status, 1) << "it is taken back already";

  EXPECT_EQ(run(undo_main, {"last"}).status, 0);
  EXPECT_EQ(before, tree(project));
  const auto again = run(undo_main);
  EXPECT_EQ(again.status, 0);
  EXPECT_TRUE(holds(again.out, "restored nothing; 4 already as before")) << again.out;
  EXPECT_FALSE(holds(again.out, "to take this back"));
}

TEST_F(CliUndo, AConflictIsToldAndLeftAloneAndTheRestComesBack) {
  write_file(project + "/a", "mine");
  write_file(project + "/b", "too");
  auto gone = agent();
  gone->remove(project + "/a");
  gone->remove(project + "/b");
  gone->end();
  end_session();
  write_file(project + "/a", "a human's, later");

  const auto planned = run(undo_main, {"--dry-run"});
  EXPECT_EQ(planned.status, 1);
  EXPECT_TRUE(holds(planned.out, "would restore  file           b")) << planned.out;
  EXPECT_TRUE(holds(planned.out, "conflict       file           a: another file has its place now")) << planned.out;
  EXPECT_FALSE(exists(project + "/b"));

  const auto undone = run(undo_main);
  EXPECT_EQ(undone.status, 1);
  EXPECT_TRUE(holds(undone.out, "conflict    file           a: another file has its place now")) << undone.out;
  EXPECT_TRUE(holds(undone.out, "restored 1 file; 1 conflict left alone")) << undone.out;
  EXPECT_EQ("a human's, later", read_file(project + "/a"));
  EXPECT_EQ("too", read_file(project + "/b"));
}

TEST_F(CliUndo, WhatTheAgentPutInThePlaceGivesWayAndOnlyThat) {
  write_file(project + "/a", "mine");
  write_file(project + "/b", "mine too");
  auto gone = agent();
  gone->remove(project + "/a");
  gone->write(project + "/a", "the agent's");
  gone->remove(project + "/b");
  gone->end();
  end_session();
  write_file(project + "/b", "a human's");
  const auto undone = run(undo_main);
  EXPECT_EQ(undone.status, 1) << undone.out;
  EXPECT_EQ("mine", read_file(project + "/a"));
  EXPECT_EQ("a human's", read_file(project + "/b"));
  EXPECT_EQ(run(redo_main).status, 0);
  EXPECT_EQ("the agent's", read_file(project + "/a"));
}

TEST_F(CliUndo, OneRecordOnePathOnePattern) {
  std::filesystem::create_directory(project + "/src");
  for (const char* name : {"/src/a.c", "/src/b.c", "/src/c.h", "/d", "/e"}) write_file(project + name, name);
  auto gone = agent();
  gone->remove_tree(project + "/src");
  gone->remove(project + "/d");
  const auto sequence = gone->sequence;
  gone->remove(project + "/e");
  gone->end();
  end_session();

  EXPECT_EQ(run(undo_main, {session + ":" + std::to_string(sequence)}).status, 0);
  EXPECT_TRUE(exists(project + "/d"));
  EXPECT_FALSE(exists(project + "/e"));
  EXPECT_EQ(run(undo_main, {std::to_string(sequence + 1)}).status, 0) << "a number is a record of the last session";
  EXPECT_TRUE(exists(project + "/e"));
  EXPECT_EQ(run(undo_main, {"src/a.c"}).status, 0);
  EXPECT_TRUE(exists(project + "/src/a.c"));
  EXPECT_FALSE(exists(project + "/src/b.c"));
  EXPECT_EQ(run(undo_main, {session.substr(0, 13), "*.h"}).status, 0);
  EXPECT_TRUE(exists(project + "/src/c.h"));
  EXPECT_FALSE(exists(project + "/src/b.c"));
  EXPECT_EQ(run(undo_main, {"src/"}).status, 0);
  EXPECT_TRUE(exists(project + "/src/b.c"));

  const auto none = run(undo_main, {"src/a.c", "src/nope"});
  EXPECT_EQ(none.status, 1);
  EXPECT_TRUE(holds(none.out, "nothing of src/nope is kept in " + session)) << none.out;
  const auto no_record = run(undo_main, {session + ":4000"});
  EXPECT_EQ(no_record.status, 1);
  EXPECT_TRUE(holds(no_record.err, "keeps nothing for record")) << no_record.err;
}

TEST_F(CliUndo, APathThroughASymbolicLinkIsFound) {
  write_file(project + "/a", "mine");
  ASSERT_EQ(0, ::symlink(project.c_str(), (scratch / "link").c_str()));
  auto gone = agent();
  gone->remove(project + "/a");
  gone->end();
  end_session();
  EXPECT_EQ(run(undo_main, {scratch / "link/a"}).status, 0);
  EXPECT_TRUE(exists(project + "/a"));
}

TEST_F(CliUndo, NamesFromOutsideAreShownEscaped) {
  const std::string name = "b\x1b[31m\n\xff";
  write_file(project + "/" + name, "odd");
  auto gone = agent();
  gone->remove(project + "/" + name);
  gone->end();
  end_session();
  EXPECT_TRUE(holds(run(vault_main, {"ls", session}).out, "b\\x1b[31m\\n\\xff"));
  const auto planned = run(undo_main, {"-n"});
  EXPECT_TRUE(holds(planned.out, "b\\x1b[31m\\n\\xff"));
  EXPECT_FALSE(holds(planned.out, "\x1b"));
  const auto json = json_of(run(undo_main, {"--json"}));
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["restored"], 1);
  EXPECT_EQ(record::bytes_of(json["items"][0], "path"), project + "/" + name);
  EXPECT_TRUE(exists(project + "/" + name));
}

TEST_F(CliUndo, LastIsTheNewestSessionThatKeptSomething) {
  write_file(project + "/a", "mine");
  auto gone = agent();
  gone->remove(project + "/a");
  gone->end();
  end_session();
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  session = begin_session();
  auto harmless = agent();
  harmless->write(project + "/new", "the agent's own");  // only the times of the folder are noted
  harmless->end();
  end_session();
  EXPECT_EQ(run(undo_main).status, 0);
  EXPECT_TRUE(exists(project + "/a"));
}

TEST_F(CliUndo, BadUsageIsTwoAndNothingToDoIsOne) {
  for (const auto& bad : std::vector<std::vector<std::string>>{{"--nope"}}) EXPECT_EQ(run(undo_main, bad).status, 2);
  EXPECT_EQ(run(redo_main, {"a", "b"}).status, 2);
  EXPECT_EQ(run(redo_main, {session}).status, 2) << "a session is no undo";
  for (const auto& bad : std::vector<std::vector<std::string>>{{},
                                                               {"nope"},
                                                               {"stat", "word"},
                                                               {"ls", "--dry-run"},
                                                               {"prune", "--older-than", "soon"},
                                                               {"prune", "--max-total", "much"},
                                                               {"drill", session, session}}) {
    EXPECT_EQ(run(vault_main, bad).status, 2);
  }
  const auto none = run(undo_main);
  EXPECT_EQ(none.status, 1);
  EXPECT_TRUE(holds(none.err, "the vault keeps nothing")) << none.err;
  EXPECT_EQ(run(undo_main, {session}).status, 1);
  EXPECT_EQ(run(undo_main, {"19990101"}).status, 1);
  EXPECT_EQ(run(redo_main).status, 1);
  EXPECT_EQ(run(redo_main, {"undo-19990101"}).status, 1);
  EXPECT_EQ(run(vault_main, {"ls"}).status, 0);
  EXPECT_EQ(run(vault_main, {"drill"}).status, 1);
  for (auto* verb : {undo_main, redo_main, vault_main}) {
    const auto help = run(verb, {"--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_TRUE(holds(help.out, "usage: assent"));
  }
}

TEST_F(CliUndo, WorksWhileTheSessionRunsAndItGoesOn) {
  write_file(project + "/a", "mine");
  auto gone = agent();
  gone->remove(project + "/a");
  EXPECT_EQ(run(undo_main).status, 0);
  EXPECT_EQ("mine", read_file(project + "/a"));
  EXPECT_TRUE(holds(run(vault_main, {"ls"}).out, "running"));
  gone->remove(project + "/a");
  gone->end();
  end_session();
  EXPECT_EQ(run(undo_main).status, 0);
  EXPECT_EQ("mine", read_file(project + "/a"));
}

TEST_F(CliUndo, ASessionThatWasKilledIsMadeWholeFirst) {
  write_file(project + "/a", "mine");
  auto gone = agent();
  gone->remove(project + "/a");
  gone.reset();  // no end
  end_session();
  std::filesystem::resize_file(vault + "/" + session + "/manifest",
                               std::filesystem::file_size(vault + "/" + session + "/manifest") - 20);
  const auto undone = run(undo_main);
  EXPECT_EQ("mine", read_file(project + "/a"));
  EXPECT_TRUE(holds(undone.err, "found 1 object in the vault that its manifest did not tell of")) << undone.err;
}

TEST_F(CliUndo, OneWaitsForAnother) {
  write_file(project + "/a", "mine");
  auto gone = agent();
  gone->remove(project + "/a");
  gone->end();
  end_session();
  UniqueFd lock(::open((vault + "/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(0, ::flock(lock.get(), LOCK_EX));
  std::jthread holder([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_FALSE(exists(project + "/a"));
    lock.reset();
  });
  const auto undone = run(undo_main);
  EXPECT_EQ(undone.status, 0);
  EXPECT_TRUE(holds(undone.err, "waiting for another")) << undone.err;
}

TEST_F(CliUndo, LsTellsWhatIsKeptAndWhatWasTakenOut) {
  std::filesystem::create_directory(project + "/d");
  write_file(project + "/d/a", "mine");
  write_file(project + "/b", "four");
  auto gone = agent();
  gone->remove_tree(project + "/d");
  gone->write(project + "/b", "x");
  gone->change_mode(project + "/b", 0600);
  gone->end();
  end_session();
  const auto all = run(vault_main, {"ls"});
  EXPECT_TRUE(holds(all.out, session)) << all.out;
  EXPECT_TRUE(holds(all.out, "ended"));
  const auto objects = run(vault_main, {"ls", "last"});
  EXPECT_TRUE(holds(objects.out, session + ":1            removed        4 B  kept   d/a")) << objects.out;
  for (const char* part : {"folder", "content", "metadata"}) EXPECT_TRUE(holds(objects.out, part)) << objects.out;
  EXPECT_FALSE(holds(run(vault_main, {"ls", "b"}).out, "d/a"));
  EXPECT_EQ(run(vault_main, {"ls", "nope"}).status, 1);
  EXPECT_EQ(run(undo_main, {"d"}).status, 0);
  EXPECT_TRUE(holds(run(vault_main, {"ls", session, "d/a"}).out, "gone   d/a"));
  const auto json = run(vault_main, {"ls", session, "b", "--json"});
  const auto first = record::parse_record(json.out.substr(0, json.out.find('\n')));
  ASSERT_TRUE(first);
  EXPECT_EQ((*first)["kind"], "content");
  EXPECT_EQ((*first)["path"], project + "/b");
}

TEST_F(CliUndo, StatCountsBySessionAndByPlaceAndNamesTheLimits) {
  write_file(project + "/a", std::string(10'000, 'a'));
  auto gone = agent();
  gone->remove(project + "/a");
  gone->end();
  end_session();
  const auto text = run(vault_main, {"stat"});
  EXPECT_EQ(text.status, 0);
  EXPECT_TRUE(holds(text.out, "9.8 KiB in 1 object, 1 session and 0 undos")) << text.out;
  EXPECT_TRUE(holds(text.out, session)) << text.out;
  EXPECT_TRUE(holds(text.out, "in " + vault)) << text.out;
  EXPECT_TRUE(holds(text.out, "a file, 14 days; nothing younger than 24 hours")) << text.out;
  const auto json = json_of(run(vault_main, {"stat", "--json"}));
  EXPECT_EQ(json["bytes"], 10'000);
  EXPECT_EQ(json["stores"][0]["bytes"], 10'000);
  EXPECT_EQ(json["limits"]["minimum_age_s"], 86'400);
}

TEST_F(CliUndo, PruneRemovesNothingThatIsYoungOrRuns) {
  write_file(project + "/a", "mine");
  auto gone = agent();
  gone->remove(project + "/a");
  gone->end();
  const auto none = run(vault_main, {"prune", "--max-total", "0", "--older-than", "1"});
  EXPECT_EQ(none.status, 0);
  EXPECT_TRUE(holds(none.out, "removed 0 transactions, 0 B; 4 B are still kept")) << none.out;
  EXPECT_TRUE(holds(none.err, "nothing younger than 24 hours")) << none.err;
  end_session();
  EXPECT_EQ(json_of(run(vault_main, {"prune", "--json"}))["left"], 4);
  EXPECT_EQ(run(undo_main).status, 0);
}

// A manifest whose times lie two days back, as the clock of the machine does not.
void make_old(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto manifest = undo::read_manifest(fd.get());
  ASSERT_TRUE(manifest);
  std::string text;
  for (auto& record : manifest->records) {
    record.time -= 48LL * 3600 * 1'000'000'000;
    text += undo::encode(record);
  }
  write_file(folder + "/manifest", text);
}

TEST_F(CliUndo, PruneRemovesTheOldestFirstAndADryRunOnlySaysSo) {
  for (const char* name : {"/a", "/b"}) {
    write_file(project + name, "mine");
    auto gone = agent();
    gone->remove(project + name);
    gone->end();
    end_session();
    make_old(vault + "/" + session);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (name[1] == 'a') session = begin_session();
  }
  const auto planned = run(vault_main, {"prune", "--max-total", "4", "--dry-run"});
  EXPECT_TRUE(holds(planned.out, "would remove 1 transaction, 4 B; 4 B would still be kept")) << planned.out;
  EXPECT_FALSE(holds(planned.out, session));
  const auto done = run(vault_main, {"prune", "--max-total", "4"});
  EXPECT_TRUE(holds(done.out, "removed 1 transaction, 4 B; 4 B are still kept")) << done.out;
  EXPECT_EQ(run(vault_main, {"prune", "--older-than", "3d"}).status, 0);
  EXPECT_EQ(run(undo_main).status, 0);
  EXPECT_TRUE(exists(project + "/b"));
  EXPECT_EQ(run(vault_main, {"prune", "--older-than", "25h"}).status, 0);
  EXPECT_FALSE(exists(vault + "/" + session));
}

TEST_F(CliUndo, DrillComparesEveryObjectAndLeavesNothingBehind) {
  std::filesystem::create_directory(project + "/d");
  write_file(project + "/d/a", "mine");
  write_file(project + "/b", "content");
  ASSERT_EQ(0, ::symlink("elsewhere", (project + "/l").c_str()));
  ASSERT_EQ(0, ::mkfifo((project + "/p").c_str(), 0640));
  auto gone = agent();
  gone->remove_tree(project + "/d");
  gone->remove(project + "/l");
  gone->remove(project + "/p");
  gone->write(project + "/b", "x");
  gone->end();
  end_session();
  const auto kept = tree(vault);
  std::filesystem::create_directory(scratch / "state/assent/drill-killed");
  const auto good = run(vault_main, {"drill", "--verbose"});
  EXPECT_EQ(good.status, 0) << good.out << good.err;
  EXPECT_TRUE(holds(good.out, "4 good, 0 bad")) << good.out;
  EXPECT_TRUE(holds(good.out, "good  " + project + "/d/a")) << good.out;
  EXPECT_EQ(json_of(run(vault_main, {"drill", session, "--json"}))["good"], 4);
  for (const auto& entry : std::filesystem::directory_iterator(scratch / "state/assent"))
    EXPECT_FALSE(entry.path().filename().string().starts_with("drill-")) << entry.path();
  auto now = tree(vault);
  now.erase("/.lock");
  now.erase("/" + session + "/hashes");
  for (const std::string& folder : {std::string(), "/" + session}) now[folder] = kept.at(folder);
  EXPECT_EQ(kept, now) << "a drill only looks";

  write_file(vault + "/" + session + "/L0" + project + "/d/a", "evil");
  for (const auto& entry : std::filesystem::directory_iterator(vault + "/" + session + "/objects"))
    write_file(entry.path(), "damaged");
  const auto bad = run(vault_main, {"drill"});
  EXPECT_EQ(bad.status, 1);
  EXPECT_TRUE(holds(bad.out, "bad   " + project + "/d/a: it was changed in the vault")) << bad.out;
  EXPECT_TRUE(holds(bad.out, "bad   " + project + "/b: it was changed in the vault")) << bad.out;
  EXPECT_TRUE(holds(bad.out, "2 good, 2 bad")) << bad.out;
}

}  // namespace
}  // namespace assent::cli
