// The members of each kind of record, in one place: what docs/audit-log.md describes, these functions write. Each
// appends to a line that start_line() began; seal() ends it.
#pragma once

#include <string_view>

#include "assent/process.h"
#include "assent/question.h"
#include "record/act.h"
#include "record/json_writer.h"

namespace assent::record {

// {"v":1,"seq":N,"time":"…","kind":"…"
void start_line(JsonWriter& line, std::uint64_t sequence, std::string_view time, std::string_view kind);

struct Previous {          // what the session stands on
  std::string session;     // the session that began before this one in this state folder; empty: none
  std::string_view heads;  // hash of the last line of heads.jsonl before this session's own
};
void write_begin(JsonWriter& line, std::string_view session, const SessionInfo& info, const Previous& previous);
void write_process(JsonWriter& line, const Process& process);
void write_act(JsonWriter& line, const Act& act);
void write_staged(JsonWriter& line, std::span<const Fact> staged);
void write_outcome(JsonWriter& line, const Outcome& outcome, std::int64_t took_us);
void write_question(JsonWriter& line, const Question& question);
void write_answer(JsonWriter& line, const Answer& answer);
void write_exit(JsonWriter& line, std::uint64_t process, std::optional<int> wait_status);

// "ENOENT"; the number for one without a name.
void write_error(JsonWriter& line, std::string_view name, int error);

}  // namespace assent::record
