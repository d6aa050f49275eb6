// Real servers behind a virtual wire (198.51.100.2 and 2001:db8:77::2), each where its clients expect it, and this
// process in a network of its own, which plays the host. Names end in "test"; see clients/servers.py. Needs root.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "support/run_world.h"

namespace assent::run_test {

class Servers {
 public:
  // `services`: functions of servers.py. Names are always answered.
  explicit Servers(const std::vector<std::string>& services) {
    char name[] = "/var/tmp/assent-servers-XXXXXX";
    if (::mkdtemp(name) == nullptr) std::abort();
    folder_ = name;
    make_keys();
    fs::copy_file(std::string(ASSENT_SOURCE_DIR) + "/tests/support/clients/servers.py", folder_ + "/servers.py");
    put(folder_ + "/resolv.conf", "nameserver 198.51.100.2\nsearch test\n");
    put(folder_ + "/passwd", "keeper:x:" + uid() + ":" + uid() + "::" + folder_ + ":/bin/sh\n" + get("/etc/passwd"));
    must("chown -R " + uid() + ":" + uid() + " " + folder_ + "; chmod 755 " + folder_ + "; chmod 644 " + folder_ +
         "/ca.crt " + folder_ + "/resolv.conf " + folder_ + "/passwd");
    if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) std::abort();
    must("ip link set lo up; mount --make-rprivate /; mount --bind " + folder_ + "/resolv.conf /etc/resolv.conf");
    start(services);
  }
  ~Servers() {
    if (peer_ > 0) {
      ::kill(peer_, SIGKILL);
      ::waitpid(peer_, nullptr, 0);
    }
    ::umount2("/etc/resolv.conf", MNT_DETACH);
    std::error_code ignored;
    for (int i = 0; i < 50 && fs::remove_all(folder_, ignored) == static_cast<std::uintmax_t>(-1); ++i) ::usleep(20000);
  }
  Servers(const Servers&) = delete;
  Servers& operator=(const Servers&) = delete;

  [[nodiscard]] const std::string& folder() const { return folder_; }
  // Why they did not start; empty: they did.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  // The names beginning with "denied" that left the machine.
  [[nodiscard]] std::string leaks() const { return get(folder_ + "/leaks"); }

 private:
  static std::string uid() { return std::to_string(ordinary_uid()); }
  static void must(const std::string& script) {
    if (std::system(("set -e; " + script).c_str()) != 0) std::abort();
  }
  void make_keys() const {
    must(
        "cd " + folder_ +
        "; exec 2>/dev/null; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout "
        "ca.key -out ca.crt -subj '/CN=a test'; openssl req -x509 -CA ca.crt -CAkey ca.key -newkey ec -pkeyopt "
        "ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout server.key -out server.crt -subj /CN=good.test -addext "
        "basicConstraints=CA:FALSE -addext subjectAltName=DNS:good.test,DNS:four.test,DNS:six.test,DNS:half.test,"
        "DNS:alias.test; ssh-keygen -q -t ed25519 -N '' -f host_key; ssh-keygen -q -t ed25519 -N '' -f client_key; "
        "(printf 'good.test '; cat host_key.pub) > known_hosts");
  }
  void start(const std::vector<std::string>& services) {
    int to_us[2], to_it[2];
    if (::pipe2(to_us, O_CLOEXEC) != 0 || ::pipe2(to_it, O_CLOEXEC) != 0) std::abort();
    peer_ = ::fork();
    if (peer_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) std::abort();
      if (::write(to_us[1], "n", 1) != 1) std::abort();
      char go = 0;
      if (::read(to_it[0], &go, 1) != 1) ::_exit(1);
      must(
          "ip link set lo up; ip link set peer up; ip addr add 198.51.100.2/24 dev peer; ip addr add 198.51.100.3/24 "
          "dev peer; ip addr add 2001:db8:77::2/64 dev peer nodad; echo 0 > "
          "/proc/sys/net/ipv4/ip_unprivileged_port_start; mount --make-rprivate /; mount --bind " +
          folder_ + "/passwd /etc/passwd");
      // The first process of a namespace: when it goes, every server goes.
      if (::unshare(CLONE_NEWPID) != 0) std::abort();
      const pid_t first = ::fork();
      if (first < 0) std::abort();
      if (first == 0) serve(services, to_us[1]);
      int status = 0;
      ::waitpid(first, &status, 0);
      ::_exit(0);
    }
    ::close(to_us[1]);
    ::close(to_it[0]);
    char one = 0;
    if (::read(to_us[0], &one, 1) != 1) std::abort();
    must("ip link add host type veth peer name peer netns " + std::to_string(peer_) +
         "; ip addr add 198.51.100.1/24 dev host; ip addr add 2001:db8:77::1/64 dev host nodad; ip link set host up; "
         "ip neigh add 2001:db8:77::99 lladdr 02:00:00:00:00:99 dev host nud permanent; "
         "ip neigh add 198.51.100.99 lladdr 02:00:00:00:00:99 dev host nud permanent");
    if (::write(to_it[1], "g", 1) != 1) std::abort();
    std::string said;
    char buffer[4096];
    while (said.find("ready\n") == std::string::npos) {
      const ssize_t n = ::read(to_us[0], buffer, sizeof buffer);
      if (n <= 0) break;
      said.append(buffer, static_cast<std::size_t>(n));
    }
    if (said.find("ready\n") == std::string::npos)
      trouble_ = "the servers did not start: " + said + get(folder_ + "/log");
    ::close(to_us[0]);
    ::close(to_it[1]);
  }
  [[noreturn]] void serve(const std::vector<std::string>& services, int out) const {
    ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
    become(Who::Ordinary);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(out, 1);
    ::dup2(out, 2);
    if (::chdir(folder_.c_str()) != 0) ::_exit(1);
    ::setenv("HOME", folder_.c_str(), 1);
    ::setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", 1);
    std::vector<std::string> words{"/usr/bin/python3", "servers.py", folder_};
    words.insert(words.end(), services.begin(), services.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(1);
  }

  std::string folder_;
  std::string trouble_;
  pid_t peer_ = -1;
};

}  // namespace assent::run_test
