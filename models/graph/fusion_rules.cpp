// The fusion table. A new fusion needs an op, a row here, and a test in tests/models/fusion_test.cpp.
#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>

#include "framework/ops/arithmetic.hpp"
#include "framework/ops/convolution_chain.hpp"
#include "framework/ops/piecewise_activations.hpp"
#include "framework/ops/pooling.hpp"
#include "layers/convolution/conv.hpp"
#include "layers/convolution/depthwise_conv.hpp"
#include "layers/convolution/pooling.hpp"
#include "layers/core/activation.hpp"
#include "layers/core/rectifiers.hpp"
#include "layers/normalization/batch_normalization.hpp"
#include "layers/shape/merge.hpp"
#include "models/graph/fusion.hpp"

namespace xtape {
namespace {

template <class Definition>
bool is_a(const Layer& layer) {
  return dynamic_cast<const Definition*>(&layer) != nullptr;
}

/// A part that is absent.
bool is_none(const Layer& /*layer*/) { return false; }

/// Whether the layer computes mapped(x) + bias.
bool is_linear(const Layer& layer) {
  const auto* map = dynamic_cast<const LinearMapLayer*>(&layer);
  return map && map->activation() == linear;
}

template <class Definition>
bool is_linear_a(const Layer& layer) {
  return is_a<Definition>(layer) && is_linear(layer);
}

bool is_rectified_convolution(const Layer& layer) {
  const auto* convolution = dynamic_cast<const Conv2DLayer*>(&layer);
  return convolution && (convolution->options().activation == linear || convolution->options().activation == relu);
}

bool is_relu(const Layer& layer) {
  const auto* activation = dynamic_cast<const ActivationLayer*>(&layer);
  return activation && activation->options().function.value == relu;
}

/// The largest output of a layer that computes relu, or min(relu(x), limit); nothing for other layers.
std::optional<double> relu_limit(const Layer& layer) {
  constexpr double unlimited = std::numeric_limits<double>::infinity();
  if (const auto* activation = dynamic_cast<const ActivationLayer*>(&layer)) {
    if (activation->options().function.value == relu) return unlimited;
    if (activation->options().function.value == relu6) return 6;
  }
  if (const auto* rectifier = dynamic_cast<const ReLULayer*>(&layer)) {
    const auto& options = rectifier->options();
    const double limit = options.max_value.value_or(unlimited);
    if (options.negative_slope == 0 && options.threshold == 0 && limit > 0) return limit;
  }
  return std::nullopt;
}

/// The function of one element that the layer computes; nothing for layers of another kind.
std::optional<ElementFunction> function_of(const Layer& layer) {
  if (const auto* activation = dynamic_cast<const ActivationLayer*>(&layer)) return activation->function().of_element();
  if (const auto* rectifier = dynamic_cast<const ReLULayer*>(&layer)) {
    const auto& o = rectifier->options();
    return rectify_of_element({o.max_value, o.negative_slope, o.threshold});
  }
  if (const auto* leaky = dynamic_cast<const LeakyReLULayer*>(&layer)) {
    return leaky_relu.of_element(leaky->options().negative_slope);
  }
  if (const auto* exponential = dynamic_cast<const ELULayer*>(&layer)) {
    return elu.of_element(exponential->options().alpha);
  }
  return std::nullopt;
}

bool is_elementwise(const Layer& layer) { return function_of(layer).has_value(); }

/// Four parts of a pattern: function(normalization(map(x)) + residual), where each may be absent.
struct Link {
  const LinearMapLayer* map;
  const BatchNormalizationLayer* normalization;
  const Layer *sum, *function;

