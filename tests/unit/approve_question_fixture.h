// Questions for tests.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "assent/question.h"

namespace assent::approve {

inline ProcessRef make_process(std::uint64_t id, std::uint64_t parent = 1,
                               std::vector<std::string> argv = {"rm", "-rf", "tests/", "patches/", "plan/", "~/"}) {
  auto process = std::make_shared<Process>();
  process->id = id;
  process->parent = parent;
  process->exe = "/usr/bin/rm";
  process->argv = std::move(argv);
  process->cwd = "/home/u/project";
  process->ancestry = {"bash", "node"};
  return process;
}

inline Question make_question(std::uint64_t id = 1, std::chrono::milliseconds timeout = std::chrono::minutes(5)) {
  Question question;
  question.id = id;
  question.session = "s-4f1c";
  question.process = make_process(7);
  question.operation = "delete";
  question.object = "/home/u/project/tests/a.c";
  question.radius = Radius{1204, 3'400'000, 12, 3, false, "/home/u/project/tests"};
  question.recovery = Recovery::None;
  question.decision.verdict = Verdict::Ask;
  question.decision.rule = {"default.toml", 31};
  question.decision.reason = "deletes what was there before";
  question.asked_at = std::chrono::system_clock::now();
  question.deadline = std::chrono::steady_clock::now() + timeout;
  return question;
}

}  // namespace assent::approve
