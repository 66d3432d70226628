// The parts of a report about classes: confusion matrix, figures of classes, and mistakes.
#pragma once

#include <string>
#include <vector>

#include "training/data/dataset.hpp"

namespace xtape {

/// The outputs for samples with known classes, and the names of the classes.
struct Judged {
  Dataset data;
  Tensor outputs;  ///< (n, classes): probabilities if all rows are distributions, otherwise logits
  std::vector<std::string> names;
};

/// The confusion matrix (for up to 100 classes), the most frequent confusions, and the table of classes as HTML. Size
/// and memory grow with the number of classes, not with its square.
std::string classes_html(const Judged& judged);
/// The mistakes with the lowest probability of the right class as HTML; empty if there are none or the samples are not
/// images.
std::string mistakes_html(const Judged& judged);

}  // namespace xtape
