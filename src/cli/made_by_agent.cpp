// What a session's record says that its agent made: the identity that each act of creation left in its outcome, and the
// objects that were judged as the agent's own. Only these may an undo put aside.
#include <fcntl.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/sys.h"
#include "cli/vault_find.h"
#include "record/entry.h"
#include "record/log_reader.h"
#include "record/session_dir.h"
#include "undo/catalog.h"
#include "undo/manifest.h"

namespace assent::cli {

namespace {

using record::Json;

class MadeIds {
 public:
  void read(const std::string& session_path) {
    auto reader = record::LogReader::open(session_path);
    if (!reader) return;
    while (const auto line = reader->next()) {
      // Most lines tell of neither; they need not be parsed.
      const bool made = line->text.find("\"made\"") != std::string_view::npos;
      const bool own = line->text.find("\"own\":true") != std::string_view::npos;
      if (!made && !own) continue;
      const auto record = record::parse_record(line->text);
      if (!record) continue;
      add(record::bytes_of(record::child_of(*record, "made"), "id"));
      const Json& objects = record::child_of(*record, "objects");
      if (!objects.is_array()) continue;
      for (const auto& object : objects) {
        if (object.is_object() && record::truth_of(object, "own")) add(record::bytes_of(object, "id"));
      }
    }
  }
  // A redo makes a folder of the agent's anew, or a copy of its file: of the same standing, but another object.
  void follow(const VaultPlace& place, const std::string& session) {
    std::vector<std::pair<FileId, FileId>> remade;
    for (const auto& name : undos_of(place, session)) {
      auto folder = sys::openat(AT_FDCWD, (place.vault + "/" + name).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      auto manifest = folder ? undo::read_manifest(folder->get()) : Result<undo::Manifest>(fail(ENOENT));
      if (!manifest) continue;
      for (const auto& line : manifest->records) {
        const bool made = line.kind == undo::Kind::Made || line.kind == undo::Kind::Placed;
        if (made && line.other_id.inode != 0) remade.emplace_back(line.other_id, line.id);
      }
    }
    for (bool more = true; more;) {
      more = false;
      for (const auto& [was, is] : remade)
        more |= contains(was) && is.birth_ns != 0 && ids_.insert(without_device(is)).second;
    }
  }
  // Without a birth time a number may have been given out again to a file of the user's.
  [[nodiscard]] bool contains(const FileId& id) const { return id.birth_ns != 0 && ids_.contains(without_device(id)); }

 private:
  void add(const std::string& text) {
    const FileId id = record::read_id(text);
    if (id.inode != 0 && id.birth_ns != 0) ids_.insert(without_device(id));
  }
  // A disk may have another device number after the machine was started anew.
  static FileId without_device(FileId id) {
    id.device = 0;
    return id;
  }

  std::unordered_set<FileId, FileIdHash> ids_;
};

struct Later {
  MadeIds made;
  std::int64_t ended = 0;
};

std::vector<Later> later_sessions(const VaultPlace& place, const std::string& session) {
  std::vector<Later> out;
  std::vector<std::string> read;
  const std::int64_t since = began(place, session);
  for (const auto& undone : standing_undos(place)) {
    const std::string name = about(place, undone);
    if (is_undo(name) || began(place, name) <= since || std::ranges::find(read, name) != read.end()) continue;
    read.push_back(name);
    Later& later = out.emplace_back();
    later.made.read(record::session_path(place.state, name));
    later.made.follow(place, name);
    if (const auto end = undo::end_of(place.vault, name)) later.ended = end->until != 0 ? end->until : end->time;
  }
  return out;
}

}  // namespace

std::function<std::optional<std::int64_t>(const FileId&)> made_later(const VaultPlace& place,
                                                                     const std::string& session) {
  auto sessions = std::make_shared<std::optional<std::vector<Later>>>();
  return [sessions, place, session](const FileId& id) -> std::optional<std::int64_t> {
    if (!*sessions) *sessions = later_sessions(place, session);
    const auto found = std::ranges::find_if(**sessions, [&](const Later& each) { return each.made.contains(id); });
    return found == (*sessions)->end() ? std::nullopt : std::optional(found->ended);
  };
}

std::function<bool(const FileId&)> made_by_agent(const VaultPlace& place, const std::string& session) {
  auto ids = std::make_shared<std::optional<MadeIds>>();
  return [ids, place, session](const FileId& id) {
    if (!*ids) {
      ids->emplace().read(record::session_path(place.state, session));
      (*ids)->follow(place, session);
    }
    return (*ids)->contains(id);
  };
}

}  // namespace assent::cli
