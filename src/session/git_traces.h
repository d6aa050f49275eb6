// GitTraces: where this session may have made a repository of git's, or changed what git runs in one.
// In: every change that was carried out. Out: what git would run there by itself, outside the sandbox, for people to
// look at. What a file says in the end is known only when nobody inside can write any more, so the look is at the
// end, and in between only a first warning. Never: decides anything.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "assent/file_id.h"
#include "assent/request.h"
#include "resolve/git_programs.h"

namespace assent::session {

class GitTraces {
 public:
  explicit GitTraces(std::string project) : project_(std::move(project)) {}

  // The parts of one act that was carried out.
  void changed(const std::vector<FileSubject>& parts);
  // Something was added since the last look.
  [[nodiscard]] bool fresh() const { return fresh_; }

  struct Found {
    std::vector<resolve::GitProgram> programs;  // each once
    bool complete = true;
  };
  [[nodiscard]] Found look(std::function<bool(const FileId&)> is_changed, const std::string& home);

 private:
  void note(const FileSubject& part);
  void add(std::string_view folder, resolve::Whose whose);
  void moved(const std::string& from, const std::string& to);

  std::string project_;
  std::map<std::string, resolve::Whose, std::less<>> folders_;  // that may be repositories
  bool fresh_ = false;
  bool any_ = false;
  bool all_ = true;
};

}  // namespace assent::session
