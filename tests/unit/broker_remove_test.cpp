#include <sys/socket.h>
#include <sys/un.h>

#include "support/broker_fixture.h"

namespace assent::test {
namespace {

Remove file(const std::string& path) { return {at(path), RemoveKind::File}; }
Remove folder(const std::string& path) { return {at(path), RemoveKind::Directory}; }

TEST(BrokerRemove, UnlinksAFileThatWasThereBeforeAndLeavesNoStagingName) {
  const Folder temp;
  write_file(temp / "a", "text");
  Target judged = target(temp / "a");
  const FileId id = judged.id;
  const auto outcome = Desk().act(file(temp / "a"), std::move(judged));
  EXPECT_EQ(0, code_of(outcome));
  EXPECT_EQ(std::vector<FileId>{id}, outcome.removed);
  EXPECT_TRUE(names_in(temp.path()).empty());
}

TEST(BrokerRemove, UnlinksAnOwnFile) {
  const Folder temp;
  write_file(temp / "a", "text");
  const auto outcome = Desk().act(file(temp / "a"), target(temp / "a", Owner::Agent));
  EXPECT_EQ(0, code_of(outcome));
  EXPECT_EQ(1U, outcome.removed.size());
  EXPECT_FALSE(exists(temp / "a"));
}

TEST(BrokerRemove, AFileWithAnotherNameIsNotReportedAsGone) {
  for (const Owner owner : {Owner::Agent, Owner::Before}) {
    const Folder temp;
    write_file(temp / "a", "text");
    ASSERT_EQ(0, ::link((temp / "a").c_str(), (temp / "b").c_str()));
    const auto outcome = Desk().act(file(temp / "a"), target(temp / "a", owner));
    EXPECT_EQ(0, code_of(outcome));
    EXPECT_TRUE(outcome.removed.empty());
    EXPECT_EQ("text", read_file(temp / "b"));
  }
}

TEST(BrokerRemove, RemovesEmptyFoldersOnly) {
  for (const Owner owner : {Owner::Agent, Owner::Before}) {
    const Folder temp;
    ::mkdir((temp / "empty").c_str(), 0755);
    ::mkdir((temp / "full").c_str(), 0755);
    write_file(temp / "full/a", "text");
    EXPECT_EQ(0, code_of(Desk().act(folder(temp / "empty"), target(temp / "empty", owner))));
    EXPECT_EQ(ENOTEMPTY, code_of(Desk().act(folder(temp / "full"), target(temp / "full", owner))));
    EXPECT_EQ("text", read_file(temp / "full/a"));
    EXPECT_EQ(std::vector<std::string>{"full"}, names_in(temp.path()));
  }
}

TEST(BrokerRemove, RemovesASymbolicLinkAndNotWhatItPointsTo) {
  const Folder temp;
  write_file(temp / "a", "text");
  ASSERT_EQ(0, ::symlink("a", (temp / "link").c_str()));
  EXPECT_EQ(0, code_of(Desk().act(file(temp / "link"), target(temp / "link"))));
  EXPECT_EQ("text", read_file(temp / "a"));
  EXPECT_FALSE(exists(temp / "link"));
}

TEST(BrokerRemove, AnswersAsTheKernelDoesToTheWrongKindAndSpelling) {
  const Folder temp;
  write_file(temp / "a", "text");
  ::mkdir((temp / "d").c_str(), 0755);
  EXPECT_EQ(EISDIR, code_of(Desk().act(file(temp / "d"), target(temp / "d"))));
  EXPECT_EQ(EISDIR, code_of(Desk().act(file(temp / "d/"), target(temp / "d/"))));
  EXPECT_EQ(ENOTDIR, code_of(Desk().act(file(temp / "a/"), target(temp / "a/"))));
  EXPECT_EQ(ENOTDIR, code_of(Desk().act(folder(temp / "a"), target(temp / "a"))));
  EXPECT_EQ(EISDIR, code_of(Desk().act(file(temp / "d/."), target(temp / "d/."))));
  EXPECT_EQ(EINVAL, code_of(Desk().act(folder(temp / "d/."), target(temp / "d/."))));
  EXPECT_EQ(ENOTEMPTY, code_of(Desk().act(folder(temp / "d/.."), target(temp / "d/.."))));
  EXPECT_EQ(ENOENT, code_of(Desk().act(file(temp / "none"), target(temp / "none"))));
  EXPECT_EQ(0, code_of(Desk().act(folder(temp / "d/"), target(temp / "d/"))));
}

TEST(BrokerRemove, ANameThatStandsForAnotherObjectNowIsLeftAloneAndReportedAsRaced) {
  for (const Owner owner : {Owner::Agent, Owner::Before}) {
    const Folder temp;
    write_file(temp / "a", "judged");
    Target judged = target(temp / "a", owner);
    write_file(temp / "b", "precious");
    ASSERT_EQ(0, ::rename((temp / "b").c_str(), (temp / "a").c_str()));
    const auto outcome = Desk().act(file(temp / "a"), std::move(judged));
    EXPECT_TRUE(outcome.raced);
    EXPECT_TRUE(outcome.removed.empty());
    EXPECT_EQ("precious", read_file(temp / "a"));
    EXPECT_EQ(std::vector<std::string>{"a"}, names_in(temp.path()));
  }
}

TEST(BrokerRemove, ReservedNamesAndKernelFoldersAreRefused) {
  const Folder temp;
  write_file(temp / ".assent-stage-1", "staged");
  ::mkdir((temp / ".assent-1000").c_str(), 0755);
  write_file(temp / ".assent-1000/kept", "kept");
  EXPECT_EQ(EPERM, code_of(Desk().act(file(temp / ".assent-stage-1"), target(temp / ".assent-stage-1"))));
  EXPECT_EQ(EPERM, code_of(Desk().act(file(temp / ".assent-1000/kept"), target(temp / ".assent-1000/kept"))));
  EXPECT_EQ("kept", read_file(temp / ".assent-1000/kept"));
  write_file(temp / "a", "text");
  Target kernel = target(temp / "a", Owner::Agent);
  kernel.zone = Zone::Kernel;
  EXPECT_EQ(EPERM, code_of(Desk().act(file(temp / "a"), std::move(kernel))));
  EXPECT_TRUE(exists(temp / "a"));
}

TEST(BrokerRemove, AMountPointOfTheAgentsViewIsBusy) {
  const Folder temp;
  ::mkdir((temp / "project").c_str(), 0755);
  Target judged = target(temp / "project");
  judged.mount = 2;
  EXPECT_EQ(EBUSY, code_of(Desk().act(folder(temp / "project"), std::move(judged))));
  EXPECT_TRUE(exists(temp / "project"));
}

TEST(BrokerRemove, WithoutAFreshPermitNothingHappens) {
  const Folder temp;
  write_file(temp / "a", "text");
  broker::Broker broker;
  Permit used = record::AuditLog::mint();
  const Permit taken(std::move(used));
  std::array<Target, 1> targets{target(temp / "a")};
  EXPECT_EQ(EPERM, code_of(broker.perform(std::move(used), file(temp / "a"), targets, {})));
  EXPECT_TRUE(exists(temp / "a"));
}

TEST(BrokerRemove, AStickyFolderProtectsOtherUsersFiles) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs files of two users";
  const Folder temp;
  ASSERT_EQ(0, ::chmod(temp.path().c_str(), 01777));
  write_file(temp / "roots", "text");
  as_ordinary_user([&] {
    EXPECT_EQ(EPERM, ::unlink((temp / "roots").c_str()) == 0 ? 0 : errno);
    Desk desk;
    EXPECT_EQ(EPERM, desk.broker.foresee(file(temp / "roots"), std::array{target(temp / "roots")}));
    EXPECT_EQ(EPERM, code_of(desk.act(file(temp / "roots"), target(temp / "roots"))));
    EXPECT_EQ(EPERM, code_of(desk.act(file(temp / "roots"), target(temp / "roots", Owner::Agent))));
  });
  EXPECT_EQ(std::vector<std::string>{"roots"}, names_in(temp.path()));
}

TEST(BrokerRemove, TheKeeperTakesThePlaceOfUnlinking) {
  const Folder temp;
  write_file(temp / "a", "text");
  ::mkdir((temp / "vault").c_str(), 0700);
  int asked = 0;
  Desk desk({.keeper = {.keep_removed =
                            [&](const Directory& dir, const std::string& name, const Target& judged, std::uint64_t) {
                              ++asked;
                              EXPECT_EQ(temp / "a", judged.path);
                              EXPECT_EQ("a", name);
                              ::renameat(dir.host.get(), name.c_str(), AT_FDCWD, (temp / "vault/a").c_str());
                              return Result<broker::Caught>(broker::Caught::Taken);
                            },
                        .keep_content = {}}});
  EXPECT_EQ(0, code_of(desk.act(file(temp / "a"), target(temp / "a"))));
  EXPECT_EQ(1, asked);
  EXPECT_EQ("text", read_file(temp / "vault/a"));
}

TEST(BrokerRemove, WhatTheKeeperCannotKeepIsNotRemoved) {
  const Folder temp;
  write_file(temp / "a", "text");
  Desk desk({.keeper = {.keep_removed = [](const Directory&, const std::string&, const Target&,
                                           std::uint64_t) -> Result<broker::Caught> { return fail(ENOSPC); },
                        .keep_content = {}}});
  EXPECT_EQ(ENOSPC, code_of(desk.act(file(temp / "a"), target(temp / "a"))));
  EXPECT_EQ("text", read_file(temp / "a"));
}

}  // namespace
}  // namespace assent::test
