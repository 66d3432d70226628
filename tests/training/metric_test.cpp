// Every metric compared with its definition over all sample_count at once, computed here in double, for batches of any
// sizes, with and without weights.
#include "training/metrics/metric.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "framework/tensor/elementwise.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"
#include "tests/training/element_metrics.hpp"
#include "training/metrics/metrics.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;

namespace {

using Numbers = std::vector<double>;
constexpr std::int64_t sample_count = 37;

/// The figure of sample_count in batches of `size` sample_count; the last batch may be smaller.
double in_batches(const Metric& its, const Tensor& outputs, const Tensor& targets, const Tensor& weights,
                  std::int64_t size) {
  Tensor total;
  for (std::int64_t i = 0; i < outputs.dim(0); i += size) {
    const std::int64_t end = std::min(outputs.dim(0), i + size);
    const Tensor some = weights.defined() ? weights.rows(i, end) : Tensor();
    total = its.combined(total, its.sums(outputs.rows(i, end), targets.rows(i, end), some));
  }
  return its.result(total);
}

/// Compares a metric with `expected(outputs, targets, weights)`, where weights has a number for each sample.
template <class Definition>
void compare(const Metric& its, const Tensor& outputs, const Tensor& targets, const Definition& expected) {
  const Tensor some = RandomStream(9).uniform({outputs.dim(0)}, 0, 3, DType::float64);
  for (const Tensor& weights : {Tensor(), some}) {
    const Numbers w = weights.defined() ? weights.to_vector() : Numbers(static_cast<std::size_t>(outputs.dim(0)), 1);
    const double wanted = expected(outputs.to_vector(), targets.to_vector(), w);
    for (const std::int64_t size : {1, 5, 36, 37, 100}) {
      INFO(to_string(its) << ", batches of " << size << (weights.defined() ? ", weighted" : ""));
      CHECK(in_batches(its, outputs, targets, weights, size) == Approx(wanted).epsilon(1e-10));
      CHECK(in_batches(its, outputs.to(DType::float32).to(DType::float64), targets, weights, size) ==
            Approx(wanted).epsilon(1e-4));
    }
  }
}

Tensor scores(std::int64_t k, const Shape& positions = {sample_count}) {
  std::vector<std::int64_t> extents(positions.begin(), positions.end());
  extents.push_back(k);
  return RandomStream(3).normal(Shape(extents), 0, 1, DType::float64);
}

/// Labels that agree with the scores more often than by chance.
Tensor labels_for(const Tensor& outputs, std::uint64_t seed = 5) {
  const std::int64_t k = outputs.dim(-1), rows = outputs.size() / k;
  const Numbers luck = RandomStream(seed).uniform({rows}, 0, 1, DType::float64).to_vector();
  const Tensor best = top_classes(outputs.reshaped({rows, k}));
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < rows; ++i) {
    const double u = luck[static_cast<std::size_t>(i)];
    labels.push_back(u < 0.5 ? best.data<std::int64_t>()[i] : static_cast<std::int64_t>(u * 1000) % k);
  }
  return Tensor::labels(labels).reshaped(outputs.shape().without(-1));
}

Tensor answers_for(const Tensor& outputs) {
  Numbers answers;
  const Numbers luck = RandomStream(6).uniform({outputs.size()}, 0, 1, DType::float64).to_vector(),
                y = outputs.to_vector();
  for (std::size_t i = 0; i < y.size(); ++i) answers.push_back(luck[i] < 0.7 ? (y[i] > 0.5) : (luck[i] > 0.85));
  return Tensor::of(outputs.shape(), answers, DType::float64);
}

std::size_t best_of(const Numbers& y, std::size_t row, std::size_t k) {
  return static_cast<std::size_t>(std::max_element(&y[row * k], &y[row * k] + k) - &y[row * k]);
}

