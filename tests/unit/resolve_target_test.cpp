// Paths of a process inside a sandbox → targets on the host's side.
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <linux/openat2.h>

#include <atomic>
#include <thread>

#include "resolve/subjects.h"
#include "support/resolve_world.h"

namespace assent::resolve {
namespace {

namespace fs = std::filesystem;
using testing::World;
using testing::write_file;

class Resolving : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.ready());
    auto made = Callers::create();
    ASSERT_TRUE(made);
    callers_ = std::make_unique<Callers>(std::move(*made));
    use(world_.view());
    caller();
    world_.chdir(world_.project());
  }
  void use(View view) {
    resolver_.reset();
    view_ = std::make_unique<View>(std::move(view));
    resolver_ = std::make_unique<Resolver>(*view_, *callers_, own_);
  }
  CallerRef caller() {
    auto found = callers_->pin(Call{1, world_.tid(), 0, {}});
    EXPECT_TRUE(found);
    callers_->observe(*found, ChangeDirectory{});  // the tests change it behind our back
    return *found;
  }
  Result<std::vector<Target>> resolve(const Action& action) { return resolver_->resolve(action, *caller()); }
  Target one(const Action& action) {
    auto found = resolve(action);
    EXPECT_TRUE(found) << (found ? "" : std::to_string(found.error().code) + found.error().what);
    return found && !found->empty() ? std::move(found->front()) : Target{};
  }
  int error(const Action& action) {
    const auto found = resolve(action);
    return found ? 0 : found.error().code;
  }
  static PathArg at(const std::string& path, int dirfd = AT_FDCWD) { return {dirfd, path}; }
  static Open writing(const std::string& path, std::uint64_t more = 0, int dirfd = AT_FDCWD) {
    return Open{{dirfd, path}, O_WRONLY | more};
  }
  static std::uint64_t inode(const std::string& path) {
    struct stat found {};
    return ::lstat(path.c_str(), &found) == 0 ? found.st_ino : 0;
  }

  World world_;
  std::unique_ptr<Callers> callers_;
  std::unique_ptr<View> view_;
  OwnFiles own_;
  std::unique_ptr<Resolver> resolver_;
};

TEST_F(Resolving, ARelativeNameIsFoundInTheCallersDirectoryOnTheHostsMount) {
  const Target target = one(Remove{at("a.txt")});
  EXPECT_EQ(target.path, world_.project("a.txt"));
  EXPECT_EQ(target.name, "a.txt");
  EXPECT_EQ(target.zone, Zone::Gated);
  EXPECT_EQ(target.id.inode, inode(world_.project("a.txt")));
  EXPECT_FALSE(target.hidden);
  ASSERT_TRUE(target.parent);
  EXPECT_EQ(::unlinkat(target.parent->host.get(), "a.txt", 0), 0) << "the host's side must be writable";
}

TEST_F(Resolving, TheAgentsOwnDescriptorOfADirectoryWorksToo) {
  const long fd = world_.open(world_.project("src"), O_RDONLY | O_DIRECTORY);
  const Target target = one(Remove{at("b.c", static_cast<int>(fd))});
  EXPECT_EQ(target.path, world_.project("src/b.c"));
  EXPECT_EQ(error(Remove{at("b.c", 987)}), EBADF);
  const long file = world_.open(world_.project("a.txt"), O_RDONLY);
  EXPECT_EQ(error(Remove{at("b.c", static_cast<int>(file))}), ENOTDIR);
}

TEST_F(Resolving, DotDotStaysBelowTheRootAndEscapesNothing) {
  EXPECT_EQ(one(Remove{at("src/../src/./b.c")}).path, world_.project("src/b.c"));
  std::string far;
  for (int i = 0; i < 60; ++i) far += "../";
  EXPECT_EQ(one(Remove{at(far + world_.project("a.txt").substr(1))}).path, world_.project("a.txt"));
  EXPECT_EQ(one(Remove{at("/" + far + world_.project("a.txt").substr(1))}).path, world_.project("a.txt"));
}

