#include "resolve/view.h"

#include "base/sys.h"
#include "resolve/look.h"

namespace assent::resolve {

Result<View> View::create(Parts parts) {
  View view(std::move(parts));
  if (const int error = look(view.agent_root(), "", view.root_); error != 0) {
    return fail(error, "cannot look at the agent's root");
  }
  struct statx above {};
  if (const int error = look(view.agent_root(), "..", above); error != 0) {
    return fail(error, "cannot look above the agent's root");
  }
  if (!view.is_agent_root(above)) return fail(EXDEV, "cannot use the agent's root: it is not the top of its mounts");
  if (auto setting = sys::read_file(AT_FDCWD, "/proc/sys/fs/protected_symlinks"); setting) {
    view.protects_symlinks_ = setting->substr(0, 1) != "0";
  }
  return view;
}

Mount View::mount(std::uint64_t id) const {
  if (const auto found = parts_.mounts.find(id); found != parts_.mounts.end()) return found->second;
  const auto learnt = learnt_.find(id);
  return learnt == learnt_.end() ? Mount{} : learnt->second;
}

Mount View::mount_of(std::uint64_t id, int folder) const {
  if (parts_.unknown && !knows(id) && !learnt_.contains(id)) learnt_[id] = parts_.unknown(id, folder);
  return mount(id);
}

bool View::is_agent_root(const struct statx& stat) const {
  return same_object(stat, root_) && stat.stx_mnt_id == root_.stx_mnt_id;
}

}  // namespace assent::resolve
