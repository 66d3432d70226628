// Trains a network on images, shows the progress, and writes history, weights and a report. The program can be stopped
// at any time; --resume resumes the run.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>

#include "examples/data_source.hpp"
#include "examples/program.hpp"
#include "examples/ranks.hpp"
#include "examples/train/recipe.hpp"
#include "examples/train/run_folder.hpp"
#include "examples/train/run_report.hpp"
#include "examples/train/starting_model.hpp"
#include "framework/amount.hpp"
#include "framework/io/atomic_file.hpp"
#include "framework/io/with_place.hpp"
#include "framework/kernels/threads/parallel.hpp"

using namespace xtape;
namespace fs = std::filesystem;

namespace {

struct Settings {
  std::string model = "small", recipe, from, scale, data, output, resume, tensorboard;
  std::optional<int> epochs;
  std::optional<std::int64_t> batch_size, image_size;
  std::optional<double> learning_rate;
  double validation = 0;
  std::uint64_t seed = 0;
  int threads = 0, ranks = 0;
  std::int64_t shards = 0;
  int timeout = 300;
  std::int64_t checkpoint_every = 0;
  bool quick = false, summary = false, report = false, skip_unreadable = false;
};

/// An absolute path, so that a run that is resumed from another folder finds the same files.
std::string absolute(const std::string& path) {
  return path.empty() ? path : fs::absolute(path).lexically_normal().string();
}

void declare(CLI::App& app, Settings& s) {
  CLI::Option* model =
      app.add_option("--model", s.model, "small, convnet, resnet20 or resnet50")->capture_default_str();
  CLI::Option* recipe =
      app.add_option("--recipe", s.recipe, "How it is trained; by default the model's first recipe below");
  CLI::Option* from =
      app.add_option("--from", s.from,
                     "Train the network of this file further: .safetensors of ./run train or save_model(), .keras or "
                     ".h5 of Keras, or .onnx. Its last dense layer is replaced if the classes are others")
          ->check(CLI::ExistingFile)
          ->transform(absolute)
          ->excludes(model)
          ->excludes(recipe);
  app.add_option("--scale", s.scale, scale_help)->check(is_scale)->needs(from);
  app.add_option("--data", s.data, std::string(data_help) + "; by default the recipe's data where it is usually found")
      ->check(not_empty)
      ->transform(absolute);
  app.add_option("--image-size", s.image_size,
                 "Height and width that photographs are brought to; by default 64, 32 for resnet20, or that of --from")
      ->check(CLI::Range(8, 1024));
  app.add_flag("--skip-unreadable", s.skip_unreadable, skip_unreadable_help);
  app.add_option("--epochs", s.epochs, "Passes over the training images")->check(CLI::Range(1, 1000000));
  app.add_option("--batch-size", s.batch_size, "Images per step")->check(CLI::Range(1, 1000000));
  app.add_option("--learning-rate", s.learning_rate, "Of the optimizer; the largest where it changes");
  app.add_option(
         "--validation", s.validation,
         "Part of the training images, drawn at random, that is evaluated after each epoch instead of trained on")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  app.add_option("--seed", s.seed, "Of the initial weights, the order of the images and dropout")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--output", s.output,
                 "Folder for history, weights, checkpoints and report; by default a new one, runs/<model>-<time>")
      ->check(not_empty)
      ->transform(absolute);
  app.add_option("--checkpoint-every", s.checkpoint_every, "Steps after which the run is saved; 0: after each epoch")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40))
      ->capture_default_str();
  app.add_flag(
      "--report", s.report,
      "Write report.html: curves, confusion matrix, worst mistakes; during the run a page that reloads itself");
  app.add_option("--tensorboard", s.tensorboard, "Folder for files that TensorBoard shows; a new one for each run")
      ->check(not_empty)
      ->transform(absolute);
  app.add_option("--threads", s.threads, "Of each process; by default all cores this process may use, or its share")
      ->check(CLI::Range(1, 256));
  app.add_option("--ranks", s.ranks, "Processes that share the work, started by mpirun")->check(CLI::Range(1, 1024));
  app.add_option(
         "--shards", s.shards,
         "Parts of each batch. The numbers depend on it, not on the number of processes; by default one for each")
      ->check(CLI::Range(1, 1024));
  app.add_option("--timeout", s.timeout,
                 "Seconds that processes wait for one that hangs or is cut off before the run ends")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  app.add_flag("--summary", s.summary, "Print the table of layers before training");
  app.add_flag("--quick", s.quick, "One short epoch, to see that everything works");
  CLI::Option* resume = app.add_option("--resume", s.resume, "Resume the run in this folder, with its settings");
  resume->check(not_empty);
  for (CLI::Option* other : app.get_options()) {
    const bool allowed = other == resume || other->get_name() == "--threads" || other->get_name() == "--ranks" ||
                         other->get_name() == "--timeout" || other == app.get_help_ptr();
    if (!allowed) resume->excludes(other);
  }
  app.footer("Recipes:\n" + recipes_text());
}

