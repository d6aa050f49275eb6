// undo: the pre-images of what a session destroys or changes, where the agent cannot reach them, and the way back.
// vault.h is the side of the running session; restore.h takes things back; catalog.h lists, prunes and tries.
//   In:  judged objects (pinned by descriptors, verified) just before the broker acts on them.
//   Out: the object moved into the vault, or a copy of its content or metadata there; or an error, and then the act
//        must not happen: what cannot be kept is not lost.
//   Never: destroys an object whose identity is unverified; keeps what the session itself made; follows a symbolic
//   link; leaves an object neither in its place nor whole in the vault, whenever it is killed.
//
// Order of things (killed after a step → what the next start finds):
//   removal    1. line in the manifest       in its place, untouched
//              2. rename into the mirror     whole in the vault
//              3. is it the judged one? else rename back, line made void
//   by copy    1. rename to the staging name (as the broker does)   2. copy   3. line   4. unlink
//   content    1. copy   2. line             untouched; the act comes afterwards
//   folder     1. line   2. staging name, verified   3. rmdir       only its metadata is kept, there is nothing else in
//   it
// A folder is never moved into the vault: a process that works in it could climb out of it by "..".
// While it lives, the manifest's time of modification is never older than kSignOfLife: so that of a session that was
// killed it is known until when what changed can have been the agent's.
// All functions may be called from several threads.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "assent/action.h"
#include "assent/result.h"
#include "assent/target.h"
#include "undo/manifest.h"
#include "undo/store.h"

namespace assent::undo {

inline constexpr std::chrono::seconds kSignOfLife{10};

enum class Step { Noted, Moved, PutBack, Staged, Copied, Gone };  // for fault injection

struct VaultOptions {
  std::string transaction;          // the session's id
  std::string about;                // the project
  std::string state_vault;          // $XDG_STATE_HOME/assent/vault: the manifest, and the first store
  std::vector<std::string> stores;  // of other mounts
  std::uint64_t max_file = 2ULL << 30;
  std::uint64_t max_total = 20ULL << 30;
  std::function<std::uint64_t()>
      already{};  // bytes that other transactions keep; asked once, when the first thing is kept
  std::function<bool(const FileId&)> is_own{};
  std::function<std::string(std::uint64_t sequence)> stage_name{};  // the broker's, so that its repair knows it
  std::function<void(Step)> on_step{};
};

enum class Removal { Taken, Raced };
enum class Room { Enough, TooLarge, Full };
enum class Happened { No, Yes };
enum class Loss { Name, Content };  // it is removed; its bytes will change

class Vault {
 public:
  explicit Vault(VaultOptions options);
  ~Vault();
  Vault(const Vault&) = delete;
  Vault& operator=(const Vault&) = delete;

  // Before an act on `targets` begins: renames, metadata, and the times of folders whose names change are noted.
  Status before(const Action& action, std::span<const Target> targets, std::uint64_t sequence);
  // As broker::Keeper wants it.
  Result<Removal> keep_removed(const Directory& directory, const std::string& at, const Target& judged,
                               std::uint64_t sequence);
  Status keep_content(int object, const Target& judged, std::uint64_t sequence);

  // A large file is copied by a worker, so that no other act waits for it; the act comes afterwards and finds the copy.
  [[nodiscard]] bool takes_long(const Target& target, Loss loss);
  // `object`: O_PATH or better. For a worker thread. An error: the act itself will try, and fail or not.
  Status prepare(int object, const Target& target);

  // A line of its own, for a restore, which is a transaction too.
  Status append(Record& record);
  // In one write. They come to the disk with what is kept next, or with the end: nothing that they tell of needs them.
  Status append_all(std::span<Record> records);
  void did_not_happen(const Record& record);
  // What is noted from now on is done for that line of what is taken back; 0: for none.
  void refer_to(std::uint64_t line);

  // Whether a pre-image of that size could be kept now.
  [[nodiscard]] Room room_for(std::uint64_t bytes) const;
  // The same for what an act would take from `target`.
  [[nodiscard]] Room room_for(const Target& target, Loss loss) const;
  // A human accepted that the act of this record cannot be taken back: nothing is kept for it.
  void waive(std::uint64_t sequence);
  // A human was asked: what is kept for this record must be on the disk before the act.
  void durable(std::uint64_t sequence);
  // The act of this record is over; what before() noted of one that did not happen is void. Why nothing could be kept
  // for it, where that is why it was refused.
  std::optional<Error> settle(std::uint64_t sequence, Happened happened);
  // Somebody inside has it open for writing already (a standard stream).
  void open_for_writing(const FileId& id);