/// The weights of correct predictions, predictions and labels of class c. Each sample has `each` positions.
struct Counts {
  double right = 0, taken = 0, wanted = 0;
};
Counts counts_of(const Numbers& y, const Numbers& labels, const Numbers& w, std::size_t k, std::size_t c,
                 double ignored = -1) {
  Counts counts;
  const std::size_t each = labels.size() / w.size();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == ignored) continue;
    const bool is = labels[i] == static_cast<double>(c), took = best_of(y, i, k) == c;
    counts.right += is && took ? w[i / each] : 0;
    counts.taken += took ? w[i / each] : 0;
    counts.wanted += is ? w[i / each] : 0;
  }
  return counts;
}

/// The mean of f(counts) over the classes that occur.
template <class F>
auto macro(std::size_t k, F f, double ignored = -1) {
  return [=](const Numbers& y, const Numbers& labels, const Numbers& w) {
    double sum = 0, classes = 0;
    for (std::size_t c = 0; c < k; ++c) {
      const Counts counts = counts_of(y, labels, w, k, c, ignored);
      if (counts.taken + counts.wanted == 0) continue;
      sum += f(counts);
      ++classes;
    }
    return sum / classes;
  };
}

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }
double precision_of(const Counts& c) { return share(c.right, c.taken); }
double recall_of(const Counts& c) { return share(c.right, c.wanted); }
double f1_of(const Counts& c) {
  const double p = precision_of(c), r = recall_of(c);
  return share(2 * p * r, p + r);
}
double overlap_of(const Counts& c) { return share(c.right, c.taken + c.wanted - c.right); }

}  // namespace

TEST_CASE("accuracies are weighted shares, for one label per sample and for many positions") {
  for (const Shape& positions : {Shape{sample_count}, Shape{sample_count, 2, 3}}) {
    const Tensor y = scores(4, positions), labels = labels_for(y);
    for (const std::size_t top : {1, 2, 3}) {
      const auto definition = [&](const Numbers& all, const Numbers& t, const Numbers& w) {
        double hits = 0, sum = 0;
        for (std::size_t i = 0; i < t.size(); ++i) {
          const double mine = all[i * 4 + static_cast<std::size_t>(t[i])];
          const auto larger = std::count_if(&all[i * 4], &all[i * 4] + 4, [&](double v) { return v > mine; });
          const double weight = w[i / (t.size() / w.size())];
          hits += static_cast<std::size_t>(larger) < top ? weight : 0;
          sum += weight;
        }
        return hits / sum;
      };
      compare(metric::top_k_accuracy({.k = static_cast<std::int64_t>(top)}), y, labels, definition);
      if (top == 1) compare(metric::accuracy(), y, labels, definition);
    }
  }
  CHECK(metric::top_k_accuracy({.k = 3}).name() == "top_3_accuracy");
  const Tensor y = scores(4), labels = labels_for(y);
  CHECK(metric::accuracy()(y, labels) == Approx(accuracy(y, labels)).epsilon(1e-12));
}

TEST_CASE("distributions count as their largest entry, and ignored labels and NaN as documented") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor y = f64({4, 2}, {1, 0, 0, 1, nan, 3, 1, 0});
  CHECK(metric::accuracy()(y, f64({4, 2}, {0.9, 0.1, 1, 0, 0, 1, 0.5, 0.5})) == 0.5);
  CHECK(metric::accuracy({.ignored_label = -1})(y, Tensor::labels({0, -1, 1, -1})) == 0.5);
  CHECK(metric::accuracy({.ignored_label = 1})(y, Tensor::labels({0, 1, 1, 1})) == 1);
  CHECK(metric::accuracy({.ignored_label = -1})(y, Tensor::labels({-1, -1, -1, -1})) == 0);  // 0 / 0
  CHECK(metric::recall()(y, Tensor::labels({0, 0, 1, 1})) == 0.25);     // 1 of 2, and 0 of 2 with the NaN
  CHECK(metric::precision()(y, Tensor::labels({0, 0, 1, 1})) == 0.25);  // 1 of 2, and 0 of 1
}