/// The settings of the run in the folder s.resume, from its command line.
Settings resumed(const Settings& s) {
  const fs::path path = fs::path(s.resume) / settings_file;
  std::ifstream file(path);
  check(file.good(), "train: expected the folder of a run after --resume, got {}, which has no {}", s.resume,
        settings_file);
  Settings settings;
  CLI::App app;
  declare(app, settings);
  check_numbers(app);
  app.allow_config_extras(false);  // a setting that is not an option is an error
  try {
    app.parse_from_stream(file);
  } catch (const CLI::ParseError& error) {
    fail("train: expected the settings of a run in {}, got: {}", path.string(), error.what());
  }
  settings.output = settings.resume = s.resume;
  settings.ranks = s.ranks;
  if (s.threads > 0) settings.threads = s.threads;
  return settings;
}

/// The images of --data, or the usual data of the recipe. `image` is the shape of the images that photographs become.
DataSource load(const Settings& s, const Recipe& recipe, const Shape& image) {
  if (!s.data.empty()) {
    return load_data(
        s.data, {.height = image[0], .width = image[1], .channels = image[2], .skip_unreadable = s.skip_unreadable});
  }
  check(recipe.data == "fashion-mnist" || (!s.from.empty() && image == Shape{28, 28, 1}),
        "train: --model {} has no data by default; name a folder with --data FOLDER: with the photographs of CIFAR-10 "
        "for resnet20, train_signs.h5 and test_signs.h5 for the others, or other photographs",
        s.model);
  return usual_fashion_mnist();
}

/// The settings of this run: those of the command line, otherwise those of the recipe.
struct Plan {
  int epochs;
  std::int64_t batch_size;
  double rate;
  std::optional<double> target;  ///< expected test accuracy; none for other settings or other data
};

Plan make_plan(const Settings& s, const Recipe& recipe, bool data_of_recipe) {
  Plan plan{.epochs = s.epochs.value_or(s.quick ? 1 : recipe.epochs),
            .batch_size = s.batch_size.value_or(recipe.batch_size),
            .rate = s.learning_rate.value_or(recipe.learning_rate),
            .target = {}};
  check(std::isfinite(plan.rate) && plan.rate > 0, "train: expected a finite --learning-rate above 0, got {}",
        plan.rate);
  const bool as_written = plan.batch_size == recipe.batch_size && plan.rate == recipe.learning_rate &&
                          s.image_size.value_or(recipe.image_size) == recipe.image_size && s.validation == 0 &&
                          data_of_recipe;
  if (as_written && !s.quick && plan.epochs == recipe.epochs) plan.target = recipe.target;
  if (as_written && s.quick && s.model == "small") plan.target = 0.6 * recipe.target;
  return plan;
}

/// Error when a folder that the run makes, by the option `option`, would be among photographs, where it would look like
/// a class.
void check_apart(const fs::path& photographs, const fs::path& output, std::string_view option) {
  const bool is_split = fs::is_directory(photographs / "train") && fs::is_directory(photographs / "test");
  for (const fs::path& classes :
       is_split ? std::vector{photographs / "train", photographs / "test"} : std::vector{photographs}) {
    // absolute, because a relative path of which nothing exists yet stays relative
    const fs::path way = fs::weakly_canonical(fs::absolute(output)).lexically_relative(fs::canonical(classes));
    check(way.empty() || *way.begin() == "..",
          "train: expected a folder for the run that is not among the photographs in {}, where it would be taken for a "
          "class, got {}; name another with {}",
          classes.string(), output.string(), option);
  }
}

