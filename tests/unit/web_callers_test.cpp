// Who takes the page's connections: one user of this machine cannot take those of the others.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "assent/unique_fd.h"
#include "web/caller_uid.h"
#include "web/web.h"

namespace assent::web {
namespace {

constexpr uid_t kStranger = 64'231;
constexpr uid_t kAnother = 64'232;

UniqueFd dial(int family, const std::string& host, std::uint16_t port) {
  UniqueFd out(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage to{};
  socklen_t length = sizeof(sockaddr_in);
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(to);
    v4 = {AF_INET, htons(port), {}, {}};
    ::inet_pton(AF_INET, host.c_str(), &v4.sin_addr);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(to);
    v6 = {AF_INET6, htons(port), 0, {}, 0};
    ::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr);
    length = sizeof v6;
  }
  return out && ::connect(out.get(), reinterpret_cast<sockaddr*>(&to), length) == 0 ? std::move(out) : UniqueFd();
}

std::string first_line(int socket, const char* path) {
  const std::string request = std::string("GET ") + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
  if (::send(socket, request.data(), request.size(), MSG_NOSIGNAL) < 0) return "";
  std::string out;
  char piece[4096];
  for (ssize_t n = 0; (n = ::recv(socket, piece, sizeof piece, 0)) > 0;) out.append(piece, static_cast<std::size_t>(n));
  return out.substr(0, out.find("\r\n"));
}

std::unique_ptr<Web> page(std::string group = "") {
  Options options;
  options.port = 0;
  options.group = std::move(group);
  Desk desk;
  desk.forget = [] {};
  auto out = Web::start(options, desk);
  return out ? std::move(*out) : nullptr;
}

// Another user, who opens connections and holds them until it is let go.
class Holder {
 public:
  Holder(uid_t uid, std::uint16_t port, int count) {
    int done[2], go[2];
    if (::pipe(done) != 0 || ::pipe(go) != 0) std::abort();
    child_ = ::fork();
    if (child_ == 0) {
      ::close(done[0]);
      ::close(go[1]);
      if (::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0) ::_exit(1);
      std::vector<UniqueFd> held;
      for (int i = 0; i < count; ++i) held.push_back(dial(AF_INET, "127.0.0.1", port));
      char byte = 0;
      [[maybe_unused]] const ssize_t n = ::write(done[1], &byte, 1) + ::read(go[0], &byte, 1);
      ::_exit(0);
    }
    ::close(done[1]);
    ::close(go[0]);
    char byte = 0;
    connected_ = ::read(done[0], &byte, 1) == 1;
    ::close(done[0]);
    go_.reset(go[1]);
  }
  ~Holder() {
    go_.reset();
    ::waitpid(child_, nullptr, 0);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  [[nodiscard]] bool connected() const { return connected_; }

 private:
  pid_t child_ = -1;
  UniqueFd go_;
  bool connected_ = false;
};

struct Way {
  int listens, dials;
  const char* host;
};

TEST(CallerUid, IsThatOfWhoConnected) {
  for (const Way& way : {Way{AF_INET, AF_INET, "127.0.0.1"}, Way{AF_INET, AF_INET6, "::ffff:127.0.0.1"},
                         Way{AF_INET6, AF_INET6, "::1"}}) {
    UniqueFd listener(::socket(way.listens, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage at{};
    at.ss_family = static_cast<sa_family_t>(way.listens);
    if (way.listens == AF_INET)
      reinterpret_cast<sockaddr_in&>(at).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
      reinterpret_cast<sockaddr_in6&>(at).sin6_addr = in6addr_loopback;
    if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) continue;  // a machine without IPv6
    ASSERT_EQ(::listen(listener.get(), 1), 0);
    socklen_t length = sizeof at;
    ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&at), &length), 0);
    const UniqueFd client = dial(way.dials, way.host, ntohs(reinterpret_cast<sockaddr_in&>(at).sin_port));
    if (!client) continue;
    const UniqueFd served(::accept(listener.get(), nullptr, nullptr));
    const auto uid = uid_of_caller(served.get());
    ASSERT_TRUE(uid) << way.host;
    EXPECT_EQ(*uid, ::geteuid()) << way.host;
  }
}

TEST(CallerUid, IsUnknownOfWhatIsNoConnection) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_FALSE(uid_of_caller(socket.get()));
  EXPECT_FALSE(uid_of_caller(-1));
}

TEST(Connections, OfOtherUsersLeaveTheOwnOnesRoom) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto web = page();
  ASSERT_NE(web, nullptr);
  // Two of them, each with more than there are in all.
  const Holder one(kStranger, web->port(), 300), two(kAnother, web->port(), 300);
  ASSERT_TRUE(one.connected() && two.connected());
  EXPECT_EQ(first_line(dial(AF_INET, "127.0.0.1", web->port()).get(), "/"), "HTTP/1.1 200 OK");
}

TEST(Connections, OfOneOfAGroupLeaveTheOthersRoom) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto web = page("nobody-is-in-it");
  ASSERT_NE(web, nullptr);
  const Holder one(kStranger, web->port(), 300);
  ASSERT_TRUE(one.connected());
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setresuid(kAnother, kAnother, kAnother) != 0) ::_exit(2);
    ::_exit(first_line(dial(AF_INET, "127.0.0.1", web->port()).get(), "/") == "HTTP/1.1 200 OK" ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace assent::web
