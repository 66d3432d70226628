// The report of a run of train: written anew after each epoch, so that a browser shows the running training.
#pragma once

#include <filesystem>
#include <xtape/xtape.hpp>

namespace xtape {

/// The file report.html of a run. Until the final report the page reloads itself.
class RunReport {
 public:
  /// `page` has what does not change during the run; `epochs` is the number of the last epoch.
  RunReport(std::filesystem::path path, int epochs, ReportInput page);
  RunReport(const RunReport&) = delete;
  RunReport& operator=(const RunReport&) = delete;
  /// After an error in the run, writes a report that says so and no longer reloads itself.
  ~RunReport();

  /// Writes the report of a running training. If the file cannot be written, one message is written to standard error.
  void show(const History& history);
  /// Writes the report of a run that was stopped, with the reason. Errors as in show().
  void stop(const History& history, const std::string& reason);
  /// Writes the final report, with the figures of the test and the outputs for its samples. Errors of save_report().
  void finish(const History& history, const Figures& evaluation, const Dataset& test, const Tensor& outputs);

 private:
  void write();

  std::filesystem::path path_;
  ReportInput page_;
  bool warned_ = false;
};

}  // namespace xtape
