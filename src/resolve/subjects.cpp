#include "resolve/subjects.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include "resolve/look.h"
#include "resolve/resolver.h"
#include "resolve/spelling.h"

namespace assent::resolve {
namespace {

struct Meaning {
  const std::vector<Target>& targets;
  const Facts& facts;
  std::vector<FileSubject> out;

  [[nodiscard]] const Target& first() const { return targets[0]; }
  [[nodiscard]] const Target& second() const { return targets[1]; }

  FileSubject& add(Operation operation, const Target& target) {
    FileSubject& subject = out.emplace_back();
    subject.operation = operation;
    subject.path = target.path;
    subject.zone = target.zone;
    subject.type = type_of(target);
    subject.size = target.exists() ? target.stat->stx_size : 0;
    subject.id = target.id;
    subject.own = target.own;
    subject.own_folder = target.own_folder;
    subject.hidden = target.hidden;
    if (facts.recoverable && !target.own && subject.type == FileType::Regular) {
      subject.recoverable = [ask = facts.recoverable, path = target.path, id = target.id] { return ask(path, id); };
    }
    return subject;
  }

  [[nodiscard]] static bool has_bytes(const Target& target) {
    return S_ISREG(target.stat->stx_mode) && target.stat->stx_size > 0;
  }
  // The agent's own pipes and terminals.
  [[nodiscard]] static bool is_no_file(const Target& target) {
    return !target.parent && target.exists() && !S_ISREG(target.stat->stx_mode);
  }

  void operator()(const Remove&) { add(Operation::Delete, first()); }

  void operator()(const Rename& act) {
    if (first().exists() && second().exists() && same_object(*first().stat, *second().stat)) return;
    out.reserve(2);
    add(Operation::Rename, first());
    if ((act.flags & RENAME_EXCHANGE) != 0) {
      add(Operation::Rename, second());
    } else if (second().exists()) {
      add(Operation::Delete, second()).replaced = true;
    } else {
      add(Operation::Create, second());
    }
  }

  void operator()(const Truncate& act) {
    const bool shortens = first().exists() && static_cast<std::uint64_t>(act.length) < first().stat->stx_size;
    add(shortens ? Operation::Truncate : Operation::Modify, first());
  }

  void operator()(const Open& act) {
    if (only_reads(act) || is_no_file(first())) return;
    if ((act.flags & (O_TMPFILE & ~O_DIRECTORY)) != 0) {
      FileSubject& unnamed = out.emplace_back();
      unnamed.operation = Operation::Create;
      unnamed.path = join(first().path, "#unnamed");
      unnamed.zone = first().zone;
      unnamed.type = FileType::Regular;
      unnamed.hidden = first().hidden;
      return;
    }
    if (!first().exists()) {
      add(Operation::Create, first());
      return;
    }
    const bool cuts = (act.flags & O_TRUNC) != 0;
    if ((act.flags & O_ACCMODE) == O_RDONLY && !cuts) return;  // O_CREAT of what is there
    add(Operation::Modify, first());
    if (cuts && has_bytes(first())) add(Operation::Truncate, first());
  }

  void operator()(const Link&) {
    add(Operation::Create, second());
    if (!first().own) add(Operation::Modify, first());
  }

  void operator()(const MakeDirectory&) { add(Operation::Create, first()); }
  void operator()(const MakeSymlink&) { add(Operation::Create, first()); }
  void operator()(const MakeNode&) { add(Operation::Create, first()); }
  void operator()(const SetMetadata&) {
    if (!is_no_file(first())) add(Operation::Metadata, first());
  }
  void operator()(const Connect&) {}
  void operator()(const Bind&) {}
  void operator()(const Listen&) {}
  void operator()(const Send&) {}
  void operator()(const Exec&) {}
  void operator()(const ChangeDirectory&) {}
  void operator()(const CheckAccess&) {}
  void operator()(const ChangeUmask&) {}
};

}  // namespace

FileType type_of(const Target& target) {
  if (!target.exists()) return FileType::Unknown;
  switch (target.stat->stx_mode & S_IFMT) {
    case S_IFREG:
      return FileType::Regular;
    case S_IFDIR:
      return FileType::Directory;
    case S_IFLNK:
      return FileType::Symlink;
    case S_IFIFO:
      return FileType::Fifo;
    case S_IFSOCK:
      return FileType::Socket;
    case S_IFCHR:
      return FileType::CharDevice;
    case S_IFBLK:
      return FileType::BlockDevice;
  }
  return FileType::Unknown;
}

std::vector<FileSubject> subjects(const Action& action, const std::vector<Target>& targets, const Facts& facts) {
  Meaning meaning{targets, facts, {}};
  std::visit(meaning, action);
  return std::move(meaning.out);
}

}  // namespace assent::resolve
