#include "web/site.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/show.h"
#include "record/session_dir.h"
#include "web/child.h"
#include "web/guard.h"
#include "web/page.h"
#include "web/question_json.h"
#include "web/timeline.h"

namespace assent::web {

namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr auto kUndoLimit = 10min;
constexpr auto kRuleLimit = 30s;

Reply reply(unsigned status, const json& body) {
  Reply out;
  out.status = status;
  out.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
  return out;
}
Reply refused(unsigned status, std::string_view why) { return reply(status, {{"why", why}}); }

std::string text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// An object, or nothing that has members.
json body_of(const Request& request) {
  json out = json::parse(request.body, nullptr, false);
  return out.is_object() ? out : json::object();
}

std::uint64_t number(const Request& request, const char* name) {
  const auto found = request.query.find(name);
  std::uint64_t out = 0;
  if (found != request.query.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), out);
  return out;
}

unsigned status_of(int code) {
  switch (code) {
    case ENOENT:
      return 410;
    case EACCES:
      return 403;
    case EINVAL:
      return 422;
  }
  return 500;
}

std::optional<approve::message::Give> give_of(const json& body) {
  approve::message::Give out;
  out.id = text(body, "id");
  const std::string consent = text(body, "consent");
  const auto scope = scope_from_name(text(body, "scope"));
  if (out.id.empty() || out.id.size() > 32 || !scope) return std::nullopt;
  if (consent == "yes")
    out.consent = Consent::Yes;
  else if (consent == "no")
    out.consent = Consent::No;
  else if (consent == "stop")
    out.consent = Consent::Stop;
  else
    return std::nullopt;
  out.scope = *scope;
  out.reason = text(body, "reason");
  out.confirm = text(body, "confirm");
  constexpr std::size_t kMostText = 8 * 1024;  // as the protocol has it
  if (out.reason.size() > kMostText || out.confirm.size() > kMostText) return std::nullopt;
  return out;
}

// What a verb says of itself where it does nothing.
Reply refused_by(const Ran& ran, std::string_view otherwise) {
  std::string why = ran.err.substr(0, ran.err.find('\n'));
  if (why.starts_with("assent: ")) why.erase(0, 8);
  return refused(422, why.empty() ? otherwise : why);
}

// What `assent undo --json` said, or why it did nothing.
Reply undo_reply(const Ran& ran) {
  constexpr std::size_t kMostItems = 500;
  json said = json::parse(ran.out, nullptr, false);
  if (!said.is_object()) return refused_by(ran, "nothing can be undone");
  json& items = said["items"];
  if (!items.is_array()) items = json::array();
  said["more_items"] = items.size() > kMostItems ? items.size() - kMostItems : 0;
  if (items.size() > kMostItems) items.erase(items.begin() + kMostItems, items.end());
  return reply(200, said);
}

}  // namespace

Site::Site(boost::asio::io_context& io, Options options, Desk desk, Logins& logins)
    : io_(io), options_(std::move(options)), desk_(std::move(desk)), logins_(logins), hub_(io, desk_, logins) {}

void Site::stop() {
  stopping_ = true;
  people_.stop();
  records_.stop();
  people_.join();
  records_.join();
  desk_.forget();
}

bool Site::may_use(const approve::Person& person) const {
  if (person.uid == 0) return true;
  if (options_.group.empty()) return person.uid == ::geteuid();
  return std::ranges::find(person.groups, options_.group) != person.groups.end();
}

bool Site::is_own(const Login& login) const { return options_.state.has_value() && login.uid == ::geteuid(); }

void Site::beside(boost::asio::thread_pool& pool, std::function<Reply()> work, const Answer& answer) {
  boost::asio::post(pool, [this, work = std::move(work), answer] {
    Reply out;
    try {
      out = work();
    } catch (const std::exception&) {
      out = refused(500, "it could not be done");
    }
    boost::asio::post(io_, [answer, out = std::move(out)]() mutable { answer(std::move(out)); });
  });
}

