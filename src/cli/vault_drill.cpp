// assent vault drill: every kept object of a session really restored into a scratch folder, compared, removed.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/record_view.h"
#include "cli/restored_view.h"
#include "cli/vault_verbs.h"

namespace assent::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kScratch = "drill-";

// A folder that goes with the drill; one that a killed drill left goes first. Only under the lock.
class ScratchFolder {
 public:
  static Result<ScratchFolder> make(const std::string& state) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(state, error)) {
      if (entry.path().filename().string().starts_with(kScratch)) remove(entry.path());
    }
    std::string path = fmt::format("{}/{}XXXXXX", state, kScratch);
    if (::mkdtemp(path.data()) == nullptr) {
      const int code = errno;
      return fail(code, fmt::format("cannot create a scratch folder in {}: {} ({})", show(state),
                                    ::strerrordesc_np(code), ::strerrorname_np(code)));
    }
    return ScratchFolder(std::move(path));
  }
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    if (!path_.empty()) remove(path_);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  static void remove(const fs::path& folder) {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  std::string path_;
};

void print_json(const std::string& transaction, const undo::Drill& drill) {
  nlohmann::ordered_json out;
  out["transaction"] = show(transaction);
  out["good"] = drill.good;
  out["bad"] = drill.bad;
  out["bytes"] = drill.bytes;
  out["compared"] = drill.compared;
  out["noted"] = drill.noted;
  out["items"] = nlohmann::ordered_json::array();
  for (const auto& item : drill.items) {
    nlohmann::ordered_json each;
    put_path(each, "path", item.path);
    each["good"] = item.good;
    if (!item.why.empty()) each["why"] = item.why;
    if (!item.hash.empty()) each["blake2b"] = item.hash;
    out["items"].push_back(std::move(each));
  }
  fmt::print("{}\n", out.dump());
}

void print_text(const std::string& transaction, const undo::Drill& drill, bool all) {
  const Paint paint(STDOUT_FILENO);
  for (const auto& item : drill.items) {
    if (item.good && !all) continue;
    fmt::print("  {}  {}{}\n", item.good ? paint(Colour::Green, "good") : paint(Colour::Red, "bad "), show(item.path),
               item.why.empty() ? "" : ": " + item.why);
  }
  fmt::print("drill {}: {} restored and compared, {}; {} good, {} bad\n", show(transaction),
             count_text(drill.items.size(), "object"), size_text(drill.bytes), drill.good, drill.bad);
  if (drill.compared > 0 || drill.noted > 0)
    fmt::print("content: {} compared with what an earlier drill found, {} noted for a later one\n", drill.compared,
               drill.noted);
}

}  // namespace

int vault_drill(const VaultAsked& asked) {
  const auto found = find_transaction(asked.place, asked.words.empty() ? "last" : asked.words.front());
  if (!found) return cannot("drill the vault", found.error().what, kNegative);
  if (found->sequence) return complain("vault", "drill tries a session, not one record", kUsage);
  auto lock = lock_vault(asked.place);
  if (!lock) return cannot("drill the vault", lock.error().what, kFailed);
  for (const auto& said : mend(asked.place, found->id)) fmt::print(stderr, "assent: {}\n", said);
  auto scratch = ScratchFolder::make(asked.place.state);
  if (!scratch) return cannot("drill the vault", scratch.error().what, kFailed);
  const auto drill = undo::drill(asked.place.vault, found->id, scratch->path());
  if (!drill) return cannot("drill the vault", drill.error().what, kFailed);
  if (drill->not_noted) {
    fmt::print(stderr, "assent: cannot note the hashes for a later drill: {}\n", drill->not_noted->what);
  }
  asked.json ? print_json(found->id, *drill) : print_text(found->id, *drill, asked.verbose);
  return drill->bad == 0 ? kOk : kNegative;
}

}  // namespace assent::cli
