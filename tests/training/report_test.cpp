#include "training/report/report.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "framework/io/image.hpp"
#include "framework/ops/manipulation.hpp"
#include "layers/layers.hpp"
#include "models/graph/plot.hpp"
#include "tests/support/occurrences.hpp"
#include "tests/support/support.hpp"
#include "tests/training/report_pages.hpp"
#include "training/report/html.hpp"

using namespace xtape;
using namespace xtape::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

const std::string hostile = "<script>alert(1)</script>&\"'\x01\xff";

/// Pictures of 3 classes; the third is always predicted as the first.
ReportInput example() {
  const std::int64_t n = 12;
  std::vector<std::int64_t> labels;
  Tensor outputs = Tensor::zeros({n, 3});
  for (std::int64_t i = 0; i < n; ++i) {
    labels.push_back(i % 3);
    outputs.mutable_data<float>()[3 * i + (i % 3 == 2 ? 0 : i % 3)] = 1 + static_cast<float>(i);
  }
  ReportInput input{.title = "Report of " + hostile, .model = "net, 1234 parameters"};
  for (int epoch = 1; epoch <= 5; ++epoch) {
    input.history.add({epoch,
                       {{"loss", 2.0 / epoch},
                        {"accuracy", 1 - 0.5 / epoch},
                        {"val_loss", 2.2 / epoch},
                        {"val_accuracy", 0.95 - 0.5 / epoch},
                        {"learning_rate", 1e-3 / epoch},
                        {"seconds", 3}}});
  }
  input.history.set_stop_reason("val_loss has not improved for 2 epochs");
  input.evaluation = {{"loss", 0.25}, {"accuracy", 8.0 / 12}};
  input.data = Dataset(RandomStream(2).uniform({n, 8, 8, 3}), Tensor::labels(labels), 3);
  input.outputs = outputs;
  input.class_names = {"shirt", "bag", hostile};
  input.settings = {{"seed", "7"}, {"data", hostile}};
  return input;
}

}  // namespace

TEST_CASE("axes of charts have at most five steps of 1, 2 or 5 times a power of ten") {
  const auto numbers = [](double largest, bool percent) {
    const std::string svg = html::chart("", {{.name = "", .color = "", .x = {1, 2}, .y = {0, largest}}}, percent);
    const std::string begin = "text-anchor='end'>";
    std::vector<std::string> found;
    for (std::size_t at = svg.find(begin); at != std::string::npos; at = svg.find(begin, at + 1)) {
      const std::size_t from = at + begin.size();
      found.push_back(svg.substr(from, svg.find('<', from) - from));
    }
    return found;
  };
  using Numbers = std::vector<std::string>;
  CHECK(numbers(5, false) == Numbers{"0", "1", "2", "3", "4", "5"});
  CHECK(numbers(5.5, false) == Numbers{"0", "2", "4", "6"});
  CHECK(numbers(10, false) == Numbers{"0", "2", "4", "6", "8", "10"});
  CHECK(numbers(11, false) == Numbers{"0", "5", "10", "15"});
  CHECK(numbers(25, false) == Numbers{"0", "5", "10", "15", "20", "25"});
  CHECK(numbers(26, false) == Numbers{"0", "10", "20", "30"});
  CHECK(numbers(100, false) == Numbers{"0", "20", "40", "60", "80", "100"});
  CHECK(numbers(1e-3, false) == Numbers{"0", "0.0002", "0.0004", "0.0006", "0.0008", "0.001"});
  CHECK(numbers(0.5, true) == Numbers{"0%", "20%", "40%", "60%", "80%", "100%"});
}

