// Classifies photographs with a trained network: prints the most probable classes of each.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "examples/classifier.hpp"
#include "examples/program.hpp"
#include "framework/io/with_place.hpp"
#include "training/callbacks/progress.hpp"

using namespace xtape;
namespace fs = std::filesystem;

namespace {

struct Settings {
  std::string model, classes, scale;
  std::optional<std::int64_t> image_size;
  std::vector<std::string> photographs;
  std::int64_t top = 3;
  bool json = false;
};

void declare(CLI::App& app, Settings& s) {
  app.add_option("--model", s.model, model_help)->required()->check(not_empty)->check(CLI::ExistingFile);
  app.add_option("photographs", s.photographs, "JPEG or PNG files, or folders of them")->required();
  app.add_option("--top", s.top, "Classes shown for each")->check(CLI::Range(1, 1000000))->capture_default_str();
  app.add_option("--classes", s.classes, "Names of the classes, A,B,C, where the file does not say them")
      ->check(not_empty);
  app.add_option("--scale", s.scale, scale_help)->check(is_scale);
  app.add_option("--image-size", s.image_size, image_size_help)->check(CLI::Range(1, 16384));
  app.add_flag("--json", s.json,
               "Print JSON: a list of {file, predictions: [{class, name, probability}]}, or {file, error}");
}

/// The file itself, or the images directly in the folder, sorted.
std::vector<fs::path> files_of(const fs::path& name) {
  check(!name.empty(), "predict: expected a photograph or a folder, got an empty name");
  std::error_code error, ignored;
  if (!fs::is_directory(name, ignored)) return {name};
  std::vector<fs::path> files;
  for (fs::directory_iterator entry(name, error), end; !error && entry != end; entry.increment(error)) {
    if (!entry->is_directory(ignored) && is_image_name(entry->path())) files.push_back(entry->path());
  }
  check(!error, "predict: expected a folder that can be read, got {}: {}", name.string(), error.message());
  check(!files.empty(), "predict: expected JPEG or PNG files in {}, got none", name.string());
  std::ranges::sort(files);
  return files;
}

struct Prediction {
  std::int64_t number;
  std::string name;
  double probability;
};

std::vector<Prediction> predictions(const Classifier& network, const std::vector<std::string>& names,
                                    const fs::path& file, std::int64_t top) {
  const Shape& input = network.image;
  const Tensor image = load_image(file, {.height = input[0], .width = input[1], .channels = input[2]});
  const Tensor outputs = predict(network.on_pixels, image.reshaped(input.prepended(1)));
  const Tensor logits = logits_of("predict", network.model, outputs, file.string());
  const std::vector<double> values = softmax(logits).value().to_vector();
  const Tensor order = top_classes(logits, std::min(top, logits.dim(1)));
  std::vector<Prediction> best;
  for (std::int64_t place = 0; place < order.size(); ++place) {
    const std::int64_t i = order.data<std::int64_t>()[place];
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

/// Prints the predictions with bars proportional to the probabilities, in the width of the terminal.
void print(const fs::path& file, const std::vector<Prediction>& best) {
  std::size_t width = 0;
  for (const Prediction& p : best) width = std::max(width, printable(p.name).size());
  const int columns = terminal_columns() > 0 ? terminal_columns() : 80;
  const auto longest = std::clamp<double>(columns - static_cast<double>(width) - 13, 0, 50);
  fmt::print("{}\n", printable(file.string()));
  for (const Prediction& p : best) {
    fmt::print("  {:<{}} {:>6.2f} % {}\n", printable(p.name), width, 100 * p.probability,
               std::string(static_cast<std::size_t>(std::max(0.0, p.probability * longest)), '#'));
  }
}

/// Prints predictions at once, or at the end as JSON. After an error for one file the others are still processed.
class Output {
 public:
  explicit Output(bool json) : json_(json) {}
  void add(const fs::path& file, const std::vector<Prediction>& best) {
    if (json_) all_.push_back(to_json(file, best));
    if (!json_) print(file, best);
  }
  /// Calls `work` for a file or folder. An Error is printed and stored.
  void attempt(const fs::path& file, const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      std::cerr << error.what() << "\n";
      all_.push_back({{"file", file.string()}, {"error", error.what()}});
      status_ = 2;
    }
  }
  /// Prints the JSON. Returns the exit status of the program.
  int finish() const {
    if (json_) fmt::print("{}\n", all_.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return status_;
  }

 private:
  bool json_;
  nlohmann::ordered_json all_ = nlohmann::ordered_json::array();
  int status_ = 0;
};

int run(const Settings& s) {
  const Classifier network =
      load_classifier("predict", {.path = s.model, .scale = s.scale, .image_size = s.image_size});
  const std::vector<std::string> names = s.classes.empty() ? network.class_names : CLI::detail::split(s.classes, ',');
  if (!s.classes.empty()) with_place("predict", "--classes", [&] { check_class_names(names); });
  const Extent classes = network.model.output_shape()[0];
  check(names.empty() || std::ssize(names) == classes,
        "predict: expected the names of {} classes, got {}; give them with --classes", classes, names.size());
  Output output(s.json);
  for (const fs::path name : s.photographs) {
    output.attempt(name, [&] {
      for (const fs::path& file : files_of(name)) {
        output.attempt(file, [&] { output.add(file, predictions(network, names, file, s.top)); });
      }
    });
  }
  return output.finish();
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app("Names what photographs show. Exit status: 0, or 2 on errors, after all photographs that can be read");
  declare(app, settings);
  return run_program(argc, argv, app, [&] { return run(settings); });
}
