// Compiled models in files that Keras wrote (make_keras_training.py): the steps that follow are compared with Keras's.
#include "training/keras/keras_training.hpp"

#include <cmath>
#include <set>
#include <sstream>

#include "framework/io/safetensors.hpp"
#include "framework/io/zip.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"
#include "tests/golden/evaluation.hpp"
#include "tests/io/files.hpp"
#include "tests/io/python.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;

namespace {

constexpr std::int64_t before = 3, steps = 6;  // of make_keras_training.py

/// What the script has written.
struct GoldenRuns {
  std::vector<std::string> files;
  std::map<std::string, Tensor> arrays;

  GoldenRuns() {
    const SafetensorsFile all = load_safetensors(golden::folder() / "keras_training.safetensors");
    std::istringstream names(all.metadata.at("files"));
    for (std::string name; names >> name;) files.push_back(name);
    for (const auto& [name, tensor] : all.tensors) arrays[name] = tensor;
  }
  Tensor batch(const std::string& name, std::int64_t step) const { return arrays.at(name).rows(step, step + 1); }
  /// The targets of a step. one_hot and binary are trained with the classes as rows of zeros and a one.
  Tensor targets(const std::string& name, std::int64_t step) const {
    if (name.starts_with("softmax") || name.starts_with("logits")) return batch("classes", step).reshaped({8});
    if (name.starts_with("one_hot") || name.starts_with("binary")) {
      return one_hot(batch("classes", step).reshaped({8}), 4, DType::float32);
    }
    return batch("numbers", step).reshaped({8, 2});
  }
};

std::string stem_of(const std::string& file) { return file.substr(0, file.find('.')); }

/// Does the steps that Keras did after it wrote the file, and compares the weights with those of Keras.
void check_steps(const GoldenRuns& runs, const std::string& name, const KerasTraining& run) {
  REQUIRE(run.left_out.empty());
  for (std::int64_t step = before; step < steps; ++step) {
    ForwardPass pass(Mode::training);
    const Variable outputs = run.model(runs.batch("inputs", step).reshaped({8, 3}), pass);
    const WeightedLoss& loss = run.loss->all().at(0);
    run.optimizer->minimize(loss.loss(outputs, runs.targets(name, step)) * loss.weight, pass);
  }
  const std::vector<Parameter> parameters = run.model.parameters();
  REQUIRE_FALSE(runs.arrays.contains(fmt::format("{}/{}", name, parameters.size())));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    INFO(parameters[i].name());
    CHECK(test::largest_difference(parameters[i].value(), runs.arrays.at(fmt::format("{}/{}", name, i))) < 3e-6);
  }
}

/// Whether Keras 3 has the formula of the optimizer.
bool can_be_saved(const Optimizer& optimizer) {
  const std::string settings = optimizer.settings();
  return settings.find("epsilon_outside") == std::string::npos && settings.find("momentum_decay") == std::string::npos;
}

/// Calls f(name, path) for each file.
template <class F>
void for_each_file(const GoldenRuns& runs, F f) {
  const test::TemporaryFolder folder;
  const ZipFile archive("test", golden::folder() / "keras_training.zip");
  for (const std::string& file : runs.files) {
    INFO(file);
    test::write_bytes(folder / file, archive.read(file));
    f(stem_of(file), folder / file);
  }
}

}  // namespace

TEST_CASE("training resumes from files of Keras with Keras's steps, before and after saving") {
  const GoldenRuns runs;
  const test::TemporaryFolder folder;
  std::set<std::string> types;
  for_each_file(runs, [&](const std::string& name, const std::filesystem::path& path) {
    const KerasTraining run = load_keras_training(path);
    types.insert(run.optimizer->type());
    const auto save = [&] {
      save_keras_training(run.model, *run.optimizer, folder / "again.keras",
                          {.loss = *run.loss, .metrics = run.metrics});
    };
    if (can_be_saved(*run.optimizer)) {
      INFO("saved again");
      save();
      const KerasTraining again = load_keras_training(folder / "again.keras");
      CHECK(again.optimizer->settings() == run.optimizer->settings());
      CHECK(again.optimizer->schedule().text() == run.optimizer->schedule().text());
      CHECK(again.metrics.size() == run.metrics.size());
      check_steps(runs, name, again);
    } else {
      CHECK_THAT(error_of(save), Catch::Contains("expected options that Keras has"));
    }
    check_steps(runs, name, run);
  });
  CHECK(types.size() == 10);
}

TEST_CASE("Keras resumes training from files that xtape saved, with the same steps") {
  const GoldenRuns runs;
  const test::TemporaryFolder folder;
  std::string arguments;
  std::size_t files = 0;
  for_each_file(runs, [&](const std::string& name, const std::filesystem::path& path) {
    const KerasTraining run = load_keras_training(path);
    if (!can_be_saved(*run.optimizer)) return;
    const std::filesystem::path copy = folder / (name + "_again.keras");
    save_keras_training(run.model, *run.optimizer, copy, {.loss = *run.loss, .metrics = run.metrics});
    arguments += fmt::format(" '{}' {}", copy.string(), name);
    ++files;
  });
  test::check_in_keras(golden::folder() / "check_keras_training.py", arguments, files);
}

TEST_CASE("training of ResNet-8 of MLPerf Tiny, from a file of tf.keras 2.4, resumes with Keras's losses") {
  const KerasTraining run = load_keras_training(test::file_beside("models/keras/resnet8_cifar.h5"));
  CHECK(run.optimizer->iterations() == 781500);
  CHECK(to_string(run.loss->all()[0].loss) == "categorical_cross_entropy");
  CHECK(run.metrics.size() == 1);
  constexpr std::int64_t count = 4 * 32 * 32 * 3;
  Tensor images = Tensor::empty({4, 32, 32, 3}, DType::float32);
  for (std::int64_t i = 0; i < count; ++i) {
    images.mutable_data<float>()[i] = static_cast<float>((std::sin(static_cast<double>(i)) + 1) / 2 * 255);
  }
  const Tensor before_steps = run.model.parameter("dense/kernel").value().to(DType::float64);
  // Computed with the legacy Adam of tf_keras 2.21.
  for (const double loss : {3.186821222305298, 3.1277196407318115, 3.031158208847046}) {
    ForwardPass pass(Mode::training);
    const Variable value =
        run.loss->all()[0].loss(run.model(images, pass), one_hot(Tensor::labels({0, 3, 5, 9}), 10, DType::float32)) +
        run.model.regularization(pass).value();
    CHECK(value.value().item() == Approx(loss).epsilon(1e-4));
    run.optimizer->minimize(value, pass);
  }
  double change = 0;
  const std::vector<double> from = before_steps.to_vector(),
                            to = run.model.parameter("dense/kernel").value().to_vector();
  for (std::size_t i = 0; i < from.size(); ++i) change += std::abs(to[i] - from[i]);
  CHECK(change == Approx(0.011826650239527225).epsilon(1e-2));
}
