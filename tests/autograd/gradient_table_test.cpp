// One row an op: every derivative in the library is held against central differences in float64.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "framework/autograd/gradient_check.hpp"
#include "framework/ops/ops.hpp"
#include "models/conv_net.hpp"
#include "models/resnet50.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

struct Row {
  std::string op;  ///< the name under which it is recorded
  DifferentiableFunction function;
  std::vector<Shape> shapes;
  GradientCheckOptions options = {};
};

using V = const Variable&;

const WindowOptions window_3x2{.size = {3, 2}, .strides = {2, 1}, .padding = Padding::same};
const GradientCheckOptions positive{.low = 0.5, .high = 2};

std::vector<Row> arithmetic_rows() {
  return {
      {"add", [](V a, V b) { return a + b; }, {{2, 1, 3}, {4, 1}}},
      {"add", [](V a) { return a + 2.0; }, {{3}}},
      {"subtract", [](V a, V b) { return a - b; }, {{3}, {2, 3}}},
      {"subtract", [](V a) { return (1.0 - a) - 2.0; }, {{2, 2}}},
      {"multiply", [](V a, V b) { return a * b; }, {{2, 3}, {3}}},
      {"multiply", [](V a) { return a * a * 3.0; }, {{4}}},
      {"divide", [](V a, V b) { return a / b; }, {{2, 1}, {1, 3}}, positive},
      {"divide", [](V a) { return 2.0 / (a / 3.0); }, {{4}}, positive},
      {"negate", [](V a) { return -a; }, {{2, 3}}},
      {"maximum", [](V a, V b) { return maximum(a, b); }, {{4, 5}, {5}}},
      {"minimum", [](V a, V b) { return minimum(a, b); }, {{4, 5}, {4, 1}}},
      {"clip", [](V a) { return clip(a, -0.5, 0.4); }, {{30}}},
      {"sum_to",
       [](V a) {
         return sum_to(a, {3, 1});
       },
       {{2, 3, 4}}},
      {"broadcast_to",
       [](V a) {
         return broadcast_to(a, {2, 3, 4});
       },
       {{3, 1}}},
  };
}

std::vector<Row> elementary_rows() {
  return {
      {"exp", [](V a) { return exp(a); }, {{2, 3}}},
      {"log", [](V a) { return log(a); }, {{2, 3}}, positive},
      {"sqrt", [](V a) { return sqrt(a); }, {{2, 3}}, positive},
      {"abs", [](V a) { return abs(a); }, {{20}}},
      {"square", [](V a) { return square(a); }, {{2, 3}}},
      {"pow", [](V a) { return pow(a, 2.5); }, {{5}}, positive},
      {"pow", [](V a) { return pow(a, 3.0); }, {{5}}},
      {"pow", [](V a, V b) { return pow(a, b); }, {{2, 3}, {3}}, positive},
  };
}

std::vector<Row> activation_rows() {
  return {
      {"relu", relu, {{5, 7}}},
      {"leaky_relu", [](V a) { return leaky_relu(a, 0.2); }, {{5, 7}}},
      {"elu", [](V a) { return elu(a, 1.5); }, {{5, 7}}},
      {"sigmoid", sigmoid, {{5, 7}}},
      {"tanh", tanh, {{5, 7}}},
      {"softplus", softplus, {{5, 7}}},
      {"gelu", gelu, {{5, 7}}, {.low = -3, .high = 3}},
      {"softmax", [](V a) { return softmax(a); }, {{4, 5}}},
      {"softmax", [](V a) { return softmax(a, 0); }, {{4, 2, 3}}},
      {"log_softmax", [](V a) { return log_softmax(a); }, {{4, 5}}},
  };
}

std::vector<Row> reduction_rows() {
  return {
      {"sum", [](V a) { return sum(a); }, {{2, 3, 4}}},
      {"sum",
       [](V a) {
         return sum(a, {0, 2});
       },
       {{2, 3, 4}}},
      {"mean", [](V a) { return mean(a, {-1}, true); }, {{2, 3, 4}}},
      {"mean", [](V a) { return mean(a); }, {{3, 5}}},
      {"max", [](V a) { return max(a, {1}); }, {{2, 5, 3}}},
      {"max", [](V a) { return max(a); }, {{3, 4}}},
  };
}

