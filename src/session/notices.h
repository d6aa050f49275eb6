// Notices: tells people elsewhere that a question waits ([notify] of the profile): a program of the user's choice,
// which gets the question as JSON on its standard input, and the desktop. Nothing that is passed on could answer the
// question: an answer needs the user's own uid on the daemon's socket, or a key on the terminal. Never waits, never
// holds anything up.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "assent/question.h"
#include "base/event_loop.h"

namespace assent::session {

class Notices {
 public:
  struct Options {
    std::vector<std::string> command;  // empty: none
    bool desktop = false;              // over D-Bus, by notify-send where it is there
    std::string url;                   // posted to by curl, where it is there; empty: none
  };
  Notices(EventLoop& loop, Options options) : loop_(loop), options_(std::move(options)) {}
  ~Notices();
  Notices(const Notices&) = delete;
  Notices& operator=(const Notices&) = delete;

  void question_waits(const Question& question);

 private:
  void start(const std::vector<std::string>& argv, const std::string& input);
  void ended(int pidfd);

  struct Running {
    UniqueFd pidfd;
    pid_t pid = -1;
    EventLoop::TimerId limit{};
  };
  EventLoop& loop_;
  Options options_;
  std::unordered_map<int, Running> running_;
};

// What the program gets: one JSON object and a newline.
std::string notice_json(const Question& question);

}  // namespace assent::session
