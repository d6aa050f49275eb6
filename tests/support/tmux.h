// A program on a real terminal, as a human has it: tmux draws what it sends and types what we say.
#pragma once

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "support/run_world.h"

namespace assent::run_test {

class Tmux {
 public:
  // `script` is for sh, and is run as the world's user in the project.
  Tmux(const World& world, const std::string& script, int columns = 80, int rows = 24) : world_(world) {
    tmux({"-f", "/dev/null", "new-session", "-d", "-x", std::to_string(columns), "-y", std::to_string(rows),
          "sh -c '" + script + "'; sleep 600"});
    tmux({"set-option", "-g", "status", "off"});
    size(columns, rows);
  }
  ~Tmux() { tmux({"kill-server"}); }
  Tmux(const Tmux&) = delete;
  Tmux& operator=(const Tmux&) = delete;

  static bool is_here() { return std::system("command -v tmux >/dev/null 2>&1") == 0; }

  void size(int columns, int rows) const {
    tmux({"resize-window", "-x", std::to_string(columns), "-y", std::to_string(rows)});
  }
  // One key, as a human types it: "o", "Enter", "Escape".
  void key(const std::string& name) const {
    tmux({"send-keys", name});
    std::this_thread::sleep_for(std::chrono::milliseconds(80));
  }
  void type(const std::string& text) const { tmux({"send-keys", "-l", text}); }
  [[nodiscard]] std::string screen() const { return tmux({"capture-pane", "-p"}).out; }
  [[nodiscard]] std::string screen_with_colours() const { return tmux({"capture-pane", "-p", "-e"}).out; }
  // Waits until the screen has `text`. What it has then.
  std::string wait_for(const std::string& text) const {
    std::string seen;
    for (int i = 0; i < 300; ++i) {
      seen = screen();
      if (seen.find(text) != std::string::npos) return seen;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ADD_FAILURE() << "never seen: " << text << "\n" << seen;
    return seen;
  }
  Outcome tmux(std::vector<std::string> words) const {
    words.insert(words.begin(), {"tmux", "-S", world_.root + "/tmux" + number_});
    return world_.run(words);
  }

 private:
  const World& world_;
  static inline int next_ = 0;
  const std::string number_ = std::to_string(++next_);
};

}  // namespace assent::run_test
