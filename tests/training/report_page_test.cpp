// A whole report is compared with report_page.html, which has been read: every title, number, label
// and coordinate. The style sheet, the bytes of images, and what depends on the machine and the day are left out.
#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <limits>
#include <sstream>

#include "framework/version.hpp"
#include "tests/support/occurrences.hpp"
#include "tests/support/support.hpp"
#include "training/report/report.hpp"

using namespace xtape;
using namespace xtape::test;
namespace fs = std::filesystem;

namespace {

const fs::path& stored_page() {
  static const fs::path path = source_root() / "tests/training/report_page.html";
  return path;
}

std::string content_of(const fs::path& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// The text without what stands between `begin` and `end`, wherever they occur.
std::string without_between(std::string text, const std::string& begin, const std::string& end) {
  for (auto at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    at += begin.size();
    text.erase(at, text.find(end, at) - at);
  }
  return text;
}

/// A report with every part: a class without samples, an output that is NaN, and a metric that is not always finite.
std::string whole_page() {
  constexpr std::int64_t classes = 4, n = 10;
  Tensor outputs = Tensor::zeros({n, classes});
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < n; ++i) {
    labels.push_back(i % 3);
    outputs.mutable_data<float>()[i * classes + (i < 4 ? i % 3 : (2 * i) % 3)] = static_cast<float>(i);
  }
  outputs.mutable_data<float>()[9 * classes] = std::numeric_limits<float>::quiet_NaN();
  ReportInput input{.title = "net on photos", .model = "a network; 1234 parameters"};
  for (int epoch = 1; epoch <= 4; ++epoch) {
    input.history.add({epoch,
                       {{"loss", 2.5 / epoch},
                        {"val_loss", 2.25 / epoch},
                        {"accuracy", 1 - 0.5 / epoch},
                        {"val_accuracy", 0.9 - 0.5 / epoch},
                        {"mean_absolute_error", epoch == 2 ? std::nan("") : 70.0 * epoch},
                        {"learning_rate", 1e-3 / epoch},
                        {"seconds", 1000.5}}});
  }
  input.history.set_stop_reason("loss is low");
  input.evaluation = {{"loss", 0.25}, {"accuracy", 0.625}};
  input.data = Dataset(Tensor::zeros({n, 8, 6, 3}, DType::uint8), Tensor::labels(labels), classes);
  input.outputs = outputs;
  input.class_names = {"bag", "coat", "boot", "tie"};
  input.settings = {{"seed", "7"}, {"batch size", "32"}};
  input.model_summary = "Layer (type)\nconv1 (Conv2D)";
  input.model_picture = "<svg></svg>";
  const TemporaryFolder folder;
  save_report(folder / "report.html", input);
  std::string text = without_between(content_of(folder / "report.html"), "<style>", "</style>");
  text = without_between(text, "base64,", "'");
  for (const std::string row : {"processor", "threads", "xtape", "written"}) {
    text = without_between(text, "<tr><th>" + row + "</th><td>", "</td>");
  }
  return text;
}

}  // namespace

TEST_CASE("a report is the stored page, line by line") {
  const std::string ours = whole_page(), stored = content_of(stored_page());
  std::istringstream new_lines(ours), old_lines(stored);
  std::string line, wanted;
  while (std::getline(old_lines, wanted) && std::getline(new_lines, line)) REQUIRE(line == wanted);
  CHECK(ours == stored);
}

// Run it by its name: test_training "write the stored page of the report anew". Then read it.
TEST_CASE("write the stored page of the report anew", "[.]") { std::ofstream(stored_page()) << whole_page(); }

TEST_CASE("a report names the machine, the version and the minute in which it was written") {
  const TemporaryFolder folder;
  const std::time_t before = std::time(nullptr);
  save_report(folder / "report.html", {});
  const std::time_t after = std::time(nullptr);
  const std::string text = content_of(folder / "report.html");
  const auto cell = [&](const std::string& row) {
    const std::string begin = "<tr><th>" + row + "</th><td>";
    const auto at = text.find(begin) + begin.size();
    return text.substr(at, text.find("</td>", at) - at);
  };
  const auto minute = [](std::time_t time) {
    std::tm parts{};
    char shown[32];
    std::strftime(shown, sizeof shown, "%Y-%m-%d %H:%M", localtime_r(&time, &parts));
    return std::string(shown);
  };
  CHECK((cell("written") == minute(before) || cell("written") == minute(after)));
  CHECK(cell("xtape") == version());
  CHECK_FALSE(cell("processor").empty());
}

TEST_CASE(
    "the form of a report depends on the numbers of classes, confusions and mistakes, and on the size of images") {
  // One sample of each class; the first `wrong` of them are predicted as the next class.
  const auto page_of_classes = [](std::int64_t classes, std::int64_t wrong, const Shape& image = {2, 2, 1},
                                  const std::string& last_name = "z") {
    std::vector<std::int64_t> labels;
    Tensor outputs = Tensor::zeros({classes, classes});
    ReportInput input;
    for (std::int64_t i = 0; i < classes; ++i) {
      labels.push_back(i);
      outputs.mutable_data<float>()[i * classes + (i < wrong ? i + 1 : i)] = 1;
      input.class_names.push_back(i + 1 < classes ? std::to_string(i) : last_name);
    }
    input.data = Dataset(Tensor::zeros(image.prepended(classes), DType::uint8), Tensor::labels(labels), classes);
    input.outputs = outputs;
    const TemporaryFolder folder;
    save_report(folder / "report.html", input);
    return content_of(folder / "report.html");
  };
  const auto has = [](const std::string& text, const std::string& what) {
    return text.find(what) != std::string::npos;
  };
  CHECK(has(page_of_classes(24, 0), "<table class='matrix'>"));
  CHECK(has(page_of_classes(25, 0), "<table class='matrix dense'>"));
  CHECK(has(page_of_classes(3, 0, {2, 2, 1}, "abc"), "<table class='matrix'>"));
  CHECK(has(page_of_classes(3, 0, {2, 2, 1}, "abcd"), "<table class='matrix turned'>"));
  CHECK(has(page_of_classes(100, 0), "Confusion matrix"));
  CHECK_FALSE(has(page_of_classes(101, 0), "Confusion matrix"));
  for (const auto& [classes, wrong, shown] : {std::tuple(20, 10, 10), {20, 11, 10}, {101, 50, 50}, {101, 51, 50}}) {
    const std::string text = page_of_classes(classes, wrong);
    CHECK(occurrences(text, "<td class='name'>") == shown);
    CHECK(occurrences(text, "<img ") == std::min(wrong, 24));
    CHECK(has(text, fmt::format("{} of {} mistakes on {} samples", std::min(wrong, 24), wrong, classes)));
  }
  CHECK(has(page_of_classes(3, 1, {47, 20, 3}), "<div class='gallery coarse'>"));
  CHECK(has(page_of_classes(3, 1, {20, 48, 3}), "<div class='gallery'>"));
  CHECK(has(page_of_classes(3, 1, {152, 76, 1}), "<img width='76' height='152'"));
  CHECK(has(page_of_classes(3, 1, {77, 153, 1}), "<img width='152' height='76'"));  // 77 * 152 / 153 is 76.5
  CHECK(has(page_of_classes(3, 1, {304, 1, 1}), "<img width='1' height='152'"));
  CHECK(has(page_of_classes(3, 1, {2, 2, 3}), "Worst mistakes"));
  CHECK_FALSE(has(page_of_classes(3, 1, {2, 2, 2}), "Worst mistakes"));
}
