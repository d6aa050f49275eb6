// Restorer: one restore while it is done: what is where now, what was planned (dry run), what was made anew. Within the
// room only; restore.h is what others see. restorer.cpp has the order and what is there, restore_again.cpp what earlier
// restores did, restore_place.cpp makes room for what comes back, restore_objects.cpp brings objects and content back,
// restore_names.cpp names, metadata, and what an earlier undo did.
#pragma once

#include <sys/stat.h>

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "assent/target.h"
#include "undo/dry_plan.h"
#include "undo/manifest.h"
#include "undo/mover.h"
#include "undo/path_map.h"
#include "undo/restore.h"
#include "undo/vault.h"

namespace assent::undo {

std::string folder_of(const std::string& path);
std::string last_name(const std::string& path);
std::string_view word_for(mode_t mode);  // "file", "folder" …
// Reading moves access times, so they say nothing about whether an object is as it was.
bool as_it_was(const Metadata& now, Metadata wanted);

struct Entry {
  std::string name;
  std::uint64_t inode = 0;

  friend auto operator<=>(const Entry&, const Entry&) = default;
};
Result<std::vector<Entry>> entries_of(int folder);

inline constexpr const char* kUnseen = "as far as can be told before its folder may be entered again";

class Restorer {
 public:
  Restorer(const RestoreOptions& options, Manifest manifest)
      : options_(options), manifest_(std::move(manifest)), mover_([this] { step(); }) {}

  Result<Restored> run();

 private:
  enum class Touch { Times, Everything };

  [[nodiscard]] bool dry() const { return options_.dry_run == DryRun::Yes; }
  void step(int reached = 100) {
    if (!options_.on_step) return;
    const std::lock_guard lock(stepping_);
    options_.on_step(reached);
  }
  void collect();
  void learn_from_earlier_ones();
  void take_all_back();
  void take_back(const Record& record);
  void take_back_now(const Record& record);
  std::uint64_t begin_line(std::uint64_t order);
  // It was taken back before, and what was done after it too: where things were then is all that counts.
  void pass_over(const Record& record);
  bool has_gone(const Record& record);
  void will_have(const Record& record, Touch touch);
  [[nodiscard]] bool is_wanted(const Record& record) const;
  [[nodiscard]] bool is_named(const Record& record) const;
  // The line of the rename that put something else in the place of what `removed` tells of.
  [[nodiscard]] const Record* rename_over(const Record& removed) const;

  // What is there.
  struct Spot {
    int folder = -1;
    std::string name;
  };
  Result<Spot> spot(const std::string& path);
  Result<int> folder(const std::string& path);
  void forget_folders();
  Found look(const std::string& path);
  // The object that was found, pinned. ESTALE: its name has come to mean another one meanwhile.
  Result<UniqueFd> pin(const std::string& path, const Found& found);
  [[nodiscard]] FileId now_known_as(FileId id) const;
  [[nodiscard]] bool is(const Found& found, const FileId& id) const;
  [[nodiscard]] bool is_agents(const FileId& id) const;
  // A folder of the agent's that is gone, and needed only to go through.
  [[nodiscard]] bool is_only_passed_through(const Record& folder) const;
  [[nodiscard]] bool is_agents(const Found& found) const { return is_agents(found.id) || anew_.contains(found.id); }
  // A name that the agent gave to something else, which has others.
  [[nodiscard]] bool is_agents_name(const std::string& path, const Found& found) const;
  // After the session, or after another moment; 0: that is still to come.
  [[nodiscard]] bool changed_since(const struct statx& stat) const { return changed_since(stat, ended_); }
  static bool changed_since(const struct statx& stat, std::int64_t moment);
  // Why what was found cannot be put aside, where it is no folder; empty: it can.
  [[nodiscard]] std::string stays(const std::string& path, const Found& found) const;

  // Outcomes.
  void tell(const std::string& path, std::string_view what, Done done, std::string why = {});
  void tell_name(const Record& record, Done done);
  void failed(const std::string& path, std::string_view what, const Error& error) {
    tell(path, what, Done::Failed, error.what);
  }
  void no_folder(const std::string& path, std::string_view what);

  // The restore's own transaction.
  Status note(Record& record);
  Status note_waiting();
  void see_times(const std::string& folder_path, const Found& now);
  Status note_times_of(const std::string& folder_path);  // before a name in it changes
  Directory directory_of(int host, const std::string& path);
  static Target target_of(const std::string& path, const Found& found);

  // Room for what comes back.
  bool folders_above(const std::string& path);  // those that were removed are made; false: one is missing
  bool make_way(const std::string& path, const Found& found, std::string_view what);  // false: it was told why not
  // Why the agent's folder cannot give way; empty: everything in it is the agent's.
  std::string in_the_way_within(const std::string& path, const Found& folder, int depth);
  bool enter(const std::string& path, const Found& folder, mode_t rights);
  bool enter_all(const std::string& path);
  Status put_aside(const std::string& path, const Found& found);
  void remove_passed_through();
  Result<std::vector<std::string>> names_in(const std::string& path);