TEST_CASE("precision, recall, F1 and intersection over union are means over the classes that occur") {
  for (const Shape& positions : {Shape{sample_count}, Shape{sample_count, 3, 2}}) {
    const Tensor y = scores(5, positions), labels = labels_for(y);
    compare(metric::precision(), y, labels, macro(5, precision_of));
    compare(metric::recall(), y, labels, macro(5, recall_of));
    compare(metric::f1(), y, labels, macro(5, f1_of));
    compare(metric::intersection_over_union(), y, labels, macro(5, overlap_of));
    const auto of_two = [](const Numbers& all, const Numbers& t, const Numbers& w) {
      return recall_of(counts_of(all, t, w, 5, 2));
    };
    compare(metric::recall({.class_number = 2}), y, labels, of_two);
  }
  const Tensor y = scores(3, {sample_count, 4}), labels = labels_for(y);
  compare(metric::f1({.ignored_label = 2}), y, labels, macro(3, f1_of, 2));
  // class 2 is neither a label nor predicted: it is left out; class 1 is predicted but not a label: it counts as 0
  const Tensor few = f64({3, 3}, {1, 0, 0, 0, 1, 0, 1, 0, 0});
  CHECK(metric::precision()(few, Tensor::labels({0, 0, 0})) == 0.5);
  CHECK(error_of([&] {
          metric::recall({.class_number = 3})(few, Tensor::labels({0, 0, 0}));
        }) == "recall: expected a class_number in [0, 3), got 3");
}

TEST_CASE("for yes-no answers precision, recall and F1 are those of yes, intersection over union the mean of both") {
  const Tensor y = RandomStream(3).uniform({sample_count, 3}, 0, 1, DType::float64), t = answers_for(y);
  for (const double threshold : {0.5, 0.7}) {
    const auto counts = [threshold](const Numbers& all, const Numbers& wanted, const Numbers& w, bool yes) {
      Counts c;
      for (std::size_t i = 0; i < all.size(); ++i) {
        const bool is = (wanted[i] > 0.5) == yes, took = (all[i] > threshold) == yes;
        c.right += is && took ? w[i / 3] : 0;
        c.taken += took ? w[i / 3] : 0;
        c.wanted += is ? w[i / 3] : 0;
      }
      return c;
    };
    const auto of_yes = [&](auto f) {
      return [=](const Numbers& a, const Numbers& b, const Numbers& w) { return f(counts(a, b, w, true)); };
    };
    compare(metric::precision({.threshold = threshold}), y, t, of_yes(precision_of));
    compare(metric::recall({.threshold = threshold}), y, t, of_yes(recall_of));
    compare(metric::f1({.threshold = threshold}), y, t, of_yes(f1_of));
    compare(metric::intersection_over_union({.threshold = threshold}), y, t,
            [&](const Numbers& a, const Numbers& b, const Numbers& w) {
              return (overlap_of(counts(a, b, w, true)) + overlap_of(counts(a, b, w, false))) / 2;
            });
    compare(metric::binary_accuracy({.threshold = threshold}), y, t,
            [&](const Numbers& a, const Numbers& b, const Numbers& w) {
              return (counts(a, b, w, true).right + counts(a, b, w, false).right) /
                     (3 * std::accumulate(w.begin(), w.end(), 0.0));
            });
  }
}

