#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include "base/kernel_abi.h"
#include "support/broker_fixture.h"

namespace assent::test {
namespace {

SetMetadata set(const std::string& path, MetadataChange change, Follow follow = Follow::Yes) {
  return {at(path), follow, std::move(change)};
}
template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

class BrokerMetadata : public ::testing::Test {
 protected:
  BrokerMetadata() {
    write_file(temp / "a", "text");
    ::symlink("a", (temp / "link").c_str());
    ::mkdir((temp / "d").c_str(), 0755);
    ::mkfifo((temp / "fifo").c_str(), 0600);
  }
  int change(const std::string& name, MetadataChange change) {
    return code_of(desk.act(set(temp / name, std::move(change)), target(temp / name)));
  }
  struct statx now(const std::string& name) {
    return *target(temp / name).stat;
  }

  Folder temp;
  Desk desk;
};

TEST_F(BrokerMetadata, ChangesModes) {
  EXPECT_EQ(0, change("a", SetMode{0601}));
  EXPECT_EQ(0601U, now("a").stx_mode & 07777);
  EXPECT_EQ(0, change("d", SetMode{01777}));
  EXPECT_EQ(01777U, now("d").stx_mode & 07777);
  EXPECT_EQ(0, change("fifo", SetMode{0620}));
  EXPECT_EQ(EOPNOTSUPP, change("link", SetMode{0601}));
  EXPECT_EQ(ENOENT, change("none", SetMode{0601}));
}

TEST_F(BrokerMetadata, ChangesOwnersOfTheLinkItselfToo) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  EXPECT_EQ(0, change("a", SetOwner{1, 2}));
  EXPECT_EQ(1U, now("a").stx_uid);
  EXPECT_EQ(2U, now("a").stx_gid);
  EXPECT_EQ(0, change("link", SetOwner{3, static_cast<gid_t>(-1)}));
  EXPECT_EQ(3U, now("link").stx_uid);
  EXPECT_EQ(1U, now("a").stx_uid);
}

TEST_F(BrokerMetadata, SetsTimes) {
  const std::array<timespec, 2> times{{{100, 5}, {200, 6}}};
  EXPECT_EQ(0, change("a", SetTimes{times}));
  EXPECT_EQ(100, now("a").stx_atime.tv_sec);
  EXPECT_EQ(6U, now("a").stx_mtime.tv_nsec);
  EXPECT_EQ(0, change("link", SetTimes{times}));
  EXPECT_EQ(200, now("link").stx_mtime.tv_sec);
  EXPECT_EQ(0, change("a", SetTimes{}));
  EXPECT_GT(now("a").stx_mtime.tv_sec, 200);
  const std::array<timespec, 2> bad{{{0, -5}, {0, 0}}};
  EXPECT_EQ(EINVAL, desk.broker.foresee(set(temp / "a", SetTimes{bad}), std::array{target(temp / "a")}));
}

TEST_F(BrokerMetadata, ForTheTimeBeingNowWritePermissionIsEnough) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs files of two users";
  ::chmod((temp / "a").c_str(), 0666);
  as_ordinary_user([&] {
    const std::array<timespec, 2> times{{{100, 0}, {200, 0}}};
    const std::array<timespec, 2> now_twice{{{0, UTIME_NOW}, {0, UTIME_NOW}}};
    EXPECT_EQ(0, change("a", SetTimes{}));
    EXPECT_EQ(0, change("a", SetTimes{now_twice}));
    EXPECT_EQ(EPERM, change("a", SetTimes{times}));
    EXPECT_EQ(EPERM, desk.broker.foresee(set(temp / "a", SetTimes{times}), std::array{target(temp / "a")}));
    EXPECT_EQ(std::nullopt, desk.broker.foresee(set(temp / "a", SetTimes{}), std::array{target(temp / "a")}));
    EXPECT_EQ(EPERM, change("a", SetMode{0600}));
    EXPECT_EQ(EPERM, desk.broker.foresee(set(temp / "a", SetMode{0600}), std::array{target(temp / "a")}));
    EXPECT_EQ(EACCES, change("d", SetTimes{}));
    EXPECT_EQ(EACCES, desk.broker.foresee(set(temp / "d", SetTimes{}), std::array{target(temp / "d")}));
  });
}

TEST_F(BrokerMetadata, SetsAndRemovesExtendedAttributes) {
  EXPECT_EQ(0, change("a", SetXattr{"user.k", std::string("v\0w", 3), XATTR_CREATE}));
  EXPECT_EQ(EEXIST, change("a", SetXattr{"user.k", "v", XATTR_CREATE}));
  char value[8];
  EXPECT_EQ(3, ::getxattr((temp / "a").c_str(), "user.k", value, sizeof value));
  EXPECT_EQ(0, change("a", RemoveXattr{"user.k"}));
  EXPECT_EQ(ENODATA, change("a", RemoveXattr{"user.k"}));
  EXPECT_EQ(ENODATA, change("a", SetXattr{"user.k", "v", XATTR_REPLACE}));
  EXPECT_EQ(EPERM, change("link", SetXattr{"user.k", "v", 0}));
  EXPECT_EQ(EPERM, change("fifo", SetXattr{"user.k", "v", 0}));
  EXPECT_EQ(EOPNOTSUPP, change("a", SetXattr{"nonsense.k", "v", 0}));
}

TEST_F(BrokerMetadata, SetsFileFlags) {
  int flags = FS_NODUMP_FL;
  EXPECT_EQ(0, change("a", SetFileFlags{FS_IOC_SETFLAGS, bytes_of(flags)}));
  int got = 0;
  ::ioctl(UniqueFd(::open((temp / "a").c_str(), O_RDONLY)).get(), FS_IOC_GETFLAGS, &got);
  EXPECT_TRUE((got & FS_NODUMP_FL) != 0);
  EXPECT_EQ(ENOTTY, change("fifo", SetFileFlags{FS_IOC_SETFLAGS, bytes_of(flags)}));
  EXPECT_EQ(EFAULT, change("a", SetFileFlags{FS_IOC_SETFLAGS, ""}));
}

TEST_F(BrokerMetadata, AnImmutableFileIsForeseenAndLeftAlone) {
  int flags = FS_IMMUTABLE_FL;
  const UniqueFd fd(::open((temp / "a").c_str(), O_RDONLY));
  if (::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) != 0) GTEST_SKIP() << "cannot make a file immutable here";
  const Remove remove{at(temp / "a"), RemoveKind::File};
  EXPECT_EQ(EPERM, desk.broker.foresee(remove, std::array{target(temp / "a")}));
  EXPECT_EQ(EPERM, code_of(desk.act(remove, target(temp / "a"))));
  EXPECT_EQ(EPERM, desk.broker.foresee(Truncate{at(temp / "a"), 0}, std::array{target(temp / "a")}));
  EXPECT_EQ(EPERM, code_of(desk.act(Truncate{at(temp / "a"), 0}, target(temp / "a"))));
  EXPECT_EQ(EPERM, change("a", SetMode{0600}));
  flags = 0;
  ::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags);
  EXPECT_EQ("text", read_file(temp / "a"));
}

TEST_F(BrokerMetadata, AnObjectThatWasSwappedIsNotChanged) {
  Target judged = target(temp / "a");
  write_file(temp / "b", "other");
  ::chmod((temp / "b").c_str(), 0644);
  ::rename((temp / "b").c_str(), (temp / "a").c_str());
  EXPECT_TRUE(desk.act(set(temp / "a", SetMode{0777}), std::move(judged)).raced);
  EXPECT_EQ(0644U, now("a").stx_mode & 07777);
}

}  // namespace
}  // namespace assent::test
