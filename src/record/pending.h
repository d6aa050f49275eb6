// audit.pending: the lines that are not yet in audit.jsonl, and the line of the act that is being performed right now,
// in a shared mapping of a preallocated file. What is stored there survives the death of the process without a system
// call, and storing there cannot fail on a full disk. Layout (native byte order, one machine):
//   0     PendingHeader          4096  staged facts of the open line          kDataOffset  the lines
// The lines stand at bytes [base, base + committed) of the log; behind them `open` bytes of a line without its end.
// Two slots and a generation make every step one atomic store: kill it anywhere, and one of the two states is there.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::record {

inline constexpr std::size_t kStagedOffset = 4096;
inline constexpr std::size_t kStagedCapacity = 64 * 1024;
inline constexpr std::size_t kDataOffset = kStagedOffset + kStagedCapacity;
inline constexpr std::size_t kDataCapacity = 1024 * 1024;
inline constexpr std::size_t kPendingSize = kDataOffset + kDataCapacity;

struct Counts {
  std::uint64_t allowed = 0;
  std::uint64_t denied = 0;
  std::uint64_t asked = 0;
};

struct PendingSlot {
  std::uint64_t base = 0;    // length of audit.jsonl when these lines began
  std::uint64_t filled = 0;  // committed << 32 | open
};

struct PendingHeader {
  std::array<char, 8> magic{};
  std::uint64_t version = 0;
  std::uint64_t generation = 0;  // slot[generation % 2] is the true one
  std::array<PendingSlot, 2> slot{};
  std::uint64_t staged = 0;  // bytes of staged facts that belong to the open line
  Counts counts;             // so far; for lists of running sessions
  // Whose lines these are. The file may have been another's before, and after a power failure be that again.
  std::array<char, 32> session{};
};
static_assert(sizeof(PendingHeader) <= kStagedOffset);

inline constexpr std::array<char, 8> kPendingMagic{'a', 's', 'n', 't', 'p', 'e', 'n', 'd'};
inline constexpr const char* kPendingName = "audit.pending";

// The writer's side. One thread at a time.
class PendingFile {
 public:
  // Makes `audit.pending` in `directory` with all its blocks allocated. Fails with ENOSPC where there is no room.
  // `spare`: a path where one may lie that a session left when it ended; it saves giving blocks back and asking for
  // them anew.
  static Result<PendingFile> create(int directory, std::string_view session, const std::string& spare);
  // `audit.pending` goes from `directory`: to `spare` where there is none.
  static Status remove(int directory, const std::string& spare);
  PendingFile(PendingFile&& other) noexcept;
  PendingFile& operator=(PendingFile&&) = delete;
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  ~PendingFile();

  // Where the next line is to be written; the end of the room.
  [[nodiscard]] char* cursor() const { return data() + committed_; }
  [[nodiscard]] char* limit() const { return data() + kDataCapacity; }
  [[nodiscard]] std::string_view lines() const { return {data(), committed_}; }
  [[nodiscard]] std::size_t committed() const { return committed_; }
  // Room for the staged facts of the line that will be opened next.
  [[nodiscard]] char* staged() const { return map_ + kStagedOffset; }

  // `size` bytes at cursor() are a line without its end: an act that is now being performed.
  void open(std::size_t size, std::size_t staged_size);
  // `size` bytes at cursor() are a whole line.
  void commit(std::size_t size);
  // The lines have gone to audit.jsonl, which now is `base` long. Starts from the front again.
  void restart(std::uint64_t base);
  void set_counts(const Counts& counts);

 private:
  PendingFile(UniqueFd fd, char* map) : fd_(std::move(fd)), map_(map) {}
  [[nodiscard]] PendingHeader& header() const { return *reinterpret_cast<PendingHeader*>(map_); }
  [[nodiscard]] char* data() const { return map_ + kDataOffset; }
  void publish(std::size_t open);

  UniqueFd fd_;
  char* map_ = nullptr;
  std::size_t committed_ = 0;
  std::uint64_t generation_ = 0;
};

// A reader's copy of one moment, taken with pread: a file that is cut or hostile is an error, never a signal.
struct PendingCopy {
  std::uint64_t base = 0;
  std::string lines;   // whole lines, ending in a newline
  std::string open;    // the open line's text so far; empty: none
  std::string staged;  // JSON members of its staged facts
  Counts counts;
  std::string session;  // empty: written by a version that did not say
};
// ENOENT: no such file (the session has ended). EBADMSG: not ours or damaged.
Result<PendingCopy> read_pending(int directory);
Result<Counts> read_counts(int directory);

}  // namespace assent::record