TEST_CASE("the area under the ROC curve is computed by trapezoids between thresholds, as in Keras") {
  const Tensor y = RandomStream(3).uniform({sample_count, 2}, 0, 1, DType::float64), t = answers_for(y);
  for (const int count : {2, 3, 20, 200}) {
    const auto definition = [count](const Numbers& p, const Numbers& wanted, const Numbers& w) {
      // keras/src/metrics/confusion_metrics.py: thresholds -1e-7, 1 / (n - 1), ..., 1 + 1e-7
      Numbers x, hits;
      for (int i = 0; i < count; ++i) {
        const double threshold = i == 0 ? -1e-7 : i == count - 1 ? 1 + 1e-7 : static_cast<double>(i) / (count - 1);
        double tp = 0, fp = 0, positives = 0, negatives = 0;
        for (std::size_t j = 0; j < p.size(); ++j) {
          const double weight = w[j / 2];
          (wanted[j] > 0.5 ? positives : negatives) += weight;
          if (p[j] > threshold) (wanted[j] > 0.5 ? tp : fp) += weight;
        }
        x.push_back(fp / negatives);
        hits.push_back(tp / positives);
      }
      double area = 0;
      for (std::size_t i = 0; i + 1 < x.size(); ++i) area += (x[i] - x[i + 1]) * (hits[i] + hits[i + 1]) / 2;
      return area;
    };
    compare(metric::auc({.thresholds = count}), y, t, definition);
    // outputs equal to a threshold do not exceed it, those next to it are on their side of it
    for (const int side : {-1, 0, 1}) {
      Numbers edges;
      for (int i = 0; i < 2 * count; ++i) {
        const double threshold = i % count / (count - 1.0);
        edges.push_back(side == 0 ? threshold : std::nextafter(threshold, side < 0 ? 0 : 1));
      }
      const Tensor rows = f64({count, 2}, edges), answers = answers_for(rows);
      const double expected = definition(edges, answers.to_vector(), Numbers(static_cast<std::size_t>(count), 1));
      CHECK(metric::auc({.thresholds = count})(rows, answers) == Approx(expected).epsilon(1e-12));
    }
  }
  const Tensor edges = f64({5, 1}, {0, 0.25, 0.5, 0.75, 1}), yes = f64({5, 1}, {0, 0, 1, 0, 1});
  // pairs in the right order: 2 with 0.5, 3 with 1
  CHECK(metric::auc({.thresholds = 5})(edges, yes) == Approx(5.0 / 6));
  const Tensor logits = f64({4, 1}, {-3, -1, 1, 3}), half = f64({4, 1}, {0, 1, 0, 1});
  CHECK(metric::auc({.from_logits = true})(logits, half) == 0.75);
  CHECK(metric::auc()(f64({2, 1}, {0.2, 0.9}), f64({2, 1}, {1, 1})) == 0);  // no negatives
  CHECK(error_of([&] { metric::auc()(logits, half); }) ==
        "auc: expected probabilities in [0, 1], got -3; for logits set from_logits");
}

TEST_CASE("errors of numbers are weighted means over all elements") {
  const Tensor y = scores(3), t = RandomStream(8).normal({sample_count, 3}, 0, 1, DType::float64);
  const auto mean = [](auto f) {
    return [f](const Numbers& a, const Numbers& b, const Numbers& w) {
      double sum = 0;
      for (std::size_t i = 0; i < a.size(); ++i) sum += w[i / 3] * f(a[i] - b[i]);
      return sum / (3 * std::accumulate(w.begin(), w.end(), 0.0));
    };
  };
  const auto squares = mean([](double e) { return e * e; });
  compare(metric::mean_squared_error(), y, t, squares);
  compare(metric::root_mean_squared_error(), y, t,
          [&](const Numbers& a, const Numbers& b, const Numbers& w) { return std::sqrt(squares(a, b, w)); });
  compare(metric::mean_absolute_error(), y, t, mean([](double e) { return std::abs(e); }));
  CHECK_FALSE(metric::mean_squared_error().larger_is_better());
  CHECK(metric::r2().larger_is_better());
}

namespace {

/// The definition of r2 for 3 outputs of a sample.
double r2_of(const Numbers& y, const Numbers& t, const Numbers& w) {
  double figure = 0;
  for (std::size_t column = 0; column < 3; ++column) {
    long double count = 0, mean = 0, left = 0, spread = 0;
    for (std::size_t i = 0; i < w.size(); ++i)
      count += w[i], mean += static_cast<long double>(w[i]) * t[3 * i + column];
    mean /= count;
    for (std::size_t i = 0; i < w.size(); ++i) {
      const long double target = t[3 * i + column], error = target - y[3 * i + column];
      left += w[i] * error * error;
      spread += w[i] * (target - mean) * (target - mean);
    }
    figure += static_cast<double>(1 - left / spread) / 3;
  }
  return figure;
}

/// x + offset + noise of the deviation 0.5.
Tensor noisy(const Tensor& x, double offset) {
  Numbers near = x.to_vector();
  const Numbers noise = RandomStream(8).normal({x.size()}, 0, 0.5, DType::float64).to_vector();
  for (std::size_t i = 0; i < near.size(); ++i) near[i] += noise[i] + offset;
  return Tensor::of(x.shape(), near, DType::float64);
}

}  // namespace

