// Option rows of layers that rearrange, resize or randomly change each sample.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "framework/tensor/streams.hpp"
#include "layers/layers.hpp"
#include "tests/layers/sample_rows.hpp"

namespace xtape::test {
namespace {

// Images.

/// The element (i, row, column, c), with the image continued beyond its edges.
double pixel(const Tensor& x, const Indices& index, double row, double column, FillMode mode, double fill) {
  const auto place = [&](double v, std::int64_t n) -> std::int64_t {
    auto i = static_cast<std::int64_t>(v);
    if (mode == FillMode::nearest) return std::clamp<std::int64_t>(i, 0, n - 1);
    if (mode == FillMode::constant) return i < 0 || i >= n ? -1 : i;
    for (; i < 0 || i >= n;) i = mode == FillMode::wrap ? (i < 0 ? i + n : i - n) : i < 0 ? -1 - i : 2 * n - 1 - i;
    return i;
  };
  const std::int64_t r = place(row, x.dim(1)), c = place(column, x.dim(2));
  return r < 0 || c < 0 ? fill : x.at({index[0], r, c, index[3]});
}

struct Reading {
  FillMode mode = FillMode::reflect;
  Interpolation interpolation = Interpolation::bilinear;
  double fill = 0;
};

/// The value of an image at a place.
double read(const Tensor& x, const Indices& index, double row, double column, const Reading& reading) {
  const auto pixel_at = [&](double r, double c) { return pixel(x, index, r, c, reading.mode, reading.fill); };
  if (reading.interpolation == Interpolation::nearest) return pixel_at(std::floor(row + 0.5), std::floor(column + 0.5));
  const double r = std::floor(row), c = std::floor(column), v = row - r, u = column - c;
  return (1 - v) * ((1 - u) * pixel_at(r, c) + u * pixel_at(r, c + 1)) +
         v * ((1 - u) * pixel_at(r + 1, c) + u * pixel_at(r + 1, c + 1));
}

Reference resized(std::int64_t height, std::int64_t width, Interpolation interpolation, bool align_corners) {
  return [=](const Trial& t) {
    const Tensor& x = t.input();
    const auto place = [&](std::int64_t i, std::int64_t from, std::int64_t to) {
      const auto p = static_cast<double>(i), old = static_cast<double>(from), now = static_cast<double>(to);
      return align_corners ? p * (old - 1) / (now - 1) : (p + 0.5) * old / now - 0.5;
    };
    return filled({x.dim(0), height, width, x.dim(3)}, [&](const Indices& i) {
      return read(x, i, place(i[1], x.dim(1), height), place(i[2], x.dim(2), width),
                  {FillMode::nearest, interpolation, 0});
    });
  };
}

void add_image_rows(std::vector<OptionRow>& rows) {
  const Shape sample{5, 6, 2};
  constexpr Interpolation nearest = Interpolation::nearest, bilinear = Interpolation::bilinear;
  const auto scaled = [](double scale, double offset) -> Reference {
    return [=](const Trial& t) { return each(t.input(), [=](double v) { return scale * v + offset; }); };
  };
  add<Rescaling>(rows, "scale", {.scale = 2}, {.scale = 0.5}, {sample}, outputs(scaled(2, 0), scaled(0.5, 0)));
  add<Rescaling>(rows, "offset", {.scale = 2}, {.scale = 2, .offset = -1}, {sample},
                 outputs(scaled(2, 0), scaled(2, -1)));
  const Reference plain = resized(7, 4, bilinear, false);
  add<Resizing>(rows, "height", {.height = 7, .width = 4}, {.height = 3, .width = 4}, {sample},
                outputs(plain, resized(3, 4, bilinear, false)));
  add<Resizing>(rows, "width", {.height = 7, .width = 4}, {.height = 7, .width = 9}, {sample},
                outputs(plain, resized(7, 9, bilinear, false)));
  add<Resizing>(rows, "interpolation", {.height = 7, .width = 4}, {7, 4, nearest}, {sample},
                outputs(plain, resized(7, 4, nearest, false)));
  add<Resizing>(rows, "align_corners", {.height = 7, .width = 4}, {7, 4, bilinear, true}, {sample},
                outputs(plain, resized(7, 4, bilinear, true)));
  const Reference twice = resized(10, 12, nearest, false);
  add<UpSampling2D>(rows, "size", {}, {.size = {1, 3}}, {sample}, outputs(twice, resized(5, 18, nearest, false)));
  add<UpSampling2D>(rows, "interpolation", {}, {.interpolation = bilinear}, {sample},
                    outputs(twice, resized(10, 12, bilinear, false)));
  add<UpSampling2D>(rows, "align_corners", {.interpolation = bilinear},
                    {.interpolation = bilinear, .align_corners = true}, {sample},
                    outputs(resized(10, 12, bilinear, false), resized(10, 12, bilinear, true)));
  const auto middle = [](std::int64_t height, std::int64_t width, std::int64_t top, std::int64_t left) -> Reference {
    return [=](const Trial& t) {
      return filled({t.input().dim(0), height, width, 2}, [&](const Indices& i) {
        return t.input().at({i[0], i[1] + top, i[2] + left, i[3]});
      });
    };
  };
  add<CenterCrop>(rows, "height", {.height = 3, .width = 3}, {.height = 2, .width = 3}, {sample},
                  outputs(middle(3, 3, 1, 1), middle(2, 3, 1, 1)));
  add<CenterCrop>(rows, "width", {.height = 3, .width = 3}, {.height = 3, .width = 2}, {sample},
                  outputs(middle(3, 3, 1, 1), middle(3, 2, 1, 2)));
  add<RandomCrop>(rows, "height", {.height = 3, .width = 3}, {.height = 2, .width = 3}, {sample},
                  outputs(middle(3, 3, 1, 1), middle(2, 3, 1, 1)));
  add<RandomCrop>(rows, "width", {.height = 3, .width = 3}, {.height = 3, .width = 2}, {sample},
                  [=](const Trial& before, const Trial& after) {
                    outputs(middle(3, 3, 1, 1), middle(3, 2, 1, 2))(before, after);
                    RandomStream random(6, streams::of_dropout(7, 0));
                    const Tensor u = random.uniform({3, 2}, 0, 1, DType::float64);
                    const Tensor expected = filled({3, 3, 2, 2}, [&](const Indices& i) {
                      const auto top = static_cast<std::int64_t>(u.at({i[0], 0}) * 3);  // of 5 - 3 + 1 places
                      const auto left = static_cast<std::int64_t>(u.at({i[0], 1}) * 5);
                      return after.input().at({i[0], i[1] + top, i[2] + left, i[3]});
                    });
                    CHECK(identical(after.output(Mode::training), expected));
                  });
  const auto shuffled = [](std::int64_t b) -> Reference {
    return [=](const Trial& t) {
      const Tensor& x = t.input();
      const std::int64_t c = x.dim(3) / (b * b);
      return filled({x.dim(0), x.dim(1) * b, x.dim(2) * b, c}, [&](const Indices& i) {
        return x.at({i[0], i[1] / b, i[2] / b, (i[1] % b * b + i[2] % b) * c + i[3]});
      });
    };
  };
  add<DepthToSpace>(rows, "block_size", {.block_size = 1}, {.block_size = 2}, {{2, 3, 8}},
                    [=](const Trial& one, const Trial& two) {
                      CHECK(identical(one.output(), one.input()));
                      CHECK(identical(two.output(), shuffled(2)(two)));
                    });
}

/// The images in training when the pixel (i, j) comes from a place that depends on the draws of the image.
using Place = std::function<std::array<double, 2>(const Tensor& u, std::int64_t image, double i, double j)>;
Reference moved(std::int64_t draws, const Place& place, const Reading& reading = {}) {
  return [=](const Trial& t) {
    const Tensor u = RandomStream(6, streams::of_dropout(7, 0)).uniform({3, draws}, 0, 1, DType::float64);
    return filled(t.input().shape(), [&](const Indices& i) {
      const auto from = place(u, i[0], static_cast<double>(i[1]), static_cast<double>(i[2]));
      return read(t.input(), i, from[0], from[1], reading);
    });
  };
}

/// The rows of fill_mode, interpolation and fill_value of a layer that moves images by `plain`.
template <class Handle>
void add_reading(std::vector<OptionRow>& rows, const typename Handle::Options& plain, std::int64_t draws,
                 const Place& place) {
  auto wrapped = plain, coarse = plain, constant = plain, filled_up = plain;
  wrapped.fill_mode = FillMode::wrap;
  coarse.interpolation = Interpolation::nearest;
  constant.fill_mode = filled_up.fill_mode = FillMode::constant;
  filled_up.fill_value = 3;
  const std::vector<Shape> samples{{5, 6, 2}};
  const auto reads = [&](const Reading& reading) { return moved(draws, place, reading); };
  add<Handle>(rows, "fill_mode", plain, wrapped, samples, training_outputs(reads({}), reads({FillMode::wrap})));
  add<Handle>(rows, "interpolation", plain, coarse, samples,
              training_outputs(reads({}), reads({FillMode::reflect, Interpolation::nearest})));
  add<Handle>(rows, "fill_value", constant, filled_up, samples,
              training_outputs(reads({FillMode::constant}), reads({FillMode::constant, Interpolation::bilinear, 3})));
}

void add_random_image_rows(std::vector<OptionRow>& rows) {
  const std::vector<Shape> samples{{5, 6, 2}};
  const auto flipped = [](bool rows_too, bool columns_too) {
    return moved(2, [=](const Tensor& u, std::int64_t image, double i, double j) {
      return std::array{rows_too && u.at({image, 0}) < 0.5 ? 4 - i : i,
                        columns_too && u.at({image, 1}) < 0.5 ? 5 - j : j};
    });
  };
  add<RandomFlip>(rows, "mode", {}, {.mode = FlipMode::vertical}, samples,
                  training_outputs(flipped(true, true), flipped(true, false)));
  const auto shifted = [](double height, double low, double high) -> Place {
    return [=](const Tensor& u, std::int64_t image, double i, double j) {
      return std::array{i - 5 * (2 * u.at({image, 0}) - 1) * height, j - 6 * (low + (high - low) * u.at({image, 1}))};
    };
  };
  const RandomTranslation::Options shift{.height_factor = 0.3, .width_factor = {0.1, 0.4}};
  add_reading<RandomTranslation>(rows, shift, 2, shifted(0.3, 0.1, 0.4));
  add<RandomTranslation>(rows, "height_factor", shift, {.height_factor = 0.6, .width_factor = {0.1, 0.4}}, samples,
                         training_outputs(moved(2, shifted(0.3, 0.1, 0.4)), moved(2, shifted(0.6, 0.1, 0.4))));
  add<RandomTranslation>(rows, "width_factor", shift, {.height_factor = 0.3, .width_factor = 0.5}, samples,
                         training_outputs(moved(2, shifted(0.3, 0.1, 0.4)), moved(2, shifted(0.3, -0.5, 0.5))));
  const auto turned = [](double factor) -> Place {
    return [=](const Tensor& u, std::int64_t image, double i, double j) {
      const double angle = 2 * std::numbers::pi * factor * (2 * u.at({image, 0}) - 1);
      const double y = i - 2, x = j - 2.5;  // counter-clockwise, with rows that grow downwards
      return std::array{2 + y * std::cos(angle) + x * std::sin(angle), 2.5 - y * std::sin(angle) + x * std::cos(angle)};
    };
  };
  add_reading<RandomRotation>(rows, {.factor = 0.2}, 1, turned(0.2));
  add<RandomRotation>(rows, "factor", {.factor = 0.2}, {.factor = 0.1}, samples,
                      training_outputs(moved(1, turned(0.2)), moved(1, turned(0.1))));
  const auto zoomed = [](double height, double width) -> Place {
    return [=](const Tensor& u, std::int64_t image, double i, double j) {
      const double rows_by = 1 + height * (2 * u.at({image, 0}) - 1);
      const double columns_by = width == 0 ? rows_by : 1 + width * (2 * u.at({image, 1}) - 1);
      return std::array{2 + (i - 2) * rows_by, 2.5 + (j - 2.5) * columns_by};
    };
  };
  add_reading<RandomZoom>(rows, {.height_factor = 0.4}, 2, zoomed(0.4, 0));
  add<RandomZoom>(rows, "height_factor", {.height_factor = 0.4}, {.height_factor = 0.2}, samples,
                  training_outputs(moved(2, zoomed(0.4, 0)), moved(2, zoomed(0.2, 0))));
  add<RandomZoom>(rows, "width_factor", {.height_factor = 0.4}, {.height_factor = 0.4, .width_factor = 0.7}, samples,
                  training_outputs(moved(2, zoomed(0.4, 0)), moved(2, zoomed(0.4, 0.7))));
  const auto coloured = [](bool contrast, double factor, double low, double high) -> Reference {
    return [=](const Trial& t) {
      const Tensor& x = t.input();
      const Tensor u = RandomStream(6, streams::of_dropout(7, 0)).uniform({3, 1}, 0, 1, DType::float64);
      return filled(x.shape(), [&](const Indices& i) {
        double mean = 0;
        for (std::int64_t p = 0; p < 30; ++p) mean += x.at({i[0], p / 6, p % 6, i[3]}) / 30;
        const double f = factor * (2 * u.at({i[0], 0}) - 1), v = at(x, i);
        return std::clamp(contrast ? mean + (1 + f) * (v - mean) : v + f * (high - low), low, high);
      });
    };
  };
  const RandomContrast::Options contrast{.factor = 0.5, .value_low = -2, .value_high = 2};
  add<RandomContrast>(rows, "factor", contrast, {0.9, -2, 2}, samples,
                      training_outputs(coloured(true, 0.5, -2, 2), coloured(true, 0.9, -2, 2)));
  add<RandomContrast>(rows, "value_low", contrast, {0.5, -0.5, 2}, samples,
                      training_outputs(coloured(true, 0.5, -2, 2), coloured(true, 0.5, -0.5, 2)));
  add<RandomContrast>(rows, "value_high", contrast, {0.5, -2, 0.5}, samples,
                      training_outputs(coloured(true, 0.5, -2, 2), coloured(true, 0.5, -2, 0.5)));
  const RandomBrightness::Options brightness{.factor = 0.5, .value_low = -2, .value_high = 2};
  add<RandomBrightness>(rows, "factor", brightness, {0.9, -2, 2}, samples,
                        training_outputs(coloured(false, 0.5, -2, 2), coloured(false, 0.9, -2, 2)));
  add<RandomBrightness>(rows, "value_low", brightness, {0.5, -0.5, 2}, samples,
                        training_outputs(coloured(false, 0.5, -2, 2), coloured(false, 0.5, -0.5, 2)));
  add<RandomBrightness>(rows, "value_high", brightness, {0.5, -2, 0.5}, samples,
                        training_outputs(coloured(false, 0.5, -2, 2), coloured(false, 0.5, -2, 0.5)));
}

void add_noise_rows(std::vector<OptionRow>& rows) {
  const auto stream = [] { return RandomStream(6, streams::of_dropout(7, 0)); };
  const auto by_channel = [=](double rate) -> Reference {
    return [=](const Trial& t) {
      const Tensor& x = t.input();
      const std::int64_t c = x.dim(-1);
      const std::vector<double> u = stream().uniform({3 * c}, 0, 1, DType::float64).to_vector();
      return filled(x.shape(), [&](const Indices& i) {
        return u[static_cast<std::size_t>(i[0] * c + i.back())] < rate ? 0 : at(x, i) / (1 - rate);
      });
    };
  };
  add<SpatialDropout1D>(rows, "rate", {.rate = 0.25}, {.rate = 0.625}, {{4, 20}},
                        training_outputs(by_channel(0.25), by_channel(0.625)));
  add<SpatialDropout2D>(rows, "rate", {.rate = 0.25}, {.rate = 0.625}, {{2, 3, 20}},
                        training_outputs(by_channel(0.25), by_channel(0.625)));
  const auto with_normal = [=](double (*f)(double v, double normal, double option), double option) -> Reference {
    return [=](const Trial& t) {
      const std::vector<double> n = stream().normal(t.input().shape(), 0, 1, DType::float64).to_vector();
      std::vector<double> values = t.input().to_vector();
      for (std::size_t i = 0; i < n.size(); ++i) values[i] = f(values[i], n[i], option);
      return Tensor::of(t.input().shape(), values, DType::float64);
    };
  };
  const auto plus = [](double v, double normal, double stddev) { return v + stddev * normal; };
  add<GaussianNoise>(rows, "stddev", {.stddev = 0.5}, {.stddev = 2}, {{40}},
                     training_outputs(with_normal(plus, 0.5), with_normal(plus, 2)));
  const auto times = [](double v, double normal, double rate) {
    return v * (1 + std::sqrt(rate / (1 - rate)) * normal);
  };
  add<GaussianDropout>(rows, "rate", {.rate = 0.25}, {.rate = 0.625}, {{40}},
                       training_outputs(with_normal(times, 0.25), with_normal(times, 0.625)));
  const auto alpha = [=](double rate) -> Reference {
    return [=](const Trial& t) {
      const std::vector<double> u = stream().uniform(t.input().shape(), 0, 1, DType::float64).to_vector();
      std::vector<double> values = t.input().to_vector();
      const double limit = -1.6732632423543773 * 1.0507009873554805;  // Keras's AlphaDropout.call
      const double a = std::pow((1 - rate) * (1 + rate * limit * limit), -0.5), b = -a * limit * rate;
      for (std::size_t i = 0; i < u.size(); ++i) values[i] = a * (u[i] < rate ? limit : values[i]) + b;
      return Tensor::of(t.input().shape(), values, DType::float64);
    };
  };
  add<AlphaDropout>(rows, "rate", {.rate = 0.25}, {.rate = 0.625}, {{40}}, training_outputs(alpha(0.25), alpha(0.625)));
}

void add_arrangement_rows(std::vector<OptionRow>& rows) {
  const auto permuted = [](std::array<int, 2> order) -> Reference {
    return [=](const Trial& t) {
      const Tensor& x = t.input();
      const bool same = order[0] == 1;
      return filled(same ? x.shape() : Shape{x.dim(0), x.dim(2), x.dim(1)}, [&](const Indices& i) {
        return same ? at(x, i) : x.at({i[0], i[2], i[1]});
      });
    };
  };
  const std::vector<Shape> sequence{{5, 3}};
  add<Permute>(rows, "dims", {.dims = {{1, 2}}}, {.dims = {{2, 1}}}, sequence,
               outputs(permuted({1, 2}), permuted({2, 1})));
  const auto repeated = [](std::int64_t n) -> Reference {
    return [=](const Trial& t) {
      return filled({3, n, 4}, [&](const Indices& i) { return t.input().at({i[0], i[2]}); });
    };
  };
  add<RepeatVector>(rows, "n", {.n = 2}, {.n = 3}, {{4}}, outputs(repeated(2), repeated(3)));
  const auto stretched = [](std::int64_t n) -> Reference {
    return [=](const Trial& t) {
      return filled({3, 5 * n, 3}, [&](const Indices& i) { return t.input().at({i[0], i[1] / n, i[2]}); });
    };
  };
  add<UpSampling1D>(rows, "size", {}, {.size = 3}, sequence, outputs(stretched(2), stretched(3)));
  const auto steps = [](std::int64_t before, std::int64_t after) -> Reference {  // negative amounts are cut off
    return [=](const Trial& t) {
      return filled({3, before + 5 + after, 3}, [&](const Indices& i) {
        const std::int64_t from = i[1] - before;
        return from >= 0 && from < 5 ? t.input().at({i[0], from, i[2]}) : 0.0;
      });
    };
  };
  add<Cropping1D>(rows, "cropping", {}, {.cropping = {0, 3}}, sequence, outputs(steps(-1, -1), steps(0, -3)));
  add<ZeroPadding1D>(rows, "padding", {}, {.padding = {0, 3}}, sequence, outputs(steps(1, 1), steps(0, 3)));
  const auto inner = [](std::int64_t top, std::int64_t bottom, std::int64_t left, std::int64_t right) -> Reference {
    return [=](const Trial& t) {
      return filled({3, 5 - top - bottom, 6 - left - right, 2}, [&](const Indices& i) {
        return t.input().at({i[0], i[1] + top, i[2] + left, i[3]});
      });
    };
  };
  add<Cropping2D>(rows, "cropping", {}, {.cropping = {1, 0, 2, 1}}, {{5, 6, 2}},
                  outputs(inner(0, 0, 0, 0), inner(1, 0, 2, 1)));
  // negative amounts are cut off
  const auto bordered = [](std::array<std::int64_t, 3> before, std::array<std::int64_t, 3> behind) -> Reference {
    return [=](const Trial& t) {
      const auto extent = [&](std::size_t i) { return before[i] + std::array{4, 3, 5}[i] + behind[i]; };
      return filled({3, extent(0), extent(1), extent(2), 2}, [&](const Indices& i) {
        const std::int64_t z = i[1] - before[0], y = i[2] - before[1], x = i[3] - before[2];
        const bool inside = z >= 0 && z < 4 && y >= 0 && y < 3 && x >= 0 && x < 5;
        return inside ? t.input().at({i[0], z, y, x, i[4]}) : 0.0;
      });
    };
  };
  const std::vector<Shape> volume{{4, 3, 5, 2}};
  add<Cropping3D>(rows, "cropping", {}, {.cropping = {2, 1, 0, 1, 3, 1}}, volume,
                  outputs(bordered({-1, -1, -1}, {-1, -1, -1}), bordered({-2, 0, -3}, {-1, -1, -1})));
  add<ZeroPadding3D>(rows, "padding", {}, {.padding = {2, 0, 1, 3, 0, 4}}, volume,
                     outputs(bordered({1, 1, 1}, {1, 1, 1}), bordered({2, 1, 0}, {0, 3, 4})));
  const auto larger = [](std::int64_t d, std::int64_t h, std::int64_t w) -> Reference {
    return [=](const Trial& t) {
      return filled({3, 4 * d, 3 * h, 5 * w, 2}, [&](const Indices& i) {
        return t.input().at({i[0], i[1] / d, i[2] / h, i[3] / w, i[4]});
      });
    };
  };
  add<UpSampling3D>(rows, "size", {}, {.size = {1, 3, 2}}, volume, outputs(larger(2, 2, 2), larger(1, 3, 2)));
  const auto products = [](bool rows_of_both, bool normalize) -> Reference {  // of (n, 3, 3) and (n, 3, 3)
    return [=](const Trial& t) {
      const auto a = [&](std::int64_t n, std::int64_t i, std::int64_t k) { return t.input(0).at({n, i, k}); };
      const auto b = [&](std::int64_t n, std::int64_t k, std::int64_t j) {
        return rows_of_both ? t.input(1).at({n, j, k}) : t.input(1).at({n, k, j});
      };
      return filled({3, 3, 3}, [&](const Indices& i) {
        double sum = 0, of_a = 0, of_b = 0;
        for (std::int64_t k = 0; k < 3; ++k) {
          const double u = a(i[0], i[1], k), v = b(i[0], k, i[2]);
          sum += u * v, of_a += u * u, of_b += v * v;
        }
        return normalize ? sum / std::sqrt(of_a * of_b) : sum;
      });
    };
  };
  const std::vector<Shape> matrices{{3, 3}, {3, 3}};
  add<Dot>(rows, "axes", {}, {.axes = {2, 1}}, matrices, outputs(products(true, false), products(false, false)));
  add<Dot>(rows, "normalize", {}, {.normalize = true}, matrices, outputs(products(true, false), products(true, true)));
}

}  // namespace

void add_sample_rows(std::vector<OptionRow>& rows) {
  add_image_rows(rows);
  add_random_image_rows(rows);
  add_noise_rows(rows);
  add_arrangement_rows(rows);
}

}  // namespace xtape::test
