// A temporary directory, and Targets made by hand for what lies in it: what resolve would hand to the broker.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "base/sys.h"
#include "broker/broker.h"
#include "support/test_permit.h"

namespace assent::test {

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/assent-broker-XXXXXX";
    if (::mkdtemp(name) == nullptr) std::abort();
    path_ = name;
    ::chmod(name, 0755);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::trunc) << content;
}
inline std::string read_file(const std::string& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}
inline bool exists(const std::string& path) {
  struct stat st {};
  return ::lstat(path.c_str(), &st) == 0;
}
inline std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

inline DirectoryRef directory(const std::string& path) {
  auto directory = std::make_shared<Directory>();
  directory->host.reset(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  directory->id = sys::id_of(sys::statx(directory->host.get(), "").value());
  directory->path = std::filesystem::canonical(path);
  directory->mount = 1;
  directory->zone = Zone::Gated;
  return directory;
}

enum class Owner { Agent, Before };

// The object at `path` (its last name never followed), as it is now.
inline Target target(const std::string& path, Owner owner = Owner::Before) {
  Target out;
  std::string rest = path;
  while (rest.size() > 1 && rest.back() == '/') {
    rest.pop_back();
    out.spelling = Spelling::TrailingSlash;
  }
  const std::size_t slash = rest.rfind('/');
  std::string parent = rest.substr(0, slash);
  out.name = rest.substr(slash + 1);
  if (out.name == "." || out.name == "..") {
    out.spelling = out.name == "." ? Spelling::Dot : Spelling::DotDot;
    parent = rest;
    out.name.clear();
  }
  out.parent = directory(parent);
  out.path = out.name.empty() ? out.parent->path : out.parent->path + "/" + out.name;
  out.zone = Zone::Gated;
  out.mount = 1;
  if (auto stat = sys::statx(out.parent->host.get(), out.name.c_str())) {
    out.stat = *stat;
    out.id = sys::id_of(*stat);
    out.own = owner == Owner::Agent;
  }
  return out;
}

inline PathArg at(const std::string& path) { return PathArg{AT_FDCWD, path}; }

class Desk {  // a broker, and one call a line
 public:
  explicit Desk(broker::BrokerOptions options = {}) : broker(std::move(options)) {}

  broker::Outcome act(const Action& action, Target one, broker::CallerFacts caller = {}) {
    std::array<Target, 1> targets{std::move(one)};
    return broker.perform(record::AuditLog::mint(++sequence), action, targets, caller);
  }
  broker::Outcome act(const Action& action, Target one, Target two, broker::CallerFacts caller = {}) {
    std::array<Target, 2> targets{std::move(one), std::move(two)};
    return broker.perform(record::AuditLog::mint(++sequence), action, targets, caller);
  }

  broker::Broker broker;
  std::uint64_t sequence = 0;
};

// 0, or the errno of the reply; a descriptor counts as 0.
inline int code_of(const broker::Outcome& outcome) {
  if (const auto* error = std::get_if<ReturnErrno>(&outcome.reply)) return error->code;
  return 0;
}
inline int descriptor_of(const broker::Outcome& outcome) {
  const auto* descriptor = std::get_if<ReturnDescriptor>(&outcome.reply);
  return descriptor == nullptr ? -1 : descriptor->fd.get();
}

// Runs `body` in a child that is an ordinary user (the tests may run as root, whom no permission stops).
inline void as_ordinary_user(const std::function<void()>& body) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::geteuid() == 0) {
      const passwd* nobody = ::getpwnam("nobody");
      if (nobody == nullptr || ::setgroups(0, nullptr) != 0 || ::setgid(nobody->pw_gid) != 0 ||
          ::setuid(nobody->pw_uid) != 0) {
        ::_exit(99);
      }
    }
    body();
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(child, ::waitpid(child, &status, 0));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "in the child, see above; status " << status;
}

}  // namespace assent::test
