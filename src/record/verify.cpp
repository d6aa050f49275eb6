#include "record/verify.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/show.h"
#include "base/sys.h"
#include "record/entry.h"
#include "record/heads.h"
#include "record/log_reader.h"
#include "record/pending.h"
#include "record/session_dir.h"

namespace assent::record {

namespace {

// The first line that does not fit: what happened to it? Looks at the rest of the file for the record that should
// stand here.
Bad judge(LogReader& reader, const LogReader::Line& line, const std::optional<SealedLine>& sealed,
          std::uint64_t expected) {
  Bad bad;
  bad.line = line.number;
  if (!sealed) {
    bad.detail = line.too_long ? "a line longer than any record" : "not a record";
    return bad;
  }
  if (sealed->sequence == expected) {
    bad.detail = fmt::format("record {} is not what was written, or the one before it was changed", expected);
    return bad;
  }
  if (sealed->sequence < expected) {
    bad.damage = Damage::Duplicated;
    bad.detail = fmt::format("record {} stands where record {} should", sealed->sequence, expected);
    return bad;
  }
  bad.damage = Damage::Dropped;
  const std::uint64_t found = sealed->sequence;  // `line` goes with the next read
  bad.detail = fmt::format("record {} stands where record {} should, which is missing", found, expected);
  while (const auto later = reader.next()) {
    const auto other = unseal(later->text);
    if (!other || other->sequence != expected) continue;
    bad.damage = Damage::Swapped;
    bad.detail =
        fmt::format("record {} stands where record {} should, which stands in line {}", found, expected, later->number);
    break;
  }
  return bad;
}

struct Walk {
  std::string begin;  // first line
  std::string_view last_kind;
  HashText first{};
};

// The chain alone. Fills in records, head and the first bad line.
Walk walk_chain(LogReader& reader, Verification& out) {
  Walk walk;
  HashText before = genesis();
  std::string last_kind;
  bool ended = false;
  while (const auto line = reader.next()) {
    const std::uint64_t expected = out.records + 1;
    const auto sealed = unseal(line->text);
    if (!sealed || sealed->sequence != expected || hash_line(before, sealed->body) != sealed->hash) {
      out.bad = judge(reader, *line, sealed, expected);
      return walk;
    }
    const auto kind = kind_of(line->text);
    if (expected == 1) {
      walk.begin = std::string(line->text);
      walk.first = sealed->hash;
      const auto begin = parse_record(line->text);
      if (kind != "begin" || !begin || bytes_of(*begin, "session") != out.session) {
        out.bad = Bad{1, Damage::Foreign, "the first record is not the beginning of this session"};
        return walk;
      }
    }
    if (ended) {
      out.bad = Bad{line->number, Damage::Foreign, "a record behind the end of the session"};
      return walk;
    }
    ended = kind == "end";
    before = out.head = sealed->hash;
    ++out.records;
  }
  walk.last_kind = ended ? "end" : "";
  return walk;
}

void check_heads(const HeadList& list, const Walk& walk, bool unfinished, Verification& out) {
  const auto find = [&](HeadEvent event) {
    return std::find_if(list.heads.begin(), list.heads.end(),
                        [&](const Head& head) { return head.event == event && head.session == out.session; });
  };
  const bool ended = walk.last_kind == "end";
  const auto begin = find(HeadEvent::Begin);
  const auto end = find(HeadEvent::End);
  if (end != list.heads.end() && (!ended || end->sequence != out.records || end->hash != out.head)) {
    const bool cut = out.records < end->sequence;
    out.bad = Bad{cut ? out.records + 1 : 0, cut ? Damage::Cut : Damage::Changed,
                  fmt::format("the session ended with record {}, of another hash", end->sequence)};
    if (cut) out.bad->detail = fmt::format("the session ended with record {}; {} are here", end->sequence, out.records);
    return;
  }
  if (list.bad_line != 0) return;  // told by verify_all; what it lacks may be behind its bad line
  if (begin == list.heads.end()) {
    // Killed before it was listed: nothing but the first record, and the next start will list it.
    if (!(unfinished && out.records <= 1))
      out.bad = Bad{0, Damage::Heads, "the list of heads does not know this session"};
    return;
  }
  const auto index = static_cast<std::size_t>(begin - list.heads.begin());
  const HashText before = index == 0 ? genesis() : list.lines[index - 1];
  const auto record = parse_record(walk.begin);
  if (begin->hash != walk.first) {
    out.bad = Bad{1, Damage::Changed, "the first record is not the one that the list of heads holds"};
  } else if (!record || bytes_of(*record, "heads") != view(before)) {
    out.bad = Bad{index + 1, Damage::Heads, "the list of heads is not the one that this session began with"};
  } else if (ended && end == list.heads.end() && !unfinished) {
    out.bad = Bad{0, Damage::Heads, "the list of heads does not know the end of this session"};
  }
}

Verification verify_against(const std::string& state, const std::string& session, const HeadList& heads) {
  Verification out;
  out.session = session;
  out.head = genesis();
  const auto path = session_path(state, session);
  auto directory = sys::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
  if (!directory) {
    out.bad = Bad{0, Damage::Missing, "the session's folder cannot be opened"};
    return out;
  }
  // Asked before reading: a session that ends meanwhile has written its end by the time we come there.
  const bool running = is_running(directory->get());
  const bool listed = std::ranges::any_of(heads.heads, [&](const Head& head) { return head.session == session; });
  if (!listed && never_began(state, session)) {  // killed before its first record, or about to write it
    out.state = running ? SessionState::Running : SessionState::Crashed;
    return out;
  }
  auto reader = LogReader::open(path);
  if (!reader) {
    out.bad = Bad{0, Damage::Missing, reader.error().what};
    return out;
  }
  const auto walk = walk_chain(*reader, out);
  const bool ended = walk.last_kind == "end";
  const bool unfinished = running || ::faccessat(directory->get(), kPendingName, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  if (!ended && running) {
    out.state = SessionState::Running;
  } else if (!ended && unfinished) {
    out.state = SessionState::Crashed;
  }
  if (out.bad) return out;
  if (reader->cut()) {
    out.bad = Bad{out.records + 1, Damage::Cut, "audit.jsonl is shorter than it was"};
  } else if (reader->damaged_pending()) {
    out.bad = Bad{out.records + 1, Damage::Cut, "audit.pending is damaged, which holds the last records"};
  } else if (reader->torn() > 0) {
    out.bad = Bad{out.records + 1, Damage::Torn, fmt::format("{} bytes of a record without its end", reader->torn())};
  } else if (!ended && !unfinished) {
    out.bad = Bad{out.records + 1, Damage::Cut, "the record of the session's end is missing"};
  } else {
    check_heads(heads, walk, unfinished, out);
  }
  return out;
}

}  // namespace

std::string_view name(Damage damage) {
  switch (damage) {
    case Damage::Changed:
      return "changed";
    case Damage::Dropped:
      return "dropped";
    case Damage::Swapped:
      return "swapped";
    case Damage::Duplicated:
      return "duplicated";
    case Damage::Cut:
      return "cut";
    case Damage::Torn:
      return "torn";
    case Damage::Foreign:
      return "foreign";
    case Damage::Missing:
      return "missing";
    case Damage::Heads:
      return "heads";
  }
  return "changed";
}

std::string_view name(SessionState state) {
  switch (state) {
    case SessionState::Running:
      return "running";
    case SessionState::Ended:
      return "ended";
    case SessionState::Crashed:
      return "crashed";
  }
  return "crashed";
}

Verification verify(const std::string& state, const std::string& session) {
  Verification out;
  // A session that begins or ends while we read is in a newer list; so the list is read again before it is blamed.
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto heads = read_heads(state);
    if (!heads) {
      out.session = session;
      out.bad = Bad{0, Damage::Heads, heads.error().what};
      return out;
    }
    out = verify_against(state, session, *heads);
    if (!out.bad || out.bad->damage != Damage::Heads) break;
  }
  return out;
}

Result<std::vector<Verification>> verify_all(const std::string& state) {
  auto sessions = list_sessions(state);
  if (!sessions) return pass(std::move(sessions));
  auto heads = read_heads(state);
  if (!heads) return pass(std::move(heads));
  std::vector<Verification> out;
  if (heads->bad_line != 0) {
    Verification list;
    list.bad = Bad{heads->bad_line, Damage::Heads, "a line of the list of heads is not what was written"};
    out.push_back(std::move(list));
  }
  std::erase_if(*sessions, [&](const auto& session) { return never_began(state, session); });
  std::set<std::string> all(sessions->begin(), sessions->end());
  for (const auto& head : heads->heads) all.insert(head.session);
  for (const auto& session : all) {
    auto verification = verify_against(state, session, *heads);
    if (verification.bad && verification.bad->damage == Damage::Heads) verification = verify(state, session);
    out.push_back(std::move(verification));
  }
  return out;
}

}  // namespace assent::record
