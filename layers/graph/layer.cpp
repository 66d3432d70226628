#include "layers/graph/layer.hpp"

#include <algorithm>
#include <iterator>

#include "framework/ops/arithmetic.hpp"
#include "framework/tensor/streams.hpp"

namespace xtape {
namespace {

/// Runs `compute`. Its errors get the layer's title as a prefix, once.
template <class F>
auto with_title(const Layer& layer, const F& compute) {
  try {
    return compute();
  } catch (const Error& error) {
    const std::string text = error.what(), title = layer.title() + ": ";
    fail_as(error, "{}{}", text.starts_with(title) ? "" : title, text);
  }
}

/// The one output of a layer; Error when it has several.
template <class T>
T only_output(const Layer& layer, std::vector<T> outputs) {
  check(outputs.size() == 1, "{}: expected a layer of one output here, got {}; call() gives all of them", layer.title(),
        outputs.size());
  return std::move(outputs[0]);
}

void give_to(const std::vector<Sublayer>& layers, const ParameterValues& values) {
  for (const auto& [name, layer] : layers) {
    layer->give_values([values, prefix = name + "/"](const std::string& path, const ParameterSpec& spec) {
      return values(prefix + path, spec);
    });
  }
}

/// Calls both functions, for a layer that is inside two others; the value of the second one is used.
ParameterValues both(const ParameterValues& first, const ParameterValues& second) {
  return [first, second](const std::string& path, const ParameterSpec& spec) {
    first(path, spec);
    return second(path, spec);
  };
}

}  // namespace

SymbolicTensor::Call::~Call() {
  std::vector<SymbolicTensor> pending = std::move(inputs);
  while (!pending.empty()) {
    const std::shared_ptr<Call> call = std::move(pending.back().call_);
    pending.pop_back();
    if (call.use_count() > 1) continue;  // another holder destroys it
    std::ranges::move(call->inputs, std::back_inserter(pending));
    call->inputs.clear();
  }
}

std::vector<SymbolicTensor> SymbolicTensor::outputs_of_call() const {
  std::vector<SymbolicTensor> outputs;
  for (std::size_t i = 0; i < call_->outputs.size(); ++i) outputs.emplace_back(call_, i);
  return outputs;
}

std::vector<std::pair<std::string, Parameter>> Layer::named_parameters() const {
  std::vector<std::pair<std::string, Parameter>> named;
  for (const Owned& owned : parameters_) named.emplace_back(owned.spec.name, owned.parameter);
  for (const auto& [name, layer] : existing_sublayers()) {
    for (auto& [path, parameter] : layer->named_parameters()) {
      named.emplace_back(fmt::format("{}/{}", name, path), parameter);
    }
  }
  return named;
}

std::vector<Sublayer> Layer::existing_sublayers() const {
  (void)all_sublayers();  // throws
  return sublayers();
}

std::vector<std::shared_ptr<Layer>> Layer::all_sublayers() const {
  std::vector<std::shared_ptr<Layer>> all;
  const auto add = [&](const Layer& outer) {
    for (const auto& [name, layer] : outer.sublayers()) {
      if (layer == nullptr) fail("{}: expected sublayers, got a null pointer for \"{}\"", outer.title(), name);
      if (layer.get() == this) {
        fail("{}: expected sublayers, got the layer itself as \"{}\"{}", title(), name,
             &outer == this ? "" : fmt::format(" inside {}", outer.title()));
      }
      if (std::ranges::find(all, layer) == all.end()) all.push_back(layer);
    }
  };
  add(*this);
  for (std::size_t i = 0; i < all.size(); ++i) add(*all[i]);  // the list grows during the loop
  return all;
}

LayerConfig Layer::config() const {
  fail(
      "{}: expected a class that overrides config(), so that a file can contain its options, got one without; see "
      "LayerConfig",
      title());
}

std::vector<TensorSpec> Layer::build(const std::vector<TensorSpec>& inputs) {
  const auto inside = all_sublayers();
  if (built_) return build_now(inputs);
  std::vector<std::pair<std::shared_ptr<Layer>, ParameterValues>> before;  // the sublayers that are not built yet
  for (const auto& inner : inside) {
    if (!inner->built_) before.emplace_back(inner, inner->values_);
  }
  try {
    return build_now(inputs);
  } catch (...) {  // a sublayer may have been built for inputs that this layer rejects
    for (auto& [inner, values] : before) {
      inner->built_ = false;
      inner->parameters_.clear();
      inner->outputs_.clear();
      inner->values_ = std::move(values);
    }
    throw;
  }
}

std::vector<TensorSpec> Layer::build_now(const std::vector<TensorSpec>& inputs) {
  if (!built_) {
    const bool empty = existing_sublayers().empty();
    prepare(inputs);
    if (empty && values_) give_to(existing_sublayers(), values_);  // sublayers that build() has just created
  }
  std::vector<TensorSpec> outputs = output_specs(inputs);
  check(!outputs.empty(), "{}: expected output_specs() to give at least one output, got none", title());
  for (const TensorSpec& output : outputs) {
    check(output.shape.rank() < Shape::max_rank, "{}: expected an output of at most {} axes besides the batch, got {}",
          title(), Shape::max_rank - 1, output.shape);
  }
  const std::vector<ParameterSpec> specs = parameter_specs(inputs);
  if (built_) {
    check_reuse(specs, inputs);
  } else {
    check_sublayers();
    create_parameters(specs, inputs);
    outputs_ = outputs;
  }
  return outputs;
}

std::vector<SymbolicTensor> Layer::connect(const std::vector<SymbolicTensor>& inputs) {
  check(!weak_from_this().expired(),
        "{}: expected a layer that a std::shared_ptr holds, got another; make it with std::make_shared, or as a "
        "LayerHandle, such as Dense({{.units = 2}})",
        title());
  std::vector<TensorSpec> specs;
  for (const SymbolicTensor& input : inputs) specs.push_back(input.spec());
  const auto call = std::make_shared<SymbolicTensor::Call>(
      SymbolicTensor::Call{.layer = shared_from_this(), .inputs = inputs, .outputs = build(specs)});
  return SymbolicTensor(call, 0).outputs_of_call();
}

SymbolicTensor Layer::connect_one(const std::vector<SymbolicTensor>& inputs) {
  return only_output(*this, connect(inputs));
}

std::vector<Variable> Layer::run(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  return with_title(*this, [&] { return call(inputs, pass); });
}

Variable Layer::run_one(const std::vector<Variable>& inputs, ForwardPass& pass) const {
  return only_output(*this, run(inputs, pass));
}

void Layer::give_values(const ParameterValues& values) {
  const std::vector<Sublayer> inside = existing_sublayers();
  for (Owned& owned : parameters_) {
    owned.parameter.set_value(given_value(owned.spec, values));
    owned.given = true;
  }
  if (!built_) values_ = values_ ? both(values_, values) : values;
  give_to(inside, values);
}

Tensor Layer::given_value(const ParameterSpec& spec, const ParameterValues& values) const {
  Tensor value = values(spec.name, spec);
  check(spec.shape == value.shape(), "{}: expected a {} of shape {}, got {}", title(), spec.name, spec.shape,
        value.shape());
  return value;
}

void Layer::create_parameters(const std::vector<ParameterSpec>& specs, const std::vector<TensorSpec>& inputs) {
  std::vector<Owned> created;
  for (const ParameterSpec& spec : specs) {
    const bool fresh = std::ranges::none_of(created, [&](const Owned& owned) { return owned.spec.name == spec.name; });
    check(fresh, "{}: expected parameters with different names, got two named {}", title(), spec.name);
    for (int axis = 0; axis < spec.shape.rank(); ++axis) {
      if (spec.shape[axis].known()) continue;
      reject(fmt::format("inputs that give axis {} of its {} {} an extent", axis, spec.name, spec.shape), inputs);
    }
    check_regularizer(title() + ": " + spec.name, spec.regularizer, spec.shape);
    check_constraint(title() + ": " + spec.name, spec.constraint, spec.shape);
    Tensor value = values_ ? given_value(spec, values_) : Tensor::zeros(spec.shape);
    created.push_back({spec, Parameter(spec.name, std::move(value), spec.trainable && trainable_), values_ != nullptr});
    created.back().parameter.set_constraint(spec.constraint.project);
  }
  parameters_ = std::move(created);
  values_ = nullptr;
  built_ = true;
}

void Layer::check_sublayers() const {
  const std::vector<Sublayer> inside = existing_sublayers();
  std::vector<std::string> names;
  for (const auto& [name, layer] : inside) {
    check(!name.empty() && name.find('/') == std::string::npos && std::ranges::find(names, name) == names.end(),
          "{}: expected different names without \"/\" for its sublayers, got \"{}\" for {}", title(), name,
          layer->title());
    names.push_back(name);
    check(std::ranges::count(inside, layer, &Sublayer::layer) == 1,
          "{}: expected each of its sublayers once, got {} twice", title(), name);
    check(layer->built_, "{}: expected output_specs() to build all sublayers, got {} \"{}\" without build()", title(),
          layer->type(), name);
    if (layer->name_.empty()) layer->name_ = name;
  }
}

void Layer::check_reuse(const std::vector<ParameterSpec>& specs, const std::vector<TensorSpec>& inputs) const {
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
  const auto set = [&](Layer& layer) {
    layer.trainable_ = trainable;
    for (const Owned& owned : layer.parameters_) owned.parameter.set_trainable(trainable && owned.spec.trainable);
  };
  const auto inside = all_sublayers();
  set(*this);
  for (const auto& inner : inside) set(*inner);
}

std::vector<std::pair<std::string, Parameter>> Layer::separately_trainable() const {
  std::vector<std::pair<std::string, Parameter>> found;
  for (const Owned& owned : parameters_) {
    if (owned.parameter.trainable() != (trainable_ && owned.spec.trainable)) {
      found.emplace_back(owned.spec.name, owned.parameter);
    }
  }
  return found;
}

std::optional<Variable> Layer::regularization(ForwardPass& pass) const {
  std::optional<Variable> total;
  const auto add = [&](const Layer& layer) {
    for (const Owned& owned : layer.parameters_) {
      if (!owned.spec.regularizer.any() || !owned.parameter.trainable()) continue;
      const Variable added = penalty(owned.spec.regularizer, pass.parameter(owned.parameter));
      total = total ? *total + added : added;
    }
  };
  add(*this);
  for (const auto& inner : all_sublayers()) add(*inner);
  return total;
}

void Layer::rename(std::string name) {
  name_ = std::move(name);
  name_parameters(name_);
}

void Layer::name_parameters(const std::string& path) {
  const std::vector<Sublayer> inside = existing_sublayers();
  for (Owned& owned : parameters_) owned.parameter.rename(fmt::format("{}/{}", path, owned.spec.name));
  for (const auto& [name, layer] : inside) layer->name_parameters(fmt::format("{}/{}", path, name));
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
      if (!identical(owned.parameter.value(), initial)) continue;  // trained, loaded or set since: not drawn again
    }
    while (!asked && !taken.claim(source.seed, source.stream, &owned)) source.stream += streams::another_round;
    owned.source = source;
    if (owned.given) continue;
    owned.parameter.set_value(initial_value(owned.spec, source).to(owned.parameter.dtype()));
  }
  constexpr std::uint64_t streams_of_a_layer = 1024;
  const std::vector<Sublayer> inside = existing_sublayers();
  std::uint64_t used = parameters_.empty() && !inside.empty() ? 0 : streams_of_a_layer;
  for (const Sublayer& inner : inside) used += inner.layer->initialize(seed, stream + used, taken);
  return used;
}

