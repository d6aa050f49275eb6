// Keeper: where a pre-image goes before it is lost. The seam for the vault; with none, a removed object is unlinked
// and content is not kept. Called for objects that the session did not create. An error refuses the act.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "assent/result.h"
#include "assent/target.h"

namespace assent::broker {

enum class Caught {
  Taken,  // the object is in safe keeping and the name is gone
  Raced,  // the name stood for something else; it is back in its place
};

enum class Loss {
  Truncated,  // its content is about to be cut
  Writable,   // a descriptor for writing is about to be handed out
};

struct Keeper {
  // Takes the name `at` out of `directory`, having checked that it is `judged.id`. `at` is the object's own name, or,
  // for an object that a rename put another one in the place of, its staging name; `judged.path` is the place it had.
  std::function<Result<Caught>(const Directory& directory, const std::string& at, const Target& judged,
                               std::uint64_t sequence)>
      keep_removed;
  // `object`: a descriptor (O_PATH or better) of exactly the judged regular file, before anything has changed.
  std::function<Status(int object, const Target& judged, Loss loss, std::uint64_t sequence)> keep_content;
};

}  // namespace assent::broker
