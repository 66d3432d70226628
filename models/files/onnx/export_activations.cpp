#include "layers/layers.hpp"
#include "models/files/onnx/export_graph.hpp"

namespace xtape::onnx {
namespace {

using Graph = ExportGraph;
using Text = std::string;

/// What an activation function gets: the graph, its argument, and the last axis of samples with its extent.
struct Argument {
  Graph& g;
  Text x;
  std::int64_t axis;
  Extent last;

  Text op(const char* type, const Attributes& attributes = {}) const { return g.op(type, {x}, attributes); }
  Text clipped(double low, double high) const { return g.op("Clip", {x, g.number(low), g.number(high)}); }
  Text times(const Text& factor) const { return g.op("Mul", {x, factor}); }
};

/// x (1 + erf(x / 2^(1/2))) / 2.
Text gelu_of(const Argument& a) {
  if (a.g.opset() >= 20) return a.op("Gelu");
  const Text root = a.g.op("Erf", {a.times(a.g.number(0.70710678118654752))});
  return a.g.op("Mul", {a.times(a.g.op("Add", {root, a.g.number(1)})), a.g.number(0.5)});
}

/// x (1 + tanh((2 / pi)^(1/2) (x + 0.044715 x^3))) / 2.
Text gelu_tanh_of(const Argument& a) {
  if (a.g.opset() >= 20) return a.op("Gelu", {{"approximate", Text("tanh")}});
  const Text cube = a.g.op("Mul", {a.times(a.x), a.times(a.g.number(0.044715))});
  const Text inner = a.g.op("Mul", {a.g.op("Add", {a.x, cube}), a.g.number(0.79788456080286536)});
  const Text one_more = a.g.op("Add", {a.g.op("Tanh", {inner}), a.g.number(1)});
  return a.g.op("Mul", {a.times(one_more), a.g.number(0.5)});
}

/// (x + r) / 2 with r = (x^2 + 4)^(1/2); 2 / (r - x) for x below 0, where the sum would lose digits.
Text squareplus_of(const Argument& a) {
  const Text root = a.g.op("Sqrt", {a.g.op("Add", {a.times(a.x), a.g.number(4)})});
  const Text right = a.g.op("Mul", {a.g.op("Add", {a.x, root}), a.g.number(0.5)});
  const Text left = a.g.op("Div", {a.g.number(2), a.g.op("Sub", {root, a.x})});
  return a.g.op("Where", {a.g.op("Less", {a.x, a.g.number(0)}), left, right});
}

/// 0 for x <= -1, x for x >= 1, else (x + 1)^2 / 4.
Text sparse_plus_of(const Argument& a) {
  const Text shifted = a.g.op("Clip", {a.g.op("Add", {a.x, a.g.number(1)}), a.g.number(0), a.g.number(2)});
  const Text middle = a.g.op("Mul", {a.g.op("Mul", {shifted, shifted}), a.g.number(0.25)});
  return a.g.op("Where", {a.g.op("Less", {a.x, a.g.number(1)}), middle, a.x});
}

/// relu(x - t): the values above t are the k largest for which 1 + k z_k exceeds the sum of the first k values z.
Text sparsemax_of(const Argument& a) {
  check(a.last.known(), "expected a known extent of the last axis for sparsemax, got an unknown one");
  const std::int64_t n = a.last.value();
  const auto sorted = a.g.ops("TopK", {a.x, a.g.integers({n})}, {{"axis", a.axis}}, 2);
  const Text sums = a.g.op("CumSum", {sorted[0], a.g.constant("axis_" + std::to_string(a.axis),
                                                              Tensor::of(Shape{}, std::vector<std::int64_t>{a.axis}))});
  const Text counts = a.g.parameter("counts", Tensor::arange(1, static_cast<double>(n) + 1));
  const Text scaled = a.g.op("Add", {a.g.op("Mul", {sorted[0], counts}), a.g.number(1)});
  const Text above = a.g.op("Greater", {scaled, sums});
  const Text kept = a.g.op("Where", {above, sorted[0], a.g.number(0)});
  const Text ones = a.g.op("Where", {above, a.g.number(1), a.g.number(0)});
  const Text sum = a.g.op("Sub", {a.g.reduce("ReduceSum", kept, {a.axis}, true), a.g.number(1)});
  const Text threshold = a.g.op("Div", {sum, a.g.reduce("ReduceSum", ones, {a.axis}, true)});
  return a.g.op("Relu", {a.g.op("Sub", {a.x, threshold})});
}

using Function = Text (*)(const Argument& a);

const std::map<std::string, Function>& functions() {
  using A = Argument;
  static const std::map<std::string, Function> all{
      {"celu",
       [](const A& a) {
         return a.op("Elu", {{"alpha", 1.0}});
       }},  // celu with alpha 1 is elu
      {"elu",
       [](const A& a) {
         return a.op("Elu", {{"alpha", 1.0}});
       }},
      {"exponential", [](const A& a) { return a.op("Exp"); }},
      {"gelu", gelu_of},
      {"gelu_tanh", gelu_tanh_of},
      {"hard_shrink",
       [](const A& a) {
         return a.op("Shrink", {{"lambd", 0.5}, {"bias", 0.0}});
       }},
      {"hard_sigmoid",
       [](const A& a) {
         return a.op("HardSigmoid", {{"alpha", 1.0 / 6}, {"beta", 0.5}});
       }},
      {"hard_silu", [](const A& a) { return a.op("HardSwish"); }},
      {"hard_tanh", [](const A& a) { return a.clipped(-1, 1); }},
      {"leaky_relu",
       [](const A& a) {
         return a.op("LeakyRelu", {{"alpha", 0.2}});
       }},
      {"linear", [](const A& a) { return a.x; }},
      {"log_sigmoid", [](const A& a) { return a.g.op("Neg", {a.g.op("Softplus", {a.op("Neg")})}); }},
      {"log_softmax",
       [](const A& a) {
         return a.op("LogSoftmax", {{"axis", a.axis}});
       }},
      {"mish", [](const A& a) { return a.times(a.g.op("Tanh", {a.op("Softplus")})); }},
      {"relu", [](const A& a) { return a.op("Relu"); }},
      {"relu6", [](const A& a) { return a.clipped(0, 6); }},
      {"selu",
       [](const A& a) {
         return a.op("Selu", {{"alpha", 1.6732632423543773}, {"gamma", 1.0507009873554805}});
       }},
      {"sigmoid", [](const A& a) { return a.op("Sigmoid"); }},
      {"silu", [](const A& a) { return a.times(a.op("Sigmoid")); }},
      {"soft_shrink",
       [](const A& a) {
         return a.op("Shrink", {{"lambd", 0.5}, {"bias", 0.5}});
       }},
      {"softmax",
       [](const A& a) {
         return a.op("Softmax", {{"axis", a.axis}});
       }},
      {"softplus", [](const A& a) { return a.op("Softplus"); }},
      {"softsign", [](const A& a) { return a.op("Softsign"); }},
      {"sparse_plus", sparse_plus_of},
      {"sparse_sigmoid",
       [](const A& a) {
         return a.op("HardSigmoid", {{"alpha", 0.5}, {"beta", 0.5}});
       }},
      {"sparsemax", sparsemax_of},
      {"squareplus", squareplus_of},
      {"tanh", [](const A& a) { return a.op("Tanh"); }},
      {"tanh_shrink",
       [](const A& a) {
         return a.g.op("Sub", {a.x, a.op("Tanh")});
       }},
  };
  return all;
}

/// Whether the function reads the whole last axis of a sample.
bool reads_last_axis(const std::string& name) {
  return name == "softmax" || name == "log_softmax" || name == "sparsemax";
}

ExportValue activation_layer(const ExportCall& call) {
  return activated(call, {call.x().name, call.output, call.x().channels_first, call.x().flat_of},
                   call.options<ActivationLayer>().function);
}

ExportValue relu_layer(const ExportCall& call) {
  const auto& [max_value, slope, threshold, name] = call.options<ReLULayer>();
  Graph& g = call.graph;
  const Text x = call.x().name;
  if (slope == 0 && threshold == 0) {
    return call.as_input(max_value ? g.op("Clip", {x, g.number(0), g.number(*max_value)}) : g.op("Relu", {x}));
  }
  const Text above = max_value ? g.op("Min", {x, g.number(*max_value)}) : x;
  const Text below = g.op("Mul", {g.op("Sub", {x, g.number(threshold)}), g.number(slope)});
  return call.as_input(g.op("Where", {g.op("Greater", {x, g.number(threshold)}), above, below}));
}

ExportValue leaky_relu_layer(const ExportCall& call) {
  return call.as_input(
      call.graph.op("LeakyRelu", {call.x().name}, {{"alpha", call.options<LeakyReLULayer>().negative_slope}}));
}

ExportValue elu_layer(const ExportCall& call) {
  return call.as_input(call.graph.op("Elu", {call.x().name}, {{"alpha", call.options<ELULayer>().alpha}}));
}

ExportValue prelu_layer(const ExportCall& call) {
  const Text slope = call.graph.parameter("alpha", in_order_of(call.x(), call.value("alpha")));
  return call.as_input(call.graph.op("PRelu", {call.x().name, slope}));
}

ExportValue softmax_layer(const ExportCall& call) {
  const int rank = call.output.rank() + 1, given = call.options<SoftmaxLayer>().axis;
  const std::int64_t axis = given < 0 ? given + rank : given;
  if (!call.x().channels_first) {
    return call.made(call.graph.op("Softmax", {call.plain()}, {{"axis", axis}}));
  }
  const std::int64_t in_file = axis == rank - 1 ? 1 : axis + 1;
  return call.made_images(call.graph.op("Softmax", {call.x().name}, {{"axis", in_file}}));
}

/// A layer that does nothing in inference.
ExportValue identity(const ExportCall& call) { return call.x(); }

}  // namespace

std::string activated(ExportGraph& graph, const std::string& x, const ActivationFunction& function, std::int64_t axis,
                      Extent last) {
  const auto found = functions().find(function.builtin() ? function.name() : "");
  check(found != functions().end(), "expected one of xtape's activation functions, got a custom function \"{}\"",
        function.name());
  return found->second({graph, x, axis, last});
}

ExportValue activated(const ExportCall& call, ExportValue y, const ActivationFunction& function) {
  const int rank = y.shape.rank();
  if (reads_last_axis(function.name()) && (y.flat_of || function.name() == "sparsemax")) {
    y = {call.graph.plain(y), y.shape};
  }
  const std::int64_t axis = y.channels_first ? 1 : rank;
  y.name = activated(call.graph, y.name, function, axis, y.shape.rank() > 0 ? y.shape[-1] : Extent(1));
  return y;
}

void add_activation_rows(ExportRows& rows) {
  rows["Activation"] = activation_layer;
  rows["ReLU"] = relu_layer;
  rows["LeakyReLU"] = leaky_relu_layer;
  rows["ELU"] = elu_layer;
  rows["PReLU"] = prelu_layer;
  rows["Softmax"] = softmax_layer;
  for (const char* type :
       {"AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "RandomBrightness", "RandomContrast",
        "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "SpatialDropout1D", "SpatialDropout2D"}) {
    rows[type] = identity;
  }
}

}  // namespace xtape::onnx
