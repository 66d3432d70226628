#include "models/files/image_scale.hpp"

#include <cmath>
#include <optional>

#include "framework/amount.hpp"
#include "framework/ops/ops.hpp"
#include "framework/parse_number.hpp"
#include "layers/layers.hpp"

namespace xtape {
namespace {

std::optional<double> number_of(std::string_view text) {
  const std::optional<double> number = parse_number<double>(text);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

}  // namespace

ImageScale image_scale(const std::string& name) {
  if (name == "imagenet") {
    ImageScale scale{.name = name, .factor = {}, .shift = {}};
    for (const auto& [mean, deviation] : {std::pair{0.485, 0.229}, {0.456, 0.224}, {0.406, 0.225}}) {
      scale.factor.push_back(1 / deviation);
      scale.shift.push_back(-mean / deviation);
    }
    return scale;
  }
  if (name == "caffe") return {name, {255}, {-103.939, -116.779, -123.68}, true};
  const std::size_t dots = name.find("..");
  const auto low = number_of(std::string_view(name).substr(0, dots));
  const auto high = dots == std::string::npos ? low : number_of(std::string_view(name).substr(dots + 2));
  check(low && high && *low != *high,
        "image_scale: expected LOW..HIGH such as 0..255 or -1..1, imagenet or caffe, got \"{:.100}\"", name);
  return {fmt::format("{:g}..{:g}", *low, *high), {*high - *low}, {*low}};
}

Model with_image_scale(const Model& model, const ImageScale& scale) {
  if (scale.factor == std::vector<double>{1} && scale.shift == std::vector<double>{0} && !scale.blue_first)
    return model;
  check(model.inputs().size() == 1 && model.input_shape().rank() == 3,
        "with_image_scale: expected a model with one image as input, got {}, the first {}",
        amount(model.inputs().size(), "input"), model.input_shape());
  const bool colours = scale.blue_first || scale.factor.size() > 1 || scale.shift.size() > 1;
  check(!colours || model.input_shape()[2] == 3,
        "with_image_scale: expected a model that takes three channels for the scale {}, got {}", scale.name,
        model.input_shape());
  const auto scaled = [scale](const Variable& pixels) {
    const auto constant = [&](const std::vector<double>& values) {
      return Tensor::of({std::ssize(values)}, values, pixels.dtype());
    };
    const Variable x = scale.blue_first ? take(pixels, Tensor::labels({2, 1, 0}), 3) : pixels;
    return x * constant(scale.factor) + constant(scale.shift);
  };
  const auto input = Input(model.input_shape());
  const auto x = Lambda({.function = scaled,
                         .function_name = "image scale " + scale.name,
                         .output_shape = model.input_shape(),
                         .name = "image_scale"})(input);
  Model result(std::vector{input}, model.call({x}));
  result.convert(model.dtype());
  return result;
}

}  // namespace xtape
