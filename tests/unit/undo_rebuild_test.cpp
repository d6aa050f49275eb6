// The list of what is kept is made from the manifests each time; there is no other index that could be lost. A manifest
// that was cut, or has lines that are none, still tells what the others say, and the objects tell the rest.
#include "support/undo_fixture.h"

namespace assent::test {
namespace {

class Rebuild : public UndoTest {
 protected:
  void SetUp() override {
    for (const char* name : {"/a", "/b", "/c"}) write_file(project + name, name);
    auto agent = this->agent();
    for (const char* name : {"/a", "/b"}) agent->remove(project + name);
    agent->write(project + "/c", "spoiled");
    agent->end();
    manifest = vault + "/s1/manifest";
    text = read_file(manifest);
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
      out.push_back(text.substr(at, text.find('\n', at) + 1 - at));
    return out;
  }
  std::string listed() const {
    auto all = undo::objects(vault, "s1");
    std::string out;
    if (!all) return all.error().what;
    for (const auto& each : *all) out += each.path.substr(each.path.rfind('/')) + (each.in_vault ? " " : "? ");
    return out;
  }
  void expect_all_back() {
    EXPECT_EQ("", problems(undo()));
    for (const char* name : {"/a", "/b", "/c"}) EXPECT_EQ(name, read_file(project + name));
  }
  std::string manifest, text;
};

TEST_F(Rebuild, NothingButTheManifestsIsNeeded) {
  for (const auto& entry : std::filesystem::directory_iterator(vault)) EXPECT_EQ("s1", entry.path().filename());
  const auto all = undo::list(vault);
  ASSERT_TRUE(all);
  ASSERT_EQ(1U, all->size());
  EXPECT_EQ(3U, all->front().objects);
  EXPECT_EQ("/a /b /c ", listed());
  expect_all_back();
}

TEST_F(Rebuild, ATornLastLineCostsNothingButTheEnd) {
  write_file(manifest, text.substr(0, text.size() - 9));
  EXPECT_EQ("/a /b /c ", listed());
  const auto recovered = undo::recover(vault, "s1");
  ASSERT_TRUE(recovered);
  EXPECT_TRUE(recovered->was_open);
  EXPECT_EQ(3U, recovered->in_vault);
  EXPECT_EQ(1U, recovered->damaged);
  const auto kept = undo::describe(vault, "s1");
  ASSERT_TRUE(kept);
  EXPECT_NE(0, kept->ended);
  expect_all_back();
}

TEST_F(Rebuild, EveryLineCutShortInTurnIsSurvived) {
  // A cut may end the manifest in the middle of a line that stands for an object in the mirror; it is found there.
  for (std::size_t cut = text.find("removed") + 10; cut < text.find("content"); cut += 37) {
    write_file(manifest, text.substr(0, cut));
    const auto recovered = undo::recover(vault, "s1");
    ASSERT_TRUE(recovered) << recovered.error().what;
    const std::string now = listed();
    EXPECT_NE(std::string::npos, now.find("/a ")) << "cut at " << cut;
    EXPECT_NE(std::string::npos, now.find("/b ")) << "cut at " << cut;
  }
}

TEST_F(Rebuild, GarbageBetweenTheLinesIsCountedAndPassedOver) {
  std::string with;
  for (const auto& line : lines())
    with += line + "garbage \xff\x01 that is no line\n" + std::string(70'000, 'x') + "\n";
  write_file(manifest, with + std::string("\0\0\0\0", 4));
  EXPECT_EQ("/a /b /c ", listed());
  const auto kept = undo::describe(vault, "s1");
  ASSERT_TRUE(kept);
  EXPECT_EQ(lines().size() * 2 + 1, kept->damaged);
  EXPECT_EQ(3U, kept->objects);
  EXPECT_NE(0, kept->began);
  EXPECT_NE(0, kept->ended);
  expect_all_back();
}

TEST_F(Rebuild, OneBitTurnedInALineLosesThatLineOnlyAndTheObjectIsFoundAgain) {
  const auto all = lines();
  for (std::size_t bad = 0; bad < all.size(); ++bad) {
    if (all[bad].find(" removed ") == std::string::npos) continue;
    std::string with;
    for (std::size_t i = 0; i < all.size(); ++i) {
      with += all[i];
      if (i == bad) with[with.size() - 5] = static_cast<char>(with[with.size() - 5] ^ 1);
    }
    write_file(manifest, with);
    const auto recovered = undo::recover(vault, "s1");
    ASSERT_TRUE(recovered);
    EXPECT_EQ(1U, recovered->unlisted);
    EXPECT_EQ(1U, recovered->damaged);
    EXPECT_EQ(3U, undo::describe(vault, "s1")->objects);
  }
  expect_all_back();
}

TEST_F(Rebuild, ALostManifestIsMadeAnewFromTheMirroredTree) {
  std::filesystem::remove(manifest);
  const auto all = undo::list(vault);
  ASSERT_TRUE(all);
  ASSERT_EQ(1U, all->size());
  EXPECT_EQ(1U, all->front().damaged);
  const auto recovered = undo::recover(vault, "s1");
  ASSERT_TRUE(recovered) << recovered.error().what;
  EXPECT_EQ(2U, recovered->unlisted);
  EXPECT_EQ("", problems(undo()));
  for (const char* name : {"/a", "/b"}) EXPECT_EQ(name, read_file(project + name));
}

}  // namespace
}  // namespace assent::test
