// When evaluate and predict keep what is computed from weights alone.
#include <memory>
#include <set>
#include <vector>

#include "layers/layers.hpp"
#include "models/model.hpp"
#include "tests/support/support.hpp"
#include "training/evaluate.hpp"

using namespace xtape;

namespace {

/// Gives what it gets, and notes the cache of each pass.
class CacheProbe final : public Layer {
 public:
  explicit CacheProbe(std::vector<const WeightCache*>& caches) : Layer("probe"), caches_(caches) {}
  std::string type() const override { return "CacheProbe"; }
  std::vector<TensorSpec> output_specs(const std::vector<TensorSpec>& inputs) const override { return {inputs[0]}; }
  std::vector<Variable> call(const std::vector<Variable>& inputs, ForwardPass& pass) const override {
    caches_.push_back(pass.cache());
    return {inputs[0]};
  }

 private:
  std::vector<const WeightCache*>& caches_;
};

}  // namespace

TEST_CASE("evaluate and predict pack kernels for three batches and more, for one they do not") {
  std::vector<const WeightCache*> caches;
  const auto input = Input({4});
  const Model model(input, std::make_shared<CacheProbe>(caches)->connect_one({input}));
  for (const std::int64_t batches : {1, 2, 3, 5}) {
    for (const bool predicts : {true, false}) {
      caches.clear();
      const Tensor samples = Tensor::zeros({2 * batches, 4});
      if (predicts) {
        predict(model, samples, 2);
      } else {
        evaluate(model, Dataset(samples, Tensor::zeros({2 * batches}, DType::int64), 4), {.batch_size = 2});
      }
      CAPTURE(batches, predicts);
      CHECK(static_cast<std::int64_t>(caches.size()) == batches);
      const std::set<const WeightCache*> different(caches.begin(), caches.end());
      CHECK(different.size() == 1);
      CHECK((caches[0] != nullptr) == (batches >= 3));
    }
  }
}
