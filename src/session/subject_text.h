// What a judgement is about, in words: the same in the question, the denial and the message.
#pragma once

#include <string>

#include "session/judgement.h"

namespace assent::session {

struct SubjectText {
  std::string operation;              // "delete", "connect", "exec"
  std::string object;                 // canonical path, host:port, or the program
  const FileSubject* file = nullptr;  // into the judgement's request; null: not about a file
  std::string other = {};             // of a rename: its other name
};
SubjectText subject_text(const Judgement& judgement);

}  // namespace assent::session
