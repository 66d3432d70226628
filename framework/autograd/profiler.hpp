// Where the time of training goes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xtape {

/// A stopwatch that always runs for one activity, so that all time is somebody's. Given to passes (PassOptions) it
/// times the layers, forward and back; what is around the passes is told by who does it.
class Profiler {
 public:
  struct Activity {
    std::string name;
    double forward = 0, backward = 0;  ///< seconds, all in all
    std::int64_t kept = 0;             ///< bytes by which the memory in use grew in its forward parts
  };

  /// What runs from now on, until the next call: a layer, or something else with a name.
  void start(std::string_view name) { switch_to(name, false); }
  /// The way back of the same.
  void start_backward(std::string_view name) { switch_to(name, true); }
  /// Nothing that counts.
  void stop();

  /// In the order in which they first ran.
  const std::vector<Activity>& activities() const { return activities_; }

 private:
  void switch_to(std::string_view name, bool backward);

  std::vector<Activity> activities_;
  Activity* running_ = nullptr;
  bool backward_ = false;
  double since_ = 0;  // seconds on a clock that never goes back
  std::int64_t in_use_ = 0;
};

}  // namespace xtape
