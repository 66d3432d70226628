#include "framework/version.hpp"

namespace xtape {

std::string_view version() { return XTAPE_VERSION; }

}  // namespace xtape
