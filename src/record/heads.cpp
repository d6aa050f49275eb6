#include "record/heads.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "base/show.h"
#include "base/sys.h"
#include "record/clock_text.h"
#include "record/lines.h"
#include "record/session_dir.h"

namespace assent::record {

namespace {

constexpr std::size_t kMaxHeads = 256U << 20;

std::optional<Head> parse(std::string_view body) {
  const auto json = nlohmann::json::parse(std::string(body) + "}", nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto text = [&](const char* key) {
    const auto it = json.find(key);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  Head head;
  const auto kind = text("kind");
  if (kind != "begin" && kind != "end") return std::nullopt;
  head.event = kind == "begin" ? HeadEvent::Begin : HeadEvent::End;
  head.session = text("session");
  const auto hash = hash_text(text("head"));
  const auto sequence = json.find("record");
  if (!is_session_id(head.session) || !hash || sequence == json.end() || !sequence->is_number_unsigned()) {
    return std::nullopt;
  }
  head.hash = *hash;
  head.sequence = sequence->get<std::uint64_t>();
  return head;
}

Error cannot(std::string_view verb, const std::string& path, const Error& why) {
  return Error{why.code, fmt::format("cannot {} {}: {}", verb, show(path), why.what)};
}

}  // namespace

Result<Heads> Heads::lock(const std::string& state) {
  const std::string path = state + "/" + kHeadsName;
  auto fd = sys::openat(AT_FDCWD, path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (!fd) return tl::unexpected(cannot("open", path, fd.error()));
  Status locked = fail(EAGAIN);
  for (int attempt = 0; attempt < 3000; ++attempt) {
    locked = lock_log(fd->get());
    if (locked || locked.error().code != EAGAIN) break;
    timespec wait{0, 1'000'000};
    ::nanosleep(&wait, nullptr);
  }
  if (!locked) return tl::unexpected(cannot("lock", path, locked.error()));

  Heads heads(std::move(*fd));
  struct stat stat {};
  if (::fstat(heads.fd_.get(), &stat) != 0) return sys::last_error("fstat");
  constexpr off_t kTail = 8 * 1024;  // a line is 1 KiB at most
  const off_t start = std::max<off_t>(0, stat.st_size - kTail);
  std::string tail(static_cast<std::size_t>(stat.st_size - start), '\0');
  const ssize_t n = ::pread(heads.fd_.get(), tail.data(), tail.size(), start);
  if (n < 0) return sys::last_error("pread");
  tail.resize(static_cast<std::size_t>(n));
  // A line that a full disk or a power failure left half written never was.
  const auto newline = tail.rfind('\n');
  const std::size_t whole = newline == std::string::npos ? 0 : newline + 1;
  if (whole != tail.size()) {
    if (newline == std::string::npos && start > 0) return fail(EBADMSG, "cannot read " + show(path) + ": no lines");
    if (::ftruncate(heads.fd_.get(), start + static_cast<off_t>(whole)) != 0) return sys::last_error("ftruncate");
    tail.resize(whole);
  }
  if (tail.empty()) return heads;
  tail.pop_back();
  const auto line_start = tail.rfind('\n');
  const auto last = std::string_view(tail).substr(line_start == std::string::npos ? 0 : line_start + 1);
  const auto sealed = unseal(last);
  if (!sealed) {
    return fail(EBADMSG, fmt::format("cannot read {}: its last line is damaged; look with 'assent verify', then move "
                                     "the file away",
                                     show(path)));
  }
  heads.last_ = sealed->hash;
  heads.sequence_ = sealed->sequence;
  if (const auto head = parse(sealed->body)) heads.last_session_ = head->session;
  return heads;
}

Status Heads::append(const Head& head) {
  std::array<char, 1024> buffer;
  JsonWriter line(buffer.data(), buffer.data() + buffer.size());
  ClockText clock;
  start_line(line, sequence_ + 1, clock.now(), head.event == HeadEvent::Begin ? "begin" : "end");
  line.word("session", head.session);
  line.number("record", head.sequence);
  line.word("head", view(head.hash));
  const auto hash = seal(line, last_);
  if (line.overflowed()) return fail(E2BIG, "cannot write heads.jsonl: the line is too long");
  if (auto status = sys::write_all(fd_.get(), line.text()); !status) return status;
  last_ = hash;
  last_session_ = head.session;
  ++sequence_;
  return {};
}

Result<HeadList> read_heads(const std::string& state) {
  HeadList list;
  auto text = sys::read_file(AT_FDCWD, (state + "/" + kHeadsName).c_str(), kMaxHeads);
  if (!text) {
    if (text.error().code == ENOENT) return list;
    return pass(std::move(text));
  }
  HashText before = genesis();
  std::string_view rest = *text;
  std::uint64_t number = 0;
  while (!rest.empty()) {
    const auto newline = rest.find('\n');
    if (newline == std::string_view::npos) break;
    ++number;
    const auto sealed = unseal(rest.substr(0, newline));
    rest.remove_prefix(newline + 1);
    const auto head = sealed ? parse(sealed->body) : std::nullopt;
    if (!head || sealed->sequence != number || hash_line(before, sealed->body) != sealed->hash) {
      list.bad_line = number;
      return list;
    }
    before = sealed->hash;
    list.lines.push_back(before);
    list.heads.push_back(*head);
  }
  return list;
}

}  // namespace assent::record
