#include "training/train_step.hpp"

#include <cmath>
#include <numeric>
#include <optional>

#include "framework/autograd/finite_check.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"
#include "framework/ops/reductions.hpp"
#include "training/data/batch_weights.hpp"
#include "training/distributed/gradient_sum.hpp"
#include "training/distributed/state_mean.hpp"
#include "training/distributed/total_figures.hpp"
#include "training/fit.hpp"
#include "training/fit_checks.hpp"

namespace xtape {
namespace {

/// x * factor; x itself if the factor is 1.
Variable scaled(const Variable& x, double factor) { return factor == 1 ? x : x * factor; }

/// 0, as a sum over none of the elements of x: tracked if x is, with the gradient 0.
Variable nothing_of(const Variable& x) { return sum(split(x, {0, x.dim(0)}, 0).front()); }

void add_numbers(double& left, double right) { left += right; }

/// The parameters that the optimizer trains.
std::vector<Parameter> trained(const Model& model, const Optimizer& optimizer) {
  std::vector<Parameter> parameters = model.parameters();
  std::erase_if(parameters, [&](const Parameter& p) { return !p.trainable() || !optimizer.has(p); });
  return parameters;
}

}  // namespace

/// The part of a batch that is in one shard, as a part of the step.
struct TrainStep::Piece {
  const Batch& batch;
  std::vector<double> shares;  ///< for each output: the factor of its loss in the loss of the whole step
  double share_of_samples;
  std::int64_t number;  ///< its number among the pieces of all steps of the run, for random streams
};

/// The results of the forward pass of a batch.
struct TrainStep::Measured {
  Variable objective;  ///< what is minimized: the batch's share of the loss of the step
  std::vector<Tensor> outputs;
  BatchLosses losses;
};

void TrainStep::at_work(std::string_view who) const {
  if (run_.options.profiler) run_.options.profiler->start(who);
}

// The mean over all pieces is computed as a sum of shares (the count of the piece divided by the count of all), so
// gradients of pieces of any sizes can simply be added. With one piece each parameter is updated as soon as its
// gradient is complete, unless the backward pass can throw an error: a step must be done completely or not at all.
double TrainStep::operator()(const StepData& data) {
  const std::vector<std::vector<Piece>> shards = pieces_of(data);
  const bool one_piece = run_.shards.count() == 1 && shards[0].size() == 1;
  return one_piece && !run_.options.check_finite ? stream(shards[0][0]) : collect(shards);
}

std::vector<std::vector<TrainStep::Piece>> TrainStep::pieces_of(const StepData& data) const {
  const Shards& shards = run_.shards;
  const std::size_t outputs = run_.objective.outputs().size(), batches = data.shards[0].size();
  const std::int64_t step = run_.optimizer.iterations();
  std::vector<std::vector<Piece>> pieces(data.shards.size());
  std::vector<double> counts;  // of each output of each batch of each shard of this rank
  for (std::size_t s = 0; s < pieces.size(); ++s) {
    for (std::size_t i = 0; i < batches; ++i) {
      const Batch& batch = data.shards[s][i];
      const std::int64_t in_run = step * run_.options.accumulate + static_cast<std::int64_t>(i);
      pieces[s].push_back({.batch = batch,
                           .shares = std::vector<double>(outputs, 1),
                           .share_of_samples = static_cast<double>(batch.size()) / static_cast<double>(data.samples),
                           .number = in_run * shards.count() + shards.first() + static_cast<std::int64_t>(s)});
      if (shards.count() == 1 && batches == 1) return pieces;
      for (std::size_t o = 0; o < outputs; ++o) {
        counts.push_back(batch.size() == 0 ? 0 : run_.objective.outputs()[o].loss.count(batch.targets[o]));
      }
    }
  }
  std::vector<double> own{run_.learning_rate};
  own.insert(own.end(), counts.begin(), counts.end());
  std::vector<double> all;    // counts
  std::vector<double> rates;  // of the ranks
  for (const std::vector<double>& of_rank : shards.gather(own)) {
    rates.push_back(of_rank[0]);
    all.insert(all.end(), of_rank.begin() + 1, of_rank.end());
  }
  const auto other = std::ranges::find_if(rates, [&](double rate) { return rate != rates[0]; });
  if (other != rates.end()) {
    throw AgreedError(
        fmt::format("fit: expected the same learning rate on all ranks, got {} on rank 0 and {} on rank {}; what "
                    "callbacks change they have to change on all ranks",
                    rates[0], *other, other - rates.begin()));
  }
  for (std::size_t o = 0; o < outputs; ++o) {
    double total = 0;
    for (std::size_t k = o; k < all.size(); k += outputs) total += all[k];
    for (std::size_t k = 0; total != 0 && k < counts.size() / outputs; ++k) {
      const double count = counts[k * outputs + o];
      const bool sums = run_.objective.outputs()[o].loss.reduction() == LossReduction::sum;
      pieces[k / batches][k % batches].shares[o] = sums ? count > 0 : count / total;
    }
  }
  return pieces;
}

double TrainStep::stream(const Piece& piece) {
  RunningFigures figures(run_.objective);
  const double value = compute(piece, figures, [this](const Variable& objective, ForwardPass& pass) {
    run_.optimizer.minimize(objective, pass);
  });
  if (std::isfinite(value)) run_.running.add(figures);
  return value;
}

// Gradients go into the reduction over ranks while the last backward pass continues. One exchange then gives all
// ranks the loss, the figures, and the names of what has gradients and state updates; nothing is changed before it.
double TrainStep::collect(const std::vector<std::vector<Piece>>& shards) {
  const std::vector<Parameter> parameters = trained(run_.model, run_.optimizer);
  std::optional<GradientReduction> reduction;
  if (run_.shards.ranks() > 1) {
    reduction.emplace(run_.options.distributed, parameters, residuals_, !synchronized_layer(run_.model));
  }
  GradientSum sum(parameters, std::ssize(shards), reduction ? &*reduction : nullptr);
  StateMean state(run_.model.parameters());
  OrderedSum<double> values;
  OrderedSum<RunningFigures> all_figures;
  Gradients updates;                            // of the passes
  const bool alone = run_.shards.count() == 1;  // or the other ranks count on this one, whatever its loss is
  for (const std::vector<Piece>& shard : shards) {
    RunningFigures figures(run_.objective);
    Gradients of_shard;
    double value = 0, share_of_samples = 0;
    for (const Piece& piece : shard) {
      if (piece.batch.size() == 0) continue;
      value += compute(piece, figures, [&](const Variable& objective, ForwardPass& pass) {
        sum.begin_batch(&piece == &shard.back());
        of_shard += pass.backward(objective, [&sum](const Parameter& parameter, Tensor gradient) {
          sum.add(parameter, std::move(gradient));
        });
      });
      if (!std::isfinite(value) && alone) break;
      share_of_samples += piece.share_of_samples;
    }
    sum.end_shard();
    if (!alone) state.add_shard(of_shard, share_of_samples);
    updates += of_shard;
    values.push(value, add_numbers);
    all_figures.push(std::move(figures), add_figures);
  }

  at_work("reduction");
  const std::vector<bool> present = sum.present();
  const std::vector<double> shares_of_state = state.shares();
  std::vector<double> own{values.total(add_numbers)};
  own.insert(own.end(), present.begin(), present.end());
  own.insert(own.end(), shares_of_state.begin(), shares_of_state.end());
  const std::size_t before_figures = own.size();
  const std::vector<double> numbers = all_figures.total(add_figures).numbers();
  own.insert(own.end(), numbers.begin(), numbers.end());

  std::vector<bool> present_anywhere(present.size(), false);
  std::vector<std::vector<double>> shares_of_ranks;
  for (const std::vector<double>& of_rank : run_.shards.gather(own)) {
    RunningFigures figures(run_.objective);
    figures.add(std::span(of_rank).subspan(before_figures));
    all_figures.push(std::move(figures), add_figures);
    values.push(of_rank[0], add_numbers);
    const auto of_state = of_rank.begin() + 1 + std::ssize(present);
    for (std::size_t i = 0; i < present.size(); ++i) present_anywhere[i] = present_anywhere[i] || of_rank[i + 1] != 0;
    shares_of_ranks.emplace_back(of_state, of_state + std::ssize(shares_of_state));
  }
  Gradients gradients = sum.total(present_anywhere);
  const double value = values.total(add_numbers);
  if (!std::isfinite(value)) return value;
  if (alone) {
    gradients += updates;
  } else {
    state.announce(shares_of_ranks, run_.shards, gradients);
  }
  at_work("optimizer");
  run_.sharded_optimizer ? run_.sharded_optimizer->step(gradients) : run_.optimizer.step(gradients);
  run_.running.add(all_figures.total(add_figures));
  return value;
}

/// Passes the objective of one piece, and the pass that computed it, to `backward`. Not if the loss is not finite, but
/// for steps of several shards, whose ranks may meet in the backward pass.
template <class Backward>
double TrainStep::compute(const Piece& piece, RunningFigures& figures, const Backward& backward) {
  const FitOptions& options = run_.options;
  FiniteCheck finite_check(run_.optimizer.iterations());
  std::vector<Observer*> observers;
  if (options.check_finite) observers.push_back(&finite_check);
  if (options.profiler) observers.push_back(options.profiler);
  PassOptions pass_options{
      .seed = options.seed, .step = piece.number, .observers = observers, .recompute = options.recompute};
  if (run_.shards.count() > 1) {
    pass_options.sum_over_batch = [this](std::span<double> numbers) { run_.shards.add_up(numbers); };
  }
  ForwardPass pass(Mode::training, pass_options);
  const Measured measured = measure(piece, pass);
  const double value = measured.objective.value().item();
  const bool finite = std::isfinite(value), others_wait = run_.shards.count() > 1 && measured.objective.tracked();
  at_work("metrics");
  if (finite) figures.add(measured.outputs, piece.batch, measured.losses);
  if (finite || others_wait) backward(measured.objective, pass);
  return value;
}

TrainStep::Measured TrainStep::measure(const Piece& piece, ForwardPass& pass) {
  const Batch& batch = piece.batch;
  const Model& model = run_.model;
  const std::vector<Variable> outputs = model.call({batch.inputs.begin(), batch.inputs.end()}, pass);
  pass.begin_layer("loss");
  Measured measured{.objective = Tensor::scalar(0, model.dtype()), .outputs = {}, .losses = {}};
  std::optional<Variable> total;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const OutputObjective& objective = run_.objective.outputs()[i];
    measured.outputs.push_back(outputs[i].value());
    check_outputs("fit", objective.loss, outputs[i].value());
    const Tensor weights = weights_of(batch.weight(i), batch.targets[i], run_.options.class_weights);
    const bool minimized = objective.weight > 0;
    const Variable loss = objective.loss(minimized ? outputs[i] : outputs[i].detached(), batch.targets[i], weights);
    check(loss.size() == 1, "fit: expected a loss of one element, got shape {}; take the mean", loss.shape());
    measured.losses.of_outputs.push_back(loss.value().item());
    if (!minimized) continue;
    check(!outputs[i].tracked() || loss.tracked() || !std::isfinite(loss.value().item()),
          "fit: expected a loss that depends on the output {} of model {}, got a constant from {}; compute it from the "
          "outputs it is given, with functions of variables",
          output_name(model, i), model.name(), objective.loss.name());
    // a part that does not count has the loss 0, whatever its mean over nothing is
    const Variable term =
        piece.shares[i] > 0 ? scaled(loss, objective.weight * piece.shares[i]) : nothing_of(outputs[i]);
    total = total ? *total + term : term;
  }
  check(total->tracked() || !std::isfinite(total->value().item()),
        "fit: expected outputs that depend on trainable parameters of model {}, got constants; make a layer trainable, "
        "or read the parameters of custom layers with parameter(pass, name)",
        model.name());
  if (const std::optional<Variable> penalty = model.regularization(pass)) {
    measured.losses.penalty = penalty->value().item();
    total = *total + scaled(*penalty, piece.share_of_samples);
  }
  measured.objective = *total;
  return measured;
}

}  // namespace xtape
