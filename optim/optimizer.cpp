#include "optim/optimizer.hpp"

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "framework/autograd/finite_check.hpp"
#include "framework/tensor/tensor_text.hpp"

namespace xtape {
namespace {

/// average = momentum average + (1 - momentum) value; the value itself where the average is NaN, as before the first
/// step of a parameter.
void average_into(Tensor& average, const Tensor& value, double momentum) {
  with_floating("Optimizer", value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto kept = static_cast<T>(momentum), fresh = static_cast<T>(1 - momentum);
    const T* const now = value.data<T>();
    T* const all = average.mutable_data<T>();
    kernels::parallel_for(value.size(), elementwise_grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        all[i] = std::isnan(all[i]) ? now[i] : kept * all[i] + fresh * now[i];
      }
    });
  });
}

/// Exchanges the elements of which there is an average.
void exchange(Tensor& average, Tensor& value) {
  with_floating("Optimizer", value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* const averages = average.mutable_data<T>();
    T* const values = value.mutable_data<T>();
    for (std::int64_t i = 0; i < value.size(); ++i) {
      if (!std::isnan(averages[i])) std::swap(averages[i], values[i]);
    }
  });
}

/// Error if an element of the gradient is NaN or, unless `limited`, infinite.
void check_gradient_values(std::string_view type, const Parameter& parameter, const Tensor& gradient, bool limited,
                           std::int64_t step) {
  if (limited ? no_nan(gradient) : all_finite(gradient)) return;
  fail(
      "{}, step {}: expected finite gradients, got {} with {}; lower the learning rate, look for a function without a "
      "finite derivative, such as sqrt at 0, or find the op with check_finite (FiniteCheck in a custom loop)",
      type, step, parameter.name(), summary_of_values(gradient));
}

}  // namespace

Optimizer::Optimizer(std::string type, std::vector<Parameter> parameters, CommonOptions options,
                     std::vector<std::string> slots, double initial_value)
    : type_(std::move(type)),
      options_(std::move(options)),
      slot_names_(std::move(slots)),
      rule_slots_(slot_names_.size()),
      initial_value_(initial_value),
      parameters_(std::move(parameters)) {
  check_not_negative("weight_decay", options_.weight_decay);
  check_not_negative("clip_norm", options_.clip_norm);
  check_not_negative("clip_value", options_.clip_value);
  check_fraction("ema_momentum", options_.ema_momentum);
  if (options_.ema_momentum > 0) slot_names_.emplace_back("average");
  check(options_.clip_norm == 0 || options_.clip_value == 0, "{}: expected clip_norm or clip_value, got both", type_);
  check(!parameters_.empty(), "{}: expected at least one parameter, got none; pass model.parameters()", type_);
  const auto groups = assign_groups(type_, parameters_, options_.groups);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    check(places_.emplace(parameters_[i], i).second, "{}: expected each parameter once, got {} twice", type_,
          parameters_[i].name());
    Entry& entry = entries_.emplace_back();
    const ParameterGroup group = groups[i] ? options_.groups[*groups[i]] : ParameterGroup{};
    entry.rate_factor = group.learning_rate_factor;
    entry.weight_decay = group.weight_decay.value_or(options_.weight_decay);
    entry.frozen = group.frozen;
    entry.always_has_slots = parameters_[i].trainable() && !entry.frozen;
    if (entry.always_has_slots) entry.slots = initial_slots(parameters_[i]);
  }
}

std::string Optimizer::settings() const {
  std::string text =
      fmt::format("{}weight_decay {}, clip_norm {}, clip_value {}", options_.decoupled_decay ? "decoupled " : "",
                  options_.weight_decay, options_.clip_norm, options_.clip_value);
  if (options_.ema_momentum > 0) text += fmt::format(", ema_momentum {}", options_.ema_momentum);
  for (const ParameterGroup& group : options_.groups) text += fmt::format(", group {}", to_string(group));
  return text;
}

std::optional<std::size_t> Optimizer::place_of(const Parameter& parameter) const {
  const auto found = places_.find(parameter);
  if (found == places_.end() || entries_[found->second].frozen) return std::nullopt;
  return found->second;
}

void Optimizer::check_complete(std::string_view function) const {
  check(complete_,
        "{}::{}: expected an optimizer with the slots of all of its parameters, got one whose other slots are in other "
        "processes: during fit with shard_optimizer, call it after fit; if fit ended in an Error, restore() a saved "
        "state",
        type_, function);
}

void Optimizer::step(const Gradients& gradients) {
  check_complete("step");
  step_of(gradients);
}

