// What comes out of each call: the Action, to the last field.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#include <set>
#include <stdexcept>
#include <vector>

#include "base/kernel_abi.h"
#include "decode_native.h"

namespace assent::decode {
namespace {

constexpr int kCwd = AT_FDCWD;

TEST(Decode, RemovalsCarryTheirKind) {
  auto remove = expect_action<Remove>(SYS_unlinkat, 7, "a/b", 0);
  EXPECT_EQ(remove.path, (PathArg{7, "a/b"}));
  EXPECT_EQ(remove.kind, RemoveKind::File);
  EXPECT_EQ(expect_action<Remove>(SYS_unlinkat, 7, "a/b", AT_REMOVEDIR).kind, RemoveKind::Directory);
#ifdef SYS_unlink
  EXPECT_EQ(expect_action<Remove>(SYS_unlink, "x").path, (PathArg{AT_FDCWD, "x"}));
  EXPECT_EQ(expect_action<Remove>(SYS_rmdir, "x").kind, RemoveKind::Directory);
#endif
}

TEST(Decode, OnlyTheLowHalfOfADescriptorAndOfFlagsCounts) {
  const std::uint64_t dirty = 0xdeadbeef00000000;
  auto remove = expect_action<Remove>(SYS_unlinkat, dirty | static_cast<std::uint32_t>(AT_FDCWD), "x", dirty);
  EXPECT_EQ(remove.path.dirfd, AT_FDCWD);
  remove = expect_action<Remove>(SYS_unlinkat, dirty | 5U, "x", dirty | AT_REMOVEDIR);
  EXPECT_EQ(remove.path.dirfd, 5);
  EXPECT_EQ(expect_action<SetMetadata>(SYS_fchmod, dirty | 5U, 0600).path, (PathArg{5, "", Descriptor::Opened}));
}

TEST(Decode, RenamesCarryBothPathsAndFlags) {
  auto rename = expect_action<Rename>(SYS_renameat2, 3, "from", 4, "to", RENAME_EXCHANGE);
  EXPECT_EQ(rename.from, (PathArg{3, "from"}));
  EXPECT_EQ(rename.to, (PathArg{4, "to"}));
  EXPECT_EQ(rename.flags, unsigned{RENAME_EXCHANGE});
  EXPECT_EQ(expect_action<Rename>(SYS_renameat2, 3, "from", 4, "to", RENAME_NOREPLACE | RENAME_WHITEOUT).flags,
            unsigned{RENAME_NOREPLACE | RENAME_WHITEOUT});
}

TEST(Decode, OpensComeOutAsTheKernelUnderstandsThem) {
  auto open = expect_action<Open>(SYS_openat, kCwd, "f", O_RDWR | O_CREAT | O_TRUNC | 0100000 | 0x40000000, 0107644);
  EXPECT_EQ(open.flags, std::uint64_t{O_RDWR | O_CREAT | O_TRUNC});
  EXPECT_EQ(open.mode, 07644U);
  EXPECT_EQ(open.call, OpenCall::Open);
  open = expect_action<Open>(SYS_openat, kCwd, "f", O_WRONLY, 0777);
  EXPECT_EQ(open.mode, 0U) << "no file is made, so there is no mode";
  open = expect_action<Open>(SYS_openat, kCwd, "f", O_PATH | O_RDWR | O_TRUNC | O_CREAT | O_NOFOLLOW, 0777);
  EXPECT_EQ(open.flags, std::uint64_t{O_PATH | O_NOFOLLOW}) << "O_PATH beats everything else";
#ifdef SYS_creat
  open = expect_action<Open>(SYS_creat, "f", 0640);
  EXPECT_EQ(open.flags, std::uint64_t{O_CREAT | O_WRONLY | O_TRUNC});
  EXPECT_EQ(open.mode, 0640U);
#endif
  struct open_how how {};
  how.flags = O_WRONLY | O_CREAT | O_EXCL | 0100000;
  how.mode = 0600;
  how.resolve = RESOLVE_BENEATH;
  open = expect_action<Open>(SYS_openat2, 9, "g", &how, sizeof how);
  EXPECT_EQ(open.path, (PathArg{9, "g"}));
  EXPECT_EQ(open.flags, std::uint64_t{O_WRONLY | O_CREAT | O_EXCL});
  EXPECT_EQ(open.mode, 0600U);
  EXPECT_EQ(open.resolve, std::uint64_t{RESOLVE_BENEATH});
  EXPECT_EQ(open.call, OpenCall::Openat2);
}

TEST(Decode, TruncateKeepsLengthsBeyond32Bits) {
  const auto truncate = expect_action<Truncate>(SYS_truncate, "f", std::int64_t{1} << 40);
  EXPECT_EQ(truncate.length, std::int64_t{1} << 40);
}

TEST(Decode, LinksAndSymlinksKeepTheOrderOfTheirNames) {
  auto link = expect_action<Link>(SYS_linkat, 3, "old", 4, "new", AT_SYMLINK_FOLLOW);
  EXPECT_EQ(link.from, (PathArg{3, "old"}));
  EXPECT_EQ(link.to, (PathArg{4, "new"}));
  EXPECT_EQ(link.follow, Follow::Yes);
  EXPECT_EQ(expect_action<Link>(SYS_linkat, 3, "", 4, "new", AT_EMPTY_PATH).from, (PathArg{3, ""}));
  const auto symlink = expect_action<MakeSymlink>(SYS_symlinkat, "target", 4, "name");
  EXPECT_EQ(symlink.target, "target");
  EXPECT_EQ(symlink.path, (PathArg{4, "name"}));
}

TEST(Decode, NodesCarryModeAndDevice) {
  EXPECT_EQ(expect_action<MakeDirectory>(SYS_mkdirat, kCwd, "d", 01755).mode, 01755U);
  const auto node = expect_action<MakeNode>(SYS_mknodat, kCwd, "n", S_IFCHR | 0600, 0xabcdef0012345678);
  EXPECT_EQ(node.mode, static_cast<mode_t>(S_IFCHR | 0600));
  EXPECT_EQ(node.device, 0x12345678U);
}

TEST(Decode, ModesAndOwnersComeWithOrWithoutFollowing) {
  auto change = expect_action<SetMetadata>(abi::kSysFchmodat2, 3, "f", 0104755, AT_SYMLINK_NOFOLLOW);
  EXPECT_EQ(change.path, (PathArg{3, "f"}));
  EXPECT_EQ(change.follow, Follow::No);
  EXPECT_EQ(std::get<SetMode>(change.change).mode, 04755U);
  change = expect_action<SetMetadata>(SYS_fchownat, 3, "", -1, 1000, AT_EMPTY_PATH);
  EXPECT_EQ(change.path, (PathArg{3, ""}));
  EXPECT_EQ(std::get<SetOwner>(change.change).uid, static_cast<uid_t>(-1));
  EXPECT_EQ(std::get<SetOwner>(change.change).gid, 1000U);
#ifdef SYS_lchown
  EXPECT_EQ(expect_action<SetMetadata>(SYS_lchown, "f", 1, 2).follow, Follow::No);
  EXPECT_EQ(expect_action<SetMetadata>(SYS_chown, "f", 1, 2).follow, Follow::Yes);
#endif
}

TEST(Decode, EveryFormOfTimesBecomesNanoseconds) {
  const auto times = [](const SetMetadata& change) { return std::get<SetTimes>(change.change).times; };
  EXPECT_FALSE(times(expect_action<SetMetadata>(SYS_utimensat, kCwd, "f", nullptr, 0)));
  const timespec now[2] = {{5, UTIME_NOW}, {6, UTIME_NOW}};
  EXPECT_FALSE(times(expect_action<SetMetadata>(SYS_utimensat, kCwd, "f", now, 0)));
  const timespec half[2] = {{5, UTIME_OMIT}, {6, 7}};
  auto got = times(expect_action<SetMetadata>(SYS_utimensat, kCwd, "f", half, AT_SYMLINK_NOFOLLOW));
  ASSERT_TRUE(got);
  EXPECT_EQ((*got)[0].tv_nsec, UTIME_OMIT);
  EXPECT_EQ((*got)[1].tv_sec, 6);
  EXPECT_EQ((*got)[1].tv_nsec, 7);
#ifdef SYS_utimes
  const timeval micro[2] = {{5, 999'999}, {-6, 7}};
  got = times(expect_action<SetMetadata>(SYS_utimes, "f", micro));
  ASSERT_TRUE(got);
  EXPECT_EQ((*got)[0].tv_nsec, 999'999'000);
  EXPECT_EQ((*got)[1].tv_sec, -6);
  const utimbuf seconds{8, 9};
  got = times(expect_action<SetMetadata>(SYS_utime, "f", &seconds));
  ASSERT_TRUE(got);
  EXPECT_EQ((*got)[0].tv_sec, 8);
  EXPECT_EQ((*got)[1].tv_sec, 9);
  EXPECT_EQ(expect_action<SetMetadata>(SYS_futimesat, 5, nullptr, nullptr).path, (PathArg{5, "", Descriptor::Opened}));
#endif
}

TEST(Decode, AttributesAreCopiedWithTheirBytes) {
  const char value[] = {'a', '\0', 'b'};
  auto change = expect_action<SetMetadata>(SYS_lsetxattr, "f", "user.x", &value[0], 3, XATTR_CREATE);
  EXPECT_EQ(change.follow, Follow::No);
  auto set = std::get<SetXattr>(change.change);
  EXPECT_EQ(set.name, "user.x");
  EXPECT_EQ(set.value, std::string(value, 3));
  EXPECT_EQ(set.flags, XATTR_CREATE);
  const struct {
    const void* value;
    std::uint32_t size;
    std::uint32_t flags;
  } args{value, 3, XATTR_REPLACE};
  change = expect_action<SetMetadata>(abi::kSysSetxattrat, 3, nullptr, AT_EMPTY_PATH, "user.y", &args, sizeof args);
  EXPECT_EQ(change.path, (PathArg{3, ""}));
  EXPECT_EQ(std::get<SetXattr>(change.change).flags, XATTR_REPLACE);
  EXPECT_EQ(std::get<RemoveXattr>(expect_action<SetMetadata>(SYS_fremovexattr, 4, "user.z").change).name, "user.z");
}

TEST(Decode, FileFlagsKeepTheNumberAndAsManyBytesAsTheNumberPromises) {
  const std::uint32_t flags[2] = {0x12345678, 0xffffffff};
  const auto number = static_cast<std::uint64_t>(FS_IOC_SETFLAGS);
  const auto change = expect_action<SetMetadata>(SYS_ioctl, 5, number, &flags);
  EXPECT_EQ(change.path, (PathArg{5, "", Descriptor::Opened}));
  const auto& set = std::get<SetFileFlags>(change.change);
  EXPECT_EQ(set.request, number);
  EXPECT_EQ(set.argument, std::string("\x78\x56\x34\x12\0\0\0\0", 8));
  EXPECT_EQ(expect_error(SYS_ioctl, 5, 0x5401, &flags), ENOTTY);
}

TEST(Decode, AddressesAreCopiedAsGiven) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = 443;
  const std::string bytes(reinterpret_cast<const char*>(&address), sizeof address);
  auto connect = expect_action<Connect>(SYS_connect, 6, &address, sizeof address);
  EXPECT_EQ(connect.socket, 6);
  EXPECT_EQ(connect.address, bytes);
  EXPECT_EQ(expect_action<Bind>(SYS_bind, 6, &address, sizeof address).address, bytes);
  EXPECT_EQ(expect_action<Listen>(SYS_listen, 6, 128).backlog, 128);
  EXPECT_EQ(expect_action<Connect>(SYS_connect, 6, nullptr, 0).address, "");
}

TEST(Decode, PlacesOfDatagramsAreCopiedEachOnceAndWhatCannotBeReadIsLeftOut) {
  sockaddr_in one{};
  one.sin_family = AF_INET;
  one.sin_port = 1;
  sockaddr_in two = one;
  two.sin_port = 2;
  const auto bytes = [](const sockaddr_in& a) { return std::string(reinterpret_cast<const char*>(&a), sizeof a); };
  auto* const nowhere = reinterpret_cast<sockaddr_in*>(1);

  auto send = expect_action<Send>(SYS_sendto, 6, "x", 1, 0, &one, sizeof one);
  EXPECT_EQ(send.socket, 6);
  EXPECT_EQ(send.addresses, std::vector{bytes(one)});
  EXPECT_TRUE(expect_action<Send>(SYS_sendto, 6, "x", 1, 0, nullptr, 0).addresses.empty());
  EXPECT_TRUE(expect_action<Send>(SYS_sendto, 6, "x", 1, 0, nowhere, sizeof one).addresses.empty());
  EXPECT_TRUE(expect_action<Send>(SYS_sendto, 6, "x", 1, 0, &one, -1).addresses.empty());
  EXPECT_TRUE(expect_action<Send>(SYS_sendto, 6, "x", 1, 0, &one, 129).addresses.empty());

  msghdr message{};
  EXPECT_TRUE(expect_action<Send>(SYS_sendmsg, 6, &message, 0).addresses.empty());
  message.msg_name = &two;
  message.msg_namelen = sizeof two;
  EXPECT_EQ(expect_action<Send>(SYS_sendmsg, 6, &message, 0).addresses, std::vector{bytes(two)});
  EXPECT_TRUE(expect_action<Send>(SYS_sendmsg, 6, nowhere, 0).addresses.empty());

  std::vector<mmsghdr> many(70);
  sockaddr_in last = one;
  last.sin_port = 3;
  for (std::size_t i = 0; i < many.size(); ++i) {
    many[i].msg_hdr.msg_name = i < 64 ? (i % 2 == 0 ? &one : &two) : &last;
    many[i].msg_hdr.msg_namelen = sizeof one;
  }
  const std::vector both{bytes(one), bytes(two)};
  EXPECT_EQ(expect_action<Send>(SYS_sendmmsg, 6, many.data(), 70, 0).addresses, both);
  EXPECT_EQ(expect_action<Send>(SYS_sendmmsg, 6, many.data(), 1, 0).addresses, std::vector{bytes(one)});
  EXPECT_TRUE(expect_action<Send>(SYS_sendmmsg, 6, many.data(), 0, 0).addresses.empty());
  EXPECT_TRUE(expect_action<Send>(SYS_sendmmsg, 6, nowhere, 1, 0).addresses.empty());
}

TEST(Decode, ArgvIsCopiedUpToItsBound) {
  const char* words[] = {"rm", "-rf", "", nullptr};
  auto exec = expect_action<Exec>(SYS_execve, "/bin/rm", words, nullptr);
  EXPECT_EQ(exec.path, (PathArg{AT_FDCWD, "/bin/rm"}));
  EXPECT_EQ(exec.argv, (std::vector<std::string>{"rm", "-rf", ""}));
  EXPECT_FALSE(exec.argv_cut);
  EXPECT_TRUE(expect_action<Exec>(SYS_execve, "/bin/rm", nullptr, nullptr).argv.empty());
  EXPECT_EQ(expect_action<Exec>(SYS_execveat, 5, "", words, nullptr, AT_EMPTY_PATH).path, (PathArg{5, ""}));

  std::vector<const char*> many(kMaxArguments, "a");
  many.push_back(nullptr);
  exec = expect_action<Exec>(SYS_execve, "x", many.data(), nullptr);
  EXPECT_EQ(exec.argv.size(), kMaxArguments);
  EXPECT_FALSE(exec.argv_cut);
  many.insert(many.begin(), "a");
  exec = expect_action<Exec>(SYS_execve, "x", many.data(), nullptr);
  EXPECT_EQ(exec.argv.size(), kMaxArguments);
  EXPECT_TRUE(exec.argv_cut);

  const std::string big(kMaxArgumentBytes - 10, 'b');
  const char* two[] = {big.c_str(), "more than ten bytes", nullptr};
  exec = expect_action<Exec>(SYS_execve, "x", two, nullptr);
  EXPECT_EQ(exec.argv, std::vector<std::string>{big});
  EXPECT_TRUE(exec.argv_cut);
}

TEST(Decode, AskingForAccessHasAPathAModeAndFlags) {
  auto check = expect_action<CheckAccess>(SYS_access, "a", W_OK | R_OK);
  EXPECT_EQ(check.path, (PathArg{AT_FDCWD, "a"}));
  EXPECT_EQ(check.mode, W_OK | R_OK);
  EXPECT_EQ(check.flags, 0);
  check = expect_action<CheckAccess>(SYS_faccessat, 7, "a", W_OK);
  EXPECT_EQ(check.path, (PathArg{7, "a"}));
  check = expect_action<CheckAccess>(SYS_faccessat2, 7, "", W_OK, AT_EMPTY_PATH | AT_EACCESS | AT_SYMLINK_NOFOLLOW);
  EXPECT_EQ(check.path, (PathArg{7, ""}));
  EXPECT_EQ(check.flags, AT_EMPTY_PATH | AT_EACCESS | AT_SYMLINK_NOFOLLOW);
  EXPECT_EQ(expect_error(SYS_access, "a", 8), EINVAL);
  EXPECT_EQ(expect_error(SYS_faccessat, AT_FDCWD, "", W_OK), ENOENT);
  EXPECT_EQ(expect_error(SYS_faccessat2, AT_FDCWD, "a", W_OK, 1), EINVAL);
}

TEST(Decode, CallsThatCachesDependOnAreTold) {
  EXPECT_NO_THROW(expect_action<ChangeDirectory>(SYS_chdir, nullptr));
  EXPECT_NO_THROW(expect_action<ChangeDirectory>(SYS_fchdir, 3));
  EXPECT_EQ(expect_action<ChangeUmask>(SYS_umask, 07022).mask, 022U);
}

TEST(Decode, ANumberThatIsNotKnownIsRefused) {
  for (const int number : {-1, 0, SYS_read, SYS_exit_group, 511, 512, 100000, static_cast<int>(0x40000057)}) {
    EXPECT_EQ(expect_error(number, 1, 2, 3), ENOSYS) << number;
    EXPECT_EQ(call_name(number), "");
  }
}

TEST(Decode, EveryGatedCallHasItsKernelName) {
  EXPECT_EQ(call_name(SYS_unlinkat), "unlinkat");
  EXPECT_EQ(call_name(abi::kSysFileSetattr), "file_setattr");
  std::set<std::string_view> names;
  int count = 0;
  for (int number = 0; number < 600; ++number) {
    if (call_name(number).empty()) continue;
    names.insert(call_name(number));
    ++count;
  }
  EXPECT_EQ(static_cast<int>(names.size()), count) << "no name twice";
#ifdef __x86_64__
  EXPECT_EQ(count, 55);
#endif
}

}  // namespace
}  // namespace assent::decode
