// What a message may hold at most; the writer cuts, the reader refuses.
#pragma once

#include <chrono>
#include <cstddef>

namespace assent::approve {

inline constexpr std::size_t kMostText = 8 * 1024;      // a path is at most 4096 bytes
inline constexpr std::size_t kMostWords = 4096;         // of a command line
inline constexpr std::size_t kMostCommand = 64 * 1024;  // all its words together
inline constexpr std::size_t kMostList = 256;           // ancestors, approvers, votes
inline constexpr std::chrono::milliseconds kMostTime = std::chrono::hours(24 * 366);

}  // namespace assent::approve
