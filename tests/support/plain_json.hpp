// JSON objects without the order of their fields.
#pragma once

#include <nlohmann/json.hpp>

#include "models/files/config_json.hpp"

namespace xtape::test {

/// As nlohmann::json, which compares objects without regard to the order of their fields.
inline nlohmann::json plain(const Json& value) { return nlohmann::json::parse(value.dump()); }

}  // namespace xtape::test
