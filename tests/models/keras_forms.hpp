// Layers and models as files of Keras 2 describe them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/files/keras/keras_graph.hpp"

namespace xtape::test {

/// The first output of a call of a layer.
inline Json reference(const std::string& layer, unsigned call = 0) { return Json::array({layer, call, 0U}); }

/// A layer that is called once for each of these lists of references, such as `[["in", 0, 0]]`.
inline Json called(const std::string& type, const std::string& name, const std::vector<Json>& calls,
                   Json config = Json::object()) {
  Json layer{{"class_name", type}, {"name", name}, {"config", std::move(config)}, {"inbound_nodes", Json::array()}};
  layer["config"]["name"] = name;
  for (const Json& call : calls) {
    Json references = Json::array();
    for (const Json& given : call) {
      references.push_back(given);
      references.back().push_back(Json::object());
    }
    layer["inbound_nodes"].push_back(references);
  }
  return layer;
}

/// A model of these layers with one input layer and one output.
inline Json functional(const std::string& name, const std::vector<Json>& layers, const std::string& input,
                       const Json& output) {
  return {{"class_name", "Functional"},
          {"name", name},
          {"config",
           {{"name", name},
            {"layers", layers},
            {"input_layers", Json::array({reference(input)})},
            {"output_layers", Json::array({output})}}}};
}

}  // namespace xtape::test
