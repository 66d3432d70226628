#include "training/callbacks/tensorboard.hpp"

#include <cmath>
#include <iostream>

#include "training/fit.hpp"
#include "training/tensorboard/events.hpp"

namespace xtape {
namespace {

constexpr std::string_view of_validation = "val_";

}  // namespace

TensorBoardCallback::TensorBoardCallback(Options options) : options_(std::move(options)) {
  check(!options_.folder.empty(), "TensorBoard: expected a folder, got an empty path");
  check(options_.every_steps >= 0, "TensorBoard: expected every_steps of at least 0, got {}", options_.every_steps);
  check(options_.histogram_epochs >= 0, "TensorBoard: expected histogram_epochs of at least 0, got {}",
        options_.histogram_epochs);
}

void TensorBoardCallback::train_begin(TrainingState& run) {
  train_.reset();
  validation_.reset();
  warned_ = false;
  if (!run.writes()) return;
  const std::filesystem::path folder = options_.folder / "train";
  const bool continued = !run.options.resume.empty() && has_event_files(folder);
  train_.emplace(folder);
  if (options_.graph && !continued) write(*train_, events::graph(events::now(0), run.model));
  if (run.options.validation) validation_.emplace(options_.folder / "validation");
}

void TensorBoardCallback::batch_end(TrainingState& run) {
  if (!train_ || options_.every_steps == 0 || !std::isfinite(run.batch_loss)) return;
  const std::int64_t step = run.initial_epoch() * run.batches + run.step();
  if (step % options_.every_steps != 0) return;
  for (const auto& [name, value] : run.running.figures()) {
    write(*train_, events::scalar(events::now(step), "batch_" + name, value));
  }
}

void TensorBoardCallback::epoch_end(TrainingState& run) {
  if (!train_) return;
  const std::int64_t step = run.epoch - 1;
  for (const auto& [name, value] : run.history.last().figures) {
    if (name.starts_with(of_validation)) {
      const std::string measured = name.substr(of_validation.size());
      write(*validation_, events::scalar(events::now(step), "epoch_" + measured, value));
      write(*validation_, events::scalar(events::now(run.optimizer.iterations()),
                                         "evaluation_" + measured + "_vs_iterations", value));
    } else if (name != "seconds") {
      write(*train_, events::scalar(events::now(step), "epoch_" + name, value));
    }
  }
  if (options_.histogram_epochs > 0 && step % options_.histogram_epochs == 0) {
    for (const auto& [name, parameter] : run.model.named_parameters()) {
      write(*train_, events::histogram(events::now(step), name + "/histogram", parameter.value()));
    }
  }
  if (!options_.images) return;
  for (const auto& [tag, images] : options_.images(run)) write(*train_, events::images(events::now(step), tag, images));
}

void TensorBoardCallback::train_end(TrainingState& /*run*/) {
  train_.reset();
  validation_.reset();
}

void TensorBoardCallback::write(EventFile& file, const std::string& event) {
  try {
    file.write(event);
  } catch (const Error& error) {
    if (!warned_) std::cerr << "TensorBoard: training continues without its log: " << error.what() << std::endl;
    warned_ = true;
  }
}

}  // namespace xtape
