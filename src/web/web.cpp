#include "web/web.h"

#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <thread>

#include "web/caller_uid.h"
#include "web/connection.h"
#include "web/site.h"

namespace assent::web {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kMostConnections = 256;
constexpr std::size_t kMostOfAGroup = 1024;  // where the page is for a group
constexpr std::size_t kMostOfOne = 64;       // of a user who is not the daemon's own
constexpr std::size_t kKeptForOwn = 64;      // that all the others together cannot take

tl::unexpected<Error> cannot(std::uint16_t port, const error_code& error) {
  const char* name = ::strerrorname_np(error.value());
  return fail(error.value(), fmt::format("cannot serve the web page at 127.0.0.1:{}: {} ({}){}", port, error.message(),
                                         name != nullptr ? name : "",
                                         error.value() == EADDRINUSE ? "; name another port: --web PORT" : ""));
}

error_code listen(tcp::acceptor& acceptor, const tcp::endpoint& at) {
  error_code error;
  acceptor.open(at.protocol(), error);
  if (error) return error;
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (at.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.bind(at, error);
  if (!error) acceptor.listen(64, error);
  if (error) {
    error_code ignored;
    acceptor.close(ignored);
  }
  return error;
}

}  // namespace

struct Web::Parts {
  Parts(Options options, Desk desk)
      : most(options.group.empty() ? kMostConnections : kMostOfAGroup),
        site(io, std::move(options), std::move(desk), logins) {}
  // First nobody does anything any more; then it is taken down.
  ~Parts() {
    io.stop();
    if (thread.joinable()) thread.join();
    site.stop();
  }

  struct Entrance {
    explicit Entrance(asio::io_context& io) : acceptor(io), pause(io) {}
    tcp::acceptor acceptor;
    asio::steady_timer pause;
  };

  Status open(std::uint16_t wanted) {
    // A port that the machine chose may be taken on the other family: then another one.
    for (int tries = 0;; ++tries) {
      if (const auto error = listen(v4.acceptor, {asio::ip::address_v4::loopback(), wanted}); error)
        return cannot(wanted, error);
      port = v4.acceptor.local_endpoint().port();
      const auto error = listen(v6.acceptor, {asio::ip::address_v6::loopback(), port});
      if (!error || error == asio::error::address_family_not_supported || error.value() == EADDRNOTAVAIL) break;
      if (wanted != 0 || tries > 16) return cannot(port, error);
      v4.acceptor.close();
    }
    site.set_port(port);
    return {};
  }

  void accept(Entrance& entrance) {
    entrance.acceptor.async_accept([this, &entrance](const error_code& error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) {
        // No descriptors left: the connection that waits would wake us again and again.
        entrance.pause.expires_after(std::chrono::seconds(1));
        return entrance.pause.async_wait([this, &entrance](const error_code& stopped) {
          if (!stopped) accept(entrance);
        });
      }
      take(std::move(socket));
      accept(entrance);
    });
  }

  // Anybody on this machine may knock; nobody may hold the door against the others.
  void take(tcp::socket socket) {
    const auto uid = uid_of_caller(socket.native_handle());
    const bool own = uid && *uid == ::geteuid();
    if (connections >= (own ? most : most - kKeptForOwn)) return;
    if (uid && !own && callers[*uid] >= kMostOfOne) return;
    ++connections;
    if (uid) ++callers[*uid];
    serve_connection(std::move(socket), site, [this, uid] {
      --connections;
      if (uid && --callers[*uid] == 0) callers.erase(*uid);
    });
  }

  void run() {
    for (;;) {
      try {
        io.run();
        return;
      } catch (const std::exception&) {
        // Out of memory, or a fault of ours: that request has no answer, all others go on.
      }
    }
  }

  Logins logins;
  const std::size_t most;
  std::size_t connections = 0;           // before all that may hold one
  std::map<uid_t, std::size_t> callers;  // of whom it is known
  asio::io_context io{1};
  Site site;
  Entrance v4{io}, v6{io};
  std::uint16_t port = 0;
  std::thread thread;
};

Web::Web(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Web::~Web() = default;

Result<std::unique_ptr<Web>> Web::start(Options options, Desk desk) {
  if (::sodium_init() < 0) return fail(EIO, "cannot get random bytes (EIO)");
  const std::uint16_t port = options.port;
  auto parts = std::make_unique<Parts>(std::move(options), std::move(desk));
  if (auto status = parts->open(port); !status) return pass(std::move(status));
  parts->accept(parts->v4);
  if (parts->v6.acceptor.is_open()) parts->accept(parts->v6);
  parts->thread = std::thread([raw = parts.get()] { raw->run(); });
  return std::unique_ptr<Web>(new Web(std::move(parts)));
}

std::uint16_t Web::port() const { return parts_->port; }

std::string Web::door(Login login) {
  // Behind '#', a browser sends it to nobody: it stands in no log and no Referer.
  return fmt::format("http://127.0.0.1:{}/login#{}", parts_->port,
                     parts_->logins.issue(std::move(login), Logins::Clock::now()));
}

}  // namespace assent::web
