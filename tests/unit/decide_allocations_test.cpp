// The hot way of a decision allocates nothing. operator new is replaced in this test program by one that counts.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>

#include "decide/policy.h"

namespace {

thread_local std::uint64_t allocations = 0;

[[gnu::noinline]] void* counted(std::size_t size) {
  ++allocations;
  return std::malloc(size != 0 ? size : 1);
}
[[gnu::noinline]] void give_back(void* memory) { std::free(memory); }

}  // namespace

void* operator new(std::size_t size) {
  if (void* out = counted(size)) return out;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { give_back(memory); }

namespace assent::decide {
namespace {

// The figure printed is for reading; it is not asserted.
TEST(Allocations, JudgingAnOwnFileInTheProjectMakesNone) {
  LoadOptions options;
  options.layers = Layers::ProfileOnly;
  options.places = {"/home/u/work/project", "/home/u", "/tmp", "1000"};
  options.shares.clear();
  options.etc = "/etc/assent";
  options.config = "/home/u/.config/assent";
  options.protect = {"/home/u/.local/state/assent", "/run/user/1000/assent"};
  const auto policy = Policy::load(options);
  ASSERT_TRUE(policy);
  FileSubject own;
  own.operation = Operation::Delete;
  own.path = "/home/u/work/project/src/deep/down/file.o";
  own.zone = Zone::Gated;
  own.own = true;
  Request asked;
  asked.subject = std::vector<FileSubject>{own};

  const auto cpu_time = [] {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
  };
  constexpr int kRounds = 200000;
  int allowed = 0;
  const std::uint64_t before = allocations;
  ASSERT_GT(before, 0u) << "the counter does not count";
  const double begin = cpu_time();
  for (int i = 0; i < kRounds; ++i) allowed += policy->judge(asked).decision->verdict == Verdict::Allow ? 1 : 0;
  const double took = cpu_time() - begin;
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(allowed, kRounds);
  std::printf("judge: %.0f ns of processor time each\n", took / kRounds);
}

}  // namespace
}  // namespace assent::decide
