// A scratch folder with a vault in it, and an agent whose acts pass the vault as the broker would pass them. Tree: what
// a folder holds, by content and metadata, to compare before and after.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/sys.h"
#include "undo/catalog.h"
#include "undo/object.h"
#include "undo/restore.h"
#include "undo/vault.h"

namespace assent::test {

class Scratch {
 public:
  explicit Scratch(const std::string& below = "/var/tmp") {
    std::string name = below + "/assent-undo-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    for (std::filesystem::recursive_directory_iterator at(path_, ignored), end; at != end; at.increment(ignored)) {
      if (at->is_directory(ignored) && !at->is_symlink(ignored))
        std::filesystem::permissions(at->path(), std::filesystem::perms::owner_all, ignored);
    }
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::trunc | std::ios::binary) << content;
}
inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}
inline bool exists(const std::string& path) {
  struct stat st {};
  return ::lstat(path.c_str(), &st) == 0;
}
inline FileId id_at(const std::string& path) { return sys::id_of(sys::statx(AT_FDCWD, path.c_str()).value()); }

enum class Times { Folders, NoFolders };

// Everything below a folder: type, mode, owner, times, link text, device, xattrs, content.
inline std::map<std::string, std::string> tree(const std::string& root, Times times = Times::Folders) {
  std::map<std::string, std::string> out;
  const auto describe = [&](const std::string& path) {
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0) return;
    const bool timed = times == Times::Folders || !S_ISDIR(st.st_mode);
    std::string text =
        std::to_string(st.st_mode) + " " + std::to_string(st.st_uid) + ":" + std::to_string(st.st_gid) + " " +
        (timed ? std::to_string(st.st_mtim.tv_sec) + "." + std::to_string(st.st_mtim.tv_nsec) : "") + " " +
        (S_ISDIR(st.st_mode) ? "" : std::to_string(st.st_nlink) + " " + std::to_string(st.st_size)) + " " +
        std::to_string(st.st_rdev);
    if (S_ISLNK(st.st_mode)) text += " -> " + std::filesystem::read_symlink(path).string();
    const int fd = ::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
    auto metadata = undo::read_metadata(fd, sys::statx(fd, "").value());
    ::close(fd);
    if (metadata) {
      for (const auto& [name, value] : metadata->xattrs) text += " " + name + "=" + value;
    }
    if (S_ISREG(st.st_mode)) {
      const int reading = ::open(path.c_str(), O_RDONLY | O_NOATIME | O_CLOEXEC);
      std::string content(static_cast<std::size_t>(st.st_size), '\0');
      const ssize_t n = ::pread(reading, content.data(), content.size(), 0);
      ::close(reading);
      text += " #" + std::to_string(std::hash<std::string>{}(content)) + "," + std::to_string(n);
    }
    out[path.substr(root.size())] = text;
  };
  describe(root);
  std::error_code ignored;
  for (std::filesystem::recursive_directory_iterator at(root, ignored), end; at != end; at.increment(ignored))
    describe(at->path().string());
  return out;
}

