// rename, renameat, renameat2.
//
// To a new name, and exchanges: one call, checked afterwards, and taken back where something else was caught. Nothing
// is destroyed by either, so being killed between the two loses nothing.
//
// Over an existing object (source S at FROM, destination D at TO), unless both are the session's own:
//                                                            killed after this step → on disk, and what repair() does
//   1. rename FROM → STAGE (in TO's directory, NOREPLACE)     S at STAGE, D at TO → S back to FROM
//   2. statx STAGE: is it S?                                  the same
//   3. exchange STAGE ↔ TO: TO never lacks a name             D at STAGE, S at TO → exchanged back, S back to FROM
//   4. statx STAGE: is it D?                                  the same
//   5. unlink STAGE, or the keeper takes it                   done → nothing to do
// A plain rename could not be checked: what it replaced would be gone before anybody can look at it. The stage is in
// TO's directory so that a folder which is replaced changes no parent (that would need write permission on it).
#include <linux/fs.h>
#include <unistd.h>

#include "broker/act.h"
#include "broker/broker.h"
#include "broker/foresight.h"
#include "broker/permission.h"

namespace assent::broker {

Outcome Broker::rename(const Rename& act, Target& from, Target& to, std::uint64_t sequence) {
  if (to.exists() && from.id == to.id) return done();  // two names of one object: the kernel does nothing
  if ((act.flags & RENAME_EXCHANGE) != 0) return rename_exchange(from, to);
  if (to.exists()) return rename_over(from, to, sequence);
  Outcome outcome = rename_to_new_name(from, to);
  if (outcome.raced && (act.flags & RENAME_NOREPLACE) != 0) {
    // Asked for and answered by the kernel itself: the name is taken.
    if (compare(from.parent->host.get(), from.name.c_str(), from.id) == Identity::Same) return failed(EEXIST);
  }
  return outcome;
}

Outcome Broker::rename_to_new_name(const Target& from, const Target& to) {
  const int from_directory = from.parent->host.get();
  const int to_directory = to.parent->host.get();
  const int code = rename_noreplace(from_directory, from.name.c_str(), to_directory, to.name.c_str());
  if (code == EEXIST) return raced();
  if (code != 0) return failed(code);
  switch (compare(to_directory, to.name.c_str(), from.id)) {
    case Identity::Same:
    case Identity::Gone:
      return done();  // gone: somebody has moved it on since
    case Identity::Other:
    case Identity::Unknown:
      break;
  }
  if (rename_noreplace(to_directory, to.name.c_str(), from_directory, from.name.c_str()) != 0) {
    Outcome outcome = failed(EIO);
    outcome.stranded.push_back(to.name);
    return outcome;
  }
  step(Step::PutBack);
  return raced();
}

Outcome Broker::rename_exchange(const Target& from, const Target& to) {
  const int a = from.parent->host.get();
  const int b = to.parent->host.get();
  if (const int code = broker::rename_exchange(a, from.name.c_str(), b, to.name.c_str()); code != 0)
    return failed(code);
  step(Step::Exchanged);
  if (compare(a, from.name.c_str(), to.id) == Identity::Same &&
      compare(b, to.name.c_str(), from.id) == Identity::Same) {
    return done();
  }
  if (const int code = broker::rename_exchange(a, from.name.c_str(), b, to.name.c_str()); code != 0) return failed(EIO);
  step(Step::PutBack);
  return raced();
}

Outcome Broker::rename_over(const Target& from, const Target& to, std::uint64_t sequence) {
  const int from_directory = from.parent->host.get();
  const int to_directory = to.parent->host.get();
  const char* source = from.name.c_str();
  const char* destination = to.name.c_str();
  struct statx now;

  if (from.own && to.own) {
    if (compare(from_directory, source, from.id) != Identity::Same) return raced();
    if (compare(to_directory, destination, to.id, &now) != Identity::Same) return raced();
    if (::renameat2(from_directory, source, to_directory, destination, 0) != 0) return failed(errno);
    Outcome outcome = done();
    if (is_directory(now) || now.stx_nlink <= 1) outcome.removed.push_back(to.id);
    return outcome;
  }

  // The steps below would not find every error that the one call would, nor in its order.
  if (auto code = foresight_rename(from, to)) return failed(*code);
  // From a sticky folder of somebody else, S could not be taken out again: S is another user's, refuse what cannot be
  // undone.
  if (auto code = may_delete_from(*to.parent, *from.stat)) return failed(*code);

  const std::string stage = stage_name(sequence);
  int code = rename_noreplace(from_directory, source, to_directory, stage.c_str());
  if (code == EEXIST) return failed(EIO);
  if (code != 0) return failed(code);
  step(Step::Staged);

  const auto source_back = [&](Outcome outcome) {
    if (rename_noreplace(to_directory, stage.c_str(), from_directory, source) != 0) {
      outcome = failed(EIO);
      outcome.stranded.push_back(stage);
    }
    step(Step::PutBack);
    return outcome;
  };
  if (compare(to_directory, stage.c_str(), from.id) != Identity::Same) return source_back(raced());

  code = broker::rename_exchange(to_directory, stage.c_str(), to_directory, destination);
  if (code == ENOENT) return source_back(raced());
  if (code != 0) return source_back(failed(code));
  step(Step::Exchanged);

  Outcome refused = raced();
  if (compare(to_directory, stage.c_str(), to.id, &now) == Identity::Same) {
    const bool folder = is_directory(now);
    code = take_away(*to.parent, stage, to, folder ? AT_REMOVEDIR : 0, sequence);
    if (code == 0) {
      step(Step::Taken);
      Outcome outcome = done();
      if (folder || now.stx_nlink <= 1) outcome.removed.push_back(to.id);
      return outcome;
    }
    if (code != ESTALE) refused = failed(code);
  }

  // Not D, or D cannot be taken: exchange back.
  code = broker::rename_exchange(to_directory, stage.c_str(), to_directory, destination);
  if (code == 0 && compare(to_directory, stage.c_str(), from.id) != Identity::Same) {
    // TO was given to a third object meanwhile. That one stays there; what we hold stays at STAGE.
    broker::rename_exchange(to_directory, stage.c_str(), to_directory, destination);
    code = EIO;
  }
  if (code != 0) {
    Outcome outcome = failed(EIO);
    outcome.stranded.push_back(stage);
    return outcome;
  }
  step(Step::Exchanged);
  return source_back(std::move(refused));
}

}  // namespace assent::broker
