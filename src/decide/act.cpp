#include "decide/act.h"

#include <charconv>

#include "base/show.h"
#include "decide/host_pattern.h"

namespace assent::decide {

namespace {

using Failure = tl::unexpected<std::string>;

// "a//b/./../c" → "a/c", by spelling alone.
std::string tidied(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto part = path.substr(0, slash);
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  std::string out;
  for (const auto part : parts) {
    out += '/';
    out += part;
  }
  return out.empty() ? "/" : out;
}

tl::expected<NetSubject, std::string> net_subject(std::string_view text, const Places& places) {
  NetSubject out;
  if (text.starts_with("unix:")) {
    auto path = expand(text.substr(5), places);
    if (!path) return Failure("\"" + show(text) + "\" " + path.error());
    out.protocol = NetSubject::Protocol::Unix;
    out.address = std::move(*path);
    return out;
  }
  if (text.starts_with("udp:")) {
    out.protocol = NetSubject::Protocol::Udp;
    text.remove_prefix(4);
  }
  const auto colon = text.rfind(':');
  const auto port = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) {
    return Failure("\"" + show(text) + "\" has no port; write HOST:PORT, [ADDRESS]:PORT or unix:PATH");
  }
  std::string host(text.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return Failure("\"" + show(text) + "\" has no host; write HOST:PORT");
  if (parse_address(host)) {
    out.address = std::move(host);
  } else {
    out.names.push_back(std::move(host));
  }
  return out;
}

// One line of a profile as words: a path may hold spaces, a command line is split at them.
tl::expected<std::vector<std::string>, std::string> words_of(std::string_view act, const Places& places) {
  const auto space = act.find(' ');
  std::vector<std::string> out{std::string(act.substr(0, space))};
  if (space == std::string_view::npos) return out;
  std::string_view rest = act.substr(space + 1);
  if (out.front() != "exec") {
    auto path = expand(rest, places);
    if (!path) return Failure("act \"" + show(act) + "\" " + path.error());
    out.push_back(std::move(*path));
    return out;
  }
  while (!rest.empty()) {
    const auto end = rest.find(' ');
    if (end != 0) out.emplace_back(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  return out;
}

}  // namespace

tl::expected<Request, std::string> request_for(const Policy& policy, std::span<const std::string> words,
                                               const Assumed& assumed, std::string_view folder) {
  Request out;
  out.call = "check";
  out.hits = assumed.hits;
  const std::string verb = words.empty() ? std::string() : words.front();
  if (verb == "exec") {
    if (words.size() < 2) return Failure("exec needs a command");
    ExecSubject subject;
    subject.path = words[1];
    subject.argv.assign(words.begin() + 1, words.end());
    out.subject = std::move(subject);
    return out;
  }
  const auto operation = operation_from_name(verb);
  if (verb != "connect" && !operation) {
    return Failure("unknown operation \"" + show(verb) +
                   "\"; known: create, modify, truncate, rename, delete, metadata, connect, exec");
  }
  if (words.size() != 2) return Failure(verb + " needs one " + (operation ? "path" : "HOST:PORT"));
  if (!operation) {
    auto subject = net_subject(words[1], policy.places());
    if (!subject) return Failure(std::move(subject.error()));
    out.subject = std::move(*subject);
    return out;
  }
  FileSubject subject;
  subject.operation = *operation;
  subject.path = tidied(words[1].starts_with('/') ? words[1] : std::string(folder) + "/" + words[1]);
  subject.zone = policy.zone_of(subject.path);
  subject.size = assumed.size;
  subject.own = (assumed.facts & bit(Fact::Own)) != 0;
  subject.replaced = (assumed.facts & bit(Fact::Replaced)) != 0;
  subject.touched = (assumed.facts & bit(Fact::Touched)) != 0;
  subject.own_folder = (assumed.facts & bit(Fact::OwnFolder)) != 0;
  subject.by_git = (assumed.facts & bit(Fact::ByGit)) != 0;
  subject.unkept = (assumed.facts & bit(Fact::Unkept)) != 0;
  subject.recoverable = [yes = (assumed.facts & bit(Fact::Recoverable)) != 0] { return yes; };
  subject.hidden = policy.hidden(subject.path);
  out.subject = std::vector<FileSubject>{std::move(subject)};
  return out;
}

std::vector<TestOutcome> run_tests(const Policy& policy) {
  std::vector<TestOutcome> out;
  for (const auto& [file, expectation] : policy.expectations()) {
    TestOutcome outcome{{file, expectation.at.line}, expectation.act.value, expectation.expect, {}, {}};
    const auto words = words_of(expectation.act.value, policy.places());
    if (!words) {
      outcome.problem = words.error();
    } else {
      const auto request =
          request_for(policy, *words, {expectation.when, expectation.size, expectation.hits}, policy.places().project);
      if (request) {
        outcome.decision = policy.decide(*request);
      } else {
        outcome.problem = request.error();
      }
    }
    out.push_back(std::move(outcome));
  }
  return out;
}

}  // namespace assent::decide
