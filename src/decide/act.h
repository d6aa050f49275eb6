// Acts in words ("delete ~/notes", "connect example.org:443", "exec make test") as requests: for [[test]] and `check`.
#pragma once

#include <tl/expected.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assent/request.h"
#include "decide/policy.h"

namespace assent::decide {

// What is to be taken as true of the object.
struct Assumed {
  FactSet facts = 0;
  std::uint64_t size = 0;
  std::uint64_t hits = 0;
};

// words: an operation and a path · connect HOST:PORT | udp:HOST:PORT | unix:PATH · exec ARGV…
// A path that is not absolute is taken from `folder`; nothing is looked up on disk. Error: one sentence.
tl::expected<Request, std::string> request_for(const Policy& policy, std::span<const std::string> words,
                                               const Assumed& assumed, std::string_view folder);

struct TestOutcome {
  RuleRef test;
  std::string act;
  Verdict expected = Verdict::Ask;
  Decision decision;
  std::string problem;  // the act could not be understood

  [[nodiscard]] bool passed() const { return problem.empty() && decision.verdict == expected; }
};
std::vector<TestOutcome> run_tests(const Policy& policy);

}  // namespace assent::decide
