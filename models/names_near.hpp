// Names for messages about a name that does not exist. Internal to models/.
#pragma once

#include <string>
#include <vector>

namespace xtape {

/// "a, b, c": all names in their order when they are few, else those most like the wanted one, by edit distance.
std::string names_near(const std::string& wanted, std::vector<std::string> names);

}  // namespace xtape
