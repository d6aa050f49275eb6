#include "resolve/git_hash.h"

#include <fmt/format.h>

#include <boost/uuid/detail/sha1.hpp>
#include <string>

namespace assent::resolve {

// Whether a file is what it was, not whether somebody forged it: a collision would have to be the user's own file.
GitHash git_blob_hash(std::string_view content) {
  boost::uuids::detail::sha1 sha1;
  const std::string head = fmt::format("blob {}", content.size());
  sha1.process_bytes(head.c_str(), head.size() + 1);
  sha1.process_bytes(content.data(), content.size());
  boost::uuids::detail::sha1::digest_type digest;
  sha1.get_digest(digest);
  GitHash out{};
  constexpr std::size_t kWord = sizeof digest[0];  // five words up to Boost 1.85, then twenty bytes
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::uint8_t>(digest[i / kWord] >> (8 * (kWord - 1 - i % kWord)));
  return out;
}

}  // namespace assent::resolve