TEST_CASE("the coefficient of determination is the mean over outputs, as in scikit-learn") {
  const Tensor y = scores(3);
  compare(metric::r2(), y, noisy(y, 3), r2_of);
  CHECK(metric::r2()(f64({3, 1}, {2, 2, 2}), f64({3, 1}, {2, 2, 2})) == 1);
  CHECK(metric::r2()(f64({3, 1}, {2, 1, 2}), f64({3, 1}, {2, 2, 2})) == 0);
}

TEST_CASE("the coefficient of determination is exact for targets far from zero, and for equal ones") {
  const Tensor near = scores(3), t = noisy(near, 1e9);
  const Tensor y = map("test", near, [](auto v) { return v + 1e9; });
  const Tensor weights = RandomStream(9).uniform({sample_count}, 0, 3, DType::float64);
  for (const std::int64_t size : {1, 5, 36, 37}) {
    const Numbers ones(sample_count, 1);
    CHECK(in_batches(metric::r2(), y, t, {}, size) == Approx(r2_of(y.to_vector(), t.to_vector(), ones)).epsilon(1e-7));
    CHECK(in_batches(metric::r2(), y, t, weights, size) ==
          Approx(r2_of(y.to_vector(), t.to_vector(), weights.to_vector())).epsilon(1e-7));
    const Tensor equal = Tensor::full(y.shape(), 0.1, DType::float64);
    CHECK(in_batches(metric::r2(), equal, equal, weights, size) == 1);
    CHECK(in_batches(metric::r2(), near, equal, weights, size) == 0);
  }
}

TEST_CASE("the coefficient of determination of samples of weight 0 is 0") {
  const Tensor y = Tensor::of({3, 1}, {1, 2, 3});
  CHECK(metric::r2()(y, y, Tensor::zeros({3})) == 0);
  CHECK(metric::r2()(y, y, Tensor::of({3}, {0, 1, 0})) == 1);
}

TEST_CASE("a metric may have another name, so that it is computed for several classes") {
  const Metric first = metric::recall({.class_number = 0}).renamed("recall_of_cats");
  const Metric second = metric::recall({.class_number = 1}).renamed("recall_of_dogs");
  const Tensor y = Tensor::of({3, 2}, {1, 0, 0, 1, 0, 1}), t = Tensor::labels({0, 0, 1});
  CHECK(first(y, t) == 0.5);
  CHECK(second(y, t) == 1);
  CHECK(first.name() == "recall_of_cats");
  CHECK(to_string(first) == "recall_of_cats: recall (class_number 0)");
  CHECK(first.definition() == "recall (class_number 0)");
  CHECK(to_string(first.renamed("recall")) == "recall (class_number 0)");
  CHECK(first.larger_is_better());
  CHECK_FALSE(metric::hinge().renamed("other").larger_is_better());
  CHECK_THAT(error_of([&] { static_cast<void>(first.renamed("")); }), Catch::StartsWith("Metric: expected "));
}

TEST_CASE("a metric of a class that the outputs do not have is an Error for the first batch") {
  const Tensor y = Tensor::of({1, 3}, {1, 0, 0}), t = Tensor::labels({0});
  for (const std::int64_t number : {std::int64_t{-1}, std::int64_t{3}}) {
    for (const auto& [name, make] : std::vector<std::pair<std::string, Metric (*)(const metric::DecisionOptions&)>>{
             {"precision", metric::precision},
             {"recall", metric::recall},
             {"f1", metric::f1},
             {"intersection_over_union", metric::intersection_over_union}}) {
      const Metric its = make({.class_number = number});
      CHECK(error_of([&] { its.sums(y, t); }) ==
            fmt::format("{}: expected a class_number in [0, 3), got {}", name, number));
    }
  }
}

