// DryPlan: where everything would be, for a restore that changes nothing.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "assent/file_id.h"
#include "undo/path_map.h"

namespace assent::undo {

struct Found {
  bool there = false;
  FileId id;
  struct statx stat {};
  bool unseen = false;  // dry run: below a folder that nobody may enter until its mode is given back
};

class DryPlan {
 public:
  // What would be at `path`, where that was planned; null: what is at real_path().
  [[nodiscard]] const Found* find(const std::string& path) const;
  // Where on the disk that is which would be at `path`. Empty: nowhere, it would have to be made, or would be gone.
  [[nodiscard]] std::string real_path(const std::string& path) const;
  // Adds what would be in the folder `path` beside what its real one holds, takes away what would not.
  void correct(const std::string& path, std::vector<std::string>& names) const;

  // `real`: where it lies now; empty: it would be made.
  void put(const std::string& path, const Found& found, std::string real);
  void remove(const std::string& path);
  void move(const std::string& from, const std::string& to, const Found& what);
  void swap(const std::string& one, const Found& at_one, const std::string& two, const Found& at_two);

 private:
  struct Entry {
    Found found;
    std::string real;
  };

  PathMap<Entry> entries_;
};

}  // namespace assent::undo
