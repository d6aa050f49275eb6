// A Profile as bytes, and back: the shipped profiles are parsed when the program is built (bake_main.cpp), because to
// parse them takes a good part of a session's start. The bytes are part of the program and mean something to the same
// build only; nothing that comes from outside is ever read this way.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "decide/profile.h"

namespace assent::decide {

// A shipped profile without its comments and its [[test]]s, which are its end. Every line keeps its number.
std::string rules_of(std::string_view shipped);

std::string freeze(const Profile& profile);
// Nothing where the bytes are not exactly one profile.
std::optional<Profile> thaw(std::string_view bytes);

}  // namespace assent::decide