TEST_CASE("a metric combines the numbers of batches by its own function") {
  const auto largest = [](const Tensor& outputs, const Tensor& targets, const Tensor&) {
    return Tensor::of({1}, {largest_difference(outputs, targets)}, DType::float64);
  };
  const auto larger = [](const Tensor& a, const Tensor& b) { return a.at({0}) > b.at({0}) ? a : b; };
  const auto value = [](const Tensor& total) { return total.at({0}); };
  const Metric its("largest_error", largest, value, {.larger_is_better = false, .combine = larger});
  const Tensor y = scores(3), t = noisy(y, 0);
  for (const std::int64_t size : {1, 5, 37}) CHECK(in_batches(its, y, t, {}, size) == largest_difference(y, t));
  const Tensor one = Tensor::of({1}, {1}, DType::float64);
  CHECK(error_of([&] { its.combined(one, Tensor::zeros({2}, DType::float64)); }) ==
        "Metric largest_error: expected sums of one shape for all batches, got (1,) and (2,)");
  const Metric wrong("wrong", largest, value,
                     {.combine = [](const Tensor&, const Tensor&) { return Tensor::ones({1}); }});
  CHECK(error_of([&] { wrong.combined(one, one); }) ==
        "Metric wrong: expected a combine function that returns float64 of shape (1,) for sums of this shape, got "
        "float32 (1,)");
}

TEST_CASE("every metric rejects outputs, targets and weights of other shapes, with its name") {
  std::vector<Metric> of_elements = element_metrics();
  of_elements.insert(of_elements.end(), {metric::categorical_hinge(), metric::r2()});
  const Metric of_classes[] = {metric::accuracy(),  metric::top_k_accuracy({.k = 2}),
                               metric::precision(), metric::recall(),
                               metric::f1(),        metric::intersection_over_union()};
  const Tensor half = Tensor::full({4, 2}, 0.5, DType::float64), rows = f64({4, 2}, {1, 0, 0, 1, 0, 1, 1, 0});
  const auto reject = [](const Metric& its, const Tensor& y, const Tensor& t, const Tensor& w = {}) {
    INFO(to_string(its) << " of " << y.defined() << t.defined() << w.defined());
    CHECK_THAT(error_of([&] { its(y, t, w); }),
               Contains((its.name() == "top_2_accuracy" ? "top_k_accuracy" : its.name()) + ": expected") &&
                   !Contains("got ()") && !Contains("and ()"));
  };
  for (const Metric& its : of_elements) {
    CHECK_NOTHROW(its(half, rows, Tensor::ones({4})));
    reject(its, {}, rows);
    reject(its, half, {});
    reject(its, half.to(DType::int64), rows);
    for (const Shape& other : {Shape{4}, Shape{2, 2}, Shape{4, 1}, Shape{8}}) {
      reject(its, half, Tensor::full(other, 0.5, DType::float64));
    }
    for (const Shape& other : {Shape{}, Shape{1}, Shape{2}, Shape{4, 2}}) reject(its, half, rows, Tensor::ones(other));
    reject(its, half, rows, Tensor::ones({4}, DType::int64));
  }
  const Tensor labels = Tensor::labels({0, 1, 1, 0});
  for (const Metric& its : of_classes) {
    CHECK_NOTHROW(its(half, labels, Tensor::ones({4})));
    reject(its, {}, labels);
    reject(its, half.to(DType::int64), labels);
    for (const Tensor& other : {Tensor::labels({0, 1}), Tensor::labels({0, 1, 2, 0}), Tensor::labels({0, -1, 1, 0})}) {
      reject(its, half, other);
    }
    reject(its, half, labels, Tensor::ones({2}));
  }
}

