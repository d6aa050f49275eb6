// resolve: Action → Targets: what a call names, pinned by descriptors on the host's side, before anybody judges it.
// In: an Action (copied once), its Caller (pinned). Out: one Target, or two (from, to) for Rename and Link; none for
// actions on no file; or the errno of a path that leads nowhere. A name that does not exist, or stands for the wrong
// sort of object, is a Target like any other: what an act on it would give is the broker's to know.
// Afterwards nothing is looked up by the agent's spelling again.
// Never: an act, a decision, a lookup in our own root, a link followed by the kernel for us (but on the way to a
// program, which is only told to people: execve is carried out by the kernel).
//
// A Target's `object` is pinned for acts on the object itself (open for writing, truncate, link, metadata); `stat` is
// then what that descriptor showed. For removals and renames the broker compares again by name.
// Opens that only read and O_PATH get `agent_object`, the object in the agent's own view, and no `object`; execve gets
// neither.
// Objects named by a descriptor get `agent_object`, and `object`, `parent`, `name` too while they still have a name.
// The target of an O_TMPFILE is the folder. An object seen through no mount of the agent's has `mount` 0.
#pragma once

#include <vector>

#include "assent/action.h"
#include "assent/result.h"
#include "assent/target.h"
#include "resolve/callers.h"
#include "resolve/directories.h"
#include "resolve/own_files.h"
#include "resolve/view.h"
#include "resolve/walk.h"

namespace assent::resolve {

// Who could do it. Floor: every object lies in a free, private or kernel zone, so the session may ask the floor for
// a proof. Broker: at least one is gated.
enum class Where { Floor, Broker };
Where where(const std::vector<Target>& targets);

// Whether an open does nothing but read (or even less: O_PATH).
bool only_reads(const Open& open);

class Resolver {
 public:
  // All three outlive the resolver.
  Resolver(const View& view, const Callers& callers, const OwnFiles& own)
      : view_(view), own_(own), walk_(view, callers.proc()), directories_(view) {}

  Result<std::vector<Target>> resolve(const Action& action, Caller& caller);

  Directories& directories() { return directories_; }

 private:
  enum class Pin { None, Host, Agent };
  struct Wanted {
    LastLink last = LastLink::Keep;
    Pin pin = Pin::None;
    std::uint64_t resolve = 0;
    bool only_shown = false;  // nothing is acted on: no descriptor of the object
    bool may_be_new = false;  // the act makes what is not there
  };
  Result<Target> target(Caller& caller, const PathArg& path, const Wanted& wanted);
  Result<Target> target_of_place(Place place, const Wanted& wanted);
  [[nodiscard]] bool shows_itself(const Target& target, const Wanted& wanted) const;
  Result<Target> named(Place place, DirectoryRef parent, const Wanted& wanted);
  Result<Target> folder(DirectoryRef directory, Spelling spelling, const Wanted& wanted);
  Result<Target> of_descriptor(UniqueFd object, const Wanted& wanted);
  // 0, or EAGAIN where the two sides do not show the same object, which a second look may mend.
  int compare(Target& target, const std::optional<struct statx>& seen) const;
  void judge_names(Target& target) const;
  bool writes_to_host(const Target& target) const;

  const View& view_;
  const OwnFiles& own_;
  Walk walk_;
  Directories directories_;
  DirectoryRef last_parent_;  // of the call before; where its path is still the one looked for, its zone is known
};

}  // namespace assent::resolve
