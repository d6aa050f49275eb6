// The umask of the performing thread. `mode & ~umask` computed by hand is wrong under a default ACL, so the kernel has
// to do it: the thread gets its own file system context once, and the caller's umask whenever it differs from the last.
#pragma once

#include <sys/types.h>

namespace assent::broker {

// 0, or an errno (then nothing may be created: it would get the wrong mode).
int adopt_umask(mode_t mask);

}  // namespace assent::broker
