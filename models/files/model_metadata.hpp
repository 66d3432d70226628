// The metadata about the use of a model, in the files of xtape and ONNX. Internal to models/files.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "layers/graph/tensor_spec.hpp"

namespace xtape {

constexpr const char* class_names_key = "class_names";  ///< the names of the classes, a JSON list of texts
constexpr const char* image_scale_key = "image_scale";  ///< how pixels are given, see image_scale()

/// The texts of a JSON list; nullopt for anything else.
inline std::optional<std::vector<std::string>> texts_in(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  const bool texts = json.is_array() && std::ranges::all_of(json, [](const auto& item) { return item.is_string(); });
  return texts ? std::optional(json.get<std::vector<std::string>>()) : std::nullopt;
}

/// The number of outputs that class names describe: the last extent of a sample, 1 for a single number.
inline Extent class_count(const PartialShape& output) { return output.rank() > 0 ? output[-1] : Extent(1); }

}  // namespace xtape