TEST_CASE("a report is one page with the results, without network and script") {
  const std::string page = page_of(example());
  CHECK_THAT(page, Contains("66.67%") && Contains("accuracy on 12 samples") && Contains("0:15"));
  for (const std::string part :
       {"Loss", "Accuracy", "Learning rate", "Confusion matrix", "Classes", "Worst mistakes", "Settings"}) {
    CHECK_THAT(page, Contains(part));
  }
  // shirts: 4 of 4 found, 4 of 8 correct; the third class: none found, none predicted
  CHECK_THAT(page, Contains("<tr><th>shirt</th><td>4</td><td>50.0%</td><td>100.0%</td></tr>"));
  CHECK_THAT(page, Contains("<td>4</td><td>–</td><td>0.0%</td></tr>"));
  CHECK(occurrences(page, "<img ") == 4);
  CHECK_THAT(page, Contains("4 of 4 mistakes on 12 samples"));
  CHECK(page.find("sample 11<") < page.find("sample 2<"));  // the mistake with the highest confidence comes first
  // softmax of (12, 0, 0): e^12 / (e^12 + 2) for the first class
  CHECK_THAT(page, Contains("predicted as <b>shirt</b> <span>(100.0%)</span><br/><span class='none'>sample 11<"));
  CHECK_THAT(page, Contains("test 0.25</span>") && Contains("test 66.67%</span>"));
  CHECK_THAT(page, Contains("Stopped: val_loss has not improved for 2 epochs."));
  CHECK_THAT(page, Contains(" The test is one measurement, of the final model."));
  ReportInput untested = example();
  untested.evaluation = {};
  CHECK_THAT(page_of(untested), !Contains("The test is one measurement"));
  CHECK(occurrences(page, "http") == 0);
  CHECK(occurrences(page, "<script") == 0);
  CHECK(occurrences(page, "url(") == 0);
  CHECK(occurrences(page, " href") == 0);
  CHECK(occurrences(page, " src='") == occurrences(page, " src='data:image/png;base64,"));
}

/// The numbers in the cells of the confusion matrix, row by row; 0 for an empty cell.
std::vector<std::int64_t> matrix_cells(const std::string& page) {
  std::vector<std::int64_t> cells;
  const auto begin = page.find("<table class='matrix");
  const std::string table = page.substr(begin, page.find("</table>", begin) - begin);
  for (auto at = table.find("<td"); at != std::string::npos; at = table.find("<td", at + 1)) {
    cells.push_back(std::strtol(table.c_str() + table.find('>', at) + 1, nullptr, 10));
  }
  return cells;
}

TEST_CASE("matrix, confusions and mistakes of many classes equal their definitions") {
  constexpr std::int64_t classes = 30, n = 400;
  RandomStream random(5);
  const Tensor outputs = random.uniform({n, classes});
  std::vector<std::int64_t> labels, matrix(classes * classes, 0);
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    labels.push_back(i * i % classes);
    const float* row = outputs.data<float>() + i * classes;
    const std::int64_t taken = std::max_element(row, row + classes) - row;
    ++matrix[static_cast<std::size_t>(labels.back() * classes + taken)];
    wrong += taken != labels.back() ? 1 : 0;
  }
  ReportInput input;
  input.data = Dataset(Tensor::zeros({n, 4, 4, 1}), Tensor::labels(labels), classes);
  input.outputs = outputs;
  const std::string page = page_of(input);
  CHECK(matrix_cells(page) == matrix);
  CHECK(occurrences(page, "<img ") == 24);
  CHECK_THAT(page, Contains(fmt::format("24 of {} mistakes on 400 samples", wrong)));
  std::int64_t most = 0, at = 0;
  for (std::int64_t i = 0; i < classes * classes; ++i) {
    if (i / classes != i % classes && matrix[static_cast<std::size_t>(i)] > most)
      most = matrix[static_cast<std::size_t>(at = i)];
  }
  const auto rows = page.find("</tr>", page.find("Most frequent confusions"));
  const std::string first =
      fmt::format("<tr><th>{}</th><td class='name'>{}</td><td>{}</td>", at / classes, at % classes, most);
  CHECK(page.find("<tr><th>", rows) == page.find(first, rows));
  CHECK(matrix_cells(page_of(example())) == std::vector<std::int64_t>{4, 0, 0, 0, 4, 0, 4, 0, 0});
}

