// A network of the test's own: this process in a network namespace of its own (198.51.100.1), which plays the host, and
// another one behind a virtual wire (198.51.100.2) with services that count who calls them. Needs root.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace assent::run_test {

inline constexpr const char* kPeer = "198.51.100.2";

// Serves until it is killed: echoes, answers what begins with GET as a web server would, and counts every caller.
class Services {
 public:
  explicit Services(std::atomic<long>* calls) : calls_(calls) {}

  void stream(const std::string& address, int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    listen_at(fd, inet(address, port), sizeof(sockaddr_in));
    streams_.push_back(fd);
  }
  void datagrams(const std::string& address, int port) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bind_at(fd, inet(address, port), sizeof(sockaddr_in));
    datagrams_.push_back(fd);
  }
  // A name that begins with '@' is abstract.
  void unix_socket(const std::string& name, int type) {
    const int fd = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto length =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (name[0] == '@' ? 0 : 1));
    if (type == SOCK_DGRAM)
      bind_at(fd, address, length);
    else
      listen_at(fd, address, length);
    if (name[0] != '@' && ::chmod(name.c_str(), 0777) != 0) std::abort();
    (type == SOCK_DGRAM ? datagrams_ : streams_).push_back(fd);
  }
  // A name server: everything below "test" is at 198.51.100.2, and "big.test" at many more addresses.
  // "metadata.rebind.test" and "host.rebind.test" are at addresses that are none of their business. A name that begins
  // with "denied" must not come here, and is counted.
  void names(const std::string& address) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bind_at(fd, inet(address, 53), sizeof(sockaddr_in));
    std::thread([fd, calls = calls_] {
      for (;;) {
        unsigned char buffer[1500];
        sockaddr_in from{};
        socklen_t length = sizeof from;
        const ssize_t size = ::recvfrom(fd, buffer, 512, 0, reinterpret_cast<sockaddr*>(&from), &length);
        if (size < 17) continue;
        std::string name;
        std::size_t at = 12;
        while (at < static_cast<std::size_t>(size) && buffer[at] != 0) {
          name.append(reinterpret_cast<char*>(buffer) + at + 1, buffer[at]).push_back('.');
          at += buffer[at] + 1U;
        }
        const int type = buffer[at + 2];
        std::size_t end = at + 5;
        if (name.rfind("denied", 0) == 0) ++*calls;
        const bool known = name.size() > 5 && name.substr(name.size() - 5) == "test.";
        const int answers = !known || type != 1 ? 0 : name == "big.test." ? 20 : 1;
        buffer[2] = 0x81;
        buffer[3] = static_cast<unsigned char>(known ? 0x80 : 0x83);
        std::memset(buffer + 6, 0, 6);
        buffer[7] = static_cast<unsigned char>(answers);
        for (int i = 0; i < answers; ++i) {
          const unsigned char record[] = {0xc0, 12, 0, 1, 0,   1,  0,   0,
                                          0,    30, 0, 4, 198, 51, 100, static_cast<unsigned char>(2 + i)};
          std::memcpy(buffer + end, record, sizeof record);
          if (name == "metadata.rebind.test.") ::inet_pton(AF_INET, "169.254.169.254", buffer + end + 12);
          if (name == "host.rebind.test.") ::inet_pton(AF_INET, "198.51.100.1", buffer + end + 12);
          end += sizeof record;
        }
        ::sendto(fd, buffer, end, 0, reinterpret_cast<const sockaddr*>(&from), length);
      }
    }).detach();
  }
  // On port 7000 nobody is counted: it is the allowed one.
  [[noreturn]] void serve() {
    std::vector<pollfd> wait;
    for (const int fd : streams_) wait.push_back({fd, POLLIN, 0});
    for (const int fd : datagrams_) wait.push_back({fd, POLLIN, 0});
    for (;;) {
      if (::poll(wait.data(), wait.size(), -1) <= 0) continue;
      for (std::size_t i = 0; i < wait.size(); ++i) {
        if (wait[i].revents == 0) continue;
        if (i >= streams_.size()) {
          char buffer[100];
          if (::recv(wait[i].fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0) ++*calls_;
          continue;
        }
        const int caller = ::accept4(wait[i].fd, nullptr, nullptr, SOCK_CLOEXEC);
        if (caller < 0) continue;
        sockaddr_in own{};
        socklen_t length = sizeof own;
        ::getsockname(caller, reinterpret_cast<sockaddr*>(&own), &length);
        if (own.sin_family != AF_INET || ntohs(own.sin_port) != 7000) ++*calls_;
        std::thread([caller] { echo(caller); }).detach();
      }
    }
  }

 private:
  static sockaddr_in inet(const std::string& address, int port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(static_cast<std::uint16_t>(port));
    ::inet_pton(AF_INET, address.c_str(), &out.sin_addr);
    return out;
  }
  template <class Address>
  static void bind_at(int fd, const Address& address, socklen_t length) {
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0) std::abort();
  }
  template <class Address>
  static void listen_at(int fd, const Address& address, socklen_t length) {
    const int backlog = 1024;
    ::setsockopt(fd, IPPROTO_TCP, 23 /* TCP_FASTOPEN */, &backlog, sizeof backlog);
    bind_at(fd, address, length);
    if (::listen(fd, backlog) != 0) std::abort();
  }
  static void echo(int fd) {
    char buffer[65536];
    for (;;) {
      const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) break;
      if (n > 3 && std::memcmp(buffer, "GET", 3) == 0) {
        constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
        ::send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
        break;
      }
      if (::send(fd, buffer, static_cast<std::size_t>(n), MSG_NOSIGNAL) != n) break;
    }
    ::close(fd);
  }

  std::atomic<long>* calls_;
  std::vector<int> streams_;
  std::vector<int> datagrams_;
};

