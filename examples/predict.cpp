// What a trained network sees on photographs: the most probable classes of each.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "examples/program.hpp"
#include "training/progress.hpp"

using namespace xtape;
namespace fs = std::filesystem;

namespace {

struct Settings {
  std::string model;
  std::vector<std::string> photographs, classes;
  std::int64_t top = 3;
  bool json = false;
};

void declare(CLI::App& app, Settings& s) {
  app.add_option("--model", s.model, "A model's file: model.safetensors of ./run train, or of save_model()")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("photographs", s.photographs, "JPEG or PNG files, or folders of them")->required();
  app.add_option("--top", s.top, "Classes shown for each")->check(CLI::Range(1, 1000000))->capture_default_str();
  app.add_option("--classes", s.classes, "Names of the classes, A,B,C, where the file does not say them")
      ->delimiter(',');
  app.add_flag("--json", s.json, "Print JSON: a list of {file, predictions: [{class, name, probability}]}");
}

/// Files as they are named; of folders the images directly in them, sorted.
std::vector<fs::path> files_of(const std::vector<std::string>& names) {
  std::vector<fs::path> files;
  for (const fs::path name : names) {
    if (!fs::is_directory(name)) {
      files.push_back(name);
      continue;
    }
    const auto first = std::ssize(files);
    for (const auto& entry : fs::directory_iterator(name)) {
      if (entry.is_regular_file() && is_image_name(entry.path())) files.push_back(entry.path());
    }
    check(std::ssize(files) > first, "predict: expected JPEG or PNG files in {}, got none", name.string());
    std::sort(files.begin() + first, files.end());
  }
  return files;
}

struct Prediction {
  std::int64_t number;
  std::string name;
  double probability;
};

/// Those of the model's softmax, or the softmax of its logits.
Tensor probabilities(const Model& model, const Tensor& image) {
  const Tensor outputs = predict(model, image.reshaped(image.shape().prepended(1)));
  return model.output_layer().output_activation() == "softmax" ? outputs : softmax(outputs).value();
}

std::vector<Prediction> predictions(const Model& model, const std::vector<std::string>& names, const Tensor& image,
                                    std::int64_t top) {
  const Tensor p = probabilities(model, image);
  const std::vector<double> values = p.to_vector();
  std::vector<std::int64_t> order(values.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](std::int64_t i) { return values[static_cast<std::size_t>(i)]; });
  order.resize(std::min(order.size(), static_cast<std::size_t>(top)));
  std::vector<Prediction> best;
  for (const std::int64_t i : order) {
    const auto at = static_cast<std::size_t>(i);
    best.push_back({i, names.empty() ? std::to_string(i) : names[at], values[at]});
  }
  return best;
}

nlohmann::ordered_json to_json(const fs::path& file, const std::vector<Prediction>& best) {
  nlohmann::ordered_json entry{{"file", file.string()}, {"predictions", nlohmann::ordered_json::array()}};
  for (const Prediction& p : best) {
    entry["predictions"].push_back({{"class", p.number}, {"name", p.name}, {"probability", p.probability}});
  }
  return entry;
}

/// A bar as long as the probability, in what the terminal leaves beside the name and the number.
void print(const fs::path& file, const std::vector<Prediction>& best) {
  std::size_t width = 0;
  for (const Prediction& p : best) width = std::max(width, p.name.size());
  const int columns = terminal_columns() > 0 ? terminal_columns() : 80;
  const auto longest = std::clamp<double>(columns - static_cast<double>(width) - 13, 0, 50);
  fmt::print("{}\n", file.string());
  for (const Prediction& p : best) {
    fmt::print("  {:<{}} {:>6.2f} % {}\n", p.name, width, 100 * p.probability,
               std::string(static_cast<std::size_t>(std::max(0.0, p.probability * longest)), '#'));
  }
}

int run(const Settings& s) {
  const std::vector<fs::path> files = files_of(s.photographs);
  const Model model = load_classifier("predict", s.model);
  const Shape& input = model.input_shape();
  const std::vector<std::string> names = s.classes.empty() ? load_class_names(s.model) : s.classes;
  check(names.empty() || std::ssize(names) == model.output_shape()[0],
        "predict: expected the names of {} classes, got {}; give them with --classes", model.output_shape()[0],
        names.size());
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  int status = 0;
  for (const fs::path& file : files) {
    try {
      const Tensor image = load_image(file, {.height = input[0], .width = input[1], .channels = input[2]});
      const std::vector<Prediction> best = predictions(model, names, image, s.top);
      if (s.json) all.push_back(to_json(file, best));
      if (!s.json) print(file, best);
    } catch (const Error& error) {  // the other photographs are worth seeing all the same
      fmt::print(stderr, "{}\n", error.what());
      status = 2;
    }
  }
  if (s.json) fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Names what photographs show. Exit status: 0, or 2 on errors, after all photographs that can be read");
  declare(app, settings);
  return run_program(argc, argv, app, [&] { return run(settings); });
}
