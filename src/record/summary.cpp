#include "record/summary.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "base/sys.h"
#include "record/entry.h"
#include "record/log_reader.h"
#include "record/session_dir.h"

namespace assent::record {

namespace {

// The last whole line, of which an end record is always short.
std::string last_line(int log, off_t size) {
  constexpr off_t kTail = 16 * 1024;
  const off_t from = std::max<off_t>(0, size - kTail);
  std::string tail(static_cast<std::size_t>(size - from), '\0');
  const ssize_t n = ::pread(log, tail.data(), tail.size(), from);
  tail.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  if (tail.empty() || tail.back() != '\n') return {};
  tail.pop_back();
  const auto start = tail.rfind('\n');
  return start == std::string::npos ? tail : tail.substr(start + 1);
}

void take_begin(const Json& begin, SessionSummary& out) {
  out.name = bytes_of(begin, "name");
  out.command = bytes_array_of(begin, "command");
  out.cwd = bytes_of(begin, "cwd");
  out.project = bytes_of(begin, "project");
  out.mode = bytes_of(begin, "mode");
  out.started = bytes_of(begin, "time");
}

void take_end(const Json& end, SessionSummary& out) {
  out.reason = bytes_of(end, "reason");
  out.state = out.reason == "crashed" ? SessionState::Crashed : SessionState::Ended;
  const auto signal = static_cast<int>(number_of(end, "signal"));
  if (signal != 0) {
    out.status = 128 + signal;
  } else if (!child_of(end, "status").is_null()) {
    out.status = static_cast<int>(number_of(end, "status"));
  }
  out.counts = {number_of(end, "allowed"), number_of(end, "denied"), number_of(end, "asked")};
}

}  // namespace

double seconds_of(const std::string& time) {
  std::tm utc{};
  const char* rest = ::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (rest == nullptr) return -1;
  double fraction = 0;
  double unit = 0.1;
  if (*rest == '.') {
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, unit /= 10) fraction += (*rest - '0') * unit;
  }
  return static_cast<double>(::timegm(&utc)) + fraction;
}

Result<SessionSummary> summarize(const std::string& state, const std::string& session) {
  const auto path = session_path(state, session);
  auto directory = sys::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
  if (!directory) return pass(std::move(directory));
  SessionSummary out;
  out.session = session;
  const bool running = is_running(directory->get());
  auto reader = LogReader::open(path);
  if (!reader) return pass(std::move(reader));
  if (const auto line = reader->next()) {
    if (const auto begin = parse_record(line->text)) take_begin(*begin, out);
  }
  auto log = sys::openat(directory->get(), kLogName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!log) return pass(std::move(log));
  struct stat stat {};
  if (::fstat(log->get(), &stat) != 0) return sys::last_error("fstat");
  double ended = static_cast<double>(stat.st_mtim.tv_sec) + static_cast<double>(stat.st_mtim.tv_nsec) * 1e-9;
  const auto line = last_line(log->get(), stat.st_size);
  const auto end = kind_of(line) == "end" ? parse_record(line) : std::nullopt;
  if (end) {
    take_end(*end, out);
    ended = seconds_of(bytes_of(*end, "time"));
  } else {
    if (const auto counts = read_counts(directory->get())) out.counts = *counts;
    out.state = running ? SessionState::Running : SessionState::Crashed;
    if (running) ended = static_cast<double>(::time(nullptr));
  }
  const double began = seconds_of(out.started);
  if (began >= 0) out.seconds = std::max(0.0, ended - began);
  return out;
}

}  // namespace assent::record