TEST_CASE("a report of 20,000 classes is small and shows the most frequent confusions") {
  constexpr std::int64_t classes = 20'000, n = 40;
  std::vector<std::int64_t> labels;
  Tensor outputs = Tensor::zeros({n, classes});
  for (std::int64_t i = 0; i < n; ++i) {  // 30 samples of class 7 are predicted as 19,999, the others are correct
    labels.push_back(i < 30 ? 7 : i);
    outputs.mutable_data<float>()[i * classes + (i < 30 ? classes - 1 : i)] = 2;
  }
  ReportInput input;
  input.data = Dataset(Tensor::zeros({n, 4, 4, 1}), Tensor::labels(labels), classes);
  input.outputs = outputs;
  const std::string page = page_of(input);
  CHECK(page.size() < 3'000'000);
  CHECK(occurrences(page, "<table class='matrix") == 0);
  CHECK_THAT(page, Contains("<tr><th>7</th><td class='name'>19999</td><td>30</td><td>100.0%</td></tr>"));
  CHECK_THAT(page, Contains("<tr><th>39</th><td>1</td><td>100.0%</td><td>100.0%</td></tr>"));
  const double shown = 100 * std::exp(2) / (std::exp(2) + 19'999);  // softmax of one 2 among 19,999 zeros
  CHECK_THAT(page, Contains(fmt::format("predicted as <b>19999</b> <span>({:.1f}%)", shown)));
}

TEST_CASE("a report is well-formed XML for any names") {
  if (std::system("command -v xmllint > /dev/null") != 0) skip("no xmllint (Debian's package libxml2-utils)");
  const TemporaryFolder folder;
  ReportInput input = example();
  input.model_summary = hostile;
  if (can_draw()) {
    std::string name = hostile.substr(0, hostile.find('\x01'));  // a Model rejects control characters
    std::erase(name, '/');
    const SymbolicTensor x = Input({2});
    input.model_picture = model_svg(Model(x, Dense({.units = 1, .name = name})(x)));
    CHECK_THAT(input.model_picture, Contains("&lt;script&gt;"));
  }
  save_report(folder / "report.html", input);
  const std::string lint = fmt::format("xmllint --nonet --noout '{}/report.html'", folder.path().string());
  CHECK(std::system(lint.c_str()) == 0);
  CHECK(occurrences(page_of(input), "http") == 0);
  CHECK(occurrences(page_of(input), "<script") == 0);
  input.running_until = 9;
  save_report(folder / "report.html", input);
  CHECK(std::system(lint.c_str()) == 0);
}

TEST_CASE("the report of a running training reloads itself, with the epochs done and the time left") {
  const std::string reload = "<meta http-equiv='refresh' content='5'/>";
  ReportInput input = example();
  CHECK_THAT(page_of(input), !Contains("http-equiv") && Contains("<b>5</b><span>epochs</span>"));
  input.running_until = 20;  // 5 epochs took 3 seconds each
  CHECK_THAT(page_of(input), Contains(reload) && Contains("<b>5 of 20</b><span>epochs, running</span>") &&
                                 Contains("<b>0:45</b><span>left</span>") &&
                                 Contains("<b>0:15</b><span>time of training</span>"));
  ReportInput begin;
  begin.running_until = 20;
  CHECK_THAT(page_of(begin), Contains(reload) && Contains("<b>0 of 20</b>") && !Contains("<span>left</span>"));
  ReportInput continued;  // a run that counts four epochs as done
  continued.history.add({5, {{"loss", 1}, {"seconds", 2}}});
  continued.running_until = 8;
  CHECK_THAT(page_of(continued), Contains("<b>5 of 8</b>") && Contains("<b>0:06</b><span>left</span>"));
}

TEST_CASE("names and settings cannot contain markup") {
  const std::string page = page_of(example());
  const std::string shown = "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;\xEF\xBF\xBD\xEF\xBF\xBD";
  CHECK(occurrences(page, shown) >= 6);
  CHECK(page.find('\x01') == std::string::npos);
  CHECK(page.find('\xff') == std::string::npos);
  CHECK(html::escaped("ä €😀\n") == "ä €😀\n");
  // RFC 3629: overlong forms, surrogates, values above U+10FFFF, and characters cut short
  for (const std::string bad : {"\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80"}) {
    const std::string text = html::escaped(bad);
    CHECK(occurrences(text, "\xEF\xBF\xBD") == std::ssize(bad));
    CHECK(text.size() == 3 * bad.size());
  }
}

TEST_CASE("the images of a report are the samples, pixel by pixel") {
  const Tensor pixels = Tensor::of({1, 2, 3}, {255, 0, 128, 1, 2, 3}, DType::uint8);
  const std::string tag = html::image(pixels, "a 'b'");
  const auto begin = tag.find("base64,") + 7;
  const std::string code = tag.substr(begin, tag.find('\'', begin) - begin);
  CHECK_THAT(tag, Contains("width='2' height='1' alt='a &#39;b&#39;'"));
  const TemporaryFolder folder;
  std::ofstream(folder / "code") << code;
  const std::string command = fmt::format("base64 -d '{0}/code' > '{0}/image.png'", folder.path().string());
  REQUIRE(std::system(command.c_str()) == 0);
  CHECK(identical(read_image(folder / "image.png"), pixels));
}

TEST_CASE("a report may lack validation, classes and epochs, and have values that are not finite") {
  CHECK_THAT(page_of({}), Contains("<b>0</b><span>epochs") && Contains("Settings"));
  ReportInput input;
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double loss : {1.0, std::nan(""), 1e308, -1e308, infinity, 3.0}) {
    const int epoch = static_cast<int>(input.history.epochs().size()) + 1;
    input.history.add({epoch, {{"loss", loss}, {"learning_rate", 1e-3}}});
  }
  const std::string page = page_of(input);
  CHECK(occurrences(page, "<svg") == 2);
  const std::string drawings = page.substr(page.find("<svg"));
  for (const std::string bad : {"nan ", " nan", "inf ", " inf", "'nan", "'inf"}) CHECK(occurrences(drawings, bad) == 0);
  input = example();
  input.data = Dataset(Tensor::zeros({12, 5}), input.data->target(), 3);  // features are not pictures
  CHECK(page_of(input).find("Worst mistakes") == std::string::npos);
  input.model_picture = "<svg id=mine></svg>";
  CHECK_THAT(page_of(input), Contains("<details><summary>Picture</summary><div><svg id=mine></svg></div></details>"));
  input.model_summary = "rows <of> it";
  CHECK_THAT(page_of(input), Contains("<pre>rows &lt;of&gt; it</pre>"));
  input = example();
  input.evaluation.set("loss", std::nan(""));  // no mark without a finite number
  CHECK(occurrences(page_of(input), "class='mark'") == 1);
  ReportInput large = example();
  large.data = Dataset(Tensor::zeros({12, 300, 200, 1}, DType::uint8), large.data->target(), 3);
  CHECK_THAT(page_of(large), Contains("<img width='101' height='152'"));
}

