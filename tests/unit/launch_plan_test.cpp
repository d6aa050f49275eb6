// The mount plan is a list worked out from a layout: no namespace is needed to look at it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "assent/unique_fd.h"
#include "launch/floor.h"
#include "launch/mount_plan.h"
#include "launch/stage.h"

namespace assent::launch {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class Plan : public testing::Test {
 protected:
  Plan() {
    char name[] = "/var/tmp/assent-plan-XXXXXX";
    if (::mkdtemp(name) == nullptr) std::abort();
    root = std::filesystem::canonical(name);
    for (const char* folder : {"/home/project/sub", "/home/.config/gh", "/home/.ssh", "/home/cache"}) {
      std::filesystem::create_directories(root + folder);
    }
    for (const char* file : {"/home/.netrc", "/home/plain", "/home/project/.env", "/home/.config/rc"})
      std::ofstream(root + file) << "x";
    std::filesystem::create_symlink("plain", root + "/home/link");
    layout.project = root + "/home/project";
    layout.gated = {layout.project};
  }
  ~Plan() override { std::filesystem::remove_all(root); }

  MountPlan plan() {
    auto made = plan_mounts(layout, {});
    if (!made) ADD_FAILURE() << made.error().what;
    return made ? std::move(*made) : MountPlan{};
  }
  std::string refusal() {
    auto made = plan_mounts(layout, {});
    return made ? "not refused" : made.error().what;
  }
  static const Step* find(const MountPlan& plan, const std::string& path, Step::Act act) {
    const auto found = std::find_if(plan.steps.begin(), plan.steps.end(),
                                    [&](const Step& step) { return step.path == path && step.act == act; });
    return found == plan.steps.end() ? nullptr : &*found;
  }
  static std::ptrdiff_t position(const MountPlan& plan, const Step* step) { return step - plan.steps.data(); }

