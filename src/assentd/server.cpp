#include "assentd/server.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/sys.h"

namespace assent::assentd {

namespace {

using namespace approve;
using namespace std::chrono_literals;

constexpr auto kGreetingLimit = 10s;
constexpr auto kLongestWait = 60s;
constexpr std::size_t kMostUnsent = 128 << 20;  // a list of 10,000 questions is some 15 MB

}  // namespace

Server::Server(EventLoop& loop, State& state, int listener, Audience audience)
    : loop_(loop), state_(state), listener_(listener), audience_(audience) {
  rlimit files{};
  most_of_one_ = Limits{}.sessions_a_user + 512;
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) most_of_one_ = std::min<std::size_t>(most_of_one_, files.rlim_cur / 4);
}

Server::~Server() {
  loop_.cancel(deadline_);
  loop_.cancel(change_);
  for (const auto& [fd, connection] : connections_) loop_.cancel(connection->waits_for_change);
  loop_.remove(listener_);
  for (const auto& [fd, connection] : connections_) loop_.remove(fd);
}

Status Server::start() {
  return loop_.add(listener_, EPOLLIN, [this](std::uint32_t) { on_listener(); });
}

void Server::on_listener() {
  for (;;) {
    UniqueFd fd(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      // No descriptors left: the waiting connection would wake us again and again.
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        loop_.remove(listener_);
        loop_.after(1s, [this] { (void)start().has_value(); });
      }
      return;
    }
    auto connection = std::make_shared<Connection>();
    auto peer = peer_of(fd.get());
    if (peer) connection->uid = peer->person.uid;
    std::size_t& its = of_one_[connection->uid];
    if (audience_ == Audience::System && connection->uid != 0 && its >= most_of_one_) continue;
    ++its;
    connection->fd = std::move(fd);
    const int number = connection->fd.get();
    connections_[number] = connection;
    std::weak_ptr<Connection> weak = connection;
    if (!loop_.add(number, EPOLLIN, [this, weak](std::uint32_t events) {
          if (auto held = weak.lock()) on_connection(held, events);
        })) {
      connections_.erase(number);
      --its;
      continue;
    }
    loop_.after(kGreetingLimit, [this, weak] {
      if (auto held = weak.lock(); held && (held->stage == Stage::Greeting || held->stage == Stage::Leaving)) end(held);
    });
    if (!peer) {
      refuse(connection, peer.error().what);
      continue;
    }
    connection->peer = std::move(*peer);
    const uid_t uid = connection->peer.person.uid;
    if (audience_ == Audience::User && uid != ::geteuid() && uid != 0)
      refuse(connection, "this daemon serves one user");
  }
}