/// Makes the folder of this run before the training, so that a folder that cannot be written to is reported early.
RunFolder open_folder(const Settings& s, bool photographs) {
  if (!s.resume.empty()) return RunFolder::reopen(s.resume);
  if (photographs) {
    check_apart(s.data, s.output.empty() ? "runs" : s.output, "--output");
    if (!s.tensorboard.empty()) check_apart(s.data, s.tensorboard, "--tensorboard");
  }
  if (!s.output.empty()) return RunFolder::make(s.output);
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", std::localtime(&now));
  return RunFolder::make_default(fs::path("runs") / fmt::format("{}-{}", s.model, stamp));
}

std::unique_ptr<Optimizer> make_optimizer(const Model& model, const Recipe& r, double rate, int epochs,
                                          std::int64_t steps) {
  const LearningRate schedule = r.cosine && epochs > 1 ? schedule::cosine(rate, epochs * steps, {.warmup_steps = steps})
                                                       : schedule::constant(rate);
  if (r.momentum > 0) {
    return std::make_unique<SGD>(
        model.parameters(),
        SGDOptions{
            .learning_rate = schedule, .momentum = r.momentum, .nesterov = true, .weight_decay = r.weight_decay});
  }
  if (r.weight_decay == 0) return std::make_unique<Adam>(model.parameters(), AdamOptions{.learning_rate = schedule});
  return std::make_unique<AdamW>(model.parameters(),
                                 AdamWOptions{.learning_rate = schedule, .weight_decay = r.weight_decay});
}

bool has_batch_norm(const Model& model) {
  return std::ranges::any_of(model.all_layers(), [](const auto& l) { return l->type() == "BatchNormalization"; });
}

/// How this run is divided. `shards` is never 0, because a resumed run must have the shards that it began with, on any
/// number of ranks that can divide them.
Distributed distributed(const Settings& s, const std::shared_ptr<Communicator>& ranks) {
  return {.communicator = ranks, .shards = s.shards > 0 ? s.shards : ranks ? ranks->size() : 1};
}

/// The images of a run. `validation` is none without --validation.
struct RunData {
  Dataset train, test;
  std::optional<Dataset> validation;
};

RunData divided(SplitData data, const Settings& s) {
  if (s.quick) {
    data.train = data.train.rows(0, std::min<std::int64_t>(data.train.size(), 6400));
    data.test = data.test.rows(0, std::min<std::int64_t>(data.test.size(), 1000));
  }
  if (s.validation == 0) return {data.train, data.test, {}};
  auto [train, validation] = with_place("train", fmt::format("--validation {}", s.validation),
                                        [&] { return split(data.train, s.validation, s.seed); });
  return {std::move(train), std::move(data.test), std::move(validation)};
}

std::string counts(const RunData& data) {
  return fmt::format("{} training{} and {}", data.train.size(),
                     data.validation ? fmt::format(", {} validation", data.validation->size()) : "",
                     amount(data.test.size(), "test image"));
}

void print_start(const Settings& s, const Recipe& recipe, const Plan& plan, const Model& model, const RunData& data,
                 const Distributed& division) {
  if (s.summary) fmt::print("{}\n", model.summary());
  fmt::print("{} ({}), {}; {} {}; {}, batch {}, rate {:g}{}, seed {}, {}{}\n", s.model, recipe.name,
             amount(model.parameter_count(), "parameter"), counts(data), model.input_shape(),
             amount(plan.epochs, "epoch"), plan.batch_size, plan.rate, recipe.cosine ? " falling to 0" : "", s.seed,
             amount(kernels::num_threads(), "thread"),
             division.communicator ? fmt::format(" on each of {}, {}", amount(division.communicator->size(), "rank"),
                                                 amount(division.shards, "shard"))
                                   : "");
}

/// After the first epoch: the first images of the training data, by a name for TensorBoard.
std::vector<NamedTensor> first_images(TrainingState& run) {
  constexpr std::int64_t count = 8;
  if (run.history.epochs().size() > 1) return {};
  const Dataset first = run.train.rows(0, std::min(count, run.train.size()));
  return {{"training images", DataLoader(first, {.batch_size = count, .shuffle = false}).epoch(0)[0].input()}};
}

