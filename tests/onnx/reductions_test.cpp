// load_onnx(): reductions of images and of arrays over all combinations of axes, against plain loops.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "framework/tensor/random.hpp"
#include "models/files/onnx/onnx_file.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

using Reduction = std::function<double(const std::vector<double>&)>;

/// The reduction of x over the axes that are bits of `axes`, in the order of the other axes.
std::vector<double> reduced(const Tensor& x, unsigned axes, const Reduction& f) {
  std::map<std::vector<std::int64_t>, std::vector<double>> parts;
  const std::vector<double> values = x.to_vector();
  for (std::int64_t i = 0; i < x.size(); ++i) {
    std::vector<std::int64_t> place;
    std::int64_t rest = i;
    for (int axis = x.rank() - 1; axis >= 0; --axis) {
      place.insert(place.begin(), (axes >> axis & 1) != 0 ? 0 : rest % x.dim(axis));
      rest /= x.dim(axis);
    }
    parts[place].push_back(values[static_cast<std::size_t>(i)]);
  }
  std::vector<double> result;
  for (const auto& [place, part] : parts) result.push_back(f(part));
  return result;
}

/// The sum of g over the values.
template <class G>
double total_of(const std::vector<double>& values, const G& g) {
  return std::accumulate(values.begin(), values.end(), 0.0, [&](double sum, double value) { return sum + g(value); });
}

const std::vector<std::pair<std::string, Reduction>>& reductions() {
  using Values = const std::vector<double>&;
  static const auto itself = [](double v) { return v; };
  static const auto squared = [](double v) { return v * v; };
  static const std::vector<std::pair<std::string, Reduction>> all{
      {"ReduceMean", [](Values v) { return total_of(v, itself) / static_cast<double>(v.size()); }},
      {"ReduceSum", [](Values v) { return total_of(v, itself); }},
      {"ReduceMax", [](Values v) { return std::ranges::max(v); }},
      {"ReduceMin", [](Values v) { return std::ranges::min(v); }},
      {"ReduceProd", [](Values v) { return std::accumulate(v.begin(), v.end(), 1.0, std::multiplies()); }},
      {"ReduceL1", [](Values v) { return total_of(v, [](double one) { return std::abs(one); }); }},
      {"ReduceL2", [](Values v) { return std::sqrt(total_of(v, squared)); }},
      {"ReduceSumSquare", [](Values v) { return total_of(v, squared); }},
      {"ReduceLogSum", [](Values v) { return std::log(total_of(v, itself)); }},
      {"ReduceLogSumExp", [](Values v) { return std::log(total_of(v, [](double one) { return std::exp(one); })); }}};
  return all;
}

/// A model with one node that reads x; x is an image if a pooling comes before, which changes nothing.
Model model_of_node(const std::string& type, const Shape& shape, bool image,
                    const std::function<void(xtape_onnx::NodeProto&, xtape_onnx::GraphProto&)>& set, int opset = 17) {
  const TemporaryFolder folder;
  const auto change = [&](xtape_onnx::ModelProto& file) {
    file.mutable_opset_import(0)->set_version(opset);
    auto& graph = *file.mutable_graph();
    auto& extents = shape_of_input(graph);
    for (int axis = 1; axis < shape.rank(); ++axis) {
      (axis == 1 ? extents.mutable_dim(1) : extents.add_dim())->set_dim_value(shape[axis]);
    }
    if (image) {
      auto& window = *graph.mutable_node(0)->add_attribute();
      window.set_name("kernel_shape");
      window.set_type(xtape_onnx::AttributeProto::INTS);
      for (int axis = 2; axis < shape.rank(); ++axis) window.add_ints(1);
    }
    set(add_node(graph, type, {"y"}, "z"), graph);
    graph.mutable_output(0)->set_name("z");
  };
  return load_onnx(file_with(folder, image ? "MaxPool" : "Relu", change), {.images = ImageAxes::channels_first});
}

/// A model that reduces x over axes of samples.
Model reducing(const std::string& type, const Shape& shape, unsigned axes, bool keep, bool image) {
  return model_of_node(type, shape, image, [&](xtape_onnx::NodeProto& node, xtape_onnx::GraphProto&) {
    set_number(node, "keepdims", keep ? 1 : 0);
    auto& given = *node.add_attribute();
    given.set_name("axes");
    given.set_type(xtape_onnx::AttributeProto::INTS);
    for (int axis = 1; axis < shape.rank(); ++axis) {
      if ((axes >> axis & 1) != 0) given.add_ints(axis % 2 == 0 ? axis : axis - shape.rank());
    }
  });
}

