// The chain: every line of a log ends in a hash over the line before it and itself.
//   line = body ,"hash":"<64 lower-case hex digits>"}          (without the newline)
//   hash = BLAKE2b-256( the 32 bytes of the hash of the line before, zeros for the first, followed by body )
// Bytes decide, never their meaning: nothing can be changed in a line without its hash telling.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "record/json_writer.h"

namespace assent::record {

using HashText = std::array<char, 64>;  // lower-case hex

inline std::string_view view(const HashText& hash) { return {hash.data(), hash.size()}; }
std::optional<HashText> hash_text(std::string_view hex);  // exactly 64 lower-case hex digits

HashText genesis();  // all zeros: what stands before the first line

HashText hash_line(const HashText& before, std::string_view body);

// Appends ,"hash":"…"} and a newline to `line` (whose text so far is the body); returns the hash.
HashText seal(JsonWriter& line, const HashText& before);

inline constexpr std::size_t kSealSize = 9 + 64 + 3;  // ,"hash":" + hex + "} and newline

// A line taken apart without trusting it. None: it does not have the shape of a line of ours.
struct SealedLine {
  std::string_view body;
  HashText hash{};
  std::uint64_t sequence = 0;
};
std::optional<SealedLine> unseal(std::string_view line);

}  // namespace assent::record
