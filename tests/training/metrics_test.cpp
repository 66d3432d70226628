#include "training/metrics/metrics.hpp"

#include <limits>

#include "framework/kernels/memory/memory_pool.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

using Catch::Contains;
using test::error_of;

const Tensor outputs = Tensor::of({4, 3}, {1, 2, 3,     //
                                           5, 4, 1,     //
                                           -1, -2, -3,  //
                                           0, 0.5, 0.5});

TEST_CASE("accuracy is the share of rows whose largest output is that of the right class") {
  CHECK(accuracy(outputs, Tensor::labels({2, 0, 0, 1})) == 1);
  CHECK(accuracy(outputs, Tensor::labels({2, 1, 0, 2})) == 0.5);  // of equal outputs the first one counts
  CHECK(accuracy(outputs.to(DType::float64), Tensor::labels({0, 1, 1, 0})) == 0);
}

TEST_CASE("labels may be one-hot") {
  const Tensor one_hot = Tensor::of({4, 3}, {0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0});
  CHECK(accuracy(outputs, one_hot) == 0.75);
  CHECK(accuracy(outputs, one_hot.to(DType::float64)) == 0.75);
}

TEST_CASE("an output of NaN is always wrong") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor broken = Tensor::of({2, 2}, {nan, nan, nan, 1});
  CHECK(accuracy(broken, Tensor::labels({0, 1})) == 0);
}

TEST_CASE("the largest values of a row are sorted, and of equal ones the smaller class comes first") {
  const Tensor scores = Tensor::of({3, 4}, {1, 3, 2, 3, 0, 0, 0, 0, -1, -4, -2, -3});
  CHECK(top_classes(scores).to_vector() == std::vector<double>{1, 0, 0});
  CHECK(top_classes(scores, 2).to_vector() == std::vector<double>{1, 3, 0, 1, 0, 2});
  CHECK(top_classes(scores.to(DType::float64), 4).to_vector() ==
        std::vector<double>{1, 3, 2, 0, 0, 1, 2, 3, 0, 2, 3, 1});
  CHECK(top_classes(scores, 3).dtype() == DType::int64);
  const Tensor pixels = top_classes(scores.reshaped({1, 3, 1, 4}), 2);  // the rows of all axes but the last
  CHECK(pixels.shape() == Shape{1, 3, 1, 2});
  CHECK(pixels.to_vector() == top_classes(scores, 2).to_vector());
  CHECK(error_of([&] { top_classes(scores, 5); }) ==
        "top_classes: expected a count from 1 to 4, the number of classes, got 5");
  CHECK(error_of([&] { top_classes(scores, 0); }) ==
        "top_classes: expected a count from 1 to 4, the number of classes, got 0");
  CHECK(error_of([] { top_classes(Tensor()); }) ==
        "top_classes: expected floating scores (n, ..., k) of at least one sample, got an undefined tensor");
  CHECK(error_of([] {
          top_classes(Tensor::zeros({0, 3}));
        }) == "top_classes: expected floating scores (n, ..., k) of at least one sample, got float32 (0, 3)");
}

TEST_CASE("a row with a NaN at any position is wrong in every metric") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  // classes 0, 0, 1, 2: the first is correct, the second wrong, the others have a NaN
  const Tensor scores = Tensor::of({4, 3}, {3, 1, 2, 1, 3, 2, 0, 9, nan, nan, 0, 9});
  const Tensor labels = Tensor::labels({0, 0, 1, 2});
  CHECK(top_classes(scores, 2).to_vector() == std::vector<double>{0, 2, 1, 2, -1, -1, -1, -1});
  CHECK(accuracy(scores, labels) == 0.25);
  CHECK(top_k_accuracy(scores, labels, 1) == 0.25);
  CHECK(top_k_accuracy(scores, labels, 3) == 0.5);
  const Tensor confusion = confusion_matrix(scores, labels);
  CHECK(confusion.shape() == Shape{3, 4});
  CHECK(confusion.to_vector() == std::vector<double>{1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1});
  const std::vector<ClassMetrics> all = class_metrics(confusion);
  CHECK((all[0].precision == 1 && all[0].recall == 0.5 && all[0].support == 2));
  CHECK((all[1].precision == 0 && all[1].recall == 0 && all[1].support == 1));
  CHECK((all[2].precision == 0 && all[2].recall == 0 && all[2].f1 == 0 && all[2].support == 1));
  CHECK_THAT(class_table(confusion), Contains("accuracy 0.2500\n") && Contains("NaN outputs for 2 samples"));
  CHECK(binary_accuracy(Tensor::of({3, 1}, {nan, nan, 1}), Tensor::of({3, 1}, {0, 1, 1})) == 1.0 / 3);
}

