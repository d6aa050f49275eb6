// Connection: one browser's connection: HTTP in, HTTP out. The only place that knows Beast. Bounded in everything: the
// bytes of a request, the time it takes to come, the number of requests, what waits to be sent.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>

#include "web/site.h"

namespace assent::web {

// Reads and serves until the other side ends or breaks a rule. `ended` is called once, when the last of it is gone.
void serve_connection(boost::asio::ip::tcp::socket socket, Site& site, std::function<void()> ended);

}  // namespace assent::web