class Network {
 public:
  Network()
      : calls_(static_cast<std::atomic<long>*>(
            ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) std::abort();
    char file[] = "/var/tmp/assent-resolv-XXXXXX";
    if (::mkstemp(file) < 0) std::abort();
    resolv_conf_ = file;
    must("ip link set lo up; mount --make-rprivate /; printf 'nameserver 198.51.100.2\\nsearch test\\n' > " +
         resolv_conf_ + "; chmod 644 " + resolv_conf_ + "; mount --bind " + resolv_conf_ + " /etc/resolv.conf");
    peer_ = start(
        [this](int ready) {
          if (::unshare(CLONE_NEWNET) != 0) std::abort();
          tell(ready);
          must(
              "ip link set lo up; until ip link set peer up 2>/dev/null; do sleep 0.02; done; ip addr add "
              "198.51.100.2/24 dev peer; ip addr add 169.254.169.254/32 dev peer");
          if (std::FILE* f = std::fopen("/proc/sys/net/ipv4/tcp_fastopen", "w")) {
            std::fputs("1027", f);  // a server without cookies
            std::fclose(f);
          }
          Services services(calls_);
          services.stream("0.0.0.0", 7000);
          services.stream("0.0.0.0", 7001);
          services.datagrams("0.0.0.0", 7001);
          services.names("198.51.100.2");
          tell(ready);
          services.serve();
        },
        [](pid_t child) {
          must("ip link add host type veth peer name peer netns " + std::to_string(child) +
               "; ip addr add 198.51.100.1/24 dev host; ip link set host up; ip route add 169.254.169.254/32 dev host; "
               "ip neigh add 198.51.100.99 lladdr "
               "02:00:00:00:00:63 dev host nud permanent");
        });
    if (std::FILE* f = std::fopen("/proc/sys/net/ipv4/tcp_fastopen", "w")) {
      std::fputs("5", f);  // a client without cookies
      std::fclose(f);
    }
  }
  ~Network() {
    end(peer_);
    end(host_services_);
    ::unlink(resolv_conf_.c_str());
  }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Services on the host itself, below `folder`.
  void serve_on_host(const std::string& folder) {
    stop_on_host();
    host_services_ = start(
        [&](int ready) {
          Services services(calls_);
          services.stream("127.0.0.1", 7001);
          services.stream("198.51.100.1", 7001);
          services.unix_socket(folder + "/service.sock", SOCK_STREAM);
          services.unix_socket(folder + "/datagrams.sock", SOCK_DGRAM);
          services.unix_socket("@assent-test-service", SOCK_STREAM);
          tell(ready);
          tell(ready);
          services.serve();
        },
        [](pid_t) {});
  }

  void stop_on_host() { end(host_services_); }

  // Puts the caller into the network behind the wire, for good.
  [[nodiscard]] bool enter_peer() const {
    const int fd = ::open(("/proc/" + std::to_string(peer_) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC);
    return fd >= 0 && ::setns(fd, CLONE_NEWNET) == 0;
  }

  // How often somebody has called who should not have, since the last time.
  long calls() { return calls_->exchange(0); }

 private:
  static void end(pid_t& child) {
    if (child <= 0) return;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    child = -1;
  }
  static void must(const std::string& script) {
    if (std::system(script.c_str()) != 0) std::abort();
  }
  static void tell(int fd) {
    if (::write(fd, "x", 1) != 1) std::abort();
  }
  template <class Child, class Between>
  static pid_t start(Child child, Between between) {
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) std::abort();
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      child(ready[1]);
      ::_exit(0);
    }
    ::close(ready[1]);
    char one = 0;
    if (::read(ready[0], &one, 1) != 1) std::abort();
    between(pid);
    if (::read(ready[0], &one, 1) != 1) std::abort();
    ::close(ready[0]);
    return pid;
  }

  std::atomic<long>* calls_;
  std::string resolv_conf_;
  pid_t peer_ = -1;
  pid_t host_services_ = -1;
};

}  // namespace assent::run_test
