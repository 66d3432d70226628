#include "examples/lab/training.hpp"

#include <cmath>
#include <map>

#include "examples/lab/part2_convnet.hpp"
#include "models/zoo/resnet50.hpp"
#include "optim/adam.hpp"
#include "training/batch_norm_recalibration.hpp"
#include "training/data/data_loader.hpp"
#include "training/fit.hpp"

namespace xtape::lab {
namespace {

constexpr std::int64_t resnet_batch = 32;
constexpr int resnet_epochs = 2;
constexpr std::int64_t images_of_the_report = 1080;

/// Loss and accuracy as figures. The report has none when its list is empty.
Figure quality(std::string step, std::string quantity, std::vector<double> report, const Figures& ours) {
  return {std::move(step),
          std::move(quantity),
          std::move(report),
          {ours["loss"], ours["accuracy"]},
          Printed::decimals4,
          Claim::random,
          {Measure::loss, Measure::accuracy}};
}

Figure accuracy_figure(std::string quantity, double report, const Figures& ours) {
  return {"ConvNet, 100 epochs", std::move(quantity), {report},           {ours["accuracy"]},
          Printed::decimals4,    Claim::random,       {Measure::accuracy}};
}

Figure time_figure(std::string step, std::string quantity, double report, double ours) {
  return {std::move(step), std::move(quantity), {report}, {ours}, Printed::integer, Claim::random, {Measure::time}};
}

double milliseconds_per_image(double seconds, std::int64_t images) {
  return 1000 * seconds / static_cast<double>(images);
}

/// ResNet-50 with bias-corrected averages, with the weights and averages of `trained`, which was trained for `steps`
/// steps.
Model with_bias_correction(const Model& trained, std::int64_t steps) {
  Model corrected = resnet50({.residual = {.bias_correction = true}});
  std::map<std::string, Parameter> known;
  for (const auto& [path, parameter] : trained.named_parameters()) known.emplace(path, parameter);
  for (const auto& [path, parameter] : corrected.named_parameters()) {
    const auto found = known.find(path);
    parameter.set_value(found != known.end() ? found->second.value() : Tensor::scalar(static_cast<double>(steps)));
  }
  return corrected;
}

/// Replaces the moving averages by those of a training with constant weights: they start at mean 0 and variance 1 and
/// are updated with as many batches as in the training.
void average_at_rest(const Model& model, const Dataset& train, std::uint64_t seed) {
  for (const auto& [path, parameter] : model.named_parameters()) {
    if (path.ends_with("/moving_mean")) parameter.set_value(Tensor::zeros(parameter.shape()));
    if (path.ends_with("/moving_variance")) parameter.set_value(Tensor::ones(parameter.shape()));
  }
  const DataLoader loader(train, {.batch_size = resnet_batch, .seed = seed});
  for (int epoch = 0; epoch < resnet_epochs; ++epoch) {
    for (const Batch& batch : loader.epoch(epoch)) {
      ForwardPass pass(Mode::training, {.record = false});
      model(batch.input(), pass);
      pass.commit();
    }
  }
}

/// The figures of the trained weights with five kinds of statistics.
std::vector<Figure> evaluations(Model& model, std::int64_t steps, const SplitData& signs, std::uint64_t seed) {
  const auto row = [](std::string averages, std::vector<double> report, const Figures& result) {
    return quality("test: loss, accuracy", std::move(averages), std::move(report), result);
  };
  const auto corrected = [&] {
    return row("... bias-corrected", {}, evaluate(with_bias_correction(model, steps), signs.test));
  };
  const double start = steady_seconds();
  const Figures as_in_the_report = evaluate(model, signs.test);
  const double seconds = steady_seconds() - start;
  std::vector<Figure> figures{
      time_figure("test", "seconds (of 120 images)", 3, seconds),
      time_figure("test", "ms per image", 24, milliseconds_per_image(seconds, signs.test.size())),
      row("moving averages", {2.3448499, 0.16666667}, as_in_the_report), corrected()};
  average_at_rest(model, signs.train, seed);
  figures.push_back(row("same, weights at rest", {}, evaluate(model, signs.test)));
  figures.push_back(corrected());
  recalibrate_batch_norm(model, signs.train, {.batch_size = resnet_batch, .seed = seed});
  figures.push_back(row("measured anew", {}, evaluate(model, signs.test)));
  return figures;
}

}  // namespace

std::vector<Figure> train_convnet(const SplitData& signs, std::uint64_t seed) {
  Model model = lab_conv_net();
  Adam adam(model.parameters(), {.learning_rate = 0.009});
  fit(model, adam, signs.train, {.epochs = 100, .batch_size = 64, .seed = seed});
  return {accuracy_figure("accuracy, train", 0.94, evaluate(model, signs.train)),
          accuracy_figure("accuracy, test", 0.78, evaluate(model, signs.test))};
}

std::vector<Figure> train_resnet(const SplitData& signs, std::uint64_t seed) {
  Model model = resnet50({.seed = seed});
  Adam adam(model.parameters());
  const History history =
      fit(model, adam, signs.train, {.epochs = resnet_epochs, .batch_size = resnet_batch, .seed = seed});
  std::vector<Figure> figures;
  const auto add = [&](const std::string& name, const EpochResult& epoch, const std::vector<double>& report,
                       double seconds, double milliseconds) {
    const double measured = epoch["seconds"];
    figures.push_back(quality(name, "loss, accuracy", report, epoch.figures));
    figures.push_back(time_figure(name, "seconds (of 1080 images)", seconds, measured));
    figures.push_back(
        time_figure(name, "ms per image", milliseconds, milliseconds_per_image(measured, signs.train.size())));
  };
  add("epoch 1/2", history.epochs().front(), {3.2086, 0.2454}, 81, 75);
  add("epoch 2/2", history.last(), {2.2404, 0.3296}, 82, 76);
  append(figures, evaluations(model, adam.iterations(), signs, seed));
  return figures;
}

std::string why_at_chance(std::int64_t samples) {
  const auto steps = [](std::int64_t images) { return resnet_epochs * ((images + resnet_batch - 1) / resnet_batch); };
  const auto left = [&](std::int64_t images) { return 100 * std::pow(0.99, static_cast<double>(steps(images))); };
  return fmt::format(
      "Why the report's network tests at chance (1 of 6 classes): batch normalization trains on each batch's own mean "
      "and variance, but tests with moving averages, which start at mean 0 and variance 1 and with momentum 0.99 keep "
      "0.99^t of that start after t steps. After the report's {} steps that is {:.0f} %, after the {} steps here "
      "{:.0f} %. That alone is enough: see the averages over as many batches with the weights at rest, and how "
      "dividing the start out (bias-corrected) repairs them. While the weights still move it repairs nothing, since "
      "most of what the averages hold is then of weights long gone. Measured anew on the training images "
      "(recalibrate_batch_norm), the statistics fit, and the same weights show what they have learned.",
      steps(images_of_the_report), left(images_of_the_report), steps(samples), left(samples));
}

}  // namespace xtape::lab
