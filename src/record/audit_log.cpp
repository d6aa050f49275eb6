// AuditLog: the records.
#include "record/audit_log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/sys.h"
#include "record/audit_log_append.h"
#include "record/lines.h"

namespace assent::record {

namespace {

// Where a process was started with more than this, the rest of its argv is left out (argv_cut says so).
constexpr std::size_t kLongArgv = 48 * 1024;

// The clock of the record's times, so that an act costs two looks at a clock and not three.
std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// Never negative, even where somebody set the clock back meanwhile.
std::int64_t took_us(std::int64_t from_ns, std::int64_t to_ns) {
  return std::max<std::int64_t>(0, to_ns - from_ns) / 1000;
}

bool allowed(const Act& act) {
  if (act.answer != nullptr) return act.answer->consent == Consent::Yes;
  return act.decision != nullptr && act.decision->verdict == Verdict::Allow;
}

// A shortened copy of a process whose argv is longer than a line may be.
Process shortened(const Process& process) {
  Process out = process;
  std::size_t room = kLongArgv;
  std::size_t keep = 0;
  for (; keep < out.argv.size(); ++keep) {
    if (out.argv[keep].size() > room) {
      out.argv[keep].resize(room);
      ++keep;
      break;
    }
    room -= out.argv[keep].size();
  }
  out.argv.resize(std::min(keep, out.argv.size()));
  if (out.argv.size() > kLongArgv / 16) out.argv.resize(kLongArgv / 16);
  for (auto* text : {&out.exe, &out.cwd}) text->resize(std::min<std::size_t>(text->size(), 4096));
  out.ancestry.resize(std::min<std::size_t>(out.ancestry.size(), 64));
  for (auto& name : out.ancestry) name.resize(std::min<std::size_t>(name.size(), 256));
  return out;
}

}  // namespace

Counts AuditLog::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::string AuditLog::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_.what;
}

Status AuditLog::may_record() const {
  if (failure_.code != 0) return tl::unexpected(failure_);
  if (closed_) return fail(EBADF, "cannot write the audit log: the session has ended");
  return {};
}

Result<Permit> AuditLog::intent(const Act& act, Durability durability) {
  std::unique_lock lock(mutex_);
  if (auto status = may_record(); !status) return pass(std::move(status));
  if (auto status = record_new_process(act.request->process); !status) return pass(std::move(status));
  UnderWay started{next_, 0};

  if (durability == Durability::Durable) {
    Status status = append("act", Room::Ordinary, [&](JsonWriter& line) {
      write_act(line, act);
      write_staged(line, act.staged);
    });
    if (!status) return pass(std::move(status));
    probe("durable intent");
    started.started_ns = clock_.last_ns();
    under_way_.push_back(started);
    ++counts_.allowed;
    status = flush_lines();
    if (status) {
      const int log = log_.get();
      const bool placed = std::exchange(placed_, true);
      lock.unlock();  // other acts go on while the disk works
      Status on_disk = placed ? Status{} : sync_place();
      if (on_disk && ::fdatasync(log) != 0) on_disk = sys::last_error("fdatasync");
      lock.lock();
      if (!on_disk) status = break_log(on_disk.error());
    }
    if (!status) {
      refuse(started.sequence);
      return pass(std::move(status));
    }
    pending_.set_counts(counts_);
    probe("durable");
    return Permit(started.sequence);
  }

  if (auto status = end_open_line(); !status) return pass(std::move(status));
  for (int attempt = 0; attempt < 2; ++attempt) {
    JsonWriter line(pending_.cursor(), pending_.limit() - kReserve);
    start_line(line, next_, clock_.now(), "act");
    write_act(line, act);
    JsonWriter staged(pending_.staged(), pending_.staged() + kStagedCapacity);
    staged.resume();  // it follows the members of the line
    write_staged(staged, act.staged);
    if (staged.overflowed()) return fail(E2BIG, "cannot record the act: its staging facts are too long");
    if (!line.overflowed()) {
      started.started_ns = clock_.last_ns();
      open_ = started;
      open_size_ = line.size();
      open_staged_ = staged.size();
      pending_.open(open_size_, open_staged_);
      probe("intent");
      return Permit(started.sequence);
    }
    if (auto status = flush_lines(); !status) return pass(std::move(status));
  }
  return fail(E2BIG, "cannot record the act: its record is too long");
}

// An intent that could not be made durable: its record says that nothing was done.
void AuditLog::refuse(std::uint64_t sequence) {
  std::erase_if(under_way_, [&](const UnderWay& act) { return act.sequence == sequence; });
  --counts_.allowed;
  ++counts_.denied;
  (void)append("outcome", Room::Reserve, [&](JsonWriter& line) {
    line.number("of", sequence);
    line.word("outcome", "refused");
  });
}

Status AuditLog::stage(std::uint64_t sequence, std::span<const Fact> facts) {
  const std::lock_guard lock(mutex_);
  if (auto status = may_record(); !status) return status;
  const bool other =
      std::any_of(under_way_.begin(), under_way_.end(), [&](const UnderWay& act) { return act.sequence == sequence; });
  if (sequence == 0 || (sequence != open_.sequence && !other)) {
    return fail(EINVAL, fmt::format("cannot record stage of act {}: it is not under way", sequence));
  }
  return append("staged", Room::Ordinary, [&](JsonWriter& line) {
    line.number("of", sequence);
    write_staged(line, facts);
  });
}