void Site::serve(Request request, std::shared_ptr<Stream> stream, Answer answer) {
  if (const auto refusal = refuse(request)) return answer(refused(refusal->status, refusal->why));
  if (!request.path.starts_with("/api/")) {
    if (request.method != Request::Method::Get) return answer(refused(405, "no such method"));
    const PageFile* file = page_file(request.path);
    if (file == nullptr) return answer(refused(404, "there is nothing here"));
    Reply out;
    out.type = content_type(file->name);
    out.page = file->bytes;
    return answer(std::move(out));
  }
  if (request.path == "/api/login") return log_in(request, answer);
  const auto login = logins_.find(request.cookie, request.key, Clock::now());
  if (!login) return answer(refused(401, "nobody is logged in; run 'assent web' for a new address"));
  api(request, *login, std::move(stream), answer);
}

void Site::log_in(const Request& request, const Answer& answer) {
  if (request.method != Request::Method::Post) return answer(refused(405, "no such method"));
  const auto now = Clock::now();
  auto opened = logins_.redeem(text(body_of(request), "token"), now);
  // Counted where it fails only, so that nobody is kept out by somebody else's guesses.
  if (!opened) {
    if (!failures_.take(now)) return answer(refused(429, "too many failed logins; wait a moment"));
    return answer(refused(401, "this address was used already, or is too old; run 'assent web' for a new one"));
  }
  Reply out = reply(200, {{"key", opened->key}});
  out.set_cookie = fmt::format("{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", cookie_, opened->cookie,
                               std::chrono::seconds(kLoginLife).count());
  answer(std::move(out));
}

void Site::api(const Request& request, const Login& login, std::shared_ptr<Stream> stream, const Answer& answer) {
  const bool post = request.method == Request::Method::Post;
  const bool rules = request.path == "/api/rule" || request.path == "/api/always";
  const bool changes =
      rules || request.path == "/api/answer" || request.path == "/api/undo" || request.path == "/api/logout";
  if (post != changes) return answer(refused(405, "no such method"));
  Rates& rates = rates_[login.uid];
  if (!(post ? rates.answers : rates.reads).take(Clock::now()))
    return answer(refused(429, "too many requests; wait a moment"));
  if (request.path == "/api/live") return live(request, login, std::move(stream), answer);
  if (request.path == "/api/questions") return questions(request, login, answer);
  if (request.path == "/api/answer") return give(request, login, answer);
  if (rules) {
    if (!is_own(login))
      return answer(refused(403, "this daemon writes no rules for you; 'assent approve --always' does"));
    return rule(request, login, answer);
  }
  if (request.path == "/api/logout") {
    logins_.close(request.cookie);
    Reply out = reply(200, json::object());
    out.set_cookie = fmt::format("{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0", cookie_);
    return answer(std::move(out));
  }
  if (request.path == "/api/sessions" || request.path == "/api/session" || request.path == "/api/undo") {
    if (!is_own(login))
      return answer(refused(403, "this daemon does not read the records of that user; 'assent log' there does"));
    return request.path == "/api/undo" ? undo(request, answer) : records(request, answer);
  }
  answer(refused(404, "there is nothing here"));
}

void Site::live(const Request& request, const Login& login, std::shared_ptr<Stream> stream, const Answer& answer) {
  boost::asio::post(people_, [this, login, stream = std::move(stream), cookie = request.cookie, answer] {
    auto person = approve::person_of(login.uid, login.gid);
    boost::asio::post(io_, [this, login, stream, cookie, answer, person = std::move(person)]() mutable {
      if (!may_use(person)) return answer(refused(403, "this page is not for you any more"));
      Reply out;
      out.type = "text/event-stream";
      out.live = true;
      if (!hub_.join(stream, login, std::move(person), cookie))
        return answer(refused(429, "too many open pages; close some"));
      answer(std::move(out));
    });
  });
}

// Of more than a page is told, those that hold some words.
void Site::questions(const Request& request, const Login& login, const Answer& answer) {
  const auto found = request.query.find("holding");
  const std::string words = found == request.query.end() ? "" : found->second;
  if (words.empty() || words.size() > 200) return answer(refused(400, "say what to look for"));
  boost::asio::post(people_, [this, login, words, answer] {
    auto person = approve::person_of(login.uid, login.gid);
    if (!may_use(person)) {
      boost::asio::post(io_, [answer] { answer(refused(403, "this page is not for you any more")); });
      return;
    }
    desk_.find(person, words, [this, person, answer](std::optional<Snapshot> snapshot) {
      boost::asio::post(io_, [person, answer, snapshot = std::move(snapshot)] {
        Reply out;
        out.status = 200;
        out.body = text_of(*snapshot, person);
        answer(std::move(out));
      });
    });
  });
}

