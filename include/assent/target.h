// Target: the object an action names, pinned by descriptors. Made by resolve, judged, then acted on by the broker.
// Between the two nothing is looked up by the agent's spelling again.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "assent/file_id.h"
#include "assent/request.h"
#include "assent/unique_fd.h"

namespace assent {

// A directory seen from both sides. `host` is on the host's own (writable) mount and is what the broker works
// through; the agent's own descriptor of it is on a read-only mount. Holding `host` open keeps the inode number from
// being given out again, so a cached Directory never comes to mean another one.
struct Directory {
  UniqueFd host;  // O_PATH | O_DIRECTORY | O_CLOEXEC
  FileId id;
  std::string path;         // canonical, absolute; "/" for the root, otherwise without a slash at the end
  std::uint64_t mount = 0;  // id of the agent's mount it was reached through
  Zone zone = Zone::Read;
};
using DirectoryRef = std::shared_ptr<const Directory>;

enum class Spelling {
  Plain,
  TrailingSlash,  // "name/": only a directory will do
  Dot,            // ends in "." or is a root
  DotDot,         // ends in ".."
};

struct Target {
  DirectoryRef parent;  // empty only when the object is named by a descriptor and has no name any more
  std::string name;     // last component, no slash; empty when the object is the directory `parent` itself or nameless
  Spelling spelling = Spelling::Plain;
  std::string path;  // canonical, absolute; for showing, rules and the record
  Zone zone = Zone::Read;
  std::uint64_t mount = 0;  // id of the agent's mount the object is seen through

  // The object in that place when it was judged; none: the name does not exist. A followed symbolic link has been
  // replaced by what it points to (and `parent`, `name`, `path` are those of the final object).
  std::optional<struct statx> stat;
  FileId id;                // zero where `stat` is empty
  UniqueFd object;          // O_PATH descriptor of it (host side) where the action needs one, else empty
  UniqueFd agent_object;    // the agent's own descriptor (pidfd_getfd) for acts on descriptors, else empty
  bool own = false;         // this session created it
  bool own_folder = false;  // and the folder it lies in, or would lie in
  bool hidden = false;

  [[nodiscard]] bool exists() const { return stat.has_value(); }
};

}  // namespace assent