/// Trains the network and writes history.csv after each epoch, checkpoints, and what else the settings ask for. Resumes
/// from checkpoints if there are any. `report` is null without --report, and on all ranks but the first;
/// `settings_text` is empty there, and when the run resumes.
History train_network(Model& model, Optimizer& optimizer, const RunData& data, const Recipe& recipe, const Plan& plan,
                      const Settings& s, const fs::path& folder, const std::string& settings_text,
                      const Distributed& division, RunReport* report) {
  const fs::path checkpoints = folder / "checkpoints";
  const bool goes_on = !s.resume.empty() && !checkpoints_in(checkpoints).empty();
  if (!s.resume.empty() && !goes_on) {
    const fs::path trained = folder / "model.safetensors";
    check(!fs::exists(trained), "train: expected checkpoints in {}, got none; the run would begin again and replace {}",
          checkpoints.string(), trained.string());
    fmt::print("no checkpoint in {}: the run begins again\n", checkpoints.string());
  }
  const auto show = [report](TrainingState& run) {
    if (report) report->show(run.history);
  };
  const auto show_end = [report](TrainingState& run) {
    if (report && run.stopping()) report->stop(run.history, run.stop_reason);
    if (report && !run.stopping()) report->show(run.history);
  };
  Callbacks callbacks{CSVLogger({.path = folder / "history.csv"}),
                      Checkpoint({.folder = checkpoints, .every_steps = s.checkpoint_every}), StopOnInterrupt()};
  if (s.report) callbacks.push_back(LambdaCallback({.epoch_begin = show, .train_end = show_end}));
  if (!s.tensorboard.empty()) {
    callbacks.push_back(TensorBoard({.folder = s.tensorboard, .histogram_epochs = 1, .images = first_images}));
  }
  // After all that can fail before the first step, in fit and in the other callbacks: a folder with settings holds a
  // run, and is refused to the next one.
  callbacks.push_back(LambdaCallback({.train_begin = [&](TrainingState&) {
    if (settings_text.empty()) return;
    write_atomically(
        folder / settings_file, [&](std::ostream& out) { out << settings_text; }, "train");
  }}));
  return fit(model, optimizer, data.train,
             {.epochs = plan.epochs,
              .batch_size = plan.batch_size,
              .validation = data.validation,
              .loss = loss_of(model),
              .seed = s.seed,
              .augmentation = recipe.augmentation,
              .callbacks = callbacks,
              .resume = goes_on ? checkpoints : fs::path(),
              .distributed = division,
              .output = progress_output(division.communicator)});
}

/// The name of the data for a title: the name of the folder for photographs.
std::string title_of(const std::string& data_name, const Settings& s) {
  if (data_name != "photographs") return data_name;
  return fs::weakly_canonical(s.data).filename().string();
}

/// What the report says about the run before its first epoch.
ReportInput report_of(const Settings& s, const Recipe& recipe, const Plan& plan, const Model& model,
                      const RunData& data, const std::string& data_name) {
  const auto text = [](const auto& value) { return fmt::format("{}", value); };
  return {.title = fmt::format("{} on {}", s.model, title_of(data_name, s)),
          .model = fmt::format("{}; {}", recipe.about, amount(model.parameter_count(), "parameter")),
          .settings = {{"model", s.model},
                       {"recipe", recipe.name},
                       {"data", s.data.empty() ? data_name : s.data},
                       {"images", fmt::format("{}; {}", counts(data), model.input_shape())},
                       {"epochs", text(plan.epochs)},
                       {"batch size", text(plan.batch_size)},
                       {"optimizer", optimizer_name(recipe)},
                       {"learning rate", text(plan.rate) + (recipe.cosine ? ", falling to 0 along a cosine" : "")},
                       {"weight decay", text(recipe.weight_decay)},
                       {"augmentation", to_string(recipe.augmentation)},
                       {"seed", text(s.seed)}},
          .model_summary = model.summary({.width = 98}),
          .model_picture = can_draw() ? model_svg(model) : ""};
}

/// The signal that interrupted the run on any rank; 0 if there was none.
int interrupt_on_any(const std::shared_ptr<Communicator>& ranks) {
  const Tensor own = Tensor::labels({interrupt_signal()});
  const std::vector<std::int64_t> signals = (ranks ? ranks->all_gather(own) : own).to_vector<std::int64_t>();
  return static_cast<int>(std::ranges::max(signals));
}

