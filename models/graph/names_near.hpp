// Similar names, for messages about a name that does not exist. Internal to models/.
#pragma once

#include <string>
#include <vector>

namespace xtape {

/// Names for a message, "a, b, c": all names in their order if there are few; otherwise those with the smallest edit
/// distance from `wanted`.
std::string names_near(const std::string& wanted, std::vector<std::string> names);

}  // namespace xtape
