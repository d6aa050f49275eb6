#include <sys/sysmacros.h>

#include "support/broker_fixture.h"

namespace assent::test {
namespace {

TEST(BrokerMake, MakesFoldersLinksAndNodesAndKnowsThem) {
  const Folder temp;
  Desk desk;
  const auto folder = desk.act(MakeDirectory{at(temp / "d/"), 0777}, target(temp / "d/"), {.umask = 027});
  EXPECT_EQ(std::vector<FileId>{target(temp / "d").id}, folder.created);
  EXPECT_EQ(0750U, target(temp / "d").stat->stx_mode & 07777);
  const auto link = desk.act(MakeSymlink{"some\nwhere \xff", at(temp / "l")}, target(temp / "l"));
  EXPECT_EQ(std::vector<FileId>{target(temp / "l").id}, link.created);
  EXPECT_EQ("some\nwhere \xff", std::filesystem::read_symlink(temp / "l").string());
  const auto fifo = desk.act(MakeNode{at(temp / "f"), S_IFIFO | 0666, 0}, target(temp / "f"));
  EXPECT_EQ(std::vector<FileId>{target(temp / "f").id}, fifo.created);
  const auto file = desk.act(MakeNode{at(temp / "r"), 0666, 0}, target(temp / "r"));
  EXPECT_EQ(std::vector<FileId>{target(temp / "r").id}, file.created);
}

TEST(BrokerMake, NeverReplaces) {
  const Folder temp;
  Target judged = target(temp / "a");
  write_file(temp / "a", "precious");
  const auto outcome = Desk().act(MakeSymlink{"x", at(temp / "a")}, std::move(judged));
  EXPECT_EQ(EEXIST, code_of(outcome));
  EXPECT_TRUE(outcome.created.empty());
  EXPECT_EQ("precious", read_file(temp / "a"));
}

TEST(BrokerMake, AnswersToSpelling) {
  const Folder temp;
  ::mkdir((temp / "d").c_str(), 0755);
  Desk desk;
  EXPECT_EQ(EEXIST, code_of(desk.act(MakeDirectory{at(temp / "d/."), 0777}, target(temp / "d/."))));
  EXPECT_EQ(EEXIST, code_of(desk.act(MakeDirectory{at(temp / "d/.."), 0777}, target(temp / "d/.."))));
  EXPECT_EQ(ENOENT, code_of(desk.act(MakeSymlink{"x", at(temp / "l/")}, target(temp / "l/"))));
  EXPECT_EQ(EPERM, code_of(desk.act(MakeDirectory{at(temp / ".assent-x"), 0777}, target(temp / ".assent-x"))));
}

TEST(BrokerMake, DeviceNodesNeedThePowerThatTheSupervisorLacks) {
  const Folder temp;
  ::chmod(temp.path().c_str(), 0777);
  as_ordinary_user([&] {
    const MakeNode node{at(temp / "n"), S_IFCHR | 0666, makedev(1, 3)};
    EXPECT_EQ(EPERM, Desk().broker.foresee(node, std::array{target(temp / "n")}));
    EXPECT_EQ(EPERM, code_of(Desk().act(node, target(temp / "n"))));
  });
}

TEST(BrokerMake, AnObjectMovedIntoThePlaceDoesNotCountAsOwn) {
  // The name is looked up after the call; what is older than the call was not made by it.
  const Folder temp;
  Desk desk;
  const auto made = desk.act(MakeDirectory{at(temp / "d"), 0777}, target(temp / "d"));
  ASSERT_EQ(1U, made.created.size());
  EXPECT_GT(made.created[0].birth_ns, 0);
}

TEST(BrokerLink, LinksThePinnedObjectEvenWhenItsNameWasSwapped) {
  const Folder temp;
  write_file(temp / "a", "judged");
  write_file(temp / "b", "other");
  Target from = target(temp / "a");
  from.object.reset(::open((temp / "a").c_str(), O_PATH | O_NOFOLLOW));
  ::rename((temp / "a").c_str(), (temp / "moved").c_str());
  ::rename((temp / "b").c_str(), (temp / "a").c_str());
  EXPECT_EQ(0,
            code_of(Desk().act(Link{at(temp / "a"), at(temp / "l"), Follow::No}, std::move(from), target(temp / "l"))));
  EXPECT_EQ("judged", read_file(temp / "l"));
}

TEST(BrokerLink, ANameSwappedBeforeItWasPinnedIsRaced) {
  const Folder temp;
  write_file(temp / "a", "judged");
  write_file(temp / "b", "other");
  Target from = target(temp / "a");
  ::rename((temp / "b").c_str(), (temp / "a").c_str());
  EXPECT_TRUE(Desk().act(Link{at(temp / "a"), at(temp / "l"), Follow::No}, std::move(from), target(temp / "l")).raced);
  EXPECT_FALSE(exists(temp / "l"));
}

TEST(BrokerLink, LinksASymbolicLinkItself) {
  const Folder temp;
  write_file(temp / "a", "A");
  ::symlink("a", (temp / "s").c_str());
  EXPECT_EQ(
      0, code_of(Desk().act(Link{at(temp / "s"), at(temp / "l"), Follow::No}, target(temp / "s"), target(temp / "l"))));
  EXPECT_EQ(target(temp / "s").id, target(temp / "l").id);
}

TEST(BrokerLink, RefusesFoldersAndTakenNames) {
  const Folder temp;
  ::mkdir((temp / "d").c_str(), 0755);
  write_file(temp / "a", "A");
  Desk desk;
  EXPECT_EQ(EPERM, code_of(desk.act(Link{at(temp / "d"), at(temp / "l"), Follow::No}, target(temp / "d"),
                                    target(temp / "l"))));
  EXPECT_EQ(EEXIST, code_of(desk.act(Link{at(temp / "a"), at(temp / "d"), Follow::No}, target(temp / "a"),
                                     target(temp / "d"))));
  EXPECT_EQ(ENOENT, code_of(desk.act(Link{at(temp / "a"), at(temp / "l/"), Follow::No}, target(temp / "a"),
                                     target(temp / "l/"))));
  EXPECT_EQ(ENOENT, code_of(desk.act(Link{at(temp / "n"), at(temp / "l"), Follow::No}, target(temp / "n"),
                                     target(temp / "l"))));
}

}  // namespace
}  // namespace assent::test
