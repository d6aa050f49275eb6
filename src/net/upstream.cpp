#include "net/upstream.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>

namespace assent::net {

namespace {

constexpr int kMostAddresses = 64;
constexpr int kTimeoutMs = 2000;
constexpr int kTries = 3;

template <class Reply, class Parse, class Text>
Upstream::Answer parse(Parse parse_reply, Text text, unsigned char* bytes, int size, std::vector<Found>& out) {
  std::array<Reply, kMostAddresses> replies{};
  int count = kMostAddresses;
  const int status = parse_reply(bytes, size, nullptr, replies.data(), &count);
  if (status == ARES_ENODATA) return Upstream::Answer::NoData;
  if (status != ARES_SUCCESS) return Upstream::Answer::Failure;
  for (int i = 0; i < count; ++i) out.push_back(text(replies[static_cast<std::size_t>(i)]));
  return out.empty() ? Upstream::Answer::NoData : Upstream::Answer::Found;
}

template <class Address>
Found found(int family, const Address& address, int ttl) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, &address, text.data(), text.size());
  return {text.data(), static_cast<std::uint32_t>(std::clamp(ttl, 0, 3600))};
}

}  // namespace

struct Upstream::Question {
  Upstream* upstream;
  Family family;
  std::string key;
  Done done;
};

// The machine's own settings are read when the first name is asked for: most sessions never come to that.
Result<std::unique_ptr<Upstream>> Upstream::create(EventLoop& loop, const std::string& servers) {
  std::unique_ptr<Upstream> self(new Upstream(loop));
  if (servers.empty()) return self;
  if (auto opened = self->open(servers); !opened) return pass(std::move(opened));
  return self;
}

Status Upstream::open(const std::string& servers) {
  opened_ = true;
  static std::once_flag once;
  std::call_once(once, [] { (void)ares_library_init(ARES_LIB_INIT_ALL); });
  ares_options options{};
  options.timeout = kTimeoutMs;
  options.tries = kTries;
  options.sock_state_cb = on_socket;
  options.sock_state_cb_data = this;
  const int status =
      ares_init_options(&channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
  if (status != ARES_SUCCESS) return fail(EIO, std::string("cannot look up names: ") + ares_strerror(status));
  if (!servers.empty() && ares_set_servers_ports_csv(channel_, servers.c_str()) != ARES_SUCCESS) {
    return fail(EINVAL, "cannot look up names: the name servers are not written as addresses (EINVAL)");
  }
  return {};
}

Upstream::~Upstream() {
  // Whoever asks for more when told so gets nothing.
  opened_ = true;
  if (auto* channel = std::exchange(channel_, nullptr)) ares_destroy(channel);
  loop_.cancel(timer_);
}

void Upstream::ask(const std::string& name, Family family, Done done) {
  const std::string key = name + (family == Family::Ipv4 ? " A" : " AAAA");
  if (auto known = cache_.look_up(key, AnswerCache::Clock::now())) {
    const Answer answer = !known->exists ? Answer::NoSuchName : known->found.empty() ? Answer::NoData : Answer::Found;
    return done(answer, std::move(known->found));
  }
  if (!opened_) (void)open({}).has_value();
  if (channel_ == nullptr) return done(Answer::Failure, {});
  ++under_way_;
  auto* question = new Question{this, family, key, std::move(done)};
  ares_query(channel_, name.c_str(), ns_c_in, family == Family::Ipv4 ? ns_t_a : ns_t_aaaa, on_answer, question);
  arm();
}

void Upstream::on_answer(void* raw, int status, int, unsigned char* bytes, int size) {
  const std::unique_ptr<Question> question(static_cast<Question*>(raw));
  --question->upstream->under_way_;
  std::vector<Found> out;
  Answer answer = Answer::Failure;
  if (status == ARES_ENOTFOUND) answer = Answer::NoSuchName;
  if (status == ARES_ENODATA) answer = Answer::NoData;
  if (status == ARES_SUCCESS && question->family == Family::Ipv4) {
    answer = parse<ares_addrttl>(
        ares_parse_a_reply, [](const ares_addrttl& one) { return found(AF_INET, one.ipaddr, one.ttl); }, bytes, size,
        out);
  } else if (status == ARES_SUCCESS) {
    answer = parse<ares_addr6ttl>(
        ares_parse_aaaa_reply, [](const ares_addr6ttl& one) { return found(AF_INET6, one.ip6addr, one.ttl); }, bytes,
        size, out);
  }
  if (answer != Answer::Failure)
    question->upstream->cache_.keep(question->key, {answer != Answer::NoSuchName, out}, AnswerCache::Clock::now());
  question->done(answer, std::move(out));
}

void Upstream::on_socket(void* raw, int fd, int readable, int writable) {
  auto* self = static_cast<Upstream*>(raw);
  const std::uint32_t wanted = (readable != 0 ? EPOLLIN : 0U) | (writable != 0 ? EPOLLOUT : 0U);
  const auto known = self->sockets_.find(fd);
  if (wanted == 0) {
    if (known == self->sockets_.end()) return;
    self->loop_.remove(fd);
    self->sockets_.erase(known);
    return;
  }
  if (known != self->sockets_.end()) {
    if (known->second != wanted) (void)self->loop_.modify(fd, wanted);
    known->second = wanted;
    return;
  }
  // A socket that cannot be watched is found again by the time-out.
  auto status = self->loop_.add(fd, wanted, [self, fd](std::uint32_t events) {
    const bool in = (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
    ares_process_fd(self->channel_, in ? fd : ARES_SOCKET_BAD, (events & EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
    self->arm();
  });
  if (status) self->sockets_[fd] = wanted;
}

void Upstream::arm() {
  loop_.cancel(timer_);
  timer_ = {};
  if (under_way_ == 0) return;
  timeval most{5, 0};
  timeval value{};
  const timeval* next = ares_timeout(channel_, &most, &value);
  timer_ = loop_.after(
      std::chrono::seconds(next->tv_sec) + std::chrono::microseconds(next->tv_usec) + std::chrono::milliseconds(1),
      [this] {
        ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        arm();
      });
}

}  // namespace assent::net
