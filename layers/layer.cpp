#include "layers/layer.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/elementary.hpp"
#include "framework/ops/reductions.hpp"
#include "framework/tensor/streams.hpp"

namespace xtape {
namespace {

std::string shapes_text(const std::vector<Shape>& shapes) {
  std::vector<std::string> texts;
  for (const Shape& shape : shapes) texts.push_back(batch_shape_text(shape));
  return texts.empty() ? "no input" : fmt::format("{}", fmt::join(texts, " and "));
}

}  // namespace

std::string batch_shape_text(const Shape& sample) {
  return fmt::format("(None{}{})", sample.rank() > 0 ? ", " : "", fmt::join(sample.begin(), sample.end(), ", "));
}

SymbolicTensor::Call::~Call() {
  std::vector<SymbolicTensor> pending = std::move(inputs);
  while (!pending.empty()) {
    const std::shared_ptr<Call> call = std::move(pending.back().call_);
    pending.pop_back();
    if (call.use_count() > 1) continue;  // whoever holds it too takes it apart
    std::ranges::move(call->inputs, std::back_inserter(pending));
    call->inputs.clear();
  }
}

std::vector<std::pair<std::string, Parameter>> Layer::named_parameters() const {
  std::vector<std::pair<std::string, Parameter>> named;
  for (const Owned& owned : parameters_) named.emplace_back(owned.spec.name, owned.parameter);
  return named;
}

LayerConfig Layer::config() const {
  fail("{}: expected its class to override config(), so that a file can hold its options; see LayerConfig", title());
}

SymbolicTensor Layer::connect(const std::vector<SymbolicTensor>& inputs) { return connect(inputs, nullptr); }

SymbolicTensor Layer::connect_with_values(const std::vector<SymbolicTensor>& inputs, const ParameterValues& values) {
  check(!built_, "{}: expected a layer without parameters to give values to, got one that has some", title());
  return connect(inputs, values);
}

SymbolicTensor Layer::connect(const std::vector<SymbolicTensor>& inputs, const ParameterValues& values) {
  std::vector<Shape> shapes;
  for (const SymbolicTensor& input : inputs) shapes.push_back(input.shape());
  Shape output = output_shape(shapes);
  check(output.rank() < Shape::max_rank, "{}: expected an output of at most {} axes besides the batch, got {}", title(),
        Shape::max_rank - 1, output);
  const std::vector<ParameterSpec> specs = parameter_specs(shapes);
  if (built_) {
    check_reuse(specs, shapes);
  } else {
    create_parameters(specs, values);
  }
  return {std::make_shared<SymbolicTensor::Call>(SymbolicTensor::Call{shared_from_this(), inputs}), std::move(output)};
}

void Layer::create_parameters(const std::vector<ParameterSpec>& specs, const ParameterValues& values) {
  std::vector<Owned> created;
  for (const ParameterSpec& spec : specs) {
    const bool fresh = std::ranges::none_of(created, [&](const Owned& owned) { return owned.spec.name == spec.name; });
    check(fresh, "{}: expected parameters with different names, got two named {}", title(), spec.name);
    const double l2 = spec.regularizer.l2;
    check(std::isfinite(l2) && l2 >= 0, "{}: expected a finite regularizer of {} of at least 0, got {}", title(),
          spec.name, l2);
    Tensor value = values ? values(spec) : Tensor::zeros(spec.shape);
    check(value.shape() == spec.shape, "{}: expected a {} of shape {}, got {}", title(), spec.name, spec.shape,
          value.shape());
    created.push_back({spec, Parameter(spec.name, std::move(value), spec.trainable && trainable_), values != nullptr});
  }
  parameters_ = std::move(created);
  built_ = true;
}

void Layer::check_reuse(const std::vector<ParameterSpec>& specs, const std::vector<Shape>& inputs) const {
  if (specs.size() != parameters_.size()) {
    reject(
        fmt::format("inputs that need the {} parameters of its first call, not {}", parameters_.size(), specs.size()),
        inputs);
  }
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const ParameterSpec& first = parameters_[i].spec;
    if (specs[i].shape != first.shape) {
      reject(fmt::format("inputs that fit the {} {} of its first call", first.name, first.shape), inputs);
    }
  }
}

void Layer::set_trainable(bool trainable) {
  trainable_ = trainable;
  for (const Owned& owned : parameters_) owned.parameter.set_trainable(trainable && owned.spec.trainable);
}

