// Einsum of load_onnx() compared with its definition: the sum of the products of all elements with the same letters.
#include <map>
#include <string>
#include <vector>

#include "framework/tensor/random.hpp"
#include "models/files/onnx/import_graph.hpp"
#include "tests/onnx/file_parts.hpp"

using namespace xtape;
using namespace xtape::test;

namespace {

/// The sums with the letters of `output`, for operands whose axes have letters.
Tensor einsum_of(const std::vector<std::pair<std::string, Tensor>>& operands, const std::string& output) {
  std::map<char, std::int64_t> extents;
  for (const auto& [letters, tensor] : operands) {
    for (std::size_t i = 0; i < letters.size(); ++i) extents[letters[i]] = tensor.dim(static_cast<int>(i));
  }
  const auto place = [&](const std::string& letters, const std::map<char, std::int64_t>& at) {
    std::int64_t index = 0;
    for (const char letter : letters) index = index * extents[letter] + at.at(letter);
    return static_cast<std::size_t>(index);
  };
  std::vector<std::int64_t> shape;
  for (const char letter : output) shape.push_back(extents[letter]);
  std::vector<double> sums(static_cast<std::size_t>(Shape(shape).size()), 0);
  std::map<char, std::int64_t> at;
  const auto visit = [&](const auto& self, std::map<char, std::int64_t>::const_iterator next) -> void {
    if (next == extents.cend()) {
      double product = 1;
      for (const auto& [letters, tensor] : operands) product *= tensor.to_vector()[place(letters, at)];
      sums[place(output, at)] += product;
      return;
    }
    for (at[next->first] = 0; at[next->first] < next->second; ++at[next->first]) self(self, std::next(next));
  };
  visit(visit, extents.cbegin());
  return Tensor::of(Shape(shape), sums);
}

}  // namespace

TEST_CASE("Einsum has the values of its definition wherever the batch and the other letters are") {
  const Tensor x = RandomStream(1).uniform({2, 3, 4}, -1, 1);
  const std::map<std::string, Tensor> constants{{"matrix", RandomStream(2).uniform({4, 5}, -1, 1)},
                                                {"same", RandomStream(3).uniform({3, 4}, -1, 1)},
                                                {"turned", RandomStream(4).uniform({4, 3}, -1, 1)},
                                                {"row", RandomStream(5).uniform({4}, -1, 1)}};
  struct Row {
    Names inputs;
    std::string equation, output;  // what the output is, if the equation does not say it
  };
  const std::vector<Row> rows{
      {{"x"}, "bij->bij", "bij"},
      {{"x"}, "bij->bji", "bji"},
      {{"x"}, "bij->jbi", "jbi"},
      {{"x"}, "bij->ijb", "ijb"},
      {{"x"}, "bij->bi", "bi"},
      {{"x"}, "bij->jb", "jb"},
      {{"x"}, "bij->b", "b"},
      {{"x"}, "bij", "bij"},
      {{"x"}, "jba", "abj"},  // the letters in alphabetical order
      {{"x", "matrix"}, "bij,jk->bik", "bik"},
      {{"x", "matrix"}, "bij,jk->bki", "bki"},
      {{"x", "matrix"}, "bij,jk->kbi", "kbi"},
      {{"x", "matrix"}, "bij,jk->ikb", "ikb"},
      {{"x", "matrix"}, "bij,jk", "bik"},
      {{"x", "matrix"}, " b i j , j k -> b i k ", "bik"},
      {{"x", "matrix"}, "zij,jk", "ikz"},
      {{"matrix", "x"}, "jk,bij->bik", "bik"},
      {{"matrix", "x"}, "jk,bij->kib", "kib"},
      {{"x", "same"}, "bij,ij->b", "b"},
      {{"x", "same"}, "bij,ij->bj", "bj"},
      {{"x", "same"}, "bij,ij->jb", "jb"},
      {{"x", "same"}, "bij,ij->jbi", "jbi"},
      {{"x", "same"}, "bij,kj->bik", "bik"},
      {{"x", "turned"}, "bij,ji->b", "b"},
      {{"turned", "x"}, "ji,bij->ib", "ib"},
      {{"x", "row"}, "bij,j->bi", "bi"},
      {{"row", "x"}, "j,bij->ib", "ib"},
      {{"x", "row"}, "bij,k->bijk", "bijk"},
      {{"x", "row"}, "bij,k->kbij", "kbij"},
      {{"x", "x"}, "bij,bij->b", "b"},
      {{"x", "x"}, "bij,bkj->bik", "bik"},
      {{"x", "x"}, "bij,bkj->kib", "kib"},
      {{"x", "x"}, "bij,bik->bjk", "bjk"},
      {{"x", "x"}, "bij,bij->jb", "jb"},
      {{"x", "x"}, "Bij,Bij->BjI", ""},  // refused: I is no letter of an operand
  };
  for (const auto& [inputs, equation, output] : rows) {
    INFO(fmt::format("{} of {}", equation, fmt::join(inputs, ", ")));
    auto file = file_with_input(17);
    auto& graph = *file.mutable_graph();
    add_axes(shape_of_input(graph), {0, 3, 4});
    for (const auto& [name, value] : constants) {
      const std::vector<float> elements(value.data<float>(), value.data<float>() + value.size());
      add_floats(graph, name, {value.shape().begin(), value.shape().end()}, elements);
    }
    set_text(add_node(graph, "Einsum", inputs, "y"), "equation", equation);
    // the outputs of a model have the batch first
    std::string plain = equation.substr(0, equation.find("->"));
    std::erase(plain, ' ');
    const std::size_t comma = plain.find(','), of_x = inputs[0] == "x" ? 0 : comma + 1;
    const char batch = plain[of_x];
    std::string batch_first(1, batch);
    std::vector<std::int64_t> order{static_cast<std::int64_t>(output.find(batch))};
    for (std::size_t i = 0; i < output.size(); ++i) {
      if (output[i] == batch) continue;
      order.push_back(static_cast<std::int64_t>(i));
      batch_first += output[i];
    }
    set_order(add_node(graph, "Transpose", {"y"}, "z"), order);
    graph.add_output()->set_name("z");
    const auto loaded = [&] { return onnx::ImportGraph(file, "", {.images = ImageAxes::channels_first}).model(); };
    if (output.empty()) {
      CHECK(error_of([&] { loaded(); }) ==
            "node \"y\" (Einsum, opset 17): equation: expected letters of operands in the output, each once, got "
            "\"Bij,Bij->BjI\"");
      continue;
    }
    std::vector<std::pair<std::string, Tensor>> operands;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      operands.emplace_back(i == 0 ? plain.substr(0, comma) : plain.substr(comma + 1),
                            inputs[i] == "x" ? x : constants.at(inputs[i]));
    }
    const Tensor z = test::run(loaded(), x)[0].value(), expected = einsum_of(operands, batch_first);
    REQUIRE(z.shape() == expected.shape());
    CHECK(largest_difference(z.to(DType::float64), expected.to(DType::float64)) < 1e-6);
  }
}
