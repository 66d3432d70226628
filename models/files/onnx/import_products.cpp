#include <algorithm>

#include "framework/amount.hpp"
#include "framework/ops/arithmetic.hpp"
#include "framework/ops/manipulation.hpp"
#include "models/files/axis_order.hpp"
#include "models/files/onnx/import_graph.hpp"

namespace xtape::onnx {
namespace {

/// A dense layer of an input and a matrix (inputs, units).
SymbolicTensor dense(ImportNode& n, const ImportValue& x, Tensor kernel, const std::optional<Tensor>& bias) {
  SymbolicTensor tensor = *x.tensor;
  if (x.flat_of && x.flat_of->size() == kernel.dim(0)) {
    kernel = channels_last_rows(kernel, *x.flat_of);
  } else {
    tensor = n.plain(x);
  }
  Values values{{"kernel", kernel}};
  if (bias) values.emplace("bias", *bias);
  check(kernel.dim(1) >= 1, "expected at least one output, got none");
  return n.layer<DenseLayer>({.units = kernel.dim(1), .use_bias = bias.has_value()}, {tensor}, values);
}

/// A constant that is one number for each unit, as (units); nothing for another shape.
std::optional<Tensor> bias_of(const Tensor& constant, std::int64_t units, int rank) {
  if (!is_floating(constant.dtype()) || constant.size() != units || constant.rank() > rank) return std::nullopt;
  if (constant.rank() == 0 || constant.dim(-1) != units) return std::nullopt;
  return constant.reshaped({units});
}

void gemm(ImportNode& n) {
  n.allow_moved_batch();
  if (n.graph.opset() < 7) n.ignore("broadcast");
  const double alpha = n.number("alpha", 1), beta = n.number("beta", 1);
  const bool transposed = n.integer("transB", 0) != 0;
  const bool left_transposed = n.integer("transA", 0) != 0;
  check(!left_transposed || n.graph.lead() == 0, "transA: expected 0, got 1, which exchanges the batch axis");
  check(n.is_tensor(0), "expected a left operand that depends on the inputs of the model, got a constant");
  check(n.rank(0) == 2, "expected a matrix, got {}", amount(n.rank(0), "axis", "axes"));
  Tensor kernel = n.constant(1);
  check(kernel.rank() == 2 && is_floating(kernel.dtype()), "expected a matrix of weights, got {}", kernel.shape());
  if (transposed) kernel = transpose(Variable(kernel)).value();
  if (alpha != 1) kernel = multiply(Variable(kernel), alpha).value();
  const std::int64_t units = kernel.dim(1);
  ImportValue x = n.input(0);
  if (left_transposed) x = {.tensor = n.layer<PermuteLayer>({.dims = std::vector<std::int64_t>{2, 1}}, {n.plain(0)})};
  check(x.batch.at == 0, "expected the batch on the first axis, got it on axis {}", x.batch.at);
  const auto set = [&](const SymbolicTensor& y) { n.graph.set(n.node.output(0), {.tensor = y, .batch = x.batch}); };
  if (!n.has_input(2)) return set(dense(n, x, kernel, std::nullopt));
  Tensor constant = n.constant(2);
  check(is_floating(constant.dtype()), "expected a floating bias, got {}", constant.dtype());
  if (beta != 1) constant = multiply(Variable(constant), beta).value();
  if (constant.size() == 1) constant = broadcast_to(Variable(constant.reshaped({1})), Shape{units}).value();
  if (const auto bias = bias_of(constant, units, 2)) return set(dense(n, x, kernel, bias));
  check(n.graph.lead() == 0 && constant.rank() == 2, "expected a bias for each of {} units, got the shape {}", units,
        constant.shape());
  n.set(n.operation({.function = std::string("Add"), .constant_shape = {{constant.dim(0), constant.dim(1)}}},
                    {dense(n, x, kernel, std::nullopt)}, {{"constant", constant}}));
}

/// The constant that the only reader of the product adds, if it is a bias; that node is then computed too.
std::optional<Tensor> added_bias(ImportNode& n, std::int64_t units, std::string& output) {
  const xtape_onnx::NodeProto* reader = n.graph.only_reader(n.node.output(0));
  if (reader == nullptr || reader->op_type() != "Add" || reader->input_size() != 2 || reader->output_size() != 1 ||
      reader->attribute_size() > 0) {  // before opset 7 an axis may be given
    return std::nullopt;
  }
  const bool first = reader->input(0) == n.node.output(0);
  const ImportValue* other = n.graph.find(reader->input(first ? 1 : 0));
  if (other == nullptr || !other->constant) return std::nullopt;
  auto bias = bias_of(*other->constant, units, n.rank(0));
  if (bias) {
    n.graph.skip(*reader);
    output = reader->output(0);
  }
  return bias;
}

void matmul_row(ImportNode& n) {
  n.allow_moved_batch(2);
  const BatchAxis batch = n.common_batch();
  const bool moved = batch != BatchAxis();
  if (n.is_tensor(0) && n.is_tensor(1)) {
    check(!moved || (n.rank(0) == n.rank(1) && batch.at < n.rank(0) - 2),
          "expected matrices of one sample, got the batch on axis {} of {}", batch.at, n.rank(0));
    return n.set(n.operation({.function = std::string("MatMul")}, {n.plain(0), n.plain(1)}), false, 0, batch);
  }
  const bool first = !n.is_tensor(0);
  check(!first || n.is_tensor(1), "expected a matrix that depends on the inputs of the model, got constants");
  Tensor constant = n.constant(first ? 0 : 1);
  check(is_floating(constant.dtype()) && constant.rank() >= 2, "expected a matrix of weights, got {} {}",
        constant.dtype(), constant.shape());
  if (!first && constant.rank() == 2 && n.input(0).tensor->shape().rank() >= 1) {
    std::string output = n.node.output(0);
    const auto bias = added_bias(n, constant.dim(1), output);
    check(batch.at < n.rank(0) - 1 || !moved, "expected rows of one sample, got the batch on axis {}", batch.at);
    return n.graph.set(output, {.tensor = dense(n, n.input(0), constant, bias), .batch = batch});
  }
  check(!moved, "expected the batch on the first axis, got it on axis {}", batch.at);
  const int sample_rank = n.input(first ? 1 : 0).tensor->shape().rank();
  if (n.graph.lead() == 1 && constant.rank() == sample_rank + 1 && constant.dim(0) == 1) {
    constant = constant.reshaped(constant.shape().without(0));
  }
  check(constant.rank() <= sample_rank || n.graph.lead() == 0,
        "expected weights for the axes of samples, got the shape {}", constant.shape());
  std::vector<std::int64_t> shape;
  for (int i = 0; i < constant.rank(); ++i) shape.push_back(constant.dim(i));
  n.set(n.operation({.function = std::string("MatMul"), .value_first = first, .constant_shape = shape},
                    {n.plain(first ? 1 : 0)}, {{"constant", constant}}));
}

}  // namespace

void add_product_rows(ImportRows& rows) {
  rows["Gemm"] = gemm;
  rows["MatMul"] = matmul_row;
}

}  // namespace xtape::onnx
