// The kernels of layer, group and RMS normalization compared with their definitions, for sizes on both sides of the
// constants by which framework/kernels/normalization/group_norm.cpp divides its work: rows of at most 128 values, two
// at once; 8, 16 and 32 partial sums; at least 16 channels and 16384 values of a piece; 64 blocks of outer indices.
#include "framework/kernels/normalization/group_norm.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/kernels/compare.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

template <class T>
struct GroupNormResults {
  Guarded<T> y, dx;
  Guarded<double> mean, inverse, dgamma, dbeta;
  friend bool operator==(const GroupNormResults&, const GroupNormResults&) = default;
};

/// Random groups around `center`, and the results of the kernels for them. The backward pass gets statistics that are
/// not those of the forward pass, so that an error of one cannot hide an error of the other.
template <class T>
class GroupNormUnderCheck {
 public:
  GroupNormUnderCheck(const kernels::GroupShape& shape, bool centered, bool affine, double center)
      : s_(shape), centered_(centered), affine_(affine), center_(center) {
    // with a part along x, so that no sum of products is small by chance
    for (std::int64_t i = 0; i < x_.size(); ++i) dy_.data()[i] += static_cast<T>(x_.data()[i] - center_);
    for (std::int64_t g = 0; g < means_.size(); ++g) {
      inverses_.data()[g] = 1 + std::abs(inverses_.data()[g]);
      means_.data()[g] = centered_ ? center_ + means_.data()[g] / 3 : 0;
    }
  }

  /// With `in_place`, y replaces x, and dx replaces dy.
  GroupNormResults<T> run(int threads, bool in_place = false) const {
    const KernelSettings scope(threads);
    const auto channels = [&] { return Guarded<double>(s_.channels()); };
    const auto groups = [&] { return Guarded<double>(s_.outer * s_.groups); };
    GroupNormResults<T> r{Guarded<T>(x_.size()), Guarded<T>(x_.size()), groups(), groups(), channels(), channels()};
    if (in_place) r.y = x_, r.dx = dy_;
    kernels::group_norm(s_, in_place ? r.y.data() : x_.data(), gamma(), beta(), epsilon, centered_, r.y.data(),
                        r.mean.data(), r.inverse.data());
    kernels::group_norm_gradient(s_, x_.data(), in_place ? r.dx.data() : dy_.data(), gamma(), means_.data(),
                                 inverses_.data(), centered_, r.dx.data(), r.dgamma.data(), r.dbeta.data());
    return r;
  }

