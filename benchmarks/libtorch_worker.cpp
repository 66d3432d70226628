// The worker for libtorch, with its fastest settings on a CPU: denormals are flushed, and inference runs a traced,
// frozen and optimized module.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/script.h>
#include <torch/torch.h>

#include "benchmarks/libtorch_networks.hpp"
#include "benchmarks/worker.hpp"
#include "framework/error.hpp"

using namespace xtape;
using namespace xtape::bench;

namespace {

nlohmann::json listed(const at::Tensor& x) {
  const at::Tensor flat = x.detach().contiguous();
  return std::vector<float>(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
}

class Training final : public Work {
 public:
  explicit Training(const WorkerOptions& options)
      : workload_(options.workload),
        data_(load_torch_data(options.data, options.channels_last)),
        adam_(trainable(), adam_options()) {}

  nlohmann::json digest() override {
    const auto [logits, loss] = forward_and_backward();
    nlohmann::json digest{{"outputs", listed(logits)}, {"loss", loss.item<double>()}};
    for (const auto& [path, weight] : data_.weights) {
      if (weight.dim() > 1) digest["gradients"][path] = weight.grad().to(at::kDouble).norm().item<double>();
    }
    update();
    return digest;
  }

  void step() override {
    forward_and_backward();
    update();
  }

 private:
  static torch::optim::AdamOptions adam_options() { return torch::optim::AdamOptions(1e-3).eps(1e-7); }

  std::vector<at::Tensor> trainable() {
    std::vector<at::Tensor> parameters;
    for (auto& [path, weight] : data_.weights) {
      if (path.find("/moving_") == std::string::npos) parameters.push_back(weight.requires_grad_(true));
    }
    return parameters;
  }

  std::pair<at::Tensor, at::Tensor> forward_and_backward() {
    const at::Tensor logits = torch_logits(workload_, data_.weights, data_.batch.at("images"));
    const at::Tensor loss = at::cross_entropy_loss(logits.flatten(0, -2), data_.batch.at("labels").flatten());
    loss.backward();
    return {logits, loss};
  }

  /// Adam's update. Gradients are released instead of set to zero, so the next backward pass does not add to them.
  void update() {
    adam_.step();
    for (auto& [path, weight] : data_.weights) weight.mutable_grad() = at::Tensor();
  }

  Workload workload_;
  TorchData data_;
  torch::optim::Adam adam_;
};

/// Replaces aten::_convolution, which a trace records, by aten::conv2d, which the conversion to the layout of oneDNN
/// expects.
void name_convolutions(torch::jit::Graph& graph) {
  for (auto node = graph.nodes().begin(); node != graph.nodes().end();) {
    torch::jit::Node* const traced = *node++;
    if (traced->kind() != c10::aten::_convolution) continue;
    std::vector<torch::jit::Value*> inputs;
    for (const std::size_t i : {0, 1, 2, 3, 4, 5, 8})
      inputs.push_back(traced->input(i));  // all but transposed, output padding and flags
    torch::jit::Node* const named = graph.create(c10::aten::conv2d, inputs)->insertBefore(traced);
    named->output()->setType(traced->output()->type());
    traced->output()->replaceAllUsesWith(named->output());
    traced->destroy();
  }
}

/// The network as an optimized TorchScript module. It is traced with its weights as attributes; freezing makes them
/// constants. Then batch normalization is folded into the convolutions, and these are converted to the layout of
/// oneDNN.
torch::jit::Module optimized(const Workload& workload, const TorchData& data) {
  const c10::InferenceMode no_gradients(false);
  const at::NoGradGuard guard;
  torch::jit::Module module("network");
  for (const auto& [path, weight] : data.weights) {
    std::string name = path;
    std::ranges::replace_if(
        name, [](char c) { return c == '/' || c == '.'; }, '_');
    module.register_buffer(name, weight);
  }
  const auto forward = [&](torch::jit::Stack inputs) {
    return torch::jit::Stack{torch_logits(workload, data.weights, inputs.at(0).toTensor())};
  };
  const auto [state, outputs] =
      torch::jit::tracer::trace({data.batch.at("images")}, forward, [](const at::Tensor&) { return std::string(); },
                                true, false, &module, {"images"});
  module.type()->addMethod(module._ivalue()->compilation_unit()->create_function("forward", state->graph));
  torch::jit::Module frozen = torch::jit::freeze(module);
  name_convolutions(*frozen.get_method("forward").graph());
  return torch::jit::optimize_for_inference(frozen);
}

class Inference final : public Work {
 public:
  explicit Inference(const WorkerOptions& options) {
    TorchData data = load_torch_data(options.data, options.channels_last);
    images_ = data.batch.at("images");
    module_ = optimized(options.workload, data);
  }
  nlohmann::json digest() override { return {{"outputs", listed(outputs())}}; }
  void step() override { outputs(); }

 private:
  at::Tensor outputs() {
    const c10::InferenceMode guard;
    return module_.forward({images_}).toTensor();
  }

  at::Tensor images_;
  torch::jit::Module module_;
};

std::unique_ptr<Work> make(const WorkerOptions& options) {
  check(options.workload.has_peer(), "libtorch worker: expected training or inference, got {}", options.workload.name);
  at::set_num_threads(options.threads);
  at::set_num_interop_threads(1);
  at::globalContext().setFlushDenormal(true);
  if (options.workload.trains()) return std::make_unique<Training>(options);
  return std::make_unique<Inference>(options);
}

}  // namespace

int main(int argc, char** argv) { return serve(argc, argv, make); }
