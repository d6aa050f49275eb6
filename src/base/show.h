// show(): the one way for anything that came from outside to reach a screen, a page or a log line.
// Control bytes, escape sequences, bidirectional overrides, invisible format characters and invalid UTF-8 come out
// escaped (\n, \x1b, \u{202e}, \xff); a backslash comes out doubled, so the result can be told back. Never fails.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace assent {

std::string show(std::string_view bytes);

// At most `columns` terminal columns wide; longer ones are cut in the middle with "…".
std::string show(std::string_view bytes, std::size_t columns);

// A command line for people: words that need it are quoted as a POSIX shell would want them, each through show().
std::string show_command(const std::vector<std::string>& argv, std::size_t columns = 0);

// How many terminal columns a text takes that is safe already (came out of show(), or is our own).
std::size_t columns_of(std::string_view shown);

}  // namespace assent
