// Time of whole training steps, and of the matrix product behind them.
#include <benchmark/benchmark.h>

#include <xtape/xtape.hpp>

#include "framework/kernels/gemm.hpp"

using namespace xtape;

namespace {

/// Forward pass, loss, way back and Adam's step on a batch of noise; reports images per second.
void training_step(benchmark::State& state, const Model& model, std::int64_t batch) {
  const Tensor images = RandomStream(1).uniform(model.input_shape().prepended(batch));
  std::vector<std::int64_t> classes;
  for (std::int64_t i = 0; i < batch; ++i) classes.push_back(i % model.output_shape()[0]);
  const Tensor labels = Tensor::labels(classes);
  Adam adam(model.parameters());
  for (auto _ : state) {
    ForwardPass pass(Mode::training, {.step = adam.iterations()});
    const Variable loss = softmax_cross_entropy(model(images, pass), labels);
    pass.backward(loss);
    adam.step();
  }
  state.SetItemsProcessed(state.iterations() * batch);
}

void resnet50_step(benchmark::State& state) { training_step(state, resnet50(), state.range(0)); }
void conv_net_step(benchmark::State& state) { training_step(state, conv_net(), state.range(0)); }

/// C (n, n) = A (n, n) B (n, n) in float32; reports multiply-adds times two per second.
void matrix_product(benchmark::State& state) {
  const std::int64_t n = state.range(0);
  const Tensor a = RandomStream(1).normal({n, n});
  const Tensor b = RandomStream(2).normal({n, n});
  Tensor c = Tensor::zeros({n, n});
  for (auto _ : state) {
    kernels::gemm<float>(n, n, n, {a.data<float>(), n}, {b.data<float>(), n}, c.mutable_data<float>(), n);
  }
  state.counters["FLOP/s"] = benchmark::Counter(2.0 * static_cast<double>(n * n * n),
                                                benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace

BENCHMARK(resnet50_step)->Arg(32)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(conv_net_step)->Arg(64)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(matrix_product)->Arg(256)->Arg(1024)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_MAIN();
