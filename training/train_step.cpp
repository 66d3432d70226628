#include "training/train_step.hpp"

#include <cmath>
#include <numeric>

#include "framework/autograd/finite_check.hpp"
#include "framework/ops/arithmetic.hpp"
#include "training/data/batch_weights.hpp"
#include "training/fit.hpp"
#include "training/fit_checks.hpp"

namespace xtape {
namespace {

/// For each batch and each output, the share of the batch in the mean loss of the step: its count divided by the count
/// of all batches.
std::vector<std::vector<double>> shares_of(const Objective& objective, const std::vector<Batch>& batches) {
  const std::size_t outputs = objective.outputs().size();
  std::vector<std::vector<double>> shares(batches.size(), std::vector<double>(outputs, 1));
  if (batches.size() == 1) return shares;
  for (std::size_t o = 0; o < outputs; ++o) {
    std::vector<double> counts;
    for (const Batch& batch : batches) counts.push_back(objective.outputs()[o].loss.count(batch.targets[o]));
    const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
    for (std::size_t i = 0; all != 0 && i < counts.size(); ++i) shares[i][o] = counts[i] / all;
  }
  return shares;
}

/// x * factor; x itself if the factor is 1.
Variable scaled(const Variable& x, double factor) { return factor == 1 ? x : x * factor; }

}  // namespace

/// The results of the forward pass of a batch.
struct TrainStep::Measured {
  Variable objective;  ///< what is minimized: the batch's share of the loss of the step
  std::vector<Tensor> outputs;
  BatchLosses losses;
};

void TrainStep::at_work(std::string_view who) const {
  if (run_.options.profiler) run_.options.profiler->start(who);
}

// The mean over all batches is computed as a sum of shares (the count of the batch divided by the count of all), so
// gradients of batches of any sizes can simply be added. With one batch each parameter is updated as soon as its
// gradient is complete, unless the backward pass can throw an error: a step must be done completely or not at all.
double TrainStep::operator()(const std::vector<Batch>& batches) {
  const FitOptions& options = run_.options;
  const std::vector<std::vector<double>> shares = shares_of(run_.objective, batches);
  std::int64_t samples = 0;
  for (const Batch& batch : batches) samples += batch.size();
  const bool streams = batches.size() == 1 && !options.check_finite;
  Gradients gradients;
  RunningFigures figures(run_.objective);
  double value = 0;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const Batch& batch = batches[i];
    FiniteCheck finite(run_.optimizer.iterations());
    std::vector<Observer*> observers;
    if (options.check_finite) observers.push_back(&finite);
    if (options.profiler) observers.push_back(options.profiler);
    ForwardPass pass(Mode::training,
                     {.seed = options.seed,
                      .step = run_.optimizer.iterations() * options.accumulate + static_cast<std::int64_t>(i),
                      .observers = observers,
                      .recompute = options.recompute});
    const Measured measured =
        measure(batch, shares[i], static_cast<double>(batch.size()) / static_cast<double>(samples), pass);
    value += measured.objective.value().item();
    if (!std::isfinite(value)) return value;
    at_work("metrics");
    figures.add(measured.outputs, batch, measured.losses);
    if (streams) {
      run_.optimizer.minimize(measured.objective, pass);
    } else {
      gradients += pass.backward(measured.objective);
    }
  }
  if (!streams) run_.optimizer.step(gradients);
  run_.running.add(figures);
  return value;
}

TrainStep::Measured TrainStep::measure(const Batch& batch, const std::vector<double>& shares, double share_of_samples,
                                       ForwardPass& pass) {
  const Model& model = run_.model;
  const std::vector<Variable> outputs = model.call({batch.inputs.begin(), batch.inputs.end()}, pass);
  pass.begin_layer("loss");
  Measured measured{.objective = Tensor::scalar(0, model.dtype()), .outputs = {}, .losses = {}};
  std::optional<Variable> total;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const OutputObjective& objective = run_.objective.outputs()[i];
    measured.outputs.push_back(outputs[i].value());
    check_outputs("fit", objective.loss, outputs[i].value());
    const Tensor weights =
        run_.options.class_weights.empty() ? batch.weight(i) : weights_of(batch, run_.options.class_weights);
    const bool minimized = objective.weight > 0;
    const Variable loss = objective.loss(minimized ? outputs[i] : outputs[i].detached(), batch.targets[i], weights);
    check(loss.size() == 1, "fit: expected a loss of one element, got shape {}; take the mean", loss.shape());
    measured.losses.of_outputs.push_back(loss.value().item());
    if (!minimized) continue;
    const Variable term = scaled(loss, objective.weight * shares[i]);
    total = total ? *total + term : term;
  }
  check(total->tracked() || !std::isfinite(total->value().item()),
        "fit: expected a loss that depends on the parameters of model {}, got a constant; compute it from the outputs "
        "it is given, with functions of variables",
        model.name());
  if (const std::optional<Variable> penalty = model.regularization(pass)) {
    measured.losses.penalty = penalty->value().item();
    total = *total + scaled(*penalty, share_of_samples);
  }
  measured.objective = *total;
  return measured;
}

}  // namespace xtape
