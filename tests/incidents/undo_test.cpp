// What agents destroyed, allowed on purpose, and taken back: after `assent undo` every byte and every metadatum is as
// it was; `assent redo` gives the destroyed state again. Each beside a control that shows what is lost without assent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/portrait.h"
#include "support/run_world.h"

namespace assent::run_test {
namespace {

using testing::HasSubstr;

struct Destruction {
  const char* test;
  const char* needs;
  const char* prepare;         // beforehand, without assent
  const char* script;          // what the agent runs
  const char* after = "true";  // what must work again when it is undone
};

void PrintTo(const Destruction& each, std::ostream* out) { *out << each.test; }

// Every sort of object, with metadata of its own.
constexpr const char* kHome = R"sh(
umask 022
mkdir -p ana/Documents/2019/deep/deeper ana/empty ana/locked.empty ana/.config ana/Pictures
for i in 1 2 3 4 5 6 7 8 9; do echo "letter $i" >ana/Documents/$i.txt; done
head -c 300000 /dev/urandom >ana/Pictures/p.jpg
printf '\0\1\2' >ana/Documents/2019/deep/deeper/binary
: >ana/nothing
echo 'export A=1' >ana/.profile
echo secret >ana/.config/key; chmod 600 ana/.config/key
ln -s nowhere/at/all ana/dangling; ln -s .profile ana/link
ln ana/.profile ana/hard1; ln ana/.profile ana/Documents/hard2
mkfifo -m 640 ana/pipe
truncate -s 30M ana/sparse; printf tail | dd of=ana/sparse bs=1 seek=20000000 conv=notrunc status=none
echo odd >"$(printf 'ana/not\377utf8 and \033[31m\n newline')"
echo locked >ana/locked; chmod 000 ana/locked
cp /bin/true ana/tool; chmod 4755 ana/tool
setfattr -n user.origin -v here ana/.profile; setfattr -n user.folder -v yes ana/Documents
setfacl -m u:65534:rw ana/nothing; setfacl -d -m u:65534:rx ana/Documents/2019
chmod 751 ana/Documents; chmod 1777 ana/empty; chmod 000 ana/locked.empty
touch -h -d '2001-02-03 04:05:06.123456789' ana/dangling ana/pipe ana/Pictures/p.jpg ana/Documents/1.txt
touch -d '2002-02-03 04:05:06.987654321' ana/Documents/2019 ana/Documents ana
)sh";

constexpr const char* kRepository = R"sh(
git init -q -b main && mkdir -p src tests patches plan
for i in $(seq 70); do echo "t$i" >tests/t$i; done
for i in 1 2 3; do echo s$i >src/s$i.c; done
printf 'victim\n*.db\nlocal/\n' >.gitignore && git add -A && git commit -qm first
echo precious >>src/s1.c && echo work >src/new.c && git add src/new.c && echo more >>src/new.c
echo notes >untracked.md && mkdir local && echo settings >local/settings.ini && echo rows >a.db
touch -d '2001-02-03 04:05:06.123456789' untracked.md src/s1.c tests/t7 local
)sh";

constexpr const char* kDatabase =
    "sqlite3 app.db 'create table users(id integer primary key, v text); with recursive n(i) as (select 1 union all "
    "select i+1 from n where i<3000) insert into users select i, hex(randomblob(20)) from n;' && touch -d '2001-02-03 "
    "04:05:06.123456789' app.db";
constexpr const char* kDatabaseWorks =
    "test $(sqlite3 app.db 'select count(*) from users') = 3000 && sqlite3 app.db 'pragma integrity_check' | grep -q "
    "ok";

constexpr const char* kFiles =
    "echo 'the only copy' >notes.md && seq 100000 >big && cp notes.md other && ln notes.md alias && setfattr -n user.x "
    "-v y notes.md && setfacl -m u:65534:r other && chmod 640 big && touch -d '2001-02-03 04:05:06.123456789' "
    "notes.md big other && mkdir -p d/e && cp notes.md d/n && cp big d/e/b && chmod 500 d/e";