inline DirectoryRef directory(const std::string& path) {
  auto directory = std::make_shared<Directory>();
  directory->host.reset(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  auto stat = sys::statx(directory->host.get(), "").value();
  directory->id = sys::id_of(stat);
  directory->path = path;
  directory->mount = stat.stx_mnt_id;
  directory->zone = Zone::Gated;
  return directory;
}

// What happens on the agent's behalf. Every act fails the test where the vault refuses it, except the try_… ones.
class Agent {
 public:
  explicit Agent(undo::VaultOptions options, std::unordered_set<FileId, FileIdHash>* own = nullptr) : own_(own) {
    options.stage_name = [](std::uint64_t number) { return ".assent-stage-" + std::to_string(number); };
    if (own_ != nullptr) options.is_own = [this](const FileId& id) { return own_->contains(id); };
    vault = std::make_unique<undo::Vault>(std::move(options));
  }

  Target target(const std::string& path) const {
    Target out;
    out.parent = directory(path.substr(0, path.rfind('/')));
    out.name = path.substr(path.rfind('/') + 1);
    out.path = path;
    out.zone = Zone::Gated;
    if (auto stat = sys::statx(out.parent->host.get(), out.name.c_str())) {
      out.stat = *stat;
      out.id = sys::id_of(*stat);
      out.own = own_ != nullptr && own_->contains(out.id);
    }
    return out;
  }

  Status try_remove(const std::string& path) {
    Target victim = target(path);
    if (auto noted = vault->before(Remove{}, std::span<const Target>(&victim, 1), ++sequence); !noted) return noted;
    if (victim.own) {
      std::filesystem::remove(path);
      return {};
    }
    auto kept = vault->keep_removed(*victim.parent, victim.name, victim, sequence);
    if (!kept) return pass(std::move(kept));
    return *kept == undo::Removal::Taken ? Status{} : fail(EAGAIN, "raced");
  }
  void remove(const std::string& path) {
    auto status = try_remove(path);
    ASSERT_TRUE(status) << status.error().what;
  }
  void remove_tree(const std::string& path) {  // as rm -rf
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path)) names.push_back(entry.path().string());
    for (const auto& name : names) {
      if (std::filesystem::is_directory(std::filesystem::symlink_status(name))) {
        remove_tree(name);
      } else {
        remove(name);
      }
    }
    remove(path);
  }
  Status try_open_for_writing(const std::string& path) {
    Target victim = target(path);
    const UniqueFd object(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    return vault->keep_content(object.get(), victim, ++sequence);
  }
  void write(const std::string& path, const std::string& content) {
    if (!exists(path)) {
      Target place = target(path);
      ASSERT_TRUE(vault->before(Open{{}, O_CREAT | O_WRONLY}, std::span<const Target>(&place, 1), ++sequence));
      write_file(path, content);
      own_->insert(id_at(path));
      return;
    }
    if (own_ == nullptr || !own_->contains(id_at(path))) {
      auto status = try_open_for_writing(path);
      ASSERT_TRUE(status) << status.error().what;
    }
    write_file(path, content);
  }
  void rename(const std::string& from, const std::string& to) {
    const Target targets[2] = {target(from), target(to)};
    Rename act;
    auto noted = vault->before(act, targets, ++sequence);
    ASSERT_TRUE(noted) << noted.error().what;
    if (!targets[1].exists()) {
      ASSERT_EQ(0, ::rename(from.c_str(), to.c_str()));
      return;
    }
    const std::string stage = ".assent-stage-" + std::to_string(sequence);
    const int folder = targets[1].parent->host.get();
    ASSERT_EQ(0, ::renameat2(targets[0].parent->host.get(), targets[0].name.c_str(), folder, stage.c_str(),
                             RENAME_NOREPLACE));
    ASSERT_EQ(0, ::renameat2(folder, stage.c_str(), folder, targets[1].name.c_str(), RENAME_EXCHANGE));
    if (targets[1].own) {
      ASSERT_EQ(0, ::unlinkat(folder, stage.c_str(), 0));
      return;
    }
    auto kept = vault->keep_removed(*targets[1].parent, stage, targets[1], sequence);
    ASSERT_TRUE(kept) << kept.error().what;
  }
  void make_folder(const std::string& path) {
    Target place = target(path);
    ASSERT_TRUE(vault->before(MakeDirectory{}, std::span<const Target>(&place, 1), ++sequence));
    ASSERT_EQ(0, ::mkdir(path.c_str(), 0755));
    own_->insert(id_at(path));
  }
  void link(const std::string& from, const std::string& to) {
    const Target targets[2] = {target(from), target(to)};
    ASSERT_TRUE(vault->before(Link{}, targets, ++sequence));
    ASSERT_EQ(0, ::link(from.c_str(), to.c_str()));
  }
  void exchange(const std::string& one, const std::string& other) {
    const Target targets[2] = {target(one), target(other)};
    Rename act;
    act.flags = RENAME_EXCHANGE;
    ASSERT_TRUE(vault->before(act, targets, ++sequence));
    ASSERT_EQ(0, ::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE));
  }
  void note_metadata(const std::string& path) {
    Target victim = target(path);
    SetMetadata act;
    auto noted = vault->before(act, std::span<const Target>(&victim, 1), ++sequence);
    ASSERT_TRUE(noted) << noted.error().what;
  }
  void change_mode(const std::string& path, mode_t mode) {
    note_metadata(path);
    ASSERT_EQ(0, ::chmod(path.c_str(), mode));
  }
  void end() {
    auto closed = vault->close();
    ASSERT_TRUE(closed) << closed.error().what;
  }

  std::unique_ptr<undo::Vault> vault;
  std::uint64_t sequence = 0;

 private:
  std::unordered_set<FileId, FileIdHash>* own_;
};

class UndoTest : public ::testing::Test {
 protected:
  UndoTest() : project(scratch / "project"), vault(scratch / "state/vault") {
    std::filesystem::create_directory(project);
  }

  undo::VaultOptions options(const std::string& transaction = "s1") const {
    undo::VaultOptions out;
    out.transaction = transaction;
    out.about = project;
    out.state_vault = vault;
    return out;
  }
  std::unique_ptr<Agent> agent(const std::string& transaction = "s1") {
    return std::make_unique<Agent>(options(transaction), &own);
  }

  undo::RestoreOptions restore_options(const std::string& transaction = "s1", const std::string& new_transaction = {}) {
    undo::RestoreOptions out;
    out.state_vault = vault;
    out.transaction = transaction;
    out.new_transaction = new_transaction.empty() ? "undo-" + std::to_string(++undos) : new_transaction;
    out.made_by_agent = [this](const FileId& id) { return own.contains(id); };
    return out;
  }
  undo::Restored undo(const undo::RestoreOptions& how) {
    auto restored = undo::restore(how);
    EXPECT_TRUE(restored) << restored.error().what;
    return restored ? *restored : undo::Restored{};
  }
  // Dies after the `steps`-th change. True: it came to its end.
  static bool restore_and_die(undo::RestoreOptions how, int steps) {
    const pid_t child = ::fork();
    if (child == 0) {
      how.on_step = [&steps](int) {
        if (--steps == 0) ::_exit(9);
      };
      ::_exit(undo::restore(how) ? 0 : 3);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && (WEXITSTATUS(status) == 9 || WEXITSTATUS(status) == 0)) << status;
    return WEXITSTATUS(status) == 0;
  }
  undo::Restored undo(const std::string& transaction = "s1") { return undo(restore_options(transaction)); }

  static std::string problems(const undo::Restored& restored) {
    std::string out;
    for (const auto& item : restored.items) {
      if (item.done == undo::Done::Conflict || item.done == undo::Done::Failed)
        out += item.path + ": " + item.why + "\n";
    }
    return out;
  }

  Scratch scratch;
  std::string project;
  std::string vault;
  std::unordered_set<FileId, FileIdHash> own;
  int undos = 0;
};

// Mtimes of the test's own making, so that nothing is equal by being made in the same instant.
inline void age(const std::string& path, int seconds) {
  const timespec times[2] = {{1'600'000'000 + seconds, 123}, {1'500'000'000 + seconds, 456'789}};
  ::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
}

}  // namespace assent::test
