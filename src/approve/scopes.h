// Scopes: which later questions an answer has already answered. Pure.
//
// What an answer binds. It was given for one operation of one process on what was shown; it covers another question
// when
//  - the operation is the same, and
//  - Command: the asking process is the answered one or descends from it (Session: any process), and
//  - the object lies in what was shown:
//      a yes with a blast radius: anywhere below the tree that was counted and shown;
//      a yes without one: directly in the object's own directory, not in folders below it, which nobody has seen;
//      a no: anywhere below that tree or that directory (refusing more is safe, and `rm -rf` asks once, not 5,000
//      times); an object that is not a path (host:port): that very object;
//  - and, for a yes, the object was there when the question was asked: born later means it is a new question. Where the
//    file system keeps no birth time this cannot be told, and the object counts as shown.
//  - and, for a yes, the same people have to agree: a yes of one is not the yes of two.
// A yes that covers nothing but its own act (Once) and answers that stop the agent are not remembered.
// Where a no and a yes both cover a question, the no wins, whatever their order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assent/question.h"

namespace assent::approve {

struct QuestionKey {
  std::vector<std::uint64_t> processes;  // Process::id of the asking one, its parent, … up to the agent
  std::string operation;
  std::string object;
  std::string root;          // the tree that is shown: Radius::root, empty where nothing was counted
  std::int64_t born_ns = 0;  // birth time of the object (FileId::birth_ns), 0: unknown or not a file
  std::string people;        // who has to agree: quorum, approvers, not_self; empty: the session's user alone
};

// `ancestors`: ids above the asking process, nearest first; without them only the process and its parent are known.
QuestionKey key_of(const Question& question, std::int64_t born_ns = 0, std::vector<std::uint64_t> ancestors = {});

// Is `path` the directory `root` or below it? By components: "/a/b" does not hold "/a/bc". Neither ends in a slash,
// except "/" itself.
bool lies_below(std::string_view path, std::string_view root);

class Scopes {
 public:
  // Remembers the answer where it reaches further than its own act. `asked_at`: Question::asked_at.
  void remember(const QuestionKey& key, const Answer& answer, std::chrono::system_clock::time_point asked_at);

  // The answer that was given already, or none: ask.
  [[nodiscard]] std::optional<Answer> covers(const QuestionKey& key) const;

  // The process is gone or runs another program now: what was said for "the rest of this command" ends with it.
  void forget_process(std::uint64_t process);

  [[nodiscard]] std::size_t size() const { return remembered_.size(); }

 private:
  struct Remembered {
    std::uint64_t process = 0;  // 0: the whole session
    std::string operation;
    std::string object;
    std::string directory;  // empty: the object itself only
    bool counted = false;   // `directory` is a tree that was counted
    std::int64_t asked_ns = 0;
    Answer answer;
    std::string people;
  };
  static bool covers(const Remembered& remembered, const QuestionKey& key);

  std::vector<Remembered> remembered_;
};

}  // namespace assent::approve
