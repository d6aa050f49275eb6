// What an undo or redo did, or would do, for people and for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "undo/restore.h"

namespace assent::cli {

enum class Tense { Done, Would };
enum class Listing { Some, All };

struct RestoredView {
  std::string verb;         // "undo", "redo"
  std::string transaction;  // what was taken back
  std::string kept_as;      // the new transaction; empty: nothing was changed
  std::string take_back;    // the command that takes this back; empty: there is none
  Tense tense = Tense::Done;
  Listing listing = Listing::Some;
  std::vector<std::string> unmatched;  // words of the command line that nothing in the vault fits
};

void print_text(const RestoredView& view, const undo::Restored& restored);
// NAME as show() gives it, and the exact bytes as NAME_b64 beside it where that differs.
void put_path(nlohmann::ordered_json& out, const char* name, const std::string& path);
void print_json(const RestoredView& view, const undo::Restored& restored);

}  // namespace assent::cli
