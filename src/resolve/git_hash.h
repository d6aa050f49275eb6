// The name that git gives to the content of a file: SHA-1 over "blob LENGTH\0" and the bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace assent::resolve {

using GitHash = std::array<std::uint8_t, 20>;

GitHash git_blob_hash(std::string_view content);

}  // namespace assent::resolve
