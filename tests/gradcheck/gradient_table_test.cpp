// Every derivative in the library is compared with central differences in float64. The rows are in gradient_rows.hpp.

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <set>

#include "framework/ops/ops.hpp"
#include "models/zoo/conv_net.hpp"
#include "models/zoo/resnet50.hpp"
#include "tests/gradcheck/gradient_rows.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using xtape::test::error_of;
using xtape::test::gradient_rows;
using xtape::test::GradientRow;
using xtape::test::large_gradient_rows;

namespace {

/// Ops whose derivative is computed by a kernel and has no derivative itself.
const std::set<std::string> first_order_only{"batch_norm", "batch_norm_inference", "conv2d_max_pool2d", "max_pool2d"};

std::set<std::string> names_in_table() {
  std::set<std::string> names;
  for (const GradientRow& row : gradient_rows()) names.insert(row.op);
  return names;
}

}  // namespace

TEST_CASE("every op's derivative agrees with central differences") {
  for (const GradientRow& row : gradient_rows()) {
    INFO(row.op);
    CHECK(check_gradient(row.function, row.shapes, row.options));
  }
}

TEST_CASE("every op's derivative agrees with central differences on large arrays too") {
  for (const GradientRow& row : large_gradient_rows()) {
    INFO(row.op << " " << to_string(row.shapes[0]));
    CHECK(check_gradient(row.function, row.shapes, row.options));
  }
}

TEST_CASE("the second derivative of every op agrees too, or the op rejects it by name") {
  for (const GradientRow& row : gradient_rows()) {
    INFO(row.op);
    GradientCheckOptions options = row.options;
    options.order = 2;
    if (first_order_only.contains(row.op)) {
      CHECK_THAT(error_of([&] { static_cast<void>(check_gradient(row.function, row.shapes, options)); }),
                 Catch::Contains("gradients: " + row.op + " has a derivative that can't be differentiated again"));
    } else {
      CHECK(check_gradient(row.function, row.shapes, options));
    }
  }
}

TEST_CASE("no correct derivative is rejected for any random numbers") {
  const char* wanted = std::getenv("XTAPE_GRADIENT_SEEDS");
  const std::uint64_t seeds = wanted ? std::stoull(wanted) : 50;
  const auto start = std::chrono::steady_clock::now();
  std::size_t checks = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (const GradientRow& row : gradient_rows()) {
      if (!row.any_seed) continue;
      GradientCheckOptions options = row.options;
      options.seed = seed;
      const GradientReport report = check_gradient(row.function, row.shapes, options);
      ++checks;
      if (report) continue;
      INFO(row.op << ", seed " << seed);
      CHECK(report);
    }
  }
  const auto rows = static_cast<std::size_t>(std::ranges::count_if(gradient_rows(), &GradientRow::any_seed));
  CHECK(checks == seeds * rows);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::cout << fmt::format("{} checks of {} rows with {} seeds in {:.1f} s\n", checks, rows, seeds, took.count());
}

TEST_CASE("every op that the networks record has a row in the table") {
  const std::set<std::string> known = names_in_table();
  const std::vector<Model> networks{conv_net(), conv_net(small_image_options()), resnet50()};
  for (const Model& network : networks) {
    ForwardPass pass(Mode::training, {.step = 0});
    const Variable logits = network(Tensor::zeros(network.input_shape().prepended(2)), pass);
    softmax_cross_entropy(logits, Tensor::labels({0, 1}));
    for (const std::string& op : pass.operations()) {
      INFO(op);
      CHECK(known.contains(op));
    }
  }
}

TEST_CASE("every op that a row of the table records, also for second derivatives, has a name of the table") {
  std::set<std::string> known = names_in_table();
  known.insert("identity");  // of gradients(), for inputs that need a node of their own
  for (const GradientRow& row : gradient_rows()) {
    ForwardPass pass(Mode::training, {.step = 0});
    RandomStream random(1);
    std::vector<Variable> inputs;
    for (const Shape& shape : row.shapes) {
      inputs.push_back(pass.watch(random.uniform(shape, row.options.low, row.options.high, DType::float64)));
    }
    const Variable y = row.function(inputs);
    if (!first_order_only.contains(row.op)) gradients(sum(y), inputs);
    for (const std::string& op : pass.operations()) {
      INFO(row.op << " records " << op);
      const std::size_t end = op.find("_gradient");
      CHECK((known.contains(op) || (end != std::string::npos && known.contains(op.substr(0, end)))));
    }
  }
}

TEST_CASE("every op in the source that users can call has a row in the table") {
  const std::set<std::string> known = names_in_table();
  const std::regex recorded("record(?:_elementwise)?\\(\\s*\"([a-z_0-9]+)\"");
  std::set<std::string> found;
  for (const auto& file : std::filesystem::directory_iterator(test::source_root() / "framework/ops")) {
    if (file.path().extension() != ".cpp") continue;
    std::ifstream stream(file.path());
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    for (std::sregex_iterator match(text.begin(), text.end(), recorded), end; match != end; ++match) {
      found.insert((*match)[1]);
    }
  }
  CHECK(found.size() > 40);
  for (const std::string& op : found) {
    // the derivative of an activation is a separate op only for second derivatives: order 2
    if (op.ends_with("_gradient") && known.contains(op.substr(0, op.size() - 9))) continue;
    INFO(op);
    CHECK(known.contains(op));
  }
}
