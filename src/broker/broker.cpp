#include "broker/broker.h"

#include <cstdio>

#include "broker/act.h"
#include "broker/arguments.h"
#include "broker/foresight.h"

namespace assent::broker {

std::string stage_name(std::uint64_t nonce, std::uint64_t sequence) {
  char text[64];
  std::snprintf(text, sizeof text, ".assent-stage-%016llx%08llx", static_cast<unsigned long long>(nonce),
                static_cast<unsigned long long>(sequence));
  return text;
}

std::optional<int> Broker::foresee(const Action& action, std::span<const Target> targets) const {
  return foresight(Look::Disk, action, targets);
}

Outcome Broker::perform(Permit&& permit, const Action& action, std::span<Target> targets, const CallerFacts& caller) {
  const std::uint64_t sequence = permit.sequence();
  if (sequence == 0) return failed(EPERM);
  if (auto shape = foresight(Look::Shape, action, targets)) {
    // It fails, and nothing has been done. Which errno comes first may hang on permissions.
    const Permit spent(std::move(permit));
    return failed(foresee(action, targets).value_or(*shape));
  }

  struct Perform {
    Broker& broker;
    std::span<Target> targets;
    const CallerFacts& caller;
    std::uint64_t sequence;
    const Action& action;

    Outcome operator()(const Remove& act) const { return broker.remove(act, targets[0], sequence); }
    Outcome operator()(const Rename& act) const { return broker.rename(act, targets[0], targets[1], sequence); }
    Outcome operator()(const Truncate& act) const { return broker.truncate(act, targets[0], caller, sequence); }
    Outcome operator()(const Open& act) const { return broker.open(act, targets[0], caller, sequence); }
    Outcome operator()(const Link&) const { return broker.link(targets[0], targets[1]); }
    Outcome operator()(const MakeDirectory&) const { return broker.make(action, targets[0], caller); }
    Outcome operator()(const MakeSymlink&) const { return broker.make(action, targets[0], caller); }
    Outcome operator()(const MakeNode&) const { return broker.make(action, targets[0], caller); }
    Outcome operator()(const SetMetadata& act) const { return broker.set_metadata(act, targets[0]); }
    Outcome operator()(const Connect&) const { return failed(EPERM); }
    Outcome operator()(const Bind&) const { return failed(EPERM); }
    Outcome operator()(const Listen&) const { return failed(EPERM); }
    Outcome operator()(const Send&) const { return failed(EPERM); }
    Outcome operator()(const Exec&) const { return failed(EPERM); }
    Outcome operator()(const ChangeDirectory&) const { return failed(EPERM); }
    Outcome operator()(const CheckAccess&) const { return failed(EPERM); }  // an answer, no act: check_access
    Outcome operator()(const ChangeUmask&) const { return failed(EPERM); }
  };
  Outcome outcome = std::visit(Perform{*this, targets, caller, sequence, action}, action);
  if (!outcome.would_block) const Permit spent(std::move(permit));
  return outcome;
}

}  // namespace assent::broker
