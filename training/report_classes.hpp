// The parts of a report that know classes: what was taken for what.
#pragma once

#include <string>
#include <vector>

#include "training/dataset.hpp"

namespace xtape {

/// Outputs for samples of known classes, with a name for each class.
struct Judged {
  Dataset data;
  Tensor outputs;  ///< (n, classes), logits
  std::vector<std::string> names;
};

/// HTML of the confusion matrix, of the table of classes, and of the mistakes with the least probability for the right
/// class; the last is empty when there are none or the samples are no images.
std::string confusion_html(const Judged& judged);
std::string classes_html(const Judged& judged);
std::string mistakes_html(const Judged& judged);

}  // namespace xtape
