#include "training/keras/keras_training.hpp"

#include <fmt/ranges.h>

#include "framework/io/with_place.hpp"
#include "models/files/keras/keras_file.hpp"
#include "models/files/keras/keras_padding.hpp"
#include "training/keras/keras_objective.hpp"
#include "training/keras/keras_optimizer.hpp"

namespace xtape {
namespace {

constexpr const char* loading = "load_keras_training";
constexpr const char* saving = "save_keras_training";

/// The trainable parameters in the order of Keras's model.trainable_variables.
NamedParameters trained_parameters(const std::vector<KerasNode>& nodes) {
  NamedParameters trained;
  for (const KerasNode& node : nodes) {
    for (const auto& [name, parameter] : keras_weights(node)) {
      if (parameter.trainable()) trained.emplace_back(name, parameter);
    }
  }
  return trained;
}

/// The trained parameters of a model in the order of the file that is written.
NamedParameters trained_parameters_of(const Model& model) {
  NamedParameters trained = trained_parameters(keras_nodes(with_padding_layers(model)));
  for (auto& [name, parameter] : trained) parameter = model.parameter(parameter.name());
  return trained;
}

void read_training(const KerasFile& file, const std::vector<KerasNode>& nodes, const Json& compiled,
                   const LoadKerasTrainingOptions& options, KerasTraining& run) {
  check(compiled.is_object(),
        "expected a compiled model, got one that Keras saved without compile(); load_keras_model() reads the model");
  run.loss = losses_from_keras(compiled, run.model, options.custom_losses, run.left_out);
  run.metrics = metrics_from_keras(compiled, run.model, options.custom_metrics, run.left_out);
  try {
    const bool early = compiled.contains("optimizer_config");
    run.optimizer = optimizer_from_keras({compiled.value(early ? "optimizer_config" : "optimizer", Json()),
                                          file.optimizer_variables(), trained_parameters(nodes)},
                                         run.model.parameters());
  } catch (const Error& error) {
    run.left_out.push_back(fmt::format("optimizer: {}", error.what()));
  }
}

}  // namespace

KerasTraining load_keras_training(const std::filesystem::path& path, const LoadKerasTrainingOptions& options) {
  const KerasFile file(loading, path);
  const KerasGraph graph = file.graph(options.custom_layers);
  KerasTraining run{.model = graph.model, .loss = {}, .metrics = {}, .optimizer = nullptr, .left_out = {}};
  with_place(loading, path.string(), [&] {
    try {
      read_training(file, graph.nodes.layers, file.compiled(), options, run);
    } catch (const Json::exception& error) {
      fail("expected a training config of Keras, got JSON of another form: {:.200}", error.what());
    }
  });
  check(!options.strict || run.left_out.empty(), "{}: {}: {}; strict = false reads the rest", loading, path.string(),
        fmt::join(run.left_out, "; "));
  return run;
}

void save_keras_training(const Model& model, const Optimizer& optimizer, const std::filesystem::path& path,
                         const SaveKerasTrainingOptions& options) {
  const Objective objective(saving, model, {}, options.loss, options.metrics);
  KerasCompiled compiled;
  with_place(saving, path.string(), [&] {
    compiled.config = objective_to_keras(objective);
    compiled.config["optimizer"] = optimizer_to_keras(optimizer);
    compiled.variables = optimizer_variables(optimizer, trained_parameters_of(model));
  });
  write_keras_file(saving, model, path, &compiled);
}

}  // namespace xtape
