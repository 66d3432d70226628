// Arrays as text, compared with what NumPy prints, and sizes and counts at the limits of their units.
#include <cmath>
#include <limits>
#include <sstream>

#include "framework/tensor/size_text.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<double> counted(int count, double first, double step = 1) {
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back(first + step * i);
  return values;
}

/// The elements alone, without the type and the shape behind them.
std::string elements_of(const Tensor& x) {
  const std::string rest = fmt::format(" {} {}", x.dtype(), x.shape()), text = to_string(x);
  REQUIRE(text.ends_with(rest));
  return text.substr(0, text.size() - rest.size());
}

struct Printed {
  Shape shape;
  std::vector<double> values;
  DType dtype;
  std::string text;  // str() of NumPy's array
};

}  // namespace

TEST_CASE("arrays of all types and ranks print as NumPy's do, also at the limits of its formats") {
  const std::vector<Printed> rows{
      {{2}, {100000000.0, 1000000.0}, DType::float64, "[1.e+08 1.e+06]"},
      {{2}, {99999999.0, 1000000.0}, DType::float64, "[99999999.  1000000.]"},
      {{2}, {0.0001, 0.0625}, DType::float64, "[0.0001 0.0625]"},
      {{2}, {9.999e-05, 0.0625}, DType::float64, "[9.999e-05 6.250e-02]"},
      {{2}, {-100000000.0, -200000.0}, DType::float64, "[-1.e+08 -2.e+05]"},
      {{2}, {0.125, 125.0}, DType::float64, "[  0.125 125.   ]"},
      {{2}, {0.125, 125.125}, DType::float64, "[1.25000e-01 1.25125e+02]"},
      {{2}, {-0.0, 0.5}, DType::float64, "[-0.   0.5]"},
      {{2}, {1.123456789, 2.5}, DType::float64, "[1.12345679 2.5       ]"},
      {{4}, {std::nan(""), 10000000000.0, -infinity, 0.0025}, DType::float64, "[    nan 1.0e+10    -inf 2.5e-03]"},
      {{2, 2},
       {-5, 10, 100, 0},
       DType::int64,
       "[[ -5  10]\n"
       " [100   0]]"},
      // rows of several lines
      {{15},
       counted(15, 1000),
       DType::int64,
       "[1000 1001 1002 1003 1004 1005 1006 1007 1008 1009 1010 1011 1012 1013\n"
       " 1014]"},
      {{16},
       counted(16, 10000000),
       DType::int64,
       "[10000000 10000001 10000002 10000003 10000004 10000005 10000006 10000007\n"
       " 10000008 10000009 10000010 10000011 10000012 10000013 10000014 10000015]"},
      {{2, 20},
       counted(40, 123),
       DType::int64,
       "[[123 124 125 126 127 128 129 130 131 132 133 134 135 136 137 138 139 140\n"
       "  141 142]\n"
       " [143 144 145 146 147 148 149 150 151 152 153 154 155 156 157 158 159 160\n"
       "  161 162]]"},
      {{2, 40},
       counted(80, 0),
       DType::uint8,
       "[[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n"
       "  24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39]\n"
       " [40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63\n"
       "  64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79]]"},
      {{2, 2, 20},
       counted(80, 0, 11),
       DType::int64,
       "[[[  0  11  22  33  44  55  66  77  88  99 110 121 132 143 154 165 176\n"
       "   187 198 209]\n"
       "  [220 231 242 253 264 275 286 297 308 319 330 341 352 363 374 385 396\n"
       "   407 418 429]]\n"
       "\n"
       " [[440 451 462 473 484 495 506 517 528 539 550 561 572 583 594 605 616\n"
       "   627 638 649]\n"
       "  [660 671 682 693 704 715 726 737 748 759 770 781 792 803 814 825 836\n"
       "   847 858 869]]]"},
      {{1, 1, 20},
       counted(20, 1000000),
       DType::int64,
       "[[[1000000 1000001 1000002 1000003 1000004 1000005 1000006 1000007\n"
       "   1000008 1000009 1000010 1000011 1000012 1000013 1000014 1000015\n"
       "   1000016 1000017 1000018 1000019]]]"},
      {{1, 1, 1, 20},
       counted(20, 1234567),
       DType::int64,
       "[[[[1234567 1234568 1234569 1234570 1234571 1234572 1234573 1234574\n"
       "    1234575 1234576 1234577 1234578 1234579 1234580 1234581 1234582\n"
       "    1234583 1234584 1234585 1234586]]]]"},
      // more than 1000 elements: three at each end of axes of more than six
      {{6, 200},
       counted(1200, 0),
       DType::int64,
       "[[   0    1    2 ...  197  198  199]\n"
       " [ 200  201  202 ...  397  398  399]\n"
       " [ 400  401  402 ...  597  598  599]\n"
       " [ 600  601  602 ...  797  798  799]\n"
       " [ 800  801  802 ...  997  998  999]\n"
       " [1000 1001 1002 ... 1197 1198 1199]]"},
      {{7, 200},
       counted(1400, 0),
       DType::int64,
       "[[   0    1    2 ...  197  198  199]\n"
       " [ 200  201  202 ...  397  398  399]\n"
       " [ 400  401  402 ...  597  598  599]\n"
       " ...\n"
       " [ 800  801  802 ...  997  998  999]\n"
       " [1000 1001 1002 ... 1197 1198 1199]\n"
       " [1200 1201 1202 ... 1397 1398 1399]]"},
      {{7, 2, 100},
       counted(1400, 0),
       DType::int64,
       "[[[   0    1    2 ...   97   98   99]\n"
       "  [ 100  101  102 ...  197  198  199]]\n"
       "\n"
       " [[ 200  201  202 ...  297  298  299]\n"
       "  [ 300  301  302 ...  397  398  399]]\n"
       "\n"
       " [[ 400  401  402 ...  497  498  499]\n"
       "  [ 500  501  502 ...  597  598  599]]\n"
       "\n"
       " ...\n"
       "\n"
       " [[ 800  801  802 ...  897  898  899]\n"
       "  [ 900  901  902 ...  997  998  999]]\n"
       "\n"
       " [[1000 1001 1002 ... 1097 1098 1099]\n"
       "  [1100 1101 1102 ... 1197 1198 1199]]\n"
       "\n"
       " [[1200 1201 1202 ... 1297 1298 1299]\n"
       "  [1300 1301 1302 ... 1397 1398 1399]]]"},
      {{1001}, counted(1001, 0), DType::int64, "[   0    1    2 ...  998  999 1000]"},
  };
  for (const Printed& row : rows) {
    INFO(row.text);
    CHECK(elements_of(Tensor::of(row.shape, row.values, row.dtype)) == row.text);
  }
}

