// Collective operations against their definitions, on 1 to 8 ranks.
#include <atomic>
#include <cstdint>
#include <numeric>
#include <vector>

#include "framework/communication/communicator.hpp"
#include "framework/communication/tree_sum.hpp"
#include "framework/tensor/random.hpp"
#include "tests/support/support.hpp"

using namespace xtape;
using Ranks = std::shared_ptr<Communicator>;

namespace {

constexpr int most_ranks = 8;

/// The tensor of a rank: numbers of very different size, so that another order of the sum gives other bits.
Tensor numbers(int rank, std::int64_t size, DType dtype) {
  RandomStream stream(static_cast<std::uint64_t>(100 + rank));
  const Tensor mantissas = stream.uniform({size}, -1, 1), exponents = stream.uniform({size}, -20, 20);
  std::vector<double> values;
  for (std::int64_t i = 0; i < size; ++i) {
    const double value = mantissas.at({i}) * std::exp2(std::floor(exponents.at({i})));
    values.push_back(dtype == DType::int64 ? std::floor(value * 1e6) : value);
  }
  return Tensor::of({size}, values, dtype);
}

/// The sum over `size` ranks in a loop over adjacent pairs, level by level, written as the definition says it.
template <class T>
std::vector<T> pairwise(int size, std::int64_t count, DType dtype) {
  std::vector<std::vector<T>> terms;
  for (int r = 0; r < size; ++r) terms.push_back(numbers(r, count, dtype).to_vector<T>());
  while (terms.size() > 1) {
    std::vector<std::vector<T>> sums;
    for (std::size_t i = 0; i < terms.size(); i += 2) {
      sums.push_back(terms[i]);
      if (i + 1 == terms.size()) break;
      for (std::size_t j = 0; j < sums.back().size(); ++j) sums.back()[j] += terms[i + 1][j];
    }
    terms = sums;
  }
  return terms[0];
}

template <class T>
void check_sums(int size, std::int64_t count) {
  INFO(size << " ranks, " << count << " elements, " << to_string(dtype_of<T>));
  const std::vector<T> expected = pairwise<T>(size, count, dtype_of<T>);
  std::vector<std::vector<T>> sums(static_cast<std::size_t>(size)), segments(sums.size());
  run_on_threads(size, [&](const Ranks& ranks) {
    const auto r = static_cast<std::size_t>(ranks->rank());
    const Tensor x = numbers(ranks->rank(), count, dtype_of<T>), before = x[{all()}];
    sums[r] = ranks->all_reduce(x).to_vector<T>();
    segments[r] = ranks->reduce_scatter(x.reshaped({-1, 1})).to_vector<T>();
    if (!identical(x, before)) throw Error("all_reduce has changed its argument");
  });
  std::vector<T> joined;
  for (const auto& segment : segments) joined.insert(joined.end(), segment.begin(), segment.end());
  CHECK(joined == expected);
  for (const auto& sum : sums) CHECK(sum == expected);
  for (std::size_t r = 0; r < segments.size(); ++r) {
    const auto ranks = segments.size(), n = static_cast<std::size_t>(count);
    CHECK(segments[r].size() == n * (r + 1) / ranks - n * r / ranks);
  }
}

}  // namespace

