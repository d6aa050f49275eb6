// repair: puts back what an act that was killed half way left under a staging name. In: what the intent record says.
// Never removes anything: an act without an outcome in the record is undone, not finished.
#pragma once

#include <optional>
#include <string>

#include "assent/file_id.h"
#include "assent/result.h"

namespace assent::broker {

struct HalfDone {
  std::string directory;  // canonical path of the folder that holds the staging name
  std::string stage;      // stage_name(nonce, sequence)
  std::string name;       // removal: the name that the object had; rename: the destination's name
  FileId id;              // of the removed, or replaced, object

  struct Source {  // a rename over an existing object
    std::string directory;
    std::string name;
    FileId id;
  };
  std::optional<Source> source;
};

enum class Repaired {
  Nothing,  // the act was over, or had not begun
  PutBack,
  NameTaken,  // the object is still at its staging name: another has its own name now. Tell the user.
};

Result<Repaired> repair(const HalfDone& half);

}  // namespace assent::broker
