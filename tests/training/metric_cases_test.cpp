// What all metrics have in common: their settings as text, samples of weight 0, and names.
#include <limits>

#include "tests/support/limits.hpp"
#include "tests/training/element_metrics.hpp"
#include "training/metrics/figures.hpp"
#include "training/metrics/loss.hpp"
#include "training/metrics/metric.hpp"

namespace xtape {

using namespace test;

TEST_CASE("the settings of a metric have every option, by which a checkpoint recognizes it") {
  const std::pair<Metric, std::string> rows[] = {
      {metric::accuracy(), "accuracy"},
      {metric::accuracy({.ignored_label = -1}), "accuracy (ignored_label -1)"},
      {metric::top_k_accuracy(), "top_5_accuracy"},
      {metric::top_k_accuracy({.k = 2, .ignored_label = 7}), "top_2_accuracy (ignored_label 7)"},
      {metric::binary_accuracy(), "binary_accuracy"},
      {metric::binary_accuracy({.threshold = 0}), "binary_accuracy (threshold 0)"},
      {metric::auc(), "auc (thresholds 200)"},
      {metric::auc({.thresholds = 50, .from_logits = true}), "auc (thresholds 50, from_logits)"},
      {metric::r2(), "r2"},
      {metric::mean_squared_error(), "mean_squared_error"},
      {metric::log_cosh(), "log_cosh"},
  };
  for (const auto& [its, text] : rows) CHECK(to_string(its) == text);
  const std::pair<Metric (*)(const metric::DecisionOptions&), std::string> decisions[] = {
      {metric::precision, "precision"},
      {metric::recall, "recall"},
      {metric::f1, "f1"},
      {metric::intersection_over_union, "intersection_over_union"}};
  for (const auto& [make, name] : decisions) {
    CHECK(to_string(make({})) == name);
    CHECK(to_string(make({.threshold = 0.25})) == name + " (threshold 0.25)");
    CHECK(to_string(make({.class_number = 0})) == name + " (class_number 0)");
    CHECK(to_string(make({.ignored_label = 2})) == name + " (ignored_label 2)");
    CHECK(to_string(make({.threshold = 0, .class_number = 1, .ignored_label = -1})) ==
          name + " (ignored_label -1, threshold 0, class_number 1)");
  }
}

TEST_CASE("every metric of samples that all have the weight 0 is 0") {
  const Tensor half = Tensor::full({4, 2}, 0.5, DType::float64), rows = f64({4, 2}, {1, 0, 0, 1, 0, 1, 1, 0});
  const Tensor nothing = Tensor::zeros({4}, DType::float64);
  for (const Metric& its : element_metrics()) {
    INFO(to_string(its));
    CHECK(its(half, rows, nothing) == 0);
    const Tensor sums = its.sums(half, rows, nothing);
    CHECK(its.result(its.combined(sums, sums)) == 0);
  }
  const Tensor labels = Tensor::labels({0, 1, 1, 0});
  for (const Metric& its :
       {metric::accuracy(), metric::top_k_accuracy({.k = 1}), metric::precision(), metric::recall(), metric::f1(),
        metric::intersection_over_union(), metric::categorical_hinge(), metric::accuracy({.ignored_label = 1})}) {
    INFO(to_string(its));
    CHECK(its(half, labels, nothing) == 0);
  }
  CHECK(metric::accuracy({.ignored_label = 1})(half, Tensor::labels({1, 1, 1, 1})) == 0);
}

TEST_CASE("outputs that are not finite do not count in errors of numbers if their sample has the weight 0") {
  const Tensor targets = f64({3, 1}, {1, 2, 4}), weights = f64({3}, {1, 0, 3});
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), infinite, -infinite}) {
    const Tensor outputs = f64({3, 1}, {2, bad, 2});
    CHECK(metric::mean_squared_error()(outputs, targets, weights) == (1 * 1 + 3 * 4) / 4.0);
    CHECK(metric::root_mean_squared_error()(outputs, targets, weights) == std::sqrt((1 * 1 + 3 * 4) / 4.0));
    CHECK(metric::mean_absolute_error()(outputs, targets, weights) == (1 * 1 + 3 * 2) / 4.0);
    // the mean of the targets is (1 + 3 * 4) / 4
    const double spread = 2.25 * 2.25 + 3 * 0.75 * 0.75;
    CHECK(metric::r2()(outputs, targets, weights) == Approx(1 - 13 / spread).epsilon(1e-14));
  }
}

