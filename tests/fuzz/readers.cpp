#include "tests/fuzz/readers.hpp"

#include <fstream>

#include "framework/io/csv.hpp"
#include "framework/io/hdf5_file.hpp"
#include "framework/io/idx.hpp"
#include "framework/io/image.hpp"
#include "framework/io/input_file.hpp"
#include "framework/io/npy.hpp"
#include "framework/io/safetensors.hpp"
#include "framework/io/temporary_file.hpp"
#include "framework/io/torch_file.hpp"
#include "framework/io/zip.hpp"
#include "layers/layers.hpp"
#include "models/files/keras/keras_graph.hpp"
#include "models/files/keras/keras_model.hpp"
#include "models/files/model_file.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "models/files/weights.hpp"
#include "optim/adam.hpp"
#include "training/checkpoint/checkpoint_file.hpp"
#include "training/data/cifar.hpp"
#include "training/data/table.hpp"
#include "training/fit.hpp"
#include "training/keras/keras_objective.hpp"
#include "training/keras/keras_optimizer.hpp"
#include "training/keras/keras_training.hpp"

namespace xtape::fuzz {
namespace {

/// Reads every data set, so that an error for one does not hide the others.
void read_hdf5(const std::filesystem::path& path) {
  const Hdf5File file("read_hdf5", path);
  for (const std::string& name : file.dataset_names()) {
    try {
      file.dataset(name).read();
    } catch (const Error&) {
      continue;
    }
  }
}

/// Loads weights into the network whose weights are in the corpus.
void read_keras(const std::filesystem::path& path) {
  static Model model = [] {
    const SymbolicTensor input = Input({2});
    const auto x = BatchNormalization({.name = "norm"})(Dense({.units = 4, .name = "hidden"})(input));
    return Model(input, Dense({.units = 3, .name = "logits"})(x));
  }();
  load_weights(model, path, {.strict = false});
}

std::string bytes_of(const std::filesystem::path& path) {
  const InputFile file("bytes_of", path);
  std::string bytes(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, bytes.data(), file.size());
  return bytes;
}

/// Reads the arrays of a state_dict that are not large.
void read_torch(const std::filesystem::path& path) {
  for (const StoredTensor& tensor : list_torch_file("read_torch", path)) {
    if (tensor.dtype && tensor.shape.size() < 100'000) tensor.read();
  }
}

/// Reads a pickle as that of a file of PyTorch, whose checksums would hide most changes of it.
void read_pickle(const std::filesystem::path& path) {
  const TemporaryFile archive("read_pickle");
  std::vector<ZipEntry> entries{{"a/data.pkl", bytes_of(path)}};
  for (const int bytes : {4, 16, 48}) {
    entries.push_back(
        {fmt::format("a/data/{}", entries.size() - 1), std::string(static_cast<std::size_t>(bytes), '\1')});
  }
  std::ofstream out(archive.path(), std::ios::binary);
  write_zip("read_pickle", out, entries);
  out.close();
  read_torch(archive.path());
}

/// Makes the losses, metrics and the optimizer of a compiled model, which an archive and an HDF5 file contain.
void read_keras_training_config(const std::filesystem::path& path) {
  static const Model model = [] {
    const SymbolicTensor input = Input({2});
    return Model(input, Dense({.units = 2, .name = "out"})(input));
  }();
  const Json json = parse_json(bytes_of(path));
  check(json.is_object(), "expected an object");
  std::vector<std::string> problems;
  try {
    losses_from_keras(json, model, {}, problems);
    metrics_from_keras(json, model, {}, problems);
    optimizer_from_keras({json.value("optimizer_config", Json()), {}, model.named_parameters()}, model.parameters());
  } catch (const Json::exception& error) {  // as load_keras_training() does
    fail("expected a training config, got {}", error.what());
  }
}

/// Makes the model of a Keras config, which an archive and an HDF5 file contain.
void read_keras_config(const std::filesystem::path& path) {
  const Json json = parse_json(bytes_of(path));
  const auto version = json.is_object() && json.contains("module") ? 3 : 2;
  static_cast<void>(graph_from_keras(json, {.version = version, .custom = {}, .most_elements = 100'000}));
}

/// The run whose checkpoint is in the corpus: one step of four.
struct TinyRun {
  Model model = [] {
    const SymbolicTensor input = Input({2});
    return Model(input, Dense({.units = 2, .name = "logits"})(input), {.name = "tiny"});
  }();
  const Dataset data{Tensor::zeros({4, 2}), Tensor::labels({0, 1, 0, 1}), 2};
  const FitOptions options{.epochs = 2, .batch_size = 2};
  Adam adam{model.parameters()};
  TrainingState state{model, adam, data, options};

  TinyRun() { state.schedule = schedule_text(adam, 0, 2); }
};

void read_checkpoint(const std::filesystem::path& path) {
  TinyRun run;
  Resumption(run.state, path).restore();
}

}  // namespace

const std::vector<Reader>& readers() {
  static const std::vector<Reader> all{
      {"checkpoint", read_checkpoint},
      {"cifar", [](const std::filesystem::path& path) { read_cifar(path); }},
      {"csv", [](const std::filesystem::path& path) { load_csv(path, {.label = "species"}); }},
      {"hdf5", read_hdf5},
      {"idx", [](const std::filesystem::path& path) { load_idx(path); }},
      {"image", [](const std::filesystem::path& path) { read_image(path); }},
      {"keras", read_keras},
      {"keras_config", read_keras_config},
      {"keras_model", [](const std::filesystem::path& path) { load_keras_model(path); }},
      {"keras_training", [](const std::filesystem::path& path) { load_keras_training(path, {.strict = false}); }},
      {"keras_training_config", read_keras_training_config},
      {"model", [](const std::filesystem::path& path) { load_model(path); }},
      {"npy", [](const std::filesystem::path& path) { load_npy(path); }},
      {"npz", [](const std::filesystem::path& path) { load_npz(path); }},
      {"onnx", [](const std::filesystem::path& path) { load_onnx(path); }},
      {"pickle", read_pickle},
      {"safetensors", [](const std::filesystem::path& path) { load_safetensors(path); }},
      {"torch", read_torch},
  };
  return all;
}

void write_checkpoint(const std::filesystem::path& path) {
  TinyRun run;
  ForwardPass pass(Mode::training);
  const Batch batch{{Tensor::ones({2, 2})}, {Tensor::labels({0, 1})}};
  const Variable outputs = run.model(batch.input(), pass);
  const Variable loss = softmax_cross_entropy(outputs, batch.target());
  run.adam.minimize(loss, pass);
  run.state.epoch = 1;
  run.state.batch = 1;
  run.state.running.add({outputs.value()}, batch, {.of_outputs = {loss.value().item()}});
  save_checkpoint(run.state, path);
}

}  // namespace xtape::fuzz
