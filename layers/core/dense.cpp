#include "layers/core/dense.hpp"

#include <memory>

#include "framework/ops/inference_epilogue.hpp"
#include "framework/ops/matmul.hpp"
#include "layers/core/kernel_and_bias.hpp"

namespace xtape {
namespace {

/// The kernel of a dense layer as that of a 1x1 convolution.
Tensor as_tap(const Tensor& kernel) { return kernel.reshaped({1, 1, kernel.dim(0), kernel.dim(1)}); }

/// Its packed form.
struct PackedDenseKernel {
  explicit PackedDenseKernel(const Tensor& kernel) : packed(std::make_shared<const PackedKernel>(as_tap(kernel))) {}
  std::shared_ptr<const PackedKernel> packed;
};

}  // namespace

DenseLayer::DenseLayer(Options options) : LinearMapLayer(options.name), options_(std::move(options)) {
  check(options_.units >= 1, "{}: expected units >= 1, got {}", title(), options_.units.value);
}

std::vector<TensorSpec> DenseLayer::output_specs(const std::vector<TensorSpec>& inputs) const {
  const PartialShape& x = only_input(inputs);
  if (x.rank() < 1) reject("samples with at least one axis", inputs);
  return {{x.replaced(-1, options_.units.value)}};
}

std::vector<ParameterSpec> DenseLayer::parameter_specs(const std::vector<TensorSpec>& inputs) const {
  return kernel_and_bias(options_, {inputs[0].shape[-1], options_.units.value});
}

Variable DenseLayer::mapped(const Variable& x, ForwardPass& pass) const { return matmul(x, parameter(pass, "kernel")); }

std::optional<Tensor> DenseLayer::mapped_with(const Variable& x, const InferenceEpilogue& epilogue,
                                              ForwardPass& pass) const {
  const Variable kernel = parameter(pass, "kernel");
  if (pass.records() || x.tracked() || kernel.tracked()) return std::nullopt;
  if (x.dtype() != kernel.dtype()) return std::nullopt;  // matmul() says what is expected
  // The rows are the pixels of an image, and the layer is a 1x1 convolution.
  const Shape shape = x.shape().replaced(-1, options_.units);
  const std::int64_t rows = shape.without(-1).size();
  if (rows == 0 || x.dim(-1) == 0) return std::nullopt;  // no image
  InferenceEpilogue of_rows = epilogue;
  if (epilogue.residual.defined()) {
    if (epilogue.residual.shape() != shape) return std::nullopt;
    of_rows.residual = epilogue.residual.reshaped({1, 1, rows, shape[-1]});
  }
  const auto kept = derived<PackedDenseKernel>(pass, "kernel");
  const InferenceConvolution convolution{as_tap(kernel.value()), kept ? kept->packed : nullptr, {}};
  const auto y = conv2d_with_epilogue(x.value().reshaped({1, 1, rows, x.dim(-1)}), convolution, of_rows);
  if (!y) return std::nullopt;
  return y->reshaped(shape);
}

template class LayerHandle<DenseLayer>;

}  // namespace xtape
