// assent vault stat: how much is kept, by session and by file system, and the limits.
#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/record_view.h"
#include "cli/restored_view.h"
#include "cli/vault_verbs.h"

namespace assent::cli {

namespace {

using undo::Kept;

struct StoreUse {
  std::uint64_t bytes = 0;
  std::uint64_t free = 0;  // on its file system, for this user
  bool there = false;
};

std::map<std::string, StoreUse> by_store(const std::vector<Kept>& all) {
  std::map<std::string, StoreUse> out;
  for (const Kept& kept : all) {
    for (std::size_t i = 0; i < kept.folders.size(); ++i) {
      const auto& folder = kept.folders[i];
      const std::uint64_t bytes = i < kept.bytes_in.size() ? kept.bytes_in[i] : 0;
      if (i > 0 && bytes == 0) continue;  // a place that was never needed
      out[folder.substr(0, folder.rfind('/'))].bytes += bytes;
    }
  }
  for (auto& [folder, use] : out) {
    struct statvfs fs {};
    if (::statvfs(folder.c_str(), &fs) != 0) continue;
    use.there = true;
    use.free = fs.f_bavail * fs.f_frsize;
  }
  return out;
}

std::string days_text(std::chrono::seconds duration) {
  const auto hours = duration.count() / 3600;
  if (hours % 24 == 0 && hours >= 48) return count_text(static_cast<std::uint64_t>(hours / 24), "day");
  return count_text(static_cast<std::uint64_t>(hours), "hour");
}

}  // namespace

int vault_stat(const VaultAsked& asked) {
  const auto all = undo::list(asked.place.vault);
  if (!all) return cannot("look at the vault", all.error().what, kFailed);
  const auto limits = vault_limits();
  std::uint64_t bytes = 0, objects = 0, undos = 0, damaged = 0;
  std::int64_t oldest = 0;
  for (const Kept& kept : *all) {
    bytes += kept.bytes;
    objects += kept.objects;
    damaged += kept.damaged;
    if (is_undo(kept.transaction)) ++undos;
    if (kept.began != 0 && (oldest == 0 || kept.began < oldest)) oldest = kept.began;
  }
  const auto stores = by_store(*all);
  if (asked.json) {
    nlohmann::ordered_json out;
    put_path(out, "vault", asked.place.vault);
    out["bytes"] = bytes;
    out["objects"] = objects;
    out["damaged"] = damaged;
    out["sessions"] = nlohmann::ordered_json::array();
    for (const Kept& kept : *all) {
      nlohmann::ordered_json each;
      each["transaction"] = show(kept.transaction);
      each["state"] = state_text(asked.place, kept);
      each["objects"] = kept.objects;
      each["bytes"] = kept.bytes;
      out["sessions"].push_back(std::move(each));
    }
    out["stores"] = nlohmann::ordered_json::array();
    for (const auto& [folder, use] : stores) {
      nlohmann::ordered_json each;
      put_path(each, "folder", folder);
      each["bytes"] = use.bytes;
      if (use.there) each["free"] = use.free;
      out["stores"].push_back(std::move(each));
    }
    if (limits) {
      out["limits"] = {{"max_file", limits->max_file},
                       {"max_total", limits->max_total},
                       {"retention_s", limits->retention.count()},
                       {"minimum_age_s", std::chrono::seconds(undo::kMinimumAge).count()}};
    }
    fmt::print("{}\n", out.dump());
    return kOk;
  }
  fmt::print("vault     {}\n", show(asked.place.vault));
  fmt::print("kept      {} in {}, {} and redos{}\n", size_text(bytes), count_text(objects, "object"),
             fmt::format("{} and {}", count_text(all->size() - undos, "session"), count_text(undos, "undo")),
             oldest != 0 ? ", since " + time_text(oldest) : "");
  for (const Kept& kept : *all) {
    if (kept.objects == 0) continue;
    fmt::print("          {:>8}  {:>8}  {:<25}  {:<8}  {}\n", size_text(kept.bytes), kept.objects,
               show(kept.transaction), state_text(asked.place, kept), show(kept.about));
  }
  const char* head = "stores";
  for (const auto& [folder, use] : stores) {
    fmt::print("{:<8}  {:>8}  in {} ({})\n", head, size_text(use.bytes), show(folder),
               use.there ? size_text(use.free) + " free" : "not there now");
    head = "";
  }
  if (limits) {
    fmt::print("limits    {} in all, {} a file, {}; nothing younger than {} is removed\n", size_text(limits->max_total),
               size_text(limits->max_file), days_text(limits->retention), days_text(undo::kMinimumAge));
  } else {
    fmt::print("limits    unknown: {}\n", limits.error().what);
  }
  if (damaged > 0) {
    fmt::print("damaged   {} of manifests cannot be read; 'assent vault ls' says whose\n", count_text(damaged, "line"));
  }
  return kOk;
}

}  // namespace assent::cli
