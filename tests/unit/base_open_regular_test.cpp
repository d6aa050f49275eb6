// Opening what somebody else may have put in a place: a device does something when it is opened, a FIFO waits.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/sys.h"

namespace assent {
namespace {

class OpenRegular : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/assent-open-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder = name;
    std::ofstream(folder + "/file") << "content";
    ASSERT_EQ(::mkfifo((folder + "/fifo").c_str(), 0600), 0);
    ASSERT_EQ(::symlink("file", (folder + "/to-file").c_str()), 0);
    ASSERT_EQ(::symlink("fifo", (folder + "/to-fifo").c_str()), 0);
    watch.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    ASSERT_GE(::inotify_add_watch(watch.get(), (folder + "/fifo").c_str(), IN_OPEN), 0);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  int error_of(const char* name) const {
    auto opened = sys::open_regular(AT_FDCWD, (folder + "/" + name).c_str());
    return opened ? 0 : opened.error().code;
  }
  // Whether the FIFO was opened since the last time.
  bool was_opened() const {
    std::array<char, 4096> events;
    return ::read(watch.get(), events.data(), events.size()) > 0;
  }

  std::string folder;
  UniqueFd watch;
};

TEST_F(OpenRegular, OpensFilesAndSaysWhatElseIsThere) {
  EXPECT_EQ(error_of("file"), 0);
  EXPECT_EQ(error_of("to-file"), 0);
  EXPECT_EQ(error_of("absent"), ENOENT);
  EXPECT_EQ(error_of("."), EISDIR);
  EXPECT_EQ(error_of("fifo"), EINVAL);
  auto link = sys::open_regular(AT_FDCWD, (folder + "/to-file").c_str(), RESOLVE_NO_SYMLINKS);
  ASSERT_FALSE(link);
  EXPECT_EQ(link.error().code, ELOOP);
}

TEST_F(OpenRegular, NeverOpensWhatIsNone) {
  EXPECT_EQ(error_of("fifo"), EINVAL);
  EXPECT_EQ(error_of("to-fifo"), EINVAL);
  EXPECT_FALSE(was_opened());
  // The control: a look after the opening is too late.
  const UniqueFd opened(::open((folder + "/to-fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_TRUE(was_opened());
}

}  // namespace
}  // namespace assent
