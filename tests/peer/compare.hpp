// Comparison: compares arrays of the two libraries and records the differences.
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
  /// For tests of the comparison: one element of every array of PyTorch is changed by this amount, relative to 1 plus
  /// its size or to the norm of the array.
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
  /// Records something that could not be compared.
  void fail_with(const std::string& what);

  std::int64_t cases() const { return cases_; }
  std::int64_t arrays() const { return arrays_; }
  /// One line for each array that differs by more than the tolerance.
  const std::vector<std::string>& differences() const { return differences_; }
  /// Whether there were comparisons and all of them agreed.
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

/// Compares all cases, each with a separate cotangent.
Comparison compare(const Cases& cases, const ComparisonOptions& options = {});

/// The results of PyTorch for a case, with the names of golden::evaluate, and the cotangent drawn from the seed.
struct TorchEvaluation {
  Tensor cotangent;
  std::vector<NamedTensor> arrays;
};
TorchEvaluation evaluate_theirs(const TorchFunction& function, const std::vector<Tensor>& inputs, std::uint64_t seed);

/// The Euclidean norm.
double norm(const Tensor& x);

}  // namespace xtape::peer
