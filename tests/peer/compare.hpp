// Comparison: arrays of the two libraries held against each other, and what was found.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/io/named_tensor.hpp"
#include "tests/peer/case.hpp"

namespace xtape::peer {

struct ComparisonOptions {
  /// Elementwise: |ours - theirs| <= tolerance (1 + |theirs|). By norm: ||ours - theirs|| <= tolerance ||theirs||.
  double tolerance = 1e-10;
  /// To see that a comparison can fail: one element of every array of theirs is changed by this, relative to 1 plus its
  /// size or to the array's norm.
  double spoil = 0;
};

class Comparison {
 public:
  explicit Comparison(ComparisonOptions options = {}) : options_(options) {}

  /// Compares element by element.
  void add(const std::string& name, const Tensor& ours, Tensor theirs);
  /// Compares by the Euclidean norm of the difference, relative to that of `theirs`, or to `scale` if that is larger.
  void add_by_norm(const std::string& name, const Tensor& ours, Tensor theirs, double scale = 0);
  /// Computes the case in both libraries along a random cotangent; compares the outputs and all gradients.
  void add(const Case& configuration, std::uint64_t seed);
  /// Notes that something could not be compared at all.
  void fail_with(const std::string& what);

  std::int64_t cases() const { return cases_; }
  std::int64_t arrays() const { return arrays_; }
  /// One line for each array that differs by more than the tolerance.
  const std::vector<std::string>& differences() const { return differences_; }
  /// Whether everything agreed, and there was something.
  bool passed() const { return arrays_ > 0 && differences_.empty(); }
  /// "240 configurations, 720 arrays, ... elements; largest difference 3e-14 in ...".
  std::string summary() const;

 private:
  void judge(const std::string& name, const Tensor& theirs, double difference);
  Tensor spoiled(const std::string& name, Tensor theirs, double amount) const;

  ComparisonOptions options_;
  std::int64_t cases_ = 0, arrays_ = 0, elements_ = 0;
  double worst_ = 0;
  std::string worst_name_;
  std::vector<std::string> differences_;
};

/// All cases, each along a cotangent of its own.
Comparison compare(const Cases& cases, const ComparisonOptions& options = {});

/// What PyTorch computes for a case, under the names that golden::evaluate gives, and the cotangent drawn from the
/// seed.
struct TorchEvaluation {
  Tensor cotangent;
  std::vector<NamedTensor> arrays;
};
TorchEvaluation evaluate_theirs(const TorchFunction& function, const std::vector<Tensor>& inputs, std::uint64_t seed);

/// The Euclidean norm.
double norm(const Tensor& x);

}  // namespace xtape::peer
