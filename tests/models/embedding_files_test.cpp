// Embedding in files of Keras and PyTorch.
#include "framework/io/hdf5.hpp"
#include "framework/io/safetensors.hpp"
#include "layers/layers.hpp"
#include "models/files/keras/keras_graph.hpp"
#include "models/files/keras/keras_model.hpp"
#include "models/files/weights.hpp"
#include "tests/support/outputs.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using test::error_of;

Model read(const std::string& json) {
  return graph_from_keras(Json::parse(json), {.version = 2, .custom = {}, .most_elements = 1000}).model;
}

/// The config of a functional model: "tokens", a float32 input as tf.keras declares it, which an Embedding reads, and
/// the layer `other`, which reads the layer `read`.
std::string functional(const std::string& read_by_other) {
  return R"({"class_name": "Functional", "config": {"name": "m", "layers": [
      {"class_name": "InputLayer", "name": "tokens", "inbound_nodes": [],
       "config": {"name": "tokens", "dtype": "float32", "batch_input_shape": [null, 4], "sparse": false}},
      {"class_name": "Embedding", "name": "embed", "inbound_nodes": [[["tokens", 0, 0, {}]]],
       "config": {"name": "embed", "trainable": true, "batch_input_shape": [null, null], "dtype": "float32",
         "input_dim": 5, "output_dim": 2, "embeddings_initializer": {"class_name": "RandomUniform",
           "config": {"minval": -0.05, "maxval": 0.05, "seed": null}},
         "embeddings_regularizer": null, "activity_regularizer": null, "embeddings_constraint": null,
         "mask_zero": false, "input_length": null}},
      {"class_name": "Activation", "name": "other", "inbound_nodes": [[[")" +
         read_by_other + R"(", 0, 0, {}]]],
       "config": {"name": "other", "dtype": "float32", "activation": "tanh"}}],
      "input_layers": [["tokens", 0, 0]], "output_layers": [["embed", 0, 0], ["other", 0, 0]]}})";
}

}  // namespace

TEST_CASE("an input of Keras that only Embeddings read has whole numbers, whatever type the file says") {
  const Model model = read(functional("embed"));
  CHECK(model.inputs()[0].dtype() == DType::int64);
  CHECK(dynamic_cast<const EmbeddingLayer&>(model.layer("embed")).options().output_dim == 2);
  CHECK(error_of([] { read(functional("tokens")); }) ==
        "layer \"embed\" of class Embedding: Embedding embed: expected tokens of type int64, got (None, 4)");
  for (const char* input : {R"({"class_name": "InputLayer", "config": {"name": "in", "dtype": "float32",
                               "batch_input_shape": [null, null]}},)",
                            R"({"class_name": "InputLayer", "config": {"name": "in", "dtype": "int32",
                               "batch_input_shape": [null, null]}},)",
                            ""}) {
    INFO(input);
    const Model sequential =
        read(R"({"class_name": "Sequential", "config": {"name": "s", "layers": [)" + std::string(input) +
             R"({"class_name": "Embedding", "config": {"name": "e", "dtype": "float32",
                                      "batch_input_shape": [null, null], "input_dim": 5, "output_dim": 2}},
                                     {"class_name": "GlobalAveragePooling1D", "config": {"name": "g"}}]}})");
    CHECK(sequential.inputs()[0].dtype() == DType::int64);
    CHECK(to_string(sequential.inputs()[0].spec()) == "int64 (None, None)");
  }
}

TEST_CASE("a Sequential of Keras 1 with an Embedding is read with its table") {
  const test::TemporaryFolder folder;
  const std::string config = R"({"class_name": "Sequential", "config": [{"class_name": "Embedding", "config":
      {"name": "embedding_1", "trainable": true, "batch_input_shape": [null, 3], "input_dtype": "int32", "input_dim": 4,
       "output_dim": 2, "init": "uniform", "input_length": 3, "mask_zero": false, "W_regularizer": null,
       "activity_regularizer": null, "W_constraint": null, "dropout": 0.0}}]})";
  save_hdf5(folder / "m.h5",
            {{"model_weights/embedding_1/embedding_1_W:0", Tensor::of({4, 2}, {0, 1, 2, 3, 4, 5, 6, 7})}},
            {{"/", "model_config", {config}, false},
             {"/", "keras_version", {"1.2.2"}, false},
             {"model_weights", "layer_names", {"embedding_1"}},
             {"model_weights/embedding_1", "weight_names", {"embedding_1_W:0"}}});
  const Model model = load_keras_model(folder / "m.h5");
  const Tensor tokens = Tensor::labels({3, 0, 2}).reshaped({1, 3});
  CHECK(test::output_of(model, tokens).to_vector() == std::vector<double>{6, 7, 0, 1, 4, 5});
}

TEST_CASE("an Embedding is written for Keras and for PyTorch, and is the same after reading") {
  const test::TemporaryFolder folder;
  const auto tokens = Input({.shape = {any}, .dtype = DType::int64, .name = "tokens"});
  const Model model(tokens, Embedding({.input_dim = 6, .output_dim = 3, .embeddings_regularizer = l2(0.25)})(tokens),
                    {.seed = 4});
  const Tensor batch = Tensor::labels({5, 0, 1, 3}).reshaped({2, 2});
  for (const char* file : {"m.keras", "m.h5"}) {
    save_keras_model(model, folder / file);
    const Model loaded = load_keras_model(folder / file);
    CHECK(loaded.layer("embedding_1").config() == model.layer("embedding_1").config());
    CHECK(identical(test::output_of(loaded, batch), test::output_of(model, batch)));
  }
  save_weights(model, folder / "w.safetensors", {.format = WeightsFormat::pytorch});
  const SafetensorsFile written = load_safetensors(folder / "w.safetensors");
  REQUIRE(written.tensors.size() == 1);
  CHECK(written.tensors[0].name == "embedding_1.weight");  // torch.nn.Embedding
  CHECK(identical(written.tensors[0].tensor, model.parameter("embedding_1/embeddings").value()));
  const Model other = Model(tokens, Embedding({.input_dim = 6, .output_dim = 3, .name = "embedding_1"})(tokens));
  CHECK(load_weights(other, folder / "w.safetensors").complete());
  CHECK(identical(test::output_of(other, batch), test::output_of(model, batch)));
}

}  // namespace xtape
