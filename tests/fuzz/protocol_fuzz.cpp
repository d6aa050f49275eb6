// The approval protocol: any bytes of any client, as a stream and as one payload. What decodes must survive being sent
// on.
#include <cstdint>
#include <cstdlib>

#include "approve/message.h"

using namespace assent::approve;

namespace {

void look(std::string_view payload) {
  auto message = decode(payload);
  if (!message) return;
  // What was understood is understood again, as the same kind of message.
  const std::string frame = encode(*message);
  if (frame.size() > kMostFrame + 4) std::abort();
  auto again = decode(std::string_view(frame).substr(4));
  if (!again || again->index() != message->index()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  look(input);
  Frames frames;
  for (std::size_t at = 0; at < size; at += 37) {
    frames.feed(input.substr(at, 37));
    for (auto next = frames.next(); next && next->has_value(); next = frames.next()) look(**next);
  }
  return 0;
}
