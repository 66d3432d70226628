#include "training/data/check_progress.hpp"

#include <fmt/format.h>
#include <utility>

#include "framework/amount.hpp"

namespace xtape {

CheckProgress::CheckProgress(std::size_t count, ProgressOutput output)
    : count_(count), output_(std::move(output)), next_(output_.seconds() + 2) {}

CheckProgress::~CheckProgress() {
  if (line_open_) *output_.stream << "\n" << std::flush;
}

void CheckProgress::update(std::size_t done) {
  const double now = output_.seconds();
  if (now < next_) return;
  const bool terminal = output_.columns() > 0;
  next_ = now + (terminal ? 0.2 : 10);
  *output_.stream << fmt::format("{}checked {} of {}{}", terminal ? "\r" : "", done, amount(count_, "image"),
                                 terminal ? "" : "\n")
                  << std::flush;
  line_open_ = terminal;
}

}  // namespace xtape