TEST_CASE("binary accuracy compares with a threshold, element by element") {
  // keras.metrics.binary_accuracy of Keras 3.15: 0.5 is not above 0.5
  const Tensor p = Tensor::of({3, 1}, {0.5, 0.5, 0.51}), t = Tensor::of({3, 1}, {0, 1, 1});
  CHECK(binary_accuracy(p, t) == 2.0 / 3);
  CHECK(binary_accuracy(Tensor::of({2, 2}, {-1, 0.1, 3, -0.1}), Tensor::of({2, 2}, {0, 1, 1, 1}), 0) == 0.75);
  CHECK(error_of([&] { binary_accuracy(p, Tensor::zeros({3})); }) ==
        "binary_accuracy: expected floating outputs and targets of one shape with at least one element, got float32 "
        "(3, 1) and float32 (3,)");
  CHECK(error_of([&] {
          binary_accuracy(p, Tensor::of({3, 1}, {0, 2, 1}));
        }) == "binary_accuracy: expected targets in [0, 1], got 2 at element 1");
  CHECK(error_of([&] { binary_accuracy(Tensor(), t); }) ==
        "binary_accuracy: expected floating outputs and targets of one shape with at least one element, got an "
        "undefined tensor and float32 (3, 1)");
  CHECK(error_of([&] { binary_accuracy(p, Tensor()); }) ==
        "binary_accuracy: expected floating outputs and targets of one shape with at least one element, got float32 "
        "(3, 1) and an undefined tensor");
}

TEST_CASE("metrics reject labels that are not distributions, and a single output") {
  CHECK(error_of([] {
          accuracy(outputs, Tensor::of({4, 3}, {1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0}));
        }) ==
        "accuracy: expected a distribution a row, with the sum 1, got the sum 2 in row 1; divide each row by its sum, "
        "or for several labels at a time use targets without classes and sigmoid_cross_entropy");
  for (const Tensor& labels : {Tensor::labels({0, 0}), Tensor::ones({2, 1})}) {
    const Tensor one = Tensor::of({2, 1}, {-3, 5});
    CHECK(error_of([&] { accuracy(one, labels); }) ==
          "accuracy: expected an output for each of at least 2 classes, got (2, 1), of which one is always the "
          "largest; use binary_accuracy for one output a sample");
    CHECK(error_of([&] { confusion_matrix(one, labels); }) ==
          "confusion_matrix: expected an output for each of at least 2 classes, got (2, 1), of which one is always the "
          "largest; use binary_accuracy for one output a sample");
  }
  CHECK(error_of([] { accuracy(Tensor(), Tensor::labels({0})); }) ==
        "accuracy: expected outputs (n, k), got an undefined tensor");
  CHECK(error_of([] { accuracy(outputs, Tensor()); }) ==
        "accuracy: expected labels int64 (4,) or one-hot (4, 3), got an undefined tensor");
}

TEST_CASE("top-k accuracy is the share of rows whose label is among the k largest outputs") {
  const Tensor labels = Tensor::labels({1, 2, 0, 2});
  CHECK(top_k_accuracy(outputs, labels, 1) == 0.25);
  CHECK(top_k_accuracy(outputs, labels, 2) == 0.75);
  CHECK(top_k_accuracy(outputs, labels, 3) == 1);
}

TEST_CASE("the confusion matrix has a row for each class and a column for each prediction") {
  const Tensor matrix = confusion_matrix(outputs, Tensor::labels({2, 1, 1, 1}));
  CHECK(matrix.dtype() == DType::int64);
  CHECK(matrix.shape() == Shape{3, 3});
  CHECK(matrix.to_vector() == std::vector<double>{0, 0, 0, 2, 1, 0, 0, 0, 1});
}

TEST_CASE("confusion counts are the nonzero entries of the matrix, the most frequent first") {
  // by hand: 0 0 | 0 2 | 1 0 1 0 | 2 1
  const Tensor given = Tensor::of({8, 3}, {9, 1, 1, 9, 1, 1, 1, 1, 9, 9, 1, 1, 1, 9, 1, 9, 1, 1, 1, 9, 1, 1, 9, 1});
  const Tensor labels = Tensor::labels({0, 0, 0, 1, 1, 1, 2, 2});
  const Tensor one_hot = Tensor::of({8, 3}, {1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1});
  for (const Tensor& right : {labels, one_hot, one_hot.to(DType::float64)}) {
    const ConfusionCounts counts = confusion_counts(given, right);
    CHECK(counts.samples == std::vector<std::int64_t>{3, 3, 2});
    CHECK(counts.taken == std::vector<std::int64_t>{4, 3, 1});
    CHECK(counts.right == std::vector<std::int64_t>{2, 1, 0});
    CHECK(counts.confused == std::vector<ConfusionCounts::Pair>{{1, 0, 2}, {2, 1, 2}, {0, 2, 1}});
    CHECK(class_table(counts) == class_table(confusion_matrix(given, right)));
  }
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor unknown = Tensor::of({5, 2}, {1, 2, nan, 1, 3, nan, 2, 1, nan, nan});
  const ConfusionCounts counts = confusion_counts(unknown, Tensor::labels({1, 0, 1, 0, 1}));
  CHECK(counts.undecided == 3);
  CHECK_THAT(class_table(counts), Contains("accuracy 0.4000\nNaN outputs for 3 samples, counted as wrong\n"));
  CHECK(error_of([&] { confusion_counts(given, Tensor::labels({0})); }) ==
        "confusion_counts: expected labels int64 (8,) or one-hot (8, 3), got int64 (1,)");
}

