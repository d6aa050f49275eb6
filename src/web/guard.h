// guard: whether a request comes from our own page. Pure. It is asked before anything else is looked at, and says
// nothing of who is logged in.
#pragma once

#include <optional>
#include <string_view>

#include "web/http.h"

namespace assent::web {

struct Refusal {
  unsigned status = 400;
  std::string_view why;
};

// None: go on.
//  - Host is a name of loopback: a name that an attacker let point here (DNS rebinding) is none.
//  - Origin, where it is told, is that very host and port; whatever changes something must tell it.
//  - Sec-Fetch-Site, where the browser tells it, is our own page; a person may come to a document from anywhere.
//  - POST carries JSON, which no form of another page can.
std::optional<Refusal> refuse(const Request& request);

// "127.0.0.1", "localhost" or "[::1]", with any port: a tunnel may end at another one than ours.
bool is_loopback(std::string_view host);

}  // namespace assent::web
