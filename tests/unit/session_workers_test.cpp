#include "session/workers.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <thread>

namespace assent::session {
namespace {

TEST(Workers, WhatDoesNotFitWaitsForItsTurnAndKeepsNobodyWaiting) {
  auto loop = EventLoop::create();
  ASSERT_TRUE(loop);
  auto workers = Workers::create(*loop);
  ASSERT_TRUE(workers);
  constexpr int kMany = 40;
  std::latch go(1);
  std::atomic<int> worked = 0;
  int done = 0;
  const auto here = std::this_thread::get_id();
  for (int i = 0; i < kMany; ++i) {
    (*workers)->start(
        [&] {
          EXPECT_NE(std::this_thread::get_id(), here);
          go.wait();
          ++worked;
        },
        [&] {
          EXPECT_EQ(std::this_thread::get_id(), here);
          ++done;
        });
  }
  EXPECT_EQ(worked, 0);
  EXPECT_EQ(done, 0);
  go.count_down();
  while (done < kMany) ASSERT_TRUE(loop->run_once());
  EXPECT_EQ(worked, kMany);
}

TEST(Workers, WhereNoThreadCanBeHadTheWorkIsDoneAtOnce) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(3);
    auto loop = EventLoop::create();
    auto workers = loop ? Workers::create(*loop) : Result<std::unique_ptr<Workers>>(fail(EIO));
    const rlimit none{1, 1};
    if (!workers || ::setrlimit(RLIMIT_NPROC, &none) != 0) ::_exit(4);
    int worked = 0;
    int done = 0;
    (*workers)->start([&] { ++worked; }, [&] { done = worked; });
    ::_exit(worked == 1 && done == 1 ? 0 : 5);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace assent::session
