// save_report: a page with the results of a training run.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "training/data/dataset.hpp"
#include "training/evaluate.hpp"
#include "training/history.hpp"

namespace xtape {

/// The content of a report.
struct ReportInput {
  /// Title of the page.
  std::string title = "Training report";
  /// The epochs of the run.
  History history = {};
  std::string model = "";  ///< name and size of the model, in one line
  /// The figures of a test. The report has the confusion matrix, the table of classes and the worst mistakes if `data`
  /// and `outputs` are set.
  Figures evaluation = {};
  /// The samples of the test.
  std::optional<Dataset> data = std::nullopt;
  /// The outputs (n, classes) of the model for these samples, as predict() returns them: probabilities if every row is
  /// a distribution, otherwise logits. Samples with the ignored_label of the data are left out of matrix, classes and
  /// mistakes.
  Tensor outputs = {};
  std::vector<std::string> class_names = {};                       ///< class numbers if it is empty
  std::vector<std::pair<std::string, std::string>> settings = {};  ///< the settings of the run, in this order
  std::string model_summary = "";                                  ///< the table of layers
  std::string model_picture = "";  ///< an SVG element such as model_svg() returns; inserted unchanged
  /// While the run lasts: the number of its last epoch. Then the page shows how many epochs are done and the time left,
  /// the mean time of an epoch times the number of the others, and a browser reloads it every 5 seconds.
  std::optional<int> running_until = std::nullopt;
};

/// Writes a report as one HTML file, atomically. The page is well-formed XML and needs no network and no script. It has
/// the results; a chart of each figure of the history, with training, validation and the result of the test; the
/// confusion matrix (for up to 100 classes) and the most frequent confusions; recall and precision of each class; the
/// mistakes with the lowest probability of the right class; the model, the settings, and the machine. All text except
/// the picture is escaped. Error when the outputs do not fit the data, the number of names is not that of the classes,
/// or the file cannot be written.
void save_report(const std::filesystem::path& path, const ReportInput& input);

}  // namespace xtape