Status AuditLog::outcome(std::uint64_t sequence, const Outcome& outcome) {
  const std::lock_guard lock(mutex_);
  const std::int64_t now = now_ns();
  if (sequence != 0 && sequence == open_.sequence) {
    // The line lies in the mapping already; only its end is missing. The reserve has room for that.
    JsonWriter line(pending_.cursor(), pending_.limit());
    line.skip(open_size_);
    write_outcome(line, outcome, took_us(open_.started_ns, now));
    line.need(kSealSize);
    if (line.overflowed()) return fail(E2BIG, "cannot record the outcome: it is too long");
    open_ = {};
    open_staged_ = 0;
    ++counts_.allowed;
    ++acts_buffered_;
    probe("outcome");
    if (auto status = commit(line); !status) return status;
  } else {
    const auto it = std::find_if(under_way_.begin(), under_way_.end(),
                                 [&](const UnderWay& act) { return act.sequence == sequence; });
    if (sequence == 0 || it == under_way_.end()) {
      return fail(EINVAL, fmt::format("cannot record the outcome of act {}: it is not under way", sequence));
    }
    const std::int64_t took = took_us(it->started_ns, now);
    under_way_.erase(it);
    Status status = append("outcome", Room::Reserve, [&](JsonWriter& line) {
      line.number("of", sequence);
      write_outcome(line, outcome, took);
    });
    if (!status) return status;
  }
  finish_line_batch();
  return {};
}

Result<std::uint64_t> AuditLog::append_act(const Act& act, std::string_view kind, std::string_view outcome, int error) {
  if (auto status = may_record(); !status) {
    if (error != 0) ++counts_.denied, ++unrecorded_;
    return pass(std::move(status));
  }
  if (auto status = record_new_process(act.request->process); !status) return pass(std::move(status));
  Status status = append(kind, Room::Ordinary, [&](JsonWriter& line) {
    write_act(line, act);
    if (error != 0) {
      write_error(line, "outcome", error);
    } else {
      line.word("outcome", outcome);
    }
  });
  if (!status) return pass(std::move(status));
  const std::uint64_t sequence = next_ - 1;
  ++acts_buffered_;
  ++(error != 0 || !allowed(act) ? counts_.denied : counts_.allowed);
  finish_line_batch();
  return sequence;
}

Result<std::uint64_t> AuditLog::denied(const Act& act, int error) {
  const std::lock_guard lock(mutex_);
  return append_act(act, "act", {}, error == 0 ? EPERM : error);
}

Result<std::uint64_t> AuditLog::exec(const Act& act) {
  const std::lock_guard lock(mutex_);
  return append_act(act, "exec", "continued", 0);
}

Status AuditLog::process(const Process& process) {
  const std::lock_guard lock(mutex_);
  if (auto status = may_record(); !status) return status;
  return write_process_record(process);
}

Status AuditLog::question(const Question& question) {
  const std::lock_guard lock(mutex_);
  if (auto status = may_record(); !status) return status;
  if (auto status = record_new_process(question.process); !status) return status;
  ++counts_.asked;
  return append("question", Room::Ordinary, [&](JsonWriter& line) { write_question(line, question); });
}

Status AuditLog::answer(const Answer& answer) {
  const std::lock_guard lock(mutex_);
  if (auto status = may_record(); !status) return status;
  return append("answer", Room::Ordinary, [&](JsonWriter& line) { write_answer(line, answer); });
}

Status AuditLog::exit(std::uint64_t process, std::optional<int> wait_status) {
  const std::lock_guard lock(mutex_);
  if (auto status = may_record(); !status) return status;
  processes_.erase(process);
  last_process_ = nullptr;
  return append("exit", Room::Ordinary, [&](JsonWriter& line) { write_exit(line, process, wait_status); });
}

Status AuditLog::note(std::string_view topic, std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (auto status = may_record(); !status) return status;
  return append("note", Room::Ordinary, [&](JsonWriter& line) {
    line.word("topic", topic);
    line.bytes("text", text);
  });
}

// Ends and publishes the line at the cursor. Its room has been checked.
Status AuditLog::commit(JsonWriter& line) {
  head_ = seal(line, head_);
  ++next_;
  pending_.commit(line.size());
  probe("committed");
  return {};
}

// Something else must be written while an act is under way: its line ends without an outcome, which follows later.
Status AuditLog::end_open_line() {
  if (open_.sequence == 0) return {};
  JsonWriter line(pending_.cursor(), pending_.limit());
  line.skip(open_size_);
  line.raw({pending_.staged(), open_staged_});
  line.need(kSealSize);
  if (line.overflowed()) return break_log(Error{ENOSPC, {}});
  under_way_.push_back(open_);
  ++counts_.allowed;
  open_ = {};
  open_staged_ = 0;
  return commit(line);
}

Status AuditLog::record_new_process(const ProcessRef& process) {
  if (!process || process.get() == last_process_) return {};
  const auto it = processes_.find(process->id);
  // The same owner means the same image; a bare address could have been given out again.
  const bool known = it != processes_.end() && !it->second.owner_before(process) && !process.owner_before(it->second);
  if (!known) {
    if (auto status = write_process_record(*process); !status) return status;
    processes_[process->id] = process;
  }
  last_process_ = process.get();
  return {};
}

Status AuditLog::write_process_record(const Process& process) {
  const auto fill = [](const Process& facts) { return [&facts](JsonWriter& line) { write_process(line, facts); }; };
  Status status = append("process", Room::Ordinary, fill(process));
  if (status || status.error().code != E2BIG) return status;
  const Process shorter = shortened(process);
  return append("process", Room::Ordinary, [&](JsonWriter& line) {
    write_process(line, shorter);
    line.truth("argv_cut", true);
  });
}

}  // namespace assent::record
