// Comparison with PyTorch without PyTorch: outputs and gradients of every op, and ten steps of every optimizer. The
// arrays in peer.safetensors were written by tests/peer/make_golden.cpp, which runs libtorch in float64 on random
// inputs. To write them again after adding a row to golden_cases.cpp and its counterpart to make_golden.cpp:
//   tools/peer && build/tests/peer/make_golden tests/golden/peer.safetensors

#include <cmath>
#include <set>

#include "framework/io/safetensors.hpp"
#include "framework/ops/ops.hpp"
#include "tests/golden/evaluation.hpp"
#include "tests/golden/golden_cases.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

namespace {

constexpr double tolerance = 1e-10;  // |ours - theirs| <= tolerance (1 + |theirs|)

const std::map<std::string, Tensor>& arrays() {
  static const std::map<std::string, Tensor> all = [] {
    std::map<std::string, Tensor> read;
    for (const auto& [name, tensor] : load_safetensors(test::source_root() / golden::file).tensors) {
      read[name] = tensor;
    }
    return read;
  }();
  return all;
}

std::vector<Tensor> inputs_of(const std::string& name) {
  std::vector<Tensor> inputs;
  while (arrays().contains(fmt::format("{}/input {}", name, inputs.size()))) {
    inputs.push_back(arrays().at(fmt::format("{}/input {}", name, inputs.size())));
  }
  return inputs;
}

std::vector<NamedTensor> computed(const std::string& name, const DifferentiableFunction& function) {
  return golden::evaluate(function, inputs_of(name), arrays().at(name + "/cotangent"));
}

}  // namespace

TEST_CASE("every op has PyTorch's output and gradients") {
  for (const auto& [name, function] : golden::golden_functions()) {
    for (const auto& [what, ours] : computed(name, function)) {
      INFO(name << ": " << what);
      CHECK(golden::largest_difference(ours, arrays().at(name + "/" + what)) <= tolerance);
    }
  }
}

TEST_CASE("every optimizer has PyTorch's first ten steps") {
  for (const auto& [name, make] : golden::golden_optimizers()) {
    const Tensor ours = golden::trajectory(make, arrays().at(name + "/initial"), arrays().at(name + "/gradients"));
    INFO(name);
    CHECK(ours.dim(0) == 10);
    CHECK(golden::largest_difference(ours, arrays().at(name + "/trajectory")) <= tolerance);
  }
}

TEST_CASE("every array of the golden file is compared") {
  std::set<std::string> names;
  for (const auto& [path, tensor] : arrays()) names.insert(path.substr(0, path.find('/')));
  std::set<std::string> replayed;
  for (const auto& [name, function] : golden::golden_functions()) replayed.insert(name);
  for (const auto& [name, make] : golden::golden_optimizers()) replayed.insert(name);
  CHECK(names == replayed);
  CHECK(names.size() >= 60);
}

TEST_CASE("a slightly wrong function is detected by the golden arrays") {
  const auto wrong = [](const std::string& name, const DifferentiableFunction& function) {
    double most = 0;
    for (const auto& [what, ours] : computed(name, function)) {
      most = std::max(most, golden::largest_difference(ours, arrays().at(name + "/" + what)));
    }
    return most > tolerance;
  };
  CHECK(wrong("tanh", [](const Variable& x) {  // the correct value; one element of the derivative is wrong by 1e-6
    return record("tanh", tanh(x).value(), {{x, [x](const Tensor& dy) {
                                               const Tensor y = tanh(x).value();
                                               Tensor dx = (Variable(dy) * (1.0 - square(y))).value();
                                               dx.mutable_data<double>()[0] *= 1 + 1e-6;
                                               return dx;
                                             }}});
  }));
  CHECK(wrong("elu", [](const Variable& x) { return elu(x, 0.7 + 1e-8); }));
  CHECK(wrong("average_pool2d padded", [](const Variable& x) {  // counts the padding
    return average_pool2d(pad(x, {{0, 0}, {1, 0}, {2, 1}, {0, 0}}), {.size = {2, 3}});
  }));
  CHECK(golden::largest_difference(Tensor::zeros({2}), Tensor::zeros({3})) == INFINITY);
  CHECK(golden::largest_difference(Tensor::full({2}, NAN), Tensor::zeros({2})) == INFINITY);
}
