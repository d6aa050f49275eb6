// Who is calling, and for how long what is known of them stays true.
#include <gtest/gtest.h>
#include <signal.h>

#include "base/kernel_abi.h"
#include "base/sys.h"
#include "support/resolve_world.h"

namespace assent::resolve {
namespace {

using testing::World;

class CallersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.ready());
    auto made = Callers::create();
    ASSERT_TRUE(made);
    callers_ = std::make_unique<Callers>(std::move(*made));
  }
  CallerRef pin(pid_t tid) {
    auto found = callers_->pin(Call{1, tid, 0, {}});
    EXPECT_TRUE(found);
    return found ? *found : nullptr;
  }
  // Of a thread that is not its process's first, nothing is kept where the kernel cannot hold it (before Linux 6.9).
  static bool threads_can_be_held() { return sys::pidfd_open(::gettid(), abi::kPidfdThread).has_value(); }
  // The arguments are there a little later than the program.
  void wait_for_sleep() const {
    const std::string folder = "/proc/" + std::to_string(world_.tid());
    for (int i = 0; i < 1000; ++i) {
      const auto now = sys::readlinkat(AT_FDCWD, (folder + "/exe").c_str());
      const auto words = sys::read_file(AT_FDCWD, (folder + "/cmdline").c_str());
      if (now && now->find("unit_resolve") == std::string::npos && words && words->starts_with("sleep")) return;
      ::usleep(2000);
    }
    FAIL() << "the program inside did not change";
  }
  static std::string path(Caller& caller) {
    const auto cwd = caller.cwd();
    return cwd ? *sys::path_of(cwd->fd) : "";
  }
  static int fd(Caller& caller) { return caller.cwd()->fd; }

  World world_;
  std::unique_ptr<Callers> callers_;
};

TEST_F(CallersTest, ACallerIsKnownWithItsNumbersInside) {
  const CallerRef caller = pin(world_.tid());
  EXPECT_EQ(caller->tgid(), world_.tid());
  EXPECT_EQ(caller->inner_pid(), 2);
  EXPECT_EQ(caller->inner_tid(), 2);
  EXPECT_EQ(pin(world_.tid()), caller);
  const auto limits = caller->limits();
  ASSERT_TRUE(limits);
  EXPECT_GT(limits->open_files.rlim_cur, 0U);
}

TEST_F(CallersTest, AThreadThatIsGoneIsNotPinned) {
  EXPECT_FALSE(callers_->pin(Call{1, 0, 0, {}}));
  const long child = world_.new_process();
  const pid_t outer = world_.outer(child);
  const CallerRef caller = pin(outer);
  world_.end(child);
  EXPECT_FALSE(caller->alive());
  EXPECT_FALSE(callers_->pin(Call{1, outer, 0, {}}));
  EXPECT_FALSE(caller->cwd());
  EXPECT_FALSE(caller->descriptor(0));
}

TEST_F(CallersTest, TheWorkingDirectoryIsKeptUntilAChangeIsSeen) {
  CallerRef caller = pin(world_.tid());
  world_.chdir(world_.project());
  EXPECT_EQ(path(*caller), world_.project());
  const int kept = fd(*caller);
  caller = pin(world_.tid());
  EXPECT_EQ(fd(*caller), kept);
  callers_->observe(caller, ChangeDirectory{});
  world_.chdir(world_.project("src"));
  caller = pin(world_.tid());
  EXPECT_EQ(path(*caller), world_.project("src"));
}

TEST_F(CallersTest, WhileAChangeIsOnItsWayNobodyOfTheProcessKeepsADirectory) {
  CallerRef other = pin(world_.outer(world_.new_thread()));
  const CallerRef caller = pin(world_.tid());
  EXPECT_EQ(other->process_id(), caller->process_id());
  world_.chdir(world_.project());
  EXPECT_EQ(path(*other), world_.project());
  callers_->observe(caller, ChangeDirectory{});
  // Let through, but not carried out yet: the other thread calls in between.
  EXPECT_EQ(path(*other), world_.project());
  world_.chdir(world_.project("src"));
  EXPECT_EQ(path(*other), world_.project("src")) << "the old directory was kept over a change on its way";
  // The one that changes it calls again: from now on it may be kept.
  pin(world_.tid());
  EXPECT_EQ(path(*other), world_.project("src"));
  if (threads_can_be_held()) {
    EXPECT_EQ(fd(*other), fd(*other));
  }
}

TEST_F(CallersTest, AChangeOfTheOnlyThreadIsDoneWhenAThreadStartedSinceCalls) {
  const CallerRef caller = pin(world_.tid());
  callers_->observe(caller, ChangeDirectory{});
  world_.chdir(world_.project("src"));
  // The one that changed it never calls again, as a main thread that waits for its workers.
  const CallerRef worker = pin(world_.outer(world_.new_thread()));
  EXPECT_EQ(path(*worker), world_.project("src"));
  const int kept = fd(*worker);
  if (threads_can_be_held()) {
    EXPECT_EQ(fd(*worker), kept) << "the directory is opened at each call";
  }
}

TEST_F(CallersTest, TheAncestorsOfSiblingsAreTheSame) {
  const CallerRef above = pin(world_.tid());
  const CallerRef first = pin(world_.outer(world_.new_process()));
  const std::vector<std::string> names = first->process()->ancestry;
  ASSERT_EQ(names.size(), 1U);
  EXPECT_EQ(names.front(), read_status(callers_->proc(), world_.tid())->name);
  EXPECT_EQ(pin(world_.outer(world_.new_process()))->process()->ancestry, names);
  callers_->observe(above, Exec{});
  EXPECT_EQ(pin(world_.outer(world_.new_process()))->process()->ancestry, names) << "let through, not carried out";
  EXPECT_TRUE(above->process()->ancestry.empty()) << "what stands above the agent is not its business";
}

