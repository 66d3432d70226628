#include "training/checkpoint/checkpoint_parts.hpp"

#include <cmath>

#include "framework/io/utf8.hpp"
#include "framework/parse_number.hpp"
#include "models/files/config_json.hpp"
#include "training/fit.hpp"

namespace xtape {
namespace {

/// The figures of the epochs, as a tensor with one row for each epoch and one column for each name, and a tensor that
/// marks which figures were measured.
std::vector<NamedTensor> history_tensors(const History& history) {
  const std::vector<std::string> names = history.names();
  const Shape shape{std::ssize(history.epochs()), std::ssize(names)};
  Tensor values = Tensor::zeros(shape, DType::float64), known = Tensor::zeros(shape, DType::uint8);
  auto* value = values.mutable_data<double>();
  auto* is_known = known.mutable_data<std::uint8_t>();
  for (const EpochResult& epoch : history.epochs()) {
    for (const std::string& name : names) {
      const std::optional<double> figure = epoch.figures.find(name);
      *value++ = figure.value_or(0);
      *is_known++ = figure.has_value() ? 1 : 0;
    }
  }
  return {{"history/figures", values}, {"history/known", known}};
}

/// The names of figures in a checkpoint: a list in JSON.
std::vector<std::string> names_from_text(const std::string& text) try {
  const Json list = parse_json(text);
  check(list.is_array(), "expected a list");
  std::vector<std::string> names;
  for (const Json& name : list) names.push_back(name.get<std::string>());
  return names;
} catch (const std::exception&) {
  fail("expected a list of the names of figures, got {:.100}", printable(text));
}

constexpr const char* running_prefix = "epoch/";

std::string callback_prefix(std::size_t index) { return fmt::format("callbacks/{}/", index); }

}  // namespace

std::vector<NamedTensor> tensors_of(const TrainingState& run) {
  std::vector<NamedTensor> tensors;
  for (const auto& [name, parameter] : run.model.named_parameters()) {
    tensors.push_back({"model/" + name, parameter.value()});
  }
  for (const auto& [name, slot] : run.optimizer_state()) tensors.push_back({"optimizer/" + name, slot});
  for (std::size_t i = 0; i < run.options.callbacks.size(); ++i) {
    for (auto& [name, tensor] : run.options.callbacks[i]->state()) {
      tensors.push_back({callback_prefix(i) + name, tensor});
    }
  }
  if (!run.history.epochs().empty()) {
    for (NamedTensor& entry : history_tensors(run.history)) tensors.push_back(std::move(entry));
  }
  for (auto& [name, tensor] : run.running.state()) tensors.push_back({running_prefix + name, tensor});
  tensors.push_back({"rate_and_seconds", Tensor::of({2}, {run.learning_rate, run.seconds}, DType::float64)});
  return tensors;
}

std::map<std::string, std::string> position_of(const TrainingState& run) {
  return {{"epochs", fmt::format("{}", run.history.epochs().size())},
          {"figures", Json(run.history.names()).dump()},
          {"batch", fmt::format("{}", run.batch)},
          {"epoch_samples", fmt::format("{}", run.running.samples())},
          {"first_iteration", fmt::format("{}", run.first_iteration)},
          {"iterations", fmt::format("{}", run.optimizer.iterations())}};
}

std::int64_t integer_of(const std::map<std::string, std::string>& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  const std::string text = found == metadata.end() ? "" : found->second;
  const auto value = parse_number<std::int64_t>(text);
  check(value && *value >= 0, "expected a number of 0 or more as {}, got \"{:.40}\"", key, text);
  return *value;
}

CheckpointParts::CheckpointParts(const TrainingState& run, SafetensorsFile file) {
  for (auto& [name, tensor] : file.tensors) tensors_[name] = std::move(tensor);
  for (const auto& [name, parameter] : run.model.named_parameters()) {
    parameters_.push_back(take("model/" + name, parameter.shape(), parameter.dtype()));
  }
  for (const auto& [name, slot] : run.optimizer.named_state()) {
    slots_.emplace_back(name, take("optimizer/" + name, slot.shape(), slot.dtype()));
  }
  // the other slots are those of parameters that were frozen when the run began
  for (auto found = tensors_.lower_bound("optimizer/"); found != tensors_.end();) {
    if (!found->first.starts_with("optimizer/")) break;
    slots_.emplace_back(found->first.substr(std::string_view("optimizer/").size()), found->second);
    found = tensors_.erase(found);
  }
  const auto first_of = [this](std::string_view prefix) {
    const auto found = tensors_.lower_bound(std::string(prefix));
    return found != tensors_.end() && found->first.starts_with(prefix) ? found : tensors_.end();
  };
  for (std::size_t i = 0; i < run.options.callbacks.size(); ++i) {
    std::vector<NamedTensor>& state = callbacks_.emplace_back();
    const std::string prefix = callback_prefix(i);
    for (const NamedTensor& entry : file.tensors) {  // in the order of the file
      if (!entry.name.starts_with(prefix)) continue;
      state.push_back({entry.name.substr(prefix.size()), tensors_.at(entry.name)});
      tensors_.erase(entry.name);
    }
  }
  check(first_of("callbacks/") == tensors_.end(), "expected the callbacks that the run began with, got only {}",
        run.options.callbacks.size());
  read_position(run, file.metadata);
  check(tensors_.empty(), "expected the tensors of this run, got {} that it does not have, such as {}", tensors_.size(),
        tensors_.empty() ? "" : tensors_.begin()->first);
}

Tensor CheckpointParts::take(const std::string& name, const Shape& shape, DType dtype) {
  const auto found = tensors_.find(name);
  check(found != tensors_.end(), "expected a tensor {}, got none; is it of another model or optimizer?", name);
  Tensor tensor = found->second;
  check(tensor.shape() == shape && tensor.dtype() == dtype, "expected {} {} as {}, got {} {}", dtype, shape, name,
        tensor.dtype(), tensor.shape());
  tensors_.erase(found);
  return tensor;
}

void CheckpointParts::read_history(std::int64_t epochs, int initial_epoch, const std::string& text) {
  const std::vector<std::string> names = names_from_text(text);
  const Shape shape{epochs, std::ssize(names)};
  const Tensor figures = take("history/figures", shape, DType::float64);
  const Tensor known = take("history/known", shape, DType::uint8);
  const auto* value = figures.data<double>();
  const auto* is_known = known.data<std::uint8_t>();
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    EpochResult result{.epoch = initial_epoch + epoch};
    for (const std::string& name : names) {
      if (*is_known++ != 0) result.figures.set(name, *value);
      ++value;
    }
    history_.add(std::move(result));
  }
}

