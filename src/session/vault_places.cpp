#include "session/vault_places.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <atomic>

#include "approve/scopes.h"
#include "base/start_thread.h"
#include "base/sys.h"
#include "record/session_dir.h"
#include "undo/catalog.h"
#include "undo/store.h"

namespace assent::session {

std::string state_vault(const Paths& paths) { return paths.state + "/vault"; }

std::vector<std::string> find_stores(const Paths& paths, const decide::Settings& settings, const std::string& project) {
  std::vector<std::string> out;
  if (!settings.keep) return out;
  const std::string first = state_vault(paths);
  std::vector<std::string> folders{project};
  for (const auto& folder : settings.gated) {
    if (folder.path != project) folders.push_back(folder.path);
  }
  for (const auto& folder : folders) {
    std::string place = undo::place_for(folder, first);
    // The agent writes there by itself.
    const bool free =
        !approve::lies_below(place, folder) && std::ranges::any_of(settings.free, [&](const decide::Folder& own) {
          return approve::lies_below(place, own.path);
        });
    if (place.empty() || place == first || free || std::ranges::find(out, place) != out.end()) continue;
    out.push_back(std::move(place));
  }
  return out;
}

namespace {

// To find out what is due, every transaction has to be looked at. That is done once in a while and not at every start.
bool looked_lately(const undo::PruneOptions& options) {
  constexpr std::int64_t kWhile = 600'000'000'000;
  const std::string stamp = options.state_vault + "/.looked";
  if (auto stat = sys::statx(AT_FDCWD, stamp.c_str())) {
    const std::int64_t age = options.now_ns - (stat->stx_mtime.tv_sec * 1'000'000'000LL + stat->stx_mtime.tv_nsec);
    if (age >= 0 && age < kWhile) return true;
  }
  auto made = sys::openat(AT_FDCWD, stamp.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (made) (void)::futimens(made->get(), nullptr);
  return false;
}

}  // namespace

struct Retention::Shared {
  undo::PruneOptions options;
  std::atomic<bool> stop = false;
};

Retention::Retention(const Paths& paths, const decide::Settings& settings) : shared_(std::make_shared<Shared>()) {
  undo::PruneOptions& options = shared_->options;
  options.state_vault = state_vault(paths);
  options.retention = settings.vault_retention;
  options.max_total = settings.vault_max_total;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  options.now_ns = now.tv_sec * 1'000'000'000LL + now.tv_nsec;
  if (looked_lately(options)) return;
  options.jumps = undo::look_at_clock(options.state_vault, undo::moment_now(), undo::newest_end(options.state_vault),
                                      undo::Remember::Yes);
  if (!undo::prune_due(options)) return;
  options.is_running = [shared = shared_.get(), state = paths.state](const std::string& transaction) {
    if (shared->stop) return true;
    if (!record::is_session_id(transaction)) return false;
    auto folder = sys::openat(AT_FDCWD, record::session_path(state, transaction).c_str(), O_RDONLY | O_DIRECTORY);
    return folder && record::is_running(folder->get());
  };
  auto thread = start_thread([shared = shared_] {
    // One at a time, and never beside an undo or a drill.
    auto lock = sys::openat(AT_FDCWD, (shared->options.state_vault + "/.lock").c_str(), O_RDWR | O_CREAT, 0600);
    if (!lock || ::flock(lock->get(), LOCK_EX | LOCK_NB) != 0) return;
    (void)undo::prune(shared->options).has_value();
  });
  if (thread) thread_ = std::move(*thread);
}

Retention::~Retention() {
  shared_->stop = true;
  if (thread_.joinable()) thread_.join();
}

}  // namespace assent::session
