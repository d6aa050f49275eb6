// Upstream: asks the machine's own name servers, on the event loop. In: a host name that may leave the machine. Out:
// its addresses, later. By c-ares.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "assent/result.h"
#include "base/event_loop.h"
#include "net/answer_cache.h"
#include "net/dns_message.h"

struct ares_channeldata;

namespace assent::net {

class Upstream {
 public:
  enum class Family { Ipv4, Ipv6 };
  enum class Answer { Found, NoData, NoSuchName, Failure };
  using Done = std::function<void(Answer answer, std::vector<Found> found)>;

  // `servers`: as in resolv.conf, comma-separated; empty: the machine's own.
  static Result<std::unique_ptr<Upstream>> create(EventLoop& loop, const std::string& servers = {});
  ~Upstream();  // what is under way ends with Failure
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // `done` is called once, possibly before this returns.
  void ask(const std::string& name, Family family, Done done);
  [[nodiscard]] std::size_t under_way() const { return under_way_; }

 private:
  struct Question;
  explicit Upstream(EventLoop& loop) : loop_(loop) {}
  Status open(const std::string& servers);
  static void on_socket(void* self, int fd, int readable, int writable);
  static void on_answer(void* question, int status, int timeouts, unsigned char* bytes, int size);
  void arm();

  EventLoop& loop_;
  AnswerCache cache_;
  bool opened_ = false;
  ares_channeldata* channel_ = nullptr;
  std::unordered_map<int, std::uint32_t> sockets_;
  EventLoop::TimerId timer_{};
  std::size_t under_way_ = 0;
};

}  // namespace assent::net
