// Sockets: what is carried over, who holds one, and epoll registrations that move with it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/agent_socket.h"
#include "net/holders.h"
#include "net/socket_options.h"

namespace assent::net {
namespace {

UniqueFd tcp() { return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

std::uint64_t inode_of(int fd) {
  struct stat stat {};
  EXPECT_EQ(::fstat(fd, &stat), 0);
  return stat.st_ino;
}

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &length), 0);
  return value;
}

TEST(NetSocket, LooksAtASocketOfTheSameNetwork) {
  const auto cookie = netns_cookie();
  ASSERT_TRUE(cookie);
  UniqueFd socket = tcp();
  const std::uint64_t inode = inode_of(socket.get());
  const auto seen = look_at(std::move(socket), *cookie);
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->is_tcp());
  EXPECT_TRUE(seen->non_blocking);
  EXPECT_EQ(seen->inode, inode);
  EXPECT_EQ(seen->home, Home::Host);
  EXPECT_EQ(look_at(tcp(), *cookie + 1)->home, Home::Sandbox);
  EXPECT_EQ(tcp_state(seen->fd.get()), TCP_CLOSE);
  EXPECT_EQ(take_error(seen->fd.get()), 0);
}

TEST(NetSocket, TakesOnlySockets) {
  EXPECT_EQ(look_at(UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), 1).error().code, ENOTSOCK);
  EXPECT_EQ(look_at(UniqueFd(::open("/", O_PATH | O_CLOEXEC)), 1).error().code, EBADF);
  EXPECT_FALSE(look_at(UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), 1)->is_tcp());
}

TEST(NetSocket, CarriesOptionsOver) {
  const UniqueFd from = tcp();
  const UniqueFd to = tcp();
  const auto set = [&](int level, int name, int value) {
    EXPECT_EQ(::setsockopt(from.get(), level, name, &value, sizeof value), 0);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_IP, IP_TOS, 8);
  set(SOL_SOCKET, SO_SNDBUF, 40000);
  const linger wait{1, 4};
  EXPECT_EQ(::setsockopt(from.get(), SOL_SOCKET, SO_LINGER, &wait, sizeof wait), 0);
  carry_options(from.get(), to.get(), AF_INET);
  for (const auto& [level, name] : {std::pair{SOL_SOCKET, SO_KEEPALIVE},
                                    {IPPROTO_TCP, TCP_NODELAY},
                                    {IPPROTO_TCP, TCP_KEEPINTVL},
                                    {IPPROTO_IP, IP_TOS},
                                    {SOL_SOCKET, SO_SNDBUF},
                                    {SOL_SOCKET, SO_RCVBUF}}) {
    EXPECT_EQ(option(to.get(), level, name), option(from.get(), level, name)) << level << ' ' << name;
  }
  linger carried{};
  socklen_t length = sizeof carried;
  ::getsockopt(to.get(), SOL_SOCKET, SO_LINGER, &carried, &length);
  EXPECT_EQ(carried.l_linger, 4);
}

TEST(NetSocket, FindsEveryDescriptorAndRegistration) {
  const UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd socket = tcp();
  const UniqueFd other(::dup(socket.get()));
  const UniqueFd stranger = tcp();
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = 0x123456789abcdef0;
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, other.get(), &event), 0);
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, stranger.get(), &event), 0);

  const auto found = holders(proc.get(), ::gettid(), inode_of(socket.get()));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->descriptors.size(), 2U);
  for (const auto& holder : found->descriptors) {
    EXPECT_EQ(holder.close_on_exec, holder.number == socket.get() ? CloseOnExec::Yes : CloseOnExec::No);
  }
  ASSERT_EQ(found->registrations.size(), 1U);
  EXPECT_EQ(found->registrations[0].epoll, epoll.get());
  EXPECT_EQ(found->registrations[0].number, other.get());
  EXPECT_EQ(found->registrations[0].data, event.data.u64);
  EXPECT_EQ(found->registrations[0].events & (EPOLLIN | EPOLLET), EPOLLIN | EPOLLET);
}

TEST(NetSocket, MovesARegistrationToTheReplacement) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  const UniqueFd replacement(pair[0]);
  const UniqueFd far(pair[1]);
  const UniqueFd original = tcp();
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = 77;
  ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, original.get(), &event), 0);
  Registration registration{epoll.get(), original.get(), EPOLLIN, 77};
  const int number = original.get();
  ASSERT_EQ(move_registrations({{epoll.get(), registration}}, original.get(), replacement.get()), 0);
  // What the agent's number becomes.
  ASSERT_EQ(::dup2(replacement.get(), number), number);
  ASSERT_EQ(::write(far.get(), "x", 1), 1);
  epoll_event got{};
  ASSERT_EQ(::epoll_wait(epoll.get(), &got, 1, 1000), 1);
  EXPECT_EQ(got.data.u64, 77U);
  EXPECT_EQ(got.events, static_cast<std::uint32_t>(EPOLLIN));
  event.events = EPOLLOUT;
  EXPECT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_MOD, number, &event), 0) << "it is keyed as the agent would name it";
}

}  // namespace
}  // namespace assent::net
