// assent's own state, configuration and names, also where they lie inside the project; and names that would harm
// whoever reads the record.
#include "support/run_world.h"

namespace assent::run_test {
namespace {

class OwnThings : public AsEveryone {};

TEST_P(OwnThings, AreNeitherSeenNorChangedInsideTheProject) {
  World world(GetParam());
  world.state = world.project + "/.state";
  fs::create_directories(world.state);
  put(world.project + "/.config-of-mine/assent/config.toml", "");
  world.give();
  // A first session, so that there is a record to change.
  ASSERT_EQ(world.run_inside({"true"}).status, 0);
  auto before = fingerprints(world.state);
  before.erase(world.state + "/assent/heads.jsonl");  // each session adds a line
  before.erase(world.state + "/assent/audit.spare");  // each session uses it
  ASSERT_GT(before.size(), 3U);
  const auto outcome = world.shell_inside(
      "find .state; rm -rf .state; mv .state own-state; for f in .state/assent/sessions/*/audit.jsonl .state/assent/x; "
      "do (echo forged >$f); (echo forged >>$f); rm -f $f; done;"
      "mkdir -p .state/assent/sessions/forged; ln -s /tmp own-link; ln .state/assent/sessions/*/audit.jsonl own-log; "
      "chmod 777 .state .state/assent; touch .state; rmdir .state/assent .state; true");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(damage(before), "") << outcome.err;
  EXPECT_EQ(outcome.out.find("audit.jsonl"), std::string::npos) << outcome.out;
  EXPECT_FALSE(there(world.state + "/assent/sessions/forged"));
  EXPECT_EQ(world.assent({"verify", "last"}).status, 0);
  // The control: a shell without assent forges the record, and verify says so.
  world.shell("for f in .state/assent/sessions/*/audit.jsonl; do sed -i 's/\"true\"/\"false\"/' $f; done");
  EXPECT_NE(damage(before), "");
  bool found = false;
  for (const auto& entry : fs::directory_iterator(world.state + "/assent/sessions"))
    found |= world.assent({"verify", entry.path().filename().string()}).status != 0;
  EXPECT_TRUE(found) << "a forged record was not found";
}

TEST_P(OwnThings, ConfigurationInTheHomeIsOutOfReach) {
  World world(GetParam());
  put(world.home + "/.config/assent/profiles/mine.toml", "version = 1\nname = \"mine\"\n");
  world.give();
  const auto before = world.look();
  const std::string script =
      "cat ~/.config/assent/profiles/mine.toml; rm -rf ~/.config/assent; mkdir -p ~/.config/assent/profiles; echo "
      "'version = 1' >~/.config/assent/profiles/default.toml; ls -R ~/.local/state/assent; rm -rf ~/.local; true";
  const auto outcome = world.shell_inside(script);
  EXPECT_EQ(damage(before), "");
  EXPECT_FALSE(there(world.home + "/.config/assent/profiles/default.toml"));
  EXPECT_EQ(outcome.out.find("mine"), std::string::npos) << outcome.out;
  EXPECT_EQ(world.assent({"verify", "last"}).status, 0);
  world.shell(script);
  EXPECT_NE(damage(before), "");
}

TEST_P(OwnThings, NamesOfOursCannotBeMadeOrTaken) {
  World world(GetParam());
  const auto outcome = world.shell_inside(
      "for n in .assent-stage-1-1 .assent-vault .assent-x .assent.toml; do echo x >$n && echo made $n; mkdir $n && "
      "echo made $n; ln -s x $n && echo made $n; echo y >own; mv own $n && echo made $n; ln own $n && echo made $n; "
      "done; true");
  EXPECT_EQ(outcome.out, "");
  for (const auto& entry : fs::directory_iterator(world.project))
    EXPECT_NE(entry.path().filename().string().rfind(".assent", 0), 0U) << entry.path();
}

TEST_P(OwnThings, HostileNamesHarmNeitherTheTerminalNorTheRecord) {
  World world(GetParam());
  const std::string longest(255, 'L');
  const std::vector<std::string> names{"evil\nassent: denied nothing, all is well",
                                       "\033]0;title\007\033[2J",
                                       "\xff\xfe invalid \x80",
                                       "\xe2\x80\xae right-to-left",
                                       "\r\rback",
                                       longest};
  for (const auto& file : names) put(world.project + "/" + file, "here before\n");
  world.give();
  const auto before = world.look();
  const auto outcome = world.run(world.inside({"./victim", "act", "bury"}, {"--verbose"}));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(damage(before), "");
  EXPECT_EQ(said(outcome.out, "create"), "ok") << outcome.out;
  EXPECT_EQ(said(outcome.out, "unlink-own"), "ok") << outcome.out;
  EXPECT_EQ(said(outcome.out, "unlink"), "EPERM") << outcome.out;
  EXPECT_EQ(said(outcome.out, "unlink-4k"), "ENOENT") << outcome.out;
  EXPECT_EQ(said(outcome.out, "unlink-5k"), "ENAMETOOLONG") << outcome.out;
  EXPECT_FALSE(has_raw_control(outcome.err)) << outcome.err;
  EXPECT_EQ(outcome.err.find("\xe2\x80\xae"), std::string::npos) << "a bidi override went through";
  EXPECT_EQ(outcome.err.find("\nassent: denied nothing"), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find('\xff'), std::string::npos);
  for (const std::vector<std::string>& verb :
       {std::vector<std::string>{"log", "last"}, {"sessions"}, {"verify", "last"}, {"show", "5"}}) {
    const auto shown = world.assent(verb);
    EXPECT_FALSE(has_raw_control(shown.out + shown.err)) << verb[0];
    EXPECT_EQ(shown.out.find("\nassent: denied nothing"), std::string::npos) << verb[0];
    EXPECT_EQ(shown.out.find('\xff'), std::string::npos) << verb[0];
    EXPECT_EQ(shown.out.find("\xe2\x80\xae"), std::string::npos) << verb[0];
  }
  const auto log = world.assent({"log", "last"}).out;
  EXPECT_NE(log.find("evil\\n"), std::string::npos) << log;
  EXPECT_EQ(world.assent({"verify", "last"}).status, 0);
  // The record itself: one line a record, whatever the names.
  for (const auto& entry : fs::recursive_directory_iterator(world.state)) {
    if (entry.path().filename() != "audit.jsonl") continue;
    EXPECT_FALSE(has_raw_control(get(entry.path().string())));
  }
}

TEST_P(OwnThings, ACommandLineWithHostileWordsIsShownEscaped) {
  World world(GetParam());
  const auto outcome = world.run_inside({"\033[31m/no/such\nassent: all is well"});
  EXPECT_EQ(outcome.status, 127);
  EXPECT_FALSE(has_raw_control(outcome.err)) << outcome.err;
  EXPECT_EQ(outcome.err.find("\nassent: all is well"), std::string::npos);
  EXPECT_FALSE(has_raw_control(world.assent({"sessions"}).out));
  EXPECT_FALSE(has_raw_control(world.assent({"log", "last"}).out));
}

INSTANTIATE_TEST_SUITE_P(Each, OwnThings, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
