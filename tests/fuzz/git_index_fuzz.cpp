// git's index: any bytes. Every entry that comes out can be found again by its name.
#include <cstdint>
#include <cstdlib>

#include "resolve/git_index_format.h"

using namespace assent;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto index = resolve::parse_git_index({data, size});
  if (!index) return 0;
  for (const auto& entry : index->entries) {
    const auto* found = index->find(index->name(entry));
    if (found == nullptr || index->name(*found) != index->name(entry)) std::abort();
  }
  if (index->find("") != nullptr) std::abort();
  return 0;
}
