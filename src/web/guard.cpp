#include "web/guard.h"

#include <algorithm>
#include <array>

namespace assent::web {

bool is_loopback(std::string_view host) {
  for (const std::string_view name : {"127.0.0.1", "localhost", "[::1]"}) {
    if (!host.starts_with(name)) continue;
    const auto rest = host.substr(name.size());
    if (rest.empty()) return true;
    if (rest.size() < 2 || rest.size() > 6 || rest[0] != ':') continue;
    return std::ranges::all_of(rest.substr(1), [](char c) { return c >= '0' && c <= '9'; });
  }
  return false;
}

std::optional<Refusal> refuse(const Request& request) {
  if (!request.host || !is_loopback(*request.host)) return Refusal{421, "this page is served on loopback only"};
  const bool post = request.method == Request::Method::Post;
  if (!post && request.method != Request::Method::Get) return Refusal{405, "no such method"};
  if (post && !request.origin) return Refusal{403, "the request does not say which page it comes from"};
  if (request.origin && *request.origin != "http://" + *request.host)
    return Refusal{403, "the request comes from another page"};
  const bool visit = !post && request.fetch_dest == "document" && !request.path.starts_with("/api/");
  const bool own = request.fetch_site.empty() || request.fetch_site == "same-origin" || request.fetch_site == "none";
  if (!own && !visit) return Refusal{403, "the request comes from another page"};
  if (post && request.content_type != "application/json") return Refusal{415, "the request is not JSON"};
  return std::nullopt;
}

}  // namespace assent::web