TEST_CASE("metrics reject invalid arguments with their names") {
  const Tensor y = scores(3), t = RandomStream(8).normal({sample_count, 3}, 0, 1, DType::float64);
  CHECK(error_of([&] { metric::accuracy()(scores(1), Tensor::zeros({sample_count}, DType::int64)); }) ==
        "accuracy: expected outputs (n, ..., k) for at least 2 classes, got float64 (37, 1); use binary_accuracy for "
        "one output a sample");
  CHECK(error_of([&] { metric::accuracy()(y, Tensor::labels({0})); }) ==
        "accuracy: expected labels int64 (37,) or distributions (37, 3), got int64 (1,)");
  for (const Tensor& unfit : {Tensor::zeros({3, sample_count}), Tensor::zeros({sample_count}),
                              Tensor::zeros({sample_count, 3}, DType::int64)}) {
    const std::string message =
        fmt::format(": expected labels int64 (37,) or distributions (37, 3), got {} {}", unfit.dtype(), unfit.shape());
    CHECK_THAT(error_of([&] { metric::accuracy()(y, unfit); }), Contains("accuracy" + message));
    CHECK_THAT(error_of([&] { metric::top_k_accuracy({.k = 2})(y, unfit); }), Contains("top_k_accuracy" + message));
  }
  CHECK(error_of([&] { metric::accuracy()(y, Tensor::full({sample_count}, 3, DType::int64)); }) ==
        "accuracy: expected labels in [0, 3), got 3 at position 0");
  CHECK(error_of([&] { metric::top_k_accuracy({.k = 4})(y, Tensor::zeros({sample_count}, DType::int64)); }) ==
        "top_k_accuracy: expected k of at most 3, the number of classes, got 4");
  CHECK(error_of([&] { metric::mean_squared_error()(y, Tensor::zeros({sample_count})); }) ==
        "mean_squared_error: expected floating outputs and targets (n, ...) of one shape, got float64 (37, 3) and "
        "float32 (37,)");
  CHECK(error_of([&] { metric::mean_squared_error()(y, t, Tensor::ones({3})); }) ==
        "mean_squared_error: expected floating weights (37,), got float32 (3,)");
  CHECK(error_of([&] { metric::precision()(y, t); }) ==
        "precision: expected targets in [0, 1], got -0.21886799537880905 at element 0");
  CHECK(error_of([] { metric::precision()(Tensor(), Tensor::labels({0})); }) ==
        "precision: expected outputs (n, ..., k) for at least 2 classes, got an undefined tensor; use binary_accuracy "
        "for one output a sample");
  CHECK(error_of([] { metric::precision()(Tensor::ones({}), Tensor::labels({0})); }) ==
        "precision: expected outputs (n, ..., k) for at least 2 classes, got float32 (); use binary_accuracy for "
        "one output a sample");
  CHECK(error_of([&] { metric::precision()(Tensor(), t); }) ==
        "precision: expected floating outputs and targets (n, ...) of one shape, got an undefined tensor and float64 "
        "(37, 3)");
  CHECK(error_of([] { metric::top_k_accuracy({.k = 0}); }) == "top_k_accuracy: expected k of at least 1, got 0");
  CHECK(error_of([] { metric::auc({.thresholds = 1}); }) == "auc: expected at least 2 thresholds, got 1");
  const auto zero = [](const Tensor&) { return 0.0; };
  const auto none = [](const Tensor&, const Tensor&, const Tensor&) { return Tensor::zeros({1}); };
  CHECK_THAT(error_of([&] { Metric("a\nb", none, zero); }), Contains("Metric: expected a name of letters"));
  CHECK(error_of([&] { Metric("mine", nullptr, zero); }) ==
        "Metric mine: expected two functions, sums and result, got an empty one");
  CHECK(error_of([&] { Metric("mine", none, zero).sums(y, t); }) ==
        "Metric mine: expected sums of float64, got float32 (1,)");
}
