#include "framework/tensor/random.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "framework/kernels/threads/parallel.hpp"
#include "tests/support/kernel_settings.hpp"
#include "tests/support/support.hpp"

using namespace xtape;

TEST_CASE("Philox4x32-10 gives the known answers of the Random123 library") {
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) ==
        std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("streams continue where they ended, differ from each other and do not depend on threads") {
  RandomStream one(7, 3);
  const Tensor whole = RandomStream(7, 3).uniform({40});
  const Tensor first = one.uniform({16});
  const Tensor second = one.uniform({24});
  CHECK(identical(first, whole.rows(0, 16)));
  CHECK(identical(second, whole.rows(16, 40)));
  CHECK_FALSE(identical(whole, RandomStream(7, 4).uniform({40})));
  CHECK_FALSE(identical(whole, RandomStream(8, 3).uniform({40})));
  const test::KernelSettings restored;
  kernels::set_num_threads(1);
  const Tensor alone = RandomStream(1).normal({100000});
  kernels::set_num_threads(4);
  CHECK(identical(alone, RandomStream(1).normal({100000})));
}

TEST_CASE("a draw advances the stream by the blocks of 128 bits that it used, of both distributions and types") {
  const Tensor whole = RandomStream(9, 2).uniform({200}, 0, 1, DType::float64);  // two numbers from each block
  for (const auto& draw : {&RandomStream::uniform, &RandomStream::normal}) {
    for (const DType dtype : {DType::float32, DType::float64}) {
      for (const std::int64_t n : {1, 2, 3, 4, 5, 8, 31, 32, 33, 64, 65}) {
        INFO(n << " of " << to_string(dtype));
        RandomStream stream(9, 2);
        (stream.*draw)({n}, 0, 1, dtype);
        const std::int64_t of_block = dtype == DType::float32 ? 4 : 2, used = (n + of_block - 1) / of_block;
        CHECK(identical(stream.uniform({2}, 0, 1, DType::float64), whole.rows(2 * used, 2 * used + 2)));
      }
    }
  }
}

TEST_CASE("uniform and normal numbers have the moments and limits of their distributions") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const auto u = RandomStream(5).uniform({200000}, -2, 4, dtype).to_vector();
    const auto n = RandomStream(6).normal({200000}, 3, 2, dtype).to_vector();
    const auto mean = [](const std::vector<double>& v) {
      return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
    };
    CHECK(*std::ranges::min_element(u) >= -2);
    CHECK(*std::ranges::max_element(u) < 4);
    CHECK(mean(u) == Approx(1).margin(0.02));  // 5 standard errors
    CHECK(mean(n) == Approx(3).margin(0.025));
    std::vector<double> squares(n);
    for (double& x : squares) x = (x - 3) * (x - 3);
    CHECK(mean(squares) == Approx(4).margin(0.07));
  }
}

TEST_CASE("numbers are those of stream 0, of [0, 1) and of the standard normal distribution by default") {
  const RandomStream first(3, 0);
  CHECK(identical(RandomStream(3).uniform({50}), RandomStream(first).uniform({50}, 0, 1, DType::float32)));
  CHECK(identical(RandomStream(3).normal({50}), RandomStream(first).normal({50}, 0, 1, DType::float32)));
}

TEST_CASE("a permutation holds every number once and depends on the stream alone") {
  auto order = RandomStream(9).permutation(1000);
  CHECK(order == RandomStream(9).permutation(1000));
  CHECK(order != RandomStream(10).permutation(1000));
  std::ranges::sort(order);
  for (std::size_t i = 0; i < order.size(); ++i) CHECK(order[i] == static_cast<std::int64_t>(i));
  CHECK(RandomStream(1).permutation(0).empty());
  CHECK(test::error_of([] { static_cast<void>(RandomStream(1).permutation((std::int64_t{1} << 40) + 1)); }) ==
        "RandomStream::permutation: expected at most 2^40 numbers, got 1099511627777");
}

TEST_CASE("a permutation has the order that a second implementation of Philox and Fisher-Yates gives") {
  using Order = std::vector<std::int64_t>;  // computed in Python
  CHECK(RandomStream(3, 2).permutation(12) == Order{5, 3, 2, 0, 9, 6, 10, 4, 7, 8, 1, 11});
  CHECK(RandomStream((std::uint64_t{1} << 40) + 5, (std::uint64_t{1} << 33) + 1).permutation(12) ==
        Order{6, 0, 1, 7, 5, 4, 10, 2, 11, 8, 3, 9});
}

TEST_CASE("normal numbers have the tails of their distribution") {
  for (const DType dtype : {DType::float32, DType::float64}) {
    std::int64_t beyond_3 = 0, beyond_4 = 0;
    for (const double v : RandomStream(12).normal({1'000'000}, 0, 1, dtype).to_vector()) {
      beyond_3 += std::abs(v) > 3 ? 1 : 0;
      beyond_4 += std::abs(v) > 4 ? 1 : 0;
    }
    CHECK(std::abs(beyond_3 - 2700) < 300);    // 0.27 %, five standard deviations
    CHECK((beyond_4 > 25 && beyond_4 < 110));  // 63 per million
  }
}

TEST_CASE("every order of a few numbers is about equally frequent") {
  for (const std::int64_t n : {2, 3, 4}) {
    std::map<std::vector<std::int64_t>, int> counts;
    std::size_t orders = 1;
    for (std::int64_t i = 2; i <= n; ++i) orders *= static_cast<std::size_t>(i);
    const std::size_t draws = 1000 * orders;
    for (std::size_t stream = 0; stream < draws; ++stream) ++counts[RandomStream(3, stream).permutation(n)];
    CHECK(counts.size() == orders);
    for (const auto& [order, count] : counts) CHECK(std::abs(count - 1000) < 160);  // five standard deviations
  }
}

TEST_CASE("a normal number from a uniform 0 has TensorFlow's largest radius, that of 1e-7") {
  for (const std::uint64_t stream : {6018600U, 15674229U}) {  // found by a search for 23 bits of 0
    const auto block = philox4x32({0, 0, static_cast<std::uint32_t>(stream), 0}, {1, 0});
    REQUIRE((block[0] & 0x7FFFFFU) == 0);
    const double angle = 2 * std::acos(-1.0) * (block[1] & 0x7FFFFFU) / 0x1p23, radius = std::sqrt(-2 * std::log(1e-7));
    const std::vector<double> pair = RandomStream(1, stream).normal({2}).to_vector();
    CHECK(pair[0] == Approx(radius * std::sin(angle)).epsilon(1e-6));
    CHECK(pair[1] == Approx(radius * std::cos(angle)).epsilon(1e-6).margin(1e-5));
  }
}
