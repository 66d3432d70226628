#include <algorithm>
#include <nlohmann/json.hpp>

#include "framework/io/atomic_file.hpp"
#include "framework/io/extension.hpp"
#include "framework/io/utf8.hpp"
#include "framework/io/with_place.hpp"
#include "framework/version.hpp"
#include "layers/layers.hpp"
#include "models/files/model_metadata.hpp"
#include "models/files/onnx/export_graph.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "models/graph/fusion.hpp"

namespace xtape {
namespace {

using onnx::ExportGraph;
using onnx::ExportValue;

const onnx::ExportRows& export_rows() {
  static const onnx::ExportRows rows = [] {
    onnx::ExportRows all;
    onnx::add_activation_rows(all);
    onnx::add_convolution_rows(all);
    onnx::add_normalization_rows(all);
    onnx::add_shape_rows(all);
    onnx::add_image_rows(all);
    onnx::add_operator_rows(all);
    return all;
  }();
  return rows;
}

/// Describes an input or an output of the graph.
void describe(xtape_onnx::ValueInfoProto& info, const ExportValue& value, DType dtype) {
  info.set_name(value.name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(dtype == DType::int64   ? xtape_onnx::TensorProto::INT64
                       : dtype == DType::uint8 ? xtape_onnx::TensorProto::UINT8
                                               : xtape_onnx::TensorProto::FLOAT);
  auto& shape = *tensor.mutable_shape();
  shape.add_dim()->set_dim_param("n");
  const int rank = value.shape.rank();
  for (int i = 0; i < rank; ++i) {
    const int axis = !value.channels_first ? i : i == 0 ? rank - 1 : i - 1;
    const Extent extent = value.shape[axis];
    auto& dim = *shape.add_dim();
    if (extent.known()) {
      dim.set_dim_value(extent.value());
    } else {
      dim.set_dim_param(fmt::format("{}_{}", value.name, axis + 1));
    }
  }
}

class ModelWriter {
 public:
  ModelWriter(ExportGraph& graph, const SaveOnnxOptions& options, const Model& model)
      : graph_(graph), options_(options) {
    count_calls(*model.definition(), calls_);
  }

  /// Writes the nodes of a model; `path` is the prefix of the paths of its layers. Returns the outputs.
  std::vector<ExportValue> outputs(const Model& model, const std::vector<ExportValue>& inputs,
                                   const std::string& path) {
    std::vector<std::vector<ExportValue>> values(model.nodes().size());
    for (std::size_t i = 0; i < inputs.size(); ++i) values[model.input_nodes()[i]] = {inputs[i]};
    const auto folded = folded_layers(model);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!values[i].empty()) continue;
      const ModelNode& node = model.nodes()[i];
      std::vector<ExportValue> arguments;
      for (const NodeOutput& input : node.inputs) arguments.push_back(values[input.node][input.output]);
      const auto fold = folded.find(i);
      values[i] = call(node, std::move(arguments), path, fold == folded.end() ? nullptr : fold->second);
    }
    std::vector<ExportValue> results;
    for (const NodeOutput& output : model.output_nodes()) results.push_back(values[output.node][output.output]);
    return results;
  }

 private:
  std::vector<ExportValue> call(const ModelNode& node, std::vector<ExportValue> inputs, const std::string& path,
                                const BatchNormalizationLayer* folded) {
    const std::string name = path + node.layer->name();
    if (const auto inner = Model::from_layer(node.layer)) return outputs(*inner, inputs, name + "/");
    const auto row = export_rows().find(node.layer->type());
    check(row != export_rows().end(),
          "{}: expected a layer that ONNX can express, got a {}; replace it, or export the parts before and behind it",
          name, node.layer->type());
    graph_.enter(name);
    try {
      ExportValue made = row->second({graph_, *node.layer, std::move(inputs), node.shape(), folded});
      made.name = graph_.settled(made.name, name);
      return {made};
    } catch (const Error& error) {
      fail_as(error, "{}: {}", node.layer->title(), error.what());
    }
  }

  /// For each node whose kernel takes the factors of a batch normalization, and for that node too: the normalization.
  std::map<std::size_t, const BatchNormalizationLayer*> folded_layers(const Model& model) const {
    std::map<std::size_t, const BatchNormalizationLayer*> folded;
    if (!options_.fold_batch_norm) return folded;
    std::vector<int> readers(model.nodes().size());
    for (const ModelNode& node : model.nodes()) {
      for (const NodeOutput& input : node.inputs) ++readers[input.node];
    }
    for (const NodeOutput& output : model.output_nodes()) ++readers[output.node];
    for (std::size_t i = 0; i < readers.size(); ++i) {
      const ModelNode& node = model.nodes()[i];
      const auto* norm = dynamic_cast<const BatchNormalizationLayer*>(node.layer.get());
      if (norm == nullptr) continue;
      const std::size_t before = node.inputs[0].node;
      const Layer& layer = *model.nodes()[before].layer;
      const auto* map = dynamic_cast<const LinearMapLayer*>(&layer);
      const bool is_linear = map != nullptr && map->activation() == linear;
      if (is_linear && readers[before] == 1 && calls_.at(&layer) == 1 && calls_.at(norm) == 1) {
        folded[before] = folded[i] = norm;
      }
    }
    return folded;
  }

