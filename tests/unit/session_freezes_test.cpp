#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "session/freezes.h"

namespace assent::session {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Watching : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/assent-freezes-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root = name;
    own = root + "/state/assent";
    system = root + "/etc/assent";
    fs::create_directories(root + "/etc");
  }
  void TearDown() override {
    freezes.reset();
    fs::remove_all(root);
  }
  void watch() {
    auto made = Freezes::create(loop, {own, system}, [this] { ++changes; });
    ASSERT_TRUE(made) << made.error().what;
    freezes = std::move(*made);
  }
  void wait_for_change(int wanted) {
    for (int i = 0; i < 300 && changes < wanted; ++i) ASSERT_TRUE(loop.run_once(10ms));
    EXPECT_EQ(changes, wanted);
  }
  static Freeze of(const std::string& folder) { return {folder, "ana", 1001, "2026-11-21T02:15:30Z"}; }

  std::string root, own, system;
  EventLoop loop = *EventLoop::create();
  std::unique_ptr<Freezes> freezes;
  int changes = 0;
};

TEST_F(Watching, AFreezeIsSeenWhileRunningAndEndsWithTheThaw) {
  watch();
  EXPECT_FALSE(freezes->any());
  EXPECT_TRUE(*add_freeze(own, of("/srv/db")));
  EXPECT_FALSE(*add_freeze(own, of("/srv/db")));
  wait_for_change(1);
  ASSERT_NE(freezes->holding("/srv/db/table"), nullptr);
  EXPECT_NE(freezes->holding("/srv/db"), nullptr);
  EXPECT_EQ(freezes->holding("/srv/dbase"), nullptr);
  EXPECT_EQ(freezes->holding("/srv"), nullptr);
  EXPECT_NE(freezes->within("/srv"), nullptr) << "moving the folder above would take it along";
  EXPECT_THAT(reason_of(*freezes->holding("/srv/db")),
              testing::AllOf(testing::HasSubstr("/srv/db"), testing::HasSubstr("ana")));
  EXPECT_TRUE(*remove_freeze(own, "/srv/db"));
  EXPECT_FALSE(*remove_freeze(own, "/srv/db"));
  wait_for_change(2);
  EXPECT_FALSE(freezes->any());
}

TEST_F(Watching, TheListOfTheWholeMachineCountsToo) {
  watch();
  EXPECT_TRUE(*add_freeze(system, of("/srv"))) << "a folder that was not there when the watch began";
  wait_for_change(1);
  EXPECT_TRUE(*add_freeze(own, of("/home/u/p")));
  wait_for_change(2);
  EXPECT_TRUE(*remove_freeze(own, "/home/u/p"));
  wait_for_change(3);
  EXPECT_NE(freezes->holding("/srv/x"), nullptr);
}

TEST_F(Watching, WhatWasFrozenBeforeIsFrozen) {
  ASSERT_TRUE(add_freeze(own, of(std::string("/p/\xff\n\"", 6))));
  watch();
  EXPECT_NE(freezes->holding(std::string("/p/\xff\n\"", 6) + "/x"), nullptr);
}

TEST_F(Watching, AListThatCannotBeReadFreezesEverything) {
  fs::create_directories(own);
  watch();
  for (const char* text : {"", "{", "[]", "{\"version\":1,\"freezes\":[{}]}",
                           "{\"version\":1,\"freezes\":[{\"folder_hex\":\"zz\"}]}", "{\"version\":2,\"freezes\":[]}"}) {
    const int before = changes;
    std::ofstream(own + "/freezes.json.other") << text;
    fs::rename(own + "/freezes.json.other", own + "/freezes.json");
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(loop.run_once(10ms));
    EXPECT_NE(freezes->holding("/anything"), nullptr) << text << before;
    EXPECT_FALSE(add_freeze(own, of("/p"))) << "and nothing overwrites it";
  }
}

}  // namespace
}  // namespace assent::session