void Optimizer::step_kept(const Gradients& gradients) { step_of(gradients); }

void Optimizer::step_of(const Gradients& gradients) {
  Gradients own;
  for (const auto& [parameter, gradient] : gradients) {
    if (place_of(parameter)) own.add(parameter, gradient);
  }
  check(!own.empty(), "{}::step: expected gradients of its parameters, got none for any of the {}", type_,
        parameters_.size());
  double norm = 0, scale = 1;
  if (options_.clip_norm > 0) {
    norm = own.finite_norm(fmt::format("{}, step {}", type_, iterations_));
    if (norm > options_.clip_norm)
      scale = options_.clip_norm / norm;  // the factor of Gradients::clip_norm(), without a copy
  } else {
    for (const auto& [parameter, gradient] : own) {
      check_gradient_values(type_, parameter, gradient, options_.clip_value > 0, iterations_);
    }
  }
  const double rate = learning_rate();
  begin_step(iterations_ + 1);
  gradients.commit_after([&] {
    for (const auto& [parameter, gradient] : own) {
      const std::size_t place = *place_of(parameter);
      if (!entries_[place].elsewhere) update_one(place, gradient, rate, scale);
    }
  });
  gradient_norm_ = norm;
  ++iterations_;
}

void Optimizer::minimize(const Variable& loss, ForwardPass& pass) {
  check_complete("minimize");
  check(
      loss.size() != 1 || std::isfinite(loss.value().item()),
      "{}::minimize: expected a finite loss, got {}; nothing was changed; lower the learning rate, or look for what is "
      "not finite in the data",
      type_, loss.size() == 1 ? loss.value().item() : 0);
  if (options_.clip_norm > 0) return step(pass.backward(loss));
  const double rate = learning_rate();
  begin_step(iterations_ + 1);
  pass.state_updates().commit_after([&] {
    bool any = false;
    pass.backward(loss, [&](const Parameter& parameter, const Tensor& gradient) {
      const std::optional<std::size_t> place = place_of(parameter);
      if (!place) return;
      any = true;
      pass.begin_layer("optimizer");
      check_gradient_values(type_, parameter, gradient, options_.clip_value > 0, iterations_);
      update_one(*place, gradient, rate, 1);
    });
    check(any, "{}::minimize: expected a loss that depends on a parameter of the optimizer, got one that does not",
          type_);
  });
  ++iterations_;
}

void Optimizer::update_one(std::size_t place, const Tensor& gradient, double rate, double scale) {
  Entry& entry = entries_[place];
  const Parameter& parameter = parameters_[place];
  if (!entry.slots) entry.slots = initial_slots(parameter);
  for (Tensor& slot : *entry.slots) slot = slot.to(parameter.dtype());  // the type of the parameter may have changed
  // float32 has a factor below its normal numbers with few digits or not at all
  const bool coarse = gradient.dtype() == DType::float32 && scale < std::numeric_limits<float>::min();
  const auto scaled = [scale](auto g) { return static_cast<decltype(g)>(static_cast<double>(g) * scale); };
  const Tensor limited = coarse ? map("clip_norm", gradient, scaled) : gradient;
  const Step step{.rate = rate * entry.rate_factor,
                  .decay = options_.decoupled_decay ? entry.weight_decay : 0,
                  .number = iterations_ + 1,
                  .scale = coarse ? 1 : scale,
                  .limit = options_.clip_value > 0 ? options_.clip_value : std::numeric_limits<double>::infinity(),
                  .l2 = options_.decoupled_decay ? 0 : entry.weight_decay};
  parameter.modify([&](Tensor& value) {
    update(value, limited, std::span(*entry.slots).first(rule_slots_), step);
    if (!parameter.constraint()) return;
    Tensor projected = parameter.constraint()(value);
    check(projected.defined() && projected.shape() == value.shape() && projected.dtype() == value.dtype(),
          "{}: expected a constraint of {} that returns {} {}, got {}", type_, parameter.name(), value.dtype(),
          value.shape(), tensor_text(projected));
    value = std::move(projected);
  });
  if (options_.ema_momentum > 0) average_into(entry.slots->back(), parameter.value(), options_.ema_momentum);
}

void Optimizer::swap_averages() {
  check_complete("swap_averages");
  check(options_.ema_momentum > 0, "{}::swap_averages: expected an optimizer with ema_momentum, got one without",
        type_);
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!entries_[i].slots) continue;
    Tensor& average = entries_[i].slots->back();
    average = average.to(parameters_[i].dtype());
    parameters_[i].modify([&average](Tensor& value) { exchange(average, value); });
  }
}

