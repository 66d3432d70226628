// Benchmarks of single kernels at the sizes of ResNet-50: convolutions, matrix products, batch normalization, pooling
// and Adam. bench.cpp measures whole networks and compares them with libtorch.
#include <benchmark/benchmark.h>
#include <xtape/xtape.hpp>

#include "framework/kernels/gemm/gemm.hpp"

using namespace xtape;

namespace {

void count_operations(benchmark::State& state, double a_run) {
  state.counters["FLOP/s"] = benchmark::Counter(a_run, benchmark::Counter::kIsIterationInvariantRate);
}

/// `passes` is the smallest number of times that a tensor of this size must be read or written.
void count_bytes(benchmark::State& state, const Tensor& tensor, int passes) {
  state.SetBytesProcessed(state.iterations() * tensor.size_in_bytes() * passes);
}

/// C (m, n) = A (m, k) B (k, n).
void matrix_product(benchmark::State& state) {
  const std::int64_t m = state.range(0), n = state.range(1), k = state.range(2);
  const Tensor a = RandomStream(1).normal({m, k}), b = RandomStream(2).normal({k, n});
  Tensor c = Tensor::zeros({m, n});
  for (auto _ : state) {
    kernels::gemm<float>(m, n, k, {a.data<float>(), k}, {b.data<float>(), n}, c.mutable_data<float>(), n);
  }
  count_operations(state, 2.0 * static_cast<double>(m * n * k));
}

/// A convolution of ResNet-50 at batch 32: image size, channels, filters, kernel size, stride.
struct Convolution {
  explicit Convolution(const benchmark::State& state)
      : x(RandomStream(1).normal({32, state.range(0), state.range(0), state.range(1)})),
        w(RandomStream(2).normal({state.range(3), state.range(3), state.range(1), state.range(2)})),
        options{.strides = state.range(4), .padding = state.range(3) == 3 ? Padding::same : Padding::valid},
        dy(conv2d(x, w, options).value()) {}
  double operations() const { return 2.0 * static_cast<double>(w.size()) * static_cast<double>(dy.size() / dy.dim(3)); }

  Tensor x, w;
  Conv2DOptions options;
  Tensor dy;
};

template <class F>
void convolution(benchmark::State& state, F compute) {
  const Convolution c(state);
  for (auto _ : state) benchmark::DoNotOptimize(compute(c));
  count_operations(state, c.operations());
}
void conv_forward(benchmark::State& state) {
  convolution(state, [](const Convolution& c) { return conv2d(c.x, c.w, c.options); });
}
void conv_input_gradient(benchmark::State& state) {
  convolution(state, [](const Convolution& c) { return conv2d_input_gradient(c.dy, c.w, c.x.shape(), c.options); });
}
void conv_kernel_gradient(benchmark::State& state) {
  convolution(state, [](const Convolution& c) { return conv2d_kernel_gradient(c.x, c.dy, c.w.shape(), c.options); });
}

/// A depthwise 3x3 convolution at batch 1: image size, channels, stride.
struct DepthwiseConvolution {
  explicit DepthwiseConvolution(const benchmark::State& state)
      : x(RandomStream(1).normal({1, state.range(0), state.range(0), state.range(1)})),
        w(RandomStream(2).normal({3, 3, 1, state.range(1)})),
        options{.strides = state.range(2), .padding = Padding::same, .groups = state.range(1)},
        dy(conv2d(x, w, options).value()) {}
  double operations() const { return 2.0 * 9 * static_cast<double>(dy.size()); }

  Tensor x, w;
  Conv2DOptions options;
  Tensor dy;
};

template <class F>
void depthwise(benchmark::State& state, F compute) {
  const DepthwiseConvolution c(state);
  for (auto _ : state) benchmark::DoNotOptimize(compute(c));
  count_operations(state, c.operations());
}
void depthwise_forward(benchmark::State& state) {
  depthwise(state, [](const DepthwiseConvolution& c) { return conv2d(c.x, c.w, c.options); });
}
void depthwise_input_gradient(benchmark::State& state) {
  depthwise(state,
            [](const DepthwiseConvolution& c) { return conv2d_input_gradient(c.dy, c.w, c.x.shape(), c.options); });
}
void depthwise_kernel_gradient(benchmark::State& state) {
  depthwise(state,
            [](const DepthwiseConvolution& c) { return conv2d_kernel_gradient(c.x, c.dy, c.w.shape(), c.options); });
}

/// Depthwise layers of MobileNet V1 and V2 for 224x224 images.
void mobilenet_shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"size", "channels", "stride"})->Unit(benchmark::kMicrosecond)->UseRealTime();
  for (const auto& shape : std::vector<std::vector<std::int64_t>>{{112, 32, 1},
                                                                  {112, 64, 2},
                                                                  {56, 144, 1},
                                                                  {56, 144, 2},
                                                                  {28, 192, 1},
                                                                  {14, 512, 1},
                                                                  {14, 576, 2},
                                                                  {7, 960, 1}}) {
    benchmark->Args(shape);
  }
}

