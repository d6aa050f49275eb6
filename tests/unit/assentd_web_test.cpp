// Where the web page meets the daemon: what it is told, how it answers, and the way in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <filesystem>
#include <future>
#include <thread>

#include "approve/daemon_link.h"
#include "assentd/web_desk.h"
#include "unit/approve_question_fixture.h"

namespace assent::assentd {
namespace {

using namespace std::chrono_literals;
using namespace approve;
using testing::HasSubstr;

const Person kSelf{1000, "u", {"u"}};
const Person kAna{1001, "ana", {"ana"}};

SessionFacts facts(const std::string& name) {
  SessionFacts out;
  out.session = name;
  out.command = {"agent"};
  return out;
}

TEST(FirstWaiting, TellsTheFirstAndCountsAllThatAreThisPersonsToSee) {
  State state(42);
  const auto now = State::Clock::now();
  const auto own = *state.open(facts("s-1"), kSelf);
  const auto other = *state.open(facts("s-2"), kAna);
  for (std::uint64_t i = 1; i <= 50; ++i) {
    auto question = make_question(i);
    question.object += std::to_string(i);
    state.ask(own, question, 5min, now);
    question.decision.approvers = {i % 2 == 0 ? "u" : "ana"};
    state.ask(other, question, 5min, now);
  }
  std::size_t told = 0;
  EXPECT_EQ(state.first_waiting(kSelf, now, 10, [&](message::Waiting) { ++told; }), 75u);
  EXPECT_EQ(told, 10u);
  told = 0;
  EXPECT_EQ(state.first_waiting(kSelf, now, 1000, [&](message::Waiting) { ++told; }), 75u);
  EXPECT_EQ(told, 75u);
  EXPECT_EQ(state.first_waiting({1005, "eve", {}}, now, 10, [&](message::Waiting) { ++told; }), 0u);
}

TEST(FirstWaiting, TellsSomeOfEachSessionAndOfThoseThatMatchAlone) {
  State state(42);
  const auto now = State::Clock::now();
  const auto loud = *state.open(facts("s-1"), kSelf);
  const auto quiet = *state.open(facts("s-2"), kSelf);
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    auto question = make_question(i);
    question.object = "/p/" + std::to_string(i);
    state.ask(loud, question, 5min, now);
  }
  for (std::uint64_t i = 1; i <= 3; ++i) {
    auto question = make_question(i);
    question.object = "/q/" + std::to_string(i);
    state.ask(quiet, question, 5min, now);
  }
  std::vector<std::string> told;
  const auto tell = [&](message::Waiting one) { told.push_back(one.question.object); };
  EXPECT_EQ(state.first_waiting(kSelf, now, 100, tell), 1003u);
  EXPECT_EQ(told.size(), 100u);
  EXPECT_EQ(std::ranges::count_if(told, [](const auto& one) { return one.starts_with("/q/"); }), 3);
  EXPECT_EQ(std::set(told.begin(), told.end()).size(), 100u) << "each once";
  told.clear();
  EXPECT_EQ(state.first_waiting(kSelf, now, 5000, tell), 1003u);
  EXPECT_EQ(std::set(told.begin(), told.end()).size(), 1003u);
  told.clear();
  const auto ends_in_7 = [](const Question& one) { return one.object.ends_with("7"); };
  EXPECT_EQ(state.first_waiting(kSelf, now, 10, tell, ends_in_7), 100u);
  EXPECT_EQ(told.size(), 10u);
  EXPECT_TRUE(std::ranges::all_of(told, [](const auto& one) { return one.ends_with("7"); }));
}

TEST(TypedAnswer, MayBeTypedAsItIsShown) {
  State state(42);
  const auto now = State::Clock::now();
  const auto session = *state.open(facts("s-1"), kSelf);
  auto question = make_question(1);
  question.confirm = "a\xff\\b";
  state.ask(session, question, 5min, now);
  std::string id;
  state.each_waiting(kSelf, now, [&](message::Waiting one) { id = one.id; });
  EXPECT_FALSE(state.give({id, Consent::Yes, Scope::Once, "", "a"}, kSelf, "web", now).missing);
  EXPECT_TRUE(state.give({id, Consent::Yes, Scope::Once, "", R"(a\xff\\b)"}, kSelf, "web", now).missing);
}

class Desk : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/assentd-desk-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root = name;
    socket = root + "/assent/assentd.sock";
    std::promise<void> ready;
    daemon = std::thread([this, &ready] {
      auto place = take_place(socket, Audience::User, "");
      auto loop = *EventLoop::create();
      State state(7);
      const auto session = *state.open(facts("s-1"), kSelf);
      state.ask(session, make_question(1), 5min, State::Clock::now());
      Server server(loop, state, place->listener.get(), Audience::User);
      ASSERT_TRUE(server.start());
      if (with_page) server.set_door([](const Peer&, const std::string& from) { return "http://here/#" + from; });
      auto desk = *WebDesk::create(loop, state, server);
      calls = desk->calls();
      ready.set_value();
      while (!quit) ASSERT_TRUE(loop.run_once(5ms));
      calls.forget();
    });
    ready.get_future().wait();
  }
  void TearDown() override {
    quit = true;
    daemon.join();
    std::filesystem::remove_all(root);
  }
  std::optional<web::Snapshot> look(const Person& person, std::optional<std::uint64_t> known = {}) const {
    std::promise<std::optional<web::Snapshot>> out;
    calls.look(person, known, [&](auto snapshot) { out.set_value(std::move(snapshot)); });
    return out.get_future().get();
  }
  Result<std::uint64_t> give(const std::string& id, const Person& person) const {
    std::promise<Result<std::uint64_t>> out;
    calls.give({id, Consent::Yes, Scope::Once, "", ""}, person, "web",
               [&](auto said) { out.set_value(std::move(said)); });
    return out.get_future().get();
  }
  Result<Message> knock() const {
    message::Hello hello;
    hello.from = "assent web on /dev/pts/3";
    auto link = DaemonLink::open({socket}, hello);
    if (!link) return pass(std::move(link));
    if (auto status = link->send(message::Knock{}); !status) return pass(std::move(status));
    return link->receive();
  }

  bool with_page = true;
  std::string root, socket;
  std::atomic<bool> quit = false;
  std::thread daemon;
  web::Desk calls;
};

