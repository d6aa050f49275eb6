// web: the page for people who answer from a browser.
//   In:  HTTP requests of whoever reaches a loopback port of this machine.
//   Out: to who has logged in, the questions that are theirs to see, the record of this daemon's own user; to the Desk,
//        what they answer.
//   Never: takes an answer without a login that began at the daemon's unix socket, where the kernel says who it is;
//   serves what another page asked for; makes markup of a name; lets the daemon's loop wait for a browser: it runs on
//   two threads of its own, one for connections, one for what may be slow (records, the user database, an undo).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "approve/message.h"
#include "approve/rights.h"
#include "assent/result.h"

namespace assent::web {

inline constexpr std::uint16_t kUsualPort = 7787;

// What one person may see, at one moment.
struct Snapshot {
  std::uint64_t revision = 0;
  std::vector<approve::message::Waiting> waiting;  // the first of them
  std::size_t waiting_in_all = 0;
  std::vector<approve::message::Running> running;  // the first of them
  std::size_t running_in_all = 0;
};

// What the page needs of the daemon. Called on a thread of the page's; `then` may be called on any.
struct Desk {
  // None: nothing has changed since the revision `known`.
  std::function<void(approve::Person, std::optional<std::uint64_t> known,
                     std::function<void(std::optional<Snapshot>)> then)>
      look;
  // The same of the questions that hold these words alone.
  std::function<void(approve::Person, std::string words, std::function<void(std::optional<Snapshot>)> then)> find;
  // How many more people must say yes; or why it was refused.
  std::function<void(approve::message::Give, approve::Person, std::string from,
                     std::function<void(Result<std::uint64_t>)> then)>
      give;
  // What was asked and not yet answered is dropped. No call comes after it.
  std::function<void()> forget;
};

struct Options {
  std::uint16_t port = kUsualPort;   // 0: any that is free
  std::string group;                 // who may use it; empty: the daemon's own user, and root
  std::optional<std::string> state;  // where the daemon's own user's sessions lie; none: they are not shown
  std::string assent;                // the program that undoes and writes rules; empty: neither can be done here
  std::string socket;                // of the daemon, for that program
};

// Who asked for a login, as the kernel said at the unix socket, and on which surface.
struct Login {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  std::string from;
};

class Web {
 public:
  // Listens on 127.0.0.1 and, where there is one, ::1. EADDRINUSE: the port is taken.
  static Result<std::unique_ptr<Web>> start(Options options, Desk desk);
  ~Web();
  Web(const Web&) = delete;
  Web& operator=(const Web&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  // An address that logs this person in, once, within kDoorLife (logins.h). From any thread.
  [[nodiscard]] std::string door(Login login);

 private:
  struct Parts;
  explicit Web(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace assent::web
