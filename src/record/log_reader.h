// LogReader: the lines of one session's log, in order, from audit.jsonl and then from audit.pending where a live or
// crashed session has not written them out yet. Survives a torn tail, hostile bytes and lines of any length (memory is
// bounded); never throws, never changes anything, may run while the session writes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::record {

class LogReader {
 public:
  static constexpr std::size_t kMaxLine = 4U << 20;  // four times what the writer can make

  struct Line {
    std::string_view text;     // without the newline; valid until the next call; empty when `too_long`
    std::uint64_t number = 0;  // from 1
    bool too_long = false;
  };

  enum class Source { LogAndPending, LogOnly };
  static Result<LogReader> open(const std::string& session_path, Source source = Source::LogAndPending);

  // The next whole line. None: no more for now; ask again later to follow a session that runs.
  std::optional<Line> next();

  // After next() gave none: bytes behind the last newline, a line that was never finished.
  [[nodiscard]] std::size_t torn() const { return buffer_.size() - at_ + (skipping_ ? kMaxLine : 0); }
  // audit.jsonl is shorter than audit.pending says it was.
  [[nodiscard]] bool cut() const { return cut_; }
  // audit.pending was there when last looked for: the session runs, or has not ended as it should.
  [[nodiscard]] bool has_pending() const { return has_pending_; }
  // It is there and cannot be read.
  [[nodiscard]] bool damaged_pending() const { return damaged_pending_; }

 private:
  LogReader(UniqueFd directory, UniqueFd log, Source source)
      : directory_(std::move(directory)), log_(std::move(log)), source_(source) {}
  bool fill();
  bool fill_from_log();
  bool fill_from_pending();

  UniqueFd directory_;
  UniqueFd log_;
  Source source_;
  std::string buffer_;
  std::size_t at_ = 0;        // start of the next line in buffer_
  std::size_t searched_ = 0;  // no newline in buffer_ before this
  std::uint64_t offset_ = 0;  // of the log: where the next bytes come from
  std::uint64_t number_ = 0;
  bool skipping_ = false;  // in the middle of a line that is too long
  bool cut_ = false;
  bool has_pending_ = false;
  bool damaged_pending_ = false;
};

}  // namespace assent::record
