// Options that stand before a command of their own, whose words may look like options too: "check --own exec rm -rf x".
#pragma once

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>
#include <string>
#include <vector>

#include "assent/result.h"
#include "cli/verbs.h"

namespace assent::cli {

struct Leading {
  boost::program_options::variables_map given;
  std::vector<std::string>
      rest;  // from the first word that is neither an option nor an option's value; "--" is dropped
};

// Error: what is wrong with the options, safe to show. Nothing is thrown.
Result<Leading> parse_leading(Arguments arguments, const boost::program_options::options_description& options);

// The values of a repeatable option; nothing where it was not given.
std::vector<std::string> values_of(const boost::program_options::variables_map& given, const char* name);

}  // namespace assent::cli
