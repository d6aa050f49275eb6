// Kernel constants that Debian 12's 6.1 headers lack. The only place for them; each names the Linux version it came
// with.
#pragma once

#include <linux/seccomp.h>
#include <sys/ioctl.h>

#include <cstdint>

namespace assent::abi {

// seccomp(2)
inline constexpr unsigned long kFilterFlagNewListener = 1UL << 3;                  // 5.0
inline constexpr unsigned long kFilterFlagWaitKillableRecv = 1UL << 5;             // 5.19
inline constexpr unsigned long kFdSyncWakeUp = 1UL << 0;                           // 6.6
inline constexpr unsigned long kIoctlNotifSetFlags = _IOW('!', 4, std::uint64_t);  // 6.6

// pidfd_open(2)
inline constexpr unsigned kPidfdThread = 0x80;  // O_EXCL, 6.9

// pidfd ioctl PIDFD_GET_INFO (6.13); how a process ended is told since 6.15, once it was reaped.
struct PidfdInfo {
  std::uint64_t mask, cgroupid;
  std::uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  std::int32_t exit_code;  // a wait status
  std::uint32_t coredump_mask, spare;
};
inline constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);
inline constexpr std::uint64_t kPidfdInfoExit = 1ULL << 3;

// statx(2)
inline constexpr unsigned kStatxMntId = 0x00001000U;        // 5.8
inline constexpr unsigned kStatxMntIdUnique = 0x00004000U;  // 6.8

// ioctl_nsfs(2); the argument is the number itself
inline constexpr unsigned long kNsGetPidFromPidns = _IOR(0xb7, 0x6, int);   // 6.11
inline constexpr unsigned long kNsGetTgidFromPidns = _IOR(0xb7, 0x7, int);  // 6.11
inline constexpr unsigned long kNsGetPidInPidns = _IOR(0xb7, 0x8, int);     // 6.11
inline constexpr unsigned long kNsGetTgidInPidns = _IOR(0xb7, 0x9, int);    // 6.11

// System calls by number (x86_64 and the generic table agree from 424 on).
inline constexpr int kSysCachestat = 451;       // 6.5
inline constexpr int kSysFchmodat2 = 452;       // 6.6
inline constexpr int kSysMapShadowStack = 453;  // 6.6
inline constexpr int kSysFutexWake = 454;       // 6.7
inline constexpr int kSysFutexWait = 455;       // 6.7
inline constexpr int kSysFutexRequeue = 456;    // 6.7
inline constexpr int kSysStatmount = 457;       // 6.8
inline constexpr int kSysListmount = 458;       // 6.8
inline constexpr int kSysLsmGetSelfAttr = 459;  // 6.8
inline constexpr int kSysLsmSetSelfAttr = 460;  // 6.8
inline constexpr int kSysLsmListModules = 461;  // 6.8
inline constexpr int kSysMseal = 462;           // 6.10
inline constexpr int kSysSetxattrat = 463;      // 6.13
inline constexpr int kSysGetxattrat = 464;      // 6.13
inline constexpr int kSysListxattrat = 465;     // 6.13
inline constexpr int kSysRemovexattrat = 466;   // 6.13
inline constexpr int kSysOpenTreeAttr = 467;    // 6.15
inline constexpr int kSysFileGetattr = 468;     // 6.17
inline constexpr int kSysFileSetattr = 469;     // 6.17

// Socket options (asm-generic/socket.h).
inline constexpr int kSoNetnsCookie = 71;  // 5.14
inline constexpr int kSoBufLock = 72;      // 5.14
inline constexpr int kSoPeerPidfd = 77;    // 6.5
inline constexpr int kSockSndbufLock = 1;
inline constexpr int kSockRcvbufLock = 2;

// Landlock rights beyond the 6.1 headers (ABI 2).
inline constexpr std::uint64_t kLandlockFsIoctlDev = 1ULL << 15;  // ABI 5, 6.10
inline constexpr std::uint64_t kLandlockNetBindTcp = 1ULL << 0;   // ABI 4, 6.7
inline constexpr std::uint64_t kLandlockNetConnectTcp = 1ULL << 1;
inline constexpr std::uint64_t kLandlockScopeAbstractUnix = 1ULL << 0;  // ABI 6, 6.12
inline constexpr std::uint64_t kLandlockScopeSignal = 1ULL << 1;

}  // namespace assent::abi