TEST_CASE("sums over ranks have the bits of adding adjacent pairs level by level") {
  for (int size = 1; size <= most_ranks; ++size) {
    for (const std::int64_t count : {0, 1, 2, 3, 7, 8, 9, 1000}) {
      check_sums<double>(size, count);
      check_sums<float>(size, count);
      check_sums<std::int64_t>(size, count);
    }
  }
  for (const int size : {3, 4, 8}) check_sums<float>(size, 300'001);
  for (const int size : {11, 13, 16}) check_sums<float>(size, 100);
}

TEST_CASE("a rank's terms may be added before those of other ranks") {
  const std::int64_t count = 100;
  const std::vector<float> expected = pairwise<float>(16, count, DType::float32);
  for (const int size : {1, 2, 4, 8}) {
    run_on_threads(size, [&](const Ranks& ranks) {
      TreeSum sum;
      const int terms = 16 / size;
      for (int i = 0; i < terms; ++i) sum.add(numbers(ranks->rank() * terms + i, count, DType::float32));
      if (ranks->all_reduce(sum.take()).to_vector<float>() != expected) throw Error("other bits");
    });
  }
}

TEST_CASE("tree_sum adds adjacent pairs level by level") {
  for (int terms = 1; terms <= 17; ++terms) {
    std::vector<Tensor> list;
    for (int i = 0; i < terms; ++i) list.push_back(numbers(i, 50, DType::float32));
    const std::vector<Tensor> before = list;
    CHECK(tree_sum(list).to_vector<float>() == pairwise<float>(terms, 50, DType::float32));
    for (int i = 0; i < terms; ++i)
      CHECK(identical(before[static_cast<std::size_t>(i)], numbers(i, 50, DType::float32)));
  }
  TreeSum sum;
  for (int run = 0; run < 3; ++run) {  // it begins anew after its sum was taken
    for (int terms = 1; terms <= 5; ++terms) {
      sum.add(numbers(terms - 1, 50, DType::float32));
      CHECK(sum.count() == terms);
    }
    CHECK(sum.take().to_vector<float>() == pairwise<float>(5, 50, DType::float32));
    CHECK(sum.count() == 0);
  }
  CHECK(test::error_of([] { tree_sum({}); }) == "TreeSum: expected at least one term, got none");
  CHECK(test::error_of([] {
          tree_sum({Tensor::zeros({2}), Tensor::zeros({3})});
        }) == "TreeSum: expected a term of float32 (2,) like the first, got float32 (3,)");
  CHECK(test::error_of([] { tree_sum({Tensor::zeros({2}, DType::uint8)}); }) ==
        "TreeSum: expected a term of float32, float64 or int64, got uint8");
}

TEST_CASE("all_gather joins rows, equally many or not") {
  for (int size = 1; size <= most_ranks; ++size) {
    run_on_threads(size, [&](const Ranks& ranks) {
      for (const bool equal : {true, false}) {
        std::vector<double> expected;
        for (int r = 0; r < size; ++r) {
          for (int i = 0; i < (equal ? 2 : r % 3); ++i) expected.insert(expected.end(), {r + 0.1 * i, r + 0.5});
        }
        const int rows = equal ? 2 : ranks->rank() % 3;
        std::vector<double> own;
        for (int i = 0; i < rows; ++i) own.insert(own.end(), {ranks->rank() + 0.1 * i, ranks->rank() + 0.5});
        const Tensor all = ranks->all_gather(test::f64({rows, 2}, own));
        const std::int64_t count = static_cast<std::int64_t>(expected.size()) / 2;
        if (!identical(all, test::f64({count, 2}, expected))) throw Error(fmt::format("{} of {} ranks", all, size));
      }
      const auto texts = ranks->all_gather(std::string(static_cast<std::size_t>(3 * ranks->rank()), 'x') + "\0y");
      for (int r = 0; r < size; ++r) {
        const std::string expected = std::string(static_cast<std::size_t>(3 * r), 'x') + "\0y";
        if (texts[static_cast<std::size_t>(r)] != expected) throw Error("other texts");
      }
    });
  }
}

TEST_CASE("broadcast gives the elements of any rank, of every type") {
  for (int size = 1; size <= most_ranks; ++size) {
    run_on_threads(size, [&](const Ranks& ranks) {
      for (const DType dtype : {DType::float32, DType::float64, DType::int64, DType::uint8}) {
        for (int root = 0; root < size; ++root) {
          const Tensor x = Tensor::full({3, 5}, ranks->rank() + 1, dtype);
          if (!identical(ranks->broadcast(x, root), Tensor::full({3, 5}, root + 1, dtype))) throw Error("other values");
          if (x.at({0, 0}) != ranks->rank() + 1) throw Error("broadcast has changed its argument");
        }
      }
    });
  }
}

TEST_CASE("no rank leaves a barrier before all have come") {
  for (int size = 1; size <= most_ranks; ++size) {
    std::atomic<int> arrived = 0;
    run_on_threads(size, [&](const Ranks& ranks) {
      for (int i = 1; i <= 20; ++i) {
        ++arrived;
        ranks->barrier();
        if (arrived < i * size) throw Error("a rank has left too early");
        ranks->barrier();
      }
    });
  }
}

TEST_CASE("many operations are in flight, and are waited for in any order") {
  for (const int size : {2, 3, 4, 8}) {
    run_on_threads(size, [&](const Ranks& ranks) {
      constexpr int operations = 30;
      std::vector<PendingTensor> pending;
      for (int i = 0; i < operations; ++i) {
        pending.push_back(ranks->start_all_reduce(Tensor::full({1000 * (i % 7)}, ranks->rank() + i, DType::float64)));
      }
      ranks->start_all_reduce(Tensor::zeros({10}));  // nobody waits
      const Tensor between = ranks->broadcast(Tensor::scalar(ranks->rank()), size - 1);
      if (between.item() != size - 1) throw Error("broadcast between other operations");
      for (int i = operations - 1; i >= 0; --i) {
        const double sum = size * (size - 1) / 2 + size * i;
        const Tensor result = pending[static_cast<std::size_t>(i)].wait();
        if (!identical(result, Tensor::full({1000 * (i % 7)}, sum, DType::float64))) throw Error("another sum");
        if (pending[static_cast<std::size_t>(i)].ready()) throw Error("ready after wait");
      }
    });
  }
}

TEST_CASE("operations of any number of ranks give results of the same shapes") {
  for (const int size : {1, 2, 3}) {
    run_on_threads(size, [&](const Ranks& ranks) {
      const Tensor x = Tensor::ones({3, 2, 4});
      const std::int64_t own =
          ranks->segment_begin(x.size(), ranks->rank() + 1) - ranks->segment_begin(x.size(), ranks->rank());
      if (ranks->all_reduce(x).shape() != x.shape()) throw Error("all_reduce");
      if (ranks->reduce_scatter(x).shape() != Shape{own}) throw Error("reduce_scatter");
      if (ranks->all_gather(x).shape() != Shape{3 * size, 2, 4}) throw Error("all_gather");
      if (ranks->broadcast(x, size - 1).shape() != x.shape()) throw Error("broadcast");
      const std::string text = fmt::format("rank {}", ranks->rank());
      const std::vector<std::string> texts = ranks->all_gather(text);
      if (std::ssize(texts) != size || texts[static_cast<std::size_t>(ranks->rank())] != text) throw Error("texts");
    });
  }
}

TEST_CASE("segments cover all elements") {
  for (const std::int64_t count : {std::int64_t{0}, std::int64_t{5}, std::int64_t{1} << 60}) {
    const auto ranks = thread_communicators(3);
    CHECK(ranks[0]->segment_begin(count, 0) == 0);
    CHECK(ranks[0]->segment_begin(count, 3) == count);
    CHECK(ranks[1]->segment_begin(count, 1) <= ranks[1]->segment_begin(count, 2));
    CHECK_THROWS_AS(ranks[0]->segment_begin(count, 4), Error);
  }
}

TEST_CASE("sums of 16 bits are the rounded sums of rounded terms") {
  for (int size = 1; size <= most_ranks; ++size) {
    for (const Wire wire : {Wire::bfloat16, Wire::float16}) {
      for (const std::int64_t count : {0, 1, 5, 1000}) {
        const auto term = [&](int rank) {
          return Tensor::of({count},
                            RandomStream(static_cast<std::uint64_t>(rank)).uniform({count}, -9, 9).to_vector());
        };
        std::vector<Tensor> terms;
        for (int r = 0; r < size; ++r) terms.push_back(rounded(term(r), wire));
        const Tensor expected = rounded(tree_sum(terms), wire);
        run_on_threads(size, [&](const Ranks& ranks) {
          if (!identical(ranks->all_reduce(term(ranks->rank()), wire), expected)) throw Error("another sum");
        });
      }
    }
  }
}