  ExportGraph& graph_;
  const SaveOnnxOptions& options_;
  std::map<const Layer*, int> calls_;
};

void check_options(const SaveOnnxOptions& o, const Model& model) {
  check(o.opset >= 17 && o.opset <= 21, "opset: expected 17 to 21, got {}", o.opset);
  const int least = o.opset >= 21 ? 10 : o.opset >= 19 ? 9 : 8;
  check(o.ir_version >= least && o.ir_version <= 10, "ir_version: expected {}10 for opset {}, got {}",
        least == 10 ? "" : fmt::format("{} to ", least), o.opset, o.ir_version);
  const Extent classes = class_count(model.output_shape());
  check(o.class_names.empty() || classes == std::ssize(o.class_names),
        "class_names: expected a name for each of the {} outputs, got {}", classes, o.class_names.size());
  check_class_names(o.class_names);
  for (const auto& [name, value] : o.metadata) {
    check(name != class_names_key && name != "preprocessing" && name != "image_axes",
          "metadata: expected other names than class_names, preprocessing and image_axes, got {}", name);
  }
}

void add_metadata(xtape_onnx::ModelProto& file, const SaveOnnxOptions& options) {
  std::map<std::string, std::string> all = options.metadata;
  all["image_axes"] = options.images == ImageAxes::channels_first ? "channels_first" : "channels_last";
  if (!options.class_names.empty()) all[class_names_key] = nlohmann::json(options.class_names).dump();
  if (!options.preprocessing.empty()) all["preprocessing"] = options.preprocessing;
  for (const auto& [name, value] : all) {
    auto& entry = *file.add_metadata_props();
    entry.set_key(name);
    entry.set_value(value);
  }
}

xtape_onnx::ModelProto made_file(const Model& model, const SaveOnnxOptions& options) {
  check_options(options, model);
  xtape_onnx::ModelProto file;
  file.set_ir_version(options.ir_version);
  file.set_producer_name("xtape");
  file.set_producer_version(std::string(version()));
  auto& opset = *file.add_opset_import();
  opset.set_domain("");
  opset.set_version(options.opset);
  xtape_onnx::GraphProto& graph = *file.mutable_graph();
  graph.set_name(model.name());
  ExportGraph writer(graph, options.opset);
  const bool first = options.images == ImageAxes::channels_first;
  std::vector<ExportValue> inputs;
  for (const SymbolicTensor& input : model.inputs()) {
    const PartialShape& shape = input.shape();
    inputs.push_back({writer.fresh(input.call().layer->name()), shape, first && shape.rank() == 3});
    describe(*graph.add_input(), inputs.back(), input.dtype());
  }
  const std::vector<ExportValue> outputs = ModelWriter(writer, options, model).outputs(model, inputs, "");
  std::set<std::string> used;
  for (const ExportValue& input : inputs) used.insert(input.name);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const NodeOutput& node = model.output_nodes()[i];
    const std::string name = model.nodes()[node.node].layer->name();
    writer.enter(name);
    ExportValue output{outputs[i].name, outputs[i].shape, first && outputs[i].shape.rank() == 3};
    const ExportValue& inside = outputs[i];
    output.name = output.channels_first ? writer.channels_first(inside) : writer.plain(inside);
    if (!used.insert(output.name).second) output.name = writer.op("Identity", {output.name});
    used.insert(output.name);
    describe(*graph.add_output(), output, model.nodes()[node.node].outputs[node.output].dtype());
  }
  add_metadata(file, options);
  return file;
}

}  // namespace

void save_onnx(const Model& model, const std::filesystem::path& path, const SaveOnnxOptions& options) {
  check(has_extension(path, {".onnx"}), "save_onnx: expected a name that ends in .onnx, got {}", path_text(path));
  const std::string text = with_place("save_onnx", path.string(), [&] {
    const xtape_onnx::ModelProto file = made_file(model, options);
    const std::size_t bytes = file.ByteSizeLong();
    check(bytes < (std::size_t{1} << 31), "expected a file below 2 GiB, the limit of ONNX, got {} bytes", bytes);
    return file.SerializeAsString();
  });
  write_atomically(
      path, [&](std::ostream& out) { out.write(text.data(), std::ssize(text)); }, "save_onnx");
}

}  // namespace xtape