void CheckpointParts::read_position(const TrainingState& run, const std::map<std::string, std::string>& metadata) {
  const std::int64_t epochs = integer_of(metadata, "epochs");
  batch_ = integer_of(metadata, "batch");
  iterations_ = integer_of(metadata, "iterations");
  const std::int64_t begun = run.initial_epoch() + epochs + (batch_ > 0 ? 1 : 0);
  check(begun <= run.options.epochs, "expected at most {} epochs, the number that this run is to have, got {}",
        run.options.epochs, begun);
  check(batch_ <= run.batches, "expected at most {} batches of an epoch, got {}", run.batches, batch_);
  const auto names = metadata.find("figures");
  check(names != metadata.end() && (epochs > 0 || names->second == "[]"),
        "expected the names of the figures of {} epochs, got {}", epochs,
        names == metadata.end() ? "none" : names->second);
  if (epochs > 0) read_history(epochs, run.initial_epoch(), names->second);
  const std::int64_t samples = integer_of(metadata, "epoch_samples");
  const std::int64_t first = run.first_batch(epochs);
  check(samples == run.plan.samples_before(first + run.plan.batches(batch_)) - run.plan.samples_before(first),
        "expected the samples of {} batches, got {}", batch_, samples);
  running_ = RunningFigures(run.objective);
  std::vector<NamedTensor> state;
  for (auto entry = tensors_.lower_bound(running_prefix);
       entry != tensors_.end() && entry->first.starts_with(running_prefix);) {
    state.push_back({entry->first.substr(std::string_view(running_prefix).size()), entry->second});
    entry = tensors_.erase(entry);
  }
  running_.restore(samples, state);
  const std::vector<double> rest = take("rate_and_seconds", {2}, DType::float64).to_vector();
  learning_rate_ = rest[0];
  seconds_ = rest[1];
}

void CheckpointParts::check_callbacks(const TrainingState& run) const {
  for (std::size_t i = 0; i < callbacks_.size(); ++i) {
    check(callbacks_[i].empty() == run.options.callbacks[i]->state().empty(),
          "expected the callbacks that the run began with, got other ones from number {} on", i + 1);
  }
}

Rollback::Rollback(TrainingState& run)
    : run_(run),
      rate_(run.optimizer.schedule()),
      iterations_(run.optimizer.iterations()),
      slots_(run.optimizer.named_state()),
      history_(run.history),
      stop_reason_(run.stop_reason) {
  for (const Parameter& parameter : run.model.parameters()) values_.push_back(parameter.value());
  for (const auto& callback : run.options.callbacks) states_.push_back(callback->state());
}

Rollback::~Rollback() {
  if (kept_) return;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    try {
      if (!states_[i].empty()) run_.options.callbacks[i]->restore(run_, states_[i]);
    } catch (...) {  // the other states are restored even if this callback throws
    }
  }
  const std::vector<Parameter> parameters = run_.model.parameters();
  for (std::size_t i = 0; i < values_.size(); ++i) parameters[i].set_value(values_[i]);
  run_.optimizer.restore(iterations_, slots_);
  run_.optimizer.set_learning_rate(rate_);
  run_.history = history_;
  run_.stop_reason = stop_reason_;
}

void CheckpointParts::restore(TrainingState& run) const {
  run.history = history_;
  for (std::size_t i = 0; i < callbacks_.size(); ++i) {
    if (!callbacks_[i].empty()) run.options.callbacks[i]->restore(run, callbacks_[i]);
  }
  auto value = parameters_.begin();
  for (const auto& [name, parameter] : run.model.named_parameters()) parameter.set_value(*value++);
  run.optimizer.restore(iterations_, slots_);
  run.epoch = run.initial_epoch() + static_cast<int>(history_.epochs().size());
  run.batch = batch_;
  run.running = running_;
  run.learning_rate = learning_rate_;
  run.seconds = seconds_;
}

}  // namespace xtape