TEST_F(Desk, LooksAndAnswersFromAnotherThread) {
  const auto first = look(kSelf);
  ASSERT_TRUE(first);
  ASSERT_EQ(first->waiting.size(), 1u);
  EXPECT_EQ(first->running_in_all, 1u);
  EXPECT_FALSE(look(kSelf, first->revision)) << "nothing is new";
  EXPECT_TRUE(look(kAna)->waiting.empty());
  EXPECT_EQ(give(first->waiting[0].id, kAna).error().code, EACCES);
  const auto said = give(first->waiting[0].id, kSelf);
  ASSERT_TRUE(said) << said.error().what;
  EXPECT_EQ(*said, 0u);
  const auto second = look(kSelf, first->revision);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->waiting.empty());
}

TEST_F(Desk, ServesManyAtOnceEachOnce) {
  std::atomic<int> answered = 0;
  std::vector<std::thread> browsers;
  for (int i = 0; i < 4; ++i) {
    browsers.emplace_back([&] {
      for (int n = 0; n < 200; ++n) calls.look(kSelf, {}, [&](auto) { ++answered; });
    });
  }
  for (auto& one : browsers) one.join();
  for (int i = 0; i < 1000 && answered < 800; ++i) std::this_thread::sleep_for(5ms);
  EXPECT_EQ(answered, 800);
}

TEST_F(Desk, AKnockOpensADoorForWhoKnocked) {
  const auto said = knock();
  ASSERT_TRUE(said) << said.error().what;
  const auto* door = std::get_if<message::Door>(&*said);
  ASSERT_NE(door, nullptr);
  EXPECT_EQ(door->url, "http://here/#assent web on /dev/pts/3");
}

class NoPage : public Desk {
 protected:
  NoPage() { with_page = false; }
};

TEST_F(NoPage, AKnockIsRefusedWhereThereIsNoPage) {
  const auto said = knock();
  ASSERT_TRUE(said) << said.error().what;
  const auto* refused = std::get_if<message::Refused>(&*said);
  ASSERT_NE(refused, nullptr);
  EXPECT_THAT(refused->why, HasSubstr("--web"));
}

}  // namespace
}  // namespace assent::assentd
