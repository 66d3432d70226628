#include "training/history.hpp"

#include "framework/error.hpp"
#include "framework/io/atomic_file.hpp"

namespace xtape {

const EpochResult& History::last() const {
  check(!epochs_.empty(), "History::last: expected at least one epoch, got none");
  return epochs_.back();
}

void History::save_csv(const std::filesystem::path& path) const {
  const auto field = [](const std::optional<double>& value) { return value ? fmt::format("{}", *value) : ""; };
  write_atomically(path, [&](std::ostream& out) {
    out << "epoch,loss,accuracy,validation_loss,validation_accuracy,learning_rate,seconds\n";
    for (const EpochResult& e : epochs_) {
      out << fmt::format("{},{},{},{},{},{},{}\n", e.epoch, e.loss, field(e.accuracy), field(e.validation_loss),
                         field(e.validation_accuracy), e.learning_rate, e.seconds);
    }
  });
}

std::string History::table() const {
  const auto number = [](const std::optional<double>& value) { return value ? fmt::format("{:.4f}", *value) : "-"; };
  const auto percent = [](const std::optional<double>& value) {
    return value ? fmt::format("{:.2f}%", *value * 100) : "-";
  };
  std::string text = "epoch      loss  accuracy  validation loss  validation accuracy  learning rate   seconds\n";
  for (const EpochResult& e : epochs_) {
    text += fmt::format("{:>5}  {:>8.4f}  {:>8}  {:>15}  {:>19}  {:>13.3g}  {:>8.2f}\n", e.epoch, e.loss,
                        percent(e.accuracy), number(e.validation_loss), percent(e.validation_accuracy), e.learning_rate,
                        e.seconds);
  }
  return text;
}

}  // namespace xtape
