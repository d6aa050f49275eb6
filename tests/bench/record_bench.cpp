// What it costs to record one act: intent, Permit, outcome, hash, its share of the write to the log.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "record/audit_log.h"
#include "record/chain.h"

namespace {

using namespace assent;

class Session {
 public:
  Session() {
    path_ = ::mkdtemp(path_.data());
    auto log = record::AuditLog::create(path_, {});
    if (log) log_ = std::move(*log);
  }
  ~Session() { std::filesystem::remove_all(path_); }
  record::AuditLog& log() { return *log_; }

 private:
  std::string path_ = "/var/tmp/assent-bench-XXXXXX";
  std::unique_ptr<record::AuditLog> log_;
};

Request some_request() {
  Request request;
  auto process = std::make_shared<Process>();
  process->id = 1;
  process->argv = {"rm", "-rf", "tests/"};
  request.process = process;
  request.call = "unlinkat";
  FileSubject file;
  file.operation = Operation::Delete;
  file.path = "/home/user/project/tests/unit/some_folder/file_name_123.c";
  file.zone = Zone::Gated;
  file.type = FileType::Regular;
  file.size = 12345;
  file.own = true;
  file.id = {0xfd00, 1234567, 1700000000123456789};
  request.subject = std::vector<FileSubject>{file};
  return request;
}

void record_one_act(benchmark::State& state) {
  Session session;
  const auto request = some_request();
  Decision decision;
  decision.verdict = Verdict::Allow;
  decision.rule = {"default.toml", 31};
  const record::Act act{&request, &decision};
  for (auto _ : state) {
    auto permit = session.log().intent(act);
    if (!permit || !session.log().outcome(permit->sequence(), {})) state.SkipWithError("the log failed");
  }
}
BENCHMARK(record_one_act);

void record_one_denial(benchmark::State& state) {
  Session session;
  const auto request = some_request();
  Decision decision;
  decision.rule = {"default.toml", 31};
  const record::Act act{&request, &decision};
  for (auto _ : state) {
    if (!session.log().denied(act, EPERM)) state.SkipWithError("the log failed");
  }
}
BENCHMARK(record_one_denial);

void record_one_durable_act(benchmark::State& state) {
  Session session;
  const auto request = some_request();
  Decision decision;
  const record::Act act{&request, &decision};
  for (auto _ : state) {
    auto permit = session.log().intent(act, record::Durability::Durable);
    if (!permit || !session.log().outcome(permit->sequence(), {})) state.SkipWithError("the log failed");
  }
}
BENCHMARK(record_one_durable_act);

void hash_one_line(benchmark::State& state) {
  const std::string line(static_cast<std::size_t>(state.range(0)), 'x');
  auto hash = record::genesis();
  for (auto _ : state) hash = record::hash_line(hash, line);
  benchmark::DoNotOptimize(hash);
}
BENCHMARK(hash_one_line)->Arg(320)->Arg(512);

}  // namespace