  void compare(const GroupNormResults<T>& r) const {
    INFO("(" << s_.outer << ", " << s_.positions << ", " << s_.groups << ", " << s_.size << ") of "
             << to_string(dtype_of<T>) << (centered_ ? ", centered" : "") << (affine_ ? ", affine" : "") << ", around "
             << center_);
    const auto channels = static_cast<std::size_t>(s_.channels());
    std::vector<long double> dgamma(channels), dbeta(channels), of_gamma(channels), of_beta(channels);
    Worst y, dx, mean, inverse;
    for (std::int64_t o = 0; o < s_.outer; ++o) {
      for (std::int64_t g = 0; g < s_.groups; ++g) {
        const std::int64_t group = o * s_.groups + g;
        const auto mean_of = [&](const auto& f) {
          long double total = 0;
          for_each(o, g, [&](std::int64_t i, std::int64_t c) { total += f(i, c); });
          return total / static_cast<long double>(s_.positions * s_.size);
        };
        const long double center = centered_ ? mean_of([&](auto i, auto) -> long double { return x_.data()[i]; }) : 0;
        const long double variance = mean_of([&](auto i, auto) { return square(x_.data()[i] - center); });
        const long double scale = 1 / std::sqrt(variance + epsilon);
        mean.add(r.mean.data()[group] - center, 1 + std::abs(center));
        inverse.add(r.inverse.data()[group] - scale, scale);
        const long double given = means_.data()[group], factor = inverses_.data()[group];
        const auto normal = [&](std::int64_t i) { return (x_.data()[i] - given) * factor; };
        const auto slope = [&](std::int64_t i, std::int64_t c) { return gain(c) * dy_.data()[i]; };
        const long double of_slope = centered_ ? mean_of(slope) : 0;
        const long double of_product = mean_of([&](auto i, auto c) { return slope(i, c) * normal(i); });
        for_each(o, g, [&](std::int64_t i, std::int64_t c) {
          const long double hat = (x_.data()[i] - center) * scale;
          // the mean is a double, which is exact for float
          const long double of_mean = std::is_same_v<T, double> ? std::abs(center * scale * gain(c)) : 0;
          y.add(r.y.data()[i] - (hat * gain(c) + shift(c)), 1 + std::abs(hat * gain(c)) + std::abs(shift(c)) + of_mean);
          const long double third = normal(i) * of_product;
          dx.add(r.dx.data()[i] - factor * (slope(i, c) - of_slope - third),
                 factor * (std::abs(slope(i, c)) + std::abs(of_slope) + std::abs(third) + 0.1L));
          const auto k = static_cast<std::size_t>(c);
          dgamma[k] += dy_.data()[i] * normal(i), of_gamma[k] += std::abs(dy_.data()[i] * normal(i));
          dbeta[k] += dy_.data()[i], of_beta[k] += std::abs(dy_.data()[i]);
        });
      }
    }
    Worst of_scales, of_shifts;
    for (std::size_t c = 0; c < channels; ++c) {
      of_scales.add(r.dgamma.data()[c] - dgamma[c], of_gamma[c]);
      of_shifts.add(r.dbeta.data()[c] - dbeta[c], of_beta[c]);
    }
    const double rounding = std::is_same_v<T, float> ? 6e-7 : 1e-14;
    CHECK(y.relative < rounding);
    CHECK(dx.relative < rounding);
    CHECK(mean.relative < 1e-14);  // in double for both types
    CHECK(inverse.relative < 1e-13);
    CHECK(of_scales.relative < 1e-13);
    CHECK(of_shifts.relative < 1e-13);
    CHECK((r.y.intact() && r.dx.intact() && r.mean.intact() && r.inverse.intact() && r.dgamma.intact() &&
           r.dbeta.intact()));
  }

 private:
  static constexpr double epsilon = 1e-3;

  /// The largest difference in relation to the size of its terms.
  struct Worst {
    double relative = 0;
    void add(long double difference, long double size) {
      const auto off = static_cast<double>(std::abs(difference) / size);
      relative = std::isfinite(off) ? std::max(relative, off) : HUGE_VAL;
    }
  };

  static long double square(long double v) { return v * v; }
  /// Calls f(element, channel) for the elements of a group.
  template <class F>
  void for_each(std::int64_t outer, std::int64_t group, const F& f) const {
    for (std::int64_t p = 0; p < s_.positions; ++p) {
      for (std::int64_t c = group * s_.size; c < (group + 1) * s_.size; ++c) {
        f((outer * s_.positions + p) * s_.channels() + c, c);
      }
    }
  }
  const T* gamma() const { return affine_ ? gamma_.data() : nullptr; }
  const T* beta() const { return affine_ ? beta_.data() : nullptr; }
  long double gain(std::int64_t c) const { return affine_ ? gamma_.data()[c] : 1; }
  long double shift(std::int64_t c) const { return affine_ ? beta_.data()[c] : 0; }

  const kernels::GroupShape s_;
  const bool centered_, affine_;
  const double center_;
  RandomStream random_ = RandomStream(5);
  const Guarded<T> x_ = drawn<T>(random_, s_.outer* s_.positions* s_.channels(), center_);
  Guarded<T> dy_ = drawn<T>(random_, x_.size());
  Guarded<double> means_ = drawn<double>(random_, s_.outer*s_.groups),
                  inverses_ = drawn<double>(random_, means_.size());
  const Guarded<T> gamma_ = drawn<T>(random_, s_.channels()), beta_ = drawn<T>(random_, s_.channels());
};