TEST_F(Resolving, SymbolicLinksAreFollowedWhereTheKernelFollowsThem) {
  ::symlink("a.txt", world_.project("l").c_str());
  ::symlink("nowhere", world_.project("dangling").c_str());
  ::symlink("src", world_.project("ls").c_str());
  ::symlink("loop", world_.project("loop").c_str());
  EXPECT_EQ(one(Remove{at("l")}).path, world_.project("l"));
  EXPECT_EQ(one(writing("l")).path, world_.project("a.txt"));
  EXPECT_EQ(one(Truncate{at("l"), 0}).path, world_.project("a.txt"));
  EXPECT_EQ(one(writing("l", O_NOFOLLOW)).path, world_.project("l"));
  EXPECT_EQ(one(writing("l", O_CREAT | O_EXCL)).path, world_.project("l"));
  EXPECT_FALSE(one(writing("dangling")).exists());
  EXPECT_TRUE(one(writing("dangling", O_CREAT | O_EXCL)).exists());
  const Target made = one(writing("dangling", O_CREAT));
  EXPECT_EQ(made.path, world_.project("nowhere"));
  EXPECT_FALSE(made.exists());
  EXPECT_EQ(one(Remove{at("ls/b.c")}).path, world_.project("src/b.c"));
  EXPECT_EQ(one(MakeDirectory{at("ls"), 0755}).path, world_.project("ls"));
  EXPECT_EQ(one(Remove{at("ls/"), RemoveKind::Directory}).path, world_.project("ls"));
  EXPECT_EQ(one(writing("ls/", O_NOFOLLOW)).path, world_.project("src"));
  EXPECT_EQ(error(Remove{at("loop/x")}), ELOOP);
  EXPECT_EQ(error(writing("loop")), ELOOP);
  EXPECT_EQ(one(SetMetadata{at("l"), Follow::Yes, SetMode{0600}}).path, world_.project("a.txt"));
  EXPECT_EQ(one(SetMetadata{at("l"), Follow::No, SetTimes{}}).path, world_.project("l"));
  EXPECT_EQ(one(SetMetadata{at("ls/"), Follow::No, SetTimes{}}).path, world_.project("src"));
}

TEST_F(Resolving, AnAbsoluteLinkBeginsAtTheAgentsRoot) {
  // In the agent's view the private folder is an empty tmpfs; on the host it has a file of that name.
  write_file(world_.base() + "/private/x", "the host's");
  ::symlink((world_.base() + "/private/x").c_str(), world_.project("abs").c_str());
  const Target target = one(writing("abs", O_CREAT));
  EXPECT_EQ(target.zone, Zone::Private);
  EXPECT_FALSE(target.exists());
}

TEST_F(Resolving, FortyLinksAreFollowedAndNotOneMore) {
  const auto chain = [&](const std::string& stem, int links) {
    std::string to = "a.txt";
    for (int i = 0; i < links; ++i) {
      const std::string from = stem + std::to_string(i);
      ::symlink(to.c_str(), world_.project(from).c_str());
      to = from;
    }
    return to;
  };
  EXPECT_EQ(one(writing(chain("good", 40))).path, world_.project("a.txt"));
  EXPECT_EQ(error(writing(chain("bad", 41))), ELOOP);
}

TEST_F(Resolving, APathThatLeadsNowhereGivesTheKernelsErrno) {
  EXPECT_EQ(error(Remove{at("")}), ENOENT);
  EXPECT_EQ(error(Remove{at("none/x")}), ENOENT);
  EXPECT_EQ(error(Remove{at("a.txt/x")}), ENOTDIR);
  EXPECT_EQ(error(Remove{at("a.txt/.")}), ENOTDIR);
  EXPECT_EQ(error(Remove{at("a.txt/..")}), ENOTDIR);
  EXPECT_EQ(error(Remove{at(std::string(256, 'n'))}), ENAMETOOLONG);
  EXPECT_EQ(error(Remove{at(std::string(256, 'n') + "/x")}), ENAMETOOLONG);
  EXPECT_EQ(error(Remove{at(std::string(4096, 'n'))}), ENAMETOOLONG);
}

TEST_F(Resolving, EachSpellingIsToldApart) {
  EXPECT_FALSE(one(Remove{at("none")}).exists());
  EXPECT_EQ(one(Remove{at("a.txt/")}).spelling, Spelling::TrailingSlash);
  EXPECT_EQ(one(Remove{at("src/")}).spelling, Spelling::TrailingSlash);
  EXPECT_EQ(one(Remove{at("src/")}).name, "src");
  EXPECT_EQ(one(Remove{at(".")}).spelling, Spelling::Dot);
  EXPECT_EQ(one(Remove{at("..")}).spelling, Spelling::DotDot);
  EXPECT_EQ(one(Remove{at("..")}).path, world_.base());
  EXPECT_EQ(one(Remove{at("/")}).path, "/");
  EXPECT_EQ(one(Remove{at("src/.")}).name, "");
  EXPECT_EQ(one(Remove{at("src/.")}).path, world_.project("src"));
  ::symlink("src/..", world_.project("dots").c_str());
  EXPECT_EQ(one(writing("dots")).path, world_.project());
  EXPECT_EQ(one(writing("dots")).spelling, Spelling::DotDot);
}

