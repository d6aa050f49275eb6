#include "record/chain.h"

#include <sodium.h>

#include <algorithm>
#include <charconv>

namespace assent::record {

namespace {

constexpr std::string_view kBeforeHash = ",\"hash\":\"";
constexpr std::string_view kAfterHash = "\"}";
constexpr std::string_view kBeforeSequence = "{\"v\":1,\"seq\":";

// Picks the fastest implementation for this processor, once.
bool sodium_ready() {
  static const bool ready = ::sodium_init() >= 0;
  return ready;
}

// Without branches or tables, so that the compiler makes vectors of the loops around them.
unsigned char value_of(char digit) { return static_cast<unsigned char>((digit & 15) + 9 * (digit >> 6)); }
char digit_of(unsigned value) { return static_cast<char>(value + '0' + (value > 9 ? 'a' - '9' - 1 : 0)); }

}  // namespace

std::optional<HashText> hash_text(std::string_view hex) {
  HashText out;
  if (hex.size() != out.size()) return std::nullopt;
  if (hex.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  std::copy(hex.begin(), hex.end(), out.begin());
  return out;
}

HashText genesis() {
  HashText out;
  out.fill('0');
  return out;
}

HashText hash_line(const HashText& before, std::string_view body) {
  // Setting up a state costs as much as hashing half a line, and it is always the same.
  static const crypto_generichash_state fresh = [] {
    sodium_ready();
    crypto_generichash_state made;
    crypto_generichash_init(&made, nullptr, 0, 32);
    return made;
  }();
  std::array<unsigned char, 32> digest;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<unsigned char>(value_of(before[2 * i]) << 4 | value_of(before[2 * i + 1]));
  }
  crypto_generichash_state state = fresh;
  crypto_generichash_update(&state, digest.data(), digest.size());
  crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(body.data()), body.size());
  crypto_generichash_final(&state, digest.data(), digest.size());
  HashText out;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    out[2 * i] = digit_of(digest[i] >> 4U);
    out[2 * i + 1] = digit_of(digest[i] & 15U);
  }
  return out;
}

HashText seal(JsonWriter& line, const HashText& before) {
  const auto hash = hash_line(before, line.text());
  line.raw(kBeforeHash);
  line.raw(view(hash));
  line.raw(kAfterHash);
  line.raw("\n");
  return hash;
}

std::optional<SealedLine> unseal(std::string_view line) {
  constexpr std::size_t tail = kBeforeHash.size() + 64 + kAfterHash.size();
  if (line.size() < tail + kBeforeSequence.size() || !line.starts_with(kBeforeSequence) ||
      !line.ends_with(kAfterHash)) {
    return std::nullopt;
  }
  SealedLine out;
  out.body = line.substr(0, line.size() - tail);
  if (line.substr(out.body.size(), kBeforeHash.size()) != kBeforeHash) return std::nullopt;
  const auto hash = hash_text(line.substr(out.body.size() + kBeforeHash.size(), 64));
  if (!hash) return std::nullopt;
  out.hash = *hash;
  const char* digits = line.data() + kBeforeSequence.size();
  const auto [end, error] = std::from_chars(digits, line.data() + out.body.size(), out.sequence);
  if (error != std::errc() || out.sequence == 0) return std::nullopt;
  return out;
}

}  // namespace assent::record
