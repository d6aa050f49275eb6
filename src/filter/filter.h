// The seccomp filter of the agent. In: nothing but the table (table.h), read at compile time. Out: finished BPF
// programs, one for each variant, and the listener that comes of installing one. It decides on registers alone and
// never reads memory; what needs more than registers is notified. It never lets a call of a foreign ABI or of an
// unknown number through.
#pragma once

#include <linux/filter.h>

#include <span>

#include "assent/result.h"
#include "assent/unique_fd.h"
#include "filter/rule.h"

namespace assent::filter {

// For seccomp(2). Static storage.
std::span<const sock_filter> program(Variant variant);

// Puts a program over the calling thread and all it will become, and gives the listener for it. Needs no_new_privs.
// Allocates nothing where it succeeds, so it may run in a child after fork. EINVAL: a kernel without
// SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (Linux 5.19), without which a signal makes a call run twice; EBUSY: there is
// a listener over this thread already. The listener is close-on-exec and must not stay inside: the agent could answer.
Result<UniqueFd> install(std::span<const sock_filter> program);

}  // namespace assent::filter
