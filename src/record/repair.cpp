#include "record/repair.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/show.h"
#include "base/sys.h"
#include "record/clock_text.h"
#include "record/entry.h"
#include "record/heads.h"
#include "record/lines.h"
#include "record/log_reader.h"
#include "record/pending.h"
#include "record/session_dir.h"
#include "record/unfinished.h"

namespace assent::record {

namespace {

constexpr std::size_t kLineRoom = kPendingSize + 64 * 1024;

std::map<std::string, std::string> facts_of(const Json& record) {
  std::map<std::string, std::string> out;
  const Json& staged = child_of(record, "staged");
  if (!staged.is_object()) return out;
  for (const auto& [name, value] : staged.items()) {
    if (!name.ends_with("_b64")) out[name] = bytes_of(staged, name.c_str());
  }
  return out;
}

// One repair, holding the session's lock.
class Repairer {
 public:
  Repairer(std::string state, std::string session, UniqueFd directory, UniqueFd log, void (*at_step)(std::string_view))
      : state_(std::move(state)), directory_(std::move(directory)), log_(std::move(log)), probe_(at_step) {
    out_.session = std::move(session);
  }

  Result<Repair> run(const PutBack& put_back) {
    if (auto status = take_over_pending(); !status) return pass(std::move(status));
    if (auto status = read_log(); !status) return pass(std::move(status));
    if (next_ == 1) return remove_empty();
    if (auto status = take_over_open_line(); !status) return pass(std::move(status));
    if (auto status = mark_interrupted(); !status) return pass(std::move(status));
    if (::fdatasync(log_.get()) != 0) return sys::last_error("fdatasync");
    if (!settle(put_back)) return std::move(out_);
    if (auto status = end(); !status) return pass(std::move(status));
    return std::move(out_);
  }

  [[nodiscard]] bool has_pending() const {
    return ::faccessat(directory_.get(), kPendingName, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  }

  // Killed before its first record: nothing was ever done in it.
  Result<Repair> remove_empty() {
    for (const char* name : {kPendingName, kLogName}) {
      if (::unlinkat(directory_.get(), name, 0) != 0 && errno != ENOENT) return sys::last_error("unlinkat");
    }
    (void)::rmdir(session_path(state_, out_.session).c_str());  // stays where something else lies in it
    out_.ended = true;
    return std::move(out_);
  }

 private:
  void probe(std::string_view step) const {
    if (probe_ != nullptr) probe_(step);
  }

  Result<std::string> read_tail(off_t from, off_t size) const {
    std::string out(static_cast<std::size_t>(size - from), '\0');
    std::size_t got = 0;
    while (got < out.size()) {
      const ssize_t n = ::pread(log_.get(), out.data() + got, out.size() - got, from + static_cast<off_t>(got));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return sys::last_error("pread");
      if (n == 0) break;
      got += static_cast<std::size_t>(n);
    }
    out.resize(got);
    return out;
  }

  // The lines of audit.pending go where they belong: behind `base`, where a part of them may stand already.
  Status take_over_pending() {
    auto pending = read_pending(directory_.get());
    if (!pending && pending.error().code != EBADMSG) return pass(std::move(pending));
    // Lines of another session, which had the file before: a power failure has mixed two moments.
    if (pending && (pending->session.empty() || pending->session == out_.session)) pending_ = std::move(*pending);
    struct stat stat {};
    if (::fstat(log_.get(), &stat) != 0) return sys::last_error("fstat");
    const off_t base = static_cast<off_t>(pending_.base);
    const off_t end = base + static_cast<off_t>(pending_.lines.size());
    std::string_view rest = pending_.lines;
    if (stat.st_size >= base && stat.st_size <= end) {
      auto there = read_tail(base, stat.st_size);
      if (!there) return pass(std::move(there));
      if (rest.starts_with(*there)) {
        rest.remove_prefix(there->size());
        out_.recovered = static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), '\n'));
        probe("pending");
        if (auto status = sys::write_all(log_.get(), rest); !status) return status;
        probe("pending written");
        return {};
      }
    }
    // After a power failure the two may be of different moments, and a repair that was killed has written behind `end`.
    // A half-written line goes, and what the log does not have yet comes, by sequence number.
    auto last = cut_torn_line(stat.st_size);
    if (!last) return pass(std::move(last));
    while (!rest.empty()) {
      const auto newline = rest.find('\n');
      if (newline == std::string_view::npos) break;
      const auto line = rest.substr(0, newline + 1);
      rest.remove_prefix(newline + 1);
      const auto sealed = unseal(line.substr(0, newline));
      if (!sealed || sealed->sequence <= *last) continue;
      if (auto status = sys::write_all(log_.get(), line); !status) return status;
      ++out_.recovered;
    }
    return {};
  }

