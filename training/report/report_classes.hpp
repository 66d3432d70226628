// The parts of a report that know classes: what was taken for what.
#pragma once

#include <string>
#include <vector>

#include "training/data/dataset.hpp"

namespace xtape {

/// Outputs for samples of known classes, with a name for each class.
struct Judged {
  Dataset data;
  Tensor outputs;  ///< (n, classes), logits
  std::vector<std::string> names;
};

/// HTML of the confusion matrix (up to 100 classes; more could not be read) with the most frequent confusions, of the
/// table of classes, and of the mistakes with the least probability for the right class; the last is empty when there
/// are none or the samples are no images. Size and memory grow with the number of classes, not with its square.
std::string classes_html(const Judged& judged);
std::string mistakes_html(const Judged& judged);

}  // namespace xtape