TEST_F(Resolving, NamesAreBytesAndMayBeAsLongAsTheKernelAllows) {
  const std::string odd = "\xff\xfe\x01 \n\"";
  const std::string longest(255, '\xe9');
  write_file(world_.project(odd), "1");
  write_file(world_.project(longest), "2");
  EXPECT_EQ(one(Remove{at(odd)}).path, world_.project(odd));
  EXPECT_EQ(one(Remove{at(longest)}).name, longest);
  std::string longest_path;
  while (longest_path.size() + 2 + 5 < 4095) longest_path += "./";
  longest_path += longest_path.size() % 2 == 0 ? "a.txt" : "/a.txt";
  ASSERT_LE(longest_path.size(), 4095U);
  EXPECT_EQ(one(Remove{at(longest_path)}).path, world_.project("a.txt"));
}

TEST_F(Resolving, ProcSelfIsTheAgentNotTheSupervisor) {
  const long fd = world_.open(world_.project("a.txt"), O_RDONLY);
  const std::string number = std::to_string(fd);
  for (const std::string& path :
       {"/proc/self/fd/" + number, "/dev/fd/" + number, "/proc/thread-self/fd/" + number, "/proc/2/fd/" + number}) {
    const Target target = one(writing(path));
    EXPECT_EQ(target.path, world_.project("a.txt")) << path;
    EXPECT_TRUE(target.agent_object) << path;
    EXPECT_TRUE(target.object) << path;
    EXPECT_EQ(target.zone, Zone::Gated) << path;
    EXPECT_EQ(target.name, "a.txt") << path;
  }
  EXPECT_EQ(error(writing("/proc/self/fd/987/x")), ENOENT);
  EXPECT_FALSE(one(writing("/proc/self/fd/987")).exists());
  // Ours is open on the test program; the agent has no such process.
  EXPECT_EQ(error(writing("/proc/" + std::to_string(::getpid()) + "/fd/0")), ENOENT);
  EXPECT_EQ(one(Remove{at("/proc/self/cwd/a.txt")}).path, world_.project("a.txt"));
  EXPECT_EQ(one(Remove{at("/proc/self/root" + world_.project("a.txt"))}).path, world_.project("a.txt"));
  EXPECT_EQ(error(writing("/proc/self/ns/mnt")), EACCES);
}

TEST_F(Resolving, TheDescriptorOfAnotherProcessInsideIsFetchedFromThatProcess) {
  const long fd = world_.open(world_.project("a.txt"), O_RDONLY);
  const long child = world_.new_process();
  world_.close(fd);
  EXPECT_FALSE(one(writing("/proc/self/fd/" + std::to_string(fd))).exists());
  const Target target = one(writing("/proc/" + std::to_string(child) + "/fd/" + std::to_string(fd)));
  EXPECT_EQ(target.path, world_.project("a.txt"));
  world_.end(child);
  EXPECT_EQ(error(writing("/proc/" + std::to_string(child) + "/fd/" + std::to_string(fd))), ENOENT);
}

TEST_F(Resolving, PipesAndMemoryOfTheAgentsOwnBelongToNoZoneThatIsGated) {
  const long pipe = world_.pipe_end();
  Target target = one(writing("/proc/self/fd/" + std::to_string(pipe)));
  EXPECT_EQ(target.zone, Zone::Kernel);
  EXPECT_FALSE(target.parent);
  EXPECT_TRUE(target.agent_object);
  const long memory = world_.memory_file();
  target = one(SetMetadata{{static_cast<int>(memory), ""}, Follow::Yes, SetMode{0600}});
  EXPECT_EQ(target.zone, Zone::Kernel);
}

TEST_F(Resolving, ADescriptorIsFoundUnderItsNewNameAndWithoutOneWhenDeleted) {
  const long fd = world_.open(world_.project("a.txt"), O_RDONLY);
  const SetMetadata change{{static_cast<int>(fd), ""}, Follow::Yes, SetMode{0600}};
  ::rename(world_.project("a.txt").c_str(), world_.project("src/moved").c_str());
  EXPECT_EQ(one(change).path, world_.project("src/moved"));
  ::unlink(world_.project("src/moved").c_str());
  const Target gone = one(change);
  EXPECT_FALSE(gone.parent);
  EXPECT_TRUE(gone.agent_object);
  EXPECT_EQ(gone.zone, Zone::Gated);
  // Another file takes the name over, even the one that the kernel shows for the deleted one.
  write_file(world_.project("src/moved (deleted)"), "not this");
  EXPECT_FALSE(one(change).parent);
}

