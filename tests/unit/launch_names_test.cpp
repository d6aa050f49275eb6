// Names without their symbolic links, also where a folder is read once instead of each name looked for.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "launch/host_folders.h"

namespace assent::launch {
namespace {

class LaunchNames : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/assent-names-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    top_ = *canonical(name);
    std::filesystem::create_directories(top_ + "/real/inner");
    std::filesystem::create_directory_symlink("real", top_ + "/link");
    std::filesystem::create_symlink("nowhere", top_ + "/broken");
    std::ofstream(top_ + "/file") << "x";
  }
  void TearDown() override {
    ::chmod((top_ + "/real").c_str(), 0755);
    std::filesystem::remove_all(top_);
  }
  // So many that the folder is read.
  void miss_many(CanonicalNames& names, const std::string& folder) {
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(names.of(folder + "/missing" + std::to_string(i)));
  }
  std::string top_;
};

TEST_F(LaunchNames, WhatIsThereIsFoundAfterManyThatAreNot) {
  CanonicalNames names;
  miss_many(names, top_);
  EXPECT_EQ(names.of(top_ + "/file"), top_ + "/file");
  EXPECT_EQ(names.of(top_ + "/link"), top_ + "/real");
  EXPECT_EQ(names.of(top_ + "/link/inner"), top_ + "/real/inner");
  EXPECT_FALSE(names.of(top_ + "/broken"));
  EXPECT_FALSE(names.of(top_ + "/file/below"));
  EXPECT_FALSE(names.of(top_ + "/missing/below"));
}

TEST_F(LaunchNames, TheFolderIsTheSameByAnyOfItsNames) {
  CanonicalNames names;
  miss_many(names, top_ + "/link");
  EXPECT_EQ(names.of(top_ + "/real/inner"), top_ + "/real/inner");
  EXPECT_EQ(names.of(top_ + "/link/inner"), top_ + "/real/inner");
}

TEST_F(LaunchNames, InAFolderThatMayNotBeListedNamesAreStillFound) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may list every folder";
  ASSERT_EQ(::chmod((top_ + "/real").c_str(), 0311), 0);
  CanonicalNames names;
  miss_many(names, top_ + "/real");
  EXPECT_EQ(names.of(top_ + "/real/inner"), top_ + "/real/inner");
}

TEST_F(LaunchNames, InAVeryLongFolderNamesAreStillFound) {
  for (int i = 0; i < 1100; ++i) std::ofstream(top_ + "/real/f" + std::to_string(i));
  CanonicalNames names;
  miss_many(names, top_ + "/real");
  for (int i = 0; i < 1100; i += 7) EXPECT_TRUE(names.of(top_ + "/real/f" + std::to_string(i))) << i;
}

}  // namespace
}  // namespace assent::launch