const Destruction kDestructions[] = {
    {"rm_rf_of_a_home", "setfacl", kHome, "rm -rf ana"},
    {"rm_rf_of_seventy_tracked_files", "git", kRepository, "rm -rf tests patches plan", "git diff --quiet tests"},
    {"rm_rf_of_the_repository_itself", "git", kRepository, "rm -rf .git src", "git log -1 --oneline && git fsck"},
    {"rm_of_five_thousand_photos", "rm",
     "mkdir -p Pictures/2019 && cd Pictures/2019 && seq 5000 | while read i; do echo photo $i >$i.jpg; done",
     "rm -rf Pictures"},
    {"a_database_truncated", "sqlite3", kDatabase, ": >app.db", kDatabaseWorks},
    {"a_database_dropped", "sqlite3", kDatabase, "sqlite3 app.db 'drop table users; vacuum;'", kDatabaseWorks},
    {"a_database_deleted_and_made_anew", "sqlite3", kDatabase,
     "rm -f app.db; sqlite3 app.db 'create table users(x); insert into users values(1);'", kDatabaseWorks},
    {"sed_in_place", "sed", kFiles, "sed -i s/only/other/ notes.md other; sed -i.bak 1,50000d big"},
    {"mv_over", "mv", kFiles, "echo new >own; mv -f own notes.md; mv -f other big"},
    {"cp_over", "cp", kFiles, "echo new >own; cp own notes.md; cp --remove-destination own other; install own big"},
    {"dd_onto", "dd", kFiles,
     "dd if=/dev/zero of=big bs=1k count=3 conv=notrunc status=none; dd if=/dev/zero of=notes.md bs=1 count=2 "
     "status=none"},
    {"truncate_to_nothing", "truncate", kFiles, "truncate -s 0 notes.md other; truncate -s 10M big"},
    {"redirections", "sh", kFiles, ": >notes.md; echo y >>other; cat /dev/null >big"},
    {"written_through_another_name", "sh", kFiles, "echo spoiled >alias; rm -f alias"},
    {"written_through_a_mapping", "python3", kFiles,
     "python3 -c \"import mmap;f=open('big','r+b');m=mmap.mmap(f.fileno(),0);m[0:9]=b'xxxxxxxxx';m.flush()\""},
    {"written_then_removed_then_written", "sh", kFiles,
     "echo a >notes.md; rm notes.md; echo b >notes.md; rm notes.md; mkdir notes.md; echo c >notes.md/c"},
    {"shred_and_wipe", "shred", kFiles, "shred -u notes.md; shred -n 1 big"},
    {"moved_about", "mv", kFiles,
     "mkdir own; mv notes.md own/; mv d own/moved; mv own/moved/n own/moved/m; mv big other"},
    {"moved_into_a_new_folder_that_was_deleted", "mv", kFiles,
     "mkdir -p old/new; chmod 700 d/e; mv notes.md big d old/new/; rm -rf old"},
    {"moved_into_a_new_folder_that_was_moved", "mv", kFiles,
     "mkdir old; mv notes.md d old/; mv old older; rm older/d/n"},
    {"through_a_new_folder_and_out_again", "mv", kFiles,
     "mkdir own; mv notes.md own/; mv own/notes.md moved; rmdir own; mkdir own; echo mine >own/notes.md"},
    {"a_shut_folder_in_the_place", "chmod", kFiles,
     "rm notes.md; mkdir notes.md; echo mine >notes.md/own; chmod 0 notes.md"},
    {"shut_after_the_work", "chmod", kFiles,
     "chmod 700 d/e; mv notes.md d/e/; rm d/e/b; mkdir own; mv other own/; chmod 0 own d/e d"},
    {"changed_places", "python3", kFiles,
     "swap() { python3 -c \"import ctypes;assert ctypes.CDLL(None).renameat2(-100,b'$1',-100,b'$2',2) == 0\"; }; "
     "echo mine >own; swap d notes.md; swap big own; rm -rf notes.md own; swap other d; mv -f d big"},
    {"chmod_all_000", "chmod", kFiles, "find d notes.md -depth -exec chmod 000 {} ';'"},
    {"metadata_changed", "setfattr", kFiles,
     "touch notes.md d; chmod 777 big d/e; setfattr -n user.x -v z notes.md; setfattr -n user.y -v z other; setfacl -b "
     "other; setfattr -x user.x alias"},
    {"git_clean", "git", kRepository, "git clean -qfdx"},
    {"git_reset_hard", "git", kRepository, "git reset -q --hard",
     "grep -q precious src/s1.c && grep -q more src/new.c"},
    {"git_checkout_of_everything", "git", kRepository, "git checkout -q -- .", "grep -q precious src/s1.c"},
    {"tar_over_the_tree", "tar", kFiles,
     "mkdir new && echo n >new/notes.md && tar -C new -cf n.tar notes.md && rm -rf new && tar xf n.tar && tar "
     "--overwrite -xf n.tar"},
    {"python_rmtree", "python3", kHome,
     "chmod 700 ana/locked.empty; python3 -c \"import shutil;shutil.rmtree('ana')\""},
};

