// The worker for xtape.
#include <cmath>
#include <nlohmann/json.hpp>
#include <xtape/xtape.hpp>

#include "benchmarks/worker.hpp"

using namespace xtape;
using namespace xtape::bench;

namespace {

Model build(const Workload& w) {
  const Shape input{w.image_size, w.image_size, 3};
  if (w.network == "convnet") return conv_net({.input = input, .classes = w.classes});
  if (w.network == "unet") return unet({.input = input, .classes = w.classes});
  if (w.network == "mobilenet_v2") {  // torchvision's padding needs no separate step in libtorch
    return mobilenet_v2(
        {.input = input, .classes = w.classes, .implementation = Implementation::torchvision, .dropout = 0});
  }
  check(w.network == "resnet50", "benchmark worker: expected network resnet50, convnet, mobilenet_v2 or unet, got {}",
        w.network);
  return resnet50({.input = input,
                   .classes = w.classes,
                   .pooling = w.global_pooling ? Pooling::global_average : Pooling::average2x2});
}

/// Changes biases, gammas, betas and moving averages, because values of 0 and 1 would hide mistakes.
void randomize_vectors(const Model& model) {
  RandomStream random(7);
  for (const Parameter& parameter : model.parameters()) {
    if (parameter.shape().rank() != 1) continue;
    parameter.set_value((Variable(parameter.value()) + random.uniform(parameter.shape(), -0.3, 0.3)).value());
  }
}

double norm(const Tensor& x) {
  double squares = 0;  // without a copy, which would increase the measured memory
  for (const float* value = x.data<float>(); value != x.data<float>() + x.size(); ++value) {
    squares += static_cast<double>(*value) * static_cast<double>(*value);
  }
  return std::sqrt(squares);
}

/// The common part of training, inference and gradient check: a model and one batch.
class XtapeWork : public Work {
 public:
  explicit XtapeWork(const WorkerOptions& options)
      : workload_(options.workload),
        model_(build(options.workload)),
        images_(RandomStream(1).uniform(model_.input_shape().prepended(workload_.batch))) {
    if (workload_.exact) set_exact_convolutions(true);
    randomize_vectors(model_);
    const Shape outputs = model_.output_shape().prepended(workload_.batch);
    const std::int64_t labels = outputs.size() / workload_.classes;  // one for each image or pixel
    std::vector<std::int64_t> classes;
    for (std::int64_t i = 0; i < labels; ++i) classes.push_back(i * 5 % workload_.classes);
    labels_ = Tensor::labels(classes);
    if (outputs.rank() == 4) labels_ = labels_.reshaped({outputs[0], outputs[1], outputs[2]});
    if (!options.data.empty()) save(options.data);
    if (!options.onnx.empty()) save_onnx(model_, options.onnx);
  }

 protected:
  nlohmann::json facts() const {
    const MultiplyAdds work = multiply_adds(model_);
    return {{"multiply_adds",
             static_cast<double>(workload_.batch) * (workload_.trains() ? work.forward + work.backward : work.forward)},
            {"parameters", model_.parameter_count()}};
  }

  Workload workload_;
  Model model_;
  Tensor images_, labels_;

 private:
  void save(const std::string& path) const {
    std::vector<NamedTensor> tensors{{"images", images_}, {"labels", labels_}};
    for (const auto& [name, parameter] : model_.named_parameters()) tensors.push_back({name, parameter.value()});
    save_safetensors(path, tensors);
  }
};

class Training final : public XtapeWork {
 public:
  explicit Training(const WorkerOptions& options) : XtapeWork(options), adam_(model_.parameters()) {}

  nlohmann::json digest() override {
    nlohmann::json digest = facts();
    ForwardPass pass(Mode::training, {.step = adam_.iterations(), .recompute = workload_.recompute});
    const auto [outputs, loss] = forward(pass);
    pass.backward(loss, [&digest](const Parameter& parameter, const Tensor& gradient) {
      if (parameter.shape().rank() > 1) digest["gradients"][parameter.name()] = norm(gradient);
    });
    digest["outputs"] = outputs.value().to_vector();
    digest["loss"] = loss.value().item();
    return digest;
  }

  void step() override {
    ForwardPass pass(Mode::training, {.step = adam_.iterations(), .recompute = workload_.recompute});
    adam_.minimize(forward(pass).loss, pass);
  }

 private:
  struct Forward {
    Variable outputs, loss;
  };
  Forward forward(ForwardPass& pass) const {
    const Variable outputs = model_(images_, pass);
    return {outputs, softmax_cross_entropy(outputs, labels_)};
  }

  Adam adam_;
};

class Inference final : public XtapeWork {
 public:
  using XtapeWork::XtapeWork;
  nlohmann::json digest() override {
    nlohmann::json digest = facts();
    digest["outputs"] = outputs().to_vector();
    return digest;
  }
  void step() override { static_cast<void>(outputs()); }

 private:
  Tensor outputs() const {
    ForwardPass pass(Mode::inference);
    return model_(images_, pass).value();
  }
};

/// A check of all derivatives. Its unit is one direction in the space of all parameters and the images. A direction
/// takes four forward passes, and its share of one training pass and one more forward pass.
class GradientCheck final : public XtapeWork {
 public:
  using XtapeWork::XtapeWork;
  nlohmann::json digest() override {
    step();
    nlohmann::json digest = facts();
    const MultiplyAdds one = multiply_adds(model_);
    const double passes = (4 * directions_ + 2) * one.forward + one.backward;
    digest["multiply_adds"] = static_cast<double>(workload_.batch) * passes / directions_;
    digest["float64"] = true;
    return digest;
  }
  void step() override {
    const GradientReport report =
        check_model(model_, images_, [this](const Variable& y) { return softmax_cross_entropy(y, labels_); },
                    {.directions = 4, .directions_each = 0, .float32_tolerance = 0});
    check(report.passed(), "gradcheck-resnet50: expected correct derivatives, got {}", to_string(report));
    directions_ = static_cast<double>(report.inputs.front().checked + report.inputs.front().skipped);
  }
  double units_per_step() const override { return directions_; }

 private:
  double directions_ = 1;
};

std::unique_ptr<Work> make(const WorkerOptions& options) {
  set_num_threads(options.threads);
  switch (options.workload.task) {
    case Task::train: return std::make_unique<Training>(options);
    case Task::infer: return std::make_unique<Inference>(options);
    case Task::gradcheck: return std::make_unique<GradientCheck>(options);
  }
  fail("benchmark worker: expected a task train, infer or gradcheck, got number {}",
       static_cast<int>(options.workload.task));
}

}  // namespace

int main(int argc, char** argv) { return serve(argc, argv, make); }