TEST_F(Resolving, ToTheFormsThatTakeADescriptorOneWithoutTheFileOpenIsNone) {
  const auto of = [](long fd, Descriptor form) {
    return SetMetadata{{static_cast<int>(fd), "", form}, Follow::Yes, SetMode{0600}};
  };
  const long path = world_.open(world_.project("a.txt"), O_PATH);
  EXPECT_EQ(error(of(path, Descriptor::Opened)), EBADF);                    // fchmod(2)
  EXPECT_EQ(one(of(path, Descriptor::Any)).path, world_.project("a.txt"));  // fchmodat2(…, AT_EMPTY_PATH)
  const long folder = world_.open(world_.project("src"), O_PATH | O_DIRECTORY);
  EXPECT_EQ(error(of(folder, Descriptor::Opened)), EBADF);
  const long opened = world_.open(world_.project("a.txt"), O_RDONLY);
  EXPECT_EQ(one(of(opened, Descriptor::Opened)).path, world_.project("a.txt"));
}

TEST_F(Resolving, WhatIsWrongWithANewNameComesAfterTheFolderOfTheOldOne) {
  EXPECT_EQ(error(Rename{at("none/x"), {}, 0, ENOENT}), ENOENT);
  EXPECT_EQ(error(Rename{at("a.txt/x"), {}, 0, EFAULT}), ENOTDIR);
  EXPECT_EQ(error(Rename{at("a.txt"), {}, 0, EFAULT}), EFAULT);
  EXPECT_EQ(error(Link{at("a.txt/"), {}, Follow::No, EFAULT}), ENOTDIR);
  EXPECT_EQ(error(Link{at("a.txt"), {}, Follow::No, EFAULT}), EFAULT);
  const std::string too_long(256, 'n');
  EXPECT_EQ(error(Rename{at("none"), at(too_long)}), ENOENT);
  EXPECT_EQ(error(Rename{at("src/."), at(too_long)}), EBUSY);
  EXPECT_EQ(error(Rename{at("a.txt"), at(too_long)}), ENAMETOOLONG);
  EXPECT_EQ(error(Rename{at("none"), at(too_long + "/x")}), ENAMETOOLONG);
}

TEST_F(Resolving, AnUnnamedFileOfTheSessionsIsKnownByItsId) {
  const long fd = world_.tell('r', world_.base() + "/free");
  ASSERT_GE(fd, 0);
  struct statx stat {};
  auto copy = (*callers_->pin(Call{1, world_.tid(), 0, {}}))->descriptor(static_cast<int>(fd));
  ASSERT_TRUE(copy);
  stat = *sys::statx(copy->get(), "", 0);
  own_.add(sys::id_of(stat));
  EXPECT_TRUE(one(SetMetadata{{static_cast<int>(fd), ""}, Follow::Yes, SetMode{0600}}).own);
}

TEST_F(Resolving, ARemovedWorkingDirectoryHoldsNothing) {
  fs::create_directory(world_.project("gone"));
  ASSERT_EQ(world_.chdir(world_.project("gone")), 0);
  EXPECT_EQ(error(writing("x", O_CREAT)), 0);
  ::rmdir(world_.project("gone").c_str());
  EXPECT_EQ(error(writing("x", O_CREAT)), ENOENT);
  EXPECT_EQ(error(Remove{at("x")}), ENOENT);
  EXPECT_EQ(one(Remove{at("../a.txt")}).path, world_.project("a.txt"));
}

TEST_F(Resolving, ARenamedDirectoryIsJudgedUnderItsNewNameOnceTold) {
  EXPECT_EQ(one(Remove{at("src/b.c")}).path, world_.project("src/b.c"));
  const long fd = world_.open(world_.project("src"), O_RDONLY | O_DIRECTORY);
  ::rename(world_.project("src").c_str(), world_.project("lib").c_str());
  resolver_->directories().renamed();
  EXPECT_EQ(one(Remove{at("b.c", static_cast<int>(fd))}).path, world_.project("lib/b.c"));
  // Another directory under the old name is another directory, told or not.
  fs::create_directory(world_.project("src"));
  write_file(world_.project("src/b.c"), "other");
  const Target other = one(Remove{at("src/b.c")});
  EXPECT_EQ(other.path, world_.project("src/b.c"));
  EXPECT_EQ(other.id.inode, inode(world_.project("src/b.c")));
}

