// What finding the target of a call costs, from the pinned thread id to the Target, the copy of its path excepted. The
// caller is a real process in namespaces of its own. Compare with the system calls that cannot be spared: a statx is
// about 0.4 µs, pidfd_getfd 0.5 to 1.2.
#include <benchmark/benchmark.h>

#include "support/resolve_world.h"

namespace assent::resolve {
namespace {

struct Bench {
  testing::World world;
  Callers callers = std::move(*Callers::create());
  View view = world.view();
  OwnFiles own;
  Resolver resolver{view, callers, own};

  Bench() {
    world.chdir(world.project());
    for (const char* name : {"a.txt", "src/b.c"}) {
      own.add(sys::id_of(*sys::statx(AT_FDCWD, world.project(name).c_str())));
    }
  }
  void measure(benchmark::State& state, const Action& action) {
    for (auto _ : state) {
      auto caller = callers.pin(Call{1, world.tid(), 0, {}});
      auto targets = resolver.resolve(action, **caller);
      if (!targets) return state.SkipWithError("cannot resolve");
      benchmark::DoNotOptimize(targets);
    }
  }
};

void pin_only(benchmark::State& state) {
  Bench bench;
  for (auto _ : state) benchmark::DoNotOptimize(bench.callers.pin(Call{1, bench.world.tid(), 0, {}}));
}
void unlink_in_cwd(benchmark::State& state) {
  Bench bench;
  bench.measure(state, Remove{{AT_FDCWD, "a.txt"}});
}
void unlink_in_dirfd(benchmark::State& state) {
  Bench bench;
  const int src = static_cast<int>(bench.world.open(bench.world.project("src"), O_RDONLY | O_DIRECTORY));
  bench.measure(state, Remove{{src, "b.c"}});
}
void unlink_absolute(benchmark::State& state) {
  Bench bench;
  bench.measure(state, Remove{{AT_FDCWD, bench.world.project("src/b.c")}});
}
void create_in_cwd(benchmark::State& state) {
  Bench bench;
  bench.measure(state, Open{{AT_FDCWD, "new"}, O_WRONLY | O_CREAT | O_EXCL, 0644});
}
void open_to_write(benchmark::State& state) {
  Bench bench;
  bench.measure(state, Open{{AT_FDCWD, "a.txt"}, O_WRONLY});
}
void open_dev_null(benchmark::State& state) {
  Bench bench;
  bench.measure(state, Open{{AT_FDCWD, "/dev/null"}, O_WRONLY});
}
void rename_in_cwd(benchmark::State& state) {
  Bench bench;
  bench.measure(state, Rename{{AT_FDCWD, "a.txt"}, {AT_FDCWD, "b.txt"}});
}
void through_proc_self_fd(benchmark::State& state) {
  Bench bench;
  const long fd = bench.world.open(bench.world.project("a.txt"), O_RDONLY);
  bench.measure(state, Open{{AT_FDCWD, "/proc/self/fd/" + std::to_string(fd)}, O_WRONLY});
}

BENCHMARK(pin_only);
BENCHMARK(unlink_in_cwd);
BENCHMARK(unlink_in_dirfd);
BENCHMARK(unlink_absolute);
BENCHMARK(create_in_cwd);
BENCHMARK(open_to_write);
BENCHMARK(open_dev_null);
BENCHMARK(rename_in_cwd);
BENCHMARK(through_proc_self_fd);

}  // namespace
}  // namespace assent::resolve
