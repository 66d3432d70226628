// Batch normalization of a batch whose parts are computed by several threads, against the batch as a whole.
#include <barrier>
#include <mutex>
#include <span>
#include <thread>

#include "framework/autograd/forward_pass.hpp"
#include "framework/ops/ops.hpp"
#include "framework/tensor/elementwise.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// Adds up numbers over so many threads, in the order of the parts.
class Meeting {
 public:
  explicit Meeting(std::size_t parts) : parts_(parts), barrier_(static_cast<std::ptrdiff_t>(parts)) {}
  void sum(std::size_t part, std::span<double> numbers) {
    parts_[part].assign(numbers.begin(), numbers.end());
    barrier_.arrive_and_wait();
    std::vector<double> total(numbers.size(), 0);
    for (const std::vector<double>& one : parts_) {
      for (std::size_t i = 0; i < total.size(); ++i) total[i] += one.at(i);
    }
    barrier_.arrive_and_wait();
    std::ranges::copy(total, numbers.begin());
  }

 private:
  std::vector<std::vector<double>> parts_;
  std::barrier<> barrier_;
};

struct Normalized {
  Tensor y, mean, variance, dx, dgamma, dbeta, dresidual;
};

Normalized normalized(const Tensor& x, const Tensor& residual, const Tensor& dy, bool fused, const SumOverBatch& sum) {
  ForwardPass pass(Mode::training);
  const Tensor channels = f64({3}, {0.5, 1.5, -2});
  const Variable in = pass.watch(x), gamma = pass.watch(channels), beta = pass.watch(f64({3}, {0.1, -0.2, 0.3}));
  const Variable added = pass.watch(residual);
  BatchNormFusion fusion;
  if (fused) fusion = {.residual = added, .relu = true};
  const auto result = batch_norm_of_part(in, gamma, beta, 1e-3, fusion, sum);
  pass.backward(result.y, dy);
  return {result.y.value(),     result.mean,         result.variance,     pass.gradient(in),
          pass.gradient(gamma), pass.gradient(beta), pass.gradient(added)};
}

}  // namespace

TEST_CASE("batch normalization of the parts of a batch is that of the batch, forward and backward") {
  const Tensor x = RandomStream(1).normal({11, 2, 3}, 5, 2, DType::float64);
  const Tensor residual = RandomStream(2).normal({11, 2, 3}, 0, 1, DType::float64);
  const Tensor dy = RandomStream(3).normal({11, 2, 3}, 0, 1, DType::float64);
  const std::vector<std::int64_t> begins{0, 1, 5, 7, 11};  // parts of 1, 4, 2 and 4 samples
  for (const bool fused : {false, true}) {
    const Normalized whole = normalized(x, residual, dy, fused, {});
    std::vector<Normalized> parts(begins.size() - 1);
    Meeting meeting(parts.size());
    {
      std::vector<std::jthread> threads;
      for (std::size_t p = 0; p < parts.size(); ++p) {
        threads.emplace_back([&, p] {
          const auto rows = [&](const Tensor& all) { return all.rows(begins[p], begins[p + 1]); };
          parts[p] = normalized(rows(x), rows(residual), rows(dy), fused,
                                [&, p](std::span<double> numbers) { meeting.sum(p, numbers); });
        });
      }
    }
    Tensor dgamma = Tensor::zeros({3}, DType::float64), dbeta = dgamma;
    for (std::size_t p = 0; p < parts.size(); ++p) {
      const auto rows = [&](const Tensor& all) { return all.rows(begins[p], begins[p + 1]); };
      CHECK(largest_difference(parts[p].y, rows(whole.y)) < 1e-12);
      CHECK(largest_difference(parts[p].dx, rows(whole.dx)) < 1e-12);
      CHECK(largest_difference(parts[p].dresidual, rows(whole.dresidual)) < 1e-12);
      CHECK(largest_difference(parts[p].mean, whole.mean) < 1e-12);
      CHECK(largest_difference(parts[p].variance, whole.variance) < 1e-12);
      add_into(dgamma, parts[p].dgamma);
      add_into(dbeta, parts[p].dbeta);
    }
    CHECK(largest_difference(dgamma, whole.dgamma) < 1e-12);
    CHECK(largest_difference(dbeta, whole.dbeta) < 1e-12);
  }
}
