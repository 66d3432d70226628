// How good a trained network is: loss, accuracy, and class by class.
#include "examples/data_source.hpp"
#include "examples/program.hpp"

using namespace xtape;

namespace {

struct Settings {
  std::string model, data, part = "test";
  std::int64_t top = 3, batch_size = 64;
};

void declare(CLI::App& app, Settings& s) {
  app.add_option("--model", s.model, "A model's file: model.safetensors of ./run train, or of save_model()")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--data", s.data, std::string(data_help) + "; by default Fashion-MNIST")->check(not_empty);
  app.add_option("--part", s.part, "Which images: test or train")
      ->check(CLI::IsMember({"test", "train"}))
      ->capture_default_str();
  app.add_option("--top", s.top, "Also how often the right class is among so many")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--batch-size", s.batch_size)->check(CLI::Range(1, 1000000))->capture_default_str();
}

/// Rows are what images are, columns what they are taken for.
void print_confusion(const Tensor& confusion) {
  const std::vector<double> counts = confusion.to_vector();
  const std::size_t width = fmt::format("{}", *std::max_element(counts.begin(), counts.end())).size() + 1;
  fmt::print("\nconfusion: a row for each class, a column for what it is taken for\n");
  for (std::int64_t i = 0; i < confusion.dim(0); ++i) {
    fmt::print("{:>4}:", i);
    for (std::int64_t j = 0; j < confusion.dim(0); ++j) fmt::print(" {:>{}}", confusion.at({i, j}), width);
    fmt::print("\n");
  }
}

int run(const Settings& s) {
  const Model model = load_classifier("evaluate", s.model);
  const Shape& input = model.input_shape();
  const DataSource source = s.data.empty()
                                ? usual_fashion_mnist()
                                : load_data(s.data, {.height = input[0], .width = input[1], .channels = input[2]});
  const Dataset& data = s.part == "test" ? source.parts.test : source.parts.train;
  check(data.image_shape() == input, "evaluate: expected images {} for this network, got {} in {}", input,
        data.image_shape(), s.data);
  const std::int64_t classes = model.output_shape()[-1];
  check(classes == data.classes(), "evaluate: expected data of {} classes for this network, got {}", classes,
        data.classes());
  const Tensor outputs = predict(model, data, s.batch_size);
  const Tensor confusion = confusion_matrix(outputs, data.labels());
  const std::int64_t top = std::min(s.top, classes);
  fmt::print("{} {} images of {}: loss {:.4f}, right class among the first {}: {:.4f}\n\n{}", data.size(), s.part,
             source.name, softmax_cross_entropy(outputs, data.labels()).value().item(), top,
             top_k_accuracy(outputs, data.labels(), top), class_table(confusion, data.class_names()));
  if (classes <= 30) print_confusion(confusion);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Judges a network by images that it has not seen. Exit status: 0, or 2 on errors");
  declare(app, settings);
  return run_program(argc, argv, app, [&] { return run(settings); });
}
