// One model, several threads that ask it at the same time.
#include <thread>

#include "models/resnet50.hpp"
#include "tests/support/support.hpp"
#include "training/evaluate.hpp"

namespace xtape {
namespace {

TEST_CASE("predict and evaluate may run on one model in several threads at once") {
  const Model model = resnet50({.input = {32, 32, 3}, .classes = 3, .pooling = Pooling::global_average});
  constexpr int threads = 4;
  std::vector<Tensor> images, alone, together(threads);
  for (int i = 0; i < threads; ++i) {
    images.push_back(RandomStream(static_cast<std::uint64_t>(i)).uniform({3, 32, 32, 3}));
    alone.push_back(predict(model, images.back(), 2));
  }
  std::vector<double> losses(threads);
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < threads; ++i) {
      workers.emplace_back([&, i] {
        together[i] = predict(model, images[i], 2);
        losses[i] = evaluate(model, Dataset(images[i], Tensor::labels({0, 1, 2}), 3))["loss"];
      });
    }
  }
  for (std::size_t i = 0; i < threads; ++i) {
    CHECK(together[i].to_vector() == alone[i].to_vector());
    CHECK(losses[i] == evaluate(model, Dataset(images[i], Tensor::labels({0, 1, 2}), 3))["loss"]);
  }
}

}  // namespace
}  // namespace xtape
