#include "examples/train/run_report.hpp"

#include <iostream>
#include <utility>

namespace xtape {

RunReport::RunReport(std::filesystem::path path, int epochs, ReportInput page)
    : path_(std::move(path)), page_(std::move(page)) {
  page_.running_until = epochs;
}

RunReport::~RunReport() {
  if (!page_.running_until) return;
  stop(page_.history,
       page_.history.epochs().empty() ? "an error in the first epoch" : "an error, after the last epoch below");
}

void RunReport::show(const History& history) {
  page_.history = history;
  write();
}

void RunReport::stop(const History& history, const std::string& reason) {
  page_.history = history;
  page_.history.set_stop_reason(reason);
  page_.running_until = std::nullopt;
  write();
}

void RunReport::finish(const History& history, const Figures& evaluation, const Dataset& test, const Tensor& outputs) {
  page_.history = history;
  page_.running_until = std::nullopt;
  page_.evaluation = evaluation;
  page_.data = test;
  page_.outputs = outputs;
  page_.class_names = test.class_names();
  save_report(path_, page_);
}

void RunReport::write() {
  try {
    save_report(path_, page_);
  } catch (const Error& error) {
    if (!std::exchange(warned_, true)) {
      std::cerr << fmt::format("train: the training continues without its report: {}\n", error.what());
    }
  }
}

}  // namespace xtape
