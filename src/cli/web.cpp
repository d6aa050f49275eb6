// assent web: a way into the approval daemon's web page, for one person, once.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/show.h"
#include "cli/daemon_view.h"
#include "cli/exit_status.h"
#include "cli/record_view.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;
namespace message = approve::message;

// "7787" of "http://127.0.0.1:7787/login#…".
std::string port_of(const std::string& url) {
  const auto from = url.find(':', url.find("//"));
  return from == std::string::npos ? "" : url.substr(from + 1, url.find('/', from) - from - 1);
}

}  // namespace

int web_main(Arguments arguments) {
  po::options_description options("options");
  options.add_options()("json", "one JSON object")("help,h", "this text");
  const auto parsed = parse_words(arguments, options, 0);
  if (!parsed) return complain("web", parsed.error().what, kUsage);
  if (parsed->given.count("help") != 0) {
    std::ostringstream text;
    text << options;
    fmt::print(
        "usage: assent web\n\nPrints an address that logs you in to the web page of the approval daemon ('assentd "
        "--web'). It is good for\none login within two minutes; whoever opens it answers as you, so give it to nobody."
        "\n\n{}",
        text.str());
    return kOk;
  }
  auto daemon = call_daemon("web");
  if (!daemon) return complain("web", daemon.error().what, kFailed);
  if (auto status = daemon->send(message::Knock{}); !status) return complain("web", status.error().what, kFailed);
  auto reply = daemon->receive();
  if (!reply) return complain("web", reply.error().what, kFailed);
  if (const auto* refused = std::get_if<message::Refused>(&*reply)) {
    fmt::print(stderr, "assent: cannot open the web page: {}\n", show(refused->why));
    return kNegative;
  }
  const auto* door = std::get_if<message::Door>(&*reply);
  if (door == nullptr) return complain("web", "the approval daemon said what nobody understands", kFailed);
  if (parsed->given.count("json") != 0) {
    fmt::print("{}\n", nlohmann::json{{"url", show(door->url)}}.dump());
    return kOk;
  }
  fmt::print("{}\n", show(door->url));
  std::fflush(stdout);
  if (::isatty(STDERR_FILENO) == 1) {
    fmt::print(stderr, "good for one login within two minutes\n");
    if (std::getenv("SSH_CONNECTION") != nullptr) {
      const auto port = port_of(door->url);
      fmt::print(stderr, "from where your browser is, first: ssh -N -L {}:127.0.0.1:{} THIS-HOST\n", port, port);
    }
  }
  return kOk;
}

}  // namespace assent::cli