std::string Layer::title() const { return name_.empty() ? type() : fmt::format("{} {}", type(), name_); }

void Layer::reject(std::string_view expected, const std::vector<TensorSpec>& inputs) const {
  fail("{}: expected {}, got {}", title(), expected, to_string(inputs));
}

const TensorSpec& Layer::only_input_of_any_type(const std::vector<TensorSpec>& inputs) const {
  if (inputs.size() != 1) reject("one input", inputs);
  return inputs[0];
}

const PartialShape& Layer::only_input(const std::vector<TensorSpec>& inputs, int rank) const {
  const TensorSpec& input = only_input_of_any_type(inputs);
  if (!is_floating(input.dtype)) reject("floating inputs", inputs);
  if (rank >= 0 && input.shape.rank() != rank) {
    reject(rank == 3 ? "images (None, height, width, channels)"
                     : fmt::format("samples of rank {} after the batch axis", rank),
           inputs);
  }
  return input.shape;
}

const Layer::Owned& Layer::own(std::string_view name) const {
  check(built_,
        "{}: expected a layer that has parameters, got one that was not built; call it on a symbolic tensor, "
        "or build() it in output_specs() of the layer that holds it",
        title());
  const auto found = std::ranges::find_if(parameters_, [&](const Owned& owned) { return owned.spec.name == name; });
  check(found != parameters_.end(),
        "{}: expected the name of one of its parameters, got {}; parameter_specs() lists them", title(), name);
  return *found;
}

const Parameter& Layer::state(std::string_view name) const {
  const Owned& owned = own(name);
  check(!owned.spec.trainable,
        "{}: expected state, a parameter with trainable = false in parameter_specs(), got {}, whose stored value would "
        "get no gradient; use parameter(pass, \"{}\")",
        title(), name, name);
  return owned.parameter;
}

Variable Layer::parameter(ForwardPass& pass, std::string_view name) const {
  const Owned& owned = own(name);
  check(owned.given || owned.source || owned.parameter.version() > 0,
        "{}: expected a {} with an initial value, got none; list this layer in sublayers() of the layer that computes "
        "with it, so that a Model initializes and trains it",
        title(), name);
  return pass.parameter(owned.parameter);
}

}  // namespace xtape