TEST_F(CallersTest, AThreadThatDiedBeforeItsChangeBlocksNobodyForEver) {
  const long child = world_.new_process();
  const CallerRef caller = pin(world_.outer(child));
  callers_->observe(caller, ChangeDirectory{});
  world_.end(child);
  EXPECT_FALSE(caller->cwd());
}

TEST_F(CallersTest, TheUmaskIsInheritedObservedAndShared) {
  world_.umask(027);
  CallerRef caller = pin(world_.tid());
  EXPECT_EQ(*caller->umask(), 027U);
  callers_->observe(caller, ChangeUmask{077});
  EXPECT_EQ(*caller->umask(), 027U) << "not yet carried out";
  world_.umask(077);
  const CallerRef other = pin(world_.outer(world_.new_thread()));
  caller = pin(world_.tid());
  EXPECT_EQ(*caller->umask(), 077U);
  EXPECT_EQ(*other->umask(), 077U);
  const CallerRef child = pin(world_.outer(world_.new_process()));
  EXPECT_EQ(*child->umask(), 077U);
}

TEST_F(CallersTest, TheProcessIsShownAndReadAgainAfterExec) {
  const long child = world_.new_process();
  const CallerRef above = pin(world_.tid());
  CallerRef caller = pin(world_.tid());
  const ProcessRef before = caller->process();
  EXPECT_EQ(before->pid, world_.tid());
  EXPECT_EQ(before->inner_pid, 2);
  EXPECT_EQ(before->parent, 0U);
  EXPECT_NE(before->exe.find("unit_resolve"), std::string::npos);
  EXPECT_EQ(caller->process(), before) << "once an image";
  const CallerRef below = pin(world_.outer(child));
  EXPECT_EQ(below->process()->parent, before->id);
  EXPECT_NE(below->process()->id, before->id);
  ASSERT_FALSE(below->process()->ancestry.empty());
  EXPECT_EQ(below->process()->ancestry.size(), 1U);

  world_.end(child);
}

TEST_F(CallersTest, AProcessIsReadAgainAfterExecAndNotBefore) {
  CallerRef caller = pin(world_.tid());
  const std::uint64_t id = caller->process()->id;
  callers_->observe(caller, Exec{});
  EXPECT_NE(caller->process()->exe.find("unit_resolve"), std::string::npos) << "let through, not carried out";
  world_.exec();
  wait_for_sleep();
  caller = pin(world_.tid());
  const ProcessRef after = caller->process();
  EXPECT_EQ(after->argv, (std::vector<std::string>{"sleep", "2"}));
  EXPECT_EQ(after->id, id) << "the same process";
  EXPECT_EQ(caller->process(), after);
}

TEST_F(CallersTest, AnExecOfTheFirstThreadIsDoneOnceItIsSeenInAnotherCall) {
  callers_->observe(pin(world_.tid()), Exec{});
  // The new program leaves the work to another thread.
  const CallerRef worker = pin(world_.outer(world_.new_thread()));
  const auto is_kept = [&] { return worker->process() == worker->process(); };
  for (int i = 0; i < 10000 && !is_kept(); ++i) ::usleep(500);
  EXPECT_TRUE(is_kept()) << "the process is read at each call";
}

TEST_F(CallersTest, AThreadThatExecsTakesTheFirstOnesNumber) {
  CallerRef first = pin(world_.tid());
  first->process();
  EXPECT_TRUE(first->cwd());
  const pid_t tid = world_.outer(world_.thread_that_execs());
  callers_->observe(pin(tid), Exec{});
  // The first thread calls in between: what it is now must not be kept.
  pin(world_.tid())->process();
  world_.go();
  wait_for_sleep();
  EXPECT_EQ(pin(world_.tid())->process()->argv, (std::vector<std::string>{"sleep", "2"}));
  EXPECT_FALSE(callers_->pin(Call{1, tid, 0, {}}));
}

TEST_F(CallersTest, NumbersFromInsideMeanOnlyProcessesInside) {
  const UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY));
  const long thread = world_.new_thread();
  for (auto* ask : {outer_pid, search_outer_pid}) {
    EXPECT_EQ(*ask(proc.get(), world_.tid(), 2, Which::Process), world_.tid());
    const auto found = ask(proc.get(), world_.tid(), static_cast<pid_t>(thread), Which::Thread);
    ASSERT_TRUE(found);
    EXPECT_EQ(read_status(proc.get(), *found)->tgid, world_.tid());
    EXPECT_FALSE(ask(proc.get(), world_.tid(), 77777, Which::Process));
    EXPECT_FALSE(ask(proc.get(), world_.tid(), 0, Which::Process));
  }
}

TEST_F(CallersTest, ManyThreadsAreForgottenWhenTheyAreDead) {
  for (int i = 0; i < 100; ++i) {
    const long child = world_.new_process();
    pin(world_.outer(child));
    world_.end(child);
  }
  EXPECT_LE(callers_->size(), 64U);
}

TEST_F(CallersTest, ProcessNumbersAreNeverUsedTwice) {
  std::uint64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    const long child = world_.new_process();
    const std::uint64_t id = pin(world_.outer(child))->process_id();
    EXPECT_GT(id, last);
    last = id;
    world_.end(child);
  }
}

}  // namespace
}  // namespace assent::resolve
