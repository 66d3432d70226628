#include "benchmarks/libtorch_networks.hpp"

#include <ATen/ATen.h>
#include <fstream>
#include <nlohmann/json.hpp>

#include "framework/error.hpp"

namespace xtape::bench {
namespace {

using T = const at::Tensor&;

/// Reads the array that `header` describes at the position of the stream.
at::Tensor read_tensor(std::istream& file, const nlohmann::json& header) {
  const std::string type = header.at("dtype");
  check(type == "F32" || type == "I64", "expected F32 or I64, got {}", type);
  const auto extents = header.at("shape").get<std::vector<std::int64_t>>();
  at::Tensor tensor = at::empty(extents, type == "F32" ? at::kFloat : at::kLong);
  file.read(static_cast<char*>(tensor.data_ptr()), static_cast<std::streamsize>(tensor.nbytes()));
  check(file.good(), "expected all arrays, got a short file");
  return tensor;
}

/// Converts from the layout of xtape to that of PyTorch.
at::Tensor in_torch_layout(const std::string& name, T x, at::MemoryFormat format) {
  if (name == "images") return x.permute({0, 3, 1, 2}).contiguous(format);
  if (name.ends_with("depthwise_kernel")) return x.permute({2, 3, 0, 1}).contiguous(format);
  if (x.dim() == 4) return x.permute({3, 2, 0, 1}).contiguous(format);
  return x.dim() == 2 ? x.t().contiguous() : x;
}

class Network {
 public:
  Network(const Workload& workload, const TorchWeights& weights) : workload_(workload), weights_(weights) {}

  at::Tensor operator()(T images) const {
    if (workload_.network == "convnet") return conv_net(images);
    if (workload_.network == "mobilenet_v2") return mobilenet_v2(images);
    return workload_.network == "unet" ? unet(images) : resnet50(images);
  }

 private:
  const at::Tensor& weight(const std::string& path) const {
    const auto found = weights_.find(path);
    check(found != weights_.end(),
          "libtorch worker: expected a weight {}, got none; do both sides build the same network?", path);
    return found->second;
  }

  /// Convolution and batch normalization. Padding and dilation are given for both axes, because a trace records a
  /// default in a short form that the conversion to oneDNN does not accept.
  at::Tensor normalized_convolution(T x, const std::string& convolution, const std::string& normalization,
                                    std::int64_t stride, std::int64_t padding) const {
    const at::Tensor y = at::conv2d(x, weight(convolution + "/kernel"), weight(convolution + "/bias"), {stride, stride},
                                    {padding, padding}, {1, 1});
    return normalized(y, normalization, 0.01, 1e-3);
  }

  /// Batch normalization. `momentum` is the weight of the new statistics.
  at::Tensor normalized(T x, const std::string& name, double momentum, double epsilon) const {
    return at::batch_norm(x, weight(name + "/gamma"), weight(name + "/beta"), weight(name + "/moving_mean"),
                          weight(name + "/moving_variance"), workload_.trains(), momentum, epsilon, false);
  }

  at::Tensor bottleneck(T x, int stage, char block) const {
    const auto unit = [&](T in, const std::string& branch, std::int64_t stride, std::int64_t padding) {
      const std::string unit_name = fmt::format("{}{}_branch{}", stage, block, branch);
      return normalized_convolution(in, "res" + unit_name, "bn" + unit_name, stride, padding);
    };
    const std::int64_t stride = block == 'a' && stage > 2 ? 2 : 1;
    at::Tensor y = unit(x, "2a", stride, 0).relu_();
    y = unit(y, "2b", 1, 1).relu_();
    y = unit(y, "2c", 1, 0);
    return y.add_(block == 'a' ? unit(x, "1", stride, 0) : x).relu_();
  }

  at::Tensor resnet50(T images) const {
    at::Tensor x = normalized_convolution(images, "conv1", "bn_conv1", 2, 3).relu_();
    x = at::max_pool2d(x, {3, 3}, {2, 2}, {0, 0});
    const std::vector<std::string> stages{"abc", "abcd", "abcdef", "abc"};
    for (int stage = 2; stage <= 5; ++stage) {
      for (const char block : stages[static_cast<std::size_t>(stage - 2)]) x = bottleneck(x, stage, block);
    }
    x = workload_.global_pooling ? at::adaptive_avg_pool2d(x, {1, 1}) : at::avg_pool2d(x, {2, 2});
    return dense(x, fmt::format("fc{}", workload_.classes));
  }

  /// A convolution with the bias that its layer has, if any. With `groups` it is a depthwise convolution.
  at::Tensor convolution(T x, const std::string& name, std::int64_t stride, std::int64_t padding,
                         std::int64_t groups = 1) const {
    const auto bias = weights_.find(name + "/bias");
    return at::conv2d(x, weight(name + (groups > 1 ? "/depthwise_kernel" : "/kernel")),
                      bias == weights_.end() ? at::Tensor() : bias->second, {stride, stride}, {padding, padding},
                      {1, 1}, groups);
  }

