// Where this session's pre-images go, found by trying, and how they are kept out of the agent's sight. Retention.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "decide/settings.h"
#include "session/paths.h"

namespace assent::session {

std::string state_vault(const Paths& paths);

// Folders beside the state vault that what is removed in the project or a gated folder can be renamed into; none where
// the state vault will do, or where no place on that mount is out of the agent's reach (then it is copied).
std::vector<std::string> find_stores(const Paths& paths, const decide::Settings& settings, const std::string& project);

// Removes what is older than vault.retention, or the oldest beyond vault.max_total, on a thread of its own while the
// session runs; looked for once in ten minutes. A transaction that runs, or is younger than a day, is never touched.
class Retention {
 public:
  Retention(const Paths& paths, const decide::Settings& settings);
  ~Retention();  // waits for the transaction that is being removed
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace assent::session
