// AuditLog: its file: begun, handed to the kernel and to the disk, closed, broken.
#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "base/show.h"
#include "base/sys.h"
#include "record/audit_log.h"
#include "record/audit_log_append.h"
#include "record/heads.h"
#include "record/lines.h"
#include "record/session_dir.h"
#include "record/unfinished.h"

namespace assent::record {

namespace {

Error cannot_write(const Error& why) {
  return Error{why.code,
               fmt::format("cannot write the audit log: {} ({}); every gated act is denied until the session ends",
                           ::strerrordesc_np(why.code), ::strerrorname_np(why.code))};
}

std::string spare_in(const std::string& state) { return state + "/audit.spare"; }

Error cannot_create(const std::string& state, const Error& why) {
  return Error{why.code, fmt::format("cannot create a session's record in {}: {} ({}); nothing is started without it",
                                     show(state), why.what, ::strerrorname_np(why.code))};
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
  const auto cannot = [&](const Error& why) { return tl::unexpected(cannot_create(state, why)); };
  if (::sodium_init() < 0) return cannot(Error{EIO, "cannot start libsodium"});
  auto made = make_session_directory(state);
  if (!made) return cannot(made.error());
  const int directory = made->directory.get();
  // Nothing was recorded yet: a folder that came to nothing goes again.
  const auto discard = [&](const Error& why) {
    (void)::unlinkat(directory, kPendingName, 0);
    leave_unfinished(state, made->id);
    (void)::unlinkat(directory, kLogName, 0);
    (void)::rmdir(made->path.c_str());
    return cannot(why);
  };
  auto log = sys::openat(directory, kLogName, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, 0600);
  if (!log) return discard(log.error());
  if (auto locked = lock_log(log->get()); !locked) return discard(locked.error());
  const auto probe = [&](std::string_view step) {
    if (options.probe != nullptr) options.probe(step);
  };
  probe("locked");
  if (auto entered = enter_unfinished(state, made->id, directory); !entered) return discard(entered.error());
  probe("named");
  auto pending = PendingFile::create(directory, made->id, spare_in(state));
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
  if (auto removed = PendingFile::remove(directory_.get(), spare_in(state_)); !removed) return removed;
  leave_unfinished(state_, session_);
  return {};
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
