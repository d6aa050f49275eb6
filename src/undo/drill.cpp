// The drill: every kept object really restored, into a folder of its own, and compared. Nothing leaves the vault.
#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <unordered_map>

#include "base/show.h"
#include "base/sys.h"
#include "undo/catalog.h"
#include "undo/object.h"
#include "undo/store.h"

namespace assent::undo {

namespace {

Result<std::string> hash_of(int fd) {
  crypto_generichash_state state;
  ::crypto_generichash_init(&state, nullptr, 0, 32);
  std::string piece(1 << 18, '\0');
  for (off_t at = 0;;) {
    const ssize_t n = ::pread(fd, piece.data(), piece.size(), at);
    if (n < 0) return sys::last_error("read");
    if (n == 0) break;
    ::crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(piece.data()),
                                static_cast<unsigned long long>(n));
    at += n;
  }
  std::array<unsigned char, 32> hash{};
  ::crypto_generichash_final(&state, hash.data(), hash.size());
  std::string out;
  for (const unsigned char byte : hash) out += fmt::format("{:02x}", byte);
  return out;
}

// Why two descriptions of one object do not agree; empty: they do. Access times change by reading.
std::string difference(const Metadata& kept, const Metadata& restored) {
  if (kept.mode != restored.mode) return fmt::format("mode {:o} became {:o}", kept.mode, restored.mode);
  if (kept.uid != restored.uid || kept.gid != restored.gid)
    return fmt::format("owner {}:{} became {}:{}", kept.uid, kept.gid, restored.uid, restored.gid);
  if (kept.mtime != restored.mtime) return "the time of its last change differs";
  if (kept.xattrs != restored.xattrs) return "its extended attributes differ";
  return {};
}

class Drilling {
 public:
  Drilling(const std::string& state_vault, const std::string& transaction, const std::string& scratch)
      : state_vault_(state_vault), transaction_(transaction), scratch_(scratch) {}

  // What was restored is gone again afterwards: a drill needs room for one object only.
  DrillItem one(const Record& record, const std::string& store, std::uint64_t& bytes) {
    DrillItem out = restored_and_compared(record, store, bytes);
    std::error_code ignored;
    std::filesystem::remove_all(fmt::format("{}/{}", scratch_, number_++), ignored);
    return out;
  }

 private:
  DrillItem restored_and_compared(const Record& record, const std::string& store, std::uint64_t& bytes) {
    DrillItem out;
    out.path = record.path;
    const std::string kept = fmt::format("{}/{}/{}", store, transaction_, record.place);
    const auto bad = [&out](std::string why) {
      out.why = std::move(why);
      return out;
    };
    auto kept_place = open_place(kept);
    auto object = kept_place ? sys::openat(kept_place->folder.get(), kept_place->name.c_str(), O_PATH | O_NOFOLLOW)
                             : Result<UniqueFd>(fail(ENOENT));
    if (!object) return bad("it is not in the vault");
    auto stat = sys::statx(object->get(), "");
    if (!stat) return bad(stat.error().what);
    const bool moved = record.kind == Kind::Removed && record.how == How::Moved;
    if (moved && !same_object(sys::id_of(*stat), record.id))
      return bad("another object lies in its place in the vault");
    auto now = read_metadata(object->get(), *stat);
    if (!now) return bad(now.error().what);
    // What was moved carries its metadata with it; of a copy the manifest has them.
    const Metadata& wanted = moved ? *now : record.metadata;
    if (!record.written && S_ISREG(stat->stx_mode) && stat->stx_size != record.size) {
      return bad(fmt::format("{} bytes were kept, {} are there", record.size, stat->stx_size));
    }
    // A copy was finished before its line was written, and nobody touches it afterwards.
    if (!moved && now->mtime > record.time) return bad("it was changed in the vault");
    if (moved && !record.written && (now->mtime != record.metadata.mtime || now->mode != record.metadata.mode)) {
      return bad("it was changed in the vault");
    }

    const std::string folder = fmt::format("{}/{}", scratch_, number_);
    if (auto made = make_folders(folder); !made) return bad(made.error().what);
    auto into = sys::openat(AT_FDCWD, folder.c_str(), O_PATH | O_DIRECTORY);
    if (!into) return bad(into.error().what);
    const std::string name = record.path.substr(record.path.rfind('/') + 1);
    auto copied = copy_object(object->get(), *stat, into->get(), name.c_str());
    if (!copied) return bad(copied.error().what);
    auto restored = sys::openat(into->get(), name.c_str(), O_PATH | O_NOFOLLOW);
    if (!restored) return bad(restored.error().what);
    // Read before the mode is given back: it may be one that cannot be read.
    if (S_ISREG(stat->stx_mode)) {
      auto a = open_to_read(object->get(), *stat);
      auto copy_stat = sys::statx(restored->get(), "");
      auto b = copy_stat ? open_to_read(restored->get(), *copy_stat) : Result<UniqueFd>(fail(EIO));
      if (!a || !b) return bad("it cannot be read");
      auto one_hash = hash_of(a->get());
      auto other_hash = hash_of(b->get());
      if (!one_hash || !other_hash || *one_hash != *other_hash) return bad("the restored content differs");
      out.hash = *other_hash;
      bytes += stat->stx_size;
    } else if (S_ISLNK(stat->stx_mode)) {
      auto a = sys::readlinkat(object->get(), "");
      auto b = sys::readlinkat(restored->get(), "");
      if (!a || !b || *a != *b) return bad("the restored link leads elsewhere");
    }
    if (auto applied = apply_metadata(restored->get(), wanted); !applied) return bad(applied.error().what);
    auto restored_stat = sys::statx(restored->get(), "");
    if (!restored_stat) return bad(restored_stat.error().what);
    auto metadata = read_metadata(restored->get(), *restored_stat);
    if (!metadata) return bad(metadata.error().what);
    out.why = difference(wanted, *metadata);
    out.good = out.why.empty();
    return out;
  }

