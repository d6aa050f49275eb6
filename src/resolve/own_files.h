// OwnFiles: which objects this session created. What is in here may be destroyed without a question, so an entry is
// made only for an object that was seen being made, and taken out when the object is gone.
// A flat open-addressed table: 24 bytes a slot, at most four fifths full. Not for several threads at once.
#pragma once

#include <cstddef>
#include <vector>

#include "assent/file_id.h"

namespace assent::resolve {

class OwnFiles {
 public:
  // An object without a birth time is never taken in: its inode number could be given out again to a file of the
  // user's, and nothing would tell the two apart.
  void add(const FileId& id);
  [[nodiscard]] bool contains(const FileId& id) const;
  void forget(const FileId& id);

  [[nodiscard]] std::size_t size() const { return used_; }
  [[nodiscard]] std::size_t bytes() const { return slots_.capacity() * sizeof(FileId); }

 private:
  [[nodiscard]] std::size_t home(const FileId& id) const { return FileIdHash{}(id) & (slots_.size() - 1); }
  [[nodiscard]] std::size_t find(const FileId& id) const;
  void grow();

  std::vector<FileId> slots_;  // birth_ns == 0: free
  std::size_t used_ = 0;
};

}  // namespace assent::resolve