  // Gives the sequence number of the last whole line, 0 where there is none.
  Result<std::uint64_t> cut_torn_line(off_t size) {
    const off_t from = std::max<off_t>(0, size - static_cast<off_t>(2 * LogReader::kMaxLine));
    auto tail = read_tail(from, size);
    if (!tail) return pass(std::move(tail));
    const auto newline = tail->rfind('\n');
    const std::size_t whole = newline == std::string::npos ? 0 : newline + 1;
    if (newline == std::string::npos && from > 0) return damaged("its last line has no end");
    if (whole < tail->size()) {
      out_.torn = tail->size() - whole;
      if (::ftruncate(log_.get(), from + static_cast<off_t>(whole)) != 0) return sys::last_error("ftruncate");
      probe("torn line cut");
    }
    if (whole == 0) return 0;
    const auto before = tail->rfind('\n', newline == 0 ? 0 : newline - 1);
    const std::size_t start = before == std::string::npos || newline == 0 ? 0 : before + 1;
    const auto sealed = unseal(std::string_view(*tail).substr(start, newline - start));
    if (!sealed) return damaged("its last line is not a record");
    return sealed->sequence;
  }

  tl::unexpected<Error> damaged(std::string_view why) const {
    return fail(EBADMSG,
                fmt::format("cannot repair session {}: {}; see 'assent verify {}'", out_.session, why, out_.session));
  }

  // What is open, what is settled, and where the chain stands.
  Status read_log() {
    auto reader = LogReader::open(session_path(state_, out_.session), LogReader::Source::LogOnly);
    if (!reader) return pass(std::move(reader));
    std::optional<SealedLine> last;
    while (const auto line = reader->next()) {
      last = unseal(line->text);
      if (!last) continue;
      if (line->number == 1) first_hash_ = last->hash;
      next_ = last->sequence + 1;
      head_ = last->hash;
      const auto kind = kind_of(line->text);
      ended_ = kind == "end";
      // ,"outcome": cannot stand inside a string (its quotes would be escaped), so this needs no parser.
      if (kind == "act" && line->text.find(",\"outcome\":") == std::string_view::npos) {
        open_.emplace(last->sequence, std::string(line->text));
      } else if (kind == "act" && line->text.find(",\"outcome\":\"interrupted\"") != std::string_view::npos) {
        unsettled_.emplace(last->sequence, std::string(line->text));
      } else if (kind == "begin" || kind == "outcome" || kind == "settled" || kind == "staged") {
        if (const auto record = parse_record(line->text)) note_record(kind, *record);
      }
    }
    if (next_ > 1 && !last) return damaged("its last line is not a record");
    return {};
  }

  void note_record(std::string_view kind, const Json& record) {
    const std::uint64_t of = number_of(record, "of");
    if (kind == "begin") {
      const auto hex = bytes_of(record, "nonce");
      std::from_chars(hex.data(), hex.data() + hex.size(), nonce_, 16);
    } else if (kind == "staged") {
      for (auto& [name, value] : facts_of(record)) staged_[of][name] = value;
    } else if (kind == "settled") {
      unsettled_.erase(of);
    } else if (auto act = open_.extract(of); !act.empty() && bytes_of(record, "outcome") == "interrupted") {
      unsettled_.insert(std::move(act));
    }
  }

