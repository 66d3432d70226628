// Replaces the functions for events in a build without protobuf.
#include "training/tensorboard/events.hpp"

namespace xtape::events {
namespace {

[[noreturn]] void refuse() {
  fail(
      "TensorBoard: expected a build of xtape with protobuf, got one without; install libprotobuf-dev and "
      "protobuf-compiler, and configure again");
}

}  // namespace

std::string version(const Moment& /*moment*/) { refuse(); }
std::string scalar(const Moment& /*moment*/, const std::string& /*tag*/, double /*value*/) { refuse(); }
std::string histogram(const Moment& /*moment*/, const std::string& /*tag*/, const Tensor& /*values*/) { refuse(); }
std::string images(const Moment& /*moment*/, const std::string& /*tag*/, const Tensor& /*images*/) { refuse(); }
std::string graph(const Moment& /*moment*/, const Model& /*model*/) { refuse(); }

}  // namespace xtape::events