TEST_F(Resolving, AFolderThatWasExchangedSinceTheLastCallIsNotTakenForItsPredecessor) {
  write_file(world_.project("src/x"), "first");
  const Target first = one(Remove{at("src/x")});
  EXPECT_EQ(one(Remove{at("src/x")}).parent, first.parent);
  fs::rename(world_.project("src"), world_.project("old"));
  EXPECT_EQ(error(Remove{at("src/x")}), ENOENT);
  fs::create_directory(world_.project("src"));
  write_file(world_.project("src/x"), "second");
  const Target second = one(Remove{at("src/x")});
  EXPECT_EQ(second.id.inode, inode(world_.project("src/x")));
  EXPECT_EQ(second.path, world_.project("src/x"));
  EXPECT_FALSE(second.parent->id == first.parent->id);
  fs::remove_all(world_.project("src"));
  fs::create_directory_symlink("old", world_.project("src"));
  EXPECT_EQ(one(Remove{at("src/x")}).parent->id, first.parent->id) << "the link was not followed";
  fs::remove(world_.project("src"));
  write_file(world_.project("src"), "a file");
  EXPECT_EQ(error(Remove{at("src/x")}), ENOTDIR);
}

TEST_F(Resolving, FoldersThatCallersNameInTurnAreToldApartAlsoWhenTheyChangePlaces) {
  const auto name = [](int i) { return "in-turn-" + std::to_string(i); };
  constexpr int kFolders = 20;  // more than are kept
  for (int i = 0; i < kFolders; ++i) {
    fs::create_directory(world_.project(name(i)));
    write_file(world_.project(name(i) + "/x"), name(i));
  }
  const auto all_are_found = [&] {
    for (int round = 0; round < 2; ++round) {
      for (int i = 0; i < kFolders; ++i) {
        const Target target = one(Remove{at(name(i) + "/x")});
        EXPECT_EQ(target.id.inode, inode(world_.project(name(i) + "/x"))) << i;
        EXPECT_EQ(target.parent->id.inode, inode(world_.project(name(i)))) << i;
      }
    }
  };
  all_are_found();
  fs::rename(world_.project(name(0)), world_.project("aside"));
  fs::rename(world_.project(name(19)), world_.project(name(0)));
  fs::rename(world_.project("aside"), world_.project(name(19)));
  all_are_found();
}

TEST_F(Resolving, AnOwnLinkIsFollowedWhereTheKernelFollowsLinksAndNowhereElse) {
  write_file(world_.project("made"), "mine");
  fs::create_symlink("a.txt", world_.project("link"));
  for (const char* name : {"made", "link"}) {
    const auto stat = sys::statx(AT_FDCWD, world_.project(name).c_str());
    own_.add(sys::id_of(*stat));
  }
  EXPECT_TRUE(one(Remove{at("made")}).own);
  EXPECT_EQ(one(Remove{at("link")}).path, world_.project("link"));
  EXPECT_TRUE(one(Remove{at("link")}).own);
  const Target followed = one(writing("link"));
  EXPECT_EQ(followed.path, world_.project("a.txt"));
  EXPECT_FALSE(followed.own);
  EXPECT_EQ(one(writing("link", O_NOFOLLOW)).path, world_.project("link"));
}

TEST_F(Resolving, AProgramBehindLinkedFoldersIsFoundWhereTheAgentSeesIt) {
  fs::create_directory_symlink(world_.project("src"), world_.project("abs"));
  fs::create_directory_symlink("/proc/self/cwd", world_.project("me"));
  Exec exec;
  exec.path = at(world_.project("abs/b.c"));
  EXPECT_EQ(one(exec).path, world_.project("src/b.c"));
  exec.path = at(world_.project("me/a.txt"));
  EXPECT_EQ(one(exec).path, world_.project("a.txt")) << "/proc/self is the agent's, not ours and not nobody's";
  exec.path = at(world_.project("abs/none"));
  EXPECT_FALSE(one(exec).exists());
}

TEST_F(Resolving, HardLinksAreOneObjectUnderTwoNames) {
  ::link(world_.project("a.txt").c_str(), world_.project("second").c_str());
  const Target a = one(writing("a.txt"));
  const Target b = one(writing("second"));
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(b.path, world_.project("second"));
  own_.add(a.id);
  EXPECT_TRUE(one(writing("second")).own);
}

