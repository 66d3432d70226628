#include "training/evaluate.hpp"

#include <algorithm>
#include <map>

#include "training/checkpoint/checksum.hpp"
#include "training/data/data_loader.hpp"
#include "training/distributed/shards.hpp"
#include "training/distributed/total_figures.hpp"
#include "training/fit_checks.hpp"
#include "training/metrics/running_figures.hpp"

namespace xtape {
namespace {

/// Calls f(shard, outputs, batch) for each shard of this rank in each batch. After each batch of the data, calls
/// batch_end(samples) with the number of samples so far, and stops if it returns false.
template <class F, class BatchEnd>
void for_each_batch(const Model& model, const Dataset& data, std::int64_t batch_size, const Shards& shards, const F& f,
                    const BatchEnd& batch_end) {
  const DataLoader loader(data, shards.part_of({.batch_size = batch_size, .shuffle = false, .dtype = model.dtype()}));
  const Epoch batches = loader.epoch(0);
  std::int64_t samples = 0;
  for (std::int64_t i = 0; i < batches.size(); ++i) {
    const std::vector<Batch> parts = shards.split(batches[i], loader.samples_of(i));
    for (std::size_t s = 0; s < parts.size(); ++s) {
      if (parts[s].size() == 0) continue;
      ForwardPass pass(Mode::inference);
      f(s, model.call({parts[s].inputs.begin(), parts[s].inputs.end()}, pass), parts[s]);
    }
    samples += loader.samples_of(i);
    if (!batch_end(samples)) return;
  }
}

/// Copies the rows of a batch into the tensor of all samples, which is allocated at the first call.
void write_rows(const Tensor& part, std::int64_t begin, std::int64_t samples, Tensor& all) {
  if (!all.defined()) all = Tensor::empty(part.shape().replaced(0, samples), part.dtype());
  with_type(part.dtype(), [&](auto zero) {
    using T = decltype(zero);
    std::copy_n(part.data<T>(), part.size(), all.mutable_data<T>() + begin * (part.size() / part.dim(0)));
  });
}

/// Rows that are sorted by rank, and for each rank by batch, in the order of the data.
Tensor in_order(const Tensor& rows_of_ranks, const Dataset& data, std::int64_t batch_size, int ranks) {
  Tensor all;
  std::int64_t taken = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    for (std::int64_t first = 0; first < data.size(); first += batch_size) {
      const std::int64_t rows = std::min(batch_size, data.size() - first);
      const std::int64_t begin = begin_of_part(rows, rank, ranks), end = begin_of_part(rows, rank + 1, ranks);
      if (begin == end) continue;
      write_rows(rows_of_ranks.rows(taken, taken + end - begin), first + begin, data.size(), all);
      taken += end - begin;
    }
  }
  return all;
}

const Tensor& only_output(const Model& model, const std::vector<Tensor>& outputs) {
  check(outputs.size() == 1, "predict: expected a model of one output, got model {} of {}; use predict_all()",
        model.name(), outputs.size());
  return outputs.front();
}

/// `more` are further values that have to be the same.
void check_same(std::string_view function, const Model& model, const Dataset& data, std::int64_t batch_size,
                const Shards& shards, std::map<std::string, std::string> more = {}) {
  if (shards.ranks() == 1) return;
  more.insert({{"batch_size", fmt::format("{}", batch_size)},
               {"shards", fmt::format("{}", shards.count())},
               {"samples", fmt::format("{}", data.size())},
               {"checksum of the weights", checksum_of_weights(model)}});
  shards.check_same(function, more);
}

Figures evaluate_shards(const Model& model, const Dataset& data, const EvaluateOptions& options) {
  Shards shards;
  Objective objective;
  check_agreed(options.distributed, [&] {
    check(options.batch_size >= 1, "evaluate: expected a batch_size of at least 1, got {}", options.batch_size);
    shards = Shards("evaluate", options.distributed);
    check_data("evaluate", model, data);
    objective = Objective("evaluate", model, data.targets(), options.loss, options.metrics);
    check_losses("evaluate", model, objective);
    check_targets("evaluate", model, data, objective);
    check_parts("evaluate", objective, shards.count());
  });
  check_same("evaluate", model, data, options.batch_size, shards,
             {{"loss", losses_text(objective)},
              {"metrics", metrics_text(objective)},
              {"batch_end", options.batch_end ? "given" : "none"}});
  ForwardPass of_penalty(Mode::inference);
  const std::optional<Variable> penalty = model.regularization(of_penalty);
  std::vector<RunningFigures> running(static_cast<std::size_t>(shards.per_rank()), RunningFigures(objective));
  const auto measure = [&](std::size_t shard, const std::vector<Variable>& outputs, const Batch& batch) {
    BatchLosses losses{.of_outputs = {}, .penalty = penalty ? penalty->value().item() : 0};
    std::vector<Tensor> values;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const Loss& loss = objective.outputs()[i].loss;
      values.push_back(outputs[i].value());
      check_outputs("evaluate", loss, values.back());
      losses.of_outputs.push_back(loss(outputs[i], batch.targets[i], batch.weight(i)).value().item());
    }
    running[shard].add(values, batch, losses);
  };
  for_each_batch(model, data, options.batch_size, shards, measure, [&](std::int64_t samples) {
    if (!options.batch_end) return true;
    const std::vector<double> all = shards.concatenated({options.batch_end(samples) ? 1.0 : 0.0});
    return std::ranges::find(all, 0.0) == all.end();
  });
  return total_figures(objective, std::move(running), shards).figures();
}

