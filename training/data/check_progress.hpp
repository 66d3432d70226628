// Shows the progress when many files are checked before a run. Internal to training/.
#pragma once

#include <cstddef>

#include "training/callbacks/progress.hpp"

namespace xtape {

/// Shows how many of `count` images are checked, if it takes more than two seconds: on a terminal in one line that is
/// redrawn at most five times a second, in other output in one line every ten seconds.
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
