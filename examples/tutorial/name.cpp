// Classifies a photograph with a model from a file.
#include <iostream>
#include <xtape/xtape.hpp>
using namespace xtape;

int main(int argc, char** argv) try {
  check(argc == 2, "name: expected one photograph, got {} arguments", argc - 1);
  const Model model = load_model("clothes.safetensors");
  const std::vector<std::string> names = load_class_names("clothes.safetensors");

  const Shape& shape = model.input_shape();
  const Tensor photo = load_image(argv[1], {.height = shape[0], .width = shape[1]});
  const Tensor logits = predict(model, photo.reshaped(shape.prepended(1)));
  const std::vector<double> probabilities = softmax(logits).value().to_vector();
  const auto best = static_cast<std::size_t>(top_classes(logits).data<std::int64_t>()[0]);
  fmt::print("{} ({:.1f} %)\n", names.at(best), 100 * probabilities.at(best));
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 2;
}