TEST_CASE("confusion counts of 20,000 classes take little memory") {
  constexpr std::int64_t classes = 20'000, n = 50;
  std::vector<std::int64_t> labels;
  Tensor given = Tensor::zeros({n, classes});
  for (std::int64_t i = 0; i < n; ++i) {
    labels.push_back(400 * i);
    given.mutable_data<float>()[i * classes + 399 * i] = 1;
  }
  const std::size_t before = kernels::pool_usage().peak;
  const ConfusionCounts counts = confusion_counts(given, Tensor::labels(labels));
  CHECK(kernels::pool_usage().peak - before < std::size_t{1} << 20);  // the matrix would take 3.2 GB
  CHECK(counts.right[0] == 1);
  REQUIRE(counts.confused.size() == 49);
  CHECK(counts.confused[48] == ConfusionCounts::Pair{19'600, 19'551, 1});
  CHECK(class_metrics(counts).size() == classes);
}

TEST_CASE("functions for metrics reject invalid arguments") {
  CHECK(error_of([] {
          accuracy(outputs, Tensor::labels({0, 1}));
        }) == "accuracy: expected labels int64 (4,) or one-hot (4, 3), got int64 (2,)");
  CHECK(error_of([] {
          accuracy(outputs, Tensor::labels({0, 1, 3, 0}));
        }) == "accuracy: expected labels in [0, 3), got 3 in row 2");
  CHECK(error_of([] {
          confusion_matrix(outputs, Tensor::labels({0, 1, 0, -1}));
        }) == "confusion_matrix: expected labels in [0, 3), got -1 in row 3");
  CHECK(error_of([] {
          accuracy(Tensor::zeros({4}), Tensor::labels({0, 0, 0, 0}));
        }) == "accuracy: expected outputs (n, k) of at least one sample, got (4,)");
  CHECK(error_of([] {
          top_k_accuracy(outputs, Tensor::labels({0, 1, 0, 1}), 4);
        }) == "top_k_accuracy: expected a count from 1 to the number of classes, got 4 for outputs (4, 3)");
}

TEST_CASE("precision, recall and F1 equal their definitions") {
  // rows are the true classes, columns the predicted ones; class 2 is neither a label nor predicted
  const Tensor confusion = Tensor::of({3, 3}, {6, 2, 0, 1, 3, 0, 0, 0, 0}, DType::int64);
  const std::vector<ClassMetrics> all = class_metrics(confusion);
  REQUIRE(all.size() == 3);
  CHECK(all[0].precision == Approx(6.0 / 7));
  CHECK(all[0].recall == Approx(6.0 / 8));
  CHECK(all[0].f1 == Approx(2 * 6.0 / (2 * 6 + 1 + 2)));  // 2 tp / (2 tp + fp + fn)
  CHECK(all[0].support == 8);
  CHECK(all[1].precision == Approx(3.0 / 5));
  CHECK(all[1].recall == Approx(3.0 / 4));
  CHECK((all[2].precision == 0 && all[2].recall == 0 && all[2].f1 == 0 && all[2].support == 0));
  const std::string table = class_table(confusion, {"cat", "dog", "a rather long-named bird"});
  CHECK_THAT(table, Contains("cat                         0.8571    0.7500    0.8000         8\n"));
  CHECK_THAT(table, Contains("mean over classes           0.4857    0.5000    0.4889        12\naccuracy 0.7500\n"));
  CHECK_THAT(class_table(confusion), Contains("\n1                    0.6000    0.7500    0.6667         4\n"));
  CHECK(error_of([&] { class_table(confusion, {"cat"}); }) ==
        "class_table: expected a name for each of the 3 classes, got 1");
  CHECK(error_of([&] {
          class_metrics(Tensor::zeros({2, 3}, DType::int64));
        }) ==
        "class_metrics: expected a confusion matrix (k, k) of int64, or (k, k + 1) with samples in the last column, "
        "got int64 (2, 3)");
  CHECK(error_of([&] {
          class_metrics(Tensor::zeros({2, 2}));
        }) ==
        "class_metrics: expected a confusion matrix (k, k) of int64, or (k, k + 1) with samples in the last column, "
        "got float32 (2, 2)");
}

}  // namespace
}  // namespace xtape
