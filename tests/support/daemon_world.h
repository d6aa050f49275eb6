// A World with an approval daemon, and people of several uids who answer through the built program.
#pragma once

#include <nlohmann/json.hpp>

#include "support/run_world.h"

namespace assent::run_test {

using Json = nlohmann::json;

// Nobody of this uid is in the user database; it belongs to the ordinary user's group only.
inline constexpr uid_t kStranger = 64'231;

inline std::string other_name(uid_t uid) {
  const passwd* entry = ::getpwuid(uid);
  return entry != nullptr ? entry->pw_name : std::to_string(uid);
}

class DaemonWorld : public World {
 public:
  enum class Daemon { OfUser, OfSystem };

  DaemonWorld(Who session_user, Daemon kind) : World(session_user), kind_(kind) {
    // Where everybody can run it.
    for (const auto& [from, name] :
         {std::pair{std::string(ASSENTD_BINARY), "assentd"}, std::pair{assent_binary(), "assent"}}) {
      fs::copy_file(from, root + "/" + name);
      ::chmod((root + "/" + name).c_str(), 0755);
    }
    if (kind_ == Daemon::OfSystem) {
      char place[] = "/var/tmp/assent-system-XXXXXX";
      if (::mkdtemp(place) == nullptr) std::abort();
      system_ = place;
      ::chmod(place, 0755);
      extra_environment.push_back("ASSENT_DAEMON=" + socket());
    } else {
      // Not the machine's own, whatever runs there.
      extra_environment.push_back("ASSENT_DAEMON=" + socket());
    }
    start_daemon();
  }
  ~DaemonWorld() {
    stop_daemon();
    std::error_code ignored;
    if (!system_.empty()) fs::remove_all(system_, ignored);
  }

  [[nodiscard]] std::string socket() const {
    return (kind_ == Daemon::OfSystem ? system_ : root + "/run") + "/assent/assentd.sock";
  }

  std::vector<std::string> daemon_options;  // more of them, from the next start on
  void start_daemon() {
    std::vector<std::string> argv{root + "/assentd", "--socket", socket()};
    argv.insert(argv.end(), daemon_options.begin(), daemon_options.end());
    if (kind_ == Daemon::OfSystem) {
      argv.insert(argv.end(), {"--system", "--group", other_name(ordinary_uid())});
      const pid_t child = ::fork();
      if (child == 0) {
        std::vector<char*> words;
        for (auto& word : argv) words.push_back(word.data());
        words.push_back(nullptr);
        ::execv(words[0], words.data());
        ::_exit(97);
      }
      daemon_ = child;
    } else {
      daemon_ = start(argv, {-1, 1, 2});
    }
    for (int i = 0; i < 500 && assent({"pending"}).status != 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  void stop_daemon(int signal = SIGTERM) {
    if (daemon_ <= 0) return;
    ::kill(daemon_, signal);
    ::waitpid(daemon_, nullptr, 0);
    daemon_ = -1;
  }

  // `assent …` as another user.
  Outcome as(uid_t uid, std::vector<std::string> words) const {
    words.insert(words.begin(), root + "/assent");
    return run_as(uid, words);
  }
  Outcome run_as(uid_t uid, const std::vector<std::string>& words) const {
    if (uid == session_uid()) return run(words);
    const World other_user = World();  // only as root: a home of its own
    const auto environment = extra_environment;
    const_cast<World&>(other_user).extra_environment = environment;
    ::chmod(other_user.root.c_str(), 0777);
    ::chmod(other_user.home.c_str(), 0777);
    ::chmod(other_user.project.c_str(), 0777);
    return other_user.run(
        words, {}, [](pid_t) {},
        [uid] {
          const gid_t gid = uid == 0 ? 0 : ordinary_uid();
          if (::syscall(SYS_setgroups, 0, nullptr) != 0 || ::syscall(SYS_setresgid, gid, gid, gid) != 0 ||
              ::syscall(SYS_setresuid, uid, uid, uid) != 0)
            ::_exit(99);
        });
  }

  [[nodiscard]] uid_t session_uid() const { return who == Who::Ordinary ? ordinary_uid() : ::geteuid(); }

  // The questions that wait, as `uid` sees them. Waits until there is one.
  std::vector<Json> pending(uid_t uid, bool wait = true) const {
    for (int i = 0;; ++i) {
      std::vector<Json> out;
      std::istringstream lines(as(uid, {"pending", "--json"}).out);
      for (std::string line; std::getline(lines, line);) out.push_back(Json::parse(line));
      if (!out.empty() || !wait || i > 200) return out;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  std::vector<Json> pending() const { return pending(session_uid()); }

  // A question's id and the words it wants typed.
  static std::vector<std::string> yes_to(const Json& question, std::vector<std::string> more = {}) {
    std::vector<std::string> out{"approve", question["id"].get<std::string>()};
    if (question.contains("confirm")) out.insert(out.end(), {"--confirm", question["confirm"].get<std::string>()});
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }

  // Runs `script` in a session that asks the daemon; `people` act meanwhile.
  Outcome session(const std::string& script, const std::function<void(pid_t)>& people,
                  std::vector<std::string> options = {}) const {
    std::vector<std::string> argv{assent_binary(), "run", "--ask", "daemon"};
    argv.insert(argv.end(), options.begin(), options.end());
    argv.insert(argv.end(), {"--", "sh", "-c", script});
    return run(argv, {}, people);
  }
  // A profile in which deletions ask as `rule` says.
  std::string profile(const std::string& rule, const std::string& more = "") {
    const std::string path = home + "/people.toml";
    put(path, "version = 1\nname = \"people\"\nextends = [\"default\"]\n" + more +
                  "\n[[file]]\nops = [\"delete\"]\npaths = [\"${PROJECT}/**\"]\naction = \"ask\"\n" + rule + "\n");
    give();
    return path;
  }

 private:
  Daemon kind_;
  std::string system_;
  pid_t daemon_ = -1;
};

}  // namespace assent::run_test
