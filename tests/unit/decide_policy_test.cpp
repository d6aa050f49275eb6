#include "decide/policy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

namespace assent::decide {
namespace {

namespace fs = std::filesystem;

// A scratch folder with etc, config and project of its own.
class PolicyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/assent-decide.XXXXXX";
    root_ = ::mkdtemp(name);
    for (const auto* folder : {"etc", "config", "proj"}) fs::create_directories(root_ + "/" + folder);
    options_.places = {root_ + "/proj", root_ + "/home", "/tmp", "1000"};
    options_.etc = root_ + "/etc";
    options_.config = root_ + "/config";
    options_.shares.clear();
    options_.protect = {root_ + "/state"};
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& file, const std::string& text) {
    fs::create_directories(fs::path(root_ + "/" + file).parent_path());
    std::ofstream(root_ + "/" + file) << text;
  }
  std::string file(const std::string& name, const std::string& text) {
    write(name, text);
    return root_ + "/" + name;
  }
  Policy load() {
    auto policy = Policy::load(options_);
    if (!policy) {
      for (const auto& problem : policy.error()) ADD_FAILURE() << to_string(problem);
      std::abort();
    }
    return *policy;
  }
  std::string problems() {
    const auto policy = Policy::load(options_);
    std::string out;
    if (policy) return out;
    for (const auto& problem : policy.error()) out += to_string(problem) + "\n";
    return out;
  }
  FileSubject subject(Operation operation, const std::string& path, Zone zone = Zone::Gated) {
    FileSubject out;
    out.operation = operation;
    out.path = path.starts_with('/') ? path : root_ + "/proj/" + path;
    out.zone = zone;
    return out;
  }
  static Request request(std::vector<FileSubject> subjects) {
    Request out;
    out.subject = std::move(subjects);
    return out;
  }
  Verdict verdict(const Policy& policy, FileSubject one) { return policy.decide(request({std::move(one)})).verdict; }

  std::string root_;
  LoadOptions options_;
};

const std::string kHead = "version = 1\n";

