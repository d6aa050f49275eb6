// WatchRecords: what running sessions of this user write down, as it comes. Reads the logs; never waits, and never for
// long: a look ends when its time is up, and the next one goes on.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/record_view.h"
#include "cli/watch_model.h"
#include "record/log_reader.h"

namespace assent::cli {

class WatchRecords {
 public:
  explicit WatchRecords(std::string state) : state_(std::move(state)) {}

  // The sessions that run, as their logs tell it.
  std::vector<WatchModel::Known> running();
  // Lines that are new, safe to show. True: there is more already.
  bool look(std::chrono::milliseconds limit, const std::function<void(std::string session, std::string line)>& tell);

 private:
  struct Followed {
    record::LogReader reader;
    RecordView view;
    WatchModel::Known facts;
    bool runs = true;
  };
  void open(const std::string& session);

  std::string state_;
  std::map<std::string, Followed> followed_;
};

}  // namespace assent::cli