template <class T>
void check_group_norm(const kernels::GroupShape& shape) {
  for (const bool centered : {true, false}) {
    for (const double center : {0.0, 300.3}) {
      if (!centered && center != 0) continue;
      const GroupNormUnderCheck<T> normalization(shape, centered, center == 0, center);
      const GroupNormResults<T> results = normalization.run(1);
      normalization.compare(results);
      CHECK(normalization.run(3) == results);
      CHECK(normalization.run(2, true) == results);
    }
  }
}

}  // namespace

TEST_CASE("the kernels of group normalization equal their definitions wherever their work is cut") {
  std::vector<kernels::GroupShape> shapes;
  for (const std::int64_t size : {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 64, 127, 128, 129, 160, 300}) {
    for (const std::int64_t outer : {1, 2, 3, 5}) shapes.push_back({outer, 1, 1, size});
    shapes.push_back({3, 1, 3, size});
    shapes.push_back({2, 3, 2, size});
  }
  for (const std::int64_t groups : {1, 15, 16, 17, 33}) {
    for (const std::int64_t size : {1, 3, 5, 16}) {
      shapes.push_back({3, 1, groups, size});
      shapes.push_back({3, 4, groups, size});
    }
  }
  // several blocks of outer indices, and more than 64 of one
  for (const std::int64_t outer : {63, 64, 65, 130}) {
    shapes.push_back({outer, 1, 1, 300});
    shapes.push_back({outer, 1, 40, 20});
    shapes.push_back({outer, 9, 2, 100});
  }
  for (const std::int64_t size : {16383, 16384, 16385}) shapes.push_back({2, 1, 1, size});
  shapes.push_back({2, 1025, 2, 8});
  for (const kernels::GroupShape& shape : shapes) {
    check_group_norm<double>(shape);
    check_group_norm<float>(shape);
  }
}

TEST_CASE("the bits of a normalized row do not depend on the rows beside it") {
  for (const std::int64_t size : {5, 40, 128, 129}) {
    RandomStream random(4);
    Guarded<float> x = drawn<float>(random, 5 * size);
    x.data()[2 * size] = 1e6F;  // far from the mean of its row, which then takes a second pass
    for (const bool centered : {true, false}) {
      Guarded<float> together(x.size());
      std::vector<double> means(5), inverses(5);
      kernels::group_norm<float>({5, 1, 1, size}, x.data(), nullptr, nullptr, 1e-3, centered, together.data(),
                                 means.data(), inverses.data());
      for (std::int64_t row = 0; row < 5; ++row) {
        std::vector<float> alone(static_cast<std::size_t>(size));
        double mean = 7, inverse = 7;
        kernels::group_norm<float>({1, 1, 1, size}, x.data() + row * size, nullptr, nullptr, 1e-3, centered,
                                   alone.data(), &mean, &inverse);
        CAPTURE(size, centered, row);
        CHECK(std::equal(alone.begin(), alone.end(), together.data() + row * size));
        CHECK(mean == means[static_cast<std::size_t>(row)]);
        CHECK(inverse == inverses[static_cast<std::size_t>(row)]);
      }
    }
  }
}

TEST_CASE("groups of equal values become exactly beta, however many they are") {
  for (const std::int64_t positions : {1, 2, 1000, 5000}) {
    for (const std::int64_t size : {1, 7, 128, 300}) {
      for (const double value : {0.1, -1e7 / 3, 1e-5}) {
        CAPTURE(positions, size, value);
        const std::vector<double> x(static_cast<std::size_t>(2 * positions * size), value), gamma(x.size(), 3),
            beta(x.size(), 0.25);
        std::vector<double> y(x.size(), 7), mean(2), inverse(2);
        kernels::group_norm({1, positions, 2, size}, x.data(), gamma.data(), beta.data(), 1e-3, true, y.data(),
                            mean.data(), inverse.data());
        CHECK(std::ranges::count(y, 0.25) == std::ssize(y));
        CHECK(mean == std::vector<double>(2, value));
      }
    }
  }
}
