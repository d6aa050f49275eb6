// The server and DaemonApprover over real sockets; many fake sessions at once.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "approve/daemon_approver.h"
#include "assentd/server.h"
#include "unit/approve_question_fixture.h"

namespace assent::assentd {
namespace {

using namespace std::chrono_literals;
using namespace approve;
using testing::HasSubstr;
using SteadyClock = std::chrono::steady_clock;

class Serving : public testing::Test {
 protected:
  void SetUp() override {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    char name[] = "/tmp/assentd-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root = name;
    socket = root + "/assent/assentd.sock";
    start();
  }
  void TearDown() override {
    stop();
    std::filesystem::remove_all(root);
  }
  void start() {
    auto taken = take_place(socket, Audience::User, "");
    ASSERT_TRUE(taken) << taken.error().what;
    place.emplace(std::move(*taken));
    quit = false;
    daemon = std::thread([this] {
      auto its_loop = *EventLoop::create();
      State state(7);
      Server server(its_loop, state, place->listener.get(), audience);
      ASSERT_TRUE(server.start());
      while (!quit) ASSERT_TRUE(its_loop.run_once(10ms));
    });
  }
  void stop() {
    quit = true;
    if (daemon.joinable()) daemon.join();
    place.reset();
  }
  message::Hello session(const std::string& name = "s-1") const {
    message::Hello out;
    out.role = message::Hello::Role::Session;
    out.session.session = name;
    out.session.command = {"agent"};
    return out;
  }
  DaemonLink connect(const message::Hello& hello) {
    auto link = DaemonLink::open({socket}, hello, 20s);
    if (!link) ADD_FAILURE() << link.error().what;
    return std::move(*link);
  }
  std::vector<message::Waiting> list(DaemonLink& link) {
    std::vector<message::Waiting> out;
    EXPECT_TRUE(link.send(message::List{}));
    for (;;) {
      auto next = link.receive();
      if (!next || std::holds_alternative<message::End>(*next)) return out;
      if (auto* one = std::get_if<message::Waiting>(&*next)) out.push_back(std::move(*one));
    }
  }
  std::unique_ptr<DaemonApprover> approver(std::unique_ptr<Approver> fallback = nullptr) {
    DaemonApprover::Options options;
    options.sockets = {socket};
    options.session = session().session;
    auto made = DaemonApprover::create(loop, std::move(options), std::move(fallback));
    if (!made) ADD_FAILURE() << made.error().what;
    return std::move(*made);
  }
  void run_until(const std::function<bool()>& done) {
    for (int i = 0; i < 1000 && !done(); ++i) ASSERT_TRUE(loop.run_once(10ms));
    EXPECT_TRUE(done());
  }

