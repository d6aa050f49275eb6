#include "record/denials.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "base/show.h"
#include "base/sys.h"
#include "record/json_writer.h"
#include "record/lines.h"
#include "record/session_dir.h"

namespace assent::record {

namespace {

std::string_view below(std::string_view path, std::string_view cwd) {
  if (cwd.size() < 2 || !path.starts_with(cwd) || path.size() <= cwd.size() + 1 || path[cwd.size()] != '/') return path;
  return path.substr(cwd.size() + 1);
}

}  // namespace

Result<DenialsFile> DenialsFile::create(int session_directory) {
  auto fd = sys::openat(session_directory, kDenialsName, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, 0644);
  if (!fd) return pass(std::move(fd));
  if (::fchmod(fd->get(), 0644) != 0) return sys::last_error("fchmod");  // whatever the umask is
  return DenialsFile(std::move(*fd));
}

std::optional<std::string> DenialsFile::add(const Denial& denial, std::string_view cwd) {
  if (!full_) {
    std::vector<char> buffer(64 * 1024);
    JsonWriter line(buffer.data(), buffer.data() + buffer.size());
    if (size_ > kMaxBytes) {
      full_ = true;
      line.raw("{\"v\":1,\"note\":\"more denials are not listed here\"}\n");
    } else {
      line.open('{');
      line.number("v", 1);
      line.word("time", clock_.now());
      line.bytes("operation", denial.operation);
      line.bytes("object", denial.object);
      line.bytes("rule", to_string(denial.rule));
      line.bytes("reason", denial.reason);
      line.truth("may_ask", denial.may_ask == MayAsk::Yes);
      if (!denial.suggestion.empty()) line.bytes("suggestion", denial.suggestion);
      write_error(line, "errno", denial.error);
      line.number("process", denial.process);
      if (denial.record != 0) line.number("record", denial.record);
      line.raw("}\n");
    }
    if (!line.overflowed() && sys::write_all(fd_.get(), line.text())) size_ += line.size();
  }
  constexpr std::size_t kMostTold = 65536;
  if (told_.size() >= kMostTold || !told_.emplace(denial.process, to_string(denial.rule)).second) return std::nullopt;
  return denial_line(denial, cwd) + "\n";
}

void DenialsFile::forget(std::uint64_t process) {
  told_.erase(told_.lower_bound({process, {}}), told_.lower_bound({process + 1, {}}));
}

std::string denial_line(const Denial& denial, std::string_view cwd) {
  const auto reason = denial.reason.empty() ? std::string_view("not allowed") : denial.reason;
  return fmt::format("assent: denied {} {}: {} ({}); see $ASSENT_DENIALS", show(denial.operation),
                     show(below(denial.object, cwd)), show(reason), show(to_string(denial.rule)));
}

}  // namespace assent::record