TEST_CASE("classes that are never predicted, or never right, count in the means over classes") {
  const Tensor always_first = f64({3, 3}, {1, 0, 0, 1, 0, 0, 1, 0, 0});
  const Tensor labels = Tensor::labels({0, 0, 1});  // the second class is never predicted, the third does not occur
  CHECK(metric::precision()(always_first, labels) == Approx((2.0 / 3 + 0) / 2));
  CHECK(metric::recall()(always_first, labels) == Approx((1.0 + 0) / 2));
  CHECK(metric::f1()(always_first, labels) == Approx((2 * 2.0 / (3 + 2) + 0) / 2));
  CHECK(metric::intersection_over_union()(always_first, labels) == Approx((2.0 / 3 + 0) / 2));
  const Tensor never_right = Tensor::labels({1, 1, 1});
  for (const Metric& its : {metric::precision(), metric::recall(), metric::f1(), metric::intersection_over_union()}) {
    CHECK(its(always_first, never_right) == 0);
  }
}

TEST_CASE("an ignored label and a class number do not matter where targets are no class numbers") {
  const Tensor outputs = f64({3, 2}, {0.9, 0.1, 0.2, 0.8, 0.7, 0.3}), rows = f64({3, 2}, {1, 0, 0, 1, 0, 1});
  for (const std::int64_t label : {0, 1}) {
    CHECK(metric::accuracy({.ignored_label = label})(outputs, rows) == Approx(2.0 / 3));
    CHECK(metric::top_k_accuracy({.k = 1, .ignored_label = label})(outputs, rows) == Approx(2.0 / 3));
    // yes-no answers: 3 of 3 said yes, 2 of them rightly; 3 are yes
    CHECK(metric::precision({.class_number = label})(outputs, rows) == Approx(2.0 / 3));
    CHECK(metric::recall({.class_number = label})(outputs, rows) == Approx(2.0 / 3));
    CHECK(metric::f1({.class_number = label})(outputs, rows) == Approx(2.0 / 3));
  }
  // of yes 2 / 3, of no 1 / 2
  const Tensor said = f64({4, 1}, {0.9, 0.8, 0.7, 0.1}), answers = f64({4, 1}, {1, 1, 0, 0});
  for (const std::int64_t label : {0, 1}) {
    CHECK(metric::intersection_over_union({.class_number = label})(said, answers) == Approx(7.0 / 12));
  }
}

TEST_CASE("an answer of NaN is neither yes nor no") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor outputs = f64({4, 1}, {0.9, nan, 0.1, nan}), answers = f64({4, 1}, {1, 1, 0, 0});
  CHECK(metric::binary_accuracy()(outputs, answers) == 0.5);
  CHECK(metric::precision()(outputs, answers) == 1);
  CHECK(metric::recall()(outputs, answers) == 0.5);
  // of the four pairs of a yes and a no one is in the right order; NaN exceeds no threshold, so that the others have
  // none
  CHECK(metric::auc()(outputs, answers) == 0.25);
  CHECK(metric::auc({.from_logits = true})(outputs, answers) == 0.25);
}

TEST_CASE("a name of a loss or metric has letters, digits, spaces and eight signs, and no other character") {
  const std::string accepted = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+.@() ";
  for (int code = 1; code < 256; ++code) {
    const std::string name = std::string("a") + static_cast<char>(code);
    INFO(code);
    bool fits = true;
    try {
      check_figure_name("test", name);
    } catch (const Error&) {
      fits = false;
    }
    CHECK(fits == (accepted.find(name[1]) != std::string::npos));
  }
  CHECK(error_of([] { check_figure_name("test", ""); }) == "test: expected a name of letters, digits and _, got \"\"");
  CHECK(error_of([] { check_figure_name("test", "a,b"); }) ==
        "test: expected a name of letters, digits and _, got \"a,b\"");
  CHECK(error_of([] { check_figure_name("test", std::string(50, '/')); }) ==
        "test: expected a name of letters, digits and _, got \"" + std::string(40, '/') + "\"");
}

}  // namespace xtape
