// The rules of those calls whose treatment hangs on a register. Numbers are the kernel's, for x86_64.
#pragma once

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/kernel_abi.h"
#include "filter/rule.h"

namespace assent::filter::conditions {

constexpr Condition equals(std::uint8_t argument, std::uint32_t value, std::uint32_t mask = 0xffffffff) {
  return {argument, Test::Equals, mask, value};
}
constexpr Condition any_bit(std::uint8_t argument, std::uint32_t mask) { return {argument, Test::AnyBit, mask, 0}; }
constexpr Condition non_zero(std::uint8_t argument) { return {argument, Test::NonZero, 0, 0}; }

// open, openat. O_PATH comes first: with it the kernel drops every flag that could write or create (build_open_how).
// The access mode 3 is neither reading nor writing but wants both rights; it counts as writing. O_TMPFILE is tested
// without the O_DIRECTORY bit that it holds for the sake of old kernels.
inline constexpr std::uint32_t kTmpfileBit = O_TMPFILE & ~O_DIRECTORY;
inline constexpr std::uint32_t kWritingBits = O_ACCMODE | O_CREAT | O_TRUNC | kTmpfileBit;
template <std::uint8_t kFlags>
inline constexpr std::array<Rule, 2> kOpen{
    Rule{{any_bit(kFlags, O_PATH)}, floor_suffices()},
    Rule{{any_bit(kFlags, kWritingBits)}, notify()},
};
template <std::uint8_t kFlags>
inline constexpr std::array<Rule, 2> kOpenGateReads{
    Rule{{any_bit(kFlags, O_PATH)}, floor_suffices()},
    Rule{{}, notify()},
};

// Not in any header: asked for by 32-bit programs, but some file systems take them from everyone.
inline constexpr std::uint32_t kFsIoc32SetFlags = _IOW('f', 2, int);
inline constexpr std::uint32_t kFsIoc32SetVersion = _IOW('v', 2, int);
inline constexpr std::uint32_t kFsIocSetVersion = _IOW('v', 2, long);
static_assert(kFsIocSetVersion == FS_IOC_SETVERSION && kFsIoc32SetFlags == FS_IOC32_SETFLAGS);
inline constexpr std::uint32_t kTiocSti = 0x5412;
inline constexpr std::uint32_t kTiocLinux = 0x541c;
inline constexpr std::uint32_t kTiocCons = 0x541d;
inline constexpr std::uint32_t kTiocSetd = 0x5423;
// Takes the key of the user's encrypted folders away, on the real file system, through a read-only descriptor.
inline constexpr std::uint32_t kFsIocRemoveKey = 0xc0406618;
inline constexpr std::uint32_t kFsIocRemoveKeyAllUsers = 0xc0406619;
inline constexpr std::array kIoctl{
    Rule{{equals(1, kTiocSti)}, deny(EPERM)},        Rule{{equals(1, kTiocLinux)}, deny(EPERM)},
    Rule{{equals(1, kTiocCons)}, deny(EPERM)},       Rule{{equals(1, kTiocSetd)}, deny(EPERM)},
    Rule{{equals(1, kFsIocRemoveKey)}, deny(EPERM)}, Rule{{equals(1, kFsIocRemoveKeyAllUsers)}, deny(EPERM)},
    Rule{{equals(1, FS_IOC_SETFLAGS)}, notify()},    Rule{{equals(1, kFsIoc32SetFlags)}, notify()},
    Rule{{equals(1, FS_IOC_FSSETXATTR)}, notify()},  Rule{{equals(1, kFsIocSetVersion)}, notify()},
    Rule{{equals(1, kFsIoc32SetVersion)}, notify()},
};

// clone. CLONE_FS and CLONE_THREAD must come together: then the threads of a process, and nobody else, share one
// working folder and umask, and what the supervisor remembers of them by process is true. pthread_create gives both,
// fork, vfork and posix_spawn neither.
inline constexpr std::uint32_t kNamespaceFlags =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
inline constexpr std::array kClone{
    Rule{{any_bit(0, kNamespaceFlags)}, deny(EPERM)},
    Rule{{equals(0, CLONE_FS, CLONE_FS | CLONE_THREAD)}, deny(EPERM)},
    Rule{{equals(0, CLONE_THREAD, CLONE_FS | CLONE_THREAD)}, deny(EPERM)},
};
// unshare. CLONE_NEWTIME shares its bit with clone's exit signal, so it counts here only.
inline constexpr std::array kUnshare{
    Rule{{any_bit(0, kNamespaceFlags | CLONE_NEWTIME | CLONE_FS)}, deny(EPERM)},
};

// seccomp. Programs may add filters of their own (browsers do): a newer filter can only make a verdict stricter. Its
// SECCOMP_RET_USER_NOTIF and RET_TRACE, with nobody to listen, make the call fail with ENOSYS.
inline constexpr std::array kSeccomp{
    Rule{{any_bit(1, static_cast<std::uint32_t>(abi::kFilterFlagNewListener))}, deny(EPERM)},
};

// socket. The kernel takes the type from the low four bits; the others are SOCK_NONBLOCK and SOCK_CLOEXEC. AF_UNIX has
// no SOCK_DGRAM (nor SOCK_RAW, which the kernel turns into it): such a socket names its peer in memory, in every
// sendmsg, where a filter cannot see it. Nor has a pair of them: one of a pair still reaches any other (measured).
inline constexpr std::uint32_t kTypeBits = 0xf;
inline constexpr std::array kSocket{
    Rule{{equals(0, AF_UNIX), equals(1, SOCK_STREAM, kTypeBits)}, floor_suffices()},
    Rule{{equals(0, AF_UNIX), equals(1, SOCK_SEQPACKET, kTypeBits)}, floor_suffices()},
    Rule{{equals(0, AF_INET), equals(1, SOCK_STREAM, kTypeBits), equals(2, 0)}, floor_suffices()},
    Rule{{equals(0, AF_INET), equals(1, SOCK_STREAM, kTypeBits), equals(2, IPPROTO_TCP)}, floor_suffices()},
    Rule{{equals(0, AF_INET), equals(1, SOCK_DGRAM, kTypeBits), equals(2, 0)}, floor_suffices()},
    Rule{{equals(0, AF_INET), equals(1, SOCK_DGRAM, kTypeBits), equals(2, IPPROTO_UDP)}, floor_suffices()},
    Rule{{equals(0, AF_INET6), equals(1, SOCK_STREAM, kTypeBits), equals(2, 0)}, floor_suffices()},
    Rule{{equals(0, AF_INET6), equals(1, SOCK_STREAM, kTypeBits), equals(2, IPPROTO_TCP)}, floor_suffices()},
    Rule{{equals(0, AF_INET6), equals(1, SOCK_DGRAM, kTypeBits), equals(2, 0)}, floor_suffices()},
    Rule{{equals(0, AF_INET6), equals(1, SOCK_DGRAM, kTypeBits), equals(2, IPPROTO_UDP)}, floor_suffices()},
    Rule{{equals(0, AF_NETLINK), equals(1, SOCK_RAW, kTypeBits), equals(2, NETLINK_ROUTE)}, floor_suffices()},
    Rule{{equals(0, AF_NETLINK), equals(1, SOCK_DGRAM, kTypeBits), equals(2, NETLINK_ROUTE)}, floor_suffices()},
    // The right family with another type or protocol. EPROTONOSUPPORT is what programs that try MPTCP first expect.
    Rule{{equals(0, AF_UNIX)}, deny(EACCES)},
    Rule{{equals(0, AF_INET)}, deny(EPROTONOSUPPORT)},
    Rule{{equals(0, AF_INET6)}, deny(EPROTONOSUPPORT)},
    Rule{{equals(0, AF_NETLINK)}, deny(EPROTONOSUPPORT)},
};
inline constexpr std::array kSocketpair{
    Rule{{equals(0, AF_UNIX), equals(1, SOCK_STREAM, kTypeBits)}, floor_suffices()},
    Rule{{equals(0, AF_UNIX), equals(1, SOCK_SEQPACKET, kTypeBits)}, floor_suffices()},
    Rule{{equals(0, AF_UNIX)}, deny(EACCES)},
};

// MSG_FASTOPEN is a connect that no one would see: sendto could be asked about, sendmsg's address is in memory.
inline constexpr std::array kSendto{
    Rule{{any_bit(3, MSG_FASTOPEN)}, deny(EOPNOTSUPP)},
    Rule{{non_zero(4)}, notify()},
};
template <std::uint8_t kFlags>
inline constexpr std::array<Rule, 1> kSendmsg{
    Rule{{any_bit(kFlags, MSG_FASTOPEN)}, deny(EOPNOTSUPP)},
};
inline constexpr std::uint32_t kTcpFastopenConnect = 30;
inline constexpr std::array kSetsockopt{
    Rule{{equals(1, IPPROTO_TCP), equals(2, kTcpFastopenConnect)}, deny(ENOPROTOOPT)},
};

}  // namespace assent::filter::conditions