TEST_CASE("no line of a printed array has more than 75 characters, and no number is lost") {
  for (int rank = 1; rank <= 4; ++rank) {
    for (int digits = 1; digits <= 12; ++digits) {
      std::vector<std::int64_t> extents(static_cast<std::size_t>(rank), 1);
      extents.back() = 60;
      const Tensor x = Tensor::of(Shape(extents), counted(60, std::pow(10, digits - 1)), DType::int64);
      std::istringstream lines(elements_of(x));
      std::string text, line;
      std::size_t longest = 0, numbers = 0;
      while (std::getline(lines, line)) {
        longest = std::max(longest, line.size());
        std::erase(line, '['), std::erase(line, ']');
        std::istringstream words(line);
        while (words >> text) ++numbers;
      }
      INFO(rank << " axes of numbers of " << digits << " digits");
      CHECK(longest <= 75);
      CHECK(longest > 75 - static_cast<std::size_t>(digits + rank + 2));  // lines are filled
      CHECK(numbers == 60);
    }
  }
}

TEST_CASE("sizes are rounded to three or four digits of the largest unit below, and counts to millions") {
  const std::vector<std::pair<double, std::string>> sizes{
      {0, "0 B"},           {999.4, "999 B"},         {999.5, "1.0 kB"},
      {1049, "1.0 kB"},     {1051, "1.1 kB"},         {999.94e3, "999.9 kB"},
      {999.95e3, "1.0 MB"}, {999.96e3, "1.0 MB"},     {999.94e6, "999.9 MB"},
      {999.95e6, "1.0 GB"}, {12345.6e9, "12345.6 GB"}};
  for (const auto& [bytes, text] : sizes) CHECK(bytes_text(bytes) == text);
  const std::vector<std::pair<std::int64_t, std::string>> counts{
      {0, "0"},          {999, "999"},        {1000, "1,000"},
      {-999, "-999"},    {-1000, "-1,000"},   {-123456, "-123,456"},
      {12345, "12,345"}, {123456, "123,456"}, {1234567, "1,234,567"}};
  for (const auto& [count, text] : counts) CHECK(thousands(count) == text);
  CHECK(count_text(999'999) == "999,999");
  CHECK(count_text(1e6) == "1.0 million");
  CHECK(count_text(617'949'999) == "617.9 million");
}

}  // namespace xtape
