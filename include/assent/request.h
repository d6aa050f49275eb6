// Request: what is asked of the policy: operations on named objects, with the facts that rules may ask for.
// Values only, so a decision is a pure function of it. Made by resolve, from pinned objects.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "assent/file_id.h"
#include "assent/process.h"

namespace assent {

enum class Operation { Create, Modify, Truncate, Rename, Delete, Metadata };

// "create", "modify" …: the words of the profile, the record and the question.
std::string_view name(Operation operation);
std::optional<Operation> operation_from_name(std::string_view word);

// Where in the sandbox's layout an object lies. Decided by mount id, never by spelling.
enum class Zone {
  Gated,    // the project: seen read-only, every change passes the rules
  Read,     // the rest of the machine: seen read-only, every change passes the rules
  Free,     // a real folder the agent may change unasked
  Private,  // an empty folder of the session's own
  Kernel,   // /proc, /sys, /dev
};

enum class FileType { Unknown, Regular, Directory, Symlink, Fifo, Socket, CharDevice, BlockDevice };

// One object of a file operation and what is known about it.
struct FileSubject {
  Operation operation = Operation::Create;
  std::string path;  // absolute, canonical, bytes; for a new name: canonical parent + "/" + name
  Zone zone = Zone::Read;
  FileType type = FileType::Unknown;
  std::uint64_t size = 0;   // bytes
  FileId id;                // zero for a name that does not exist yet
  bool own = false;         // this session created it
  bool hidden = false;      // matches the profile's `hide`
  bool replaced = false;    // this deletion puts another file in its place (a rename over it)
  bool touched = false;     // this session was already allowed to modify it (its content is no longer what it was)
  bool by_git = false;      // the machine's own git asks for it
  bool unkept = false;      // what it takes away cannot be kept in the vault: too large, no room, or switched off
  bool own_folder = false;  // the folder it lies in, or would lie in, was created by this session
  // Tracked by git when the session began and unmodified since. Costs a look at the index, so it is asked for only
  // when a rule wants it. Never empty.
  std::function<bool()> recoverable = [] { return false; };
};

struct NetSubject {
  enum class Protocol { Tcp, Udp, Unix };
  Protocol protocol = Protocol::Tcp;
  std::string address;  // textual IPv4 or IPv6 address (v4-mapped ones already as IPv4), or a socket's path
  std::uint16_t port = 0;
  std::vector<std::string> names;  // host names last seen for the address, newest first
};

struct ExecSubject {
  std::string path;
  std::vector<std::string> argv;
};

struct Request {
  ProcessRef process;
  std::string_view call;  // the kernel's name of the system call, static storage
  std::variant<std::vector<FileSubject>, NetSubject, ExecSubject> subject;
  std::uint64_t hits = 0;  // distinct objects that were there before and were hit without a question so far (`after`)
};

}  // namespace assent
