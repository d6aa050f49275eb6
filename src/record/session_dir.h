// Where sessions lie on disk: STATE/sessions/ID/, STATE being $XDG_STATE_HOME/assent. Makes, finds and locks their
// folders. A session that runs holds a lock on its audit.jsonl; the lock goes with the process, however that ends.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "assent/result.h"
#include "assent/unique_fd.h"

namespace assent::record {

inline constexpr const char* kLogName = "audit.jsonl";
inline constexpr const char* kDenialsName = "denials.jsonl";
inline constexpr const char* kSessionName = "session.json";

// $XDG_STATE_HOME/assent, else $HOME/.local/state/assent. ENOENT where neither variable is an absolute path.
Result<std::string> state_directory();

// What lies in the state folder says what is renamed, restored and removed, so whoever else could write it would do
// that with our rights (sudo that keeps HOME). EPERM: it is somebody else's. One that is not there yet is well.
Status own_state(const std::string& state);

std::string session_path(std::string_view state, std::string_view session);

// "20261121-021530-4f2a": UTC second and its 65,536ths; sorts by time.
std::string new_session_id();
bool is_session_id(std::string_view text);

// Makes STATE/sessions (0700) and a new session folder in it; gives the id.
struct NewSession {
  std::string id;
  std::string path;
  UniqueFd directory;
};
Result<NewSession> make_session_directory(const std::string& state);

// All sessions of a state folder, oldest first. A state folder that does not exist has none.
Result<std::vector<std::string>> list_sessions(const std::string& state);

// Killed before its first record, or just beginning: its log is empty, and there is nothing that belongs into it. Lists
// for people pass it over.
bool never_began(const std::string& state, const std::string& session);

// The one session meant by an id, the beginning of an id, or "last" (also an empty word). ENOENT: none; EINVAL:
// several.
Result<std::string> find_session(const std::string& state, std::string_view word);

// Write lock on an open audit.jsonl; EAGAIN where another process holds it.
Status lock_log(int log);
// Whether a live process holds the lock. Takes no lock itself.
bool is_running(int directory);

}  // namespace assent::record
