#include "training/metrics/running_figures.hpp"

#include <algorithm>

#include "framework/tensor/tensor_text.hpp"
#include "training/metrics/metric_parts.hpp"

namespace xtape {
RunningFigures::RunningFigures(const Objective& objective) : objective_(objective) {
  for (const OutputObjective& output : objective_.outputs()) {
    outputs_.emplace_back().metrics.resize(output.metrics.size());
  }
}

void RunningFigures::add(const std::vector<Tensor>& outputs, const Batch& batch, const BatchLosses& losses) {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const OutputObjective& objective = objective_.outputs()[i];
    const double count = objective.loss.count(batch.targets[i]);
    const bool sums = objective.loss.reduction() == LossReduction::sum;
    if (count > 0) outputs_[i].loss += losses.of_outputs[i] * (sums ? 1 : count);
    outputs_[i].count += count;
    for (std::size_t m = 0; m < objective.metrics.size(); ++m) {
      const Metric& metric = objective.metrics[m];
      Tensor& total = outputs_[i].metrics[m];
      total = metric.combined(total, metric.sums(outputs[i], batch.targets[i], batch.weight(i)));
    }
  }
  penalty_ += losses.penalty * static_cast<double>(batch.size());
  samples_ += batch.size();
}

void RunningFigures::add(const RunningFigures& more) {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    outputs_[i].loss += more.outputs_[i].loss;
    outputs_[i].count += more.outputs_[i].count;
    for (std::size_t m = 0; m < outputs_[i].metrics.size(); ++m) {
      if (!more.outputs_[i].metrics[m].defined()) continue;
      Tensor& total = outputs_[i].metrics[m];
      total = objective_.outputs()[i].metrics[m].combined(total, more.outputs_[i].metrics[m]);
    }
  }
  penalty_ += more.penalty_;
  samples_ += more.samples_;
}

std::vector<double> RunningFigures::numbers() const {
  std::vector<double> numbers{static_cast<double>(samples_), penalty_};
  for (const OutputSums& output : outputs_) {
    numbers.insert(numbers.end(), {output.loss, output.count});
    for (const Tensor& sums : output.metrics) {
      numbers.push_back(sums.defined() ? sums.rank() : -1);
      if (!sums.defined()) continue;
      for (const std::int64_t extent : sums.shape()) numbers.push_back(static_cast<double>(extent));
      numbers.insert(numbers.end(), sums.data<double>(), sums.data<double>() + sums.size());
    }
  }
  return numbers;
}

void RunningFigures::add(std::span<const double> numbers) {
  const auto next = [&numbers] {
    check(!numbers.empty(), "RunningFigures: expected the sums of the same losses and metrics, got fewer numbers");
    const double first = numbers.front();
    numbers = numbers.subspan(1);
    return first;
  };
  RunningFigures more(objective_);
  more.samples_ = static_cast<std::int64_t>(next());
  more.penalty_ = next();
  for (OutputSums& output : more.outputs_) {
    output.loss = next();
    output.count = next();
    for (Tensor& sums : output.metrics) {
      const double rank = next();
      if (rank < 0) continue;
      std::vector<std::int64_t> extents;
      for (int axis = 0; axis < rank; ++axis) extents.push_back(static_cast<std::int64_t>(next()));
      sums = Tensor::empty(Shape(extents), DType::float64);
      std::generate_n(sums.mutable_data<double>(), sums.size(), next);
    }
  }
  add(more);
}

double RunningFigures::loss() const {
  double total = ratio(penalty_, static_cast<double>(samples_));
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const double weight = objective_.outputs()[i].weight;
    if (weight != 0) total += weight * ratio(outputs_[i].loss, outputs_[i].count);
  }
  return total;
}

Figures RunningFigures::figures() const {
  std::vector<double> values{loss()};
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (!objective_.outputs()[i].name.empty()) values.push_back(ratio(outputs_[i].loss, outputs_[i].count));
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    for (std::size_t m = 0; m < outputs_[i].metrics.size(); ++m) {
      const Tensor& sums = outputs_[i].metrics[m];
      values.push_back(sums.defined() ? objective_.outputs()[i].metrics[m].result(sums) : 0);
    }
  }
  Figures figures;
  auto value = values.begin();
  for (const Objective::Measure& measure : objective_.measures()) figures.set(measure.name, *value++);
  return figures;
}

std::vector<NamedTensor> RunningFigures::state() const {
  std::vector<double> losses;
  for (const OutputSums& output : outputs_) losses.insert(losses.end(), {output.loss, output.count});
  losses.push_back(penalty_);
  std::vector<NamedTensor> state{{"losses", Tensor::of({std::ssize(losses)}, losses, DType::float64)}};
  std::size_t number = 0;
  for (const OutputSums& output : outputs_) {
    for (const Tensor& sums : output.metrics) {
      if (sums.defined()) state.push_back({fmt::format("metrics/{}", number), sums});
      ++number;
    }
  }
  return state;
}

void RunningFigures::restore(std::int64_t samples, const std::vector<NamedTensor>& state) {
  RunningFigures restored(objective_);
  const auto count = static_cast<std::int64_t>(2 * outputs_.size() + 1);
  check(!state.empty() && state[0].name == "losses" && state[0].tensor.shape() == Shape{count} &&
            state[0].tensor.dtype() == DType::float64,
        "expected {} sums of losses, got {}", count, state.empty() ? "none" : tensor_text(state[0].tensor));
  const auto* value = state[0].tensor.data<double>();
  std::size_t number = 0, next = 1;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    restored.outputs_[i].loss = *value++;
    restored.outputs_[i].count = *value++;
    for (std::size_t m = 0; m < outputs_[i].metrics.size(); ++m, ++number) {
      if (samples == 0) continue;
      const Metric& metric = objective_.outputs()[i].metrics[m];
      check(next < state.size() && state[next].name == fmt::format("metrics/{}", number) &&
                state[next].tensor.dtype() == DType::float64,
            "expected the sums of the metric {}, got none", metric.name());
      metric.result(state[next].tensor);  // throws unless the tensor has the shape of the metric's sums
      restored.outputs_[i].metrics[m] = state[next++].tensor;
    }
  }
  check(next == state.size(), "expected the sums of {} metrics, got {}", next - 1, state.size() - 1);
  restored.penalty_ = *value;
  restored.samples_ = samples;
  *this = std::move(restored);
}

}  // namespace xtape
