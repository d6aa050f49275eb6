// Killed after every single change on the disk, one after the other: each object is in its place or whole in the vault,
// and an undo brings everything back.
#include <sys/wait.h>

#include "support/undo_fixture.h"

namespace assent::test {
namespace {

class UndoCrash : public UndoTest {
 protected:
  void fill() {
    std::filesystem::create_directories(project + "/dir/inner");
    write_file(project + "/a", "content of a");
    write_file(project + "/b", "content of b");
    write_file(project + "/dir/c", "content of c");
    write_file(project + "/dir/inner/d", "content of d");
    ::symlink("a", (project + "/dir/link").c_str());
    int n = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(project)) age(entry.path().string(), ++n);
    age(project, 7);
  }

  // What the agent does in its session; dies after the `steps`-th change. True: it came to its end.
  bool run_and_die(int steps) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto how = options();
      how.on_step = [&steps](undo::Step) {
        if (--steps == 0) ::_exit(9);
      };
      Agent agent(how, &own);
      agent.remove(project + "/a");
      agent.write(project + "/b", "scribbled over");
      agent.remove_tree(project + "/dir");
      agent.remove(project + "/b");
      agent.end();
      ::_exit(::testing::Test::HasFailure() ? 3 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && (WEXITSTATUS(status) == 9 || WEXITSTATUS(status) == 0)) << status;
    return WEXITSTATUS(status) == 0;
  }

  // As the session's next start does with the broker's staging names.
  void put_staged_back() {
    auto kept = undo::objects(vault, "s1");
    if (!kept) return;
    for (const auto& object : *kept) {
      const std::string folder = object.path.substr(0, object.path.rfind('/'));
      const std::string stage = folder + "/.assent-stage-" + std::to_string(object.sequence);
      if (exists(stage)) {
        EXPECT_EQ(0, ::renameat2(AT_FDCWD, stage.c_str(), AT_FDCWD, object.path.c_str(), RENAME_NOREPLACE));
      }
    }
  }
};

TEST_F(UndoCrash, AfterEveryStepEverythingIsThereAndComesBack) {
  bool finished = false;
  int kills = 0;
  for (int steps = 1; !finished && steps < 200; ++steps) {
    std::filesystem::remove_all(project);
    std::filesystem::remove_all(scratch / "state");
    std::filesystem::create_directory(project);
    fill();
    const auto before = tree(project);
    finished = run_and_die(steps);
    if (!finished) ++kills;
    put_staged_back();
    if (!exists(vault + "/s1")) continue;
    auto recovered = undo::recover(vault, "s1");
    ASSERT_TRUE(recovered) << steps << recovered.error().what;
    EXPECT_TRUE(recovered->missing.empty()) << steps << ": " << recovered->missing.front();
    if (finished) {
      EXPECT_FALSE(recovered->was_open);
    }
    undos = 100 + steps;
    const auto restored = undo();
    EXPECT_EQ("", problems(restored)) << "killed after step " << steps;
    auto after = tree(project, Times::NoFolders);
    auto wanted = before;
    for (auto& [path, text] : wanted) {
      if (!after.contains(path)) {
        ADD_FAILURE() << path << " is lost, killed after step " << steps;
      }
    }
    for (const char* path : {"/a", "/b", "/dir/c", "/dir/inner/d", "/dir/link"})
      EXPECT_EQ(after[path], wanted[path]) << path << ", killed after step " << steps;
    EXPECT_EQ(after.size(), wanted.size()) << "killed after step " << steps;
  }
  EXPECT_TRUE(finished);
  EXPECT_GE(kills, 12);
}

// The lines of a whole folder are written before the first of its objects moves.
TEST_F(UndoCrash, AnUndoThatWasKilledWithinAFolderCanBeTakenBackAndDoneAnew) {
  bool finished = false;
  int kills = 0;
  for (int steps = 1; !finished && steps < 100; ++steps) {
    std::filesystem::remove_all(project);
    std::filesystem::remove_all(scratch / "state");
    std::filesystem::create_directories(project + "/dir");
    std::vector<std::string> names;
    for (int i = 0; i < 12; ++i) {
      names.push_back("/dir/f" + std::to_string(i));
      write_file(project + names.back(), "content of " + names.back());
      age(project + names.back(), i);
    }
    const auto before = tree(project, Times::NoFolders);
    {
      auto agent = this->agent();
      agent->remove_tree(project + "/dir");
      agent->end();
    }
    finished = restore_and_die(restore_options("s1", "undo-0"), steps);
    if (!finished) ++kills;
    for (const auto& name : names) {
      const std::string kept = vault + "/s1/L0" + project + name;
      EXPECT_NE(exists(project + name), exists(kept)) << name << ", killed after step " << steps;
      EXPECT_EQ("content of " + name, read_file(exists(kept) ? kept : project + name));
    }
    undos = 10;
    if (exists(vault + "/undo-0")) {
      auto recovered = undo::recover(vault, "undo-0");
      ASSERT_TRUE(recovered) << recovered.error().what;
      EXPECT_TRUE(recovered->missing.empty()) << steps;
      EXPECT_EQ("", problems(undo("undo-0"))) << "killed after step " << steps;
      for (const auto& name : names) EXPECT_FALSE(exists(project + name)) << name << ", killed after step " << steps;
    }
    EXPECT_EQ("", problems(undo())) << "killed after step " << steps;
    auto after = tree(project, Times::NoFolders);
    std::erase_if(after, [](const auto& each) { return each.first.find("/.assent-undo-0-") != std::string::npos; });
    EXPECT_EQ(before, after) << "killed after step " << steps;
    if (HasFailure()) return;
  }
  EXPECT_TRUE(finished);
  EXPECT_GE(kills, 14);
}

// The machine stops: what was not synced of the manifest is gone, the renames are there (they are in the journal).
TEST_F(UndoCrash, WithTheUnsyncedEndOfTheManifestGoneTheObjectsAreFoundAgain) {
  fill();
  const auto before = tree(project);
  {
    auto agent = this->agent();
    agent->remove(project + "/a");
    agent->remove_tree(project + "/dir");
  }
  const std::string manifest = vault + "/s1/manifest";
  const std::string whole = read_file(manifest);
  for (std::size_t cut = whole.find(" removed "); cut < whole.size(); cut += 97) {
    write_file(manifest, whole.substr(0, cut));
    auto recovered = undo::recover(vault, "s1");
    ASSERT_TRUE(recovered) << recovered.error().what;
    EXPECT_EQ(recovered->in_vault, 4U) << "cut at " << cut;
    EXPECT_TRUE(recovered->missing.empty());
  }
}

}  // namespace
}  // namespace assent::test
