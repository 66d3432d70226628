// Parts of ONNX files that tests write.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "xtape_onnx.pb.h"

namespace xtape::test {

/// Adds a constant: integers, or 0.5 everywhere.
inline void add_constant(xtape_onnx::GraphProto& graph, const std::string& name,
                         const std::vector<std::int64_t>& extents, const std::vector<std::int64_t>& integers = {}) {
  auto& constant = *graph.add_initializer();
  constant.set_name(name);
  constant.set_data_type(integers.empty() ? xtape_onnx::TensorProto::FLOAT : xtape_onnx::TensorProto::INT64);
  std::int64_t count = 1;
  for (const std::int64_t extent : extents) constant.add_dims(extent), count *= extent;
  for (const std::int64_t integer : integers) constant.add_int64_data(integer);
  for (std::int64_t i = 0; i < count && integers.empty(); ++i) constant.add_float_data(0.5F);
}

}  // namespace xtape::test
