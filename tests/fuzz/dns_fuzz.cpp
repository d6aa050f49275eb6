// A query as the agent sends it: any bytes. Every answer fits into its room, is one to that query, and says nothing
// that was not found.
#include <cstdint>
#include <cstdlib>

#include "net/dns_message.h"
#include "net/name_memory.h"

using namespace assent;

namespace {

std::size_t count(const std::vector<std::uint8_t>& message, std::size_t at) {
  return static_cast<std::size_t>(message[at] << 8 | message[at + 1]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using Code = net::DnsQuery::Code;
  const auto query = net::DnsQuery::read({data, size});
  if (!query) return 0;
  if (size < 12) std::abort();
  if (const auto name = net::plain_name(query->name()); name && net::plain_name(*name) != name) std::abort();
  const std::vector<net::Found> many(64, {"198.51.100.2", 30});
  const std::vector<net::Found> both{{"2001:db8::1", 0}, {"192.0.2.1", 3600}, {"rubbish", 1}};
  for (const Code code : {Code::Fine, Code::NoSuchName, Code::Failure, Code::NotImplemented}) {
    for (const auto& found : {many, both, std::vector<net::Found>{}}) {
      for (const std::size_t room : {query->room(), std::size_t{65535}}) {
        const auto answer = query->answer(code, found, "assent: a rule denies it", room);
        if (answer.size() < 12 || answer.size() > room) std::abort();
        if (answer[0] != data[0] || answer[1] != data[1] || (answer[2] & 0x80) == 0) std::abort();
        if (count(answer, 4) != 1 || count(answer, 6) > found.size()) std::abort();
      }
    }
  }
  return 0;
}
