// The network inside: loopback; an address that is not of it, because glibc looks up no names (AI_ADDRCONFIG) where
// there is none; and the two sockets on which the supervisor will answer name lookups. They are made here, where port
// 53 may be bound, and handed over with the listener.
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "launch/inside.h"
#include "launch/mount_build.h"

namespace assent::launch {

namespace {

// 198.18.0.0/15 is set aside for measurements (RFC 2544): it leads nowhere.
constexpr std::uint32_t kOwnAddress = 0xc6120001;  // 198.18.0.1
constexpr std::uint8_t kOwnAddress6[16] = {0xfd, 'a', 's', 's', 'e', 'n', 't', 0, 0, 0, 0, 0, 0, 0, 0, 1};

sockaddr_in inet(std::uint32_t address, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  out.sin_addr.s_addr = htonl(address);
  return out;
}

bool set(int fd, unsigned long request, const char* name, std::uint32_t address) {
  ifreq out{};
  std::strncpy(out.ifr_name, name, IFNAMSIZ - 1);
  const sockaddr_in value = inet(address, 0);
  std::memcpy(&out.ifr_addr, &value, sizeof value);
  return ::ioctl(fd, request, &out) == 0;
}

bool raise_loopback(int fd) {
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

// struct in6_ifreq of linux/ipv6.h, which does not go together with netinet/in.h.
struct Ifreq6 {
  in6_addr address;
  std::uint32_t prefix;
  int index;
};

// A machine without IPv6 has no use for it inside, so failing is no matter.
void add_ipv6_address() {
  const int fd = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  Ifreq6 request{};
  std::memcpy(&request.address, kOwnAddress6, sizeof kOwnAddress6);
  request.prefix = 128;
  request.index = 1;  // loopback is the first device of every namespace
  (void)::ioctl(fd, SIOCSIFADDR, &request);
  ::close(fd);
}

int name_socket(int type) {
  const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const sockaddr_in address = inet(INADDR_LOOPBACK, 53);
  const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (bound && (type == SOCK_DGRAM || ::listen(fd, 128) == 0)) return fd;
  const int code = errno;
  ::close(fd);
  errno = code;
  return -1;
}

}  // namespace

// Of /proc/net/if_inet6, because getifaddrs allocates. A line each: address, device, prefix, scope, flags, name.
bool host_speaks_ipv6() {
  const int fd = ::open("/proc/self/net/if_inet6", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  constexpr int kScope = 3;
  constexpr unsigned kOfTheDevice = 0x10;
  constexpr unsigned kOfTheLink = 0x20;
  bool found = false;
  int field = 0;
  unsigned scope = 0;
  char text[4096];
  ssize_t size;
  while ((size = ::read(fd, text, sizeof text)) > 0) {
    for (const char letter : std::string_view(text, static_cast<std::size_t>(size))) {
      if (letter == '\n') {
        found = found || (field > kScope && scope != kOfTheDevice && scope != kOfTheLink);
        field = 0;
        scope = 0;
      } else if (letter == ' ') {
        ++field;
      } else if (field == kScope) {
        scope = scope * 16 + static_cast<unsigned>(letter <= '9' ? letter - '0' : letter - 'a' + 10);
      }
    }
  }
  ::close(fd);
  return found;
}

bool raise_network(Inside& in) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(in.stage, At::Loopback, errno, "");
  const bool ok = raise_loopback(fd) && set(fd, SIOCSIFADDR, "lo:0", kOwnAddress) &&
                  set(fd, SIOCSIFNETMASK, "lo:0", 0xffffffff) && (in.name_sockets[0] = name_socket(SOCK_DGRAM)) >= 0 &&
                  (in.name_sockets[1] = name_socket(SOCK_STREAM)) >= 0;
  const int code = errno;
  ::close(fd);
  if (!ok) return failed(in.stage, At::Loopback, code, "");
  if (in.stage.host_speaks_ipv6) add_ipv6_address();
  in.stage.relay_routes = add_relay_routes(kOwnAddress, in.stage.host_speaks_ipv6);
  return true;
}

}  // namespace assent::launch
