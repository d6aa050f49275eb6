// What the page is told of questions and sessions: JSON in which everything that came from outside has passed show().
// Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "web/web.h"

namespace assent::web {

// Everything that the question shows, and what this person may answer.
nlohmann::json json_of(const approve::message::Waiting& waiting, const approve::Person& person);

// The whole of a snapshot as one line of text.
std::string text_of(const Snapshot& snapshot, const approve::Person& person);

}  // namespace assent::web