/// `given` are the options of the command line, `app` is the parser, `ranks` is null for a single process. Only the
/// first rank writes files.
int run(const Settings& given, const CLI::App& app, const std::shared_ptr<Communicator>& ranks) {
  Settings s = given.resume.empty() ? given : resumed(given);
  if (!s.from.empty()) s.model = fs::path(s.from).stem().string();
  const bool writes = !ranks || ranks->rank() == 0;
  const std::optional<StartingModel> start =
      s.from.empty() ? std::nullopt : std::optional(load_starting_model(s.from, s.scale, s.image_size));
  const Recipe& recipe = start ? recipe_of_files() : find_recipe(s.model, s.recipe);
  if (s.threads > 0) kernels::set_num_threads(s.threads);
  const std::int64_t size = s.image_size.value_or(recipe.image_size);
  auto [parts, name] = load(s, recipe, start ? start->image : Shape{size, size, s.model == "small" ? 1 : 3});
  check(parts.train.classes() >= 2, "train: expected images of at least 2 classes, got {} in {}", parts.train.classes(),
        s.data);
  const RunData data = divided(std::move(parts), s);
  const Plan plan = make_plan(s, recipe, is_data_of(recipe, name, data.train));
  const Distributed division = distributed(s, ranks);
  const Model saved = start ? with_classes(*start, data.train, s.seed) : recipe.build(data.train, s.seed);
  Model model = start ? with_image_scale(saved, image_scale(start->scale)) : saved;  // takes pixels from 0 to 1
  const std::int64_t steps = (data.train.size() + plan.batch_size - 1) / plan.batch_size;
  const auto optimizer = make_optimizer(model, recipe, plan.rate, plan.epochs, steps);
  std::optional<RunFolder> opened;
  if (writes) opened.emplace(open_folder(s, name == "photographs"));
  const fs::path folder = first_of(ranks, opened ? opened->path().string() : "");
  std::string settings_text;
  if (writes && given.resume.empty()) {
    settings_text = app.config_to_str();
    if (s.shards == 0 && ranks) settings_text += fmt::format("shards={}\n", division.shards);
  }
  print_start(s, recipe, plan, model, data, division);
  std::optional<RunReport> report;
  if (s.report && writes) {
    report.emplace(folder / "report.html", plan.epochs, report_of(s, recipe, plan, model, data, name));
  }
  const double began = steady_seconds();
  const History history = train_network(model, *optimizer, data, recipe, plan, s, folder, settings_text, division,
                                        report ? &*report : nullptr);
  const double seconds = steady_seconds() - began;
  if (const int signal = interrupt_on_any(ranks); signal != 0) {
    fmt::print("to resume: ./run train --resume {}\n", shell_text(folder.string()));
    return 128 + signal;
  }
  // in short runs the moving averages of batch normalization lag behind the weights: recompute them for the final
  // weights
  if (has_batch_norm(model)) {
    recalibrate_batch_norm(model, data.train, {.augmentation = recipe.augmentation, .distributed = division});
  }
  const Figures result = evaluate(model, data.test, {.loss = loss_of(model), .distributed = division});
  const Tensor outputs = s.report ? predict(model, data.test, 32, division) : Tensor();
  fmt::print("trained in {} ({:.1f} s); test loss {:.4f}, test accuracy {:.4f} on {}\n", duration_text(seconds),
             seconds, result["loss"], result["accuracy"], amount(data.test.size(), "image"));
  std::fflush(stdout);  // the result is printed before files are written, which may fail
  if (writes) {
    save_model(saved, folder / "model.safetensors",
               {.class_names = data.test.class_names(), .image_scale = start ? start->scale : ""});
    if (report) report->finish(history, result, data.test, outputs);
  }
  fmt::print("history and model are in {}\n", folder.string());
  if (!plan.target) return 0;
  const bool reached = result["accuracy"] >= *plan.target;
  fmt::print("target accuracy {:.2f}: {}\n", *plan.target, reached ? "reached" : "missed");
  return reached ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app(
      "Trains a network on real images. Exit status: 0, or 1 when a recipe missed its target, 2 on errors, 130 when "
      "it was interrupted");
  declare(app, settings);
  return run_program(argc, argv, app, [&] {
    const int launched = launched_ranks();
    if (launched == 0 && settings.ranks > 1) return start_ranks(settings.ranks, argv);
    check(launched == 0 || settings.ranks == 0 || settings.ranks == launched,
          "train: expected as many --ranks as processes that were started, {}, got {}; leave --ranks out", launched,
          settings.ranks);
    return run_on_ranks([&](const auto& ranks) { return run(settings, app, ranks); },
                        {.timeout = std::chrono::seconds(settings.timeout)});
  });
}