/// The shapes of ResNet-50 for 64x64 images, each once: conv1 with its padded input, then stages 2 to 5.
void resnet50_shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"size", "channels", "filters", "kernel", "stride"})
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
  benchmark->Args({70, 3, 64, 7, 2});
  std::int64_t channels = 64, size = 15, filters = 64;
  for (int stage = 2; stage <= 5; ++stage, filters *= 2) {
    const std::int64_t stride = stage == 2 ? 1 : 2;
    benchmark->Args({size, channels, filters, 1, stride});
    benchmark->Args({size, channels, 4 * filters, 1, stride});
    size = (size + stride - 1) / stride;
    channels = 4 * filters;
    benchmark->Args({size, filters, filters, 3, 1});
    benchmark->Args({size, filters, channels, 1, 1});
    benchmark->Args({size, channels, filters, 1, 1});
  }
}

/// Forward and backward pass of one layer on an input (32, sample).
template <class LayerType>
void layer_step(benchmark::State& state, const LayerType& layer, const Shape& sample) {
  const auto input = Input(sample);
  const Model model(input, layer(input));
  const Tensor x = RandomStream(1).normal(sample.prepended(32));
  const Tensor dy = RandomStream(2).normal(model.output_shape().prepended(32));
  for (auto _ : state) {
    ForwardPass pass(Mode::training);
    const Variable images = pass.watch(x);
    pass.backward(model(images, pass), dy);
    benchmark::DoNotOptimize(pass.gradient(images));
  }
  count_bytes(state, x, 5);  // x -> y, and x, dy -> dx
}
/// Forward and backward pass of one layer on an input (32, size, size, channels).
template <class LayerType>
void layer_step(benchmark::State& state, const LayerType& layer) {
  layer_step(state, layer, {state.range(0), state.range(0), state.range(1)});
}
void batch_norm_step(benchmark::State& state) { layer_step(state, BatchNormalization()); }
void layer_norm_step(benchmark::State& state) { layer_step(state, LayerNormalization()); }
void group_norm_step(benchmark::State& state) { layer_step(state, GroupNormalization()); }
void instance_norm_step(benchmark::State& state) { layer_step(state, GroupNormalization({.groups = -1})); }
void rms_norm_step(benchmark::State& state) { layer_step(state, RMSNormalization()); }
void nearest_step(benchmark::State& state) { layer_step(state, UpSampling2D()); }
void bilinear_step(benchmark::State& state) {
  layer_step(state, UpSampling2D({.interpolation = Interpolation::bilinear}));
}
void pixel_shuffle_step(benchmark::State& state) { layer_step(state, DepthToSpace({.block_size = 2})); }
void relu6_step(benchmark::State& state) { layer_step(state, Activation(relu6)); }
void swish_step(benchmark::State& state) { layer_step(state, Activation(swish)); }
void hard_swish_step(benchmark::State& state) { layer_step(state, Activation(hard_swish)); }
// Convolutions and poolings of sequences (1024, channels), of images (1, 1024, channels) with the same work, of volumes
// (16, 16, 16, channels), and transposed convolutions.
void conv1d_step(benchmark::State& state) {
  const std::int64_t channels = state.range(0);
  layer_step(state, Conv1D({.filters = channels, .kernel_size = 3, .padding = Padding1D::same}), {1024, channels});
}
void conv2d_of_rows_step(benchmark::State& state) {
  const std::int64_t channels = state.range(0);
  layer_step(state, Conv2D({.filters = channels, .kernel_size = {1, 3}, .padding = Padding::same}),
             {1, 1024, channels});
}
void max_pool1d_step(benchmark::State& state) {
  layer_step(state, MaxPooling1D({.pool_size = 2}), {1024, state.range(0)});
}
void max_pool2d_of_rows_step(benchmark::State& state) {
  layer_step(state, MaxPooling2D({.pool_size = {1, 2}}), {1, 1024, state.range(0)});
}
void conv3d_step(benchmark::State& state) {
  const std::int64_t channels = state.range(0);
  layer_step(state, Conv3D({.filters = channels, .kernel_size = 3, .padding = Padding3D::same}),
             {16, 16, 16, channels});
}
void max_pool3d_step(benchmark::State& state) { layer_step(state, MaxPooling3D(), {16, 16, 16, state.range(0)}); }
void conv2d_transpose_step(benchmark::State& state) {
  layer_step(state,
             Conv2DTranspose({.filters = state.range(1), .kernel_size = 3, .strides = 2, .padding = Padding::same}));
}
void max_pool_step(benchmark::State& state) { layer_step(state, MaxPooling2D({.pool_size = 3, .strides = 2})); }
void average_pool_step(benchmark::State& state) { layer_step(state, AveragePooling2D({.pool_size = 2})); }

