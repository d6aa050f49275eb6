// A TLS hello: any bytes, in any pieces. What is whole stays the same whatever follows, and is not whole before.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "net/client_hello.h"
#include "net/hello_gate.h"
#include "net/name_memory.h"

using namespace assent::net;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> input(data, size);
  const ClientHello whole = read_client_hello(input);
  if (whole.state == ClientHello::State::Whole) {
    require(whole.size <= size && whole.size > 9);
    require(whole.server_name.empty() || plain_name(whole.server_name) == whole.server_name);
    require(read_client_hello(input.first(whole.size)).server_name == whole.server_name);
    const std::size_t step = std::max<std::size_t>(1, whole.size / 64);
    for (std::size_t cut = 0; cut < whole.size; cut += step)
      require(read_client_hello(input.first(cut)).state == ClientHello::State::More);
  }
  if (whole.state == ClientHello::State::More) require(size < 6 * kLongestHello + 5);
  (void)read_server_hello(input);

  // The gate, fed in two pieces: it never lets anything go before it has told that it may, or the hello alone.
  bool refused = false;
  bool told = false;
  HelloGate gate({"a.example"}, [&](const std::string& why) {
    require(!told);
    told = true;
    refused = !why.empty();
  });
  for (const std::size_t part : {size / 2, size}) {
    const auto step = gate(input.first(part), input.subspan(part), part == size);
    require(step.release <= part);
    require((step.look == Pump::Look::Refuse) == refused);
    if (step.release > 0) require(whole.server_name == "a.example" && !whole.hides_name);
    if (step.look != Pump::Look::More) break;
  }
  return 0;
}