  template <class Fill>
  Status append(std::string_view kind, Fill&& fill) {
    std::string buffer(kLineRoom, '\0');
    JsonWriter line(buffer.data(), buffer.data() + buffer.size());
    start_line(line, next_, clock_.now(), kind);
    fill(line);
    return commit(line);
  }

  Status commit(JsonWriter& line) {
    line.need(kSealSize);
    if (line.overflowed()) return fail(E2BIG, "cannot repair: a record is too long");
    const auto hash = seal(line, head_);
    if (auto status = sys::write_all(log_.get(), line.text()); !status) return status;
    head_ = hash;
    ++next_;
    probe("repair record written");
    return {};
  }

  // The act that was being performed at that very moment: its line gets an end.
  Status take_over_open_line() {
    if (pending_.open.empty() || ended_) return {};
    std::string buffer(kLineRoom, '\0');
    JsonWriter line(buffer.data(), buffer.data() + buffer.size());
    line.raw(pending_.open);
    line.resume();
    line.raw(pending_.staged);
    line.word("outcome", "interrupted");
    // Not the next one: a repair that was killed has written it already, or a power failure mixed two moments.
    if (!line.text().starts_with(fmt::format("{{\"v\":1,\"seq\":{},", next_))) return {};
    if (!parse_record(std::string(line.text()) + "}")) {
      return append("note", [&](JsonWriter& note) {
        note.word("topic", "repair");
        note.bytes("text", "the record of an act that was under way cannot be read");
        note.bytes("open", std::string_view(pending_.open).substr(0, 4096));
      });
    }
    const std::uint64_t sequence = next_;
    if (auto status = commit(line); !status) return status;
    unsettled_.emplace(sequence, std::string(line.text()));
    return {};
  }

  Status mark_interrupted() {
    if (ended_) return {};
    while (!open_.empty()) {
      auto act = open_.extract(open_.begin());
      Status status = append("outcome", [&](JsonWriter& line) {
        line.number("of", act.key());
        line.word("outcome", "interrupted");
      });
      if (!status) return status;
      unsettled_.insert(std::move(act));
    }
    return {};
  }

  Interrupted describe(std::uint64_t sequence, const std::string& text) const {
    Interrupted act;
    act.session = out_.session;
    act.nonce = nonce_;
    act.sequence = sequence;
    const auto record = parse_record(text);
    if (!record) return act;
    act.call = bytes_of(*record, "call");
    act.staged = facts_of(*record);
    if (const auto later = staged_.find(sequence); later != staged_.end()) {
      for (const auto& [name, value] : later->second) act.staged[name] = value;
    }
    const Json& objects = child_of(*record, "objects");
    if (objects.is_array()) {
      for (const auto& object : objects) {
        act.objects.push_back({bytes_of(object, "op"), bytes_of(object, "path"), bytes_of(object, "id")});
      }
    }
    return act;
  }

  // False: something could not be put back, the next start tries again.
  bool settle(const PutBack& put_back) {
    if (ended_) return true;
    bool all = true;
    for (const auto& [sequence, text] : unsettled_) {
      out_.interrupted.push_back(describe(sequence, text));
      const auto said = put_back ? put_back(out_.interrupted.back()) : Result<std::string>(fail(EAGAIN));
      probe("put back");
      const std::uint64_t of = sequence;
      all = said &&
            append("settled",
                   [&](JsonWriter& line) {
                     line.number("of", of);
                     line.bytes("text", *said);
                   }) &&
            all;
    }
    return all;
  }

  Status end() {
    if (!ended_) {
      Status status = append("end", [&](JsonWriter& line) {
        line.word("reason", "crashed");
        line.number("allowed", pending_.counts.allowed);
        line.number("denied", pending_.counts.denied);
        line.number("asked", pending_.counts.asked);
        if (out_.torn != 0) line.number("torn_bytes", out_.torn);
      });
      if (!status) return status;
    }
    if (::fdatasync(log_.get()) != 0) return sys::last_error("fdatasync");
    if (auto status = enter_heads(); !status) return status;
    probe("repair in heads");
    if (::unlinkat(directory_.get(), kPendingName, 0) != 0 && errno != ENOENT) return sys::last_error("unlinkat");
    out_.ended = true;
    return {};
  }