std::optional<Variable> Layer::regularization(ForwardPass& pass) const {
  std::optional<Variable> total;
  for (const Owned& owned : parameters_) {
    if (owned.spec.regularizer.l2 == 0 || !owned.parameter.trainable()) continue;
    const Variable w = pass.parameter(owned.parameter);
    const Variable penalty = sum(w * (owned.spec.regularizer.l2 * w));  // squares of w may exceed their type
    total = total ? *total + penalty : penalty;
  }
  return total;
}

void Layer::rename(std::string name) {
  name_ = std::move(name);
  for (Owned& owned : parameters_) owned.parameter.rename(name_ + "/" + owned.spec.name);
}

Tensor Layer::initial_value(const ParameterSpec& spec, Source source) const {
  check(static_cast<bool>(spec.initializer.make),
        "{}: expected its initializer {} to have a function, got an empty one", title(), spec.initializer.name);
  RandomStream random(source.seed, source.stream);
  Tensor value = spec.initializer.make(spec.shape, random);
  check(value.shape() == spec.shape && value.dtype() == DType::float32,
        "{}: expected its initializer {} to make {} float32, got {} {}", title(), spec.initializer.name, spec.shape,
        value.shape(), value.dtype());
  return value;
}

void Layer::claim_streams(std::uint64_t seed, InitialStreams& taken) const {
  for (const Owned& owned : parameters_) {
    const std::optional<std::uint64_t> asked = owned.spec.initializer.stream;
    if (owned.given && owned.source) {
      taken.keep(seed, owned.source->stream, &owned);
    } else if (owned.source) {
      taken.claim(owned.source->seed, owned.source->stream, &owned);
    } else if (asked) {
      taken.claim(seed, *asked, &owned);
    }
  }
}

std::uint64_t Layer::initialize(std::uint64_t seed, std::uint64_t stream, InitialStreams& taken) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Owned& owned = parameters_[i];
    if (owned.given && owned.source) continue;
    const std::optional<std::uint64_t> asked = owned.spec.initializer.stream;
    Source source = owned.source.value_or(Source{seed, asked.value_or(stream + i)});
    if (owned.source) {
      if (asked || taken.claim(source.seed, source.stream, &owned)) continue;
      const Tensor initial = initial_value(owned.spec, source).to(owned.parameter.dtype());
      if (!identical(owned.parameter.value(), initial)) continue;  // trained, loaded or set since: kept
    }
    while (!asked && !taken.claim(source.seed, source.stream, &owned)) source.stream += streams::another_round;
    owned.source = source;
    if (owned.given) continue;
    owned.parameter.set_value(initial_value(owned.spec, source).to(owned.parameter.dtype()));
  }
  constexpr std::uint64_t streams_of_a_layer = 1024;
  return streams_of_a_layer;
}

WithoutBias Layer::call_without_bias(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  return {call(inputs, pass)};
}

Variable Layer::call_fused(std::vector<Variable> /*inputs*/, const FusedParts& /*parts*/, ForwardPass& /*pass*/) const {
  fail("{}: expected call_fused() beside fusion(), got none", title());
}

std::string Layer::title() const { return name_.empty() ? type() : fmt::format("{} {}", type(), name_); }

void Layer::reject(std::string_view expected, const std::vector<Shape>& inputs) const {
  fail("{}: expected {}, got {}", title(), expected, shapes_text(inputs));
}

const Shape& Layer::only_input(const std::vector<Shape>& inputs, int rank) const {
  if (inputs.size() != 1) reject("one input", inputs);
  if (rank >= 0 && inputs[0].rank() != rank) {
    reject(rank == 3 ? "images (None, height, width, channels)"
                     : fmt::format("samples of rank {} after the batch axis", rank),
           inputs);
  }
  return inputs[0];
}

const Parameter& Layer::parameter(std::string_view name) const {
  const auto found = std::ranges::find_if(parameters_, [&](const Owned& owned) { return owned.spec.name == name; });
  check(found != parameters_.end(),
        "{}: expected the name of one of its parameters, got {}; parameter_specs() lists them", title(), name);
  return found->parameter;
}

Variable Layer::parameter(ForwardPass& pass, std::string_view name) const { return pass.parameter(parameter(name)); }

}  // namespace xtape
