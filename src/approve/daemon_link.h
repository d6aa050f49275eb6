// DaemonLink: one connection to an approval daemon, from the side that calls. Blocking, with time limits; a session
// takes the descriptor over when the greeting is done. Never trusts whoever listens: the kernel says who it is.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "approve/message.h"
#include "assent/unique_fd.h"

namespace assent::approve {

inline constexpr const char* kSystemSocket = "/run/assent/assentd.sock";
inline constexpr const char* kSocketName = "assentd.sock";

// Where a daemon may listen, in the order in which they are tried: $ASSENT_DAEMON alone where it is set; else the
// system's, then the user's.
std::vector<std::string> daemon_sockets();

class DaemonLink {
 public:
  // The first of the sockets that somebody answers. ENOENT: no daemon runs.
  static Result<DaemonLink> open(const std::vector<std::string>& sockets, const message::Hello& hello,
                                 std::chrono::milliseconds limit = std::chrono::seconds(3));

  Status send(const Message& message);
  // ETIMEDOUT; ECONNRESET: the daemon went away; EPROTO: it says what nobody understands.
  Result<Message> receive();

  [[nodiscard]] const std::string& path() const { return path_; }
  // The connection and what has been read of it.
  UniqueFd take(Frames& frames);

 private:
  DaemonLink(UniqueFd fd, std::string path, std::chrono::milliseconds limit)
      : fd_(std::move(fd)), path_(std::move(path)), limit_(limit) {}
  static Result<DaemonLink> open_one(const std::string& path, const message::Hello& hello,
                                     std::chrono::milliseconds limit);

  UniqueFd fd_;
  std::string path_;
  std::chrono::milliseconds limit_;
  Frames frames_;
};

}  // namespace assent::approve
