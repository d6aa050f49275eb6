// A thread of the agent rewrites the arguments while they are read. Nothing can keep it from that; but what comes out
// is one copy, and everything after decode sees only that copy.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

#include "decode_native.h"

namespace assent::decode {
namespace {

TEST(DecodeRace, TheCopyStaysWhatItWasHoweverTheAgentRewritesItsMemory) {
  alignas(64) static char path[64] = "/tmp/harmless";
  const auto remove = expect_action<Remove>(SYS_unlinkat, AT_FDCWD, &path[0], 0);
  std::strcpy(path, "/etc/passwd");
  EXPECT_EQ(remove.path.path, "/tmp/harmless");
}

TEST(DecodeRace, EveryByteOfAnyCallIsReadOnce) {
  // 64 KiB of memory in which each page is counted; an argument pointing anywhere in it.
  std::vector<char> bytes(65536, 'a');
  for (std::size_t i = 300; i < bytes.size(); i += 701) bytes[i] = '\0';
  std::vector<unsigned char> reads(bytes.size());
  const RemoteMemory memory([&](std::uint64_t at, std::span<std::byte> out) -> Result<std::size_t> {
    if (at >= bytes.size()) return 0;
    const std::size_t length = std::min(out.size(), bytes.size() - at);
    for (std::size_t i = 0; i < length; ++i) ++reads[at + i];
    std::memcpy(out.data(), bytes.data() + at, length);
    return length;
  });
  for (int number = 0; number < 512; ++number) {
    if (call_name(number).empty()) continue;
    std::ranges::fill(reads, 0);
    // Each argument far from the others, so that two of them never share a byte.
    Call c = call(number, 1000U, 11000U, 21000U, 31000U, 41000U, 51000U);
    c.number = number;
    (void)decode(c, memory);
    EXPECT_LE(*std::ranges::max_element(reads), 1) << call_name(number);
  }
}

// The reader sees either path, or a mixture that the agent itself wrote into its memory; never a byte from elsewhere,
// and a second look at the same Action sees the same bytes.
TEST(DecodeRace, AFlippingPathGivesOneStablePathACall) {
  alignas(64) static char path[64] = "/tmp/aaaaaaaaaaaaaaaaaaaaaaaa";
  const std::string a = "/tmp/aaaaaaaaaaaaaaaaaaaaaaaa";
  const std::string b = "/etc/bbbbbbbbbbbbbbbbbbbbbbbb";
  std::atomic<bool> stop{false};
  std::thread flipper([&] {
    while (!stop) {
      for (const auto* text : {&a, &b}) {
        for (std::size_t i = 0; i < text->size(); ++i) {
          std::atomic_ref<char>(path[i]).store((*text)[i], std::memory_order_relaxed);
        }
      }
    }
  });
  for (int i = 0; i < 20000; ++i) {
    const auto remove = expect_action<Remove>(SYS_unlinkat, AT_FDCWD, &path[0], 0);
    const std::string first = remove.path.path;
    ASSERT_EQ(first.size(), a.size());
    for (std::size_t k = 0; k < a.size(); ++k) ASSERT_TRUE(first[k] == a[k] || first[k] == b[k]);
    std::this_thread::yield();
    ASSERT_EQ(remove.path.path, first);
  }
  stop = true;
  flipper.join();
}

}  // namespace
}  // namespace assent::decode