TEST_F(PolicyTest, WithinALayerTheFirstRuleThatMatchesDecides) {
  options_.profiles = {file("p.toml", kHead + R"(
[[file]]
ops = ["delete"]
paths = ["${PROJECT}/keep/**"]
action = "deny"
reason = "kept"
errno = "EACCES"
[[file]]
ops = ["delete"]
paths = ["${PROJECT}/**"]
action = "allow"
)")};
  const Policy policy = load();
  const Decision kept = policy.decide(request({subject(Operation::Delete, "keep/a")}));
  EXPECT_EQ(kept.verdict, Verdict::Deny);
  EXPECT_EQ(kept.reason, "kept");
  EXPECT_EQ(kept.error, EACCES);
  EXPECT_EQ(kept.rule.file, root_ + "/p.toml");
  EXPECT_EQ(kept.rule.line, 3);
  EXPECT_EQ(verdict(policy, subject(Operation::Delete, "a")), Verdict::Allow);
  EXPECT_EQ(verdict(policy, subject(Operation::Modify, "a")), Verdict::Ask);  // unmatched
}

TEST_F(PolicyTest, TheStrictestOfSeveralSubjectsDecidesAndIsNamed) {
  options_.profiles = {"default"};
  const Policy policy = load();
  auto from = subject(Operation::Rename, "build/new");
  from.own = true;
  auto over = subject(Operation::Delete, "notes/only-copy");
  over.replaced = true;
  const Decision decision = policy.decide(request({from, over}));
  EXPECT_EQ(decision.verdict, Verdict::Ask);
  EXPECT_EQ(decision.subject, 1u);
}

TEST_F(PolicyTest, NoRuleLeadsToASocketOfAssentItself) {
  options_.profiles = {file("p.toml", kHead + "[[net]]\nhosts = [\"unix:/**\"]\naction = \"allow\"\n")};
  options_.allow_hosts = {"unix:" + root_ + "/state/assentd.sock"};
  const Policy policy = load();
  const auto reaches = [&](const std::string& path) {
    Request out;
    out.subject = NetSubject{NetSubject::Protocol::Unix, path, 0, {}};
    return policy.decide(out).verdict == Verdict::Allow;
  };
  EXPECT_TRUE(reaches(root_ + "/other.sock"));
  EXPECT_FALSE(reaches(root_ + "/state/assentd.sock"));
}

TEST_F(PolicyTest, ARequestThatNamesNothingIsDenied) { EXPECT_EQ(load().decide(request({})).verdict, Verdict::Deny); }

TEST_F(PolicyTest, AcrossLayersTheStrictestWins) {
  options_.profiles = {file("p.toml", kHead + "[[file]]\nops = [\"delete\"]\npaths = [\"/**\"]\naction = \"allow\"\n")};
  write("etc/profile.toml", kHead + "[[file]]\nops = [\"delete\"]\npaths = [\"**/a\"]\naction = \"ask\"\nquorum = 2\n");
  write("config/profile.toml", kHead + "[[file]]\nops = [\"delete\"]\npaths = [\"**/b\"]\naction = \"deny\"\n");
  const Policy policy = load();
  const Decision asked = policy.decide(request({subject(Operation::Delete, "a")}));
  EXPECT_EQ(asked.verdict, Verdict::Ask);
  EXPECT_EQ(asked.quorum, 2u);
  EXPECT_EQ(verdict(policy, subject(Operation::Delete, "b")), Verdict::Deny);
  EXPECT_EQ(verdict(policy, subject(Operation::Delete, "c")), Verdict::Allow);
}

TEST_F(PolicyTest, OfTwoQuestionsTheOneThatIsHarderToAnswerWins) {
  options_.profiles = {file("p.toml", kHead + "[[file]]\nops = [\"delete\"]\npaths = [\"/**\"]\naction = \"ask\"\n")};
  write("etc/profile.toml", kHead +
                                "[[file]]\nops = [\"delete\"]\npaths = [\"/**\"]\naction = \"ask\"\nnot_self = "
                                "true\napprovers = [\"group:ops\"]\n");
  const Decision asked = load().decide(request({subject(Operation::Delete, "a")}));
  EXPECT_TRUE(asked.not_self);
  EXPECT_EQ(asked.approvers, std::vector<std::string>{"group:ops"});
}

TEST_F(PolicyTest, LaterProfilesAddRulesInFrontAndExtendsAddsThemBehind) {
  const auto rule = [](const std::string& name, const std::string& action) {
    return "[[file]]\nops = [\"delete\"]\npaths = [\"" + name + "\"]\naction = \"" + action + "\"\n";
  };
  write("config/profiles/one.toml", kHead + "extends = [\"two\"]\n" + rule("x", "ask"));
  write("config/profiles/two.toml", kHead + rule("x", "deny") + rule("y", "deny"));
  write("config/profiles/three.toml", kHead + rule("x", "allow"));
  options_.profiles = {"one"};
  EXPECT_EQ(verdict(load(), subject(Operation::Delete, "x")), Verdict::Ask);
  EXPECT_EQ(verdict(load(), subject(Operation::Delete, "y")), Verdict::Deny);
  options_.profiles = {"one", "three"};
  EXPECT_EQ(verdict(load(), subject(Operation::Delete, "x")), Verdict::Allow);
}

TEST_F(PolicyTest, AProfileCanExtendTheShippedOneOfItsOwnName) {
  write("config/profiles/default.toml", kHead +
                                            "extends = [\"default\"]\n[[file]]\nops = [\"delete\"]\npaths = "
                                            "[\"${PROJECT}/target/**\"]\naction = \"allow\"\n");
  const Policy policy = load();
  EXPECT_EQ(verdict(policy, subject(Operation::Delete, "target/a")), Verdict::Allow);
  EXPECT_EQ(verdict(policy, subject(Operation::Delete, "src/a")), Verdict::Ask);
}

TEST_F(PolicyTest, ACycleOfExtendsIsAProblemWithItsPlace) {
  write("config/profiles/a.toml", kHead + "extends = [\"b\"]\n");
  write("config/profiles/b.toml", kHead + "extends = [\"a\"]\n");
  options_.profiles = {"a"};
  EXPECT_NE(problems().find("/config/profiles/b.toml:2:12: extends \"a\""), std::string::npos) << problems();
}

TEST_F(PolicyTest, ConditionsMustAllHold) {
  options_.profiles = {file("p.toml", kHead + R"(
[[file]]
ops = ["delete"]
paths = ["/**"]
when = ["own", "recoverable"]
action = "allow"
[[file]]
ops = ["modify"]
paths = ["/**"]
larger = "1K"
action = "deny"
[[file]]
ops = ["truncate"]
paths = ["/**"]
after = 3
action = "deny"
)")};
  const Policy policy = load();
  auto one = subject(Operation::Delete, "a");
  int asked = 0;
  one.recoverable = [&asked] { return ++asked > 0; };
  EXPECT_EQ(verdict(policy, one), Verdict::Ask);
  EXPECT_EQ(asked, 0) << "recoverable is looked at only when all else holds";
  one.own = true;
  EXPECT_EQ(verdict(policy, one), Verdict::Allow);
  EXPECT_EQ(asked, 1);

  auto large = subject(Operation::Modify, "a");
  large.size = 1024;
  EXPECT_EQ(verdict(policy, large), Verdict::Ask);
  large.size = 1025;
  EXPECT_EQ(verdict(policy, large), Verdict::Deny);

  Request many = request({subject(Operation::Truncate, "a")});
  many.hits = 2;
  EXPECT_EQ(policy.decide(many).verdict, Verdict::Ask);
  many.hits = 3;
  EXPECT_EQ(policy.decide(many).verdict, Verdict::Deny);
}

TEST_F(PolicyTest, AnEmptyRecoverableFunctionMeansNo) {
  auto one = subject(Operation::Truncate, "a");
  one.recoverable = nullptr;
  EXPECT_EQ(verdict(load(), one), Verdict::Ask);
}

TEST_F(PolicyTest, NoProfileCanOpenWhatBelongsToAssent) {
  options_.profiles = {file(
      "p.toml", kHead + "[defaults]\nunmatched = \"allow\"\n[[file]]\nops = [\"create\", \"modify\", \"truncate\", "
                        "\"rename\", \"delete\", \"metadata\"]\npaths = [\"/\", \"/**\"]\naction = \"allow\"\n")};
  const Policy policy = load();
  for (const auto& path :
       {root_ + "/state", root_ + "/state/sessions/1/audit.jsonl", root_ + "/config/profile.toml",
        root_ + "/etc/profile.toml", root_ + "/proj/.assent.toml", root_ + "/.assent-1000/vault/x"}) {
    for (const auto operation : {Operation::Create, Operation::Modify, Operation::Truncate, Operation::Rename,
                                 Operation::Delete, Operation::Metadata}) {
      for (const auto zone : {Zone::Gated, Zone::Read, Zone::Free, Zone::Private}) {
        auto one = subject(operation, path, zone);
        one.own = true;
        EXPECT_EQ(verdict(policy, one), Verdict::Deny) << path;
      }
    }
  }
  EXPECT_EQ(verdict(policy, subject(Operation::Rename, root_)), Verdict::Deny)
      << "a folder that holds them cannot be moved away";
  EXPECT_EQ(verdict(policy, subject(Operation::Create, root_ + "/stateless")), Verdict::Allow);
  EXPECT_EQ(verdict(policy, subject(Operation::Create, "x.assent-y")), Verdict::Allow);
}

TEST_F(PolicyTest, FreeAndPrivateFoldersNeedNoRuleAndTheKernelsAreNobodys) {
  const Policy policy = load();
  EXPECT_EQ(verdict(policy, subject(Operation::Delete, "/x", Zone::Free)), Verdict::Allow);
  EXPECT_EQ(verdict(policy, subject(Operation::Delete, "/x", Zone::Private)), Verdict::Allow);
  EXPECT_EQ(verdict(policy, subject(Operation::Modify, "/proc/sys/kernel/x", Zone::Kernel)), Verdict::Deny);
}

TEST_F(PolicyTest, WhatIsHiddenIsDeniedAsIfItCouldNotBeReached) {
  const Policy policy = load();
  EXPECT_TRUE(policy.hidden(root_ + "/home/.ssh"));
  EXPECT_TRUE(policy.hidden(root_ + "/home/.ssh/keys/id"));
  EXPECT_TRUE(policy.hidden(root_ + "/proj/a/b/.env"));
  EXPECT_FALSE(policy.hidden(root_ + "/home/.sshx"));
  auto one = subject(Operation::Modify, "a/.env");
  one.hidden = true;
  one.recoverable = [] { return true; };
  const Decision decision = policy.decide(request({one}));
  EXPECT_EQ(decision.verdict, Verdict::Deny);
  EXPECT_EQ(decision.error, EACCES);
}

TEST_F(PolicyTest, ReadShowsWhatTheProfileHides) {
  options_.read = {root_ + "/home/.aws"};
  const Policy policy = load();
  EXPECT_FALSE(policy.hidden(root_ + "/home/.aws/config"));
  EXPECT_TRUE(policy.hidden(root_ + "/home/.ssh/id"));
}

TEST_F(PolicyTest, ZonesAreTheNearestFoldersAndTheProjectIsNeverPrivate) {
  options_.write = {root_ + "/proj/cache"};
  const Policy policy = load();  // the project lies in /tmp, which is private
  EXPECT_EQ(policy.zone_of(root_ + "/proj/a"), Zone::Gated);
  EXPECT_EQ(policy.zone_of(root_ + "/proj/cache/a"), Zone::Free);
  EXPECT_EQ(policy.zone_of(root_ + "/home/a"), Zone::Read);
  EXPECT_EQ(policy.zone_of("/tmp/a"), Zone::Private);
  EXPECT_EQ(policy.zone_of("/usr/bin"), Zone::Read);
  EXPECT_EQ(policy.zone_of("/dev/null"), Zone::Kernel);
}

TEST_F(PolicyTest, FreezeDeniesEveryGatedAct) {
  options_.mode = Mode::Freeze;
  const Policy policy = load();
  auto one = subject(Operation::Create, "new");
  EXPECT_EQ(verdict(policy, one), Verdict::Deny);
  one.own = true;
  one.operation = Operation::Delete;
  EXPECT_EQ(verdict(policy, one), Verdict::Deny);
  EXPECT_EQ(verdict(policy, subject(Operation::Create, "/tmp/x", Zone::Private)), Verdict::Allow);
  Request net;
  net.subject = NetSubject{};
  EXPECT_EQ(policy.decide(net).verdict, Verdict::Deny);
  Request exec;
  exec.subject = ExecSubject{"/bin/true", {"true"}};
  EXPECT_EQ(policy.decide(exec).verdict, Verdict::Allow) << "a program start that no rule names is not gated";
}

TEST_F(PolicyTest, HeadlessTurnsAQuestionIntoADenialAndNothingElse) {
  Decision decision;
  decision.verdict = Verdict::Ask;
  EXPECT_EQ(headless(decision).verdict, Verdict::Deny);
  decision.verdict = Verdict::Allow;
  EXPECT_EQ(headless(decision).verdict, Verdict::Allow);
}

TEST_F(PolicyTest, NetRulesKnowProtocols) {
  options_.profiles = {file("p.toml", kHead + R"(
[[net]]
hosts = ["192.0.2.9"]
action = "deny"
[[net]]
hosts = ["192.0.2.0/24:443"]
action = "allow"
[[net]]
hosts = ["192.0.2.0/24:53"]
udp = true
action = "allow"
)")};
  options_.allow_hosts = {"example.org:80"};
  const Policy policy = load();
  const auto net = [&policy](NetSubject::Protocol protocol, const char* address, std::uint16_t port,
                             std::vector<std::string> names = {}) {
    Request out;
    out.subject = NetSubject{protocol, address, port, std::move(names)};
    return policy.decide(out).verdict;
  };
  using enum NetSubject::Protocol;
  EXPECT_EQ(net(Tcp, "192.0.2.1", 443), Verdict::Allow);
  EXPECT_EQ(net(Udp, "192.0.2.1", 443), Verdict::Ask);
  EXPECT_EQ(net(Udp, "192.0.2.1", 53), Verdict::Allow);
  EXPECT_EQ(net(Udp, "192.0.2.9", 53), Verdict::Deny);
  EXPECT_EQ(net(Tcp, "198.51.100.1", 80, {"example.org"}), Verdict::Allow);
  EXPECT_EQ(net(Tcp, "198.51.100.1", 80), Verdict::Ask);
}

TEST_F(PolicyTest, ExecRulesAskForTheProgramsTheyNameAndNoOthers) {
  options_.profiles = {file("p.toml", kHead + "[[exec]]\nargv = [\"terraform\", \"destroy|apply\"]\naction = "
                                              "\"ask\"\nquorum = 2\napprovers = [\"ana\", \"group:ops\"]\n")};
  const Policy policy = load();
  Request exec;
  exec.subject = ExecSubject{"/usr/bin/terraform", {"terraform", "apply"}};
  EXPECT_EQ(policy.decide(exec).quorum, 2u);
  exec.subject = ExecSubject{"/usr/bin/terraform", {"terraform", "plan"}};
  EXPECT_EQ(policy.decide(exec).verdict, Verdict::Allow);
}

// ---- the project's own file

TEST_F(PolicyTest, AProjectMayForbidAndItsAllowSaysNothing) {
  write("proj/.assent.toml", kHead +
                                 "[[file]]\nops = [\"create\"]\npaths = [\"${PROJECT}/gen/**\"]\naction = \"deny\"\n"
                                 "[[file]]\nops = [\"create\", \"delete\"]\npaths = [\"/**\"]\naction = \"allow\"\n");
  const Policy policy = load();
  EXPECT_EQ(verdict(policy, subject(Operation::Create, "gen/a")), Verdict::Deny);
  EXPECT_EQ(verdict(policy, subject(Operation::Create, "a")), Verdict::Allow);
  EXPECT_EQ(verdict(policy, subject(Operation::Delete, "a")), Verdict::Ask);
  EXPECT_EQ(verdict(policy, subject(Operation::Create, "/elsewhere", Zone::Read)), Verdict::Ask);
}

TEST_F(PolicyTest, AProjectThatOpensSomethingIsRefusedWithThePlace) {
  write(
      "proj/.assent.toml",
      kHead + "project_may = \"loosen\"\n[filesystem]\nfree = [\"~\"]\n[environment]\nset = { LD_PRELOAD = \"/x\" }\n");
  options_.project = Trust::Yes;
  const std::string said = problems();
  EXPECT_NE(said.find(".assent.toml:2:1: "), std::string::npos) << said;
  EXPECT_NE(said.find("filesystem.free"), std::string::npos) << said;
  EXPECT_NE(said.find("environment"), std::string::npos) << said;
}

TEST_F(PolicyTest, AProjectMayLoosenOnlyWhereTheUserSaysSoAndTrustsIt) {
  const std::string loosening =
      kHead + "[[file]]\nops = [\"delete\"]\npaths = [\"${PROJECT}/**\"]\naction = \"allow\"\n";
  write("proj/.assent.toml", loosening);
  write("config/profile.toml", kHead + "project_may = \"loosen\"\n");
  EXPECT_EQ(verdict(load(), subject(Operation::Delete, "a")), Verdict::Ask);
  options_.project = Trust::Yes;
  EXPECT_EQ(verdict(load(), subject(Operation::Delete, "a")), Verdict::Allow);
  write("etc/profile.toml", kHead + "project_may = \"tighten\"\n");
  EXPECT_EQ(verdict(load(), subject(Operation::Delete, "a")), Verdict::Ask);
}

TEST_F(PolicyTest, AFifoInThePlaceOfTheProjectsFileDoesNotHang) {
  ASSERT_EQ(::mkfifo((root_ + "/proj/.assent.toml").c_str(), 0600), 0);
  EXPECT_NE(problems().find(".assent.toml: cannot read the profile"), std::string::npos);
}

// Random layers: adding a project's file never makes any decision softer, and the decision is the strictest of the
// layers loaded one by one.
class LayerProperty : public PolicyTest {
 protected:
  std::string random_profile(bool with_unmatched) {
    static const char* const kActions[] = {"allow", "ask", "deny"};
    static const char* const kPaths[] = {"${PROJECT}/**", "a", "${PROJECT}/d/**", "**/b", "${PROJECT}/{a,c}"};
    static const char* const kOps[] = {"create", "modify", "truncate", "rename", "delete", "metadata"};
    static const char* const kWhen[] = {"own", "recoverable", "touched", "own_folder"};
    std::string out = kHead;
    if (with_unmatched) out += std::string("[defaults]\nunmatched = \"") + kActions[random_() % 3] + "\"\n";
    for (unsigned rules = random_() % 4; rules > 0; --rules) {
      out += std::string("[[file]]\nops = [\"") + kOps[random_() % 6] + "\", \"delete\", \"modify\"]\npaths = [\"" +
             kPaths[random_() % 5] + "\"]\n";
      if (random_() % 2 == 0) out += std::string("when = [\"") + kWhen[random_() % 4] + "\"]\n";
      out += std::string("action = \"") + kActions[random_() % 3] + "\"\n";
    }
    return out;
  }
  FileSubject random_subject() {
    static const char* const kNames[] = {"a", "b", "c", "d/a", "d/e"};
    auto out = subject(static_cast<Operation>(random_() % 6), kNames[random_() % 5]);
    out.own = random_() % 2 == 0;
    out.touched = random_() % 2 == 0;
    out.own_folder = random_() % 2 == 0;
    out.recoverable = [yes = random_() % 2 == 0] { return yes; };
    return out;
  }
  std::mt19937 random_{11};
};

TEST_F(LayerProperty, AProjectsFileOnlyTightens) {
  int rounds = 0;
  int tightened = 0;
  for (int i = 0; i < 300; ++i) {
    options_.profiles = {file("p.toml", random_profile(true))};
    fs::remove(root_ + "/proj/.assent.toml");
    auto without = Policy::load(options_);
    write("proj/.assent.toml", random_profile(true));
    auto with = Policy::load(options_);
    if (!without || !with) continue;  // a random rule may be unreachable
    ++rounds;
    for (int j = 0; j < 20; ++j) {
      const auto one = random_subject();
      const Verdict before = verdict(*without, one);
      const Verdict after = verdict(*with, one);
      ASSERT_GE(after, before);
      tightened += after > before ? 1 : 0;
    }
  }
  EXPECT_GT(rounds, 50);
  EXPECT_GT(tightened, 50);
}

TEST_F(LayerProperty, TheStrictestLayerThatHasASayWins) {
  const auto alone = [this](const std::string& name) {
    auto options = options_;
    options.layers = Layers::ProfileOnly;
    options.profiles = {root_ + "/" + name};
    return Policy::load(options);
  };
  write("empty.toml", kHead);
  int rounds = 0;
  for (int i = 0; i < 200; ++i) {
    write("etc/profile.toml", random_profile(false));
    write("config/profile.toml", random_profile(false));
    options_.profiles = {file("p.toml", random_profile(false))};
    auto all = Policy::load(options_);
    auto one = alone("etc/profile.toml");
    auto two = alone("config/profile.toml");
    auto three = alone("p.toml");
    if (!all || !one || !two || !three) continue;
    ++rounds;
    for (int j = 0; j < 20; ++j) {
      const auto what = random_subject();
      std::optional<Verdict> expected;
      for (const auto* layer : {&*one, &*two, &*three}) {
        const Decision said = layer->decide(request({what}));
        if (said.rule.file == "built-in") continue;
        expected = std::max(expected.value_or(Verdict::Allow), said.verdict);
      }
      ASSERT_EQ(verdict(*all, what), expected.value_or(Verdict::Ask));
    }
  }
  EXPECT_GT(rounds, 30);
}

TEST_F(PolicyTest, TheFloorIsMergedAndExpanded) {
  options_.write = {root_ + "/cache"};
  options_.environment = {"API_KEY", "EDITOR=vi"};
  write("config/profile.toml",
        kHead + "[defaults]\ntimeout = \"30m\"\n[limits]\nmemory = \"2G\"\n[environment]\nset = { EDITOR = \"ed\" }\n");
  write("proj/.assent.toml",
        kHead +
            "[filesystem]\nhide = [\"${PROJECT}/secret\"]\n[limits]\nmemory = \"1G\"\n[defaults]\nconfirm_over = 5\n");
  const Policy policy = load();
  const Settings& settings = policy.settings();
  ASSERT_EQ(settings.gated.size(), 1u);
  EXPECT_EQ(settings.gated[0].path, root_ + "/proj");
  EXPECT_EQ(settings.gated[0].origin.file, "default.toml");
  ASSERT_EQ(settings.free.size(), 1u);
  EXPECT_EQ(settings.free[0].path, root_ + "/cache");
  EXPECT_TRUE(policy.hidden(root_ + "/proj/secret/x"));
  EXPECT_EQ(settings.timeout, std::chrono::minutes(30));
  EXPECT_EQ(settings.confirm_over, 5u);
  EXPECT_EQ(settings.limits.memory, 1ULL << 30);
  EXPECT_EQ(settings.unmatched, Verdict::Ask);
  EXPECT_EQ(settings.unmatched_rule.file, "base.toml");
  const char* const host[] = {"PATH=/bin", "SECRET=x", "LC_ALL=C", "API_KEY=k", "EDITOR=nano", "=broken", nullptr};
  const auto variables = policy.environment(host);
  const auto has = [&variables](const std::string& entry) {
    return std::find(variables.begin(), variables.end(), entry) != variables.end();
  };
  EXPECT_TRUE(has("PATH=/bin"));
  EXPECT_TRUE(has("LC_ALL=C"));
  EXPECT_TRUE(has("API_KEY=k"));
  EXPECT_TRUE(has("EDITOR=vi"));
  EXPECT_TRUE(has("GIT_TERMINAL_PROMPT=0"));
  EXPECT_FALSE(has("SECRET=x"));
  EXPECT_FALSE(has("EDITOR=nano"));
  EXPECT_FALSE(has("EDITOR=ed"));
}

TEST_F(PolicyTest, AFreeFolderThatHoldsAssentsOwnFilesIsRefused) {
  options_.profiles = {file("p.toml", kHead + "[filesystem]\nfree = [\"" + root_ + "\"]\n")};
  EXPECT_NE(problems().find("p.toml:3:9: free folder"), std::string::npos) << problems();
  options_.profiles = {"default"};
  options_.write = {root_ + "/state/vault"};
  EXPECT_NE(problems().find("command line: --write"), std::string::npos) << problems();
}

TEST_F(PolicyTest, HidingTheWholeMachineIsRefused) {
  options_.profiles = {file("p.toml", kHead + "[filesystem]\nhide = [\"${PROJECT}\"]\n")};
  EXPECT_NE(problems().find("p.toml:3:9: "), std::string::npos) << problems();
}

TEST_F(PolicyTest, SaysOfANameWhatItSaysAtItsBestPort) {
  options_.profiles = {file("p.toml", R"(version = 1
name = "p"
[defaults]
unmatched = "deny"
[[net]]
hosts = ["*.blocked.test"]
action = "deny"
[[net]]
hosts = ["ssh.test:22", "*.wild.test:8000-8100"]
action = "allow"
[[net]]
hosts = ["maybe.test:443"]
action = "ask"
)")};
  const Policy policy = load();
  EXPECT_EQ(policy.judge_name("ssh.test").decision->verdict, Verdict::Allow);
  EXPECT_EQ(policy.judge_name("a.b.wild.test").decision->verdict, Verdict::Allow);
  EXPECT_EQ(policy.judge_name("maybe.test").decision->verdict, Verdict::Ask);
  EXPECT_EQ(policy.judge_name("other.test").decision->verdict, Verdict::Deny);
  EXPECT_EQ(policy.judge_name("x.blocked.test").decision->verdict, Verdict::Deny);
}

TEST_F(PolicyTest, TakesLoopbackForTheHostsOnlyWhereARuleWritesItSo) {
  const auto names = [&](const std::string& host, const std::string& address, std::uint16_t port,
                         const char* action = "allow") {
    options_.profiles = {
        file("p.toml", "version = 1\nname = \"p\"\n[defaults]\nunmatched = \"deny\"\n[[net]]\nhosts = [\"" + host +
                           "\"]\naction = \"" + action + "\"\n")};
    NetSubject subject;
    subject.address = address;
    subject.port = port;
    return load().names_host_loopback(subject);
  };
  EXPECT_TRUE(names("127.0.0.1:5432", "127.0.0.1", 5432));
  EXPECT_TRUE(names("127.0.0.1:5432", "127.0.0.1", 5432, "ask"));
  EXPECT_TRUE(names("[::1]:5432", "::1", 5432));
  EXPECT_FALSE(names("127.0.0.1:5432", "127.0.0.1", 5433));
  EXPECT_FALSE(names("127.0.0.1:5432", "127.0.0.1", 5432, "deny"));
  EXPECT_FALSE(names("*", "127.0.0.1", 5432));
  EXPECT_FALSE(names("0.0.0.0/0", "127.0.0.1", 5432));
  EXPECT_FALSE(names("localhost:5432", "127.0.0.1", 5432));
}

}  // namespace
}  // namespace assent::decide
