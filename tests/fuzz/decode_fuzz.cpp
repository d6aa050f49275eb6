// decode: any registers and any memory. The input is a system call number, six registers and the memory they may point
// into; the registers of a plain input are small numbers, so that they do point into it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "decode/decode.h"

using namespace assent;

namespace {

constexpr std::uint64_t kBase = 0x10000;

[[noreturn]] void broken(const char*) { std::abort(); }

std::size_t bound_of(const Action& action) {
  if (const auto* open = std::get_if<Open>(&action)) return open->path.path.size();
  if (const auto* remove = std::get_if<Remove>(&action)) return remove->path.path.size();
  return 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kHeader = 2 + 6 * 8;
  if (size < kHeader) return 0;
  Call call;
  call.tid = 1;
  std::uint16_t number = 0;
  std::memcpy(&number, data, 2);
  call.number = number % 520;
  std::memcpy(call.arguments.data(), data + 2, 48);

  const std::vector<std::uint8_t> memory(data + kHeader, data + size);
  const RemoteMemory remote([&](std::uint64_t address, std::span<std::byte> out) -> Result<std::size_t> {
    if (address < kBase || address - kBase >= memory.size()) return std::size_t{0};
    const std::size_t at = address - kBase;
    const std::size_t length = std::min(out.size(), memory.size() - at);
    std::memcpy(out.data(), memory.data() + at, length);
    return length;
  });

  const auto action = decode::decode(call, remote);
  if (!action) {
    if (action.error().code <= 0 || action.error().what.empty()) broken("an error says what and which");
  } else {
    if (decode::call_name(call.number).empty()) broken("a call without a name was decoded");
    if (bound_of(*action) >= 4096) broken("a path beyond PATH_MAX");
    if (const auto* exec = std::get_if<Exec>(&*action)) {
      std::size_t bytes = 0;
      for (const auto& word : exec->argv) bytes += word.size();
      if (exec->argv.size() > decode::kMaxArguments || bytes > decode::kMaxArgumentBytes) broken("argv without bound");
    }
  }
  return 0;
}
