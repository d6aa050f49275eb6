// A state folder that goes with the test, and acts to put into a log.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "record/audit_log.h"
#include "record/entry.h"
#include "record/log_reader.h"
#include "record/session_dir.h"

namespace assent::record {

class TempDir {
 public:
  TempDir() {
    std::string name = "/tmp/assent-record-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline SessionInfo some_session() {
  SessionInfo info;
  info.command = {"rm", "-rf", "tests/"};
  info.cwd = "/home/u/project";
  info.project = "/home/u/project";
  info.profiles = {{"default.toml", "00ff"}};
  info.nonce = 0xabcdef0123456789ULL;
  return info;
}

inline ProcessRef some_process(std::uint64_t id = 1) {
  auto process = std::make_shared<Process>();
  process->id = id;
  process->pid = 4000 + static_cast<pid_t>(id);
  process->inner_pid = 2;
  process->exe = "/usr/bin/rm";
  process->argv = {"rm", "-rf", "tests/"};
  process->cwd = "/home/u/project";
  process->ancestry = {"bash", "agent"};
  return process;
}

// What an act points to, kept together.
struct SomeAct {
  Request request;
  Decision decision;

  explicit SomeAct(std::string path = "/home/u/project/tests/a.c", Verdict verdict = Verdict::Allow,
                   ProcessRef process = some_process()) {
    request.process = std::move(process);
    request.call = "unlinkat";
    FileSubject file;
    file.operation = Operation::Delete;
    file.path = std::move(path);
    file.zone = Zone::Gated;
    file.type = FileType::Regular;
    file.size = 1234;
    file.id = {0xfd00, 1234567, 1700000000123456789};
    request.subject = std::vector<FileSubject>{file};
    decision.verdict = verdict;
    decision.rule = {"default.toml", 31};
  }
  [[nodiscard]] Act act() const { return Act{&request, &decision}; }
};

inline void perform(AuditLog& log, const SomeAct& act, int error = 0) {
  auto permit = log.intent(act.act());
  ASSERT_TRUE(permit) << permit.error().what;
  const auto status = log.outcome(permit->sequence(), {error});
  ASSERT_TRUE(status) << status.error().what;
}

inline std::vector<std::string> lines_of(const std::string& session_path) {
  std::vector<std::string> out;
  auto reader = LogReader::open(session_path);
  if (!reader) return out;
  while (const auto line = reader->next()) out.emplace_back(line->text);
  return out;
}

inline std::vector<Json> records_of(const std::string& session_path) {
  std::vector<Json> out;
  for (const auto& line : lines_of(session_path)) {
    auto record = parse_record(line);
    EXPECT_TRUE(record) << line;
    out.push_back(record.value_or(Json()));
  }
  return out;
}

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
inline void spill(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

}  // namespace assent::record