  at::Tensor mobilenet_v2(T images) const {
    const auto unit = [&](T in, const std::string& conv, const std::string& norm, std::int64_t stride,
                          std::int64_t padding, std::int64_t groups = 1) {
      return normalized(convolution(in, conv, stride, padding, groups), norm, 0.1, 1e-5);
    };
    const auto relu6 = [](at::Tensor in) { return at::hardtanh_(in, 0.0, 6.0); };
    struct Stage {
      int blocks;
      std::int64_t stride;
    };
    at::Tensor x = relu6(unit(images, "features.0.0", "features.0.1", 2, 1));
    int number = 0;
    for (const Stage stage : {Stage{1, 1}, {2, 2}, {3, 2}, {4, 2}, {3, 1}, {3, 2}, {1, 1}}) {
      for (int block = 0; block < stage.blocks; ++block) {
        const std::string prefix = fmt::format("features.{}.conv.", ++number);
        at::Tensor y = x;
        int part = 0;
        if (number > 1) y = relu6(unit(y, prefix + "0.0", prefix + "0.1", 1, 0)), part = 1;
        const std::string depthwise = fmt::format("{}{}", prefix, part);
        y = relu6(unit(y, depthwise + ".0", depthwise + ".1", block == 0 ? stage.stride : 1, 1, y.size(1)));
        y = unit(y, fmt::format("{}{}", prefix, part + 1), fmt::format("{}{}", prefix, part + 2), 1, 0);
        x = block == 0 ? y : y.add_(x);
      }
    }
    x = relu6(unit(x, "features.18.0", "features.18.1", 1, 0));
    return dense(at::adaptive_avg_pool2d(x, {1, 1}), "classifier.1");
  }

  at::Tensor unet(T images) const {
    const auto convolutions = [&](at::Tensor x, const std::string& name) {
      for (int i = 1; i <= 2; ++i) {
        const std::string prefix = fmt::format("{}_{}_", name, i);
        x = normalized(convolution(x, prefix + "conv", 1, 1), prefix + "bn", 0.1, 1e-3).relu_();
      }
      return x;
    };
    constexpr int levels = 5;
    at::Tensor x = images;
    std::vector<at::Tensor> skips;
    for (int level = 1; level < levels; ++level) {
      skips.push_back(convolutions(x, fmt::format("down{}", level)));
      x = at::max_pool2d(skips.back(), {2, 2}, {2, 2}, {0, 0});
    }
    x = convolutions(x, fmt::format("down{}", levels));
    for (int level = levels - 1; level >= 1; --level) {
      const std::string name = fmt::format("up{}", level);
      x = at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)});
      x = convolution(at::constant_pad_nd(x, {0, 1, 0, 1}), name + "_conv", 1, 0).relu_();
      x = convolutions(at::cat({skips[static_cast<std::size_t>(level - 1)], x}, 1), name);
    }
    return convolution(x, "logits", 1, 0).permute({0, 2, 3, 1});
  }

  at::Tensor conv_net(T images) const {
    at::Tensor x = same_convolution(images, "conv2d_1", {1, 2, 1, 2}).relu_();
    x = at::max_pool2d(x, {8, 8}, {8, 8});
    x = same_convolution(x, "conv2d_2", {0, 1, 0, 1}).relu_();
    return dense(at::max_pool2d(x, {4, 4}, {4, 4}), "dense_1");
  }

  /// A convolution with TensorFlow's "same" padding, where an odd row or column is added at the end. PyTorch's "same"
  /// also pads in a separate step, so this is not slower.
  at::Tensor same_convolution(T x, const std::string& name, at::IntArrayRef padding) const {
    return at::conv2d(at::constant_pad_nd(x, padding), weight(name + "/kernel"));
  }

  /// A dense layer on x flattened in the order of xtape: (height, width, channels). For a channels_last tensor the
  /// flattened one is a view.
  at::Tensor dense(T x, const std::string& name) const {
    return at::linear(x.permute({0, 2, 3, 1}).flatten(1), weight(name + "/kernel"), weight(name + "/bias"));
  }

  const Workload& workload_;
  const TorchWeights& weights_;
};

}  // namespace

TorchData load_torch_data(const std::string& path, bool channels_last) try {
  const at::MemoryFormat format = channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  std::ifstream file(path, std::ios::binary);
  std::uint64_t length = 0;
  file.read(reinterpret_cast<char*>(&length), sizeof length);
  check(file.good() && length < 100'000'000, "expected a header's length, got {}", length);
  std::string text(length, ' ');
  file.read(text.data(), static_cast<std::streamsize>(length));
  TorchData data;
  const auto header = nlohmann::json::parse(text);
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    file.seekg(static_cast<std::streamoff>(sizeof length + length + entry.at("data_offsets").at(0).get<std::size_t>()));
    const bool of_batch = name == "images" || name == "labels";
    (of_batch ? data.batch : data.weights)[name] = in_torch_layout(name, read_tensor(file, entry), format);
  }
  return data;
} catch (const std::exception& error) {
  fail("libtorch worker: {}: expected the safetensors file of the other worker: {}", path, error.what());
}

at::Tensor torch_logits(const Workload& workload, const TorchWeights& weights, const at::Tensor& images) {
  return Network(workload, weights)(images);
}

}  // namespace xtape::bench
