// The parts of resolve that look at nothing: spelling, /proc paths, texts of /proc, the set of own files, meanings.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <random>
#include <set>

#include "resolve/own_files.h"
#include "resolve/process_facts.h"
#include "resolve/spelling.h"
#include "resolve/subjects.h"

namespace assent::resolve {
namespace {

TEST(Spelling, APathFallsIntoADirectoryAndALastName) {
  struct Case {
    const char* path;
    bool absolute;
    const char* directory;
    const char* last;
    Spelling spelling;
  };
  for (const Case& c :
       {Case{"a", false, "", "a", Spelling::Plain}, Case{"a/b", false, "a", "b", Spelling::Plain},
        Case{"/a", true, "", "a", Spelling::Plain}, Case{"//a//b", true, "a/", "b", Spelling::Plain},
        Case{"a/", false, "", "a", Spelling::TrailingSlash}, Case{"/a/b//", true, "a", "b", Spelling::TrailingSlash},
        Case{".", false, ".", "", Spelling::Dot}, Case{"..", false, "..", "", Spelling::DotDot},
        Case{"a/..", false, "a/..", "", Spelling::DotDot}, Case{"a/./", false, "a/.", "", Spelling::Dot},
        Case{"/", true, "", "", Spelling::Dot}, Case{"///", true, "", "", Spelling::Dot},
        Case{"...", false, "", "...", Spelling::Plain}}) {
    const auto spelled = spell(c.path);
    ASSERT_TRUE(spelled) << c.path;
    EXPECT_EQ(spelled->absolute, c.absolute) << c.path;
    EXPECT_EQ(spelled->directory, c.directory) << c.path;
    EXPECT_EQ(spelled->last, c.last) << c.path;
    EXPECT_EQ(spelled->spelling, c.spelling) << c.path;
  }
}

TEST(Spelling, EmptyAndTooLongPathsAreRefusedAsByTheKernel) {
  EXPECT_EQ(spell("").error().code, ENOENT);
  EXPECT_EQ(spell(std::string(4096, 'a')).error().code, ENAMETOOLONG);
  EXPECT_TRUE(spell(std::string(4095, 'a')));
}

TEST(Spelling, ProcDirectoriesAreToldApart) {
  using Kind = ProcDirectory::Kind;
  EXPECT_EQ(proc_directory("/proc").kind, Kind::Root);
  EXPECT_EQ(proc_directory("/proc/12").kind, Kind::Process);
  EXPECT_EQ(proc_directory("/proc/12/fd").kind, Kind::Descriptors);
  EXPECT_EQ(proc_directory("/proc/12/task/13/fd").thread, 13);
  EXPECT_EQ(proc_directory("/proc/12/task/13/fd").kind, Kind::Descriptors);
  EXPECT_EQ(proc_directory("/proc/12/task").kind, Kind::Other);
  EXPECT_EQ(proc_directory("/proc/12/ns").kind, Kind::Other);
  EXPECT_EQ(proc_directory("/proc/12/ns").process, 12);
  EXPECT_EQ(proc_directory("/proc/sys").process, 0);
  EXPECT_EQ(proc_directory("/procession/12/fd").kind, Kind::Other);
  EXPECT_EQ(proc_directory("/srv/proc/12/fd").kind, Kind::Other);
  EXPECT_EQ(proc_directory("/proc/99999999999/fd").process, 0);
  EXPECT_EQ(proc_directory("/proc/012/fd").process, 0);
}

TEST(ProcessFacts, StatusIsReadWithTheInnermostNumbers) {
  const auto facts = parse_status(
      "Name:\ta b\\n\nUmask:\t0027\nState:\tS (sleeping)\nTgid:\t100\nPid:\t101\nPPid:\t7\n"
      "NStgid:\t100\t5\nNSpid:\t101\t6\nVmPeak:\t1 kB\n");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->name, "a b\\n");
  EXPECT_EQ(facts->umask, 027U);
  EXPECT_EQ(facts->tgid, 100);
  EXPECT_EQ(facts->parent, 7);
  EXPECT_EQ(facts->inner_pid, 5);
  EXPECT_EQ(facts->inner_tid, 6);
  EXPECT_EQ(facts->depth, 2);
  EXPECT_FALSE(parse_status("Name:\tx\n"));
}

TEST(ProcessFacts, ANameIsWhatTheStatusFileSays) {
  const UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY));
  for (const char* name : {"plain", "a b", "a\nb\\c", "0123456789abcdef", ""}) {
    ASSERT_EQ(::prctl(PR_SET_NAME, name), 0);
    const auto tid = static_cast<pid_t>(::syscall(SYS_gettid));
    const auto facts = read_status(proc.get(), tid);
    ASSERT_TRUE(facts);
    const auto read = read_name(proc.get(), tid);
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, facts->name);
  }
}

