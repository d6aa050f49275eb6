#include "resolve/own_files.h"

namespace assent::resolve {

// The slot that holds `id`, or the free one where it would stand. There is always a free one.
std::size_t OwnFiles::find(const FileId& id) const {
  std::size_t slot = home(id);
  while (slots_[slot].birth_ns != 0 && !(slots_[slot] == id)) slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

void OwnFiles::add(const FileId& id) {
  if (id.birth_ns == 0) return;
  if ((used_ + 1) * 5 > slots_.size() * 4) grow();
  FileId& slot = slots_[find(id)];
  if (slot.birth_ns != 0) return;
  slot = id;
  ++used_;
}

bool OwnFiles::contains(const FileId& id) const {
  return id.birth_ns != 0 && !slots_.empty() && slots_[find(id)].birth_ns != 0;
}

void OwnFiles::forget(const FileId& id) {
  if (!contains(id)) return;
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = find(id);
  // Moves back every later entry of the run that the hole would cut off from its home.
  for (std::size_t next = (hole + 1) & mask; slots_[next].birth_ns != 0; next = (next + 1) & mask) {
    const std::size_t distance_home = (next - home(slots_[next])) & mask;
    if (distance_home < ((next - hole) & mask)) continue;
    slots_[hole] = slots_[next];
    hole = next;
  }
  slots_[hole] = FileId{};
  --used_;
}

void OwnFiles::grow() {
  std::vector<FileId> old(slots_.empty() ? 64 : slots_.size() * 2);
  old.swap(slots_);
  for (const FileId& id : old) {
    if (id.birth_ns != 0) slots_[find(id)] = id;
  }
}

}  // namespace assent::resolve
