// Profiler: measures the time and memory of each layer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/autograd/observer.hpp"

namespace xtape {

/// A stopwatch with at most one current activity, so that the times of the activities add up to the total. As an
/// observer of passes it measures the forward and backward time of each layer; start() begins other activities.
class Profiler final : public Observer {
 public:
  /// The measurements of one activity.
  struct Activity {
    std::string name;       ///< name of the layer, or the name given to start()
    double forward = 0;     ///< total forward time in seconds
    double backward = 0;    ///< total backward time in seconds
    std::int64_t kept = 0;  ///< bytes by which the memory in use grew during its forward parts
  };

  /// Begins the forward part of a layer or of another activity. It lasts until the next one begins or stop().
  void start(std::string_view name) { switch_to(name, false); }
  /// Begins the backward part of a layer or of another activity. It lasts until the next one begins or stop().
  void start_backward(std::string_view name) { switch_to(name, true); }
  /// Ends the current activity. The time until the next activity is not counted.
  void stop();

  void layer_begins(std::string_view layer) override { start(layer); }
  void backward_begins(const ObservedOp& op) override { start_backward(op.layer); }

  /// The activities, in the order in which they first ran.
  const std::vector<Activity>& activities() const { return activities_; }

 private:
  void switch_to(std::string_view name, bool backward);

  std::vector<Activity> activities_;
  Activity* running_ = nullptr;
  bool backward_ = false;
  double since_ = 0;  // start of the current activity, in seconds of a monotonic clock
  std::int64_t in_use_ = 0;
};

}  // namespace xtape
