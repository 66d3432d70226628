#include "benchmarks/agreement.hpp"

#include <cmath>
#include <vector>

#include "framework/error.hpp"

namespace xtape::bench {
namespace {

constexpr double output_tolerance = 1e-3, loss_tolerance = 1e-3, gradient_tolerance = 0.05;

/// |a - b| / |b| in the Euclidean norm; infinite if the result is not finite or the sizes differ.
double relative_difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return INFINITY;
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  const double relative = std::sqrt(difference / norm);
  return std::isfinite(relative) ? relative : INFINITY;
}

}  // namespace

Agreement compare_digests(const nlohmann::json& ours, const nlohmann::json& theirs) {
  Agreement agreement;
  const auto compare = [&](const std::string& what, double difference, double tolerance) {
    agreement.found[what] = difference;
    if (difference <= tolerance || !agreement.problem.empty()) return;
    agreement.problem =
        fmt::format("{}: expected a relative difference of at most {}, got {:.2g}", what, tolerance, difference);
  };
  compare("outputs", relative_difference(ours.at("outputs"), theirs.at("outputs")), output_tolerance);
  if (!ours.contains("loss")) return agreement;
  compare("loss", relative_difference({ours.at("loss")}, {theirs.at("loss")}), loss_tolerance);
  double worst = 0;
  std::string worst_kernel = "none";
  for (const auto& [path, norm] : ours.at("gradients").items()) {
    const auto other = theirs.at("gradients").find(path);
    const bool there = other != theirs.at("gradients").end();
    const double difference = there ? relative_difference({norm.get<double>()}, {other->get<double>()}) : INFINITY;
    if (difference > worst) worst = difference, worst_kernel = path;
  }
  compare(fmt::format("norm of the gradient of {}, the worst", worst_kernel), worst, gradient_tolerance);
  return agreement;
}

}  // namespace xtape::bench