  // The object lies in the vault (and nowhere else): nothing may be done to it through a descriptor.
  [[nodiscard]] bool holds(const Target& target);
  // The path is one of the vault's own folders or below.
  [[nodiscard]] bool is_inside(std::string_view path) const;

  [[nodiscard]] std::uint64_t bytes() const;  // kept by this session
  Status sync();
  Status close();  // the session is over

 private:
  struct Moved {
    std::uint32_t names = 0;
  };
  struct Prepared {  // a copy that no line tells of yet
    unsigned store = 0;
    std::string place;
    How how = How::Copied;
    struct statx stat {};  // of the object when the copy was finished
  };
  struct Copy {
    unsigned store = 0;
    std::string place;
    How how = How::Copied;
  };
  tl::unexpected<Error> cannot_keep(const Record& record, int code);
  unsigned store_for_copy(int from, std::uint64_t device);
  Result<Copy> copy_to_store(int from, const struct statx& stat);
  std::optional<Copy> take_prepared(const struct statx& now);
  void drop_prepared();
  Status ensure_open(std::uint64_t sequence);
  Status begin();
  Status note(Record& record);
  void make_void(const Record& record);
  // For what is of use only once there is something to take back: it waits until then, and nothing is refused for it.
  void note_in_passing(Record record);
  void note_parent(const Directory& directory, std::uint64_t sequence);
  // An own folder gets something from before.
  void took_in(const Directory& folder);
  // Whether a restore has to know of what happens to it.
  [[nodiscard]] bool matters(const Target& target) const;
  void note_link(const Target& object, const Target& name, std::uint64_t sequence);
  Status note_own_folder_gone(const Target& folder, std::uint64_t sequence);
  Status note_rename(const Rename& act, const Target& from, const Target& to, std::uint64_t sequence);
  Status note_metadata(const SetMetadata& act, const Target& target, std::uint64_t sequence);
  Result<Removal> move_in(const Directory& directory, const std::string& at, const Target& judged, Record& record);
  Result<Removal> try_store(unsigned number, const Directory& directory, const std::string& at, const Target& judged,
                            Record& record);
  Result<Removal> remove_folder(const Directory& directory, const std::string& at, const Target& judged,
                                Record& record);
  Result<Removal> copy_in(const Directory& directory, const std::string& at, const Target& judged,
                          std::uint64_t sequence, Record* record);
  [[nodiscard]] Room room_locked(std::uint64_t bytes) const;
  Status make_sure_of_room(const Record& record, std::uint64_t bytes);
  Status sync_locked();
  void wake_syncer();
  void step(Step reached) const {
    if (options_.on_step) options_.on_step(reached);
  }

  VaultOptions options_;
  mutable std::mutex mutex_;
  std::vector<Store> stores_;
  std::optional<ManifestWriter> manifest_;
  std::unordered_map<std::uint64_t, int> store_of_;        // by device and mount of the folder; -1: copy
  std::unordered_map<std::uint64_t, unsigned> copies_of_;  // the store of copies, by device of what is copied
  std::unordered_map<FileId, Moved, FileIdHash> moved_;
  std::unordered_set<FileId, FileIdHash> content_kept_;
  std::unordered_set<FileId, FileIdHash> parents_;
  // Folders of the session's own that something from before has gone into, or that such a folder has: what happens to
  // them is noted like what happens to others, for on the way back it goes through them again.
  std::unordered_set<FileId, FileIdHash> took_in_;
  std::vector<Record> pending_;                     // until there is something to take back
  std::unordered_set<FileId, FileIdHash> written_;  // the agent has, or had, a descriptor for writing
  std::unordered_map<FileId, Prepared, FileIdHash> prepared_;
  std::unordered_set<std::uint64_t> waived_;
  std::unordered_set<std::uint64_t> durable_;
  std::unordered_map<std::uint64_t, Error> unkept_;
  std::unordered_multimap<std::uint64_t, std::uint64_t> noted_before_;  // orders of the lines, by the act's record
  std::uint64_t already_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t objects_ = 0;
  std::uint64_t next_object_ = 1;
  std::uint64_t next_layer_ = 1;
  std::uint64_t refers_ = 0;

  std::thread syncer_;              // brings manifest and copies to the disk every 50 ms while there is something new
  std::vector<UniqueFd> unsynced_;  // new copies
  unsigned unsynced_store_ = 0;     // of the last of them
  std::condition_variable wake_;
  bool dirty_ = false;
  bool stop_ = false;
};

}  // namespace assent::undo
