// The kernels of batch normalization compared with their definitions, for one shape.
#pragma once

#include <array>

#include "framework/kernels/normalization/batch_norm.hpp"
#include "tests/kernels/compare.hpp"
#include "tests/reference/batch_norm.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {

/// The part of dy that the backward pass uses: all of it, that of positive stored outputs, or that of positive
/// recomputed outputs.
enum class Passes { everything, by_output, recomputed };
inline constexpr std::array all_passes{Passes::everything, Passes::by_output, Passes::recomputed};

template <class T>
struct BatchNormResults {
  Guarded<double> mean, deviation;
  Guarded<T> y, rectified;
  struct Back {
    Guarded<T> passed;
    Guarded<double> dgamma, dbeta;
    Guarded<T> dx, of_constants;
    friend bool operator==(const Back&, const Back&) = default;
  };
  std::vector<Back> back;  // for all_passes
  friend bool operator==(const BatchNormResults&, const BatchNormResults&) = default;
};

/// Random rows around `center`, and the results of the kernels for them, with or without a bias. The later kernels get
/// random statistics instead of those of the first kernel, so that an error of one cannot hide an error of another.
template <class T>
class BatchNormUnderCheck {
 public:
  BatchNormUnderCheck(std::int64_t rows, std::int64_t channels, double center, bool biased = false)
      : rows_(rows), channels_(channels), center_(center), biased_(biased) {}

  BatchNormResults<T> run(int threads) const {
    const KernelSettings scope(threads);
    const auto channel = [this] { return Guarded<double>(channels_); };
    const auto whole = [this] { return Guarded<T>(x_.size()); };
    BatchNormResults<T> r{channel(), channel(), whole(), whole(), {}};
    const kernels::Normalization<T> n = normalization();
    kernels::channel_moments(rows_, channels_, x_.data(), r.mean.data(), r.deviation.data());
    kernels::normalize<T>(rows_, channels_, x_.data(), n, {}, r.y.data());
    kernels::normalize<T>(rows_, channels_, x_.data(), n, {residual_.data(), true}, r.rectified.data());
    for (const Passes passes : all_passes) {
      typename BatchNormResults<T>::Back back{whole(), channel(), channel(), whole(), whole()};
      using Mask = typename kernels::Passing<T>::Mask;
      kernels::Passing<T> passing;
      if (passes == Passes::by_output) passing = {Mask::output, residual_.data()};
      if (passes == Passes::recomputed) passing.mask = Mask::again;
      kernels::batch_norm_sums(rows_, channels_, x_.data(), dy_.data(), passing, n, back.dgamma.data(),
                               back.dbeta.data(), back.passed.data());
      kernels::batch_norm_input_gradient(rows_, channels_, x_.data(), dy_.data(), passing, n, product_.data(),
                                         sum_.data(), back.dx.data());
      kernels::batch_norm_input_gradient(rows_, channels_, x_.data(), dy_.data(), passing, n, nullptr, nullptr,
                                         back.of_constants.data());
      r.back.push_back(std::move(back));
    }
    return r;
  }

  void compare(const BatchNormResults<T>& r) const {
    INFO(rows_ << " rows of " << channels_ << " channels around " << center_ << " of " << to_string(dtype_of<T>));
    const auto channels = sampled({channels_}, 70, 20);
    const auto elements = sampled({rows_, channels_}, 600);
    compare_moments(r, channels);
    const auto scaled = [&](auto i) { return reference::normalize(channels_, x_.data(), normalization(), i); };
    CHECK(disagreement(r.y, elements, scaled) == "");
    CHECK(disagreement(r.rectified, elements, [&](auto i) {
            reference::Exact sum = scaled(i);
            sum.add(residual_.data()[i]);
            if (sum.value < 0) sum.value = 0;
            return sum;
          }) == "");
    for (std::size_t i = 0; i < all_passes.size(); ++i) compare_back(r.back[i], all_passes[i], channels, elements);
  }

 private:
  bool reaches(Passes passes, std::int64_t i) const {
    if (passes == Passes::by_output) return residual_.data()[i] > 0;
    if (passes == Passes::everything) return true;
    return reference::normalize(channels_, x_.data(), normalization(), i).value > 0;
  }

