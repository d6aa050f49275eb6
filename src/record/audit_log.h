// AuditLog: the one writer of a session's record. In: acts before they are performed, what became of them, who asked
// and who answered. Out: a Permit for each act that may now be performed, and a hash-chained, append-only file that
// tells everything afterwards. It never decides, never performs, never drops a record silently: when it cannot write
// any more, every later act is refused. Format: docs/audit-log.md.
//
//   intent(act)            the act stands in audit.pending (a shared mapping: survives kill -9), Permit in hand
//   … the broker acts …
//   outcome(sequence, …)   completes the line; lines go to audit.jsonl by the 64 KiB, the 128 acts, or flush()
//
// Two acts under way at once, and acts that a human allowed, have a line for the intent and one for the outcome.
// All functions may be called from several threads.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "assent/permit.h"
#include "assent/process.h"
#include "assent/result.h"
#include "assent/unique_fd.h"
#include "record/act.h"
#include "record/chain.h"
#include "record/clock_text.h"
#include "record/pending.h"

namespace assent::record {

struct AuditOptions {
  std::size_t flush_bytes = 64 * 1024;
  std::size_t flush_acts = 128;
  std::uint64_t max_bytes = 0;                     // the log is full beyond this size; 0: no limit
  void (*probe)(std::string_view step) = nullptr;  // tests die at these steps
};

class AuditLog {
 public:
  // A new session below `state`, its first record written (durable with the first act that is). Fails: ENOSPC, EACCES …
  // ; then nothing may start.
  static Result<std::unique_ptr<AuditLog>> create(const std::string& state, const SessionInfo& info,
                                                  const AuditOptions& options = {});
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;
  ~AuditLog();  // without close(): as if the process had died; the next start repairs

  [[nodiscard]] const std::string& session() const { return session_; }
  [[nodiscard]] const std::string& path() const { return path_; }  // the session's folder
  [[nodiscard]] int directory() const { return directory_.get(); }
  [[nodiscard]] Counts counts() const;
  // Why nothing can be recorded any more; empty while all is well.
  [[nodiscard]] std::string failure() const;

  // Before the act. An error means: do not perform it, deny it. The acting process is recorded by itself when it is
  // new.
  Result<Permit> intent(const Act& act, Durability durability = Durability::Buffered);
  // Adds to what repair needs, where it is only known after the intent. The act must be under way.
  Status stage(std::uint64_t sequence, std::span<const Fact> facts);
  // After the act; `sequence` is the permit's. EINVAL: no such act is under way.
  Status outcome(std::uint64_t sequence, const Outcome& outcome);
  // An act that was refused; `error` is what the agent gets. Gives the sequence number of the record.
  Result<std::uint64_t> denied(const Act& act, int error);
  // An act that the kernel itself carries out (exec): recorded, its result is not known to us.
  Result<std::uint64_t> exec(const Act& act);

  Status process(const Process& process);
  Status question(const Question& question);
  Status answer(const Answer& answer);
  // How it ended, as from waitpid; none: the kernel did not tell.
  Status exit(std::uint64_t process, std::optional<int> wait_status);
  Status note(std::string_view topic, std::string_view text);  // `topic`: an ASCII word

  // Hands the lines so far to the kernel (for the 50 ms timer: nothing to do costs nothing).
  Status flush();
  // flush() and wait until they are on the disk.
  Status sync();
  // The last record, the list of heads, and audit.pending goes. After a failure that still holds, audit.pending
  // stays and the next start completes the log from it.
  Status close(const EndInfo& end);

 private:
  struct UnderWay {
    std::uint64_t sequence = 0;
    std::int64_t started_ns = 0;
  };
  enum class Room { Ordinary, Reserve };

  AuditLog(std::string session, std::string path, UniqueFd directory, UniqueFd log, PendingFile pending,
           const AuditOptions& options);

  template <class Fill>
  Status append(std::string_view kind, Room room, Fill&& fill);
  Result<std::uint64_t> append_act(const Act& act, std::string_view kind, std::string_view outcome, int error);
  Status commit(JsonWriter& line);
  Status end_open_line();
  Status record_new_process(const ProcessRef& process);
  Status write_process_record(const Process& process);
  Status may_record() const;
  void refuse(std::uint64_t sequence);
  Status flush_lines();
  [[nodiscard]] Status sync_place() const;
  Status break_log(Error error);
  void finish_line_batch();
  void probe(std::string_view step) const {
    if (options_.probe != nullptr) options_.probe(step);
  }

  std::string session_;
  std::string path_;
  std::string state_;
  UniqueFd directory_;
  UniqueFd log_;
  AuditOptions options_;

  mutable std::mutex mutex_;
  PendingFile pending_;
  ClockText clock_;
  HashText head_ = genesis();
  std::uint64_t next_ = 1;      // sequence number of the next line
  std::uint64_t log_size_ = 0;  // bytes of audit.jsonl that `pending_` begins behind
  std::size_t written_ =
      0;  // bytes of `pending_` that have gone to audit.jsonl nevertheless (a write that failed half-way)
  std::size_t acts_buffered_ = 0;
  UnderWay open_;  // the act whose line is still without its end; sequence 0: none
  std::size_t open_size_ = 0;
  std::size_t open_staged_ = 0;
  std::vector<UnderWay> under_way_;  // other acts, whose intent stands in a line of its own
  std::unordered_map<std::uint64_t, std::weak_ptr<const Process>> processes_;  // recorded images by id
  const Process* last_process_ = nullptr;
  Counts counts_;
  std::uint64_t unrecorded_ = 0;  // denials after the failure
  Error failure_{0, {}};
  bool placed_ = false;  // the names above the log have been synced
  bool closed_ = false;
};

}  // namespace assent::record
