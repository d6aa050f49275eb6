// A session of doctor's own: in a scratch home, with nobody to ask. In: a shell script, rules. Out: whether it ran.
#pragma once

#include <string>
#include <vector>

namespace assent::session {

// A home with a project in it, on the file system where people keep projects if possible. Empty path: there is none.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// In a process of its own, in `home`/work: a session changes the process it runs in for good.
bool run_in_a_session(const std::string& home, const std::string& script,
                      const std::vector<std::string>& allow_hosts = {}, const char* shell = "/bin/sh");

}  // namespace assent::session
