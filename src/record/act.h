// Act, Outcome, SessionInfo: what the session tells the log. Act only points to what the session holds already, so
// recording copies nothing; it must live until the call it is given to returns.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "assent/decision.h"
#include "assent/file_id.h"
#include "assent/question.h"
#include "assent/request.h"

namespace assent::record {

// A fact for the one who must put things back after a crash: directory, stage name, original name, identity.
// The name is ASCII; the value is bytes.
using Fact = std::pair<std::string_view, std::string_view>;

struct Act {
  const Request* request = nullptr;    // never null
  const Decision* decision = nullptr;  // null: nothing was decided, the supervisor itself refused (see `error`)
  const Answer* answer = nullptr;      // null: the rule decided by itself
  std::string_view error = {};         // why it was refused without a decision: "cannot read …"
  std::span<const Fact> staged = {};   // kept while the act is under way; in the log only if it was interrupted
};

// Buffered: survives the death of the supervisor. Durable: survives a power failure too; costs a disk flush.
enum class Durability { Buffered, Durable };

struct Outcome {
  int error = 0;                     // 0: done; else the errno that the agent gets
  std::int64_t value = 0;            // what the call returned
  FileId object = {};                // identity of what was made, opened or removed; zero: none
  std::span<const Fact> facts = {};  // more about it: where the pre-image is kept …
};

struct ProfileFile {
  std::string file;
  std::string hash;  // of its bytes, hex
};

struct SessionInfo {
  std::string name;                  // --session-name, may be empty
  std::vector<std::string> command;  // full argv of the agent
  std::string cwd;
  std::string project;
  std::string mode = "live";
  std::vector<std::string> options;   // the command line of assent itself, one-off additions included
  std::vector<ProfileFile> profiles;  // in the order of their rules
  std::uint64_t nonce = 0;            // of the broker's staging names, so that repair knows them again; 0: none
  std::vector<std::string> notes;     // what the floor cannot enforce on this kernel …
};

struct EndInfo {
  int status = 0;                    // wait status of the agent, as from waitpid
  std::string_view reason = "exit";  // ASCII word: "exit", "stopped" (a human said stop), "failed"
};

}  // namespace assent::record