  const std::string& state_vault_;
  const std::string& transaction_;
  const std::string& scratch_;
  std::uint64_t number_ = 1;
};

// What content drills of this transaction have found: the first of them says what it is.
class Hashes {
 public:
  explicit Hashes(int folder) : folder_(folder) {
    auto known = read_manifest(folder, kHashesName);
    if (!known) return;
    for (Record& line : known->records) {
      if (line.kind == Kind::Hashed) known_.try_emplace(line.refers, std::move(line.hash));
    }
  }
  [[nodiscard]] const std::string* of(const Record& record) const {
    const auto found = known_.find(record.order);
    return found == known_.end() ? nullptr : &found->second;
  }
  void note(const Record& record, const std::string& hash) {
    Record line;
    line.kind = Kind::Hashed;
    line.refers = record.order;
    line.hash = hash;
    fresh_.push_back(std::move(line));
  }
  Result<std::uint64_t> write() {
    if (fresh_.empty()) return std::uint64_t{0};
    auto writer = ManifestWriter::open(folder_, kHashesName);
    if (!writer) return pass(std::move(writer));
    if (auto status = writer->append_all(fresh_); !status) return pass(std::move(status));
    if (auto status = writer->sync(); !status) return pass(std::move(status));
    return fresh_.size();
  }

 private:
  int folder_;
  std::unordered_map<std::uint64_t, std::string> known_;  // by the order of the object's line
  std::vector<Record> fresh_;
};

}  // namespace

Result<Drill> drill(const std::string& state_vault, const std::string& transaction, const std::string& scratch) {
  auto folder = sys::openat(AT_FDCWD, (state_vault + "/" + transaction).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!folder)
    return fail(folder.error().code, fmt::format("the vault keeps nothing of {} ({})", show(transaction),
                                                 ::strerrorname_np(folder.error().code)));
  auto manifest = read_manifest(folder->get());
  if (!manifest) return pass(std::move(manifest));
  std::vector<std::string> stores{state_vault};
  Drill out;
  Drilling drilling(state_vault, transaction, scratch);
  Hashes hashes(folder->get());
  const bool ended =
      std::ranges::any_of(manifest->records, [](const Record& record) { return record.kind == Kind::End; });
  for (const Record& record : manifest->records) {
    if (record.kind == Kind::Store) {
      stores.resize(std::max<std::size_t>(stores.size(), record.store + 1));
      stores[record.store] = record.path;
    }
    const bool kept = (record.kind == Kind::Removed || record.kind == Kind::Content) && record.other.empty();
    if (!kept || record.store >= stores.size()) continue;
    DrillItem item = drilling.one(record, stores[record.store], out.bytes);
    // What was restored since is where it belongs, and not here.
    if (!item.good && item.why == "it is not in the vault") {
      auto place = open_place(record.path);
      auto stat = place ? sys::statx(place->folder.get(), place->name.c_str()) : Result<struct statx>(fail(ENOENT));
      if (stat && same_object(sys::id_of(*stat), record.id)) continue;
    }
    const std::string* known = item.hash.empty() ? nullptr : hashes.of(record);
    if (known != nullptr && *known != item.hash) {
      item.good = false;
      item.why = "its content is not what an earlier drill found";
    }
    out.compared += known != nullptr ? 1 : 0;
    // While the session runs its agent may still hold a descriptor of what it had open for writing.
    if (item.good && known == nullptr && !item.hash.empty() && (ended || !record.written))
      hashes.note(record, item.hash);
    ++(item.good ? out.good : out.bad);
    out.items.push_back(std::move(item));
  }
  if (auto noted = hashes.write(); noted) {
    out.noted = *noted;
  } else {
    out.not_noted = noted.error();
  }
  return out;
}

}  // namespace assent::undo
