#include "framework/autograd/profiler.hpp"

#include <algorithm>
#include <chrono>

#include "framework/kernels/memory/memory_pool.hpp"

namespace xtape {

void Profiler::stop() {
  const auto in_use = static_cast<std::int64_t>(kernels::pool_usage().in_use);
  const double now = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  if (running_) {
    (backward_ ? running_->backward : running_->forward) += now - since_;
    if (!backward_) running_->kept += in_use - in_use_;
  }
  running_ = nullptr;
  since_ = now;
  in_use_ = in_use;
}

void Profiler::switch_to(std::string_view name, bool backward) {
  stop();
  auto known = std::ranges::find(activities_, name, &Activity::name);
  if (known == activities_.end()) known = activities_.insert(known, Activity{.name = std::string(name)});
  running_ = &*known;
  backward_ = backward;
}

}  // namespace xtape