/// f of each row of x (before, row, behind), in place.
std::vector<double> of_rows(const Tensor& x, std::int64_t row, std::int64_t behind,
                            const std::function<void(std::vector<double>&)>& f) {
  std::vector<double> values = x.to_vector(), one(static_cast<std::size_t>(row));
  for (std::int64_t i = 0; i < x.size(); ++i) {
    if (i / behind % row != 0) continue;
    const auto at = [&](std::size_t k) -> double& {
      return values[static_cast<std::size_t>(i + static_cast<std::int64_t>(k) * behind)];
    };
    for (std::size_t k = 0; k < one.size(); ++k) one[k] = at(k);
    f(one);
    for (std::size_t k = 0; k < one.size(); ++k) at(k) = one[k];
  }
  return values;
}

void check_values(const Tensor& y, const Shape& shape, const std::vector<double>& expected) {
  REQUIRE(y.shape() == shape);
  const std::vector<double> found = y.to_vector();
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == Approx(expected[i]).epsilon(1e-5));
}

const std::vector<Shape> sample_shapes{{2, 3, 4}, {2, 3, 4, 5}, {2, 3, 2, 4, 5}};

}  // namespace

TEST_CASE("reductions of images and arrays are their definitions, over every combination of axes") {
  for (const Shape& shape : sample_shapes) {
    const Tensor x = RandomStream(1).uniform(shape, 0.5, 2);
    for (const bool image : {true, false}) {
      for (unsigned axes = 2; axes < 1U << shape.rank(); axes += 2) {
        for (const bool keep : {true, false}) {
          for (const auto& [type, f] : reductions()) {
            INFO(type << " of " << shape.rank() << " axes, " << axes << ' ' << keep << ' ' << image);
            std::vector<std::int64_t> extents;
            for (int axis = 0; axis < shape.rank(); ++axis) {
              const bool gone = (axes >> axis & 1) != 0;
              if (!gone || keep) extents.push_back(gone ? 1 : shape[axis]);
            }
            check_values(run(reducing(type, shape, axes, keep, image), x)[0].value(), Shape(extents),
                         reduced(x, axes, f));
          }
        }
      }
    }
  }
}

TEST_CASE("CumSum adds the elements up to each one along every axis, or only those before it, from either end") {
  for (const Shape& shape : sample_shapes) {
    const Tensor x = RandomStream(1).uniform(shape, 0.5, 2);
    std::int64_t behind = x.size() / shape[0];
    for (int axis = 1; axis < shape.rank(); ++axis) {
      behind /= shape[axis];
      for (int kind = 0; kind < 8; ++kind) {
        const bool image = kind % 2 != 0, exclusive = kind / 2 % 2 != 0, reverse = kind / 4 != 0;
        INFO(shape.rank() << ' ' << axis << ' ' << image << ' ' << exclusive << ' ' << reverse);
        const Model model = model_of_node("CumSum", shape, image, [&](auto& node, auto& graph) {
          add_constant(graph, "axis", {}, {axis % 2 == 0 ? axis : axis - shape.rank()});
          node.add_input("axis");
          if (exclusive) set_number(node, "exclusive", 1);
          if (reverse) set_number(node, "reverse", 1);
        });
        check_values(run(model, x)[0].value(), shape, of_rows(x, shape[axis], behind, [&](std::vector<double>& row) {
                       if (reverse) std::ranges::reverse(row);
                       exclusive ? std::exclusive_scan(row.begin(), row.end(), row.begin(), 0.0)
                                 : std::inclusive_scan(row.begin(), row.end(), row.begin());
                       if (reverse) std::ranges::reverse(row);
                     }));
      }
    }
  }
}

TEST_CASE("Softmax and LogSoftmax are over one axis, and below opset 13 over all axes from the given one on") {
  for (const Shape& shape : sample_shapes) {
    const Tensor x = RandomStream(1).uniform(shape, 0.5, 2);
    std::int64_t behind = x.size() / shape[0];
    for (int axis = 1; axis < shape.rank(); ++axis) {
      const std::int64_t from_here = behind;
      behind /= shape[axis];
      for (int kind = 0; kind < 8; ++kind) {
        const bool image = kind % 2 != 0, log = kind / 2 % 2 != 0, old = kind / 4 != 0;
        INFO(shape.rank() << ' ' << axis << ' ' << image << ' ' << log << ' ' << old);
        const Model model = model_of_node(
            log ? "LogSoftmax" : "Softmax", shape, image,
            [&](auto& node, auto&) { set_number(node, "axis", axis % 2 == 0 ? axis : axis - shape.rank()); },
            old ? 12 : 13);
        check_values(run(model, x)[0].value(), shape,
                     of_rows(x, old ? from_here : shape[axis], old ? 1 : behind, [&](std::vector<double>& row) {
                       const double all = total_of(row, [](double v) { return std::exp(v); });
                       for (double& v : row) v = log ? v - std::log(all) : std::exp(v) / all;
                     }));
      }
    }
  }
}
