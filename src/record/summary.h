// SessionSummary: one session in a line, from its first record, its end and the live counters; the middle is not read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "assent/result.h"
#include "record/pending.h"
#include "record/verify.h"

namespace assent::record {

struct SessionSummary {
  std::string session;
  std::string name;
  std::vector<std::string> command;
  std::string cwd;
  std::string project;
  std::string mode;
  std::string started;  // as in the record; empty: the first record cannot be read
  double seconds = 0;   // how long it ran, or runs
  SessionState state = SessionState::Crashed;
  std::string reason;  // of the end: "exit", "stopped", "crashed" …
  int status = -1;     // exit status of the agent; 128 + signal; -1: unknown
  Counts counts;
};

Result<SessionSummary> summarize(const std::string& state, const std::string& session);

// "2026-11-21T02:15:30.123456Z" in seconds since the epoch; negative where it is no such text.
double seconds_of(const std::string& time);

}  // namespace assent::record
