// repair: completes the log of a session whose supervisor died. In: a session's folder. Out: a log that ends in an
// "end" record, and the acts that were under way, so that the broker can put back what was half done. Idempotent, also
// when it is killed half-way: every step only adds what is not there yet. Touches no session that runs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "assent/result.h"

namespace assent::record {

struct InterruptedObject {
  std::string operation;
  std::string path;  // exact bytes
  std::string id;    // "device:inode:birth", hexadecimal but for the inode; empty: it did not exist
};

// An act whose intent stands in the record and whose outcome does not: it may have been done, or half done, or not.
struct Interrupted {
  std::string session;
  std::uint64_t nonce = 0;     // SessionInfo::nonce
  std::uint64_t sequence = 0;  // of the permit
  std::string call;
  std::vector<InterruptedObject> objects;
  std::map<std::string, std::string> staged;  // the facts given to intent() and stage()
};

// Puts things back; gives a sentence for the record ("nothing was staged"). An error leaves the session for the next
// start.
using PutBack = std::function<Result<std::string>(const Interrupted&)>;

struct Repair {
  std::string session;
  std::uint64_t recovered = 0;           // records that audit.pending held
  std::uint64_t torn = 0;                // bytes of a half-written record that were taken away
  std::vector<Interrupted> interrupted;  // not yet settled when this repair began
  bool ended = false;                    // the log is complete now
};

// EBUSY: the session runs. EBADMSG: the log is damaged at its end; nothing was changed ('assent verify' tells).
Result<Repair> repair(const std::string& state, const std::string& session, const PutBack& put_back,
                      void (*probe)(std::string_view step) = nullptr);

// Every session that needs it; one that fails does not hold up the others (its error is in `failed`).
struct RepairAll {
  std::vector<Repair> repaired;
  std::vector<Error> failed;
};
RepairAll repair_all(const std::string& state, const PutBack& put_back);

}  // namespace assent::record