void Site::give(const Request& request, const Login& login, const Answer& answer) {
  auto give = give_of(body_of(request));
  if (!give) return answer(refused(400, "that is no answer"));
  // Groups as they are now: a login lasts for hours.
  boost::asio::post(people_, [this, login, give = std::move(*give), answer]() mutable {
    auto person = approve::person_of(login.uid, login.gid);
    if (!may_use(person)) {
      boost::asio::post(io_, [answer] { answer(refused(403, "this page is not for you any more")); });
      return;
    }
    desk_.give(std::move(give), std::move(person), "web, " + login.from, [this, answer](Result<std::uint64_t> missing) {
      Reply out = missing ? reply(200, {{"missing", *missing}})
                          : refused(status_of(missing.error().code), missing.error().what);
      boost::asio::post(io_, [answer, out = std::move(out)]() mutable { answer(std::move(out)); });
    });
  });
}

void Site::records(const Request& request, const Answer& answer) {
  const bool all = request.path == "/api/sessions";
  Part part{number(request, "after"), number(request, "before"), number(request, "denied") != 0};
  const auto found = request.query.find("id");
  const std::string session = found == request.query.end() ? "" : found->second;
  beside(
      records_,
      [state = *options_.state, all, part, session] {
        auto out = all ? sessions_json(state) : timeline_json(state, session, part);
        if (!out)
          return refused(out.error().code == EINVAL || out.error().code == ENOENT ? 404 : 500, out.error().what);
        return reply(200, *out);
      },
      answer);
}

// The rule that an answer would become; or, with the seal of the one that was shown, that answer and that rule. By the
// verb, which is what anybody would do at a terminal.
void Site::rule(const Request& request, const Login& login, const Answer& answer) {
  const bool really = request.path == "/api/always";
  const json body = body_of(request);
  const std::string id = text(body, "id");
  const std::string seal = text(body, "seal");
  const auto is_plain = [](const std::string& word) {
    return !word.empty() && word.size() <= 64 &&
           std::ranges::all_of(word, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
  };
  if (!is_plain(id) || (really && !is_plain(seal))) return answer(refused(400, "that names no question"));
  if (options_.assent.empty()) return answer(refused(501, "the program 'assent' does not lie beside this daemon"));
  if (ruling_) return answer(refused(409, "a rule is being looked at already; try again"));
  std::vector<std::string> words{options_.assent, "approve", id, "--always"};
  if (really) {
    words.insert(words.end(), {"--seal", seal, "--from=the web page, " + login.from});
    if (const std::string typed = text(body, "confirm"); !typed.empty()) words.push_back("--confirm=" + typed);
  } else {
    words.emplace_back("--dry-run");
  }
  ruling_ = true;
  beside(
      records_,
      [this, words, really] {
        auto ran = run_program(words, kRuleLimit, stopping_, {"ASSENT_DAEMON=" + options_.socket});
        if (!ran) return refused(500, ran.error().what);
        if (ran->status != 0) return refused_by(*ran, "no rule can be made of this");
        if (really) return reply(200, json::object());
        const json said = json::parse(ran->out, nullptr, false);
        return said.is_object() ? reply(200, said) : refused(500, "no rule can be made of this");
      },
      [this, answer](Reply out) {
        ruling_ = false;
        answer(std::move(out));
      });
}

// The verb does it, in a process of its own: a fault there takes no question with it.
void Site::undo(const Request& request, const Answer& answer) {
  const json body = body_of(request);
  const std::string session = text(body, "session");
  const auto really = body.find("really");
  if (!record::is_session_id(session) || really == body.end() || !really->is_boolean())
    return answer(refused(400, "that names no session"));
  if (options_.assent.empty()) return answer(refused(501, "the program 'assent' does not lie beside this daemon"));
  if (undoing_) return answer(refused(409, "something is being undone already; wait for it"));
  std::vector<std::string> words{options_.assent, "undo", "--json"};
  if (!really->get<bool>()) words.emplace_back("--dry-run");
  words.push_back(session);
  undoing_ = true;
  beside(
      records_,
      [this, words] {
        auto ran = run_program(words, kUndoLimit, stopping_);
        if (!ran) return refused(500, ran.error().what);
        return undo_reply(*ran);
      },
      [this, answer](Reply out) {
        undoing_ = false;
        answer(std::move(out));
      });
}

}  // namespace assent::web
