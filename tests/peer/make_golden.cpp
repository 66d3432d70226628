// Writes tests/golden/peer.safetensors: the results of PyTorch for every golden function and optimizer.

#include <iostream>

#include "framework/io/safetensors.hpp"
#include "tests/golden/golden_cases.hpp"
#include "tests/peer/compare.hpp"
#include "tests/peer/draw.hpp"
#include "tests/peer/golden_peers.hpp"
#include "tests/peer/optimizers.hpp"

using namespace xtape;

namespace {

void add_functions(std::vector<NamedTensor>& arrays) {
  const auto peers = peer::golden_peers();
  std::uint64_t seed = 0;
  for (const auto& [name, ours] : golden::golden_functions()) {
    check(peers.contains(name), "make_golden: expected a peer for {}, got none; add one to golden_peers.cpp", name);
    const auto& [inputs, function] = peers.at(name);
    for (std::size_t i = 0; i < inputs.size(); ++i) arrays.push_back({fmt::format("{}/input {}", name, i), inputs[i]});
    const peer::TorchEvaluation theirs = peer::evaluate_theirs(function, inputs, ++seed);
    arrays.push_back({name + "/cotangent", theirs.cotangent});
    for (const auto& [what, array] : theirs.arrays) arrays.push_back({name + "/" + what, array});
  }
}

void add_optimizers(std::vector<NamedTensor>& arrays) {
  peer::Draw draw(1);
  for (const auto& [name, make] : golden::golden_optimizers()) {
    const Tensor initial = draw.normal({2, 3});
    const Tensor gradients = draw.normal({10, 2, 3}, 0.3);
    arrays.push_back({name + "/initial", initial});
    arrays.push_back({name + "/gradients", gradients});
    arrays.push_back({name + "/trajectory", peer::torch_trajectory(name, initial, gradients)});
  }
}

}  // namespace

int main(int count, char** arguments) try {
  const std::string path = count > 1 ? arguments[1] : golden::file;
  std::vector<NamedTensor> arrays;
  add_functions(arrays);
  add_optimizers(arrays);
  save_safetensors(path, arrays, {{"made by", "tests/peer/make_golden.cpp with libtorch"}});
  std::cout << path << ": " << arrays.size() << " arrays\n";
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
