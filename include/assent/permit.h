// Permit: evidence that an act stands in the record. The broker performs nothing without one, and only the
// audit log can mint one: no record, no act. One Permit serves one act.
#pragma once

#include <cstdint>
#include <utility>

namespace assent {

namespace record {
class AuditLog;
}

class Permit {
 public:
  Permit(Permit&& other) noexcept : sequence_(std::exchange(other.sequence_, 0)) {}
  Permit& operator=(Permit&&) = delete;
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

  // Sequence number of the record this permit stands on.
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }

 private:
  friend class record::AuditLog;
  explicit Permit(std::uint64_t sequence) : sequence_(sequence) {}
  std::uint64_t sequence_;
};

}  // namespace assent
