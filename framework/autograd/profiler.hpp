// Where the time of training goes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/autograd/observer.hpp"

namespace xtape {

/// A stopwatch with one current activity at any time, so that the activities' times add up to the whole. As an observer
/// of passes it times the layers, forward and backward; start() names other activities.
class Profiler final : public Observer {
 public:
  struct Activity {
    std::string name;
    double forward = 0, backward = 0;  ///< seconds, all in all
    std::int64_t kept = 0;             ///< bytes by which the memory in use grew in its forward parts
  };

  /// Begins an activity, a layer or another with a name, which lasts until the next one begins.
  void start(std::string_view name) { switch_to(name, false); }
  /// Begins the backward part of the same.
  void start_backward(std::string_view name) { switch_to(name, true); }
  /// Ends the current activity. Time until the next one is not counted.
  void stop();

  void layer_begins(std::string_view layer) override { start(layer); }
  void backward_begins(const ObservedOp& op) override { start_backward(op.layer); }

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