TEST_F(Resolving, AMaskedFileIsHiddenAndItsNameCannotBeTaken) {
  EXPECT_TRUE(one(writing("secret")).hidden);
  EXPECT_TRUE(one(Remove{at("secret")}).hidden);
  EXPECT_TRUE(one(SetMetadata{at("secret"), Follow::Yes, SetMode{0777}}).hidden);
  auto targets = resolve(Rename{at("a.txt"), at("secret")});
  ASSERT_TRUE(targets);
  EXPECT_TRUE((*targets)[1].hidden);
}

TEST_F(Resolving, APatternHidesWhatIsNotTheSessionsOwn) {
  use(world_.view([](std::string_view path) { return path.ends_with(".env"); }));
  EXPECT_TRUE(one(writing(".env", O_CREAT)).hidden);
  write_file(world_.project(".env"), "made by the session");
  own_.add(sys::id_of(*sys::statx(AT_FDCWD, world_.project(".env").c_str())));
  EXPECT_FALSE(one(writing(".env")).hidden);
}

TEST_F(Resolving, InAMadeUpHomeTheHostsObjectsAreFoundAndMissingOnesAreHidden) {
  const std::string home = world_.base() + "/home/";
  const Target kept = one(writing(home + "kept/k"));
  EXPECT_EQ(kept.id.inode, inode(home + "kept/k"));
  EXPECT_FALSE(kept.hidden);
  EXPECT_TRUE(one(Remove{at(home + ".ssh"), RemoveKind::Directory}).hidden);
  EXPECT_EQ(error(writing(home + ".ssh/id")), ENOENT) << "it is not there to be walked through";
  const Target fresh = one(writing(home + "new", O_CREAT));
  EXPECT_FALSE(fresh.hidden);
  EXPECT_EQ(fresh.parent->id.inode, inode(home)) << "the host's own home";
  EXPECT_TRUE(one(writing(home + ".config/tool", O_CREAT)).hidden) << "a folder of the skeleton hides what is missing";
  const Target mounted = one(Remove{at(home + "kept"), RemoveKind::Directory});
  EXPECT_NE(mounted.mount, mounted.parent->mount) << "a mount point, which the kernel would not remove";
  EXPECT_FALSE(mounted.hidden);
  EXPECT_EQ(one(SetMetadata{at(home + ".config"), Follow::Yes, SetMode{0700}}).id.inode, inode(home + ".config"));
}

TEST_F(Resolving, ZonesFollowTheMountNotTheSpelling) {
  ::symlink((world_.base() + "/free/f").c_str(), world_.project("tofree").c_str());
  EXPECT_EQ(one(writing("tofree")).zone, Zone::Free);
  EXPECT_EQ(one(writing(world_.base() + "/outside/o")).zone, Zone::Read);
  EXPECT_EQ(one(writing("/dev/null")).zone, Zone::Kernel);
  EXPECT_EQ(one(writing("/proc/self/oom_score_adj")).zone, Zone::Kernel);
  EXPECT_EQ(where(*resolve(writing("tofree"))), Where::Floor);
  EXPECT_EQ(where(*resolve(writing("a.txt"))), Where::Broker);
  auto across = resolve(Rename{at("a.txt"), at(world_.base() + "/free/a")});
  ASSERT_TRUE(across);
  EXPECT_NE((*across)[0].parent->mount, (*across)[1].parent->mount);
  EXPECT_EQ(where(*across), Where::Broker);
  EXPECT_EQ(where(*resolve(Rename{at(world_.base() + "/free/f"), at(world_.base() + "/free/deep/f")})), Where::Floor);
}

TEST_F(Resolving, AMountThatNobodyToldOfIsGatedUnlessMoreIsKnown) {
  EXPECT_EQ(one(writing("/sys/kernel/notes")).zone, Zone::Read);
  int asked = 0;
  use(world_.view({}, [&](std::uint64_t, int) {
    ++asked;
    return Mount{Zone::Kernel, Backing::Host};
  }));
  EXPECT_EQ(one(writing("/sys/kernel/notes")).zone, Zone::Kernel);
  EXPECT_EQ(one(writing("/sys/kernel/notes")).zone, Zone::Kernel);
  EXPECT_EQ(asked, 1);
}

