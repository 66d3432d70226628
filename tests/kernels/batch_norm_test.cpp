#include "tests/kernels/batch_norm_checks.hpp"

using namespace xtape;
using namespace xtape::test;

TEST_CASE("the kernels of batch normalization equal their definitions") {
  for (const std::int64_t rows : {1, 2, 3, 63, 64, 65, 129, 500}) {
    for (const std::int64_t channels : {1, 2, 3, 7, 16, 33, 64, 100}) {
      for (const double center : {0.0, 300.0}) {
        check_batch_norm<double>(rows, channels, center);
        check_batch_norm<float>(rows, channels, center);
      }
    }
  }
}

TEST_CASE("the kernels of batch normalization equal their definitions across the sizes at which work is cut") {
  for (const auto& [rows, channels] :
       {std::pair<std::int64_t, std::int64_t>{40001, 1}, {16385, 3}, {8193, 8}, {5000, 40}, {130, 2048}, {3, 40000}}) {
    check_batch_norm<double>(rows, channels);
    check_batch_norm<float>(rows, channels, 3);
  }
}