// Everything is allowed: what is lost here is what a human said yes to.
void say_yes_to_everything(const World& world) {
  put(world.home + "/yes.toml",
      "version = 1\nname = \"yes\"\nextends = [\"default\"]\n[[file]]\nops = [\"create\", \"modify\", \"truncate\", "
      "\"rename\", \"delete\", \"metadata\"]\npaths = [\"${PROJECT}/**\"]\naction = \"allow\"\n");
}

Outcome destroy(const World& world, const std::string& script) {
  return world.run(world.inside({"sh", "-c", script}, {"-p", world.home + "/yes.toml"}));
}

class Undo : public ::testing::TestWithParam<std::tuple<Destruction, Who>> {};

TEST_P(Undo, GivesEveryByteBack) {
  const auto& [destruction, who] = GetParam();
  {
    World control(who);
    if (control.shell(std::string("command -v ") + destruction.needs).status != 0)
      GTEST_SKIP() << destruction.needs << " is not here";
    const auto prepared = control.shell(destruction.prepare);
    if (prepared.status != 0) GTEST_SKIP() << "cannot be prepared here: " << prepared.err;
    const auto before = portrait(control.project);
    control.shell(destruction.script);
    ASSERT_NE(otherwise(before, portrait(control.project)), "") << "the control did no damage";
  }
  World world(who);
  say_yes_to_everything(world);
  ASSERT_EQ(world.shell(destruction.prepare).status, 0);
  const auto before = portrait(world.project);
  const auto outcome = destroy(world, destruction.script);
  const auto destroyed = portrait(world.project);
  ASSERT_NE(otherwise(before, destroyed), "") << outcome.out << outcome.err;

  const auto drill = world.assent({"vault", "drill"});
  EXPECT_EQ(drill.status, 0) << drill.out << drill.err;

  const auto planned = world.assent({"undo", "--dry-run"});
  EXPECT_EQ(planned.status, 0) << planned.out << planned.err;
  EXPECT_EQ(otherwise(destroyed, portrait(world.project)), "") << "a dry run changes nothing";

  const auto undone = world.assent({"undo"});
  EXPECT_EQ(undone.status, 0) << undone.out << undone.err << outcome.err;
  EXPECT_EQ(otherwise(before, portrait(world.project)), "") << undone.out;
  EXPECT_EQ(world.shell(destruction.after).status, 0);
  if (std::string(destruction.after) != "true") return;  // that may have moved times

  const auto redone = world.assent({"redo"});
  EXPECT_EQ(redone.status, 0) << redone.out << redone.err;
  EXPECT_EQ(otherwise(destroyed, portrait(world.project)), "") << redone.out;

  const auto again = world.assent({"undo"});
  EXPECT_EQ(again.status, 0) << again.out << again.err;
  EXPECT_EQ(otherwise(before, portrait(world.project)), "") << again.out;
}

INSTANTIATE_TEST_SUITE_P(Each, Undo,
                         ::testing::Combine(::testing::ValuesIn(kDestructions), ::testing::ValuesIn(everyone())),
                         [](const auto& each) {
                           return std::string(std::get<0>(each.param).test) + "_" + name(std::get<1>(each.param));
                         });

class UndoLater : public AsEveryone {};
INSTANTIATE_TEST_SUITE_P(Users, UndoLater, ::testing::ValuesIn(everyone()), kEveryone);

