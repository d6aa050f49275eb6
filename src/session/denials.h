// Denials: tells the agent that something was denied, in words: $ASSENT_DENIALS, and one line on the standard error of
// the process that was denied (at most one a process and rule). Never waits: a full pipe gets no line.
#pragma once

#include <cstdint>
#include <string>

#include "record/denials.h"
#include "session/judgement.h"

namespace assent::session {

enum class Attendance { Human, Nobody };  // whether questions reach a human in this session

class Denials {
 public:
  Denials(record::DenialsFile& file, Attendance attendance) : file_(file), attendance_(attendance) {}

  // `record`: sequence number in the audit log.
  void tell(const Judgement& judgement, int error, std::uint64_t record);
  // A name that was not looked up. Who asked is not known: a lookup comes as a datagram.
  void tell_lookup(const std::string& name, const Decision& decision);
  [[nodiscard]] Attendance attendance() const { return attendance_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  record::DenialsFile& file_;
  Attendance attendance_;
  std::uint64_t count_ = 0;
};

}  // namespace assent::session
