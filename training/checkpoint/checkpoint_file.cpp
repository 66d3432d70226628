#include "training/checkpoint/checkpoint_file.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "framework/io/safetensors.hpp"
#include "framework/parse_number.hpp"
#include "models/files/model_file.hpp"
#include "training/checkpoint/checkpoint_parts.hpp"
#include "training/checkpoint/checksum.hpp"
#include "training/fit.hpp"

namespace xtape {
namespace {

namespace fs = std::filesystem;
using Metadata = std::map<std::string, std::string>;

constexpr const char* trained_setting = "trained parameters";
constexpr std::string_view prefix = "checkpoint-", suffix = ".safetensors", format_version = "3";

/// The checksum of the tensors and of all metadata except the checksum itself.
std::string checksum(const std::vector<NamedTensor>& tensors, const Metadata& metadata) {
  Checksum sum;
  for (const auto& [name, tensor] : tensors) {
    sum.add(name + " ");
    sum.add(tensor);
  }
  for (const auto& [key, value] : metadata) {
    if (key != "checksum") sum.add(fmt::format("{}={};", key, value));
  }
  return sum.text();
}

/// The checksum of the targets, of the weights, and of the first sample's inputs if they are in memory. Other samples
/// are left out: to read 100,000 files would take as long as an epoch.
std::string checksum(const Dataset& data) {
  Checksum sum;
  if (data.in_memory()) {
    for (const Tensor& input : data.sample(0)) sum.add(input);
  }
  for (std::size_t i = 0; i < data.targets().size(); ++i) {
    sum.add(data.targets()[i].values);
    if (const Tensor weights = data.weight(i); weights.defined()) sum.add(weights);
  }
  return sum.text();
}

/// The shapes (n, ...) of the inputs.
std::string inputs_text(const Dataset& data) {
  std::vector<std::string> shapes;
  for (const Shape& shape : data.input_shapes()) shapes.push_back(fmt::format("{}", shape.prepended(data.size())));
  return fmt::format("{}", fmt::join(shapes, ", "));
}

std::string classes_text(const Dataset& data) {
  std::vector<std::int64_t> classes;
  for (const Target& target : data.targets()) classes.push_back(target.classes);
  return fmt::format("{}", fmt::join(classes, ", "));
}

/// The checksum of the layer graph; a fixed text if a layer has no config(), so that only the parameters of such models
/// are compared.
std::string checksum(const Model& model) try {
  Checksum sum;
  sum.add(graph_text(model));
  return sum.text();
} catch (const Error&) {
  return "of classes without config()";
}

/// "by the optimizer's steps", or the number of the epoch.
std::string initial_epoch_text(const FitOptions& options) {
  return options.initial_epoch ? fmt::format("{}", *options.initial_epoch) : "by the optimizer's steps";
}

std::string trained_parameters(const TrainingState& run) {
  return fmt::format("{}", std::ranges::count_if(run.optimizer.parameters(), &Parameter::trainable));
}

/// The settings that the results of the run depend on. Names and shapes of tensors are compared separately.
Metadata settings_of(const TrainingState& run) {
  const FitOptions& options = run.options;
  return {{"model", run.model.name()},
          {"dtype", fmt::format("{}", run.model.dtype())},
          {"optimizer", fmt::format("{} with {}", run.optimizer.type(), run.optimizer.settings())},
          {"learning rates after 0, 1, 10, ... steps of an epoch", run.schedule},
          {"loss", losses_text(run.objective)},
          {"metrics", metrics_text(run.objective)},
          {"shards", fmt::format("{}", run.shards.count())},
          {"batch_size", fmt::format("{}", options.batch_size)},
          {"seed", fmt::format("{}", options.seed)},
          {"shuffle", fmt::format("{}", options.shuffle)},
          {"drop_last", fmt::format("{}", options.drop_last)},
          {"accumulate", fmt::format("{}", options.accumulate)},
          {"steps_per_epoch", fmt::format("{}", options.steps_per_epoch)},
          {"initial_epoch", initial_epoch_text(options)},
          {"augmentation", to_string(options.augmentation)},
          {"inputs", inputs_text(run.train)},
          {"classes", classes_text(run.train)},
          {"targets and first sample", checksum(run.train)},
          {"class_weights", fmt::format("[{}]", fmt::join(options.class_weights, ", "))},
          {trained_setting, trained_parameters(run)},
          {"validation samples", fmt::format("{}", options.validation ? options.validation->size() : 0)},
          {"validation targets and first sample", options.validation ? checksum(*options.validation) : "none"}};
}

/// Reads a file and checks that it is not damaged. It is not compared with a run yet.
SafetensorsFile read_checkpoint(const fs::path& path) {
  SafetensorsFile file = load_safetensors(path);
  check(file.metadata["format"] == "xtape checkpoint" && file.metadata["version"] == format_version,
        "expected an xtape checkpoint of version {}, got another safetensors file{}", format_version,
        file.metadata["format"] == "xtape checkpoint" ? ", a checkpoint of another version of xtape" : "");
  const std::string sum = checksum(file.tensors, file.metadata);
  check(file.metadata["checksum"] == sum, "expected contents with the checksum {}, got {}; the file is damaged",
        file.metadata["checksum"], sum);
  return file;
}

/// Error unless the checkpoint has the settings of this run. Sets first_iteration, first_traversal and schedule of the
/// run from the checkpoint.
void check_settings(TrainingState& run, Metadata metadata) {
  run.first_iteration = integer_of(metadata, "first_iteration");
  run.first_traversal = integer_of(metadata, "first_traversal");
  run.schedule = schedule_text(run.optimizer, run.first_iteration, run.batches);
  metadata.try_emplace("shards", "1");  // what checkpoints were without before there were shards
  std::vector<std::string> unlike;
  bool others = false;  // besides the number of trained parameters, which a callback may change when the run begins
  for (const auto& [key, value] : settings_of(run)) {
    if (metadata[key] == value) continue;
    unlike.push_back(fmt::format("{} {} (now {})", key, metadata[key], value));
    others = others || key != trained_setting;
  }
  if (!others) return;
  fail("expected a checkpoint with the settings of this run, got one with {}", fmt::join(unlike, ", "));
}

/// Reads a checkpoint and checks that it fits the run. The run is unchanged except for the members that
/// check_settings() sets.
FittingCheckpoint fitting_checkpoint(TrainingState& run, const fs::path& path) {
  SafetensorsFile file = read_checkpoint(path);
  check_settings(run, file.metadata);
  std::string layers = file.metadata["layers"], number = file.metadata[trained_setting];
  return {CheckpointParts(run, std::move(file)), std::move(layers), std::move(number)};
}

/// Advice for the message: the path of an older checkpoint that can be used, if there is one in the folder of
/// `damaged`. The run is restored from it as a trial; the error that follows ends the run.
std::string older_one(TrainingState& run, const fs::path& damaged, bool begun) {
  for (const fs::path& path : checkpoints_in(damaged.parent_path())) {
    if (step_of_checkpoint(path) >= step_of_checkpoint(damaged)) continue;
    try {
      const FittingCheckpoint older = fitting_checkpoint(run, path);
      if (begun) {
        older.check_begun(run);
        const Rollback trial(run);
        older.parts.restore(run);
      }
      return fmt::format("; an older one is good: {}; give this path as FitOptions::resume, or remove the newer one",
                         path.string());
    } catch (...) {  // this one cannot be used either
    }
  }
  return "; no older one in its folder can be used";
}

fs::path newest(const fs::path& from) {
  std::error_code error;
  if (!fs::is_directory(from, error)) return from;
  const std::vector<fs::path> all = checkpoints_in(from);
  check(!all.empty(), "fit: expected checkpoints in the folder {} to resume from, got none; leave out resume to begin",
        from.string());
  return all.front();
}

}  // namespace

std::int64_t traversals_by_steps(std::int64_t iterations, std::int64_t batches) {
  return iterations / batches + (iterations % batches > 0 ? 1 : 0);
}

std::string schedule_text(const Optimizer& optimizer, std::int64_t first_iteration, std::int64_t batches) {
  std::vector<double> rates{optimizer.learning_rate_at(first_iteration)};
  for (std::int64_t step = 1; step < batches; step *= 10) {
    rates.push_back(optimizer.learning_rate_at(first_iteration + step));
  }
  return fmt::format("{}", fmt::join(rates, ", "));
}

std::int64_t step_of_checkpoint(const fs::path& path) {
  const std::string name = path.filename();
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return -1;
  if (name.size() <= prefix.size() + suffix.size()) return -1;
  const std::string_view digits =
      std::string_view(name).substr(prefix.size(), name.size() - prefix.size() - suffix.size());
  return std::max<std::int64_t>(parse_number<std::int64_t>(digits).value_or(-1), -1);
}

fs::path checkpoint_path(const fs::path& folder, std::int64_t step) {
  return folder / fmt::format("{}{:09}{}", prefix, step, suffix);
}

std::vector<fs::path> checkpoints_in(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator entry(folder.empty() ? "." : folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (step_of_checkpoint(entry->path()) >= 0) paths.push_back(entry->path());
  }
  std::ranges::sort(paths, std::greater(), step_of_checkpoint);
  return paths;
}

void save_checkpoint(const TrainingState& run, const fs::path& path) {
  const std::vector<NamedTensor> tensors = tensors_of(run);
  if (!run.writes()) return;
  Metadata metadata = settings_of(run);
  metadata.merge(position_of(run));
  metadata["format"] = "xtape checkpoint";
  metadata["version"] = format_version;
  metadata["first_traversal"] = fmt::format("{}", run.first_traversal);
  metadata["layers"] = checksum(run.model);
  metadata["checksum"] = checksum(tensors, metadata);
  save_safetensors(path, tensors, metadata);
}

std::map<std::string, std::string> fingerprint(const TrainingState& run) {
  Metadata alike = settings_of(run);
  alike.merge(position_of(run));
  alike["first_traversal"] = fmt::format("{}", run.first_traversal);
  alike["bucket_bytes"] = fmt::format("{}", run.options.distributed.bucket_bytes);
  alike["wire"] = to_string(run.options.distributed.wire);
  alike["shard_optimizer"] = fmt::format("{}", run.options.distributed.shard_optimizer);
  alike["layers"] = checksum(run.model);
  alike["epochs of the run"] = fmt::format("{}", run.options.epochs);
  alike["number of callbacks"] = fmt::format("{}", run.options.callbacks.size());
  alike["resume"] = run.options.resume.empty() ? "no" : "yes";
  Checksum trained;  // in the optimizer's order, in which shard_optimizer divides them
  for (const Parameter& parameter : run.optimizer.parameters()) {
    trained.add(fmt::format("{} {};", parameter.name(), parameter.trainable()));
  }
  alike["checksum of the names of the trained parameters, in their order"] = trained.text();
  Checksum slots;
  for (const auto& [name, slot] : run.optimizer.named_state()) {
    slots.add(name + " ");
    slots.add(slot);
  }
  alike["checksum of the weights"] = checksum_of_weights(run.model);
  alike["checksum of the optimizer's state"] = slots.text();
  return alike;
}

void FittingCheckpoint::check_begun(const TrainingState& run) const {
  parts.check_callbacks(run);
  const std::string now = trained_parameters(run);
  check(trained_parameters_then == now,
        "expected a checkpoint with the settings of this run, got one with {} {} (now {})", trained_setting,
        trained_parameters_then, now);
  check(
      layers == checksum(run.model),
      "expected a checkpoint of this model, got one of a model whose parameters are alike and whose layers have other "
      "options or connections");
}

Resumption::Resumption(TrainingState& run, const fs::path& from)
    : run_(run), path_(run.shards.gather(run.writes() ? newest(from).string() : "").front()) {
  check_agreed(run.options.distributed,
               [this] { with_advice([this] { checkpoint_.emplace(fitting_checkpoint(run_, path_)); }); });
  rollback_.emplace(run);
  begun_ = true;
}

void Resumption::restore() {
  with_advice([this] {
    try {
      checkpoint_->check_begun(run_);
      checkpoint_->parts.restore(run_);
    } catch (...) {
      rollback_.reset();  // before the advice, which depends on the settings of the run
      throw;
    }
  });
  rollback_->keep();
}

void Resumption::with_advice(const std::function<void()>& step) const try { step(); } catch (const Error& error) {
  fail_as(error, "fit: expected to resume from {}, got: {}{}", path_.string(), error.what(),
          older_one(run_, path_, begun_));
}

}  // namespace xtape
