// What the vault and the restore do to one object: read and give back its metadata, copy its content.
// Every function works on descriptors; none follows a symbolic link that it was not given.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "assent/result.h"
#include "undo/manifest.h"

namespace assent::undo {

// "/proc/self/fd/N": the way to the very object that an O_PATH descriptor stands for.
class ObjectPath {
 public:
  explicit ObjectPath(int fd);
  [[nodiscard]] const char* c_str() const { return text_; }

 private:
  char text_[32];
};

// For reading, whatever its mode: the owner may always look, so the mode is changed for the moment where it must be.
Result<UniqueFd> open_to_read(int object, const struct statx& stat);

Metadata metadata_of(const struct statx& stat);  // without xattrs and flags
enum class Flags { No, Yes };
// `object`: O_PATH or better. Where the file system has no xattrs there are none.
Result<Metadata> read_metadata(int object, const struct statx& stat, Flags flags = Flags::No);
// Owner, xattrs, mode, times, in the order in which one does not undo the other. Everything that could be given back
// is; the error names the first that could not.
Status apply_metadata(int object, const Metadata& metadata);
Status apply_times(int object, const Metadata& metadata);

// Whether two descriptions are of the same object. The device number may differ after a restart of the machine.
bool same_object(const FileId& a, const FileId& b);

// The content of `from` into the empty file `to`: shared blocks where the file system can, else the bytes, holes kept.
Result<How> copy_content(int from, int to);
// Whether a file in `folder` could be a clone of `from`.
bool shares_blocks(int from, int folder);
// Makes `to` hold exactly what `from` holds, whatever it held before.
Status replace_content(int from, int to);
// EBADMSG where they differ.
Status compare_content(int a, int b);

// Makes a new object `name` in `folder` that is as `object` is: content, link text or device numbers, and metadata.
// EEXIST where the name is taken. A folder is made empty.
Result<How> copy_object(int object, const struct statx& stat, int folder, const char* name);

// Opens the folder of an absolute path, no symbolic link followed, from the root; and gives the last name.
struct Place {
  UniqueFd folder;
  std::string name;
};
Result<Place> open_place(const std::string& path);

// rename that never replaces (EEXIST); 0 or an errno.
int rename_noreplace(int from_folder, const char* from, int to_folder, const char* to);
// The same of this very object: where another one had the name by then, it goes back there, and it is ESTALE.
int rename_exactly(const FileId& id, int from_folder, const char* from, int to_folder, const char* to);

}  // namespace assent::undo
