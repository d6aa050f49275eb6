// Manifest: the vault's own record of one transaction (a session, or an undo), append-only, a checksum a line. It is
// written before the act it stands for, so after a crash each line is compared with what is on the disk; a line is
// never needed to find an object, only to put it back. Format: docs/vault.md.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "assent/file_id.h"
#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::undo {

inline constexpr int kFormat = 1;
inline constexpr const char* kManifestName = "manifest";
inline constexpr const char* kHashesName =
    "hashes";  // in lines of the same form; where it is lost a drill begins it anew

// What a restored object gets back beside its bytes. Times in nanoseconds since the epoch.
struct Metadata {
  mode_t mode = 0;  // with the file type
  uid_t uid = 0;
  gid_t gid = 0;
  std::int64_t atime = 0;
  std::int64_t mtime = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;  // ACLs are among them
  std::optional<std::uint32_t> flags;                       // FS_IOC_GETFLAGS; only where an act was about them

  friend bool operator==(const Metadata&, const Metadata&) = default;
};

enum class Kind {
  Begin,    // path: what it is about (the project, or the session that is undone)
  Store,    // number `store` is the folder `path`
  Removed,  // `path` (object `id`) is in the vault: moved, or copied and then removed
  Folder,   // the empty folder `path` was removed; only its metadata is kept
  Content,  // a copy of the content of `path` (object `id`) as it was
  Changed,  // metadata of `path` as it was
  Renamed,  // object `id` went from `path` to `other`
  Swapped,  // objects `id` (at `path`) and `other_id` (at `other`) changed places
  Linked,   // object `id` got one more name, `path`
  Parent,   // times of a folder before its list of names changed
  Placed,   // object `id` was taken out of the vault to `path` (an undo)
  Made,     // folder `path` was made anew (an undo)
  Already,  // there was nothing to do for line `refers` (an undo)
  Failed,   // line `refers` could not be taken back, or not all of it (an undo)
  Void,     // the act of line `refers` did not happen after all
  End,      // the transaction is over
  Hashed,   // of the other file: a drill found that the content of line `refers` has the hash `hash`
};
std::string_view name(Kind kind);
bool is_act(Kind kind);  // it tells of something that was done

enum class How { Moved, Cloned, Copied };

struct Record {
  Kind kind = Kind::Void;
  std::uint64_t order = 0;     // of the line in this manifest, from 1
  std::uint64_t sequence = 0;  // of the audit record that it belongs to
  std::int64_t time = 0;       // when it was written
  std::string path;
  std::string other;
  FileId id;
  FileId other_id;
  Metadata metadata;
  std::uint64_t size = 0;
  std::uint32_t links = 1;
  unsigned store = 0;
  std::string place;  // of the object below the transaction's folder in that store
  How how = How::Moved;
  bool written = false;      // the agent had it open for writing before: it may have changed after it was kept
  std::uint64_t refers = 0;  // of an undo's lines: the line that they take back
  std::string hash;
  std::int64_t until = 0;  // of an end that was written later, for one that was killed: at the latest when
};

// Once before encode() and decode(); ManifestWriter::open and read_manifest do it. False: there is no libsodium.
bool start_checksums();
std::string encode(const Record& record);  // with checksum and newline
// None: damaged, torn, or of a newer format.
std::optional<Record> decode(std::string_view line);

class ManifestWriter {
 public:
  // Makes `folder`/manifest, or goes on with one that is there (its last order is read).
  static Result<ManifestWriter> open(int folder, const char* name = kManifestName);

  // Fills in order and time. One write(2): it is there after kill -9. ENOSPC and the like: nothing was written.
  Result<std::uint64_t> append(Record& record);
  Status append_all(std::span<Record> records);  // the same, all in one write
  Status sync();
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  explicit ManifestWriter(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  std::uint64_t next_ = 1;
  std::uint64_t size_ = 0;
  std::string lines_;  // the last ones; kept for its room
};

struct Manifest {
  std::vector<Record> records;  // in order, without those that were made void
  std::uint64_t damaged = 0;    // lines that could not be read; objects of those are found by looking
};
Result<Manifest> read_manifest(int folder, const char* name = kManifestName);

}  // namespace assent::undo
