// The built programs say what the table says: over all numbers, ABIs and corners of the registers that are looked at.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "filter/filter.h"
#include "filter/treat.h"
#include "support/bpf_interpreter.h"

namespace assent::filter {
namespace {

using Arguments = std::array<std::uint64_t, 6>;

constexpr std::uint32_t kArches[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, 0, 0xffffffff};
constexpr std::uint64_t kRubbish[] = {0, 0xffffffff00000000, 0x0000000100000000, 0x8000000000000000};

std::uint32_t verdict_of(Outcome outcome) {
  switch (outcome.treatment) {
    case Treatment::Floor:
      return SECCOMP_RET_ALLOW;
    case Treatment::Notify:
      return SECCOMP_RET_USER_NOTIF;
    case Treatment::Deny:
      return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(outcome.error);
  }
  return 0;
}

// Counts instead of one assertion a probe: there are millions.
class Comparison {
 public:
  void probe(Variant variant, const Registers& call) {
    seccomp_data data{};
    data.nr = static_cast<int>(call.number);
    data.arch = call.arch;
    data.instruction_pointer = 0x123456789abcdef0;
    for (int i = 0; i < 6; ++i) data.args[i] = call.arguments[i];
    const auto run = test::interpret(program(variant), data);
    ++probes_;
    if (run && run->verdict == verdict_of(treat(call, variant))) return;
    if (++wrong_ > 10) return;
    std::ostringstream text;
    text << std::hex << "arch " << call.arch << " number " << std::dec << call.number << std::hex << " arguments";
    for (const auto argument : call.arguments) text << ' ' << argument;
    ADD_FAILURE() << text.str() << " → " << (run ? run->verdict : 0xdeadbeef);
  }
  void probe_both(std::uint32_t number, const Arguments& arguments) {
    for (const Variant variant : kVariants) probe(variant, {AUDIT_ARCH_X86_64, number, arguments});
  }
  [[nodiscard]] std::size_t probes() const { return probes_; }
  [[nodiscard]] std::size_t wrong() const { return wrong_; }

