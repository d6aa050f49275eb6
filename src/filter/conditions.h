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
#include <unistd.h>

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

// access, faccessat, faccessat2. The view is read-only, so of writing only the host's mount can tell.
template <std::uint8_t kMode>
inline constexpr std::array<Rule, 1> kAccess{Rule{{any_bit(kMode, W_OK)}, notify()}};

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
// Makes a file's content unchangeable for good, through a descriptor for reading, such as standard input.
inline constexpr std::uint32_t kFsIocEnableVerity = 0x40806685;
// Of network devices. An allowed connection is a socket of the host's network: through it the drivers of the host's
// devices could be spoken to. Settings ask for a capability in that network, which the agent has not; asking a driver
// (ethtool, wireless, what each makes up for itself) asks for none, and nobody inside has a device to ask about.
inline constexpr std::uint32_t kSiocEthtool = 0x8946;
inline constexpr std::uint32_t kSiocPrivate = 0x89e0;   // SIOCPROTOPRIVATE to 0x89ef, SIOCDEVPRIVATE to 0x89ff
inline constexpr std::uint32_t kSiocWireless = 0x8b00;  // to 0x8bff
// Nor is it the agent's business what hardware addresses the host and its neighbours have.
inline constexpr std::uint32_t kSiocHardwareAddress = 0x8927;
inline constexpr std::uint32_t kSiocNeighbour = 0x8954;
inline constexpr std::array kIoctl{
    Rule{{equals(1, kTiocSti)}, deny(EPERM)},
    Rule{{equals(1, kTiocLinux)}, deny(EPERM)},
    Rule{{equals(1, kTiocCons)}, deny(EPERM)},
    Rule{{equals(1, kTiocSetd)}, deny(EPERM)},
    Rule{{equals(1, kFsIocRemoveKey)}, deny(EPERM)},
    Rule{{equals(1, kFsIocRemoveKeyAllUsers)}, deny(EPERM)},
    Rule{{equals(1, kFsIocEnableVerity)}, deny(EPERM)},
    Rule{{equals(1, FS_IOC_SETFLAGS)}, notify()},
    Rule{{equals(1, kFsIoc32SetFlags)}, notify()},
    Rule{{equals(1, FS_IOC_FSSETXATTR)}, notify()},
    Rule{{equals(1, kFsIocSetVersion)}, notify()},
    Rule{{equals(1, kFsIoc32SetVersion)}, notify()},
    Rule{{equals(1, kSiocEthtool)}, deny(EPERM)},
    Rule{{equals(1, kSiocPrivate, 0xffffffe0)}, deny(EPERM)},
    Rule{{equals(1, kSiocWireless, 0xffffff00)}, deny(EPERM)},
    Rule{{equals(1, kSiocHardwareAddress)}, deny(EPERM)},
    Rule{{equals(1, kSiocNeighbour)}, deny(EPERM)},
};

// fcntl. A lease on a file that may only be read holds up everybody who opens it for writing, the user outside and the
// supervisor too, for as long as /proc/sys/fs/lease-break-time says (45 s), again and again.
inline constexpr std::uint32_t kFSetLease = 1024;
inline constexpr std::uint32_t kFSetDelegation = 1040;  // Linux 6.19
inline constexpr std::array kFcntl{
    Rule{{equals(1, kFSetLease)}, deny(EACCES)},
    Rule{{equals(1, kFSetDelegation)}, deny(EACCES)},
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

// MSG_FASTOPEN is a connect that no one would see: its address is in memory. Any other address of a sendto leads into
// the own network namespace, which is empty: sockets of the host's network are TCP, where the kernel ignores it.
inline constexpr std::array kSendto{
    Rule{{any_bit(3, MSG_FASTOPEN)}, deny(EOPNOTSUPP)},
};
template <std::uint8_t kFlags>
inline constexpr std::array<Rule, 1> kSendmsg{
    Rule{{any_bit(kFlags, MSG_FASTOPEN)}, deny(EOPNOTSUPP)},
};
// Where a rule lets UDP out: a datagram that names its destination waits until there is a way for it. Whether a message
// names one stands in memory. With MSG_CONFIRM, which next to nobody says, it goes as it would without such a rule,
// into an empty network: so the listener itself is handed over, before anybody listens.
inline constexpr std::array kSendtoGated{
    Rule{{any_bit(3, MSG_FASTOPEN)}, deny(EOPNOTSUPP)},
    Rule{{non_zero(4)}, notify()},
};
template <std::uint8_t kFlags>
inline constexpr std::array<Rule, 3> kSendmsgGated{
    Rule{{any_bit(kFlags, MSG_FASTOPEN)}, deny(EOPNOTSUPP)},
    Rule{{any_bit(kFlags, MSG_CONFIRM)}, floor_suffices()},
    Rule{{}, notify()},
};

// setsockopt. An allowed connection is a socket of the host's network in the agent's hands, so nothing may turn its
// packets elsewhere (another device, a source route, another protocol below it), nor speak to others through it.
inline constexpr std::uint32_t kSoBindToIfIndex = 62;
inline constexpr std::uint32_t kTcpFastopenConnect = 30;
inline constexpr std::uint32_t kTcpUlp = 31;  // "smc" would leave TCP; which one it is stands in memory
inline constexpr std::uint32_t kTcpRepair = 19;
inline constexpr std::uint32_t kIpUnicastIf = 50;
inline constexpr std::uint32_t kIpv6UnicastIf = 76;
inline constexpr std::uint32_t kIpv6Options2292 = 6;
inline constexpr std::uint32_t kIpv6RoutingHeader2292 = 5;
constexpr Rule option(std::uint32_t level, std::uint32_t name, int error) {
  return Rule{{equals(1, level), equals(2, name)}, deny(error)};
}
inline constexpr std::array kSetsockopt{
    option(IPPROTO_TCP, kTcpFastopenConnect, ENOPROTOOPT),
    option(IPPROTO_TCP, kTcpUlp, ENOPROTOOPT),
    option(IPPROTO_TCP, kTcpRepair, EPERM),
    option(SOL_SOCKET, SO_BINDTODEVICE, EPERM),
    option(SOL_SOCKET, kSoBindToIfIndex, EPERM),
    option(SOL_SOCKET, SO_MARK, EPERM),
    option(IPPROTO_IP, IP_OPTIONS, EPERM),
    option(IPPROTO_IP, kIpUnicastIf, EPERM),
    option(IPPROTO_IPV6, kIpv6UnicastIf, EPERM),
    option(IPPROTO_IPV6, IPV6_PKTINFO, EPERM),
    option(IPPROTO_IPV6, IPV6_RTHDR, EPERM),
    option(IPPROTO_IPV6, IPV6_HOPOPTS, EPERM),
    option(IPPROTO_IPV6, IPV6_DSTOPTS, EPERM),
    option(IPPROTO_IPV6, IPV6_RTHDRDSTOPTS, EPERM),
    option(IPPROTO_IPV6, kIpv6Options2292, EPERM),
    option(IPPROTO_IPV6, kIpv6RoutingHeader2292, EPERM),
    // These work on TCP sockets too, and would call out to the machine's networks. What a network without multicast
    // says.
    option(IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, ENODEV),
    option(IPPROTO_IP, MCAST_JOIN_GROUP, ENODEV),
    option(IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, ENODEV),
    option(IPPROTO_IPV6, MCAST_JOIN_GROUP, ENODEV),
    option(IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, ENODEV),
};

}  // namespace assent::filter::conditions
