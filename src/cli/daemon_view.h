// What the verbs that speak to the approval daemon share.
#pragma once

#include <chrono>
#include <string>

#include "approve/daemon_link.h"
#include "assent/question.h"

namespace assent::cli {

// Connects as a person's client. `verb`: for the record of where an answer came from.
Result<approve::DaemonLink> call_daemon(std::string_view verb,
                                        std::chrono::milliseconds limit = std::chrono::seconds(3));

// The one question of that id, or ENOENT. Ids are matched whole: an answer is never guessed. `session`: takes what the
// daemon says of the session that asks, where it is the caller's; may be null.
Result<approve::message::Waiting> find_waiting(approve::DaemonLink& daemon, const std::string& id,
                                               approve::SessionFacts* session = nullptr);

// Everything of a question, most important first, indented, safe to show.
std::string describe(const approve::message::Waiting& waiting);

}  // namespace assent::cli
