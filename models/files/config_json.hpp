// LayerConfig as JSON. Internal to models/.
#pragma once

#include <nlohmann/json.hpp>

#include "layers/graph/layer_config.hpp"

namespace xtape {

/// JSON whose fields keep their order, so that equal models give equal files.
using Json = nlohmann::ordered_json;

/// Parses untrusted text. Error when it is not JSON, has more than 100 levels, or has an object with a duplicate name
/// or with more than 1000 names (a search among more would be slow).
Json parse_json(const std::string& text);

/// The config as JSON. Error for numbers that are not finite: JSON has none.
Json config_to_json(const LayerConfig& config);
/// The config of a JSON object. Error with the name of the field for a value that no option can have, such as a list of
/// texts.
LayerConfig config_from_json(const Json& json);

}  // namespace xtape
