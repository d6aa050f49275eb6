// radius: what lies below a folder, for the question before the first deletion of a recursive command.
// In: the folder (a descriptor on the host's side), where the project is, what git held, which files are the session's
// own. Out: a Radius. Everything in it is for showing: the tree may change while it is counted.
// Never: a symbolic link followed, a mount crossed, a file opened, a path looked up twice, more than kOpenFolders
// descriptors held, or more time taken than the budget. What was left out for one of these reasons, or could not be
// read, makes the count incomplete: "at least".
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "assent/file_id.h"
#include "assent/question.h"
#include "resolve/git_index.h"

namespace assent::resolve {

struct RadiusOptions {
  std::chrono::nanoseconds budget = std::chrono::milliseconds(150);
  std::string project;            // canonical, absolute; empty: there is none, and nothing lies outside it
  const GitIndex* git = nullptr;  // of the project
  // Files that this session made do not count. Called once a file, on the thread that counts.
  std::function<bool(const FileId&)> is_own;
};

inline constexpr std::size_t kOpenFolders = 48;

// `root_path`: the canonical, absolute path of `root`. Everything but folders is a file. A tree that contains the
// project takes git's own store with it, and so does one below .git: then git holds none of its files. Blocks for
// the budget; may be called from any thread.
Radius count(int root, const std::string& root_path, const RadiusOptions& options);

}  // namespace assent::resolve