/// Reads value, gradient and both moments, writes value and both moments.
void adam_step(benchmark::State& state) {
  const Parameter parameter("p", RandomStream(1).normal({state.range(0)}));
  const Tensor gradient = RandomStream(2).normal({state.range(0)});
  Adam adam(std::vector{parameter});
  Gradients gradients;
  gradients.add(parameter, gradient);
  for (auto _ : state) adam.step(gradients);
  count_bytes(state, gradient, 7);
}

}  // namespace

BENCHMARK(conv_forward)->Apply(resnet50_shapes);
BENCHMARK(conv_input_gradient)->Apply(resnet50_shapes);
BENCHMARK(conv_kernel_gradient)->Apply(resnet50_shapes);
BENCHMARK(depthwise_forward)->Apply(mobilenet_shapes);
BENCHMARK(depthwise_input_gradient)->Apply(mobilenet_shapes);
BENCHMARK(depthwise_kernel_gradient)->Apply(mobilenet_shapes);
BENCHMARK(conv1d_step)->Arg(64)->UseRealTime();
BENCHMARK(conv2d_of_rows_step)->Arg(64)->UseRealTime();
BENCHMARK(max_pool1d_step)->Arg(64)->UseRealTime();
BENCHMARK(max_pool2d_of_rows_step)->Arg(64)->UseRealTime();
BENCHMARK(conv3d_step)->Arg(16)->UseRealTime();
BENCHMARK(max_pool3d_step)->Arg(16)->UseRealTime();
BENCHMARK(conv2d_transpose_step)->Args({16, 64})->UseRealTime();
BENCHMARK(matrix_product)->ArgNames({"m", "n", "k"})->Args({256, 256, 256})->Args({1024, 1024, 1024})->UseRealTime();
BENCHMARK(batch_norm_step)->ArgsProduct({{15}, {64, 256}})->Args({2, 2048})->UseRealTime();
BENCHMARK(layer_norm_step)->Args({15, 64})->Args({15, 256})->Args({1, 768})->UseRealTime();
BENCHMARK(group_norm_step)->ArgsProduct({{15}, {64, 256}})->UseRealTime();
BENCHMARK(instance_norm_step)->ArgsProduct({{15}, {64, 256}})->UseRealTime();
BENCHMARK(rms_norm_step)->Args({15, 256})->Args({1, 768})->UseRealTime();
BENCHMARK(nearest_step)->ArgsProduct({{16}, {16, 64}})->UseRealTime();
BENCHMARK(bilinear_step)->ArgsProduct({{16}, {16, 64}})->UseRealTime();
BENCHMARK(pixel_shuffle_step)->Args({16, 64})->UseRealTime();
BENCHMARK(relu6_step)->Args({15, 256})->UseRealTime();
BENCHMARK(swish_step)->Args({15, 256})->UseRealTime();
BENCHMARK(hard_swish_step)->Args({15, 256})->UseRealTime();
BENCHMARK(max_pool_step)->Args({32, 64})->UseRealTime();
BENCHMARK(average_pool_step)->Args({2, 2048})->UseRealTime();
BENCHMARK(adam_step)->Arg(23'546'886)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_MAIN();
