// Parts of a report: text, charts and pictures of any values.
#include <cmath>

#include "tests/support/limits.hpp"
#include "tests/support/occurrences.hpp"
#include "tests/training/report_pages.hpp"
#include "training/report/html.hpp"
#include "training/report/report.hpp"

namespace xtape {
namespace {

using namespace test;
using Catch::Contains;

}  // namespace

TEST_CASE("each ASCII character is itself in a report, its entity, or the replacement character") {
  for (int code = 0; code < 128; ++code) {
    const char c = static_cast<char>(code);
    const bool control = (code < 32 && c != '\n' && c != '\t') || code == 127;
    const std::string expected = c == '&'    ? "&amp;"
                                 : c == '<'  ? "&lt;"
                                 : c == '>'  ? "&gt;"
                                 : c == '"'  ? "&quot;"
                                 : c == '\'' ? "&#39;"
                                 : control   ? "\xEF\xBF\xBD"
                                             : std::string(1, c);
    INFO(code);
    CHECK(html::escaped(std::string(1, c)) == expected);
    CHECK(html::escaped(std::string("a") + c + "b") == "a" + expected + "b");
  }
}

TEST_CASE("a curve of up to 30 epochs has a point for each of them") {
  for (const int points : {1, 29, 30, 31}) {
    html::Curve curve{"training", "#123456", {}, {}};
    for (int i = 0; i < points; ++i) {
      curve.x.push_back(i + 1);
      curve.y.push_back(i * i);
    }
    INFO(points);
    CHECK(occurrences(html::chart("Loss", {curve}), "<circle ") == (points <= 30 ? points : 0));
  }
}

TEST_CASE("pictures of floating samples are rounded to the nearest of 256 values") {
  const std::vector<double> values{0, 0.5, 1, 0.25, -3, 7, std::nan(""), infinite};
  // 0.5 * 255 = 127.5 is rounded up, 0.25 * 255 = 63.75
  const std::vector<double> pixels{0, 128, 255, 64, 0, 255, 0, 0};
  for (const DType dtype : {DType::float32, DType::float64}) {
    ReportInput input;
    input.data = Dataset(Tensor::of({1, 2, 4, 1}, values, dtype), Tensor::labels({0}), 2);
    input.outputs = Tensor::of({1, 2}, {0, 1});
    input.class_names = {"no", "yes"};
    CHECK_THAT(page_of(input), Contains(html::image(Tensor::of({2, 4, 1}, pixels, DType::uint8), "no")));
  }
}

TEST_CASE("a report of labels for positions counts all samples, whichever labels are ignored") {
  const auto page = [](const Target& target) {
    return page_of({.evaluation = {{"accuracy", 0.5}}, .data = Dataset({Tensor::ones({4, 2})}, {target})});
  };
  const Tensor positions = Tensor::labels({-1, 0, -1, 1, -1, 1, 0, -1}).reshaped({4, 2});
  CHECK_THAT(page({.values = positions, .classes = 2, .ignored_label = -1}), Contains("accuracy on 4 samples"));
  CHECK_THAT(page({.values = Tensor::labels({-1, 0, -1, 1}), .classes = 2, .ignored_label = -1}),
             Contains("accuracy on 2 samples"));
  CHECK_THAT(page({.values = Tensor::labels({-1, -1, -1, 1}), .classes = 2, .ignored_label = -1}),
             Contains("accuracy on 1 sample<"));
  CHECK_THAT(page({.values = Tensor::full({4, 2}, 0.5), .classes = 2, .ignored_label = -1}),
             Contains("accuracy on 4 samples"));
}

}  // namespace xtape
