#include "cli/watch_records.h"

#include <fcntl.h>

#include "base/sys.h"
#include "record/session_dir.h"
#include "record/summary.h"

namespace assent::cli {

namespace {

bool runs(const std::string& path) {
  auto directory = sys::openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
  return directory && record::is_running(directory->get());
}

}  // namespace

void WatchRecords::open(const std::string& session) {
  auto reader = record::LogReader::open(record::session_path(state_, session));
  if (!reader) return;
  WatchModel::Known facts;
  facts.session = session;
  if (const auto summary = record::summarize(state_, session); summary) {
    facts.project = summary->project;
    facts.command = summary->command;
    facts.name = summary->name;
  }
  followed_.emplace(session, Followed{std::move(*reader), RecordView(Paint(-1)), std::move(facts)});
}

std::vector<WatchModel::Known> WatchRecords::running() {
  std::vector<WatchModel::Known> out;
  const auto sessions = record::list_sessions(state_);
  if (!sessions) return out;
  // Old ones are many and do not come back: what runs is among the youngest and those that we follow.
  constexpr std::size_t kYoungest = 200;
  const std::size_t from = sessions->size() > kYoungest ? sessions->size() - kYoungest : 0;
  for (std::size_t i = from; i < sessions->size(); ++i) {
    const auto& session = (*sessions)[i];
    if (!followed_.contains(session) && runs(record::session_path(state_, session))) open(session);
  }
  for (auto& [session, one] : followed_) {
    one.runs = runs(record::session_path(state_, session));
    if (one.runs) out.push_back(one.facts);
  }
  return out;
}

bool WatchRecords::look(std::chrono::milliseconds limit,
                        const std::function<void(std::string session, std::string line)>& tell) {
  const auto until = std::chrono::steady_clock::now() + limit;
  for (auto at = followed_.begin(); at != followed_.end();) {
    auto& [session, one] = *at;
    while (const auto line = one.reader.next()) {
      if (const auto record = record::parse_record(line->text)) {
        // Who comes and goes is not what was decided, nor what no rule names.
        const auto kind = record::kind_of(line->text);
        const bool unruled = kind == "exec" && record::bytes_of(*record, "rule") == "built-in";
        auto text = one.view.line(*record);
        if (kind != "exit" && !unruled && !text.empty()) tell(session, std::move(text));
      }
      if (std::chrono::steady_clock::now() >= until) return true;
    }
    // It ended, and its last words were read.
    at = one.runs ? std::next(at) : followed_.erase(at);
  }
  return false;
}

}  // namespace assent::cli
