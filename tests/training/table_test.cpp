// Data sets in tables and archives of arrays.
#include "training/data/table.hpp"

#include <cmath>

#include "framework/io/npy.hpp"
#include "layers/core/dense.hpp"
#include "layers/graph/input.hpp"
#include "layers/normalization/normalization.hpp"
#include "models/graph/sequential.hpp"
#include "optim/adam.hpp"
#include "tests/io/files.hpp"
#include "tests/support/support.hpp"
#include "training/adapt.hpp"
#include "training/fit.hpp"

using namespace xtape;
using test::error_of;

namespace {

Dataset read(const std::string& text, const CsvOptions& options) {
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "table.csv", text);
  return load_csv(folder / "table.csv", options);
}

const std::string flowers = "length,width,species\n5.1,3.5,setosa\n7,3.2,versicolor\n-6.3e-1,+3.3,\"setosa\"\n";

}  // namespace

TEST_CASE("a table with a label column is a data set of classes") {
  const Dataset data = read(flowers, {.label = "species"});
  CHECK(data.input().shape() == Shape{3, 2});
  CHECK(data.input().dtype() == DType::float32);
  CHECK(test::largest_difference(data.input(), Tensor::of({3, 2}, {5.1, 3.5, 7, 3.2, -0.63, 3.3})) < 1e-6);
  CHECK(data.class_names() == std::vector<std::string>{"setosa", "versicolor"});
  CHECK(data.target().to_vector() == std::vector<double>{0, 1, 0});
}

TEST_CASE("classes that are numbers are in the order of the numbers, and several tables may share the classes") {
  const std::string table = "x,digit\n1,10\n2,9\n3,10\n4,2\n";
  const Dataset data = read(table, {.label = "digit"});
  CHECK(data.class_names() == std::vector<std::string>{"2", "9", "10"});
  CHECK(data.target().to_vector() == std::vector<double>{2, 1, 2, 0});
  const Dataset more = read("x,digit\n5,9\n", {.label = "digit", .class_names = data.class_names()});
  CHECK(more.target().to_vector() == std::vector<double>{1});
  CHECK(more.classes() == 3);
  CHECK_THAT(error_of([&] {
               read("x,digit\n5,9\n6,3\n", {.label = "digit", .class_names = {"9", "10"}});
             }),
             Catch::Contains("load_csv: ") &&
                 Catch::Contains("line 3, column \"digit\": expected one of the class_names, got \"3\""));
}

TEST_CASE("a table with target columns is a data set of numbers, and columns are selected by name") {
  const Dataset data = read("id;a;b;price;size\nx1;1;2;30;4\nx2;5;6;70;8\n",
                            {.targets = {"price", "size"}, .features = {"b", "a"}, .separator = ';'});
  CHECK(data.input().to_vector() == std::vector<double>{2, 1, 6, 5});
  CHECK(data.target().to_vector() == std::vector<double>{30, 4, 70, 8});
  CHECK(data.target().shape() == Shape{2, 2});
  CHECK(data.classes() == 0);
}

TEST_CASE("a table without a header has numbered columns") {
  const Dataset data = read("1,2,3\n4,5,6\n", {.targets = {"0"}, .header = false});
  CHECK(data.input().to_vector() == std::vector<double>{2, 3, 5, 6});
  CHECK(data.target().to_vector() == std::vector<double>{1, 4});
}

TEST_CASE("missing numbers are errors with line and column, or get a value") {
  for (const char* nothing : {"", "NA", "NaN", "nan", "N/A", "\"\""}) {
    const std::string table = fmt::format("a,b,y\n1,2,3\n\n4,{},6\n", nothing);
    CHECK_THAT(error_of([&] { read(table, {.targets = {"y"}}); }),
               Catch::Contains("table.csv, line 4, column \"b\": expected a finite number") &&
                   Catch::Contains("the option missing"));
    CHECK(read(table, {.targets = {"y"}, .missing = -1}).input().to_vector() == std::vector<double>{1, 2, 4, -1});
  }
}

