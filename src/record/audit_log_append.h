// How AuditLog writes one line; for its parts only.
#pragma once

#include <fmt/format.h>

#include "record/audit_log.h"
#include "record/lines.h"

namespace assent::record {

// Kept free for outcomes of acts that are under way, for the failure itself and for the end.
inline constexpr std::size_t kReserve = 64 * 1024;

template <class Fill>
Status AuditLog::append(std::string_view kind, Room room, Fill&& fill) {
  if (auto status = end_open_line(); !status) return status;
  for (int attempt = 0; attempt < 2; ++attempt) {
    JsonWriter line(pending_.cursor(), pending_.limit() - (room == Room::Ordinary ? kReserve : 0));
    start_line(line, next_, clock_.now(), kind);
    fill(line);
    line.need(kSealSize);
    if (!line.overflowed()) return commit(line);
    if (attempt == 0) {
      if (auto status = flush_lines(); !status) return status;
    }
  }
  return fail(E2BIG, fmt::format("cannot write the audit log: a record of kind {} is too long", kind));
}

}  // namespace assent::record
