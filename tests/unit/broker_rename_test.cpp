#include <linux/fs.h>

#include "support/broker_fixture.h"

namespace assent::test {
namespace {

Rename move(const std::string& from, const std::string& to, unsigned flags = 0) { return {at(from), at(to), flags}; }

class BrokerRename : public ::testing::TestWithParam<std::pair<Owner, Owner>> {
 protected:
  int rename(const std::string& from, const std::string& to, unsigned flags = 0) {
    last = Desk().act(move(temp / from, temp / to, flags), target(temp / from, GetParam().first),
                      target(temp / to, GetParam().second));
    return code_of(last);
  }
  Folder temp;
  broker::Outcome last;
};

TEST_P(BrokerRename, GivesANewName) {
  write_file(temp / "a", "A");
  EXPECT_EQ(0, rename("a", "b"));
  EXPECT_EQ("A", read_file(temp / "b"));
  EXPECT_EQ(std::vector<std::string>{"b"}, names_in(temp.path()));
}

TEST_P(BrokerRename, ReplacesAFileAndReportsWhatIsGone) {
  write_file(temp / "a", "A");
  write_file(temp / "b", "B");
  const FileId gone = target(temp / "b").id;
  EXPECT_EQ(0, rename("a", "b"));
  EXPECT_EQ("A", read_file(temp / "b"));
  EXPECT_EQ(std::vector<FileId>{gone}, last.removed);
  EXPECT_EQ(std::vector<std::string>{"b"}, names_in(temp.path()));
}

TEST_P(BrokerRename, ReplacesAcrossFolders) {
  ::mkdir((temp / "x").c_str(), 0755);
  ::mkdir((temp / "y").c_str(), 0755);
  ::mkdir((temp / "x/d").c_str(), 0755);
  write_file(temp / "x/d/in", "in");
  ::mkdir((temp / "y/d").c_str(), 0755);
  EXPECT_EQ(0, rename("x/d", "y/d"));
  EXPECT_EQ("in", read_file(temp / "y/d/in"));
  EXPECT_TRUE(names_in(temp / "x").empty());
  EXPECT_EQ(std::vector<std::string>{"d"}, names_in(temp / "y"));
}

TEST_P(BrokerRename, AFullFolderIsNotReplaced) {
  ::mkdir((temp / "a").c_str(), 0755);
  ::mkdir((temp / "b").c_str(), 0755);
  write_file(temp / "b/in", "in");
  EXPECT_EQ(ENOTEMPTY, rename("a", "b"));
  EXPECT_EQ("in", read_file(temp / "b/in"));
  EXPECT_EQ((std::vector<std::string>{"a", "b"}), names_in(temp.path()));
}

TEST_P(BrokerRename, KindsMustMatch) {
  ::mkdir((temp / "d").c_str(), 0755);
  write_file(temp / "f", "f");
  EXPECT_EQ(EISDIR, rename("f", "d"));
  EXPECT_EQ(ENOTDIR, rename("d", "f"));
  EXPECT_EQ(ENOTDIR, rename("f", "new/"));
  EXPECT_EQ(ENOENT, rename("none", "f"));
  EXPECT_EQ(EBUSY, rename("d/.", "e"));
  EXPECT_EQ(0, rename("d", "new/"));
}

TEST_P(BrokerRename, IntoItselfAndOverAnAncestorIsRefused) {
  ::mkdir((temp / "a").c_str(), 0755);
  ::mkdir((temp / "a/b").c_str(), 0755);
  EXPECT_EQ(EINVAL, rename("a", "a/b/c"));
  EXPECT_EQ(ENOTEMPTY, rename("a/b", "a"));
  EXPECT_EQ(EINVAL, rename("a/b", "a", RENAME_EXCHANGE));
  EXPECT_TRUE(exists(temp / "a/b"));
}

TEST_P(BrokerRename, HonoursNoreplaceAndExchange) {
  write_file(temp / "a", "A");
  write_file(temp / "b", "B");
  EXPECT_EQ(EEXIST, rename("a", "b", RENAME_NOREPLACE));
  EXPECT_EQ(0, rename("a", "b", RENAME_EXCHANGE));
  EXPECT_EQ("B", read_file(temp / "a"));
  EXPECT_EQ("A", read_file(temp / "b"));
  EXPECT_EQ(ENOENT, rename("a", "none", RENAME_EXCHANGE));
  EXPECT_EQ(0, rename("a", "c", RENAME_NOREPLACE));
  EXPECT_EQ("B", read_file(temp / "c"));
}

TEST_P(BrokerRename, TwoNamesOfOneFileStayBoth) {
  write_file(temp / "a", "A");
  ::link((temp / "a").c_str(), (temp / "b").c_str());
  EXPECT_EQ(0, rename("a", "b"));
  EXPECT_EQ((std::vector<std::string>{"a", "b"}), names_in(temp.path()));
}

TEST_P(BrokerRename, ADestinationThatWasSwappedIsKept) {
  write_file(temp / "a", "A");
  write_file(temp / "b", "judged");
  Target from = target(temp / "a", GetParam().first);
  Target to = target(temp / "b", GetParam().second);
  write_file(temp / "c", "precious");
  ::rename((temp / "c").c_str(), (temp / "b").c_str());
  const auto outcome = Desk().act(move(temp / "a", temp / "b"), std::move(from), std::move(to));
  EXPECT_TRUE(outcome.raced);
  EXPECT_EQ("precious", read_file(temp / "b"));
  EXPECT_EQ("A", read_file(temp / "a"));
  EXPECT_EQ((std::vector<std::string>{"a", "b"}), names_in(temp.path()));
}

TEST_P(BrokerRename, ADestinationThatAppearedIsKept) {
  write_file(temp / "a", "A");
  Target from = target(temp / "a", GetParam().first);
  Target to = target(temp / "b");
  write_file(temp / "b", "precious");
  const auto outcome = Desk().act(move(temp / "a", temp / "b"), std::move(from), std::move(to));
  EXPECT_TRUE(outcome.raced);
  EXPECT_EQ("precious", read_file(temp / "b"));
  EXPECT_EQ("A", read_file(temp / "a"));
}

TEST_P(BrokerRename, ASourceThatWasSwappedStaysWhereItIs) {
  for (const bool over : {false, true}) {
    write_file(temp / "a", "judged");
    if (over) write_file(temp / "b", "B");
    Target from = target(temp / "a", GetParam().first);
    Target to = target(temp / "b", GetParam().second);
    write_file(temp / "c", "other");
    ::rename((temp / "c").c_str(), (temp / "a").c_str());
    const auto outcome = Desk().act(move(temp / "a", temp / "b"), std::move(from), std::move(to));
    EXPECT_TRUE(outcome.raced);
    EXPECT_EQ("other", read_file(temp / "a"));
    EXPECT_EQ(over, exists(temp / "b"));
    if (over) {
      EXPECT_EQ("B", read_file(temp / "b"));
    }
  }
}

TEST_P(BrokerRename, TwoMountsOfTheAgentsViewAreTwoFileSystems) {
  ::mkdir((temp / "x").c_str(), 0755);
  write_file(temp / "a", "A");
  Target from = target(temp / "a", GetParam().first);
  Target to = target(temp / "x/a");
  auto other = std::make_shared<Directory>();
  other->host.reset(::dup(to.parent->host.get()));
  other->id = to.parent->id;
  other->path = to.parent->path;
  other->mount = 2;
  to.parent = other;
  EXPECT_EQ(EXDEV, code_of(Desk().act(move(temp / "a", temp / "x/a"), std::move(from), std::move(to))));
  EXPECT_TRUE(exists(temp / "a"));
}

INSTANTIATE_TEST_SUITE_P(WhoMadeThem, BrokerRename,
                         ::testing::Values(std::pair{Owner::Agent, Owner::Agent},
                                           std::pair{Owner::Agent, Owner::Before},
                                           std::pair{Owner::Before, Owner::Agent},
                                           std::pair{Owner::Before, Owner::Before}),
                         [](const auto& pair) {
                           const auto word = [](Owner owner) { return owner == Owner::Agent ? "Agent" : "Before"; };
                           return std::string(word(pair.param.first)) + "Over" + word(pair.param.second);
                         });

TEST(BrokerRenameKeeper, WhatIsReplacedGoesToTheKeeperUnderItsStagingName) {
  const Folder temp;
  write_file(temp / "a", "A");
  write_file(temp / "b", "B");
  std::string kept_as;
  Desk desk({.keeper = {.keep_removed =
                            [&](const Directory& dir, const std::string& name, const Target& judged, std::uint64_t) {
                              EXPECT_EQ(temp / "b", judged.path);
                              EXPECT_EQ("A", read_file(temp / "b"));  // no moment without a file in the place
                              kept_as = name;
                              ::renameat(dir.host.get(), name.c_str(), dir.host.get(), "kept");
                              return Result<broker::Caught>(broker::Caught::Taken);
                            },
                        .keep_content = {}}});
  EXPECT_EQ(0, code_of(desk.act(move(temp / "a", temp / "b"), target(temp / "a", Owner::Agent), target(temp / "b"))));
  EXPECT_TRUE(kept_as.starts_with(".assent-stage-"));
  EXPECT_EQ("B", read_file(temp / "kept"));
}

TEST(BrokerRenameKeeper, WhatCannotBeKeptIsNotReplaced) {
  const Folder temp;
  write_file(temp / "a", "A");
  write_file(temp / "b", "B");
  Desk desk({.keeper = {.keep_removed = [](const Directory&, const std::string&, const Target&,
                                           std::uint64_t) -> Result<broker::Caught> { return fail(ENOSPC); },
                        .keep_content = {}}});
  EXPECT_EQ(ENOSPC, code_of(desk.act(move(temp / "a", temp / "b"), target(temp / "a"), target(temp / "b"))));
  EXPECT_EQ("A", read_file(temp / "a"));
  EXPECT_EQ("B", read_file(temp / "b"));
  EXPECT_EQ(2U, names_in(temp.path()).size());
}

}  // namespace
}  // namespace assent::test
