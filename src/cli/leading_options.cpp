#include "cli/leading_options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <exception>

#include "base/show.h"

namespace assent::cli {

namespace {

namespace po = boost::program_options;

// Where the options end; `separator` where a "--" stands there.
std::size_t end_of_options(Arguments arguments, const po::options_description& options, bool& separator) {
  std::size_t i = 0;
  while (i < arguments.size()) {
    const std::string& word = arguments[i];
    separator = word == "--";
    if (separator || word.size() < 2 || word[0] != '-') return i;
    const bool is_long = word[1] == '-';
    const bool has_value = is_long ? word.find('=') != std::string::npos : word.size() > 2;
    const std::string name = is_long ? word.substr(2, word.find('=') - 2) : word.substr(0, 2);
    const auto* option = options.find_nothrow(name, is_long);
    ++i;
    if (option != nullptr && option->semantic()->max_tokens() > 0 && !has_value) ++i;
  }
  return std::min(i, arguments.size());
}

}  // namespace

Result<Leading> parse_leading(Arguments arguments, const po::options_description& options) {
  try {
    Leading out;
    bool separator = false;
    const std::size_t end = end_of_options(arguments, options, separator);
    const std::vector<std::string> front(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(end));
    po::store(po::command_line_parser(front).options(options).run(), out.given);
    po::notify(out.given);
    const auto rest = arguments.subspan(end + (separator ? 1 : 0));
    out.rest.assign(rest.begin(), rest.end());
    return out;
  } catch (const std::exception& problem) {
    return fail(EINVAL, show(problem.what()));
  }
}

std::vector<std::string> values_of(const po::variables_map& given, const char* name) {
  return given.count(name) != 0 ? given[name].as<std::vector<std::string>>() : std::vector<std::string>{};
}

}  // namespace assent::cli