  std::string root, socket;
  std::optional<Place> place;
  std::atomic<bool> quit = false;
  Audience audience = Audience::User;
  std::thread daemon;
  EventLoop loop = *EventLoop::create();
};

TEST_F(Serving, NobodyElseCanReachTheSocket) {
  struct stat is {};
  ASSERT_EQ(::stat((root + "/assent").c_str(), &is), 0);
  EXPECT_EQ(is.st_mode & 07777, 0700u);
  ASSERT_EQ(::stat(socket.c_str(), &is), 0);
  EXPECT_EQ(is.st_mode & 0777, 0600u);
  EXPECT_EQ(take_place(socket, Audience::User, "").error().code, EADDRINUSE);
}

TEST_F(Serving, AnOldSocketIsTakenOverAndAFolderOpenToOthersIsNot) {
  stop();
  EXPECT_EQ(DaemonLink::open({socket}, session()).error().code, ENOENT)
      << "a socket that nobody listens at is no daemon";
  start();
  (void)connect(session());
  stop();
  ::chmod((root + "/assent").c_str(), 0755);
  EXPECT_EQ(take_place(socket, Audience::User, "").error().code, EPERM);
}

TEST_F(Serving, AQuestionGoesThereAndItsAnswerComesBack) {
  auto asker = approver();
  std::optional<Answer> answer;
  asker->ask(make_question(3), [&](const Answer& got) { answer = got; });
  auto human = connect({});
  std::vector<message::Waiting> waiting;
  run_until([&] { return !(waiting = list(human)).empty(); });
  ASSERT_TRUE(human.send(message::Give{waiting.at(0).id, Consent::Yes, Scope::Command, "", ""}));
  auto given = human.receive();
  ASSERT_TRUE(given);
  EXPECT_TRUE(std::holds_alternative<message::Given>(*given));
  run_until([&] { return answer.has_value(); });
  EXPECT_EQ(answer->question, 3u);
  EXPECT_EQ(answer->consent, Consent::Yes);
  EXPECT_EQ(answer->uid, ::geteuid());
  EXPECT_TRUE(list(human).empty());
}

TEST_F(Serving, AQuestionSurvivesAHumansClientThatGoesAway) {
  auto asker = approver();
  asker->ask(make_question(3), [](const Answer&) {});
  for (int i = 0; i < 3; ++i) {
    auto human = connect({});
    run_until([&] { return list(human).size() == 1; });
  }
}

TEST_F(Serving, ACancelledQuestionIsNotAskedAnyMore) {
  auto asker = approver();
  asker->ask(make_question(3), [](const Answer&) { ADD_FAILURE() << "cancelled"; });
  auto human = connect({});
  run_until([&] { return list(human).size() == 1; });
  asker->cancel(3);
  run_until([&] { return list(human).empty(); });
}

TEST_F(Serving, TheDaemonsEndIsANoAndLaterQuestionsGoToTheFallbackOrToANewDaemon) {
  class Terminal final : public Approver {
   public:
    void ask(Question question, AnswerCallback answered) override {
      Answer yes;
      yes.question = question.id;
      yes.consent = Consent::Yes;
      yes.who = "terminal";
      answered(yes);
    }
    void cancel(std::uint64_t) override {}
  };
  auto asker = approver(std::make_unique<Terminal>());
  std::vector<Answer> answers;
  const auto note = [&](const Answer& got) { answers.push_back(got); };
  asker->ask(make_question(1), note);
  auto human = std::make_optional(connect({}));
  run_until([&] { return list(*human).size() == 1; });
  EXPECT_TRUE(answers.empty());
  stop();
  run_until([&] { return answers.size() == 1; });
  EXPECT_EQ(answers[0].consent, Consent::No);
  EXPECT_THAT(answers[0].reason, HasSubstr("went away"));
  asker->ask(make_question(2), note);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[1].who, "terminal");
  start();
  asker->ask(make_question(3), note);
  human.emplace(connect({}));
  run_until([&] { return list(*human).size() == 1; });
  EXPECT_EQ(answers.size(), 2u);
}

TEST_F(Serving, WhoBreaksTheProtocolIsPutOutAndNobodyElseNotices) {
  auto good = connect(session("good"));
  for (const std::string& bytes :
       {std::string("\xff\xff\xff\xff garbage"), std::string("\x02\x00\x00\x00{}", 6), encode(message::List{}),
        encode(message::Answered{}), encode(message::Ask{make_question()})}) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    char buffer[4096];
    std::string all;
    for (ssize_t n = 0; (n = ::read(fd.get(), buffer, sizeof buffer)) > 0;)
      all.append(buffer, static_cast<std::size_t>(n));
    EXPECT_THAT(all, HasSubstr("\"is\":\"refused\""));
  }
  auto session_that_answers = connect(session("bad"));
  EXPECT_TRUE(session_that_answers.send(message::Give{"aaaa", Consent::Yes, Scope::Once, "", ""}));
  auto refused = session_that_answers.receive();
  ASSERT_TRUE(refused);
  EXPECT_TRUE(std::holds_alternative<message::Refused>(*refused));
  auto human = connect({});
  EXPECT_TRUE(good.send(message::Ask{make_question(1), 1min}));
  for (int i = 0; i < 200 && list(human).empty(); ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(list(human).size(), 1u);
}

TEST_F(Serving, AnotherVersionIsToldSo) {
  message::Hello hello = session();
  hello.version = 99;
  EXPECT_THAT(DaemonLink::open({socket}, hello).error().what, HasSubstr("version 1"));
}

TEST_F(Serving, WhoWaitsForAChangeIsToldAtOnce) {
  auto human = connect({});
  auto agent = connect(session());
  const auto end_of_list = [&] {
    std::size_t waiting = 0;
    for (;;) {
      auto next = human.receive();
      if (!next) ADD_FAILURE() << next.error().what;
      if (!next) return std::pair(message::End{}, waiting);
      if (std::holds_alternative<message::Waiting>(*next)) ++waiting;
      if (auto* end = std::get_if<message::End>(&*next)) return std::pair(*end, waiting);
    }
  };
  ASSERT_TRUE(human.send(message::List{}));
  auto [end, waiting] = end_of_list();
  EXPECT_EQ(waiting, 0u);
  ASSERT_NE(end.revision, 0u);
  // Nothing new: said at once where nobody wants to wait, and after the time where somebody does.
  ASSERT_TRUE(human.send(message::List{end.revision, 0ms}));
  EXPECT_TRUE(end_of_list().first.unchanged);
  ASSERT_TRUE(human.send(message::List{end.revision, 50ms}));
  EXPECT_TRUE(end_of_list().first.unchanged);
  // Something new: told as soon as it is there.
  ASSERT_TRUE(human.send(message::List{end.revision, 20s}));
  const auto asked = SteadyClock::now();
  ASSERT_TRUE(agent.send(message::Ask{make_question(1), 5min}));
  std::tie(end, waiting) = end_of_list();
  EXPECT_EQ(waiting, 1u);
  EXPECT_FALSE(end.unchanged);
  EXPECT_LT(SteadyClock::now() - asked, 15s);
  // An answer goes through while its giver waits, and ends the wait.
  ASSERT_TRUE(human.send(message::List{end.revision, 20s}));
  auto other = connect({});
  const auto id = list(other).at(0).id;
  ASSERT_TRUE(human.send(message::Give{id, Consent::Yes, Scope::Once, "", "1204"}));
  // The list and the word that the answer was taken, in whatever order.
  bool taken = false, told = false;
  while (!taken || !told) {
    auto next = human.receive();
    ASSERT_TRUE(next) << next.error().what;
    ASSERT_FALSE(std::holds_alternative<message::Refused>(*next));
    ASSERT_FALSE(std::holds_alternative<message::Waiting>(*next));
    taken = taken || std::holds_alternative<message::Given>(*next);
    told = told || std::holds_alternative<message::End>(*next);
  }
}

// A daemon for several users: one of them opens what connections there are.
TEST_F(Serving, OneUserCannotTakeTheConnectionsOfAll) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  stop();
  constexpr uid_t kStranger = 64'231;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = 256;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  audience = Audience::System;
  start();
  for (const std::string& path : {root, root + "/assent"}) ::chmod(path.c_str(), 0755);
  ::chmod(socket.c_str(), 0666);
  int done[2], go[2];
  ASSERT_TRUE(::pipe(done) == 0 && ::pipe(go) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(go[1]);
    rlimit more{1024, 1024};
    ::setrlimit(RLIMIT_NOFILE, &more);
    if (::setresuid(kStranger, kStranger, kStranger) != 0) ::_exit(1);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket.copy(address.sun_path, sizeof address.sun_path - 1);
    for (int i = 0; i < 400; ++i) {
      const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
      if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) ::_exit(2);
    }
    char byte = 0;
    [[maybe_unused]] const ssize_t n = ::write(done[1], &byte, 1) + ::read(go[0], &byte, 1);
    ::_exit(0);
  }
  ::close(go[0]);
  ::close(done[1]);
  char byte = 0;
  EXPECT_EQ(::read(done[0], &byte, 1), 1);
  auto link = DaemonLink::open({socket}, session(), 5s);
  EXPECT_TRUE(link) << link.error().what;
  ::close(go[1]);
  ::close(done[0]);
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(Serving, AQuestionRunsOutOfTime) {
  auto asker = approver();
  std::optional<Answer> answer;
  asker->ask(make_question(1, 100ms), [&](const Answer& got) { answer = got; });
  run_until([&] { return answer.has_value(); });
  EXPECT_EQ(answer->consent, Consent::No);
  EXPECT_EQ(answer->who, "timeout");
}

