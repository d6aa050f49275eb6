#include "session/past_sessions.h"

#include <fmt/format.h>

#include "base/show.h"
#include "broker/broker.h"
#include "broker/repair.h"
#include "record/entry.h"
#include "record/repair.h"
#include "record/session_dir.h"
#include "undo/catalog.h"

namespace assent::session {

namespace {

struct Split {
  std::string directory;
  std::string name;
};
Split split(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return {"/", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// The staged object of an act is the one that it deletes; a rename over it has its source beside it.
std::optional<broker::HalfDone> half_done(const record::Interrupted& act) {
  std::optional<broker::HalfDone> out;
  for (const auto& object : act.objects) {
    if (object.operation != name(Operation::Delete) || object.id.empty()) continue;
    const Split place = split(object.path);
    out = broker::HalfDone{place.directory, broker::stage_name(act.nonce, act.sequence), place.name,
                           record::read_id(object.id), std::nullopt};
  }
  if (!out) return out;
  for (const auto& object : act.objects) {
    if (object.operation != name(Operation::Rename) || object.id.empty()) continue;
    const Split place = split(object.path);
    out->source = broker::HalfDone::Source{place.directory, place.name, record::read_id(object.id)};
  }
  return out;
}

}  // namespace

namespace {

std::string found_in_vault(const std::string& session, const undo::Recovered& found) {
  std::string out =
      fmt::format("session {} was killed: {} object{} whole in the vault ('assent undo {}' brings them back)", session,
                  found.in_vault, found.in_vault == 1 ? " is" : "s are", session);
  if (found.in_place != 0) out += fmt::format(", {} untouched in place", found.in_place);
  if (!found.missing.empty()) {
    out += fmt::format("; {} neither there nor in the vault, taken away by somebody else since, the first is {}",
                       found.missing.size(), show(found.missing.front()));
  }
  if (found.damaged != 0) out += fmt::format("; {} lines of its manifest cannot be read", found.damaged);
  return out;
}

}  // namespace

std::vector<std::string> mend_past_sessions(const std::string& state) {
  std::vector<std::string> said;
  if (auto own = record::own_state(state); !own) return {own.error().what};
  const auto put_back = [&said](const record::Interrupted& act) -> Result<std::string> {
    const auto half = half_done(act);
    if (!half || act.nonce == 0) return std::string("nothing was staged");
    auto repaired = broker::repair(*half);
    if (!repaired) return pass(std::move(repaired));
    const std::string path = half->directory + "/" + half->name;
    switch (*repaired) {
      case broker::Repaired::Nothing:
        return std::string("nothing was staged");
      case broker::Repaired::PutBack:
        said.push_back(fmt::format("put {} back, which session {} was killed over", show(path), act.session));
        return std::string("put back");
      case broker::Repaired::NameTaken:
        said.push_back(fmt::format("{} is kept as {}: its name was taken meanwhile", show(path), show(half->stage)));
        return std::string("kept under its staging name; the name was taken");
    }
    return std::string("nothing was staged");
  };
  const auto repaired = record::repair_all(state, put_back);
  for (const auto& error : repaired.failed) said.push_back(error.what);
  // After the staging names: what was put back is in its place now.
  for (const auto& session : repaired.repaired) {
    auto recovered = undo::recover(state + "/vault", session.session);
    if (!recovered && recovered.error().code == ENOENT) continue;  // it kept nothing
    if (!recovered) {
      said.push_back(recovered.error().what);
      continue;
    }
    if (recovered->was_open) said.push_back(found_in_vault(session.session, *recovered));
  }
  return said;
}

}  // namespace assent::session
