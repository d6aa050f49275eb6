// Server: connections to the State. In: bytes of anybody who may reach the socket. Out: answers to sessions, facts to
// people. A connection that breaks the protocol, or does not take what it asked for, ends; nothing waits for it.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "approve/message.h"
#include "assentd/peer.h"
#include "assentd/place.h"
#include "assentd/state.h"
#include "base/event_loop.h"

namespace assent::assentd {

class Server {
 public:
  // All outlive the server.
  Server(EventLoop& loop, State& state, int listener, Audience audience);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Status start();
  // An answer from another surface: delivered, and told to those who wait for a change.
  Result<std::uint64_t> give(const approve::message::Give& give, const Person& person, const std::string& from);
  // Makes an address that logs a person in to the web page. None is set: this daemon serves no page.
  using Door = std::function<std::string(const Peer& peer, const std::string& from)>;
  void set_door(Door door) { door_ = std::move(door); }
  // To be called where another surface has changed the state: tells those who wait for a change.
  void changed();
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  enum class Stage { Greeting, Session, Operator, Leaving };  // Leaving: the last words are on their way
  struct Connection {
    UniqueFd fd;
    Peer peer;
    uid_t uid = static_cast<uid_t>(-1);  // whose it is counted as; of one that may not speak here: nobody's
    Stage stage = Stage::Greeting;
    SessionKey session = 0;
    std::string from;
    approve::Frames frames;
    std::string unsent;
    std::size_t sent = 0;
    bool listing = false;  // its next message waits until the list is told
    std::uint64_t listed_revision = 0;
    EventLoop::TimerId waits_for_change{};  // until when; it gets the list at the next change
    bool wants_room = false;                // EPOLLOUT is on
  };
  using Ref = std::shared_ptr<Connection>;

  void on_listener();
  void on_connection(const Ref& connection, std::uint32_t events);
  void on_message(const Ref& connection, approve::Message message);
  void greet(const Ref& connection, approve::message::Hello hello);
  void on_session(const Ref& connection, approve::Message message);
  void on_operator(const Ref& connection, const approve::Message& message);
  void read_messages(const Ref& connection);
  void list(const Ref& connection, const approve::message::List& list);
  void go_on_listing(const Ref& connection, SessionKey from);
  void refuse(const Ref& connection, const std::string& why);
  void deliver(const State::Deliveries& deliveries);
  void send(const Ref& connection, const approve::Message& message);
  void flush(const Ref& connection);
  void end(const Ref& connection);
  void arm();

  EventLoop& loop_;
  State& state_;
  int listener_;
  Audience audience_;
  Door door_;
  std::unordered_map<int, Ref> connections_;
  std::unordered_map<SessionKey, Ref> sessions_;
  std::unordered_map<uid_t, std::size_t> of_one_;  // connections
  std::size_t most_of_one_;                        // so that one user leaves the others descriptors
  EventLoop::TimerId deadline_{}, change_{};
  std::uint64_t told_revision_ = 0;
};

}  // namespace assent::assentd