// 1,000 sessions with 10 questions each. The times are printed, not asserted.
TEST_F(Serving, AThousandSessionsAndTenThousandQuestionsAreAllAnswered) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  const std::size_t kSessions = std::min<std::size_t>(1000, (files.rlim_cur - 100) / 2);
  constexpr std::uint64_t kQuestions = 10;
  std::vector<DaemonLink> sessions;
  for (std::size_t i = 0; i < kSessions; ++i) sessions.push_back(connect(session("s-" + std::to_string(i))));
  const auto begin = SteadyClock::now();
  for (auto& one : sessions) {
    for (std::uint64_t id = 1; id <= kQuestions; ++id) {
      Question question = make_question(id);
      question.object += std::to_string(id);
      ASSERT_TRUE(one.send(message::Ask{question, 5min}));
    }
  }
  auto human = connect({});
  const auto took = [](SteadyClock::time_point since) {
    return std::chrono::duration<double, std::milli>(SteadyClock::now() - since).count();
  };
  std::vector<message::Waiting> waiting;
  while ((waiting = list(human)).size() < kSessions * kQuestions && took(begin) < 60'000) {
  }
  ASSERT_EQ(waiting.size(), kSessions * kQuestions);
  std::printf("%zu questions of %zu sessions: all there %.0f ms after the first was sent\n", waiting.size(), kSessions,
              took(begin));
  const auto listing = SteadyClock::now();
  (void)list(human);
  std::printf("listing them: %.1f ms\n", took(listing));

  // A session whose question is answered while all the others wait.
  std::vector<double> round_trips;
  auto busy = connect(session("busy"));
  auto other = connect({});
  for (std::uint64_t id = 1; id <= 9; ++id) {
    Question question = make_question(id);
    question.object = "/p/busy" + std::to_string(id);
    const auto asked = SteadyClock::now();
    ASSERT_TRUE(busy.send(message::Ask{question, 5min}));
    // The same daemon answers this only after it has seen the question: one thread, in order of arrival.
    ASSERT_TRUE(other.send(message::Give{"none", Consent::Yes, Scope::Once, "", ""}));
    ASSERT_TRUE(other.receive());
    round_trips.push_back(took(asked));
  }
  std::sort(round_trips.begin(), round_trips.end());
  std::printf("asked and served meanwhile: median %.2f ms, most %.2f ms\n", round_trips[round_trips.size() / 2],
              round_trips.back());

  const auto answering = SteadyClock::now();
  for (const auto& one : waiting) {
    ASSERT_TRUE(human.send(message::Give{one.id, Consent::Yes, Scope::Once, "", ""}));
    auto given = human.receive();
    ASSERT_TRUE(given);
    ASSERT_TRUE(std::holds_alternative<message::Given>(*given)) << std::get<message::Refused>(*given).why;
  }
  std::printf("answering one: %.3f ms\n", took(answering) / static_cast<double>(waiting.size()));
  for (auto& one : sessions) {
    for (std::uint64_t id = 1; id <= kQuestions; ++id) {
      auto answered = one.receive();
      ASSERT_TRUE(answered && std::holds_alternative<message::Answered>(*answered));
    }
  }
}

}  // namespace
}  // namespace assent::assentd
