// A repository of the agent's names a program, and the user's next git there runs it outside the sandbox. Making a
// repository is ordinary work, so it is not stopped: the user is told, in words that name the place.
#include "support/run_world.h"

namespace assent::run_test {
namespace {

struct Trap {
  const char* test;
  const char* prepare;  // the user's, before
  const char* script;   // the agent's
  const char* later;    // the user's, afterwards, outside: what is named leaves the file "pwned" in the project
  const char* told;     // must be in what the user is told
};

void PrintTo(const Trap& each, std::ostream* out) { *out << each.test; }

#define PROGRAM "printf '#!/bin/sh\\ntouch \"'$PWD'/pwned\"\\n' >evil && chmod +x evil && "
#define REPOSITORY "git init -q -b main . && echo a >a && git add a && git commit -qm a && "

const Trap kTraps[] = {
    {"fsmonitor", "true", PROGRAM "git init -q sub && git -C sub config core.fsmonitor $PWD/evil",
     "cd sub && git status", "core.fsmonitor"},
    {"hook", "true", PROGRAM "git init -q sub && cp evil sub/.git/hooks/post-commit",
     "cd sub && git commit -q --allow-empty -m x", "hook post-commit"},
    {"a_bare_repository_by_another_name", "true",
     PROGRAM
     "git init -q --bare data && git -C data config core.pager $PWD/evil && git -C data config alias.s !$PWD/evil",
     "cd data && git s", "alias.s"},
    {"moved_into_place", "true",
     PROGRAM "git init -q sub && mv sub/.git sub/g && git --git-dir=sub/g config core.fsmonitor $PWD/evil && mv sub/g "
             "sub/.git && mkdir deep && mv sub deep/other",
     "cd deep/other && git status", "deep/other/.git/config"},
    {"what_the_settings_include", "true",
     PROGRAM
     "git init -q sub && git -C sub config include.path ../../more && printf '[core]\\nfsmonitor = '$PWD/evil >more",
     "cd sub && git status", "more"},
    {"a_file_that_leads_to_it", "true",
     PROGRAM "mkdir sub && git init -q --bare data && git -C data config core.bare false && git -C data config "
             "core.fsmonitor $PWD/evil && echo 'gitdir: ../data' >sub/.git",
     "cd sub && git status", "core.fsmonitor"},
    {"a_repository_of_the_users_under_a_new_name",
     PROGRAM "git init -q example && git -C example config core.fsmonitor $PWD/evil && mv example/.git example/dot",
     "mkdir sub && cp -r example/dot sub/dot && mv sub/dot sub/.git", "cd sub && git status", "core.fsmonitor"},
    {"written_through_a_descriptor_at_the_very_end", "true",
     PROGRAM "git init -q sub && exec 5>>sub/.git/config && sleep 0.1 && printf '[core]\\nfsmonitor = '$PWD/evil >&5",
     "cd sub && git status", "core.fsmonitor"},
    {"a_folder_of_hooks_among_the_users_files", REPOSITORY "mkdir .hooks && git config core.hooksPath .hooks",
     PROGRAM "cp evil .hooks/post-commit", "git commit -q --allow-empty -m x", "hook post-commit"},
    {"settings_among_the_users_files",
     REPOSITORY
     "git config include.path ../.shared && printf '[core]\\n' >.shared && git add .shared && git commit -qm s",
     PROGRAM "printf 'fsmonitor = '$PWD/evil >>.shared", "git status", ".shared"},
    {"a_rebase_under_way", REPOSITORY "echo b >a && git commit -qam b",
     PROGRAM "GIT_SEQUENCE_EDITOR='printf \"break\\nexec '$PWD'/evil\\n\" >' git rebase -q -i HEAD~1",
     "git rebase --continue", "rebase"},
    {"a_worktree_s_rebase", REPOSITORY "echo b >a && git commit -qam b",
     PROGRAM "git worktree add -q wt && cd wt && GIT_SEQUENCE_EDITOR='printf \"break\\nexec '$PWD'/../evil\\n\" >' git "
             "rebase -q -i HEAD~1",
     "cd wt && git rebase --continue", "rebase"},
    {"hooks_beside_a_worktree", REPOSITORY "mkdir .hooks && git config core.hooksPath .hooks",
     PROGRAM "git worktree add -q wt && mkdir wt/.hooks && cp evil wt/.hooks/post-commit",
     "cd wt && git commit -q --allow-empty -m x", "hook post-commit"},
};

class GitPrograms : public ::testing::TestWithParam<std::tuple<Trap, Who>> {};

TEST_P(GitPrograms, AreToldOfWhereTheyWouldRunOutside) {
  const auto& [trap, who] = GetParam();
  World control(who), world(who);
  for (World* each : {&control, &world}) {
    const auto prepared = each->shell(trap.prepare);
    ASSERT_EQ(prepared.status, 0) << prepared.err;
  }
  const auto without = control.shell(trap.script);
  ASSERT_EQ(without.status, 0) << without.err;
  (void)control.shell(trap.later);
  ASSERT_TRUE(there(control.project + "/pwned")) << "the attack does no harm: the test proves nothing";

  const auto inside = world.shell_inside(trap.script);
  EXPECT_EQ(inside.status, 0) << inside.err;
  EXPECT_NE(inside.err.find("caution: git will run what this session named"), std::string::npos) << inside.err;
  EXPECT_NE(inside.err.find(trap.told), std::string::npos) << inside.err;
  const auto log = world.assent({"log", "last"});
  EXPECT_NE(log.out.find("caution: git will run"), std::string::npos) << log.out;
}

INSTANTIATE_TEST_SUITE_P(Each, GitPrograms,
                         ::testing::Combine(::testing::ValuesIn(kTraps), ::testing::ValuesIn(everyone())),
                         [](const auto& each) {
                           return std::string(std::get<0>(each.param).test) + "_" + name(std::get<1>(each.param));
                         });

class GitWork : public AsEveryone {};

TEST_P(GitWork, ThatNamesNoProgramIsNotSpokenOf) {
  World world(GetParam());
  // The user's own repository has programs of its own: they are no news.
  const auto prepared = world.shell(REPOSITORY
                                    "printf '#!/bin/sh\\n' >.git/hooks/pre-commit && chmod +x .git/hooks/pre-commit && "
                                    "git config alias.s '!true' && git config core.pager 'sh -c cat'");
  ASSERT_EQ(prepared.status, 0) << prepared.err;
  const auto inside = world.shell_inside(
      "git init -q new && cd new && git config user.name t && git config core.pager cat && echo a >a && git add a && "
      "git commit -qm a && cd .. && git clone -q new copy && git worktree add -q wt && cd wt && echo b >b && git add b "
      "&& git commit -qm b && cd .. && git -c protocol.file.allow=always submodule --quiet add ./new module && git "
      "commit -qm module && git rebase -q -x true HEAD~1 && touch .envrc Makefile && mkdir -p src/config && touch "
      "src/config/HEAD");
  EXPECT_EQ(inside.err.find("caution"), std::string::npos) << inside.err;
}

// The user may call git in another window meanwhile.
// Half a file says nothing about the rest of it.
TEST_P(GitWork, AProgramBehindMoreThanIsReadIsHintedAt) {
  const char* script = PROGRAM
      "git init -q sub && head -c 9000000 /dev/zero | tr '\\0' '#' >>sub/.git/config && printf '\\n[core]\\nfsmonitor "
      "= "
      "'$PWD/evil >>sub/.git/config";
  const World control(GetParam()), world(GetParam());
  ASSERT_EQ(control.shell(script).status, 0);
  (void)control.shell("cd sub && git status");
  ASSERT_TRUE(there(control.project + "/pwned")) << "the attack does no harm: the test proves nothing";

  const auto inside = world.shell_inside(script);
  EXPECT_EQ(inside.status, 0) << inside.err;
  EXPECT_NE(inside.err.find("caution: not all repositories of this session were looked at"), std::string::npos)
      << inside.err;
  EXPECT_NE(world.assent({"log", "last"}).out.find("not all repositories"), std::string::npos);
}

TEST_P(GitWork, AProgramIsToldOfWhileTheSessionRunsToo) {
  World world(GetParam());
  bool told = false;
  const auto wait_for_it = [&](pid_t) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30 * slowness());
    while (!told && std::chrono::steady_clock::now() < limit) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      std::error_code error;
      for (const auto& session : fs::directory_iterator(world.state + "/assent/sessions", error))
        told = told || get(session.path().string() + "/audit.jsonl").find("core.fsmonitor") != std::string::npos;
    }
    put(world.project + "/go-on", "");
  };
  const auto inside = world.run_inside({"sh", "-c",
                                        "git init -q sub; printf '[core]\nfsmonitor = ./evil' >>sub/.git/config; until "
                                        "test -e go-on; do sleep 0.02; done"},
                                       {}, wait_for_it);
  EXPECT_EQ(inside.status, 0) << inside.err;
  EXPECT_TRUE(told);
  const auto first = inside.err.find("core.fsmonitor");
  ASSERT_NE(first, std::string::npos) << inside.err;
  EXPECT_EQ(inside.err.find("core.fsmonitor", first + 1), std::string::npos) << "told twice: " << inside.err;
}

INSTANTIATE_TEST_SUITE_P(Each, GitWork, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
