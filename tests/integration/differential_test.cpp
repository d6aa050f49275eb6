// Runs the differential list natively and inside the sandbox: results, errnos, descriptors and the tree must be equal.
// ASSENT_DIFFERENTIAL=full runs every case (some minutes), =NAME the cases whose name contains NAME; else every
// eleventh (445).
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace {

// Outcomes that differ by design: the name a case begins with, and why.
struct Designed {
  const char* begins;
  const char* why;
};
constexpr std::array<Designed, 5> kDesigned{
    Designed{"rename / ", "inside, the project is a mount of its own, so EXDEV comes before EBUSY"},
    Designed{"nameless file in a removed folder", "ENOENT, as for every other file; some file systems say EPERM"},
    Designed{"set flags, null 2097152 ", "EFAULT is found before EBADF: the argument is read before the descriptor is"},
    Designed{"reopen a deleted file",
             "a descriptor for reading is of the agent's read-only view (EROFS), and no name leads to the file's other "
             "side any more; reopening one that was opened for writing works"},
    Designed{"open without a free descriptor ",
             "natively the descriptor is taken first; the supervisor learns of EMFILE when it hands one over, so "
             "EEXIST, EISDIR and the like come before it (and what was created goes again)"},
};

bool by_design(const std::string& line) {
  for (const Designed& each : kDesigned) {
    if (line.starts_with(each.begins)) return true;
  }
  return false;
}

class Differential : public ::testing::Test {
 protected:
  // Not below /tmp: inside, that is an empty folder of the session's own.
  Differential() {
    char name[] = "/var/tmp/assent-differential-XXXXXX";
    if (::mkdtemp(name) == nullptr) std::abort();
    folder_ = name;
    ::chmod(name, 0755);
    std::filesystem::create_directory(folder_ + "/state");
  }
  ~Differential() override {
    if (::getenv("ASSENT_KEEP") != nullptr) return;
    // Folders without permissions stand in the way of an ordinary user.
    std::error_code ignored;
    for (auto each = std::filesystem::recursive_directory_iterator(
             folder_, std::filesystem::directory_options::skip_permission_denied, ignored);
         each != std::filesystem::recursive_directory_iterator(); each.increment(ignored)) {
      if (each->symlink_status(ignored).type() == std::filesystem::file_type::directory) {
        ::chmod(each->path().c_str(), 0700);
      }
    }
    std::filesystem::remove_all(folder_, ignored);
  }

  // The lines the list printed, run in a fresh project with `before` in front of the command.
  std::vector<std::string> run(const std::string& name, const std::vector<std::string>& before = {}) {
    const std::string project = folder_ + "/" + name;
    std::filesystem::create_directories(project);
    std::filesystem::copy_file(DIFFERENTIAL_CASES, project + "/differential_cases");
    const std::string output = folder_ + "/" + name + ".out";

    std::vector<std::string> argv = before;
    for (auto& word : argv) {
      if (word == "PROJECT") word = project;
    }
    argv.push_back(project + "/differential_cases");
    argv.push_back(project);
    const char* wish = ::getenv("ASSENT_DIFFERENTIAL");
    const std::string part = wish == nullptr || std::string(wish) == "full" ? "" : wish;
    argv.push_back(part);
    argv.push_back(wish == nullptr ? "11" : "1");

    const pid_t child = ::fork();
    if (child == 0) {
      std::vector<char*> words;
      for (auto& word : argv) words.push_back(word.data());
      words.push_back(nullptr);
      ::setenv("XDG_STATE_HOME", (folder_ + "/state").c_str(), 1);
      if (::freopen(output.c_str(), "w", stdout) == nullptr || ::freopen("/dev/null", "r", stdin) == nullptr)
        ::_exit(98);
      ::execv(words[0], words.data());
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << name << ": status " << status;

    std::vector<std::string> lines;
    std::ifstream in(output);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  static void expect_equal(const std::vector<std::string>& a, const std::string& a_name,
                           const std::vector<std::string>& b, const std::string& b_name) {
    ASSERT_FALSE(a.empty());
    EXPECT_EQ(a.size(), b.size()) << "last lines: " << a.back() << " / " << (b.empty() ? "" : b.back());
    int different = 0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      if (a[i] == b[i] || by_design(a[i])) continue;
      if (++different <= 60) ADD_FAILURE() << a_name << ": " << a[i] << "\n" << b_name << ": " << b[i];
    }
    EXPECT_EQ(0, different) << "of " << a.size() << " lines";
    std::printf("%s\n", a.back().c_str());
  }

  std::string folder_;
};

TEST_F(Differential, TheListIsTheSameTwiceNatively) { expect_equal(run("first"), "first", run("second"), "second"); }

TEST_F(Differential, InsideItIsTheSameAsNatively) {
  std::string assent;
#ifdef ASSENT_BINARY
  assent = ASSENT_BINARY;
#endif
  if (const char* other = ::getenv("ASSENT_BINARY")) assent = other;
  if (assent.empty() || ::access(assent.c_str(), X_OK) != 0) GTEST_SKIP() << "no assent program";
  const auto native = run("native");
  const auto inside = run("inside", {assent, "run", "--headless", "-C", "PROJECT", "--"});
  expect_equal(native, "natively", inside, "inside");
}

}  // namespace