  // Several lines of one folder at once (restore_batch.cpp). False: this one must be taken back by itself.
  bool joins_batch(const Record& record);
  [[nodiscard]] bool goes_with(const Record& record) const;
  bool vault_has(const Record& record);
  void hand_over_batch();
  bool collect_moved();
  void finish_moves();
  bool waits_until_empty(const Record& record);  // it is taken back later
  void remove_emptied();
  [[nodiscard]] bool waits_for_moves(const Record& record) const;
  [[nodiscard]] bool goes_on_meanwhile(const Record& record) const;

  // One kind of line each.
  void put_back(const Record& record);
  void make_folder(const Record& record);
  void remember_passage(const Record& folder);
  void take_over_folder(const Record& record, const Found& now, bool ours);
  void give_content_back(const Record& record);
  void give_metadata_back(const Record& record);
  void rename_back(const Record& record);
  bool move_back(const Record& record, const Found& there);
  void swap_back(const Record& record);
  void swap_half_back(const Record& record, const Found& one, const Found& two);
  void remember_times(const Record& record);
  void remember_link(const Record& record);
  void take_in_again(const Record& record);
  void remove_made(const Record& record);
  void give_times_back();

  [[nodiscard]] std::string vault_path(const Record& record) const;
  Result<struct statx> in_vault(const Record& record);
  [[nodiscard]] unsigned own_store(unsigned number) const;
  [[nodiscard]] Record placed_record(const Record& record) const;
  [[nodiscard]] Record taken_in_record(const Record& record) const;
  [[nodiscard]] static std::string doubt_of(const Record& record);
  bool is_same_as_copy(const Record& record, const Found& now);
  Status move_out(const Record& record, const std::string& kept);
  Status copy_out(const Record& record, const std::string& kept);
  Status note_metadata(const std::string& path, const Found& now);
  void moved(const Record& record, Ways ways);

  struct Batch {
    std::vector<const Record*> records;
    std::string kept_path;
    int outside = -1;  // the folder in the project, and the one in the vault
    int kept = -1;
  };
  struct Moving {  // a batch that was handed over
    std::vector<const Record*> records;
    std::vector<Record> lines;  // of ours, one for each
    Moves moves;
    std::size_t told = 0;  // how many items there were before
  };
  struct Emptied {
    const Record* record = nullptr;
    std::uint64_t after = 0;  // so many batches
  };
  struct Listed {
    std::string path;
    std::vector<Entry> entries;  // by name
  };
  struct Seen {
    FileId id;
    std::int64_t mtime = 0;
  };
  struct LastTouch {
    Metadata metadata;
    Touch touch = Touch::Times;
    FileId id;
  };

  const RestoreOptions& options_;
  Manifest manifest_;
  std::optional<Vault> vault_;
  Restored out_;
  Batch batch_;
  std::deque<std::unique_ptr<Moving>> moving_;
  std::uint64_t collected_ = 0;        // batches
  std::vector<const Record*> stayed_;  // of those that were handed over
  std::deque<Emptied> emptied_;        // folders that are removed when everything in them has moved
  Listed listed_;                      // the folder in the vault that objects last came out of
  std::int64_t ended_ = 0;
  std::uint64_t step_number_ = kOwnSteps;
  std::map<unsigned, std::string> stores_;
  std::unordered_map<std::string, const Record*> folders_;    // removed ones, by path
  std::unordered_map<std::uint64_t, const Record*> renames_;  // by the act's number
  PathMap<const Record*> passages_;  // folders of the agent's that are gone, by the path they would have now
  std::unordered_map<std::string, UniqueFd> open_, earlier_;
  std::unordered_map<FileId, FileId, FileIdHash> remade_;  // what the old object is now
  std::unordered_set<FileId, FileIdHash> begun_;           // a restore was killed while it gave these their content
  std::unordered_set<std::uint64_t> done_;                 // lines that an earlier restore has taken back
  bool killed_ = false;          // the last of them was killed: folders may not have their modes and times yet
  std::uint64_t killed_at_ = 0;  // the first line that it came to
  std::int64_t ours_until_ = 0;  // what changed until then was changed by it
  std::uint64_t line_ = 0;       // that is being taken back
  DryPlan plan_;
  std::unordered_set<std::string> told_folders_;
  PathMap<LastTouch> last_touches_;
  PathMap<FileId> links_;           // names that the agent gave
  PathMap<FileId> passed_through_;  // folders of the agent's that were made again because something was in them once
  std::unordered_set<FileId, FileIdHash> anew_;  // these
  PathMap<Seen> timed_;                          // folders as they were before this restore changed anything in them
  std::vector<Record> waiting_;                  // lines that are worth noting once there is something to take back
  std::mutex stepping_;
  Mover mover_;  // goes first, for it works with the rest
};

}  // namespace assent::undo
