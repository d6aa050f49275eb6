#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "web/child.h"
#include "web/question_json.h"

namespace assent::web {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

approve::message::Waiting hostile() {
  const std::string name = "<img src=x onerror=alert(1)>\n\xe2\x80\xae\xff\x1b[2J";
  approve::message::Waiting out;
  out.id = "b4kz";
  out.user = "ana";
  out.uid = 1000;
  out.left = std::chrono::seconds(9);
  out.may_answer = true;
  out.question.operation = "delete";
  out.question.object = "/p/" + name;
  out.question.decision.reason = name;
  out.question.decision.rule = {name, 3};
  out.question.votes.push_back({name, 1001, name, Scope::Once, {}});
  out.question.radius = Radius{1204, 1 << 20, 3, 0, true, "/p/" + name};
  auto process = std::make_shared<Process>();
  process->argv = {"rm", name};
  process->cwd = name;
  process->ancestry = {name};
  out.question.process = process;
  return out;
}

TEST(WebJsonTest, NothingThatAnAgentNamedComesThroughRaw) {
  Snapshot snapshot;
  snapshot.waiting.push_back(hostile());
  approve::message::Running running;
  running.session.name = running.session.project = "\xff\n\xe2\x80\xae";
  running.session.command = {"\x1b]0;x\x07"};
  snapshot.running.push_back(running);
  const auto text = text_of(snapshot, {1000, "ana", {}});
  for (const char c : text) ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20) << "one line, no control byte";
  EXPECT_THAT(text, Not(HasSubstr("\xe2\x80\xae")));
  const json read = json::parse(text, nullptr, false);
  ASSERT_TRUE(read.is_object());
  EXPECT_EQ(read["waiting"][0]["object"], R"(/p/<img src=x onerror=alert(1)>\n\u{202e}\xff\x1b[2J)");
  EXPECT_THAT(read["waiting"][0]["command"].get<std::string>(), HasSubstr(R"(\u{202e}\xff\x1b[2J)"));
  EXPECT_THAT(read["waiting"][0]["radius"]["text"].get<std::string>(), HasSubstr("1,204 files"));
}

TEST(WebJsonTest, SaysWhoMayAllowAndWhoMayRefuse) {
  auto waiting = hostile();
  waiting.question.decision.not_self = true;
  waiting.may_answer = false;
  waiting.why_not = "the rule wants somebody else";
  const auto own = json_of(waiting, {1000, "ana", {}});
  EXPECT_FALSE(own["may_allow"]);
  EXPECT_TRUE(own["may_refuse"]) << "the session's own user may always say no";
  waiting.question.decision.approvers = {"bob"};
  const auto other = json_of(waiting, {1002, "eve", {}});
  EXPECT_FALSE(other["may_refuse"]);
}

TEST(ChildTest, TellsWhatAProgramSaidAndKillsOneThatTakesTooLong) {
  const std::atomic<bool> no = false;
  const auto ran = run_program({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, std::chrono::seconds(10), no);
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->status, 3);
  EXPECT_EQ(ran->out, "out\n");
  EXPECT_EQ(ran->err, "err\n");
  EXPECT_EQ(run_program({"/bin/sleep", "60"}, std::chrono::seconds(1), no).error().code, ETIMEDOUT);
  EXPECT_EQ(run_program({"/bin/yes"}, std::chrono::seconds(30), no).error().code, EFBIG);
  EXPECT_FALSE(run_program({"/nonexistent"}, std::chrono::seconds(1), no));
}

}  // namespace
}  // namespace assent::web