TEST_CASE("samples without a label are left out of matrix, classes and mistakes") {
  const std::vector<std::int64_t> labels{2, 0, 1, 2, 2, 1}, labelled{1, 2, 5};
  RandomStream random(1);
  const Tensor images = random.uniform({6, 4, 5, 1}), outputs = random.normal({6, 3});
  std::vector<Tensor> rows;
  for (const std::int64_t i : labelled) rows.push_back(outputs.rows(i, i + 1));
  const auto page = [&](std::int64_t ignored) {
    std::vector<std::int64_t> given = labels;
    std::ranges::replace(given, 2, ignored);
    return page_of(
        {.data = Dataset({images}, {{.values = Tensor::labels(given), .classes = 3, .ignored_label = ignored}}),
         .outputs = outputs});
  };
  const std::string expected =
      page_of({.data = Dataset(Dataset(images, Tensor::labels({0, 0, 1, 0, 0, 1}), 3).subset(labelled)),
               .outputs = concatenate({rows.begin(), rows.end()}, 0).value()});
  CHECK_THAT(expected, Contains("Confusion matrix"));
  for (const std::int64_t ignored : {-1, 2, 3, 1'000'000}) {
    INFO(ignored);
    CHECK(page(ignored) == expected);
  }
  const Target some{.values = Tensor::labels({0, -1, 1, -1, -1, 1}), .classes = 3, .ignored_label = -1};
  CHECK_THAT(page_of({.evaluation = {{"accuracy", 0.5}}, .data = Dataset({images}, {some})}),
             Contains("accuracy on 3 samples"));
  const Target none{.values = Tensor::labels({-1, -1, -1, -1, -1, -1}), .classes = 3, .ignored_label = -1};
  CHECK(page_of({.data = Dataset({images}, {none}), .outputs = outputs}).find("Confusion") == std::string::npos);
}

TEST_CASE("mistakes with infinite outputs have the probabilities of the limit, or none") {
  ReportInput input;
  const double infinity = std::numeric_limits<double>::infinity();
  input.data = Dataset(Tensor::zeros({5, 2, 2, 1}), Tensor::labels({1, 2, 1, 0, 1}), 3);
  input.outputs = Tensor::of({5, 3}, {infinity, 0, 0,                   // certainly the first
                                      infinity, infinity, 0,            // the first or the second
                                      -infinity, -infinity, -infinity,  // anything
                                      std::nan(""), 0, 0,               // nothing
                                      1, 0, -infinity});
  input.class_names = {"a", "b", "c"};
  const std::string page = page_of(input);
  CHECK(page.find("nan%") == std::string::npos);
  CHECK_THAT(page, Contains("is <b>b</b> <span>(0.0%)</span><br/>predicted as <b>a</b> <span>(100.0%)"));
  CHECK_THAT(page, Contains("is <b>c</b> <span>(–)</span><br/>predicted as <b>a</b> <span>(–)"));
  CHECK_THAT(page, Contains("is <b>a</b> <span>(–)</span><br/>predicted as <b>no class (NaN)</b> <span>(–)"));
  CHECK_THAT(page, Contains("is <b>b</b> <span>(26.9%)</span><br/>predicted as <b>a</b> <span>(73.1%)"));
  CHECK_THAT(page, Contains("NaN outputs for 1 sample, predicted as no class."));
}

