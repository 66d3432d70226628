// xtape compared with PyTorch: values and all gradients in float64, on random configurations.
//
// Results are compared with PyTorch's own function. Where the libraries differ by design (SAME with strides, padding in
// average pooling, Keras's epsilons), PyTorch computes xtape's definition; comments describe this.

#include <iostream>

#include "tests/golden/golden_cases.hpp"
#include "tests/peer/compare.hpp"
#include "tests/peer/golden_peers.hpp"
#include "tests/peer/networks.hpp"
#include "tests/peer/optimizers.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using namespace xtape::peer;

namespace {

using CasesMaker = Cases (*)(std::uint64_t seed);
const std::vector<std::pair<std::string, CasesMaker>> families{{"convolution", convolution_cases},
                                                               {"gradients of convolution", convolution_gradient_cases},
                                                               {"sequences and volumes", convolution_1d_3d_cases},
                                                               {"max pooling", max_pool_cases},
                                                               {"average pooling", average_pool_cases},
                                                               {"batch normalization", normalization_cases},
                                                               {"activations", activation_cases},
                                                               {"elementary functions", elementary_cases},
                                                               {"arithmetic", arithmetic_cases},
                                                               {"reductions", reduction_cases},
                                                               {"manipulation", manipulation_cases},
                                                               {"matrix products", matmul_cases},
                                                               {"linear algebra", linear_algebra_cases},
                                                               {"losses", loss_cases}};

using NetworkComparison = Comparison (*)(std::uint64_t seed, const ComparisonOptions& options);
const std::vector<std::pair<std::string, NetworkComparison>> wholes{{"optimizers, ten steps", compare_optimizers},
                                                                    {"layers", compare_layers},
                                                                    {"ConvNets, three steps", compare_conv_nets},
                                                                    {"ResNet-50, one step", compare_resnet50}};

void expect_agreement(const std::string& what, const Comparison& comparison) {
  std::cout << what << ": " << comparison.summary() << std::endl;
  for (const std::string& difference : comparison.differences()) UNSCOPED_INFO(difference);
  CHECK(comparison.passed());
}

/// Every array of PyTorch was changed; every change must be found.
void expect_difference_everywhere(const std::string& what, const Comparison& comparison) {
  INFO(what << ": " << comparison.summary());
  CHECK(comparison.arrays() > 0);
  CHECK(comparison.differences().size() == static_cast<std::size_t>(comparison.arrays()));
}

}  // namespace

TEST_CASE("functions have PyTorch's values and gradients to 1e-10") {
  for (const auto& [name, make] : families) expect_agreement(name, compare(make(1)));
}

TEST_CASE("optimizers and networks have PyTorch's steps to 1e-9") {
  for (const auto& [name, compare_whole] : wholes) expect_agreement(name, compare_whole(1, {.tolerance = 1e-9}));
}

TEST_CASE("the golden functions have PyTorch's values and gradients") {
  Cases cases;
  const auto peers = golden_peers();
  for (const auto& [name, ours] : golden::golden_functions()) {
    cases.push_back({name, peers.at(name).inputs, ours, peers.at(name).function});
  }
  expect_agreement("golden functions", compare(cases));
}

TEST_CASE("an error of ten tolerances in one element of any array is found") {
  for (const auto& [name, make] : families) {
    expect_difference_everywhere(name, compare(make(1), {.spoil = 1e-9}));
  }
  for (const auto& [name, compare_whole] : wholes) {
    expect_difference_everywhere(name, compare_whole(1, {.tolerance = 1e-9, .spoil = 1e-8}));
  }
}

TEST_CASE("a comparison of different functions or of nothing fails") {
  const Case wrong{"relu and elu",
                   {Tensor::of({2}, {-1, 1}, DType::float64)},
                   golden::golden_functions().at("elu"),
                   golden_peers().at("relu").function};
  CHECK(compare({wrong}).differences().size() == 2);
  CHECK_FALSE(compare({}).passed());
  const Case other_shape{"sum and relu",
                         {Tensor::ones({2, 3, 4}, DType::float64)},
                         golden::golden_functions().at("sum"),
                         golden_peers().at("relu").function};
  CHECK_FALSE(compare({other_shape}).passed());
}
