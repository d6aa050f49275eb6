#include "record/audit_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/show.h"
#include "base/sys.h"
#include "record/heads.h"
#include "record/lines.h"
#include "record/session_dir.h"

namespace assent::record {

namespace {

// Kept free for outcomes of acts that are under way, for the failure itself and for the end.
constexpr std::size_t kReserve = 64 * 1024;
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

Error cannot_write(const Error& why) {
  return Error{why.code,
               fmt::format("cannot write the audit log: {} ({}); every gated act is denied until the session ends",
                           ::strerrordesc_np(why.code), ::strerrorname_np(why.code))};
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

AuditLog::AuditLog(std::string session, std::string path, UniqueFd directory, UniqueFd log, PendingFile pending,
                   const AuditOptions& options)
    : session_(std::move(session)),
      path_(std::move(path)),
      directory_(std::move(directory)),
      log_(std::move(log)),
      options_(options),
      pending_(std::move(pending)) {}

AuditLog::~AuditLog() = default;

Result<std::unique_ptr<AuditLog>> AuditLog::create(const std::string& state, const SessionInfo& info,
                                                   const AuditOptions& options) {
  const auto cannot = [&](const Error& why) {
    return tl::unexpected<Error>(
        Error{why.code, fmt::format("cannot create a session's record in {}: {} ({}); nothing is started without it",
                                    show(state), why.what, ::strerrorname_np(why.code))});
  };
  auto made = make_session_directory(state);
  if (!made) return cannot(made.error());
  const int directory = made->directory.get();
  // Nothing was recorded yet: a folder that came to nothing goes again.
  const auto discard = [&](const Error& why) {
    (void)::unlinkat(directory, kPendingName, 0);
    (void)::unlinkat(directory, kLogName, 0);
    (void)::rmdir(made->path.c_str());
    return cannot(why);
  };
  auto log = sys::openat(directory, kLogName, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, 0600);
  if (!log) return discard(log.error());
  if (auto locked = lock_log(log->get()); !locked) return discard(locked.error());
  auto pending = PendingFile::create(directory);
  if (!pending) return discard(pending.error());

  std::unique_ptr<AuditLog> audit(
      new AuditLog(made->id, made->path, std::move(made->directory), std::move(*log), std::move(*pending), options));
  audit->state_ = state;
  audit->probe("created");
  auto heads = Heads::lock(state);
  if (!heads) return cannot(heads.error());
  const Previous previous{heads->last_session(), view(heads->last())};
  Status status = audit->append("begin", Room::Ordinary,
                                [&](JsonWriter& line) { write_begin(line, audit->session_, info, previous); });
  audit->probe("begun");
  if (status) status = audit->flush();
  audit->probe("begin written");
  if (status) status = heads->append({HeadEvent::Begin, audit->session_, 1, audit->head_});
  if (!status) return cannot(status.error());
  audit->probe("head written");
  return audit;
}

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

Status AuditLog::flush() {
  const std::lock_guard lock(mutex_);
  if (auto status = may_record(); !status) return status;
  return flush_lines();
}

Status AuditLog::sync() {
  const std::lock_guard lock(mutex_);
  if (auto status = may_record(); !status) return status;
  if (auto status = flush_lines(); !status) return status;
  if (!std::exchange(placed_, true)) {
    if (auto status = sync_place(); !status) return break_log(status.error());
  }
  if (::fdatasync(log_.get()) != 0) return break_log(sys::last_error("fdatasync").value());
  return {};
}

// The names above the log, and the list of heads. Asked for when the first record must outlive a power failure; most
// sessions never ask, and their start does not wait for the disk.
Status AuditLog::sync_place() const {
  if (::fsync(directory_.get()) != 0) return sys::last_error("fsync");
  for (const auto& [path, flags] : {std::pair<std::string, int>{state_ + "/sessions", O_RDONLY | O_DIRECTORY},
                                    {state_, O_RDONLY | O_DIRECTORY},
                                    {state_ + "/" + kHeadsName, O_RDONLY}}) {
    auto fd = sys::openat(AT_FDCWD, path.c_str(), flags);
    if (!fd) return pass(std::move(fd));
    if (::fsync(fd->get()) != 0) return sys::last_error("fsync");
  }
  return {};
}

Status AuditLog::close(const EndInfo& end) {
  const std::lock_guard lock(mutex_);
  if (closed_) return {};
  // What is still under way now was never told to have ended; it counts as interrupted.
  Status status = end_open_line();
  for (const auto& act : under_way_) {
    if (!status) break;
    status = append("outcome", Room::Reserve, [&](JsonWriter& line) {
      line.number("of", act.sequence);
      line.word("outcome", "interrupted");
    });
  }
  under_way_.clear();
  if (status) {
    status = append("end", Room::Reserve, [&](JsonWriter& line) {
      line.word("reason", end.reason);
      if (WIFSIGNALED(end.status)) {
        line.number("signal", WTERMSIG(end.status));
      } else {
        line.number("status", WEXITSTATUS(end.status));
      }
      line.number("allowed", counts_.allowed);
      line.number("denied", counts_.denied);
      line.number("asked", counts_.asked);
      if (unrecorded_ != 0) line.number("unrecorded", unrecorded_);
      if (failure_.code != 0) line.bytes("failure", failure_.what);
    });
  }
  if (!status) return status;
  closed_ = true;
  probe("end");
  // Also after a failure: perhaps there is room again, else audit.pending keeps everything.
  if (auto flushed = flush_lines(); !flushed) return flushed;
  if (placed_) {
    if (::fdatasync(log_.get()) != 0) return break_log(sys::last_error("fdatasync").value());
  } else {
    // On its way to the disk at least, without waiting for it.
    ::sync_file_range(log_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  }
  probe("end written");
  auto heads = Heads::lock(state_);
  if (!heads) return pass(std::move(heads));
  if (status = heads->append({HeadEvent::End, session_, next_ - 1, head_}); !status) return status;
  probe("end in heads");
  if (::unlinkat(directory_.get(), kPendingName, 0) != 0) return sys::last_error("unlinkat");
  return {};
}

template <class Fill>
Status AuditLog::append(std::string_view kind, Room room, Fill&& fill) {
  if (auto status = end_open_line(); !status) return status;
  for (int attempt = 0; attempt < 2; ++attempt) {
    JsonWriter line(pending_.cursor(), pending_.limit() - (room == Room::Ordinary ? kReserve : 0));
    start_line(line, next_, clock_.now(), kind);
    fill(line);
    line.need(kSealSize);
    if (!line.overflowed()) return commit(line);
    if (attempt == 0) {
      if (auto status = flush_lines(); !status) return status;
    }
  }
  return fail(E2BIG, fmt::format("cannot write the audit log: a record of kind {} is too long", kind));
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

// After a record that nobody waits for: counts for readers, and a flush when enough has come together. An error here
// breaks the log, but what was recorded stands: it lies in audit.pending.
void AuditLog::finish_line_batch() {
  pending_.set_counts(counts_);
  if (pending_.committed() < options_.flush_bytes && acts_buffered_ < options_.flush_acts) return;
  if (failure_.code == 0) (void)flush_lines();
}

Status AuditLog::flush_lines() {
  if (open_.sequence != 0) {
    // The open line stays where it is in the mapping; only a fresh start could move it. So it is ended first.
    if (pending_.committed() == written_) return {};
    if (auto status = end_open_line(); !status) return status;
  }
  const auto lines = pending_.lines();
  if (lines.empty()) return {};
  if (options_.max_bytes != 0 && log_size_ + lines.size() > options_.max_bytes && !closed_) {
    return break_log(Error{EFBIG, {}});
  }
  probe("flush");
  while (written_ < lines.size()) {
    const ssize_t n = ::write(log_.get(), lines.data() + written_, lines.size() - written_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return break_log(sys::last_error("write").value());
    written_ += static_cast<std::size_t>(n);
  }
  probe("flushed");
  log_size_ += written_;
  written_ = 0;
  acts_buffered_ = 0;
  pending_.restart(log_size_);
  probe("restarted");
  return {};
}

Status AuditLog::break_log(Error error) {
  if (failure_.code == 0) {
    failure_ = cannot_write(error);
    (void)append("failure", Room::Reserve, [&](JsonWriter& line) { line.bytes("text", failure_.what); });
    pending_.set_counts(counts_);
  }
  return tl::unexpected(failure_);
}

}  // namespace assent::record