TEST_CASE("tables that are not numbers or have other columns are errors") {
  const auto refused = [](const std::string& text, const CsvOptions& options, const std::string& message) {
    const test::TemporaryFolder folder;
    test::write_bytes(folder / "t.csv", text);
    std::string error = error_of([&] { load_csv(folder / "t.csv", options); });
    const std::string place = folder.path().string() + "/";
    if (const auto at = error.find(place); at != std::string::npos) error.erase(at, place.size());
    CHECK(error == "load_csv: " + message);
  };
  const std::string advice = "; name the column of the classes, or the columns of the numbers to predict";
  refused(flowers, {}, "expected a label or targets, got neither" + advice);
  refused(flowers, {.label = "species", .targets = {"width"}}, "expected a label or targets, got both" + advice);
  refused(flowers, {.label = "kind"},
          "expected one column \"kind\" in t.csv, got none; the columns are length, width, species");
  refused("a,a,y\n1,2,3\n", {.targets = {"y"}, .features = {"a"}},
          "expected one column \"a\" in t.csv, got 2; the columns are a, a, y");
  refused("a,a,y\n1,2,3\n", {.targets = {"y"}}, "expected one column \"a\" in t.csv, got 2; the columns are a, a, y");
  refused(flowers, {.targets = {"width", "length", "width"}},
          "expected different columns as targets, got (width, length, width)");
  refused(flowers, {.label = "species", .features = {"length", "length"}},
          "expected different columns as features, got (length, length)");
  refused(flowers, {.targets = {"width"}},
          "t.csv, line 2, column \"species\": expected a finite number, got \"setosa\"; the option features selects "
          "columns");
  refused(flowers, {.targets = {"width"}, .features = {"length", "width"}},
          "expected features that are not predicted, got column \"width\" of t.csv as both");
  refused(flowers, {.label = "species", .features = {"width", "species"}},
          "expected features that are not predicted, got column \"species\" of t.csv as both");
  refused("y\n1\n", {.targets = {"y"}}, "expected a column of features, got none in t.csv");
  refused("a,y\n", {.targets = {"y"}}, "expected rows of numbers, got none in t.csv");
  refused("", {.targets = {"y"}}, "expected rows of numbers, got none in t.csv");
  refused("a,y\n1,2\n3\n", {.targets = {"y"}}, "t.csv, line 3: expected 2 fields as in the first row, got 1");
  refused("a,y\n1,2,3\n", {.targets = {"y"}}, "t.csv, line 2: expected 2 fields as in the first row, got 3");
  const std::string range = "number in the range of float32, up to 3.4028235e+38";
  for (const auto& [number, expected] : {std::pair{"1e39", range},
                                         {"-1e39", range},
                                         {"1e400", range},
                                         {"+1e400", range},
                                         {"1e-400", range},
                                         {"inf", "finite number"},
                                         {"0x10", "finite number"},
                                         {"1 2", "finite number"},
                                         {"1e400x", "finite number"}}) {
    refused(fmt::format("a,y\n{},2\n", number), {.targets = {"y"}},
            fmt::format("t.csv, line 2, column \"a\": expected a {}, got \"{}\"; the option features selects columns",
                        expected, number));
  }
  for (const auto& [missing, text] : {std::pair{INFINITY, "inf"}, {-INFINITY, "-inf"}, {NAN, "nan"}}) {
    refused("a,y\n1,2\n", {.targets = {"y"}, .missing = missing},
            fmt::format("expected a {}, as the option missing, got {}", range, text));
  }
  refused("a,y\n1,2\n", {.targets = {"y"}, .missing = 1e39},
          fmt::format("expected a {}, as the option missing, got 1e+39", range));
  refused(
      "a,y\n,2\n", {.targets = {"y"}},
      "t.csv, line 2, column \"a\": expected a finite number, got nothing; the option missing gives a value for all "
      "missing numbers");
  refused("a,y\n1,\n", {.label = "y"}, "t.csv, line 2, column \"y\": expected a class, got nothing");
  refused("a,y\n1,\"b\x01\"\n2,c\n", {.label = "y"},
          "t.csv: Dataset: class_names[0]: expected text without control characters, got byte 0x01 after 1 others");
  refused("a,y\n1,\"b\n", {.label = "y"},
          "t.csv, line 2: expected a closing quote for the one that begins here, got the end");
  refused(std::string("a,y\n1,\0\n", 8), {.label = "y"},
          "t.csv, line 2: expected text, got a null byte; save the table as UTF-8");
}

