// Option rows of layers that normalize each sample.
#include <algorithm>
#include <cmath>
#include <set>

#include "layers/normalization/batch_normalization.hpp"
#include "layers/normalization/sample_normalization.hpp"
#include "tests/layers/sample_rows.hpp"

namespace xtape::test {
namespace {

// Normalization: elements with the same values on all axes but `axes`, and the same group of channels, belong together.

struct Statistics {
  std::set<int> axes;           ///< over which an element is normalized
  std::int64_t group_size = 0;  ///< channels of a group on the last axis; 0: no groups
  double epsilon = 1e-3;
  bool centered = true;
};

Reference normalized(const Statistics& s) {
  return [s](const Trial& t) {
    const Tensor& x = t.input();
    const auto together = [&](const Indices& a, const Indices& b) {
      for (int axis = 0; axis < x.rank(); ++axis) {
        const auto i = static_cast<std::size_t>(axis);
        if (s.group_size > 0 && axis == x.rank() - 1 && a[i] / s.group_size != b[i] / s.group_size) return false;
        if (!s.axes.contains(axis) && a[i] != b[i]) return false;
      }
      return true;
    };
    const auto parameter = [&](const char* name, const Indices& index, double otherwise) {
      if (!t.has(name)) return otherwise;
      const Tensor p = t.parameter(name);
      if (s.group_size > 0) return p.at({index.back()});
      Indices own;
      for (const int axis : s.axes) own.push_back(index[static_cast<std::size_t>(axis)]);
      return at(p, own);
    };
    return filled(x.shape(), [&](const Indices& index) {
      double sum = 0, squares = 0, n = 0;
      const auto each_one = [&](const auto& f) {
        static_cast<void>(filled(x.shape(), [&](const Indices& other) {
          if (together(index, other)) f(at(x, other));
          return 0.0;
        }));
      };
      each_one([&](double v) { sum += v, ++n; });
      const double mean = s.centered ? sum / n : 0;
      each_one([&](double v) { squares += (v - mean) * (v - mean); });
      const double y = (at(x, index) - mean) / std::sqrt(squares / n + s.epsilon);
      return y * parameter(s.centered ? "gamma" : "scale", index, 1) + parameter("beta", index, 0);
    });
  };
}

/// Rows for the initializers, regularizers and constraints of beta and gamma; row(option, change, check) adds one.
template <class Row>
void add_initial_values_and_limits(const Row& row) {
  for (const std::string name : {"beta", "gamma"}) {
    row(
        name + "_initializer",
        [&](auto& o) { (name == "beta" ? o.beta_initializer : o.gamma_initializer) = constant(0.25); },
        [name](const Trial& before, const Trial& after) {
          const Shape shape = before.initial(name).shape();
          CHECK(identical(before.initial(name), Tensor::full(shape, name == "beta" ? 0 : 1)));
          CHECK(identical(after.initial(name), Tensor::full(shape, 0.25)));
        });
    row(
        name + "_regularizer", [&](auto& o) { (name == "beta" ? o.beta_regularizer : o.gamma_regularizer) = l1(0.5); },
        [name](const Trial& before, const Trial& after) {
          double sum = 0;
          for (const double v : after.parameter(name).to_vector()) sum += std::abs(v);
          CHECK(before.penalty() == 0);
          CHECK(after.penalty() == Approx(0.5 * sum).epsilon(1e-12));
        });
    row(
        name + "_constraint", [&](auto& o) { (name == "beta" ? o.beta_constraint : o.gamma_constraint) = non_neg(); },
        [name](const Trial& before, const Trial& after) {
          CHECK_FALSE(before.handle(name).constraint());
          const Tensor value = after.parameter(name);
          const Tensor expected = each(value, [](double v) { return std::max(v, 0.0); });
          CHECK(largest_difference(after.handle(name).constraint()(value), expected) == 0);
        });
  }
}

/// The options that layers with gamma and beta share. `reference` is the output by the parameters that there are.
template <class Handle>
void add_gamma_and_beta(std::vector<OptionRow>& rows, const typename Handle::Options& plain, const Shape& sample,
                        const Reference& reference) {
  const auto row = [&](const std::string& option, const auto& change, const auto& check) {
    auto options = plain;
    change(options);
    add<Handle>(rows, option, plain, options, {sample}, check);
  };
  const auto without = [&](const char* name) {
    return [=](const Trial& with, const Trial& none) {
      CHECK((with.has(name) && !none.has(name)));
      outputs(reference, reference)(with, none);
    };
  };
  row(
      "center", [](auto& o) { o.center = false; }, without("beta"));
  row(
      "scale", [](auto& o) { o.scale = false; }, without("gamma"));
  add_initial_values_and_limits(row);
}

}  // namespace

void add_normalization_rows(std::vector<OptionRow>& rows) {
  const Shape sample{4, 3, 4};
  const Statistics last{.axes = {3}}, grouped{.axes = {1, 2, 3}, .group_size = 2};
  add_gamma_and_beta<LayerNormalization>(rows, {}, sample, normalized(last));
  add<LayerNormalization>(rows, "axis", {}, {.axis = {1, -1}}, {sample},
                          outputs(normalized(last), normalized({.axes = {1, 3}})));
  add<LayerNormalization>(rows, "epsilon", {}, {.epsilon = 0.5}, {sample},
                          outputs(normalized(last), normalized({.axes = {3}, .epsilon = 0.5})));
  add_initial_values_and_limits([&](const auto& option, auto change, const auto& check) {
    BatchNormalization::Options options;
    change(options);
    add<BatchNormalization>(rows, option, {}, options, {sample}, check);
  });
  add_gamma_and_beta<GroupNormalization>(rows, {.groups = 2}, sample, normalized(grouped));
  add<GroupNormalization>(rows, "groups", {.groups = 2}, {.groups = -1}, {sample},
                          outputs(normalized(grouped), normalized({.axes = {1, 2, 3}, .group_size = 1})));
  add<GroupNormalization>(
      rows, "axis", {.groups = 2}, {.groups = 2, .axis = 1}, {sample}, [](const Trial& plain, const Trial& changed) {
        // as with the first axis moved to the end, since both have four channels
        CHECK(changed.initial("gamma").shape() == plain.initial("gamma").shape());
        const Tensor& x = changed.input();
        const Tensor y = changed.output();
        for (std::int64_t g = 0; g < 2; ++g) {
          double sum = 0;
          for (std::int64_t c = 2 * g; c < 2 * g + 2; ++c) {
            const double gamma = changed.parameter("gamma").at({c}), beta = changed.parameter("beta").at({c});
            for (std::int64_t j = 0; j < 3; ++j) {
              for (std::int64_t k = 0; k < 4; ++k) sum += (y.at({0, c, j, k}) - beta) / gamma;
            }
          }
          CHECK(std::abs(sum) < 1e-9);
        }
        CHECK(y.shape() == x.shape());
        CHECK(largest_difference(y, plain.output()) > 1e-3);
      });
  add<GroupNormalization>(rows, "epsilon", {.groups = 2}, {.groups = 2, .epsilon = 0.5}, {sample},
                          outputs(normalized(grouped), normalized({{1, 2, 3}, 2, 0.5})));
  const Statistics rms{.axes = {3}, .epsilon = 1e-6, .centered = false};
  add<RMSNormalization>(rows, "axis", {}, {.axis = {2, 3}}, {sample},
                        outputs(normalized(rms), normalized({{2, 3}, 0, 1e-6, false})));
  add<RMSNormalization>(rows, "epsilon", {}, {.epsilon = 0.5}, {sample},
                        outputs(normalized(rms), normalized({{3}, 0, 0.5, false})));
  const auto unit = [](const std::set<int>& axes) {
    return [axes](const Trial& t) {
      return filled(t.input().shape(), [&](const Indices& index) {
        double squares = 0;
        static_cast<void>(filled(t.input().shape(), [&](const Indices& other) {
          bool together = true;
          for (int axis = 0; axis < 4; ++axis) {
            const auto i = static_cast<std::size_t>(axis);
            together = together && (axes.contains(axis) || index[i] == other[i]);
          }
          if (together) squares += at(t.input(), other) * at(t.input(), other);
          return 0.0;
        }));
        return at(t.input(), index) / std::sqrt(squares);
      });
    };
  };
  add<UnitNormalization>(rows, "axis", {}, {.axis = {1, 2}}, {sample}, outputs(unit({3}), unit({1, 2})));
}

}  // namespace xtape::test
