// Ways to a foreign file that do not go by its plain name, or not by the plain call. Each control does the damage.
#include <tuple>

#include "support/run_world.h"

namespace assent::run_test {
namespace {

struct Way {
  const char* test;
  std::vector<std::string> arguments;
  bool on_stdin = false;  // standard input is the foreign file
};

const std::vector<Way>& ways() {
  static const std::vector<Way> kWays{
      {"reopened_readonly_descriptor", {"act", "reopen-readonly", "victim1"}},
      {"reopened_path_descriptor", {"act", "reopen-path", "victim1"}},
      {"standard_input_reopened", {"act", "stdin"}, true},
      {"metadata_through_a_readonly_descriptor", {"act", "metadata", "victim1"}},
      {"content_through_a_descriptor", {"act", "content", "victim1", "rdwr"}},
      {"hard_link_and_symbolic_link_alias", {"act", "alias", "victim1"}},
      {"unnamed_file_linked_over", {"act", "tmpfile", "victim1"}},
      {"own_file_renamed_over", {"act", "rename-over", "victim1"}},
      {"exchanged_names", {"act", "exchange", "victim1"}},
      {"openat2_with_each_resolve_flag", {"act", "openat2", "victim1"}},
      {"opens_with_odd_flags", {"act", "odd-opens", "victim1"}},
      {"program_in_memory", {"act", "memfd", "victim1"}},
      {"io_uring", {"kernel", "io-uring", "victim1"}},
      {"call_by_the_32_bit_gate", {"kernel", "int80", "victim1"}},
      {"the_project_itself", {"act", "project", "@PROJECT@"}},
  };
  return kWays;
}

class OtherWays : public ::testing::TestWithParam<std::tuple<std::size_t, Who>> {};

TEST_P(OtherWays, HarmNothingForeign) {
  const auto [index, who] = GetParam();
  const Way& way = ways()[index];
  const auto attack = [&](const World& world) {
    std::vector<std::string> out{world.project + "/victim"};
    for (const auto& word : way.arguments) out.push_back(word == "@PROJECT@" ? world.project : word);
    return out;
  };
  const auto stdio = [&](const World& world) {
    Stdio out;
    if (way.on_stdin) out.in = world.project + "/victim1";
    return out;
  };
  {
    World world(who);
    const auto before = world.look();
    const auto outcome = world.run(attack(world), stdio(world));
    ASSERT_NE(damage(before), "") << "the control did no damage: this test proves nothing\n"
                                  << outcome.out << outcome.err;
    ::chmod(world.home.c_str(), 0755);
    ::chmod((world.home + "/moved").c_str(), 0755);
  }
  World world(who);
  world.be_strict();
  const auto before = world.look();
  const auto outcome = world.run_inside(attack(world), stdio(world));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(damage(before), "") << outcome.out << outcome.err;
  EXPECT_NE(outcome.out, "") << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(Each, OtherWays,
                         ::testing::Combine(::testing::Range<std::size_t>(0, 15), ::testing::ValuesIn(everyone())),
                         [](const auto& each) {
                           return std::string(ways()[std::get<0>(each.param)].test) + "_" +
                                  name(std::get<1>(each.param));
                         });

TEST_P(AsEveryone, ACallByTheX32GateIsRefused) {
  // Most kernels are built without that gate, so a control would prove nothing.
  World world(GetParam());
  const auto before = world.look();
  const auto outcome = world.run_inside({"./victim", "kernel", "x32", "victim1"});
  EXPECT_NE(said(outcome.out, "x32"), "ok") << outcome.out;
  EXPECT_NE(said(outcome.out, "x32"), "") << outcome.out << outcome.err;
  EXPECT_NE(said(outcome.out, "x32-openat"), "ok") << outcome.out;
  EXPECT_EQ(damage(before), "");
}

TEST_P(AsEveryone, AReadOnlyDescriptorStaysReadOnly) {
  World world(GetParam());
  const auto before = world.look();
  const auto outcome = world.run_inside({"./victim", "act", "content", "victim1"});
  for (const char* call : {"write", "ftruncate", "fallocate", "punch", "copy_file_range", "ficlone", "mprotect"}) {
    EXPECT_NE(said(outcome.out, call), "ok") << call;
    EXPECT_NE(said(outcome.out, call), "") << call << outcome.out << outcome.err;
  }
  EXPECT_EQ(damage(before), "");
}

TEST_P(AsEveryone, AFolderOnStandardInputOpensNoDoor) {
  const auto attack = [](const World& world) {
    return std::vector<std::string>{world.project + "/victim", "act", "stdin-folder", "project/victim1",
                                    ".ssh/id_ed25519"};
  };
  Stdio stdio;
  {
    World world(GetParam());
    stdio.in = world.home;
    const auto before = world.look();
    const auto outcome = world.run(attack(world), stdio);
    ASSERT_NE(damage(before), "");
    ASSERT_NE(outcome.out.find("SECRET"), std::string::npos);
  }
  World world(GetParam());
  stdio.in = world.home;
  const auto before = world.look();
  const auto outcome = world.run_inside(attack(world), stdio);
  EXPECT_EQ(damage(before), "") << outcome.out;
  EXPECT_EQ(outcome.out.find("SECRET"), std::string::npos) << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(Each, AsEveryone, ::testing::ValuesIn(everyone()), kEveryone);

}  // namespace
}  // namespace assent::run_test
