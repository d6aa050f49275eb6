#include "web/guard.h"

#include <gtest/gtest.h>

#include "web/page.h"

namespace assent::web {
namespace {

Request own(Request::Method method = Request::Method::Post) {
  Request out;
  out.method = method;
  out.path = "/api/answer";
  out.host = "127.0.0.1:7787";
  out.fetch_site = "same-origin";
  out.fetch_dest = "empty";
  if (method == Request::Method::Post) {
    out.origin = "http://127.0.0.1:7787";
    out.content_type = "application/json";
  }
  return out;
}
unsigned status(const Request& request) {
  const auto refusal = refuse(request);
  return refusal ? refusal->status : 0;
}

TEST(GuardTest, LetsOurOwnPageThrough) {
  EXPECT_EQ(status(own()), 0u);
  EXPECT_EQ(status(own(Request::Method::Get)), 0u);
  auto typed = own(Request::Method::Get);
  typed.fetch_site = "none";
  EXPECT_EQ(status(typed), 0u);
  auto old = own();
  old.fetch_site = "";
  EXPECT_EQ(status(old), 0u) << "a browser that does not say so";
}

TEST(GuardTest, KnowsLoopbackByNameAndNothingElse) {
  for (const auto* good : {"127.0.0.1", "127.0.0.1:7787", "localhost:1", "[::1]:65535", "[::1]"})
    EXPECT_TRUE(is_loopback(good)) << good;
  for (const auto* bad : {"", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7787",
                          "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:7787.evil.example", "127.0.0.2:7787", "0.0.0.0:7787",
                          "::1", "localhost:123456", "127.0.0.1@evil.example", " 127.0.0.1"})
    EXPECT_FALSE(is_loopback(bad)) << bad;
}

TEST(GuardTest, RefusesANameThatOnlyPointsHere) {
  auto rebound = own();
  rebound.host = "evil.example:7787";
  rebound.origin = "http://evil.example:7787";
  EXPECT_EQ(status(rebound), 421u);
  rebound.host.reset();
  EXPECT_EQ(status(rebound), 421u);
}

TEST(GuardTest, RefusesAnotherPage) {
  for (const auto* origin : {"http://evil.example", "http://127.0.0.1:8080", "https://127.0.0.1:7787", "null", "",
                             "http://localhost:7787", "http://127.0.0.1:7787.evil.example"}) {
    auto request = own();
    request.origin = origin;
    EXPECT_EQ(status(request), 403u) << origin;
    request = own(Request::Method::Get);
    request.origin = origin;
    EXPECT_EQ(status(request), 403u) << origin;
  }
  auto silent = own();
  silent.origin.reset();
  EXPECT_EQ(status(silent), 403u) << "what changes something says where it comes from";
  for (const auto* site : {"cross-site", "same-site", "anything"}) {
    auto request = own(Request::Method::Get);
    request.fetch_site = site;
    EXPECT_EQ(status(request), 403u) << site;
  }
}

TEST(GuardTest, APersonMayComeToTheDocumentFromAnywhereButNotToAnAnswer) {
  auto link = own(Request::Method::Get);
  link.path = "/login";
  link.fetch_site = "cross-site";
  link.fetch_dest = "document";
  EXPECT_EQ(status(link), 0u);
  link.path = "/api/live";
  EXPECT_EQ(status(link), 403u);
  link.path = "/app.js";
  link.fetch_dest = "script";
  EXPECT_EQ(status(link), 403u);
  link.path = "/";
  link.fetch_dest = "iframe";
  EXPECT_EQ(status(link), 403u);
}

TEST(GuardTest, TakesNeitherAFormNorAnotherMethod) {
  for (const auto* type : {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"}) {
    auto form = own();
    form.content_type = type;
    EXPECT_EQ(status(form), 415u) << type;
  }
  auto put = own();
  put.method = Request::Method::Other;
  EXPECT_EQ(status(put), 405u);
}

TEST(HttpTest, ReadsQueriesAndCookiesOfAnybody) {
  auto query = query_of("id=a%20b+c&x&=y&id=last&bad=%zz%4&nul=%00");
  EXPECT_EQ(query["id"], "last");
  EXPECT_EQ(query["x"], "");
  EXPECT_EQ(query["bad"], "%zz%4");
  EXPECT_EQ(query["nul"], std::string(1, '\0'));
  EXPECT_EQ(query_of("q=a%20b+c")["q"], "a b c");
  EXPECT_EQ(cookie_of("a=1; assent_7787=word; b=2", "assent_7787"), "word");
  EXPECT_EQ(cookie_of("xassent_7787=other", "assent_7787"), "");
  EXPECT_EQ(cookie_of(";;;=;assent_7787", "assent_7787"), "");
}

TEST(PageTest, HoldsNothingThatMakesMarkupOfWords) {
  ASSERT_NE(page_file("/"), nullptr);
  ASSERT_NE(page_file("/login"), nullptr);
  EXPECT_EQ(page_file("/../web.cpp"), nullptr);
  EXPECT_EQ(page_file("//"), nullptr);
  EXPECT_EQ(page_file(""), nullptr);
  for (const auto& file : page_files()) {
    EXPECT_NE(content_type(file.name), "application/octet-stream") << file.name;
    for (const auto* word : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function",
                             "srcdoc", "DOMParser", "createContextualFragment",
                             " onclick=", " onload=", "javascript:", "style=\"", "http://", "https://"}) {
      const bool svg = file.name.ends_with(".svg") && std::string_view(word) == "http://";
      EXPECT_TRUE(svg || file.bytes.find(word) == std::string_view::npos) << file.name << " has " << word;
    }
  }
}

}  // namespace
}  // namespace assent::web
