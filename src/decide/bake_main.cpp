// bake_profiles OUT PROFILE.toml...: run by the build. Writes the shipped profiles into a C++ source: the text, for
// people and for the record, and the rules in it as bytes that need no parsing. A profile with a mistake in it stops
// the build.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include "decide/frozen.h"

namespace {

using namespace assent::decide;

std::string literal(std::string_view bytes) {
  std::string out = "std::string_view(\n        \"";
  std::size_t in_line = 0;
  for (const char c : bytes) {
    if (in_line == 32) {
      out += "\"\n        \"";
      in_line = 0;
    }
    char octal[5];
    std::snprintf(octal, sizeof octal, "\\%03o", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += octal;
    ++in_line;
  }
  return out + "\",\n        " + std::to_string(bytes.size()) + ")";
}

}  // namespace

int main(int count, char** words) {
  if (count < 3) return 2;
  std::string entries;
  for (int i = 2; i < count; ++i) {
    std::string name(words[i]);
    name = name.substr(name.rfind('/') + 1);
    name.resize(name.size() - 5);
    std::ifstream file(words[i], std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    Problems problems;
    const Profile profile = parse_profile(rules_of(text), name + ".toml", problems);
    for (const auto& problem : problems) std::cerr << to_string(problem) << '\n';
    if (!file || !problems.empty()) return 1;
    entries += "    {\"" + name + "\",\n     " + literal(text) + ",\n     " + literal(freeze(profile)) + "},\n";
  }
  std::ofstream out(words[1], std::ios::binary);
  out << "// Made from profiles/*.toml by src/decide/bake_main.cpp.\n#include <array>\n\n#include "
         "\"decide/sources.h\"\n\n"
         "namespace assent::decide {\n\nnamespace {\n\nconstexpr std::array<Shipped, "
      << count - 2 << "> kShipped{{\n"
      << entries << "}};\n\n}  // namespace\n\nstd::span<const Shipped> shipped_profiles() { return kShipped; }\n\n"
      << "}  // namespace assent::decide\n";
  return out.flush() ? 0 : 1;
}
