// The control of the floor's own check: where no floor is, it must say so. (Where one is, every other test passes it.)
#include <sys/mman.h>

#include "integration/floor_support.h"
#include "launch/floor_check.h"
#include "launch/grants.h"
#include "launch/mount_plan.h"
#include "launch/stage.h"

namespace assent::floor_test {
namespace {

constexpr std::size_t kSize = sizeof(launch::Stage);

// Runs the check in a child without any sandbox, after `before`.
std::string check(launch::MountPlan& plan, int host_folder, const std::function<void()>& before) {
  void* memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* stage = new (memory) launch::Stage();
  const pid_t child = ::fork();
  if (child == 0) {
    before();
    stage->landlock_abi = launch::landlock_abi();
    std::array<char, 4096> memory_of_orders;
    launch::Room room(memory_of_orders.data(), memory_of_orders.size());
    ::_exit(launch::check_floor(launch::lay_out(plan, room), host_folder, *stage) ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  std::string said = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "passed" : stage->object;
  ::munmap(memory, kSize);
  return said;
}

TEST(FloorCheck, WithoutASandboxTheProjectCanBeWritten) {
  const World world(Who::Self);
  launch::MountPlan plan;
  plan.reports.push_back(launch::MountEntry{Zone::Gated, launch::MountKind::Plain, world.project, true});
  EXPECT_EQ(check(plan, -1, [] {}), "a gated folder is not read-only");
}

TEST(FloorCheck, WithoutASandboxTheRootIsNotReadOnly) {
  launch::MountPlan plan;
  EXPECT_EQ(check(plan, -1, [] {}), "the root folder is not read-only");
}

TEST(FloorCheck, ASecondTryLeavesNothingBehind) {
  const World world(Who::Self);
  launch::MountPlan plan;
  plan.reports.push_back(launch::MountEntry{Zone::Gated, launch::MountKind::Plain, world.project, true});
  check(plan, -1, [] {});
  std::size_t names = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(world.project)) ++names;
  EXPECT_EQ(names, 3U);
}

}  // namespace
}  // namespace assent::floor_test