  Status enter_heads() {
    auto heads = Heads::lock(state_);
    if (!heads) return pass(std::move(heads));
    auto list = read_heads(state_);
    if (!list) return pass(std::move(list));
    const auto listed = [&](HeadEvent event) {
      return std::any_of(list->heads.begin(), list->heads.end(),
                         [&](const Head& head) { return head.event == event && head.session == out_.session; });
    };
    if (!listed(HeadEvent::Begin)) {
      if (auto status = heads->append({HeadEvent::Begin, out_.session, 1, first_hash_}); !status) return status;
    }
    if (listed(HeadEvent::End)) return {};
    return heads->append({HeadEvent::End, out_.session, next_ - 1, head_});
  }

  std::string state_;
  UniqueFd directory_;
  UniqueFd log_;
  void (*probe_)(std::string_view);
  Repair out_;
  PendingCopy pending_;
  ClockText clock_;
  HashText head_ = genesis();
  HashText first_hash_ = genesis();
  std::uint64_t next_ = 1;
  std::uint64_t nonce_ = 0;
  bool ended_ = false;
  std::map<std::uint64_t, std::string> open_;       // acts without an outcome, by sequence number
  std::map<std::uint64_t, std::string> unsettled_;  // interrupted acts that nobody has put back yet
  std::map<std::uint64_t, std::map<std::string, std::string>> staged_;
};

}  // namespace

Result<Repair> repair(const std::string& state, const std::string& session, const PutBack& put_back,
                      void (*probe)(std::string_view)) {
  const auto cannot = [&](const Error& why) {
    return tl::unexpected<Error>(Error{why.code, fmt::format("cannot repair session {}: {}", show(session), why.what)});
  };
  auto directory = sys::openat(AT_FDCWD, session_path(state, session).c_str(), O_RDONLY | O_DIRECTORY);
  if (!directory) return cannot(directory.error());
  auto log = sys::openat(directory->get(), kLogName, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK);
  if (!log) return cannot(log.error());
  if (auto locked = lock_log(log->get()); !locked) {
    if (locked.error().code == EAGAIN) return cannot(Error{EBUSY, "it is running"});
    return cannot(locked.error());
  }
  Repairer repairer(state, session, std::move(*directory), std::move(*log), probe);
  if (!repairer.has_pending()) {
    if (never_began(state, session)) return repairer.remove_empty();
    Repair nothing;  // ended as it should, or cut by somebody: not ours to add to
    nothing.session = session;
    nothing.ended = true;
    return nothing;
  }
  return repairer.run(put_back);
}

RepairAll repair_all(const std::string& state, const PutBack& put_back) {
  RepairAll out;
  auto unfinished = list_unfinished(state);
  if (!unfinished) {
    out.failed.push_back(unfinished.error());
    return out;
  }
  std::vector<std::string> left;
  for (const auto& session : unfinished->sessions) {
    const auto pending = session_path(state, session) + "/" + kPendingName;
    if (::access(pending.c_str(), F_OK) != 0) {
      if (errno != ENOENT) {
        left.push_back(session);
      } else if (unfinished->whole) {
        // Its name comes before its audit.pending, so it may just be beginning.
        auto one = repair(state, session, put_back);
        if (one || one.error().code == ENOENT) leave_unfinished(state, session);
      } else if (never_began(state, session)) {
        left.push_back(session);  // it may have looked for the folder before there was one
      }
      continue;
    }
    auto one = repair(state, session, put_back);
    const bool ended = one && one->ended;
    if (ended) {
      leave_unfinished(state, session);
    } else {
      left.push_back(session);
    }
    if (one) {
      out.repaired.push_back(std::move(*one));
    } else if (one.error().code != EBUSY) {
      out.failed.push_back(one.error());
    }
  }
  if (!unfinished->whole) complete_unfinished(state, left);
  return out;
}

}  // namespace assent::record
