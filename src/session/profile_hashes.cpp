#include "session/profile_hashes.h"

#include "decide/sources.h"
#include "record/chain.h"

namespace assent::session {

std::vector<record::ProfileFile> profile_hashes(const std::vector<std::string>& files) {
  std::vector<record::ProfileFile> out;
  for (const auto& file : files) {
    std::string text;
    if (file.find('/') != std::string::npos) {
      text = decide::read_profile_file(file).value_or("");
    } else {
      for (const auto& shipped : decide::shipped_profiles()) {
        if (file == std::string(shipped.name) + ".toml") text = shipped.text;
      }
    }
    out.push_back({file, std::string(record::view(record::hash_line(record::genesis(), text)))});
  }
  return out;
}

}  // namespace assent::session
