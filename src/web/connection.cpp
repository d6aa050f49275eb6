#include "web/connection.h"

#include <array>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <sstream>

#include "web/bucket.h"

namespace assent::web {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using namespace std::chrono_literals;

constexpr std::uint32_t kMostHead = 16 << 10;
constexpr std::uint64_t kMostBody = 32 << 10;
constexpr auto kRequestLimit = 5s;   // for the whole of a request, and for the wait for it
constexpr auto kReplyLimit = 20s;    // for the whole of a reply
constexpr auto kServeLimit = 15min;  // an undo may take its time
constexpr auto kLastLook = 2s;       // for what a refused one is still sending

// No script but our own files, no style but our own file, nothing framed, nothing made of text.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

template <class Message>
void set_common(Message& message) {
  message.set("Content-Security-Policy", kPolicy);
  message.set("X-Frame-Options", "DENY");
  message.set("X-Content-Type-Options", "nosniff");
  message.set(http::field::cache_control, "no-store");
  message.set("Referrer-Policy", "no-referrer");
  message.set("Cross-Origin-Opener-Policy", "same-origin");
  message.set("Cross-Origin-Resource-Policy", "same-origin");
  message.set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), usb=(), clipboard-read=()");
}

class Connection : public std::enable_shared_from_this<Connection>, public Stream {
 public:
  Connection(asio::ip::tcp::socket socket, Site& site, std::function<void()> ended)
      : stream_(std::move(socket)), site_(site), ended_(std::move(ended)) {}
  ~Connection() override { ended_(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void read() {
    parser_.emplace();
    parser_->header_limit(kMostHead);
    parser_->body_limit(kMostBody);
    // One limit for all of it: a byte now and then earns no more time.
    stream_.expires_after(kRequestLimit);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](const error_code& error, std::size_t) { self->on_read(error); });
  }

  // ---- Stream: only after a live reply
  void tell(std::shared_ptr<const std::string> text) override {
    next_ = std::move(text);
    if (streaming_ && !writing_) write_next();
  }
  void beat() override {
    static const auto kBeat = std::make_shared<const std::string>(":\n\n");
    if (streaming_ && !writing_ && !next_) tell(kBeat);
  }
  void finish() override { close(); }

 private:
  void on_read(const error_code& error) {
    const bool broken = error.category() == make_error_code(http::error::bad_method).category() &&
                        error != http::error::end_of_stream && error != http::error::partial_message;
    if (error == http::error::body_limit) return send_last(413, "the request is too long");
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
      return send_last(431, "the head of the request is too long");
    if (broken) return send_last(400, "that is no request");
    if (error) return close();
    if (!requests_.take(Bucket::Clock::now())) return send_last(429, "too many requests; wait a moment");
    keep_ = parser_->get().keep_alive();
    stream_.expires_after(kServeLimit);
    site_.serve(request_of(parser_->get()), shared_from_this(),
                [self = shared_from_this()](Reply reply) { self->send(std::move(reply)); });
  }
  Request request_of(const http::request<http::string_body>& from) const {
    Request out;
    const auto field = [&](auto name) { return std::string(from[name]); };
    if (from.method() == http::verb::get) out.method = Request::Method::Get;
    if (from.method() == http::verb::post) out.method = Request::Method::Post;
    const std::string target(from.target());
    const auto mark = target.find('?');
    out.path = target.substr(0, mark);
    if (mark != std::string::npos) out.query = query_of(std::string_view(target).substr(mark + 1));
    if (from.count(http::field::host) == 1) out.host = field(http::field::host);
    if (from.count(http::field::origin) != 0) out.origin = field(http::field::origin);
    if (from.count(http::field::origin) > 1) out.origin = "null";
    out.fetch_site = field("Sec-Fetch-Site");
    out.fetch_dest = field("Sec-Fetch-Dest");
    out.content_type = field(http::field::content_type);
    out.cookie = cookie_of(field(http::field::cookie), site_.cookie());
    out.key = field("X-Assent-Key");
    out.body = from.body();
    return out;
  }

  void send_last(unsigned status, const std::string& why) {
    keep_ = false;
    Reply reply;
    reply.status = status;
    reply.body = "{\"why\":\"" + why + "\"}";
    send(std::move(reply));
  }

  void send(Reply reply) {
    if (reply.live) return begin_stream();
    auto response = std::make_shared<http::response<http::string_body>>(http::status(reply.status), 11);
    set_common(*response);
    response->set(http::field::content_type, reply.type);
    if (!reply.set_cookie.empty()) response->set(http::field::set_cookie, reply.set_cookie);
    response->body() = reply.page.empty() ? std::move(reply.body) : std::string(reply.page);
    response->keep_alive(keep_);
    response->prepare_payload();
    stream_.expires_after(kReplyLimit);
    http::async_write(stream_, *response, [self = shared_from_this(), response](const error_code& error, std::size_t) {
      if (error) return self->close();
      if (self->keep_) return self->read();
      self->leave();
    });
  }

  // Closing while bytes of a refused request wait would take our reply with it.
  void leave() {
    error_code ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    stream_.expires_after(kLastLook);
    drain(256 << 10);
  }
  void drain(std::size_t most) {
    stream_.async_read_some(asio::buffer(scratch_),
                            [self = shared_from_this(), most](const error_code& error, std::size_t n) {
                              if (error || n >= most) return self->close();
                              self->drain(most - n);
                            });
  }

  // ---- a stream of events
  void begin_stream() {
    http::response<http::buffer_body> head(http::status::ok, 11);
    set_common(head);
    head.set(http::field::content_type, "text/event-stream");
    head.keep_alive(false);
    std::ostringstream out;
    out << head.base();
    streaming_ = true;
    // The one that listens may wait for ever; the time limit of a write is set while it does, and is the write's alone.
    stream_.expires_never();
    listen();
    write(std::make_shared<const std::string>(out.str()));
  }
  // The page says nothing more; that it is gone is what we hear.
  void listen() {
    stream_.async_read_some(asio::buffer(scratch_),
                            [self = shared_from_this()](const error_code&, std::size_t) { self->close(); });
  }
  void write_next() { write(std::exchange(next_, nullptr)); }
  void write(const std::shared_ptr<const std::string>& text) {
    writing_ = true;
    stream_.expires_after(kReplyLimit);
    asio::async_write(stream_, asio::buffer(*text),
                      [self = shared_from_this(), text](const error_code& error, std::size_t) {
                        self->writing_ = false;
                        if (error) return self->close();
                        if (self->next_) self->write_next();
                      });
  }

  void close() {
    error_code ignored;
    stream_.socket().close(ignored);
    streaming_ = false;
  }

  beast::tcp_stream stream_;
  Site& site_;
  std::function<void()> ended_;
  beast::flat_buffer buffer_{kMostHead + kMostBody};
  std::optional<http::request_parser<http::string_body>> parser_;
  Bucket requests_{20, 200};
  std::array<char, 4096> scratch_{};
  std::shared_ptr<const std::string> next_;
  bool keep_ = false;
  bool streaming_ = false;
  bool writing_ = false;
};

}  // namespace

void serve_connection(asio::ip::tcp::socket socket, Site& site, std::function<void()> ended) {
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  std::make_shared<Connection>(std::move(socket), site, std::move(ended))->read();
}

}  // namespace assent::web
