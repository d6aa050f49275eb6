// Messages between sessions, people's clients and the approval daemon, and their bytes (docs/approval-protocol.md).
// Pure. In: values, or bytes of anybody. Out: bytes, or values whose every member is bounded. Never throws, never
// allocates more than a frame can hold.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "assent/question.h"
#include "assent/result.h"

namespace assent::approve {

inline constexpr unsigned kProtocolVersion = 1;
inline constexpr std::size_t kMostFrame = 1 << 20;  // bytes of payload

// What a session says of itself. For showing; who it belongs to is what the kernel says of its connection.
struct SessionFacts {
  std::string session;
  std::string name;
  std::string project;
  std::vector<std::string> command;
  pid_t pid = 0;
  std::vector<std::string> profiles;  // names or files, as given or chosen; the last one's rules come first
};

namespace message {

// First in each direction.
struct Hello {
  enum class Role { Session, Operator };
  unsigned version = kProtocolVersion;
  Role role = Role::Operator;
  SessionFacts session;  // of Role::Session
  std::string from;      // of Role::Operator: the surface, for the record
};
struct Welcome {
  unsigned version = kProtocolVersion;
};
// Anything that cannot be done; where it answers Hello, the connection ends.
struct Refused {
  std::string why;
};

// session → daemon. `left`: until the deadline; clocks stay on their own side.
struct Ask {
  Question question;
  std::chrono::milliseconds left{0};
};
struct Cancel {
  std::uint64_t question = 0;
};
// daemon → session
struct Answered {
  Answer answer;
};

// operator → daemon: answered by Waiting…, Running…, End
struct List {
  std::uint64_t unless = 0;           // only if something has changed since End::revision was this; 0: always
  std::chrono::milliseconds wait{0};  // with `unless`: how long the daemon may wait for a change before it answers
};
struct Waiting {
  std::string id;  // short and printable; what `assent approve` is given
  Question question;
  std::string user;  // whose session
  uid_t uid = static_cast<uid_t>(-1);
  std::chrono::milliseconds left{0};
  std::uint64_t merged = 1;
  bool may_answer = false;
  std::string why_not;
};
struct Running {
  SessionFacts session;
  std::string user;
  uid_t uid = static_cast<uid_t>(-1);
  std::uint64_t waiting = 0;
};
struct End {
  std::uint64_t revision = 0;  // of what was told; 0: the daemon keeps none
  bool unchanged = false;      // nothing was told: it is all as it was at List::unless
};

// operator → daemon: answered by Given or Refused
struct Give {
  std::string id;
  Consent consent = Consent::No;
  Scope scope = Scope::Once;
  std::string reason;
  std::string confirm;  // what was typed
};
struct Given {
  std::uint64_t missing = 0;  // how many more people must say yes
};

// operator → daemon: a way into the web page; answered by Door or Refused
struct Knock {};
struct Door {
  std::string url;  // logs in whoever opens it first, for a short while
};

}  // namespace message

using Message = std::variant<message::Hello, message::Welcome, message::Refused, message::Ask, message::Cancel,
                             message::Answered, message::List, message::Waiting, message::Running, message::End,
                             message::Give, message::Given, message::Knock, message::Door>;

// A whole frame. Texts that are too long are cut, and say so.
std::string encode(const Message& message);

// One payload. EPROTO: it is no message of this version.
Result<Message> decode(std::string_view payload);

// Bytes of a stream → payloads.
class Frames {
 public:
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  // None: not whole yet. EMSGSIZE: longer than any frame may be; nothing after it can be told.
  Result<std::optional<std::string>> next();
  [[nodiscard]] std::size_t held() const { return buffer_.size() - read_; }

 private:
  std::string buffer_;
  std::size_t read_ = 0;
};

}  // namespace assent::approve