  Link(const FusedCall& call, std::size_t part)
      : map(call.layer<LinearMapLayer>(part)),
        normalization(call.layer<BatchNormalizationLayer>(part + 1)),
        sum(call.layers[part + 2]),
        function(call.layers[part + 3]) {}
};

/// What follows the map of a link, in inference; nothing if it needs a derivative.
std::optional<InferenceEpilogue> epilogue_of(const Link& link, const std::optional<Variable>& residual, DType dtype,
                                             ForwardPass& pass) {
  InferenceEpilogue epilogue;
  bool tracked = false;
  const auto value = [&](const Variable& variable) {
    tracked = tracked || variable.tracked();
    return variable.value();
  };
  if (const auto bias = link.map->bias(pass)) epilogue.bias = value(*bias);
  if (link.normalization) {
    std::tie(epilogue.mean, epilogue.variance) = link.normalization->inference_statistics();
    const auto [gamma, beta] = link.normalization->scale_and_shift(epilogue.mean.shape(), dtype, pass);
    epilogue.gamma = value(gamma);
    epilogue.beta = value(beta);
    epilogue.epsilon = link.normalization->options().epsilon;
  }
  if (link.sum) epilogue.residual = value(residual.value());
  if (link.function) {
    const auto limit = relu_limit(*link.function);
    epilogue.relu = limit.has_value();
    if (limit) epilogue.max_value = *limit;
    if (!limit) epilogue.function = function_of(*link.function);
  }
  if (tracked) return std::nullopt;
  return epilogue;
}

/// The output of a link in inference, where parts of the map's output are changed while they are in the cache. Nothing
/// where that is not possible.
std::optional<Variable> in_cache(const Link& link, const Variable& x, const std::optional<Variable>& residual,
                                 ForwardPass& pass) {
  if (!link.map) return std::nullopt;
  const auto epilogue = epilogue_of(link, residual, x.dtype(), pass);
  if (!epilogue) return std::nullopt;
  return link.map->mapped_with(x, *epilogue, pass);
}

/// The output of links of convolutions in inference, band by band. Nothing where that is not possible.
std::optional<Variable> in_bands(const FusedCall& call, ForwardPass& pass) {
  const Variable& x = call.inputs.front();
  std::vector<ChainLink> links;
  for (std::size_t part = 0; part < call.layers.size(); part += 4) {
    const Link link(call, part);
    const auto epilogue = epilogue_of(link, call.residual, x.dtype(), pass);
    const auto convolution = epilogue && !x.tracked() ? link.map->convolution_in(pass) : std::nullopt;
    if (!convolution) return std::nullopt;
    links.push_back({*convolution, *epilogue});
  }
  return conv2d_chain(x.value(), links);
}

/// function(y + residual + ...), one op if the function is relu and nothing is broadcast. `sum` may be null if y is the
/// only term, and `function` may be null.
Variable added_up(FusedCall& call, std::size_t sum, std::vector<Variable> terms, ForwardPass& pass) {
  const std::size_t function = sum + 1;
  if (call.layers[sum]) {
    const bool rectifies = call.layers[function] && is_relu(*call.layers[function]);
    call.enter(sum, rectifies ? function : sum, pass);
    const Variable last = terms.back();
    const bool broadcast = std::ranges::any_of(terms, [&](const Variable& x) { return x.shape() != last.shape(); });
    if (rectifies && !broadcast) {
      terms.pop_back();
      return add_relu(call.layers[sum]->call(terms, pass).front(), last);
    }
    terms = call.layers[sum]->call(terms, pass);
  }
  if (!call.layers[function]) return terms.front();
  call.enter(function, function, pass);
  return call.layers[function]->call({terms.front()}, pass).front();
}

/// The output of the link of parts [part, part + 4) with a normalization, as a separate op. It handles the bias, so
/// that no other op adds it.
Variable normalized(FusedCall& call, std::size_t part, Variable x, ForwardPass& pass) {
  const Link link(call, part);
  BatchNormFusion fused;
  if (link.map) {
    call.enter(part, part, pass);
    x = link.map->mapped(x, pass);
    fused.bias = link.map->bias(pass);
  }
  if (link.sum && call.residual->shape() != x.shape()) {  // a sum that broadcasts
    call.enter(part + 1, part + 1, pass);
    return added_up(call, part + 2, {link.normalization->normalized(std::move(x), fused, pass), *call.residual}, pass);
  }
  if (link.sum) fused.residual = call.residual;
  if (link.function) {
    const auto limit = relu_limit(*link.function);
    fused.relu = limit.has_value();
    if (limit) fused.max_value = *limit;
    if (!limit) fused.function = function_of(*link.function);
  }
  call.enter(part + 1, part + 3, pass);
  return link.normalization->normalized(std::move(x), fused, pass);
}

/// The same without a normalization.
Variable activated_map(FusedCall& call, std::size_t part, const Variable& x, ForwardPass& pass) {
  const Link link(call, part);
  const bool rectifies = !link.sum && link.function && is_relu(*link.function);
  call.enter(part, rectifies ? part + 3 : part, pass);
  Variable y =
      activated(link.map->mapped(x, pass), link.map->bias(pass), rectifies ? ActivationFunction(relu) : linear);
  if (rectifies) return y;
  std::vector<Variable> terms{std::move(y)};
  if (link.sum) terms.push_back(*call.residual);
  return added_up(call, part + 2, std::move(terms), pass);
}

/// One or several links, each of which reads the output of the one before. Only the last one has a sum.
Variable compute_links(FusedCall& call, ForwardPass& pass) {
  const bool infers = pass.mode() == Mode::inference && !pass.records();
  if (infers && call.layers.size() > 4) {
    call.enter(0, call.layers.size() - 1, pass);
    if (auto y = in_bands(call, pass)) return std::move(*y);
  }
  Variable x = std::move(call.inputs.front());
  for (std::size_t part = 0; part < call.layers.size(); part += 4) {
    const Link link(call, part);
    std::optional<Variable> y;
    if (infers) {
      call.enter(part, part + 3, pass);
      y = in_cache(link, x, call.residual, pass);
    }
    if (y) {
      x = std::move(*y);
    } else {
      x = link.normalization ? normalized(call, part, std::move(x), pass) : activated_map(call, part, x, pass);
    }
  }
  return x;
}

/// relu(max_pool(conv(x)) + bias). Adding the bias and applying relu after the pooling gives the same result, because
/// they do not change which value is the largest, and there are fewer values.
Variable pool_convolution(FusedCall& call, ForwardPass& pass) {
  call.enter(0, 2, pass);
  const auto& convolution = *call.layer<Conv2DLayer>(0);
  const WindowOptions pooling = call.layer<MaxPooling2DLayer>(2)->window();
  const Variable& x = call.inputs.front();
  const Variable kernel = convolution.parameter(pass, "kernel");
  const Variable y = pools_at_once(x, kernel, convolution.convolution(), pooling)
                         ? conv2d_max_pool2d(x, kernel, convolution.convolution(), pooling)
                         : max_pool2d(convolution.mapped(x, pass), pooling);
  return activated(y, convolution.bias(pass),
                   call.layers[1] ? ActivationFunction(relu) : convolution.options().activation);
}

/// relu(a + b + ...)
Variable rectify_sum(FusedCall& call, ForwardPass& pass) { return added_up(call, 0, std::move(call.inputs), pass); }

}  // namespace

const std::vector<FusionRule>& fusion_rules() {
  using Part = FusionRule::Part;
  constexpr bool optional = true, has_value = true;
  constexpr Part norm{is_a<BatchNormalizationLayer>, optional}, sum{is_a<AddLayer>, optional},
      no_sum{is_none, optional}, function{is_elementwise, optional}, value{is_elementwise, optional, has_value};
  constexpr Part convolution{is_linear_a<Conv2DLayer>, false, has_value},
      depthwise{is_linear_a<DepthwiseConv2DLayer>, false, has_value};
  static const std::vector<FusionRule> rules{
      {{{is_rectified_convolution}, {is_relu, optional}, {is_a<MaxPooling2DLayer>}}, pool_convolution},
      // blocks of MobileNet and its successors, whose values between the convolutions are large
      {{convolution, norm, no_sum, value, depthwise, norm, no_sum, value, convolution, norm, sum, function},
       compute_links},
      {{convolution, norm, no_sum, value, depthwise, norm, no_sum, function}, compute_links},
      {{depthwise, norm, no_sum, value, convolution, norm, sum, function}, compute_links},
      {{{is_linear, optional, has_value}, {is_a<BatchNormalizationLayer>}, sum, function}, compute_links},
      {{{is_linear}, no_sum, sum, function}, compute_links},
      {{{is_a<AddLayer>}, {is_relu}}, rectify_sum},
  };
  return rules;
}

}  // namespace xtape