TEST_F(Resolving, AnOpenThatOnlyReadsIsPinnedInTheAgentsView) {
  const Target target = one(Open{at("a.txt"), O_RDONLY});
  EXPECT_FALSE(target.object);
  ASSERT_TRUE(target.agent_object);
  const std::string self = "/proc/self/fd/" + std::to_string(target.agent_object.get());
  EXPECT_GE(UniqueFd(::open(self.c_str(), O_RDONLY)).get(), 0);
  EXPECT_EQ(::open(self.c_str(), O_WRONLY), -1);
  EXPECT_EQ(errno, EROFS);
}

TEST_F(Resolving, AnUnnamedFileIsMadeInAFolder) {
  const auto targets = resolve(Open{at("src"), O_RDWR | O_TMPFILE, 0600});
  ASSERT_TRUE(targets);
  EXPECT_EQ(targets->front().path, world_.project("src"));
  const auto found = subjects(Open{at("src"), O_RDWR | O_TMPFILE, 0600}, *targets, {});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].operation, Operation::Create);
  EXPECT_EQ(found[0].path, world_.project("src/#unnamed"));
  EXPECT_EQ(found[0].id, FileId{});
}

TEST_F(Resolving, TheLimitsOfOpenat2AreKept) {
  ::symlink("src", world_.project("ls").c_str());
  ::symlink((world_.project("a.txt")).c_str(), world_.project("abs").c_str());
  ::symlink("/a.txt", world_.project("rooted").c_str());
  ::symlink("../a.txt", world_.project("src/up").c_str());
  const int src = static_cast<int>(world_.open(world_.project("src"), O_RDONLY | O_DIRECTORY));
  const int top = static_cast<int>(world_.open(world_.project(), O_RDONLY | O_DIRECTORY));
  const auto limited = [&](int dirfd, const std::string& path, std::uint64_t resolve) {
    return Open{{dirfd, path}, O_WRONLY, 0, resolve, OpenCall::Openat2};
  };
  EXPECT_EQ(error(limited(src, "b.c", RESOLVE_BENEATH)), 0);
  EXPECT_EQ(error(limited(src, "../a.txt", RESOLVE_BENEATH)), EXDEV);
  EXPECT_EQ(error(limited(src, "up", RESOLVE_BENEATH)), EXDEV);
  EXPECT_EQ(error(limited(top, "src/up", RESOLVE_BENEATH)), 0);
  EXPECT_EQ(error(limited(top, world_.project("a.txt"), RESOLVE_BENEATH)), EXDEV);
  EXPECT_EQ(error(limited(top, "abs", RESOLVE_BENEATH)), EXDEV);
  EXPECT_EQ(one(limited(top, "rooted", RESOLVE_IN_ROOT)).path, world_.project("a.txt"));
  EXPECT_EQ(one(limited(top, "/../../a.txt", RESOLVE_IN_ROOT)).path, world_.project("a.txt"));
  EXPECT_EQ(error(limited(top, "ls/b.c", RESOLVE_NO_SYMLINKS)), ELOOP);
  EXPECT_EQ(error(limited(top, "src/b.c", RESOLVE_NO_SYMLINKS)), 0);
  EXPECT_EQ(error(limited(top, "../free/f", RESOLVE_NO_XDEV)), EXDEV);
  EXPECT_EQ(error(limited(top, "/proc/self/fd/" + std::to_string(src) + "/b.c", RESOLVE_NO_MAGICLINKS)), ELOOP);
  EXPECT_EQ(error(limited(top, "a.txt", RESOLVE_CACHED)), EAGAIN);
}

TEST_F(Resolving, AFolderThatIsAnotherOneOnTheHostIsRefused) {
  // Nobody said that the private folder is private; on the host another folder has its name.
  View::Parts parts;
  parts.agent_root = UniqueFd(::openat(view_->agent_root(), ".", O_PATH | O_DIRECTORY));
  parts.host_root = UniqueFd(::open("/", O_PATH | O_DIRECTORY));
  auto view = View::create(std::move(parts));
  ASSERT_TRUE(view);
  use(std::move(*view));
  EXPECT_EQ(error(writing(world_.base() + "/private/new", O_CREAT)), EPERM);
  EXPECT_EQ(error(writing(world_.project("new"), O_CREAT)), 0);
}

TEST_F(Resolving, OnlyTheLastFiveHundredDirectoriesAreKept) {
  for (int i = 0; i < 600; ++i) {
    const std::string name = "d" + std::to_string(i);
    fs::create_directory(world_.project(name));
    EXPECT_EQ(error(writing(name + "/x", O_CREAT)), 0);
  }
  EXPECT_LE(resolver_->directories().size(), Directories::kMost);
  EXPECT_EQ(one(writing("d0/x", O_CREAT)).path, world_.project("d0/x"));
}