TEST_P(UndoLater, WhatAHumanChangedSinceIsRefusedPathByPathAndTheRestComesBack) {
  World world(GetParam());
  say_yes_to_everything(world);
  for (const char* each : {"a", "b", "c", "d"}) put(world.project + "/" + each, std::string("mine ") + each);
  world.give();
  destroy(world, "rm a b; echo spoiled >c; echo spoiled >d");
  ::usleep(20'000);
  ASSERT_EQ(world.shell("echo corrected >c; echo mine again >a").status, 0);

  const auto planned = world.assent({"undo", "--dry-run"});
  EXPECT_EQ(planned.status, 1);
  EXPECT_THAT(planned.out, HasSubstr("conflict       content        c: it was changed after the session"));
  EXPECT_THAT(planned.out, HasSubstr("conflict       file           a: another file has its place now"));
  EXPECT_FALSE(there(world.project + "/b"));

  const auto undone = world.assent({"undo"});
  EXPECT_EQ(undone.status, 1);
  EXPECT_THAT(undone.out, HasSubstr("2 conflicts left alone"));
  EXPECT_EQ(get(world.project + "/a"), "mine again\n");
  EXPECT_EQ(get(world.project + "/b"), "mine b");
  EXPECT_EQ(get(world.project + "/c"), "corrected\n");
  EXPECT_EQ(get(world.project + "/d"), "mine d");
}

// What the later ones made stays, but not where something has to come back to.
TEST_P(UndoLater, SeveralSessionsOneAfterTheOtherNewestFirst) {
  World world(GetParam());
  say_yes_to_everything(world);
  ASSERT_EQ(world.shell("echo one >a; echo two >b; mkdir d; echo three >d/c; touch -d 2001-02-03 a b d/c d .").status,
            0);
  const auto before = portrait(world.project);
  const char* const scripts[] = {"rm a; mkdir e; mv b e/", "echo other >a; rm -r d; mv e d",
                                 "mv d/b d/x; rm a; mkdir a b; echo y >a/y"};
  std::vector<std::string> sessions;  // newest first
  for (const char* script : scripts) {
    const auto outcome = destroy(world, script);
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    for (const auto& entry : fs::directory_iterator(world.state + "/assent/sessions")) {
      const std::string id = entry.path().filename();
      if (std::find(sessions.begin(), sessions.end(), id) == sessions.end()) sessions.insert(sessions.begin(), id);
    }
  }
  ASSERT_EQ(sessions.size(), 3U);
  for (const auto& id : sessions) {
    const auto undone = world.assent({"undo", id});
    EXPECT_EQ(undone.status, 0) << id << undone.out << undone.err;
  }
  EXPECT_EQ(otherwise(before, portrait(world.project)), "");
}

TEST_P(UndoLater, WorksWhileTheSessionRuns) {
  World world(GetParam());
  say_yes_to_everything(world);
  put(world.project + "/a", "mine");
  world.give();
  const auto outcome =
      world.run(world.inside({"sh", "-c", "rm a; while [ ! -e a ]; do sleep 0.02; done; rm a; echo removed twice"},
                             {"-p", world.home + "/yes.toml"}),
                {}, [&](pid_t) {
                  for (int i = 0; i < 500 && there(world.project + "/a"); ++i) ::usleep(20'000);
                  const auto undone = world.assent({"undo"});
                  EXPECT_EQ(undone.status, 0) << undone.out << undone.err;
                });
  EXPECT_THAT(outcome.out, HasSubstr("removed twice")) << outcome.err;
  EXPECT_FALSE(there(world.project + "/a"));
  EXPECT_EQ(world.assent({"undo"}).status, 0);
  EXPECT_EQ(get(world.project + "/a"), "mine");
}

TEST_P(UndoLater, ASupervisorThatWasKilledLeavesNothingThatCannotBeUndone) {
  World world(GetParam());
  say_yes_to_everything(world);
  ASSERT_EQ(world.shell("mkdir d && seq 400 | while read i; do echo $i >d/$i; done").status, 0);
  const auto before = portrait(world.project);
  world.run(world.inside({"sh", "-c", "rm -rf d; sleep 30"}, {"-p", world.home + "/yes.toml"}), {}, [&](pid_t child) {
    for (int i = 0; i < 2000 && there(world.project + "/d/100"); ++i) ::usleep(2'000);
    ::kill(child, SIGKILL);
  });
  ASSERT_NE(otherwise(before, portrait(world.project)), "");
  const auto undone = world.assent({"undo"});
  EXPECT_EQ(undone.status, 0) << undone.out << undone.err;
  EXPECT_EQ(otherwise(before, portrait(world.project)), "") << undone.out;
}

TEST_P(UndoLater, OneRecordAsTheLogNamesIt) {
  World world(GetParam());
  say_yes_to_everything(world);
  for (const char* each : {"a", "b"}) put(world.project + "/" + each, "mine");
  world.give();
  destroy(world, "rm a b");
  const auto log = world.assent({"log", "--path", world.project + "/b"}).out;
  const std::string record = std::to_string(std::strtoul(log.c_str(), nullptr, 10));
  const auto undone = world.assent({"undo", "last:" + record});
  EXPECT_EQ(undone.status, 0) << undone.out << undone.err << log;
  EXPECT_TRUE(there(world.project + "/b"));
  EXPECT_FALSE(there(world.project + "/a"));
}

}  // namespace
}  // namespace assent::run_test