TEST(ProcessFacts, ACommandLineKeepsEmptyArguments) {
  EXPECT_EQ(split_command_line(std::string_view("a\0\0b\0", 5)), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_TRUE(split_command_line("").empty());
}

TEST(OwnFiles, RemembersAndForgetsLikeASet) {
  OwnFiles own;
  std::set<std::uint64_t> model;
  std::mt19937 random(7);
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t inode = random() % 3000 + 1;
    const FileId id{8, inode, 1000};
    if (random() % 2 == 0) {
      own.add(id);
      model.insert(inode);
    } else {
      own.forget(id);
      model.erase(inode);
    }
  }
  EXPECT_EQ(own.size(), model.size());
  for (std::uint64_t inode = 1; inode <= 3000; ++inode) {
    EXPECT_EQ(own.contains({8, inode, 1000}), model.contains(inode)) << inode;
    EXPECT_FALSE(own.contains({8, inode, 1001}));
    EXPECT_FALSE(own.contains({9, inode, 1000}));
  }
}

TEST(OwnFiles, AnObjectWithoutABirthTimeIsNeverOwn) {
  OwnFiles own;
  own.add({8, 1, 0});
  EXPECT_FALSE(own.contains({8, 1, 0}));
  EXPECT_EQ(own.size(), 0U);
}