  void compare_back(const typename BatchNormResults<T>::Back& back, Passes passes,
                    const std::vector<std::int64_t>& channels, const std::vector<std::int64_t>& elements) const {
    INFO("what passes: " << static_cast<int>(passes));
    Guarded<T> d = dy_;
    for (std::int64_t i = 0; i < d.size(); ++i) d.data()[i] = reaches(passes, i) ? dy_.data()[i] : 0;
    CHECK(back.passed == d);
    const auto sums = [&](const Guarded<double>& got, auto exact) {
      if (!got.intact()) return std::string("written outside of the array");
      return disagreement(got.data(), channels, exact, reference::allowed<T>);
    };
    CHECK(sums(back.dgamma, [&](auto c) {
            return reference::batch_norm_dgamma(rows_, channels_, x_.data(), d.data(), normalization(), c);
          }) == "");
    CHECK(sums(back.dbeta, [&](auto c) { return reference::batch_norm_dbeta(rows_, channels_, d.data(), c); }) == "");
    CHECK(disagreement(back.dx, elements, [&](auto i) {
            return reference::batch_norm_input_gradient(rows_, channels_, x_.data(), d.data(), normalization(),
                                                        product_.data(), sum_.data(), i);
          }) == "");
    CHECK(disagreement(back.of_constants, elements, [&](auto i) {
            return reference::batch_norm_input_gradient(rows_, channels_, x_.data(), d.data(), normalization(), nullptr,
                                                        nullptr, i);
          }) == "");
  }

  /// Compares sums of differences from any of the rows. Rounding errors are relative to the differences, not to x.
  void compare_moments(const BatchNormResults<T>& r, const std::vector<std::int64_t>& channels) const {
    const auto n = static_cast<double>(rows_);
    const double walk = std::numeric_limits<T>::epsilon() * std::min(n + 4, 8 * std::sqrt(n + 4));
    const auto moments = [&](auto c) { return reference::channel_moments(rows_, channels_, x_.data(), c); };
    const auto tolerance = [&](const reference::Exact& e) { return static_cast<double>(e.magnitude); };
    const auto mean = [&](auto c) {
      const auto m = moments(c);
      const long double off = walk * m.farthest + std::numeric_limits<double>::epsilon() * std::abs(m.mean);
      return reference::Exact{.value = m.mean, .magnitude = off};
    };
    const auto variance = [&](auto c) {
      const auto m = moments(c);
      return reference::Exact{.value = m.variance, .magnitude = walk * (m.variance + m.farthest * m.farthest)};
    };
    Guarded<double> squared = r.deviation;
    for (std::int64_t c = 0; c < channels_; ++c) squared.data()[c] *= squared.data()[c];
    CHECK(r.mean.intact());
    CHECK(squared.intact());
    CHECK(disagreement(r.mean.data(), channels, mean, tolerance) == "");
    CHECK(disagreement(squared.data(), channels, variance, tolerance) == "");
  }

  kernels::Normalization<T> normalization() const {
    return {mean_.data(), inverse_.data(), gamma_.data(), beta_.data(), biased_ ? bias_.data() : nullptr};
  }

  const std::int64_t rows_, channels_;
  const double center_;
  const bool biased_;
  RandomStream random_ = RandomStream(5);
  const Guarded<T> x_ = drawn<T>(random_, rows_*channels_, center_), dy_ = drawn<T>(random_, rows_*channels_);
  const Guarded<double> mean_ = drawn<double>(random_, channels_, center_);  // not representable in float
  const Guarded<double> inverse_ = drawn<double>(random_, channels_, 2);
  const Guarded<T> gamma_ = drawn<T>(random_, channels_), beta_ = drawn<T>(random_, channels_);
  const Guarded<T> bias_ = drawn<T>(random_, channels_, 1), residual_ = drawn<T>(random_, rows_*channels_);
  const Guarded<double> sum_ = drawn<double>(random_, channels_, 1), product_ = drawn<double>(random_, channels_, -1);
};

template <class T>
void check_batch_norm(std::int64_t rows, std::int64_t channels, double center = 0) {
  const BatchNormUnderCheck<T> normalization(rows, channels, center, channels % 2 == 0);
  const BatchNormResults<T> results = normalization.run(1);
  normalization.compare(results);
  CHECK(normalization.run(2) == results);
  CHECK(normalization.run(3) == results);
}

}  // namespace xtape::test
