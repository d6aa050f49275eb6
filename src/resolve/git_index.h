// GitIndex: what git held of the project when the session began, read from git's own index file.
// In: the project's folder. Out: whether git tracks a path, and whether the file there is still what git staged.
// Never: git is never run, nothing is written, no byte of the index is trusted: whatever is malformed, unknown or
// doubtful makes the answer "no". The answers are a label to show ("git has it"), never a reason not to keep a file:
// .git can be written by the agent, and whether the blob itself is still among git's objects is not looked at.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::resolve {

class GitIndex {
 public:
  GitIndex();  // of a project without git: every answer is no
  GitIndex(GitIndex&&) noexcept;
  GitIndex& operator=(GitIndex&&) noexcept;
  ~GitIndex();

  // Opens the index of the project (a folder descriptor, O_PATH will do) and keeps it open; nothing is read yet. git
  // replaces its index by renaming a new one over it, so this descriptor goes on showing the old one. `.git` may be a
  // file that names the place (worktrees, submodules). ENOENT: the folder is not the top of a git work tree, or
  // nothing was ever added.
  static Result<GitIndex> pin(int project);

  // Reads the index now: for the moment before somebody writes into it in place. Otherwise the first question does
  // it. After that all questions may be asked by several threads at once. Fails where the index cannot be used; then
  // every answer is no.
  Status load_now() const;

  // `path` is relative to the project, without "./" and slashes at its end.
  [[nodiscard]] bool tracks(std::string_view path) const;
  // As git itself would judge without reading the file: same type, owner, size, inode, change time and modification
  // time (nanoseconds) as when it was staged. A file modified no earlier than the index was written may have been
  // modified after ("racily clean"): no, unless `place` says where to read it, it is short, and its bytes have the
  // hash of what was staged (not with SHA-256, nor where a filter of git's stands between the two). `stat` holds the
  // basic statistics, taken without following links.
  struct Place {
    int folder = -1;
    const char* name = nullptr;  // relative to the folder
  };
  [[nodiscard]] bool holds_unmodified(std::string_view path, const struct statx& stat, Place place) const;
  [[nodiscard]] bool holds_unmodified(std::string_view path, const struct statx& stat) const {
    return holds_unmodified(path, stat, Place{});
  }

  [[nodiscard]] std::size_t entries() const;  // 0 where it cannot be used

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assent::resolve
