// Any bytes as a profile: parsed, compiled and asked, without a crash, a hang or an exception.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "decide/act.h"
#include "decide/policy.h"
#include "decide/profile.h"
#include "decide/rules.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace assent;
  using namespace assent::decide;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Problems problems;
  const Profile profile = parse_profile(text, "fuzz.toml", problems);
  RuleLists rules;
  rules.append(profile, {"/home/u/proj", "/home/u", "/tmp", "1000"}, {}, problems);
  for (const auto& problem : problems) static_cast<void>(to_string(problem));

  FileSubject file;
  file.path = "/home/u/proj/a/\xff\n.env";
  for (unsigned i = 0; i < 6; ++i) {
    file.operation = static_cast<Operation>(i);
    FileFacts facts(file);
    for (const auto& rule : rules.file) static_cast<void>(rule.matches(facts, Scene{i}));
  }
  const NetSubject net{NetSubject::Protocol::Tcp, "10.1.2.3", 443, {"a.example.org", "*"}};
  for (const auto& rule : rules.net) static_cast<void>(rule.matches(net));
  const ExecSubject exec{"/bin/rm", {"rm", "-rf", "--", "x"}};
  for (const auto& rule : rules.exec) static_cast<void>(rule.matches(exec));
  return 0;
}