  std::string root;
  Layout layout;
};

TEST_F(Plan, WithNothingHiddenNoFolderIsBuiltFromAList) {
  for (const Step& step : plan().steps) EXPECT_NE(step.act, Step::Act::Entry) << step.path;
}

TEST_F(Plan, TheFolderOfAHiddenNameIsBuiltFromAListWithoutIt) {
  layout.hidden = {root + "/home/.netrc"};
  const MountPlan made = plan();
  EXPECT_TRUE(find(made, root + "/home", Step::Act::Tmpfs) != nullptr ||
              find(made, root + "/home", Step::Act::Folder) != nullptr);
  EXPECT_NE(find(made, root + "/home/plain", Step::Act::Entry), nullptr);
  EXPECT_NE(find(made, root + "/home/.ssh", Step::Act::Entry), nullptr);
  EXPECT_NE(find(made, root + "/home/link", Step::Act::Link), nullptr);
  EXPECT_EQ(find(made, root + "/home/.netrc", Step::Act::Entry), nullptr);
  EXPECT_THAT(made.absent, Contains(root + "/home/.netrc"));
}

TEST_F(Plan, AHiddenNameThatDoesNotExistYetIsKeptOutToo) {
  layout.hidden = {root + "/home/.aws/credentials"};
  const MountPlan made = plan();
  EXPECT_NE(find(made, root + "/home/plain", Step::Act::Entry), nullptr);
  EXPECT_THAT(made.absent, Contains(root + "/home/.aws/credentials"));
}

TEST_F(Plan, FoldersAboveThatTheUserCouldMoveAwayAreBuiltFromAListAsWell) {
  layout.hidden = {root + "/home/.config/gh"};
  const MountPlan made = plan();
  EXPECT_NE(find(made, root + "/home/.config/rc", Step::Act::Entry), nullptr);
  EXPECT_NE(find(made, root + "/home/plain", Step::Act::Entry), nullptr);
}

TEST_F(Plan, WhatAHiddenLinkLeadsToIsHiddenToo) {
  layout.hidden = {root + "/home/link"};
  const MountPlan made = plan();
  EXPECT_EQ(find(made, root + "/home/plain", Step::Act::Entry), nullptr);
  EXPECT_EQ(find(made, root + "/home/link", Step::Act::Link), nullptr);
}

TEST_F(Plan, AProjectInsideAHiddenFolderIsStillInItsPlace) {
  layout.hidden = {root + "/home"};
  const MountPlan made = plan();
  const Step* way = find(made, root + "/home", Step::Act::Folder);
  const Step* project = find(made, layout.project, Step::Act::Attach);
  ASSERT_NE(way, nullptr);
  ASSERT_NE(project, nullptr);
  EXPECT_LT(position(made, way), position(made, project));
  EXPECT_THAT(made.absent, Not(Contains(root + "/home")));
}

TEST_F(Plan, PlacesAreMadeBeforeTheyAreNeeded) {
  layout.hidden = {root + "/home/.netrc", root + "/home/.config/gh"};
  layout.private_folders = {"/tmp"};
  layout.free = {root + "/home/cache"};
  layout.extra = {{root + "/home/plain", "/run/assent/denials"}};
  const MountPlan made = plan();
  for (std::size_t i = 0; i < made.steps.size(); ++i) {
    for (std::size_t j = i + 1; j < made.steps.size(); ++j) {
      EXPECT_FALSE(made.steps[i].path.starts_with(made.steps[j].path + "/"))
          << made.steps[i].path << " comes before " << made.steps[j].path;
    }
  }
}

TEST_F(Plan, TheStrictestListWinsForOnePath) {
  layout.free = {layout.project};
  layout.private_folders = {layout.project};
  const MountPlan made = plan();
  ASSERT_NE(find(made, layout.project, Step::Act::Attach), nullptr);
  for (const MountEntry& entry : made.reports) {
    if (entry.path == layout.project) {
      EXPECT_EQ(entry.zone, Zone::Gated);
    }
  }
}

TEST_F(Plan, SomethingHiddenInsideTheProjectIsMasked) {
  layout.hidden = {layout.project + "/.env"};
  EXPECT_NE(find(plan(), layout.project + "/.env", Step::Act::MaskFile), nullptr);
}

TEST_F(Plan, WhatIsMissingIsLeftOutAndSaid) {
  layout.free = {root + "/home/nowhere"};
  EXPECT_THAT(plan().notes, Contains(HasSubstr("nowhere")));
}

TEST_F(Plan, ImpossibleLayoutsAreRefused) {
  layout.free = {root + "/home/cache"};
  layout.hidden = {root + "/home/cache/secret"};
  EXPECT_THAT(refusal(), HasSubstr("free folder"));
  layout.hidden = {"relative"};
  EXPECT_THAT(refusal(), HasSubstr("cannot be hidden"));
  layout.hidden = {root + "/home/../etc"};
  EXPECT_THAT(refusal(), HasSubstr("cannot be hidden"));
  layout.hidden.clear();
  layout.gated = {root + "/nowhere"};
  EXPECT_THAT(refusal(), HasSubstr("does not exist"));
  layout.gated = {"/"};
  EXPECT_THAT(refusal(), HasSubstr("whole machine"));
}

TEST_F(Plan, BehindTheReadGateTheFoldersOnTheWayToAMaskAreNotGrantedThemselves) {
  layout.masked = {layout.project + "/.env"};
  layout.read_gate = ReadGate::Gated;
  const MountPlan made = plan();
  EXPECT_THAT(made.read_ways, Contains(layout.project));
  EXPECT_THAT(made.read_ways, Contains("/"));
  EXPECT_THAT(made.unreadable, Contains(layout.project + "/.env"));
  for (const MountEntry& entry : made.reports) {
    if (entry.path == layout.project || entry.path == "/dev") {
      EXPECT_EQ(entry.reads_granted, entry.path == "/dev");
    }
  }
}

// ---- proofs

FloorFacts whole() {
  FloorFacts facts;
  facts.read_only_view = facts.no_capabilities = facts.no_new_privileges = facts.landlock = true;
  return facts;
}

TEST(FloorProofs, WithTheWholeFloorChangesMayPassWhereTheyAreTheAgentsOwn) {
  const Floor floor(whole());
  for (const CallKind kind : {CallKind::ChangeName, CallKind::OpenForWrite}) {
    for (const Zone zone : {Zone::Free, Zone::Private, Zone::Kernel}) EXPECT_TRUE(floor.proof(kind, zone).has_value());
    for (const Zone zone : {Zone::Gated, Zone::Read}) EXPECT_FALSE(floor.proof(kind, zone).has_value());
  }
  EXPECT_TRUE(floor.proof(CallKind::Observe, Zone::Gated).has_value());
  EXPECT_TRUE(floor.proof(CallKind::Exec, Zone::Read).has_value());
}

TEST(FloorProofs, WithoutLandlockNoOpenMayPass) {
  FloorFacts facts = whole();
  facts.landlock = false;
  EXPECT_FALSE(Floor(facts).proof(CallKind::OpenForWrite, Zone::Private).has_value());
  EXPECT_TRUE(Floor(facts).proof(CallKind::ChangeName, Zone::Private).has_value());
}

TEST(FloorProofs, ReadsPassOnlyBehindTheReadGate) {
  EXPECT_FALSE(Floor(whole()).proof(CallKind::OpenForRead, Zone::Read).has_value());
  FloorFacts facts = whole();
  facts.reads_gated = true;
  EXPECT_TRUE(Floor(facts).proof(CallKind::OpenForRead, Zone::Read).has_value());
}

TEST(FloorProofs, AFloorThatWasNotTriedProvesNothing) {
  for (const CallKind kind :
       {CallKind::Observe, CallKind::Exec, CallKind::ChangeName, CallKind::OpenForWrite, CallKind::OpenForRead}) {
    EXPECT_FALSE(Floor(FloorFacts{}).proof(kind, Zone::Private).has_value());
  }
}

TEST(MountTables, UnknownMountsAreReadAndKernelFileSystemsAreRecognised) {
  MountTable table;
  table.add(7, MountEntry{Zone::Free, MountKind::Plain, "/free", true});
  EXPECT_EQ(table.zone(7), Zone::Free);
  EXPECT_EQ(table.zone(8), Zone::Read);
  const UniqueFd proc(::open("/proc", O_PATH | O_CLOEXEC));
  const UniqueFd usr(::open("/usr", O_PATH | O_CLOEXEC));
  EXPECT_EQ(table.zone(9, proc.get()), Zone::Kernel);
  EXPECT_EQ(table.zone(10, usr.get()), Zone::Read);
}

TEST(Failures, EachNamesTheStepTheErrnoAndTheNextStep) {
  for (std::uint32_t at = 0; at <= static_cast<std::uint32_t>(At::HandOver); ++at) {
    const Error error = describe_failure(static_cast<At>(at), EPERM, "/some/\npath");
    EXPECT_EQ(error.code, EPERM);
    EXPECT_TRUE(error.what.starts_with("cannot ")) << error.what;
    EXPECT_THAT(error.what, HasSubstr("(EPERM); "));
    EXPECT_EQ(error.what.find('\n'), std::string::npos);
  }
  EXPECT_THAT(describe_failure(At::NewProc, EPERM, "").what, HasSubstr("/proc are covered"));
  EXPECT_THAT(describe_failure(At::Start, ENOSYS, "").what, HasSubstr("clone3"));
  EXPECT_THAT(describe_failure(At::Filter, EBUSY, "").what, HasSubstr("WSL"));
}

}  // namespace
}  // namespace assent::launch