std::vector<Row> manipulation_rows() {
  return {
      {"reshape",
       [](V a) {
         return reshape(a, {3, -1});
       },
       {{2, 3, 4}}},
      {"transpose",
       [](V a) {
         return transpose(a, {2, 0, 1});
       },
       {{2, 3, 4}}},
      {"concatenate",
       [](V a, V b) {
         return concatenate({a, b, a}, 1);
       },
       {{2, 3, 2}, {2, 1, 2}}},
      {"slice",
       [](V a) {
         return slice(a, {1, 0}, {5, -1}, {2, 1});
       },
       {{6, 4}}},
      {"pad",
       [](V a) {
         return pad(a, {{1, 0}, {2, 3}}, 7);
       },
       {{2, 3}}},
  };
}

std::vector<Row> matrix_rows() {
  const auto dominant = [](V a) {  // far from singular
    Tensor diagonal = Tensor::zeros(a.shape(), DType::float64);
    const std::int64_t n = a.dim(-1);
    for (std::int64_t i = 0; i < a.size(); i += n * n) {
      for (std::int64_t j = 0; j < n; ++j)
        diagonal.mutable_data<double>()[i + j * n + j] = 3.0 + static_cast<double>(j);
    }
    return a + Variable(diagonal);
  };
  const auto symmetric = [dominant](V a) {
    std::vector<int> axes;
    for (int i = 0; i < a.rank(); ++i) axes.push_back(i);
    std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
    const Variable d = dominant(a);
    return d + transpose(d, axes);
  };
  return {
      {"matmul", [](V a, V b) { return matmul(a, b); }, {{3, 4}, {4, 2}}},
      {"matmul", [](V a, V b) { return matmul(a, b); }, {{2, 1, 3, 4}, {3, 4, 2}}},
      {"matmul", [](V a) { return matmul(a, a); }, {{3, 3}}},
      {"solve", [=](V a, V b) { return solve(dominant(a), b); }, {{4, 4}, {4, 3}}},
      {"solve", [=](V a, V b) { return solve(dominant(a), b); }, {{4, 4}, {4}}},
      {"inverse", [=](V a) { return inverse(dominant(a)); }, {{3, 3}}},
      {"inverse", [=](V a) { return inverse(dominant(a)); }, {{2, 3, 3}}},
      {"log_determinant", [=](V a) { return log_determinant(dominant(a)); }, {{4, 4}}},
      {"cholesky", [=](V a) { return cholesky(symmetric(a)); }, {{4, 4}}},
  };
}

std::vector<Row> convolution_rows() {
  const Conv2DOptions same{.padding = Padding::same};
  const Conv2DOptions strided{.strides = {2, 3}, .padding = Padding::same};
  const Conv2DOptions dilated{.padding = Padding(1, 2, 0, 1), .dilation = {2, 1}};
  const Conv2DOptions skipping{.strides = 3};
  const auto conv = [](Conv2DOptions o) { return [o](V x, V w) { return conv2d(x, w, o); }; };
  return {
      {"conv2d", conv({}), {{2, 4, 5, 2}, {3, 2, 2, 3}}},
      {"conv2d", conv(same), {{1, 4, 4, 1}, {3, 3, 1, 2}}},
      {"conv2d", conv(strided), {{1, 5, 7, 2}, {3, 3, 2, 2}}},
      {"conv2d", conv(dilated), {{1, 5, 4, 2}, {2, 2, 2, 2}}},
      {"conv2d", conv(skipping), {{1, 5, 5, 2}, {2, 2, 2, 2}}},
      {"conv2d", conv({.strides = 2}), {{2, 4, 3, 3}, {1, 1, 3, 4}}},
      {"conv2d", [](V x) { return conv2d(x, x, {.padding = Padding::same}); }, {{2, 2, 3, 3}}},
      {"conv2d_input_gradient",
       [=](V dy, V w) {
         return conv2d_input_gradient(dy, w, {1, 5, 7, 2}, strided);
       },
       {{1, 3, 3, 2}, {3, 3, 2, 2}}},
      {"conv2d_kernel_gradient",
       [=](V x, V dy) {
         return conv2d_kernel_gradient(x, dy, {3, 3, 2, 2}, strided);
       },
       {{1, 5, 7, 2}, {1, 3, 3, 2}}},
  };
}

std::vector<Row> pooling_rows() {
  return {
      {"max_pool2d", [](V x) { return max_pool2d(x, window_3x2); }, {{2, 5, 4, 2}}},
      {"max_pool2d", [](V x) { return max_pool2d(x, {.size = 2, .strides = 1}); }, {{1, 4, 4, 1}}},
      {"max_pool2d", global_max_pool2d, {{2, 3, 4, 2}}},
      {"average_pool2d", [](V x) { return average_pool2d(x, window_3x2); }, {{2, 5, 4, 2}}},
      {"average_pool2d_gradient",
       [](V x) { return square(average_pool2d(x, {.size = 2, .strides = 3})); },
       {{1, 5, 5, 2}}},
      {"mean", global_average_pool2d, {{2, 3, 4, 2}}},
  };
}