// Somebody flips what a name means, all the time. Whatever is found must be one of the real things, and what is
// pinned must be what is judged.

class Flipper {
 public:
  explicit Flipper(std::function<void(int)> flip)
      : thread_([this, flip = std::move(flip)] {
          for (int i = 0; !stop_; ++i) flip(i);
        }) {}
  ~Flipper() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

TEST_F(Resolving, ALinkThatIsFlippedLeadsToOneOfTheTwoAndThePinnedOneIsJudged) {
  fs::create_directory(world_.project("one"));
  fs::create_directory(world_.project("two"));
  write_file(world_.project("one/f"), "1");
  write_file(world_.project("two/f"), "2");
  const std::uint64_t first = inode(world_.project("one/f"));
  const std::uint64_t second = inode(world_.project("two/f"));
  ::symlink("one", world_.project("link").c_str());
  const Flipper flipper([&](int i) {
    ::symlink(i % 2 == 0 ? "two" : "one", world_.project("fresh").c_str());
    ::rename(world_.project("fresh").c_str(), world_.project("link").c_str());
  });
  int seen[2] = {0, 0};
  for (int i = 0; i < 10'000; ++i) {
    const auto targets = resolve(writing("link/f"));
    if (!targets) {
      EXPECT_EQ(targets.error().code, EPERM);
      continue;
    }
    const Target& target = targets->front();
    const bool is_first = target.path == world_.project("one/f");
    ASSERT_TRUE(is_first || target.path == world_.project("two/f")) << target.path;
    ASSERT_EQ(target.id.inode, is_first ? first : second);
    ASSERT_EQ(sys::statx(target.object.get(), "", 0)->stx_ino, target.id.inode);
    ++seen[is_first ? 0 : 1];
  }
  EXPECT_GT(seen[0] + seen[1], 9'000);
}

TEST_F(Resolving, AFileThatBecomesALinkToOutsideIsNeverFollowedUnjudged) {
  const std::string outside = world_.base() + "/outside/o";
  write_file(world_.project("f"), "file");
  const Flipper flipper([&](int i) {
    if (i % 2 == 0) {
      ::symlink(outside.c_str(), world_.project("fresh").c_str());
    } else {
      write_file(world_.project("fresh"), "file");
    }
    ::rename(world_.project("fresh").c_str(), world_.project("f").c_str());
  });
  int found = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto targets = resolve(writing("f"));
    if (!targets) {
      EXPECT_EQ(targets.error().code, EPERM);
      continue;
    }
    ++found;
    const Target& target = targets->front();
    const auto pinned = sys::statx(target.object.get(), "", 0);
    ASSERT_EQ(pinned->stx_ino, target.id.inode);
    ASSERT_TRUE(S_ISREG(pinned->stx_mode)) << "a link was pinned as if it were the file";
    if (target.path == outside) {
      ASSERT_EQ(target.zone, Zone::Read);
      ASSERT_EQ(target.id.inode, inode(outside));
    } else {
      ASSERT_EQ(target.path, world_.project("f"));
      ASSERT_EQ(target.zone, Zone::Gated);
      ASSERT_NE(target.id.inode, inode(outside));
    }
  }
  EXPECT_GT(found, 1'000);
}

TEST_F(Resolving, ADirectoryThatIsExchangedWithALinkOnTheHostIsNotLeft) {
  fs::create_directory(world_.project("dir"));
  write_file(world_.project("dir/f"), "inside");
  ::symlink((world_.base() + "/outside").c_str(), world_.project("out").c_str());
  write_file(world_.base() + "/outside/f", "outside");
  const std::uint64_t inside = inode(world_.project("dir/f"));
  const std::uint64_t outside = inode(world_.base() + "/outside/f");
  const Flipper flipper([&](int) {
    ::renameat2(AT_FDCWD, world_.project("dir").c_str(), AT_FDCWD, world_.project("out").c_str(), RENAME_EXCHANGE);
  });
  for (int i = 0; i < 5'000; ++i) {
    const auto targets = resolve(Remove{at("dir/f")});
    if (!targets) {
      EXPECT_EQ(targets.error().code, EPERM);
      continue;
    }
    const Target& target = targets->front();
    ASSERT_EQ(target.id.inode, target.zone == Zone::Gated ? inside : outside);
    ASSERT_EQ(sys::statx(target.parent->host.get(), "f")->stx_ino, target.id.inode);
  }
}

}  // namespace
}  // namespace assent::resolve
