// The progress of checking many files before a run. Internal to training/.
#pragma once

#include <cstddef>

#include "training/callbacks/progress.hpp"

namespace xtape {

/// Says how many of `count` images are checked, when that takes more than two seconds: on a terminal in a line that is
/// redrawn five times a second, elsewhere in a line every ten seconds.
class CheckProgress {
 public:
  CheckProgress(std::size_t count, ProgressOutput output);
  CheckProgress(const CheckProgress&) = delete;
  CheckProgress& operator=(const CheckProgress&) = delete;
  ~CheckProgress();
  void update(std::size_t done);

 private:
  std::size_t count_;
  ProgressOutput output_;
  double next_;
  bool line_open_ = false;
};

}  // namespace xtape
