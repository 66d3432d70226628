#include "framework/autograd/parameter.hpp"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "framework/kernels/threads/program_locks.hpp"

namespace xtape {

struct Parameter::State {
  std::string name;
  Tensor value;
  bool trainable;
  std::uint64_t version = 0;
  std::function<Tensor(const Tensor&)> constraint{};
  std::vector<std::pair<std::type_index, std::shared_ptr<const void>>> derived{};  // guarded by program_locks.caches
};

Parameter::Parameter(std::string name, Tensor value, bool trainable)
    : state_(std::make_shared<State>(State{std::move(name), std::move(value), trainable})) {
  check(state_->value.defined(), "Parameter {}: expected a value, got an undefined tensor", state_->name);
}

const std::string& Parameter::name() const { return state_->name; }
void Parameter::rename(std::string name) { state_->name = std::move(name); }
bool Parameter::trainable() const { return state_->trainable; }
void Parameter::set_trainable(bool trainable) const { state_->trainable = trainable; }
const Tensor& Parameter::value() const { return state_->value; }
void Parameter::set_constraint(std::function<Tensor(const Tensor& value)> project) const {
  state_->constraint = std::move(project);
}
const std::function<Tensor(const Tensor& value)>& Parameter::constraint() const { return state_->constraint; }
std::uint64_t Parameter::version() const { return state_->version; }

void Parameter::set_value(Tensor value) const {
  check(value.defined() && value.shape() == shape(), "Parameter {}: expected a value of shape {}, got {}", name(),
        shape(), value.shape());
  check(is_floating(value.dtype()) == is_floating(dtype()),
        "Parameter {}: expected a value of {}, got {}; convert it with .to()", name(),
        is_floating(dtype()) ? "float32 or float64" : fmt::format("{}", dtype()), value.dtype());
  begin_write();
  state_->value = std::move(value);
}

void Parameter::modify(const std::function<void(Tensor& value)>& f) const {
  check(static_cast<bool>(f), "Parameter {}: expected a function that changes the value, got an empty one", name());
  begin_write();
  const Shape shape = this->shape();
  const DType dtype = this->dtype();
  const auto fits = [&] { return value().defined() && value().shape() == shape && value().dtype() == dtype; };
  try {
    f(state_->value);
  } catch (...) {
    if (!fits()) state_->value = Tensor::zeros(shape, dtype);
    throw;
  }
  if (fits()) return;
  const std::string got = value().defined() ? fmt::format("{} {}", value().dtype(), value().shape()) : "undefined";
  state_->value = Tensor::zeros(shape, dtype);
  fail("Parameter {}: expected modify() to keep {} {}, got {}; use set_value() to change the type", name(), dtype,
       shape, got);
}

void Parameter::begin_write() const {
  drop_derived();  // it may share the storage of the value and so force a copy
  ++state_->version;
}

void Parameter::drop_derived() const {
  decltype(state_->derived) dropped;  // freed without the lock
  const std::lock_guard lock(kernels::program_locks.caches);
  dropped.swap(state_->derived);
}

std::shared_ptr<const void> Parameter::derived(std::type_index type, MakeDerived make) const {
  const auto kept = [&]() -> std::shared_ptr<const void> {
    const auto found = std::ranges::find(state_->derived, type, [](const auto& entry) { return entry.first; });
    return found == state_->derived.end() ? nullptr : found->second;
  };
  {
    const std::lock_guard lock(kernels::program_locks.caches);
    if (auto found = kept()) return found;
  }
  auto made = make(value());  // without the lock; if several threads make one, the first is kept
  const std::lock_guard lock(kernels::program_locks.caches);
  if (auto found = kept()) return found;
  state_->derived.emplace_back(type, made);
  return made;
}

}  // namespace xtape
