// Rows of the options of Embedding.
#include <algorithm>
#include <cmath>

#include "layers/core/embedding.hpp"
#include "tests/layers/option_rows.hpp"
#include "tests/layers/plain_layers.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {
namespace {

constexpr std::int64_t tokens = 4, width = 3;

/// The row of the table for each token, by the definition.
void check_rows(const Trial& t) {
  const Tensor x = t.input(), table = t.parameter("embeddings"), y = t.output();
  REQUIRE(y.shape() == Shape{x.dim(0), x.dim(1), table.dim(1)});
  for (std::int64_t i = 0; i < x.dim(0); ++i) {
    for (std::int64_t j = 0; j < x.dim(1); ++j) {
      const auto token = static_cast<std::int64_t>(x.at({i, j}));
      for (std::int64_t k = 0; k < table.dim(1); ++k) CHECK(y.at({i, j, k}) == table.at({token, k}));
    }
  }
}

}  // namespace

void add_embedding_rows(std::vector<OptionRow>& rows) {
  const EmbeddingLayer::Options plain{.input_dim = tokens, .output_dim = width};
  const auto add = [&](const std::string& option, const auto& change, const auto& check) {
    EmbeddingLayer::Options changed = plain;
    change(changed);
    rows.push_back(
        {option, Embedding(plain).definition(), Embedding(changed).definition(), {{6}}, check, DType::int64});
  };
  const auto shapes = [](const Shape& expected) {
    return [expected](const Trial& before, const Trial& after) {
      CHECK(before.initial("embeddings").shape() == Shape{tokens, width});
      CHECK(after.initial("embeddings").shape() == expected);
      check_rows(before);
      check_rows(after);
    };
  };
  add(
      "input_dim", [](auto& o) { o.input_dim = 7; }, shapes({7, width}));
  add(
      "output_dim", [](auto& o) { o.output_dim = 5; }, shapes({tokens, 5}));
  add(
      "embeddings_initializer", [](auto& o) { o.embeddings_initializer = constant(0.25); },
      [](const Trial& before, const Trial& after) {
        CHECK(identical(after.initial("embeddings"), Tensor::full({tokens, width}, 0.25)));
        const std::vector<double> uniform = before.initial("embeddings").to_vector();  // in [-0.05, 0.05)
        CHECK(std::ranges::all_of(uniform, [](double v) { return std::abs(v) <= 0.05; }));
        CHECK(std::ranges::any_of(uniform, [](double v) { return std::abs(v) > 0.025; }));
      });
  add(
      "embeddings_regularizer", [](auto& o) { o.embeddings_regularizer = l1(0.5); },
      [](const Trial& before, const Trial& after) {
        double sum = 0;
        for (const double v : after.parameter("embeddings").to_vector()) sum += std::abs(v);
        CHECK(before.penalty() == 0);
        CHECK(after.penalty() == Approx(0.5 * sum).epsilon(1e-12));
      });
  add(
      "embeddings_constraint", [](auto& o) { o.embeddings_constraint = non_neg(); },
      [](const Trial& before, const Trial& after) {
        CHECK_FALSE(before.handle("embeddings").constraint());
        const Tensor table = after.parameter("embeddings");
        CHECK(identical(after.handle("embeddings").constraint()(table),
                        each(table, [](double v) { return std::max(v, 0.0); })));
      });
}

}  // namespace xtape::test
