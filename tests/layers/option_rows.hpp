// The table of options: for each option of each layer two layers that differ in it, and the expected difference.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "framework/tensor/random.hpp"
#include "layers/graph/layer.hpp"

namespace xtape::test {

/// Random inputs of a layer: samples (3, ...) of normal numbers, or of tokens 0 and 1 for int64.
Tensor random_samples(RandomStream& random, const Shape& sample, DType dtype);

/// A layer in float64 with random inputs and parameters.
class Trial {
 public:
  Trial(const std::shared_ptr<Layer>& layer, const std::vector<Shape>& samples, DType dtype);

  const Layer& layer() const { return *layer_; }
  const Tensor& input(std::size_t i = 0) const { return inputs_[i].value(); }
  bool has(const std::string& name) const { return initial_.contains(name); }
  /// The initial value of the parameter, and its current value.
  const Tensor& initial(const std::string& name) const { return initial_.at(name); }
  Tensor parameter(const std::string& name) const;
  Parameter handle(const std::string& name) const;
  Tensor output(Mode mode = Mode::inference) const;  ///< training with seed 6 and step 7
  /// The regularization loss.
  double penalty() const;

 private:
  std::shared_ptr<Layer> layer_;
  std::vector<Variable> inputs_;
  std::map<std::string, Tensor> initial_;
};

struct OptionRow {
  std::string option;
  std::shared_ptr<Layer> plain, changed;
  std::vector<Shape> samples;
  std::function<void(const Trial& plain, const Trial& changed)> check;
  DType dtype = DType::float32;  ///< of the inputs, as in TensorSpec
};

/// The check of an option by which the output becomes `expected`, and was `before`.
std::function<void(const Trial&, const Trial&)> outputs(std::function<Tensor(const Trial&)> before,
                                                        std::function<Tensor(const Trial&)> expected);

void add_rectifier_rows(std::vector<OptionRow>& rows);
void add_embedding_rows(std::vector<OptionRow>& rows);
void add_convolution_axes_rows(std::vector<OptionRow>& rows);
void add_normalization_rows(std::vector<OptionRow>& rows);
void add_sample_rows(std::vector<OptionRow>& rows);

/// All rows, with new layers.
std::vector<OptionRow> option_rows();

}  // namespace xtape::test
