#include "record/log_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/show.h"
#include "base/sys.h"
#include "record/pending.h"
#include "record/session_dir.h"

namespace assent::record {

namespace {

constexpr std::size_t kChunk = 256 * 1024;

}  // namespace

Result<LogReader> LogReader::open(const std::string& session_path, Source source) {
  const auto cannot = [&](const Error& why) {
    return tl::unexpected<Error>(
        Error{why.code, fmt::format("cannot read the log of {}: {}", show(session_path), why.what)});
  };
  auto directory = sys::openat(AT_FDCWD, session_path.c_str(), O_RDONLY | O_DIRECTORY);
  if (!directory) return cannot(directory.error());
  // O_NONBLOCK: something that is no file must not hold us up.
  auto log = sys::openat(directory->get(), kLogName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!log) return cannot(log.error());
  struct stat stat {};
  if (::fstat(log->get(), &stat) != 0) return cannot(sys::last_error("fstat").value());
  if (!S_ISREG(stat.st_mode)) return cannot(Error{EINVAL, "audit.jsonl is not a file"});
  return LogReader(std::move(*directory), std::move(*log), source);
}

std::optional<LogReader::Line> LogReader::next() {
  for (;;) {
    const auto newline = buffer_.find('\n', std::max(at_, searched_));
    if (newline == std::string::npos) {
      searched_ = buffer_.size();
      if (searched_ - at_ > kMaxLine) {  // keep nothing of it
        skipping_ = true;
        at_ = searched_;
      }
      if (!fill()) return std::nullopt;
      continue;
    }
    Line line;
    line.number = ++number_;
    line.too_long = skipping_ || newline - at_ > kMaxLine;
    if (!line.too_long) line.text = std::string_view(buffer_).substr(at_, newline - at_);
    skipping_ = false;
    at_ = searched_ = newline + 1;
    return line;
  }
}

bool LogReader::fill() {
  if (at_ > 0) {
    buffer_.erase(0, at_);
    searched_ -= at_;
    at_ = 0;
  }
  return fill_from_log() || (source_ == Source::LogAndPending && fill_from_pending());
}

bool LogReader::fill_from_log() {
  const std::size_t before = buffer_.size();
  buffer_.resize(before + kChunk);
  ssize_t n = 0;
  do {
    n = ::pread(log_.get(), buffer_.data() + before, kChunk, static_cast<off_t>(offset_));
  } while (n < 0 && errno == EINTR);
  buffer_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  offset_ += buffer_.size() - before;
  return buffer_.size() > before;
}

bool LogReader::fill_from_pending() {
  const auto pending = read_pending(directory_.get());
  has_pending_ = pending.has_value();
  damaged_pending_ = !pending && pending.error().code != ENOENT;
  // The session may have written out, or ended, since we looked into the log: the writer changes audit.pending only
  // after the log has the bytes, so one more look finds them.
  if (fill_from_log()) return true;
  if (!pending) return false;
  if (offset_ < pending->base) {
    cut_ = true;
    offset_ = pending->base;
  }
  const std::uint64_t from = offset_ - pending->base;
  if (from >= pending->lines.size()) return false;
  buffer_.append(pending->lines, from);
  offset_ += pending->lines.size() - from;
  return true;
}

}  // namespace assent::record
