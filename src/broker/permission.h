// The kernel's permission checks asked ahead, with our own effective ids: the agent has the same, and no capabilities.
// Each returns the errno, or none.
#pragma once

#include <optional>

#include "assent/target.h"

namespace assent::broker {

// The host's mount of it is read-only.
bool on_read_only_mount(int fd);

// faccessat2(AT_EACCESS) of the object itself: `mode` of R_OK, W_OK, X_OK.
std::optional<int> may_access(int fd, int mode);

std::optional<int> may_create_in(const Directory& directory);
std::optional<int> may_delete_from(const Directory& directory, const struct statx& victim);

// Attribute changes: by owner only, and not of immutable or append-only objects.
bool owns(const struct statx& stat);
bool is_immutable(const struct statx& stat);
bool is_append_only(const struct statx& stat);

// fs.protected_fifos and fs.protected_regular: O_CREAT on what somebody else left in a sticky directory.
std::optional<int> may_create_over(const Directory& directory, const struct statx& existing);

// An effective capability of ours (CAP_…). The supervisor has none; a test run as root has.
bool capable(int capability);

}  // namespace assent::broker