std::vector<Tensor> Optimizer::initial_slots(const Parameter& parameter) const {
  std::vector<Tensor> slots;
  for (std::size_t s = 0; s < rule_slots_; ++s) {
    slots.push_back(Tensor::full(parameter.shape(), initial_value_, parameter.dtype()));
  }
  if (options_.ema_momentum > 0) {
    slots.push_back(Tensor::full(parameter.shape(), std::numeric_limits<double>::quiet_NaN(), parameter.dtype()));
  }
  return slots;
}

std::vector<std::string> Optimizer::unique_names() const {
  std::set<std::string> taken;
  for (const Parameter& parameter : parameters_) taken.insert(parameter.name());
  std::map<std::string, int> seen;
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters_) {
    int& count = seen[parameter.name()];
    std::string name = parameter.name();
    for (++count; count > 1; ++count) {
      name = fmt::format("{}_{}", parameter.name(), count);
      if (taken.insert(name).second) break;
    }
    names.push_back(std::move(name));
  }
  return names;
}

void Optimizer::keep_slots_of(const std::vector<Parameter>& kept) {
  std::vector<bool> keeps(entries_.size(), false);
  for (const Parameter& parameter : kept) {
    check(has(parameter), "{}::keep_slots_of: expected its parameters, got {}", type_, parameter.name());
    keeps[places_.at(parameter)] = true;
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    entries_[i].elsewhere = !keeps[i];
    if (!keeps[i]) entries_[i].slots.reset();
  }
  complete_ = false;
}

std::int64_t Optimizer::state_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& [name, slot] : named_state()) bytes += slot.size_in_bytes();
  return bytes;
}

std::vector<std::string> Optimizer::state_names(const Parameter& parameter) const {
  check(has(parameter), "{}::state_names: expected one of its parameters, got {}", type_, parameter.name());
  const std::string name = unique_names()[places_.at(parameter)];
  std::vector<std::string> names;
  for (const std::string& slot : slot_names_) names.push_back(fmt::format("{}/{}", name, slot));
  return names;
}

std::vector<std::pair<std::string, Tensor>> Optimizer::named_state() const {
  const std::vector<std::string> names = unique_names();
  std::vector<std::pair<std::string, Tensor>> state;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    for (std::size_t s = 0; entries_[i].slots && s < slot_names_.size(); ++s) {
      state.emplace_back(names[i] + "/" + slot_names_[s], (*entries_[i].slots)[s]);
    }
  }
  return state;
}

void Optimizer::restore(std::int64_t iterations, const std::vector<std::pair<std::string, Tensor>>& state) {
  check(iterations >= 0, "{}::restore: expected at least 0 iterations, got {}", type_, iterations);
  const std::vector<std::string> names = unique_names();
  std::map<std::string, Tensor> given(state.begin(), state.end());
  std::vector<std::optional<std::vector<Tensor>>> restored(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto is_given = [&](const std::string& slot) { return given.contains(names[i] + "/" + slot); };
    if (entries_[i].frozen || (!entries_[i].always_has_slots && std::ranges::none_of(slot_names_, is_given))) continue;
    restored[i].emplace();
    for (const std::string& slot : slot_names_) {
      const std::string name = names[i] + "/" + slot;
      check(is_given(slot), "{}::restore: expected a tensor {}, got none; is it the state of another model?", type_,
            name);
      const Tensor tensor = given.extract(name).mapped();
      check(tensor.defined() && tensor.shape() == parameters_[i].shape() && is_floating(tensor.dtype()),
            "{}::restore: expected floating {} of shape {}, got {}", type_, name, parameters_[i].shape(),
            tensor_text(tensor));
      restored[i]->push_back(tensor.to(parameters_[i].dtype()));
    }
  }
  check(given.empty(), "{}::restore: expected the state of its parameters, got a tensor {}", type_,
        given.empty() ? "" : given.begin()->first);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    entries_[i].slots = std::move(restored[i]);
    entries_[i].elsewhere = false;
  }
  complete_ = true;
  iterations_ = iterations;
}

void Optimizer::check_fraction(std::string_view option, double value) const {
  check(value >= 0 && value < 1, "{}: expected {} in [0, 1), got {}", type_, option, value);
}

void Optimizer::check_not_negative(std::string_view option, double value) const {
  check(std::isfinite(value) && value >= 0, "{}: expected a finite {} of at least 0, got {}", type_, option, value);
}

}  // namespace xtape