void Server::on_connection(const Ref& connection, std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush(connection);
  if (!connection->fd) return;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  std::array<char, 65536> buffer;
  const ssize_t n = ::read(connection->fd.get(), buffer.data(), buffer.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return end(connection);
  if (connection->stage == Stage::Leaving) return;
  if (connection->listing && connection->frames.held() > kMostFrame)
    return end(connection);  // it says much and does not listen
  connection->frames.feed({buffer.data(), static_cast<std::size_t>(n)});
  read_messages(connection);
  changed();
}

void Server::read_messages(const Ref& connection) {
  while (connection->fd && connection->stage != Stage::Leaving && !connection->listing) {
    auto payload = connection->frames.next();
    if (!payload) return refuse(connection, payload.error().what);
    if (!payload->has_value()) break;
    auto message = decode(**payload);
    if (!message) return refuse(connection, message.error().what);
    on_message(connection, std::move(*message));
  }
}

void Server::on_message(const Ref& connection, Message message) {
  switch (connection->stage) {
    case Stage::Greeting:
      if (auto* hello = std::get_if<message::Hello>(&message)) return greet(connection, std::move(*hello));
      return refuse(connection, "the first message must be a greeting");
    case Stage::Session:
      return on_session(connection, std::move(message));
    case Stage::Operator:
      return on_operator(connection, message);
    case Stage::Leaving:
      return;
  }
}

void Server::greet(const Ref& connection, message::Hello hello) {
  if (hello.version != kProtocolVersion) {
    return refuse(connection, "this daemon speaks version " + std::to_string(kProtocolVersion) + " of the protocol");
  }
  if (hello.role == message::Hello::Role::Operator) {
    connection->stage = Stage::Operator;
    connection->from = std::move(hello.from);
    return send(connection, message::Welcome{});
  }
  hello.session.pid = connection->peer.pid;
  auto session = state_.open(std::move(hello.session), connection->peer.person);
  if (!session) return refuse(connection, session.error().what);
  connection->stage = Stage::Session;
  connection->session = *session;
  sessions_[*session] = connection;
  send(connection, message::Welcome{});
}

void Server::on_session(const Ref& connection, Message message) {
  if (auto* ask = std::get_if<message::Ask>(&message)) {
    deliver(state_.ask(connection->session, std::move(ask->question), ask->left, State::Clock::now()));
    return arm();
  }
  if (const auto* cancel = std::get_if<message::Cancel>(&message))
    return state_.cancel(connection->session, cancel->question);
  refuse(connection, "a session may ask and cancel");
}

void Server::on_operator(const Ref& connection, const Message& message) {
  const auto now = State::Clock::now();
  if (const auto* wanted = std::get_if<message::List>(&message)) {
    deliver(state_.expire(now));
    return list(connection, *wanted);
  }
  if (const auto* answer = std::get_if<message::Give>(&message)) {
    // First what was decided, then the word that it was.
    const auto missing = give(*answer, connection->peer.person, connection->from);
    if (missing)
      send(connection, message::Given{*missing});
    else
      send(connection, message::Refused{missing.error().what});
    return;
  }
  if (std::holds_alternative<message::Knock>(message)) {
    if (!door_) return send(connection, message::Refused{"this daemon serves no web page; start it with --web"});
    return send(connection, message::Door{door_(connection->peer, connection->from)});
  }
  refuse(connection, "an operator may list, give answers and knock");
}

Result<std::uint64_t> Server::give(const message::Give& give, const Person& person, const std::string& from) {
  auto given = state_.give(give, person, from, State::Clock::now());
  deliver(given.deliveries);
  arm();
  changed();
  return std::move(given.missing);
}

void Server::list(const Ref& connection, const message::List& list) {
  loop_.cancel(std::exchange(connection->waits_for_change, {}));
  if (list.unless != 0 && list.unless == state_.revision()) {
    if (list.wait <= 0ms) return send(connection, message::End{state_.revision(), true});
    std::weak_ptr<Connection> weak = connection;
    connection->waits_for_change =
        loop_.after(std::min<std::chrono::milliseconds>(list.wait, kLongestWait), [this, weak] {
          const auto held = weak.lock();
          if (!held || !held->fd) return;
          held->waits_for_change = {};
          send(held, message::End{state_.revision(), true});
        });
    return;
  }
  connection->listing = true;
  connection->listed_revision = state_.revision();
  go_on_listing(connection, 0);
}

void Server::changed() {
  if (told_revision_ == state_.revision()) return;
  told_revision_ = state_.revision();
  std::vector<Ref> waiting;
  for (const auto& [fd, connection] : connections_) {
    if (connection->waits_for_change.number != 0) waiting.push_back(connection);
  }
  for (const auto& connection : waiting) list(connection, {});
}

// A part at a time, so that a long list holds up nobody's question. A session that comes or goes meanwhile is in it or
// not.
void Server::go_on_listing(const Ref& connection, SessionKey from) {
  constexpr std::size_t kAPart = 100;
  const auto& person = connection->peer.person;
  const SessionKey next = state_.some_waiting(person, State::Clock::now(), from, kAPart, [&](message::Waiting one) {
    if (connection->fd) send(connection, one);
  });
  if (!connection->fd) return;
  if (next != 0) {
    std::weak_ptr<Connection> weak = connection;
    loop_.after(0ns, [this, weak, next] {
      const auto held = weak.lock();
      if (!held || !held->fd) return;
      go_on_listing(held, next);
      read_messages(held);
    });
    return;
  }
  state_.each_running(person, [&](message::Running one) {
    if (connection->fd) send(connection, one);
  });
  if (connection->fd) send(connection, message::End{connection->listed_revision, false});
  connection->listing = false;
}

void Server::refuse(const Ref& connection, const std::string& why) {
  if (connection->session != 0) {
    sessions_.erase(connection->session);
    state_.close(connection->session);
    connection->session = 0;
  }
  connection->stage = Stage::Leaving;
  send(connection, message::Refused{why});
  if (connection->fd && connection->unsent.empty()) ::shutdown(connection->fd.get(), SHUT_WR);
}

void Server::deliver(const State::Deliveries& deliveries) {
  for (const auto& delivery : deliveries) {
    const auto found = sessions_.find(delivery.session);
    if (found == sessions_.end()) continue;
    const Ref connection = found->second;
    send(connection, message::Answered{delivery.answer});
  }
}

void Server::send(const Ref& connection, const Message& message) {
  if (!connection->fd) return;
  connection->unsent += encode(message);
  if (connection->unsent.size() - connection->sent > kMostUnsent) return end(connection);
  flush(connection);
}

void Server::flush(const Ref& connection) {
  while (connection->sent < connection->unsent.size()) {
    const ssize_t n = ::send(connection->fd.get(), connection->unsent.data() + connection->sent,
                             connection->unsent.size() - connection->sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      if (!connection->wants_room) (void)loop_.modify(connection->fd.get(), EPOLLIN | EPOLLOUT).has_value();
      connection->wants_room = true;
      return;
    }
    if (n <= 0) return end(connection);
    connection->sent += static_cast<std::size_t>(n);
  }
  connection->unsent.clear();
  connection->sent = 0;
  if (connection->wants_room) (void)loop_.modify(connection->fd.get(), EPOLLIN).has_value();
  connection->wants_room = false;
  if (connection->stage == Stage::Leaving) ::shutdown(connection->fd.get(), SHUT_WR);
}

void Server::end(const Ref& connection) {
  if (!connection->fd) return;
  const Ref held = connection;
  if (held->session != 0) {
    sessions_.erase(held->session);
    state_.close(held->session);
    held->session = 0;
  }
  const int number = held->fd.get();
  loop_.remove(number);
  loop_.cancel(std::exchange(held->waits_for_change, {}));
  held->fd.reset();
  connections_.erase(number);
  if (--of_one_[held->uid] == 0) of_one_.erase(held->uid);
  if (change_.number != 0) return;
  change_ = loop_.after(0ns, [this] {
    change_ = {};
    changed();
  });
}

// One timer, for the earliest deadline; none where nothing waits.
void Server::arm() {
  const auto next = state_.next_deadline();
  loop_.cancel(deadline_);
  deadline_ = {};
  if (!next) return;
  deadline_ = loop_.after(std::max<std::chrono::nanoseconds>(*next - State::Clock::now(), 1ms), [this] {
    deadline_ = {};
    deliver(state_.expire(State::Clock::now()));
    arm();
    changed();
  });
}

}  // namespace assent::assentd