TEST_CASE("a network is trained on a table") {
  std::string table = "a,b,side\n";
  for (int i = 0; i < 200; ++i) {
    const double a = std::sin(i * 1.7) * 100, b = std::cos(i * 2.9) * 0.01;
    table += fmt::format("{},{},{}\n", a, b, a / 100 + b * 100 > 0 ? "above" : "below");
  }
  const Dataset data = read(table, {.label = "side"});
  Model model = Sequential({Input({2}), Normalization({.name = "scale"}), Dense({.units = 2})}, {.seed = 1});
  adapt(model, data);
  Adam adam(model.parameters(), {.learning_rate = 0.1});
  fit(model, adam, data, {.epochs = 20, .show_progress = false});
  CHECK(evaluate(model, data)["accuracy"] > 0.95);
}

TEST_CASE("an archive of arrays is a data set for training and evaluation") {
  const test::TemporaryFolder folder;
  const Tensor images = Tensor::zeros({3, 4, 5}, DType::uint8), one = Tensor::zeros({1, 4, 5}, DType::uint8);
  save_npz(folder / "m.npz", {{"x_train", images},
                              {"y_train", Tensor::of({3}, {0, 2, 1}, DType::uint8)},
                              {"x_test", one},
                              {"y_test", Tensor::of({1, 1}, {4}, DType::uint8)}});
  const auto [train, test] = load_npz_data(folder / "m.npz");
  CHECK(train.input().shape() == Shape{3, 4, 5, 1});
  CHECK(train.input().dtype() == DType::uint8);
  CHECK(train.target().to_vector() == std::vector<double>{0, 2, 1});
  CHECK(train.classes() == 5);
  CHECK(test.target().shape() == Shape{1});
  CHECK(test.classes() == 5);

  save_npz(folder / "n.npz", {{"x", Tensor::zeros({2, 3})}, {"y", Tensor::of({2, 1}, {0.5, 1.5})}});
  const auto numbers =
      load_npz_data(folder / "n.npz", {.train_input = "x", .train_target = "y", .test_input = "x", .test_target = "y"});
  CHECK(numbers.train.classes() == 0);
  CHECK(numbers.train.target().to_vector() == std::vector<double>{0.5, 1.5});
  // inputs without a channel axis are grey images only if they are uint8 of three axes
  for (const DType dtype : {DType::float32, DType::float64, DType::int64, DType::uint8}) {
    for (const Shape& shape : {Shape{2, 3}, Shape{2, 3, 4}, Shape{2, 3, 4, 1}}) {
      save_npz(folder / "i.npz", {{"x", Tensor::zeros(shape, dtype)}, {"y", Tensor::of({2, 1}, {0.5, 1.5})}});
      const auto data = load_npz_data(folder / "i.npz", {"x", "y", "x", "y"});
      const Shape expected = dtype == DType::uint8 && shape.rank() == 3 ? Shape{2, 3, 4, 1} : shape;
      CHECK(data.train.input().shape() == expected);
      CHECK(data.test.input().shape() == expected);
      CHECK(data.train.input().dtype() == dtype);
    }
  }

  CHECK_THAT(error_of([&] { load_npz_data(folder / "n.npz"); }),
             Catch::Contains("n.npz: expected an array \"y_train\", got x, y"));
  const auto refused = [&](const Tensor& targets, const std::string& message) {
    save_npz(folder / "o.npz", {{"x", Tensor::zeros({2, 3})}, {"y", targets}});
    CHECK_THAT(error_of([&] {
                 load_npz_data(folder / "o.npz", {"x", "y", "x", "y"});
               }),
               Catch::Contains("load_npz_data: ") && Catch::Contains("o.npz") && Catch::Contains(message));
  };
  refused(Tensor::labels({1, 2, 3}), "3");
  refused(Tensor::labels({1, -2}), "-2");
  refused(Tensor::labels({1, 1'000'000}), "expected class numbers below 1,000,000, got 1000000");
  refused(Tensor::zeros({2, 2}, DType::uint8), "class numbers (n) or (n, 1)");
}
