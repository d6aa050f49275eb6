// git's configuration: any bytes. Names are as git compares them, and nothing is longer than what was read.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>

#include "resolve/git_config.h"

using namespace assent;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::size_t settings = 0;
  resolve::each_git_setting({reinterpret_cast<const char*>(data), size}, [&](const resolve::GitSetting& setting) {
    ++settings;
    const auto is_upper = [](char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; };
    if (setting.key.empty() || std::ranges::any_of(setting.key + setting.section, is_upper)) std::abort();
    if (setting.value.size() + setting.key.size() > size || setting.subsection.size() > size) std::abort();
    (void)resolve::names_program(setting);
    (void)resolve::is_include(setting);
    return true;
  });
  return settings > size ? (std::abort(), 1) : 0;
}
