// subjects: which operations, in the profile's words, an action on its targets means. Pure but for `recoverable`.
//
// create    a new name (open, mkdir, mknod, symlink, link, rename to a free name); O_TMPFILE as
//           FOLDER/#unnamed
// modify    open an existing object for writing; truncate that does not shorten; link of an object that is not the
//           session's own (another name must not make an object changeable that was not)
// truncate  cut a file that has bytes (O_TRUNC, truncate); one that is empty already is only modified
// rename    moved away; both of them in an exchange
// delete    unlink, rmdir, replaced by a rename
// metadata  mode, owner, times, attributes, flags
//
// A FIFO or a device node opened for writing counts as modified as well: what reads at its other end may be anything.
// The agent's own pipes, sockets and terminals, reopened through /proc/self/fd, have no name and are no subject.
// No subject at all means: the call changes nothing that rules are about (an open that only reads, a rename onto the
// same object); then there is nothing to decide.
#pragma once

#include <functional>
#include <vector>

#include "assent/action.h"
#include "assent/request.h"
#include "assent/target.h"

namespace assent::resolve {

struct Facts {
  // Whether git holds the object as it is; asked only when a rule wants to know. Empty: never.
  std::function<bool(const std::string& path, const FileId& id)> recoverable;
};

std::vector<FileSubject> subjects(const Action& action, const std::vector<Target>& targets, const Facts& facts);

FileType type_of(const Target& target);

}  // namespace assent::resolve
