// save_report: what came of a training run, on a page to read, keep and send.
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

/// What a report shows.
struct ReportInput {
  /// Title of the page.
  std::string title = "Training report";
  /// The epochs of the run.
  History history = {};
  std::string model = "";  ///< its name and size, a line
  /// Samples that the model was tested on, its result, and its outputs (n, classes) for them as predict gives them:
  /// with both of the first and the last, confusion matrix, classes and worst mistakes are shown.
  Figures evaluation = {};
  /// The samples that are shown.
  std::optional<Dataset> data = std::nullopt;
  /// Outputs of the model for these samples.
  Tensor outputs = {};
  std::vector<std::string> class_names = {};                       ///< numbers where they are not given
  std::vector<std::pair<std::string, std::string>> settings = {};  ///< what the run was told, in this order
  std::string model_summary = "";                                  ///< its table of layers
  std::string model_picture = "";  ///< an SVG element, put in as it is, such as model_svg gives
};

/// Writes one HTML file, all or nothing, that needs no network and no script and is well-formed XML: the results, a
/// chart for each figure of the history, training and validation together, with the result of the test as a mark, the
/// confusion matrix (for up to
/// 100 classes; the most frequent confusions for any number), recall and precision of each class, the mistakes with the
/// least probability for the right class, the model, settings, and the machine. All text is escaped, but the picture is
/// not. Error when the outputs are not those of the data, there are other than one name a class, or the file can't be
/// written.
void save_report(const std::filesystem::path& path, const ReportInput& input);

}  // namespace xtape
