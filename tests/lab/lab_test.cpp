// Every figure of the lab report: reproduced to its printed digits, or shown to be wrong.

#include <cmath>
#include <limits>

#include "examples/lab/figures.hpp"
#include "examples/lab/numpy_random.hpp"
#include "examples/lab/part1_convolution.hpp"
#include "examples/lab/part1_pooling.hpp"
#include "examples/lab/part2_convnet.hpp"
#include "examples/lab/part3_resnet.hpp"
#include "examples/lab/training.hpp"
#include "tests/support/catch.hpp"

namespace xtape::lab {
namespace {

void check_all(const std::vector<Figure>& figures) {
  CHECK_FALSE(figures.empty());
  for (const Figure& figure : figures) {
    INFO(figure.step << ", " << figure.quantity << ": the report " << text_of(figure.report, figure.printed)
                     << ", xtape " << text_of(figure.ours, figure.printed));
    CHECK_FALSE(figure.report.empty());
    CHECK(figure.ours.size() == figure.report.size());
    CHECK(figure.claim != Claim::random);
    CHECK(as_expected(figure));
  }
}

}  // namespace

TEST_CASE("NumPy's random numbers are those of np.random.seed(1)", "[lab]") {
  // np.random.randn(5), as in many NumPy tutorials
  const std::vector<double> expected{1.62434536, -0.61175641, -0.52817175, -1.07296862, 0.86540763};
  const Tensor values = NumpyRandom(1).randn({5});
  CHECK(agrees({"randn", "values", expected, elements(values)}));
}

TEST_CASE("the report's padding and convolution steps", "[lab]") { check_all(convolution_figures()); }

TEST_CASE("the report's pooling steps", "[lab]") { check_all(pooling_figures()); }

TEST_CASE("the report's two wrong pooling derivatives", "[lab]") {
  const std::vector<PoolingMistake> mistakes = pooling_mistakes();
  REQUIRE(mistakes.size() == 2);
  for (const PoolingMistake& mistake : mistakes) {
    INFO(to_string(mistake));
    check_all(mistake.figures());
    CHECK(agrees({"", "the report's numbers by its own formula", mistake.report, mistake.formula}));
    CHECK(agrees({"", "the true derivative by xtape", mistake.truth, mistake.ours}));
    CHECK(agrees({"", "the true derivative by differences", mistake.truth, mistake.numeric}));
    CHECK_FALSE(mistake.formula_checked.passed());
    CHECK(mistake.ours_checked.passed());
  }
}

TEST_CASE("the explanation of a wrong derivative shows all numbers and what the checker says", "[lab]") {
  for (const PoolingMistake& mistake : pooling_mistakes()) {
    std::string rows = "  dA_prev[1,1]        the report     its formula           xtape     differences\n";
    for (std::size_t i = 0; i < 6; ++i) {  // the formula agrees with the report, xtape and differences with the truth
      rows += fmt::format("  [{},{}]         {:>16.8f}{:>16.8f}{:>16.8f}{:>16.8f}\n", i / 2, i % 2, mistake.report[i],
                          mistake.report[i], mistake.truth[i], mistake.truth[i]);
    }
    const std::string text = to_string(mistake);
    INFO(text);
    CHECK(text.starts_with("The report's derivative of " + mistake.mode + " pooling is wrong.\n  In its program "));
    CHECK(text.find("belongs.\n" + rows + "  check_gradient on the report's derivative: rejected: ") !=
          std::string::npos);
    CHECK(text.ends_with("\n  check_gradient on xtape's: accepted\n"));
  }
}

TEST_CASE("the steps of part 1 are the functions of the report", "[lab]") {
  std::vector<Figure> figures = convolution_figures();
  append(figures, pooling_figures());
  for (const PoolingMistake& mistake : pooling_mistakes()) append(figures, mistake.figures());
  std::vector<std::string> steps;
  for (const Figure& figure : figures) {
    if (steps.empty() || steps.back() != figure.step) steps.push_back(figure.step);
  }
  CHECK(steps == std::vector<std::string>{"zero_pad", "conv_single_step", "conv_forward", "conv_backward",
                                          "pool_forward", "create_mask_from_window", "distribute_value",
                                          "pool_backward", "pool_backward, max", "pool_backward, average"});
}

TEST_CASE("the report's ConvNet and its initial weights", "[lab]") { check_all(convnet_figures()); }

TEST_CASE("the report's ResNet-50 summary", "[lab]") { check_all(resnet_figures(resnet50())); }

TEST_CASE("a figure is compared in the digits that the report prints", "[lab]") {
  const auto figure = [](double report, double ours, Printed printed, Claim claim = Claim::right) {
    return Figure{"step", "quantity", {report}, {ours}, printed, claim};
  };
  CHECK(agrees(figure(0.12345678, 0.123456784, Printed::decimals8)));
  CHECK_FALSE(agrees(figure(0.12345678, 0.1234568, Printed::decimals8)));
  CHECK(agrees(figure(7.839232564616838, 7.83923256461684, Printed::digits16)));
  CHECK_FALSE(agrees(figure(7.839232564616838, 7.8392325647, Printed::digits16)));
  CHECK_FALSE(agrees(figure(9472, 9473, Printed::integer)));
  CHECK_FALSE(agrees(figure(0, std::nan(""), Printed::decimals8)));
  CHECK_FALSE(agrees({"step", "quantity", {1, 2}, {1}, Printed::integer}));

  CHECK(verdict(figure(64, 64, Printed::integer)) == "same");
  CHECK(verdict(figure(0.5, 0.5, Printed::decimals8)) == "same to 1e-8");
  CHECK(verdict(figure(10.1, 5.05, Printed::decimals8, Claim::wrong)) == "the report is wrong");
  CHECK(verdict(figure(10.1, 10.1, Printed::decimals8, Claim::wrong)) == "DIFFERENT");
  CHECK(verdict(figure(64, 63, Printed::integer)) == "DIFFERENT");
}

TEST_CASE("a random figure must be possible, and is comparable if it is near that of the report") {
  const auto verdict_of = [](Measure measure, std::vector<double> report, double ours) {
    return verdict({"step", "quantity", std::move(report), {ours}, Printed::decimals4, Claim::random, {measure}});
  };
  CHECK(verdict_of(Measure::accuracy, {0.78}, 0.8) == "random, comparable");
  CHECK(verdict_of(Measure::accuracy, {0.78}, 0.6) == "random, not comparable");
  CHECK(verdict_of(Measure::accuracy, {}, 0.6) == "not in the report");
  CHECK(verdict_of(Measure::loss, {2.0}, 3.9) == "random, comparable");
  CHECK(verdict_of(Measure::loss, {2.0}, 0.9) == "random, not comparable");
  CHECK(verdict_of(Measure::time, {75}, 26) == "random, comparable");
  CHECK(verdict_of(Measure::time, {75}, 230) == "random, not comparable");
  for (const double wrong : {-0.1, std::nan(""), std::numeric_limits<double>::infinity()}) {
    for (const Measure measure : {Measure::accuracy, Measure::loss, Measure::time}) {
      CHECK(verdict_of(measure, {0.5}, wrong) == "DIFFERENT");
      CHECK(verdict_of(measure, {}, wrong) == "DIFFERENT");
    }
  }
  CHECK(verdict_of(Measure::accuracy, {0.5}, std::nextafter(1, 2)) == "DIFFERENT");
  CHECK(verdict_of(Measure::time, {0.5}, 0) == "DIFFERENT");
  for (const double possible : {0.0, 1.0}) CHECK(verdict_of(Measure::accuracy, {}, possible) == "not in the report");
  CHECK(verdict_of(Measure::loss, {}, 0) == "not in the report");
  CHECK(verdict_of(Measure::time, {}, std::numeric_limits<double>::denorm_min()) == "not in the report");
  CHECK_FALSE(as_expected({"step", "quantity", {0.5}, {0.5}, Printed::decimals4, Claim::random}));  // has no Measure
}

TEST_CASE("figures agree and are comparable up to their limits") {
  const auto agree = [](double report, double ours, Printed printed) {
    return agrees({"step", "quantity", {report}, {ours}, printed});
  };
  for (const auto& [printed, tolerance] :
       {std::pair(Printed::decimals4, 1e-4), {Printed::decimals8, 1e-8}, {Printed::digits16, 2e-12}}) {
    for (const double sign : {-1.0, 1.0}) {
      CHECK(agree(2 * sign, 2 * sign + 0.99 * tolerance, printed));
      CHECK(agree(2 * sign, 2 * sign - 0.99 * tolerance, printed));
      CHECK_FALSE(agree(2 * sign, 2 * sign + 1.01 * tolerance, printed));
      CHECK_FALSE(agree(2 * sign, 2 * sign - 1.01 * tolerance, printed));
    }
  }
  CHECK(agree(2, 2, Printed::integer));
  CHECK_FALSE(agree(2, std::nextafter(2, 3), Printed::integer));
  const auto near = [](Measure measure, double report, double ours) {
    return comparable({"step", "quantity", {report}, {ours}, Printed::decimals4, Claim::random, {measure}});
  };
  CHECK((near(Measure::accuracy, 0.5, 0.6499) && near(Measure::accuracy, 0.5, 0.3501)));
  CHECK_FALSE((near(Measure::accuracy, 0.5, 0.6501) || near(Measure::accuracy, 0.5, 0.3499)));
  CHECK((near(Measure::loss, 2, 4) && near(Measure::loss, 2, 1)));
  CHECK_FALSE((near(Measure::loss, 2, 4.001) || near(Measure::loss, 2, 0.999)));
  CHECK((near(Measure::time, 75, 225) && near(Measure::time, 75, 25)));
  CHECK_FALSE((near(Measure::time, 75, 225.1) || near(Measure::time, 75, 24.9)));
}

TEST_CASE("the table has a row for each figure, with the digits of the report and a verdict") {
  CHECK(table({{"a step", "integers", {3, 4}, {3, 4}, Printed::integer},
               {"a step", "four digits", {0.12345}, {0.12345}, Printed::decimals4},
               {"a step", "eight", {0.5}, {0.5}, Printed::decimals8, Claim::wrong},
               {"another", "all digits", {0.1}, {0.1}, Printed::digits16},
               {"another", "a measured loss", {}, {0.25}, Printed::decimals4, Claim::random, {Measure::loss}},
               {"another", "words that need a second line", {1}, {2}, Printed::integer}}) ==
        "step                    quantity                 the report               xtape                    verdict\n"
        "-----------------------------------------------------------------------------------------------------------"
        "------------\n"
        "a step                  integers                 3 4                      3 4                      same\n"
        "                        four digits              0.1235                   0.1235                   same to "
        "1e-4\n"
        "                        eight                    0.50000000               0.50000000               DIFFERENT\n"
        "another                 all digits               0.1                      0.1                      same to "
        "1e-12\n"
        "                        a measured loss                                   0.2500                   not in the "
        "report\n"
        "                        words that need a second 1                        2                        DIFFERENT\n"
        "                        line\n");
  CHECK(wrapped("three short words", 12, 2) == "  three\n  short\n  words\n");
  CHECK(wrapped("three short words", 13, 2) == "  three short\n  words\n");
}

TEST_CASE("the table wraps long figures inside their columns", "[lab]") {
  const std::string text =
      table({{"a step", "ten numbers", std::vector<double>(10, -0.5), std::vector<double>(10, -0.5)}});
  CHECK(text.find("a step") != std::string::npos);
  CHECK(text.find("same to 1e-8") != std::string::npos);
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    CHECK(end - begin <= 120);
    begin = end + 1;
  }
}

TEST_CASE("the explanation contains the number of steps of the moving averages", "[lab]") {
  const std::string text = why_at_chance(864);
  CHECK(text.find("68 steps that is 50 %") != std::string::npos);
  CHECK(text.find("54 steps here 58 %") != std::string::npos);
  CHECK(why_at_chance(865).find("56 steps here 57 %") != std::string::npos);  // the last batch has one image
}

}  // namespace xtape::lab