TEST(OwnFiles, AHundredThousandTakeAtMostThirtyTwoBytesEach) {
  OwnFiles own;
  for (std::uint64_t i = 1; i <= 100'000; ++i)
    own.add({8, i, 1'700'000'000'000'000'000 + static_cast<std::int64_t>(i)});
  EXPECT_EQ(own.size(), 100'000U);
  EXPECT_LE(own.bytes(), 3'200'000U);
}

// What a call means.

Target existing(const std::string& path, mode_t type = S_IFREG, std::uint64_t size = 10, std::uint64_t inode = 5) {
  auto parent = std::make_shared<Directory>();
  Target target;
  target.parent = parent;
  target.name = path.substr(path.rfind('/') + 1);
  target.path = path;
  target.zone = Zone::Gated;
  target.stat.emplace();
  target.stat->stx_mode = static_cast<std::uint16_t>(type | 0644);
  target.stat->stx_size = size;
  target.stat->stx_ino = inode;
  target.id = {8, inode, 1};
  return target;
}
Target missing(const std::string& path) {
  Target target = existing(path);
  target.stat.reset();
  target.id = {};
  return target;
}
template <class... T>
std::vector<Target> list(T&&... targets) {
  std::vector<Target> out;
  (out.push_back(std::move(targets)), ...);
  return out;
}
std::string meaning(const Action& action, const std::vector<Target>& targets) {
  std::string out;
  for (const FileSubject& subject : subjects(action, targets, {})) {
    out += std::string(out.empty() ? "" : " ") + std::string(name(subject.operation)) + ":" + subject.path +
           (subject.replaced ? "!" : "");
  }
  return out;
}

TEST(Subjects, AnOpenMeansWhatItDoesToTheFile) {
  EXPECT_EQ(meaning(Open{{}, O_WRONLY | O_CREAT}, list(missing("/p/n"))), "create:/p/n");
  EXPECT_EQ(meaning(Open{{}, O_RDONLY | O_CREAT}, list(missing("/p/n"))), "create:/p/n");
  EXPECT_EQ(meaning(Open{{}, O_RDONLY | O_CREAT}, list(existing("/p/a"))), "");
  EXPECT_EQ(meaning(Open{{}, O_RDWR}, list(existing("/p/a"))), "modify:/p/a");
  EXPECT_EQ(meaning(Open{{}, O_WRONLY | O_TRUNC}, list(existing("/p/a"))), "modify:/p/a truncate:/p/a");
  EXPECT_EQ(meaning(Open{{}, O_RDONLY | O_TRUNC}, list(existing("/p/a"))), "modify:/p/a truncate:/p/a");
  EXPECT_EQ(meaning(Open{{}, O_WRONLY | O_TRUNC}, list(existing("/p/a", S_IFREG, 0))), "modify:/p/a");
  EXPECT_EQ(meaning(Open{{}, O_WRONLY | O_TRUNC}, list(existing("/p/q", S_IFIFO, 0))), "modify:/p/q");
  EXPECT_EQ(meaning(Open{{}, O_PATH}, list(existing("/p/a"))), "");
  EXPECT_EQ(meaning(Open{{}, O_RDONLY}, list(existing("/p/a"))), "");
}

TEST(Subjects, ARenameIsTheEndOfOneAndPerhapsOfTwo) {
  EXPECT_EQ(meaning(Rename{}, list(existing("/p/a"), missing("/p/b"))), "rename:/p/a create:/p/b");
  EXPECT_EQ(meaning(Rename{}, list(existing("/p/a"), existing("/p/b", S_IFREG, 1, 6))), "rename:/p/a delete:/p/b!");
  EXPECT_EQ(meaning(Rename{{}, {}, RENAME_EXCHANGE}, list(existing("/p/a"), existing("/p/b", S_IFREG, 1, 6))),
            "rename:/p/a rename:/p/b");
  EXPECT_EQ(meaning(Rename{}, list(existing("/p/a"), existing("/p/b"))), "");  // two names of one file: nothing happens
}

TEST(Subjects, ASecondNameOfAForeignFileModifiesIt) {
  EXPECT_EQ(meaning(Link{}, list(existing("/p/a"), missing("/p/b"))), "create:/p/b modify:/p/a");
  Target own = existing("/p/a");
  own.own = true;
  EXPECT_EQ(meaning(Link{}, list(std::move(own), missing("/p/b"))), "create:/p/b");
}

TEST(Subjects, TheRest) {
  EXPECT_EQ(meaning(Remove{}, list(existing("/p/a"))), "delete:/p/a");
  EXPECT_EQ(meaning(Truncate{{}, 3}, list(existing("/p/a"))), "truncate:/p/a");
  EXPECT_EQ(meaning(Truncate{{}, 10}, list(existing("/p/a"))), "modify:/p/a");
  EXPECT_EQ(meaning(SetMetadata{{}, Follow::Yes, SetMode{0600}}, list(existing("/p/a"))), "metadata:/p/a");
  EXPECT_EQ(meaning(MakeDirectory{}, list(missing("/p/d"))), "create:/p/d");
  EXPECT_EQ(meaning(MakeSymlink{}, list(missing("/p/d"))), "create:/p/d");
  EXPECT_EQ(meaning(MakeNode{}, list(missing("/p/d"))), "create:/p/d");
}

TEST(Subjects, GitIsAskedOnlyWhenARuleWantsToKnow) {
  int asked = 0;
  const Facts facts{[&](const std::string& path, const FileId& id) {
    ++asked;
    return path == "/p/a" && id.inode == 5;
  }};
  const auto found = subjects(Remove{}, list(existing("/p/a")), facts);
  EXPECT_EQ(asked, 0);
  EXPECT_TRUE(found.at(0).recoverable());
  EXPECT_EQ(asked, 1);
  EXPECT_FALSE(subjects(Remove{}, list(existing("/p/a")), {}).at(0).recoverable());
}

}  // namespace
}  // namespace assent::resolve
