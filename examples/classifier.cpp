#include "examples/classifier.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "examples/program.hpp"
#include "framework/amount.hpp"

namespace xtape {
namespace {

/// The logarithms of the probabilities p, for the element type T.
template <class T>
void take_logarithms(Tensor& probabilities) {
  T* const p = probabilities.mutable_data<T>();
  std::transform(p, p + probabilities.size(), p,
                 [](T v) { return std::log(std::max(v, std::numeric_limits<T>::min())); });
}

/// The number of rows with an element that is NaN or infinite.
std::int64_t rows_not_finite(const Tensor& outputs) {
  const std::vector<double> values = outputs.to_vector();
  const auto row = static_cast<std::ptrdiff_t>(outputs.size() / outputs.dim(0));
  std::int64_t count = 0;
  for (auto begin = values.begin(); begin != values.end(); begin += row) {
    if (!std::all_of(begin, begin + row, [](double v) { return std::isfinite(v); })) ++count;
  }
  return count;
}

}  // namespace

Classifier load_classifier(const std::string& program, const ClassifierOptions& options) {
  const std::string& path = options.path;
  const LoadedModel loaded = load_any_model(path);
  const Model& model = loaded.model;
  check(model.inputs().size() == 1 && model.output_nodes().size() == 1 && model.input_shape().rank() == 3 &&
            model.output_shape().rank() == 1,
        "{}: expected a model that gives classes for images, got {} for {} in {}", program,
        batch_shape_text(model.output_shape()), batch_shape_text(model.input_shape()), path);
  const std::string ending = model.output_activation();
  check(ending != "sigmoid" && ending != "tanh",
        "{}: expected a model that ends in logits or a softmax, a number for each of several classes of which one is "
        "right, got one that ends in {} in {}; use predict() and a loss of your own in a program",
        program, ending, path);
  const std::string scale = options.scale.empty() ? loaded.image_scale : options.scale;
  return {model, scale.empty() ? model : with_image_scale(model, image_scale(scale)), loaded.class_names,
          image_shape(program, model, path, options.image_size)};
}

Tensor logits_of(const std::string& program, const Model& model, const Tensor& outputs, const std::string& images) {
  const std::int64_t wrong = rows_not_finite(outputs);
  check(wrong == 0,
        "{}: expected finite outputs of the network, got NaN or infinity for {} of {} ({}); its weights are "
        "damaged, or its training went wrong",
        program, wrong, amount(outputs.dim(0), "image"), images);
  if (model.output_activation() != "softmax") return outputs;
  Tensor logits = outputs;
  with_floating(program, logits.dtype(), [&](auto zero) { take_logarithms<decltype(zero)>(logits); });
  return logits;
}

}  // namespace xtape
