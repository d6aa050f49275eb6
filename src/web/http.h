// Request and Reply: what of HTTP the page is about, as values. Made and written by connection.h alone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace assent::web {

struct Request {
  enum class Method { Get, Post, Other };
  Method method = Method::Other;
  std::string path;                          // without the query
  std::map<std::string, std::string> query;  // decoded; of several with one name the last
  std::optional<std::string> host;           // none: there is no such field, or more than one
  std::optional<std::string> origin;
  std::string fetch_site;  // Sec-Fetch-Site; empty: the browser does not say
  std::string fetch_dest;  // Sec-Fetch-Dest
  std::string content_type;
  std::string cookie;  // ours
  std::string key;     // X-Assent-Key
  std::string body;
};

struct Reply {
  unsigned status = 200;
  std::string type = "application/json";
  std::string body;
  std::string_view page;   // instead of `body`: bytes that live as long as the program
  std::string set_cookie;  // the whole field
  bool live = false;       // a stream begins; what follows comes from the LiveHub
};

// "a=1&b=x%20y" as names and values. What is no such text reads as bytes.
std::map<std::string, std::string> query_of(std::string_view text);
// The value of the cookie `name` in a Cookie field.
std::string cookie_of(std::string_view field, std::string_view name);

}  // namespace assent::web
