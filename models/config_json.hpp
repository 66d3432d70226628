// LayerConfig as JSON. Internal to models/.
#pragma once

#include <nlohmann/json.hpp>

#include "layers/layer_config.hpp"

namespace xtape {

/// Fields keep their order, so that the same model gives the same bytes.
using Json = nlohmann::ordered_json;

/// Parses text that anybody may have written. Error for what is no JSON, nests deeper than 100 levels, or has an object
/// with one name twice or more than 1000 names, among which a search takes long.
Json parse_json(const std::string& text);

/// Error for numbers that are not finite, which JSON does not have.
Json config_to_json(const LayerConfig& config);
/// Error naming the field for what no option can be, such as a list of texts.
LayerConfig config_from_json(const Json& json);

}  // namespace xtape
