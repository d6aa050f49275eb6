// resolve's pure parts: any bytes as a path, as a path in /proc, as texts of /proc. Walking a path step by step must
// name the same components as spelling it at once, and nothing may come from outside the input.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "resolve/process_facts.h"
#include "resolve/spelling.h"

using namespace assent;
using namespace assent::resolve;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_inside(std::string_view part, std::string_view whole) {
  return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

std::vector<std::string> components(std::string_view path) {
  std::vector<std::string> out;
  for (std::string_view rest = path;;) {
    const Step step = first_step(rest);
    if (step.name.empty()) return out;
    require(is_inside(step.name, path) && step.name.find('/') == std::string_view::npos);
    require(step.after.size() < rest.size());
    require(step.last == (step.after.find_first_not_of('/') == std::string_view::npos));
    out.emplace_back(step.name);
    rest = step.after;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> steps = components(input);

  if (const auto spelled = spell(input)) {
    require(size > 0 && size < 4096);
    require(spelled->absolute == (input.front() == '/'));
    require(is_inside(spelled->directory, input) && is_inside(spelled->last, input));
    require(spelled->last.find('/') == std::string_view::npos && spelled->last != "." && spelled->last != "..");
    std::vector<std::string> parts = components(spelled->directory);
    if (!spelled->last.empty()) parts.emplace_back(spelled->last);
    require(parts == steps);
    require(spelled->directory.empty() || spelled->directory.front() != '/');
    const bool names = spelled->spelling == Spelling::Plain || spelled->spelling == Spelling::TrailingSlash;
    require(names == !spelled->last.empty());
  } else {
    require(size == 0 || size >= 4096);
  }

  const ProcDirectory where = proc_directory(input);
  require(where.process >= 0 && where.thread >= 0);
  if (where.kind == ProcDirectory::Kind::Process || where.kind == ProcDirectory::Kind::Descriptors) {
    require(where.process > 0 && input.starts_with("/proc/"));
  }
  require(decimal(input) >= -1);
  (void)parse_status(input).has_value();
  std::size_t bytes = 0;
  for (const std::string& argument : split_command_line(input)) bytes += argument.size() + 1;
  require(bytes <= size + 1);
  return 0;
}
