// The kernels of batch normalization held against their definitions, for one shape.
#pragma once

#include "framework/kernels/batch_norm.hpp"
#include "tests/kernels/compare.hpp"
#include "tests/reference/batch_norm.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {

template <class T>
struct BatchNormResults {
  Guarded<T> mean, variance, y, dgamma, dbeta, dx;
  friend bool operator==(const BatchNormResults&, const BatchNormResults&) = default;
};

/// Random rows around `center`, and what the kernels make of them. The later kernels are given random statistics, not
/// those of the first, so that none hides the error of another.
template <class T>
class BatchNormUnderCheck {
 public:
  BatchNormUnderCheck(std::int64_t rows, std::int64_t channels, double center)
      : rows_(rows), channels_(channels), center_(center) {}

  BatchNormResults<T> run(int threads) const {
    const Threads scope(threads);
    const auto channel = [this] { return Guarded<T>(channels_); };
    BatchNormResults<T> r{channel(), channel(), Guarded<T>(x_.size()), channel(), channel(), Guarded<T>(x_.size())};
    kernels::channel_moments(rows_, channels_, x_.data(), r.mean.data(), r.variance.data());
    kernels::scale_and_shift(rows_, channels_, x_.data(), gamma_.data(), mean_.data(), r.y.data());
    kernels::batch_norm_sums(rows_, channels_, x_.data(), dy_.data(), mean_.data(), inverse_.data(), r.dgamma.data(),
                             r.dbeta.data());
    kernels::batch_norm_input_gradient(rows_, channels_, x_.data(), dy_.data(), mean_.data(), inverse_.data(),
                                       gamma_.data(), sum_.data(), product_.data(), r.dx.data());
    return r;
  }

  void compare(const BatchNormResults<T>& r) const {
    INFO(rows_ << " rows of " << channels_ << " channels around " << center_ << " of " << to_string(dtype_of<T>));
    const auto channels = sampled({channels_}, 70, 20);
    const auto elements = sampled({rows_, channels_}, 600);
    compare_moments(r, channels);
    CHECK(disagreement(r.y, elements, [&](auto i) {
            return reference::scale_and_shift(channels_, x_.data(), gamma_.data(), mean_.data(), i);
          }) == "");
    CHECK(disagreement(r.dgamma, channels, [&](auto c) {
            return reference::batch_norm_dgamma(rows_, channels_, x_.data(), dy_.data(), mean_.data(), inverse_.data(),
                                                c);
          }) == "");
    CHECK(disagreement(r.dbeta, channels,
                       [&](auto c) { return reference::batch_norm_dbeta(rows_, channels_, dy_.data(), c); }) == "");
    CHECK(disagreement(r.dx, elements, [&](auto i) {
            return reference::batch_norm_input_gradient(rows_, channels_, x_.data(), dy_.data(), mean_.data(),
                                                        inverse_.data(), gamma_.data(), sum_.data(), product_.data(),
                                                        i);
          }) == "");
  }

 private:
  /// Sums of deviations, from the mean or from any of the rows: their size is what roundings are relative to, not that
  /// of x. The mean itself is rounded to T at the end.
  void compare_moments(const BatchNormResults<T>& r, const std::vector<std::int64_t>& channels) const {
    const auto n = static_cast<double>(rows_);
    const double walk = std::numeric_limits<T>::epsilon() * std::min(n + 4, 8 * std::sqrt(n + 4));
    const auto moments = [&](auto c) { return reference::channel_moments(rows_, channels_, x_.data(), c); };
    const auto tolerance = [&](const reference::Exact& e) { return static_cast<double>(e.magnitude); };
    const auto mean = [&](auto c) {
      const auto m = moments(c);
      const long double off = walk * m.farthest + std::numeric_limits<T>::epsilon() * std::abs(m.mean);
      return reference::Exact{.value = m.mean, .magnitude = off};
    };
    const auto variance = [&](auto c) {
      const auto m = moments(c);
      return reference::Exact{.value = m.variance, .magnitude = walk * (m.variance + m.farthest * m.farthest)};
    };
    CHECK(r.mean.intact());
    CHECK(disagreement(r.mean.data(), channels, mean, tolerance) == "");
    CHECK(disagreement(r.variance.data(), channels, variance, tolerance) == "");
  }

  const std::int64_t rows_, channels_;
  const double center_;
  RandomStream random_ = RandomStream(5);
  const Guarded<T> x_ = drawn<T>(random_, rows_*channels_, center_), dy_ = drawn<T>(random_, rows_*channels_);
  const Guarded<T> mean_ = drawn<T>(random_, channels_, center_), inverse_ = drawn<T>(random_, channels_, 2);
  const Guarded<T> gamma_ = drawn<T>(random_, channels_), sum_ = drawn<T>(random_, channels_, 1);
  const Guarded<T> product_ = drawn<T>(random_, channels_, -1);
};

template <class T>
void check_batch_norm(std::int64_t rows, std::int64_t channels, double center = 0) {
  const BatchNormUnderCheck<T> normalization(rows, channels, center);
  const BatchNormResults<T> results = normalization.run(1);
  normalization.compare(results);
  CHECK(normalization.run(2) == results);
  CHECK(normalization.run(3) == results);
}

}  // namespace xtape::test