std::vector<Row> normalization_rows() {
  const auto inference = [](V x, V gamma, V beta) {
    const Tensor mean = Tensor::of({3}, {0.1, -0.2, 0.3}, DType::float64);
    const Tensor variance = Tensor::of({3}, {0.5, 1, 2}, DType::float64);
    return batch_norm_inference(x, gamma, beta, mean, variance, 1e-3);
  };
  const auto dropped = [](V x) {
    ForwardPass pass(Mode::training, {.seed = 4});
    return dropout(x, 0.4, pass);
  };
  return {
      {"batch_norm", [](V x, V gamma, V beta) { return batch_norm(x, gamma, beta, 1e-3).y; }, {{2, 3, 2, 3}, {3}, {3}}},
      {"batch_norm", [](V x, V gamma, V beta) { return batch_norm(x, gamma, beta, 0.1).y; }, {{5, 2}, {2}, {2}}},
      {"batch_norm_inference", inference, {{2, 2, 2, 3}, {3}, {3}}},
      {"dropout", dropped, {{20}}},
  };
}

std::vector<Row> loss_rows() {
  const Tensor classes = Tensor::labels({2, 0, 1});
  const Tensor soft = Tensor::of({2, 3}, {0.2, 0.3, 0.5, 0, 1, 0}, DType::float64);
  return {
      {"softmax_cross_entropy", [=](V x) { return softmax_cross_entropy(x, classes); }, {{3, 4}}},
      {"softmax_cross_entropy", [=](V x) { return softmax_cross_entropy(x, soft); }, {{2, 3}}},
      {"binary_cross_entropy", [=](V x) { return binary_cross_entropy(x, soft); }, {{2, 3}}, {.low = 0.1, .high = 0.9}},
      {"sigmoid_cross_entropy", [=](V x) { return sigmoid_cross_entropy(x, soft); }, {{2, 3}}},
      {"mean_squared_error", [=](V x) { return mean_squared_error(x, soft); }, {{2, 3}}},
  };
}

const std::vector<Row>& table() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> all;
    for (const auto& part :
         {arithmetic_rows(), elementary_rows(), activation_rows(), reduction_rows(), manipulation_rows(), matrix_rows(),
          convolution_rows(), pooling_rows(), normalization_rows(), loss_rows()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

std::set<std::string> names_in_table() {
  std::set<std::string> names;
  for (const Row& row : table()) names.insert(row.op);
  return names;
}

}  // namespace

TEST_CASE("every op's derivative agrees with central differences") {
  for (const Row& row : table()) {
    INFO(row.op);
    CHECK(check_gradient(row.function, row.shapes, row.options));
  }
}

TEST_CASE("every op that the networks record has a row in the table") {
  const std::set<std::string> known = names_in_table();
  const std::vector<Model> networks{conv_net(), conv_net(small_image_options()), resnet50()};
  for (const Model& network : networks) {
    ForwardPass pass(Mode::training);
    const Variable logits = network(Tensor::zeros(network.input_shape().prepended(2)), pass);
    softmax_cross_entropy(logits, Tensor::labels({0, 1}));
    for (const std::string& op : pass.operations()) {
      INFO(op);
      CHECK(known.contains(op));
    }
  }
}

TEST_CASE("every op in the source that users can call has a row in the table") {
  const std::set<std::string> known = names_in_table();
  const std::regex recorded("record\\(\\s*\"([a-z_0-9]+)\"");
  std::set<std::string> found;
  for (const auto& file : std::filesystem::directory_iterator(XTAPE_SOURCE_ROOT "/framework/ops")) {
    if (file.path().extension() != ".cpp") continue;
    std::ifstream stream(file.path());
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    for (std::sregex_iterator match(text.begin(), text.end(), recorded), end; match != end; ++match) {
      found.insert((*match)[1]);
    }
  }
  CHECK(found.size() > 40);
  for (const std::string& op : found) {
    // the derivative of an activation is an op of its own only so that it can be differentiated again
    if (op.ends_with("_gradient") && known.contains(op.substr(0, op.size() - 9))) continue;
    INFO(op);
    CHECK(known.contains(op));
  }
}
