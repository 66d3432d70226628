#include "framework/autograd/gradients.hpp"

#include <algorithm>
#include <cmath>

#include "framework/kernels/threads/parallel.hpp"
#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/norm.hpp"

namespace xtape {
namespace {

void check_fits(const Parameter& parameter, const Tensor& gradient) {
  check(gradient.defined() && gradient.shape() == parameter.shape() && gradient.dtype() == parameter.dtype(),
        "Gradients: expected a gradient {} {} for {}, got {} {}", parameter.shape(), parameter.dtype(),
        parameter.name(), gradient.shape(), gradient.dtype());
}

/// Calls f with a reference to each element.
template <class F>
void change(Tensor& tensor, F f) {
  with_floating("Gradients", tensor.dtype(), [&](auto zero) {
    auto* const x = tensor.mutable_data<decltype(zero)>();
    kernels::parallel_for(tensor.size(), elementwise_grain, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) f(x[i]);
    });
  });
}

}  // namespace

void StateUpdates::add(const Parameter& parameter, Update update) {
  check(static_cast<bool>(update), "ForwardPass::update: expected a function of the old value of {}, got an empty one",
        parameter.name());
  check(!committed_, "ForwardPass::update: expected a pass whose updates are not written yet, got another for {}",
        parameter.name());
  updates_.emplace_back(parameter, std::move(update));
}

void StateUpdates::append(StateUpdates other) {
  for (auto& [parameter, update] : other.updates_) add(parameter, std::move(update));
}

const Tensor& Gradients::operator[](const Parameter& parameter) const {
  const auto found = places_.find(parameter);
  check(found != places_.end(),
        "Gradients: expected a parameter that the loss depends on, got {}; contains() says whether there is a gradient",
        parameter.name());
  return entries_[found->second].second;
}

void Gradients::add(const Parameter& parameter, Tensor gradient) {
  check_fits(parameter, gradient);
  const auto [found, fresh] = places_.emplace(parameter, entries_.size());
  if (fresh) {
    entries_.emplace_back(parameter, std::move(gradient));
  } else {
    add_into(entries_[found->second].second, gradient);
  }
}

Gradients& Gradients::operator+=(const Gradients& other) {
  if (this == &other) return *this *= 2;
  for (const auto& [parameter, gradient] : other) check_fits(parameter, gradient);
  for (const auto& [parameter, gradient] : *this) check_fits(parameter, gradient);  // its type may have changed
  for (const auto& [parameter, gradient] : other) add(parameter, gradient);
  for (const auto& updates : other.updates_) {
    if (std::ranges::find(updates_, updates) == updates_.end()) updates_.push_back(updates);
  }
  return *this;
}

Gradients& Gradients::operator*=(double factor) {
  for (auto& [parameter, gradient] : entries_) {
    change(gradient, [factor](auto& g) { g *= static_cast<std::remove_reference_t<decltype(g)>>(factor); });
  }
  return *this;
}

double Gradients::norm() const {
  std::vector<Tensor> all;
  for (const auto& [parameter, gradient] : entries_) all.push_back(gradient);
  return norm_of(all);
}

double Gradients::finite_norm(std::string_view caller) const {
  const double found = norm();
  for (const auto& [parameter, gradient] : entries_) {
    if (std::isfinite(found)) break;
    const double of_one = std::sqrt(sum_of_squares(gradient, 0x1p600));
    check(std::isfinite(of_one),
          "{}: expected gradients of finite norm, got one of norm {} for {}; nothing was changed; lower the learning "
          "rate, or find the op with FiniteCheck",
          caller, of_one, parameter.name());
  }
  check(std::isfinite(found),
        "{}: expected gradients of finite norm, got {} gradients whose norm is beyond float64; nothing was changed; "
        "scale the loss down",
        caller, entries_.size());
  return found;
}

double Gradients::clip_norm(double largest) {
  check(largest > 0, "Gradients::clip_norm: expected a norm above 0, got {}", largest);
  const double before = finite_norm("Gradients::clip_norm");
  if (before > largest) *this *= largest / before;
  return before;
}

void Gradients::clip_value(double largest) {
  check(largest > 0, "Gradients::clip_value: expected a value above 0, got {}", largest);
  for (auto& [parameter, gradient] : entries_) {
    change(gradient, [largest](auto& g) {
      const auto limit = static_cast<std::remove_reference_t<decltype(g)>>(largest);
      g = std::clamp(g, -limit, limit);
    });
  }
}

void Gradients::update(const Parameter& parameter, StateUpdates::Update f) {
  auto updates = std::make_shared<StateUpdates>();
  updates->add(parameter, std::move(f));
  updates_.push_back(std::move(updates));
}

std::vector<Gradients::Entry> Gradients::next_state() const {
  std::vector<Entry> next;
  std::unordered_map<Parameter, std::size_t> places;
  for (const auto& pass : updates_) {
    if (pass->committed_) continue;
    for (const auto& [parameter, update] : pass->updates_) {
      const auto [found, fresh] = places.emplace(parameter, next.size());
      if (fresh) next.emplace_back(parameter, parameter.value());
      Tensor& value = next[found->second].second;
      Tensor updated = update(value);
      check(updated.defined() && updated.shape() == value.shape() && updated.dtype() == value.dtype(),
            "ForwardPass::update: expected a new value {} {} for {}, got {} {}", value.shape(), value.dtype(),
            parameter.name(), updated.shape(), updated.dtype());
      value = std::move(updated);
    }
  }
  return next;
}

void Gradients::commit_after(const std::function<void()>& change) const {
  std::vector<Entry> next = next_state();
  change();
  for (auto& [parameter, value] : next) parameter.set_value(std::move(value));
  for (const auto& pass : updates_) pass->committed_ = true;
}

void Gradients::commit() const {
  commit_after([] {});
}

}  // namespace xtape