TEST_CASE("mistakes of a network that ends in a softmax have its outputs as probabilities") {
  ReportInput input;
  input.data = Dataset(Tensor::zeros({3, 2, 2, 1}), Tensor::labels({1, 1, 0}), 2);
  input.outputs = Tensor::of({3, 2}, {0.99, 0.01, 0.7, 0.3, std::nan(""), 1});
  input.class_names = {"a", "b"};
  std::string page = page_of(input);
  const std::size_t worst = page.find("is <b>b</b> <span>(1.0%)</span><br/>predicted as <b>a</b> <span>(99.0%)");
  CHECK(worst != std::string::npos);
  CHECK(page.find("is <b>b</b> <span>(30.0%)</span><br/>predicted as <b>a</b> <span>(70.0%)", worst) !=
        std::string::npos);
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto& [first, second] : {std::pair(0.99, 0.02), {1.5, -0.5}, {infinity, -infinity}}) {  // no distribution
    input.outputs = Tensor::of({3, 2}, {0.99, 0.01, 0.7, 0.3, first, second});
    page = page_of(input);
    CHECK_THAT(page, Contains("is <b>b</b> <span>(27.3%)</span><br/>predicted as <b>a</b> <span>(72.7%)"));
  }
}

TEST_CASE("a report rejects invalid arguments") {
  const TemporaryFolder folder;
  ReportInput input = example();
  input.class_names.pop_back();
  CHECK(error_of([&] { save_report(folder / "x.html", input); }) == "save_report: expected names of 3 classes, got 2");
  input = example();
  input.outputs = Tensor::zeros({11, 3});
  CHECK(error_of([&] { save_report(folder / "x.html", input); }) ==
        "save_report: expected floating outputs (12, 3) for the data, got float32 (11, 3)");
  input.data = Dataset(Tensor::zeros({11, 2}), Tensor::zeros({11, 3}));
  CHECK(error_of([&] { save_report(folder / "x.html", input); }) ==
        "save_report: expected data with classes for the outputs, got data without; leave the outputs out");
  input.data = example().data;
  input.outputs = Tensor::zeros({12, 2});
  CHECK(error_of([&] { save_report(folder / "x.html", input); }) ==
        "save_report: expected floating outputs (12, 3) for the data, got float32 (12, 2)");
  input.outputs = Tensor::zeros({12, 4});  // more outputs than the data have classes
  CHECK(error_of([&] { save_report(folder / "x.html", input); }) == "save_report: expected names of 4 classes, got 3");
  input.outputs = Tensor::zeros({12, 3}, DType::int64);
  CHECK(error_of([&] { save_report(folder / "x.html", input); }) ==
        "save_report: expected floating outputs (12, 3) for the data, got int64 (12, 3)");
  CHECK_THAT(error_of([&] { save_report(folder / "none" / "x.html", example()); }),
             Contains("expected to write ") && Contains("got no folder ") && Contains("make it first") &&
                 Contains("none/x.html"));
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("a browser draws the report", "[.browser]") {  // only by name: a browser is a large package
  const TemporaryFolder folder;
  save_report(folder / "report.html", example());
  const std::string command = fmt::format(
      "cd '{0}' && HOME='{0}' timeout 60 chromium --headless --no-sandbox --disable-gpu --window-size=420,3000 "
      "--screenshot='{0}/page.png' 'file://{0}/report.html' > log 2>&1",
      folder.path().string());
  REQUIRE(std::system(command.c_str()) == 0);
  const Tensor page = read_image(folder / "page.png");
  CHECK(page.dim(1) == 420);
  std::int64_t dark = 0;
  const auto* pixel = page.data<std::uint8_t>();
  for (std::int64_t i = 0; i < page.size(); i += 3) dark += pixel[i] < 100 ? 1 : 0;
  CHECK(dark > 1000);  // text and curves; an empty page has none
}
