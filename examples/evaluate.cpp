// Evaluates a trained network: loss, accuracy, and figures for each class.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <numeric>

#include "examples/classifier.hpp"
#include "examples/data_source.hpp"
#include "examples/program.hpp"

using namespace xtape;

namespace {

struct Settings {
  std::string model, data, scale, part = "test";
  std::optional<std::int64_t> image_size;
  std::int64_t top = 3, batch_size = 64;
  bool skip_unreadable = false;
};

void declare(CLI::App& app, Settings& s) {
  app.add_option("--model", s.model, model_help)->required()->check(not_empty)->check(CLI::ExistingFile);
  app.add_option("--data", s.data, std::string(data_help) + "; by default Fashion-MNIST")->check(not_empty);
  app.add_option("--scale", s.scale, scale_help)->check(is_scale);
  app.add_option("--image-size", s.image_size, image_size_help)->check(CLI::Range(1, 16384));
  app.add_flag("--skip-unreadable", s.skip_unreadable, skip_unreadable_help);
  app.add_option("--part", s.part, "Which images: test or train")
      ->check(CLI::IsMember({"test", "train"}))
      ->capture_default_str();
  app.add_option("--top", s.top, "Also how often the right class is among so many")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--batch-size", s.batch_size)->check(CLI::Range(1, 1000000))->capture_default_str();
}

/// Rows are the true classes, columns the predicted classes.
void print_confusion(const Tensor& confusion) {
  const std::vector<double> counts = confusion.to_vector();
  const std::size_t width = fmt::format("{}", *std::max_element(counts.begin(), counts.end())).size() + 1;
  fmt::print("\nconfusion: a row for each class, a column for the predicted class\n");
  for (std::int64_t i = 0; i < confusion.dim(0); ++i) {
    fmt::print("{:>4}:", i);
    for (std::int64_t j = 0; j < confusion.dim(0); ++j) fmt::print(" {:>{}}", confusion.at({i, j}), width);
    fmt::print("\n");
  }
}

/// Loads the data. Error without --data when the network does not take images of Fashion-MNIST.
DataSource load(const Settings& s, const Shape& input) {
  check(!s.data.empty() || input == Shape{28, 28, 1},
        "evaluate: expected --data FOLDER with images for this network, which takes {}, got none; without it, "
        "Fashion-MNIST is read, whose images are (28, 28, 1)",
        input);
  if (s.data.empty()) return usual_fashion_mnist();
  return load_data(s.data,
                   {.height = input[0], .width = input[1], .channels = input[2], .skip_unreadable = s.skip_unreadable});
}

/// Whether the names are more than numbers.
bool are_words(const std::vector<std::string>& names) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::ranges::any_of(names, [&](const std::string& name) { return !std::ranges::all_of(name, is_digit); });
}

/// The network's class number for each class of the data: the number of the class with the same name. The numbers are
/// unchanged if the data or the network has no names, or the names of the data are numbers. Error when the network does
/// not have a name, and when there are no names and the numbers of classes differ.
std::vector<std::int64_t> numbers_of(const Dataset& data, const std::vector<std::string>& known, std::int64_t classes) {
  std::vector<std::int64_t> numbers;
  std::vector<std::string> unknown;
  std::map<std::string, std::int64_t> number_of;
  for (const std::string& name : known) number_of.emplace(name, std::ssize(number_of));
  for (const std::string& name : data.class_names()) {
    const auto found = number_of.find(name);
    numbers.push_back(found == number_of.end() ? 0 : found->second);
    if (found == number_of.end()) unknown.push_back(name);
  }
  if (!numbers.empty() && unknown.empty()) return numbers;
  check(known.empty() || !are_words(data.class_names()),
        "evaluate: expected images of the classes of the network, {}, got also {}",
        printable(fmt::format("{}", fmt::join(known, ", "))), printable(fmt::format("{}", fmt::join(unknown, ", "))));
  check(classes == data.classes(), "evaluate: expected data of {} classes for this network, got {}", classes,
        data.classes());
  numbers.resize(static_cast<std::size_t>(classes));
  std::iota(numbers.begin(), numbers.end(), std::int64_t{0});
  return numbers;
}

/// The labels of the data as the network's class numbers.
Tensor labels_of(const Dataset& data, const std::vector<std::int64_t>& numbers) {
  std::vector<std::int64_t> labels;
  for (const double label : data.target().to_vector()) labels.push_back(numbers[static_cast<std::size_t>(label)]);
  return Tensor::labels(labels);
}

/// The network's class names, printable on a terminal; those of the data if the network has none.
std::vector<std::string> shown_names(const std::vector<std::string>& known, const Dataset& data) {
  std::vector<std::string> names = known.empty() ? data.class_names() : known;
  std::ranges::transform(names, names.begin(), printable);
  return names;
}

/// Lists the classes without images, because they count as 0 in the mean over classes.
void print_missing(const ConfusionCounts& counts, const std::vector<std::string>& names) {
  constexpr std::size_t most = 20;
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < counts.samples.size(); ++i) {
    if (counts.samples[i] == 0) missing.push_back(names.empty() ? std::to_string(i) : names[i]);
  }
  if (missing.empty()) return;
  const std::string more = missing.size() > most ? fmt::format(" and {} more", missing.size() - most) : "";
  missing.resize(std::min(missing.size(), most));
  fmt::print("no images of {}{}: 0 in the mean over classes\n", fmt::join(missing, ", "), more);
}

int run(const Settings& s) {
  const Classifier network =
      load_classifier("evaluate", {.path = s.model, .scale = s.scale, .image_size = s.image_size});
  const Model& model = network.model;
  const std::vector<std::string>& known = network.class_names;
  const std::int64_t classes = model.output_shape()[0].value(), top = std::min(s.top, classes);
  check(known.empty() || std::ssize(known) == classes, "evaluate: expected the names of {} classes, got {} in {}",
        classes, known.size(), s.model);
  const DataSource source = load(s, network.image);
  const Dataset& data = s.part == "test" ? source.parts.test : source.parts.train;
  check(data.input_shape() == network.image, "evaluate: expected images {} for this network, got {} in {}",
        network.image, data.input_shape(), s.data);
  const Tensor labels = labels_of(data, numbers_of(data, known, classes));
  const std::string about = fmt::format("{} images of {}", s.part, source.name);
  const Tensor logits = logits_of("evaluate", model, predict(network.on_pixels, data, s.batch_size), about);
  const ConfusionCounts counts = confusion_counts(logits, labels);
  const std::vector<std::string> names = shown_names(known, data);
  ForwardPass pass(Mode::inference);
  const std::optional<Variable> penalty = model.regularization(pass);  // as in evaluate() and in training
  const double loss = softmax_cross_entropy(logits, labels).value().item() + (penalty ? penalty->value().item() : 0);
  fmt::print("{} {}: loss {:.4f}, right class among the first {}: {:.4f}\n\n{}", data.size(), about, loss, top,
             top_k_accuracy(logits, labels, top), class_table(counts, names));
  print_missing(counts, names);
  if (classes <= 30) print_confusion(confusion_matrix(logits, labels));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Judges a network by images that it has not seen. Exit status: 0, or 2 on errors");
  declare(app, settings);
  return run_program(argc, argv, app, [&] { return run(settings); });
}