std::vector<Tensor> predict_shards(const Model& model, const Dataset& data, std::int64_t batch_size,
                                   const Distributed& distributed) {
  Shards shards;
  check_agreed(distributed, [&] {
    check(batch_size >= 1, "predict: expected a batch_size of at least 1, got {}", batch_size);
    shards = Shards("predict", distributed);
    check_inputs("predict", model, data);
  });
  check_same("predict", model, data, batch_size, shards);
  std::int64_t samples = 0;  // of this rank
  for (std::int64_t first = 0; first < data.size(); first += batch_size) {
    const std::int64_t rows = std::min(batch_size, data.size() - first);
    samples +=
        begin_of_part(rows, shards.rank() + 1, shards.ranks()) - begin_of_part(rows, shards.rank(), shards.ranks());
  }
  std::vector<Tensor> all(model.output_nodes().size());
  std::int64_t done = 0;
  const auto keep = [&](std::size_t /*shard*/, const std::vector<Variable>& outputs, const Batch& batch) {
    for (std::size_t i = 0; i < all.size(); ++i) write_rows(outputs[i].value(), done, samples, all[i]);
    done += batch.size();
  };
  for_each_batch(model, data, batch_size, shards, keep, [](std::int64_t) { return true; });
  if (shards.ranks() == 1) return all;
  for (Tensor& rows : all) {
    rows = in_order(shards.gather_rows(rows, model.dtype()), data, batch_size, shards.ranks());
  }
  return all;
}

}  // namespace

Figures evaluate(const Model& model, const Dataset& data, const EvaluateOptions& options) {
  Figures figures;
  guarded(options.distributed, [&] { figures = evaluate_shards(model, data, options); });
  return figures;
}

std::vector<Tensor> predict_all(const Model& model, const Dataset& data, std::int64_t batch_size,
                                const Distributed& distributed) {
  std::vector<Tensor> all;
  guarded(distributed, [&] { all = predict_shards(model, data, batch_size, distributed); });
  return all;
}

std::vector<Tensor> predict_all(const Model& model, const std::vector<Tensor>& inputs, std::int64_t batch_size,
                                const Distributed& distributed) {
  const std::size_t last = model.input_nodes().size() - 1;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& input = inputs[i];
    check(input.defined(), "predict: expected {}, got an undefined tensor", input_text(model, std::min(i, last)));
    check(input.rank() > 0 && input.dim(0) > 0, "predict: expected at least one sample, got {}", input.shape());
  }
  return predict_all(model, Dataset(inputs, std::vector<Target>()), batch_size, distributed);
}

std::vector<Tensor> predict_all(const Model& model, std::initializer_list<Tensor> inputs, std::int64_t batch_size,
                                const Distributed& distributed) {
  return predict_all(model, std::vector<Tensor>(inputs), batch_size, distributed);
}

Tensor predict(const Model& model, const Tensor& input, std::int64_t batch_size, const Distributed& distributed) {
  return only_output(model, predict_all(model, std::vector<Tensor>{input}, batch_size, distributed));
}

Tensor predict(const Model& model, const Dataset& data, std::int64_t batch_size, const Distributed& distributed) {
  return only_output(model, predict_all(model, data, batch_size, distributed));
}

}  // namespace xtape
