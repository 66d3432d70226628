#include "benchmarks/machine_peak.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

namespace xtape::bench {
namespace {

constexpr std::int64_t rounds = 400'000;
// Enough to hide the latency of two FMA units, and few enough for the 16 vector registers of AVX2.
constexpr int accumulators = 12;

using Kernel = float (*)(float start);

template <int Bytes>
struct Vector {
  typedef float Type __attribute__((vector_size(Bytes)));  // NOLINT(modernize-use-using): `using` drops the size
};

/// Computes sum = sum * factor + addend repeatedly, with values that stay near 1. Returning the result keeps the
/// compiler from removing the loop.
template <int Bytes>
[[gnu::always_inline]] inline float multiply_add_loop(float start) {
  using V = typename Vector<Bytes>::Type;
  V factor = V{} + 0.999f + start, addend = V{} + 0.001f;
  std::array<V, accumulators> sums;
  for (int i = 0; i < accumulators; ++i) sums[static_cast<std::size_t>(i)] = V{} + static_cast<float>(i);
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (V& sum : sums) sum = sum * factor + addend;
  }
  V total{};
  for (const V& sum : sums) total += sum;
  return total[0];
}

float portable_loop(float start) { return multiply_add_loop<16>(start); }

struct Choice {
  Kernel kernel;
  int lanes;
};

#if defined(__x86_64__)
[[gnu::target("avx2,fma")]] float avx2_loop(float start) { return multiply_add_loop<32>(start); }
[[gnu::target("avx512f,prefer-vector-width=512")]] float avx512_loop(float start) {
  return multiply_add_loop<64>(start);
}

Choice widest() {
  if (__builtin_cpu_supports("avx512f")) return {avx512_loop, 16};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {avx2_loop, 8};
  return {portable_loop, 4};
}
#else
Choice widest() { return {portable_loop, 4}; }
#endif

/// The time in seconds from the moment when all threads have started until the last one is done.
double timed(int threads, Kernel kernel) {
  using Clock = std::chrono::steady_clock;
  std::atomic<int> waiting{threads};
  std::atomic<float> sink{0};
  Clock::time_point start;
  const auto body = [&] {
    waiting.fetch_sub(1);
    while (waiting.load() > 0) std::this_thread::yield();
    sink.store(kernel(0.0f));
  };
  std::vector<std::jthread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(body);
  while (waiting.load() > 1) std::this_thread::yield();
  start = Clock::now();
  body();
  others.clear();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

double measure_peak(int threads, int tries) {
  const auto [kernel, lanes] = widest();
  const double operations = 2.0 * static_cast<double>(rounds) * accumulators * lanes * threads;
  double best = 0;
  for (int i = 0; i < tries; ++i) best = std::max(best, operations / timed(threads, kernel));
  return best;
}

}  // namespace xtape::bench
