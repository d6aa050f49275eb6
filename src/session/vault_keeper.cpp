#include "session/vault_keeper.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "broker/broker.h"
#include "resolve/resolver.h"
#include "undo/catalog.h"

namespace assent::session {

namespace {

struct Taken {  // what an act takes from one of its targets
  std::size_t target;
  undo::Loss loss;
};

struct WhatIsTaken {
  std::span<const Target> targets;
  using Result = std::optional<Taken>;

  [[nodiscard]] bool exists(std::size_t number) const { return targets.size() > number && targets[number].exists(); }
  Result operator()(const Remove&) const { return Taken{0, undo::Loss::Name}; }
  Result operator()(const Rename& act) const {
    if (!exists(1) || (act.flags & RENAME_EXCHANGE) != 0 || targets[0].id == targets[1].id) return std::nullopt;
    return Taken{1, undo::Loss::Name};
  }
  Result operator()(const Truncate&) const { return Taken{0, undo::Loss::Content}; }
  Result operator()(const Open& act) const {
    const bool changes = (act.flags & O_ACCMODE) != O_RDONLY || (act.flags & O_TRUNC) != 0;
    if (!changes || resolve::only_reads(act)) return std::nullopt;
    return Taken{0, undo::Loss::Content};
  }
  Result operator()(const Link&) const { return std::nullopt; }
  Result operator()(const MakeDirectory&) const { return std::nullopt; }
  Result operator()(const MakeSymlink&) const { return std::nullopt; }
  Result operator()(const MakeNode&) const { return std::nullopt; }
  Result operator()(const SetMetadata&) const { return std::nullopt; }
  Result operator()(const Connect&) const { return std::nullopt; }
  Result operator()(const Bind&) const { return std::nullopt; }
  Result operator()(const Listen&) const { return std::nullopt; }
  Result operator()(const Send&) const { return std::nullopt; }
  Result operator()(const CheckAccess&) const { return std::nullopt; }
  Result operator()(const Exec&) const { return std::nullopt; }
  Result operator()(const ChangeDirectory&) const { return std::nullopt; }
  Result operator()(const ChangeUmask&) const { return std::nullopt; }
};

std::optional<Taken> taken_by(const Action& action, std::span<const Target> targets) {
  auto taken = std::visit(WhatIsTaken{targets}, action);
  if (!taken || targets.size() <= taken->target) return std::nullopt;
  const Target& target = targets[taken->target];
  return target.exists() && !target.own ? taken : std::nullopt;
}

undo::VaultOptions vault_options(const VaultKeeper::Options& from) {
  undo::VaultOptions out;
  out.transaction = from.session;
  out.about = from.project;
  out.state_vault = from.state_vault;
  out.stores = from.stores;
  out.max_file = from.max_file;
  out.max_total = from.max_total;
  out.already = [vault = from.state_vault] { return undo::bytes_kept(vault); };
  out.is_own = from.is_own;
  out.stage_name = [nonce = from.nonce](std::uint64_t sequence) { return broker::stage_name(nonce, sequence); };
  return out;
}

}  // namespace

VaultKeeper::VaultKeeper(Options options) : vault_(vault_options(options)) {
  // Files that the agent gets as its standard streams: it writes to them without opening them.
  for (int fd = 0; fd <= 2; ++fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) continue;
    auto stat = sys::statx(fd, "");
    if (stat && S_ISREG(stat->stx_mode)) vault_.open_for_writing(sys::id_of(*stat));
  }
}

broker::Keeper VaultKeeper::keeper() {
  broker::Keeper out;
  out.keep_removed = [this](const Directory& directory, const std::string& at, const Target& judged,
                            std::uint64_t sequence) -> Result<broker::Caught> {
    auto removal = vault_.keep_removed(directory, at, judged, sequence);
    if (!removal) return pass(std::move(removal));
    return *removal == undo::Removal::Taken ? broker::Caught::Taken : broker::Caught::Raced;
  };
  out.keep_content = [this](int object, const Target& judged, broker::Loss, std::uint64_t sequence) {
    return vault_.keep_content(object, judged, sequence);
  };
  return out;
}

bool VaultKeeper::holds(std::span<const Target> targets) {
  for (const Target& target : targets) {
    if (target.exists() && !target.own && vault_.holds(target)) return true;
  }
  return false;
}

std::optional<std::string> VaultKeeper::why_not(const Action& action, std::span<const Target> targets) const {
  const auto taken = taken_by(action, targets);
  if (!taken) return std::nullopt;
  switch (vault_.room_for(targets[taken->target], taken->loss)) {
    case undo::Room::Enough:
      return std::nullopt;
    case undo::Room::TooLarge:
      return "it cannot be undone: the file is larger than vault.max_file";
    case undo::Room::Full:
      return "it cannot be undone: the vault is full (vault.max_total); 'assent vault prune' makes room";
  }
  return std::nullopt;
}

std::optional<VaultKeeper::Large> VaultKeeper::large(const Action& action, std::span<const Target> targets) {
  const auto taken = taken_by(action, targets);
  if (!taken) return std::nullopt;
  const Target& target = targets[taken->target];
  if (!vault_.takes_long(target, taken->loss)) return std::nullopt;
  UniqueFd object;
  if (target.object) {
    object.reset(::fcntl(target.object.get(), F_DUPFD_CLOEXEC, 0));
  } else if (target.parent && !target.name.empty()) {
    object.reset(::openat(target.parent->host.get(), target.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  }
  if (!object) return std::nullopt;
  return Large{std::move(object), taken->target};
}

std::optional<Error> VaultKeeper::settle(std::uint64_t sequence, const broker::Outcome& outcome) {
  const bool refused = std::holds_alternative<ReturnErrno>(outcome.reply);
  auto unkept = vault_.settle(sequence, refused ? undo::Happened::No : undo::Happened::Yes);
  return refused && !outcome.raced ? unkept : std::nullopt;
}

Status VaultKeeper::before(const Judgement& judgement, std::uint64_t sequence) {
  if (judgement.answer) {
    if (judgement.unkept) vault_.waive(sequence);
    vault_.durable(sequence);
  }
  return vault_.before(judgement.action, judgement.targets, sequence);
}

}  // namespace assent::session