 private:
  std::size_t probes_ = 0;
  std::size_t wrong_ = 0;
};

std::uint32_t number_of(std::string_view name) { return static_cast<std::uint32_t>(row_of(name)->number); }

TEST(FilterProgram, SaysWhatTheTableSaysForEveryNumberInEveryAbi) {
  Comparison comparison;
  const Arguments patterns[] = {{},
                                {~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL},
                                {1, 1, 1, 1, 1, 1},
                                {2, 2, 2, 2, 2, 2},
                                {1ULL << 32, 1ULL << 32, 1ULL << 32, 1ULL << 32, 1ULL << 32, 1ULL << 32}};
  for (const Variant variant : kVariants) {
    for (const std::uint32_t arch : kArches) {
      for (const Arguments& arguments : patterns) {
        for (std::uint32_t number = 0; number < 1200; ++number) {
          comparison.probe(variant, {arch, number, arguments});
          comparison.probe(variant, {arch, number | 0x40000000, arguments});  // x32
          comparison.probe(variant, {arch, number | 0x80000000, arguments});
          comparison.probe(variant, {arch, ~number, arguments});
        }
      }
    }
  }
  EXPECT_EQ(comparison.wrong(), 0U);
}

TEST(FilterProgram, SaysWhatTheTableSaysForEveryPairOfBitsInEveryRegisterThatIsLookedAt) {
  Comparison comparison;
  for (const Row& row : kTable) {
    std::set<std::uint8_t> looked_at;
    for (const auto rules : {row.rules, row.gate_reads_rules}) {
      for (const Rule& rule : rules) {
        for (const Condition& condition : rule.all()) looked_at.insert(condition.argument);
      }
    }
    for (const std::uint8_t argument : looked_at) {
      for (unsigned first = 0; first < 64; ++first) {
        for (unsigned second = first; second < 64; ++second) {
          Arguments arguments{};
          arguments[argument] = (1ULL << first) | (1ULL << second);
          comparison.probe_both(static_cast<std::uint32_t>(row.number), arguments);
          arguments[argument] = ~arguments[argument];
          comparison.probe_both(static_cast<std::uint32_t>(row.number), arguments);
        }
      }
    }
  }
  EXPECT_EQ(comparison.wrong(), 0U);
  EXPECT_GT(comparison.probes(), 100'000U);
}

// Every value that any rule of the row names, its neighbours, and each of its bits flipped, in all combinations.
TEST(FilterProgram, SaysWhatTheTableSaysAroundEveryValueThatARuleNames) {
  Comparison comparison;
  for (const Row& row : kTable) {
    std::array<std::set<std::uint64_t>, 6> values;
    for (const auto rules : {row.rules, row.gate_reads_rules}) {
      for (const Rule& rule : rules) {
        for (const Condition& condition : rule.all()) {
          auto& of = values[condition.argument];
          const std::uint32_t named = condition.test == filter::Test::Equals ? condition.value : condition.mask;
          for (const std::uint32_t near : {named, named + 1, named - 1, ~named, 0U, condition.mask, ~condition.mask}) {
            of.insert(near);
          }
        }
      }
    }
    std::vector<std::uint8_t> looked_at;
    for (std::uint8_t i = 0; i < 6; ++i) {
      if (!values[i].empty()) looked_at.push_back(i);
    }
    // A combination at a time, counted like the digits of a number.
    if (looked_at.empty()) continue;
    const auto number = static_cast<std::uint32_t>(row.number);
    Arguments arguments{};
    const std::function<void(std::size_t)> all = [&](std::size_t at) {
      if (at == looked_at.size()) return comparison.probe_both(number, arguments);
      for (const std::uint64_t value : values[looked_at[at]]) {
        for (const std::uint64_t rubbish : kRubbish) {
          arguments[looked_at[at]] = value | rubbish;
          all(at + 1);
        }
      }
    };
    all(0);
    for (const std::uint8_t argument : looked_at) {
      for (const std::uint64_t value : values[argument]) {
        for (unsigned bit = 0; bit < 64; ++bit) {
          arguments = {};
          arguments[argument] = value ^ (1ULL << bit);
          comparison.probe_both(number, arguments);
        }
      }
    }
  }
  EXPECT_EQ(comparison.wrong(), 0U);
  EXPECT_GT(comparison.probes(), 100'000U);
}

TEST(FilterProgram, SaysWhatTheTableSaysForEverySocketTriple) {
  Comparison comparison;
  for (std::uint64_t family = 0; family < 50; ++family) {
    for (std::uint64_t type = 0; type < 16; ++type) {
      for (std::uint64_t protocol = 0; protocol < 264; ++protocol) {
        for (const std::uint64_t rubbish : kRubbish) {
          const Arguments arguments{family | rubbish, type | rubbish | (rubbish != 0 ? SOCK_CLOEXEC : 0),
                                    protocol | rubbish};
          comparison.probe(Variant::Normal, {AUDIT_ARCH_X86_64, number_of("socket"), arguments});
          if (protocol == 0) {
            comparison.probe(Variant::Normal, {AUDIT_ARCH_X86_64, number_of("socketpair"), arguments});
          }
        }
      }
    }
  }
  EXPECT_EQ(comparison.wrong(), 0U);
}

TEST(FilterProgram, SaysWhatTheTableSaysForEveryIoctlOfTheTerminalAndFileGroups) {
  Comparison comparison;
  for (std::uint64_t low = 0; low < 0x10000; ++low) {
    for (const std::uint64_t direction : {0ULL, 0x40040000ULL, 0x40080000ULL, 0x401c0000ULL, 0xc0400000ULL}) {
      for (const std::uint64_t rubbish : {0ULL, 0xffffffff00000000ULL}) {
        comparison.probe(Variant::Normal, {AUDIT_ARCH_X86_64, number_of("ioctl"), {0, low | direction | rubbish}});
      }
    }
  }
  EXPECT_EQ(comparison.wrong(), 0U);
}

// The kernel works out at the installation which calls are allowed whatever their registers, and runs no program for
// them at all. It can do so only where the path to the verdict never loads a register.
TEST(FilterProgram, DecidesUnconditionalRowsWithoutLookingAtArguments) {
  for (const Variant variant : kVariants) {
    std::size_t longest = 0;
    for (const Row& row : kTable) {
      seccomp_data data{};
      data.nr = row.number;
      data.arch = AUDIT_ARCH_X86_64;
      const auto run = test::interpret(program(variant), data);
      ASSERT_TRUE(run) << row.name;
      if (row.rules_of(variant).empty()) {
        EXPECT_FALSE(run->touched_arguments) << row.name;
        longest = std::max(longest, run->steps);
      }
    }
    EXPECT_LE(longest, 16U);
  }
}

TEST(FilterProgram, TakesFewStepsOnTheHotPaths) {
  const auto steps = [](std::string_view name, const Arguments& arguments) {
    seccomp_data data{};
    data.nr = row_of(name)->number;
    data.arch = AUDIT_ARCH_X86_64;
    for (int i = 0; i < 6; ++i) data.args[i] = arguments[i];
    return test::interpret(program(Variant::Normal), data)->steps;
  };
  EXPECT_LE(steps("openat", {0, 0, O_RDONLY | O_CLOEXEC}), 20U);
  EXPECT_LE(steps("open", {0, O_RDONLY | O_CLOEXEC}), 20U);
  EXPECT_LE(steps("sendto", {}), 20U);
  EXPECT_LE(steps("sendmsg", {}), 20U);
  EXPECT_LE(steps("ioctl", {0, 0x5401}), 33U);
  EXPECT_LE(steps("unlinkat", {}), 16U);
}

// One line an instruction. `ASSENT_REWRITE_GOLDEN=1 unit_filter --gtest_filter='*Golden*'` writes the files anew.
std::string dump(Variant variant) {
  std::ostringstream out;
  std::size_t at = 0;
  for (const sock_filter& one : program(variant)) {
    out << at++ << ": ";
    const auto to = [&](std::size_t distance) { return at + distance; };
    switch (one.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (one.k == offsetof(seccomp_data, nr))
          out << "load number";
        else if (one.k == offsetof(seccomp_data, arch))
          out << "load arch";
        else
          out << "load argument " << (one.k - 16) / 8 << (one.k % 8 == 0 ? " low" : " high");
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        out << "and 0x" << std::hex << one.k << std::dec;
        break;
      case BPF_JMP | BPF_JA:
        out << "go to " << to(one.k);
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        out << "if == 0x" << std::hex << one.k << std::dec << " " << to(one.jt) << " else " << to(one.jf);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        out << "if >= " << one.k << " " << to(one.jt) << " else " << to(one.jf);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        out << "if & 0x" << std::hex << one.k << std::dec << " " << to(one.jt) << " else " << to(one.jf);
        break;
      case BPF_RET | BPF_K:
        if (one.k == SECCOMP_RET_ALLOW)
          out << "allow";
        else if (one.k == SECCOMP_RET_USER_NOTIF)
          out << "notify";
        else if ((one.k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO) {
          out << "deny " << ::strerrorname_np(static_cast<int>(one.k & SECCOMP_RET_DATA));
        } else
          out << "? 0x" << std::hex << one.k << std::dec;
        break;
      default:
        out << "? code " << one.code;
        break;
    }
    out << '\n';
  }
  return out.str();
}

std::string words(Outcome outcome) {
  switch (outcome.treatment) {
    case Treatment::Floor:
      return "floor";
    case Treatment::Notify:
      return "notify";
    case Treatment::Deny:
      return std::string("deny ") + ::strerrorname_np(outcome.error);
  }
  return "?";
}

std::string words(std::span<const Rule> rules, Outcome otherwise) {
  std::ostringstream out;
  for (const Rule& rule : rules) {
    std::string_view between = "";
    for (const Condition& condition : rule.all()) {
      out << between << "a" << int{condition.argument} << std::hex;
      if (condition.test == Test::NonZero) out << " != 0";
      if (condition.test == Test::AnyBit) out << " & 0x" << condition.mask;
      if (condition.test == Test::Equals && condition.mask != 0xffffffff) out << " & 0x" << condition.mask;
      if (condition.test == Test::Equals) out << " == 0x" << condition.value;
      out << std::dec;
      between = " and ";
    }
    out << (rule.count == 0 ? "always: " : ": ") << words(rule.outcome) << "; ";
  }
  out << (rules.empty() ? "" : "else: ") << words(otherwise);
  return out.str();
}

std::string table() {
  std::ostringstream out;
  for (const Row& row : kTable) {
    out << row.number << '\t' << row.name << '\t' << words(row.rules, row.otherwise) << '\t' << row.reason << '\n';
    if (!row.gate_reads_rules.empty()) {
      out << "\t\twhere reads are gated: " << words(row.gate_reads_rules, row.otherwise) << '\n';
    }
    if (!row.gate_datagrams_rules.empty()) {
      out << "\t\twhere datagrams are gated: " << words(row.gate_datagrams_rules, row.otherwise) << '\n';
    }
  }
  return out.str();
}

void compare_with_golden(const std::string& name, const std::string& now) {
  const std::string path = std::string(ASSENT_SOURCE_DIR "/tests/golden/") + name;
  if (std::getenv("ASSENT_REWRITE_GOLDEN") != nullptr) {
    std::ofstream(path) << now;
    return;
  }
  std::ifstream file(path);
  std::stringstream kept;
  kept << file.rdbuf();
  EXPECT_TRUE(kept.str() == now) << path << " differs; rewrite it with ASSENT_REWRITE_GOLDEN=1 and look at the change";
}

TEST(FilterGolden, TheNormalProgramIsTheOneThatWasLookedAt) {
  compare_with_golden("filter_normal.txt", dump(Variant::Normal));
}
TEST(FilterGolden, TheProgramThatGatesReadsIsTheOneThatWasLookedAt) {
  compare_with_golden("filter_gate_reads.txt", dump(Variant::GateReads));
}
TEST(FilterGolden, TheTableIsTheOneThatWasLookedAt) { compare_with_golden("filter_table.txt", table()); }

// The comparison itself finds a wrong program: one verdict changed is noticed.
TEST(FilterProgram, IsToldFromAProgramWithOneVerdictChanged) {
  const auto good = program(Variant::Normal);
  std::vector<sock_filter> bad(good.begin(), good.end());
  seccomp_data data{};
  data.nr = row_of("unlink")->number;
  data.arch = AUDIT_ARCH_X86_64;
  for (sock_filter& one : bad) {
    if (one.code == (BPF_RET | BPF_K) && one.k == SECCOMP_RET_USER_NOTIF) one.k = SECCOMP_RET_ALLOW;
  }
  EXPECT_NE(test::interpret(bad, data)->verdict, verdict_of(treat({AUDIT_ARCH_X86_64, 87, {}})));
}

}  // namespace
}  // namespace assent::filter
