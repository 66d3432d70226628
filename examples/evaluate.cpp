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

struct Judgement {
  double loss = 0, top = 0;  ///< means
  Tensor confusion;
};

Judgement judge(const Model& model, const Dataset& data, std::int64_t batch_size, std::int64_t top) {
  const std::int64_t classes = model.output_shape()[-1];
  Judgement result{.confusion = Tensor::zeros({classes, classes}, DType::int64)};
  const DataLoader loader(data, {.batch_size = batch_size, .shuffle = false, .dtype = model.dtype()});
  const Epoch batches = loader.epoch(0);
  WeightCache cache;
  for (const Batch& batch : batches) {
    ForwardPass pass(Mode::inference, {.cache = &cache});
    const Variable outputs = model(batch.images, pass);
    const double share = static_cast<double>(batch.size()) / static_cast<double>(data.size());
    result.loss += softmax_cross_entropy(outputs, batch.labels).value().item() * share;
    result.top += top_k_accuracy(outputs.value(), batch.labels, std::min(top, classes)) * share;
    const Tensor more = confusion_matrix(outputs.value(), batch.labels);
    auto* counts = result.confusion.mutable_data<std::int64_t>();
    for (std::int64_t i = 0; i < more.size(); ++i) counts[i] += more.data<std::int64_t>()[i];
  }
  return result;
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
  const Model model = load_model(s.model);
  const Shape& input = model.input_shape();
  check(input.rank() == 3 && model.output_shape().rank() == 1,
        "evaluate: expected a model that gives classes for images, got {} for {} in {}",
        batch_shape_text(model.output_shape()), batch_shape_text(input), s.model);
  const DataSource source = s.data.empty()
                                ? usual_fashion_mnist()
                                : load_data(s.data, {.height = input[0], .width = input[1], .channels = input[2]});
  const Dataset& data = s.part == "test" ? source.parts.test : source.parts.train;
  check(data.image_shape() == input, "evaluate: expected images {} for this network, got {} in {}", input,
        data.image_shape(), s.data);
  const std::int64_t classes = model.output_shape()[-1];
  check(classes == data.classes(), "evaluate: expected data of {} classes for this network, got {}", classes,
        data.classes());
  const Judgement result = judge(model, data, s.batch_size, s.top);
  fmt::print("{} {} images of {}: loss {:.4f}, right class among the first {}: {:.4f}\n\n{}", data.size(), s.part,
             source.name, result.loss, std::min(s.top, classes), result.top,
             class_table(result.confusion, data.class_names()));
  if (classes <= 30) print_confusion(result.confusion);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Judges a network by images that it has not seen. Exit status: 0, or 2 on errors");
  declare(app, settings);
  return run_program(argc, argv, app, [&] { return run(settings); });
}
