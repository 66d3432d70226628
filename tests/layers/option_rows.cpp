#include <algorithm>
#include <cmath>
#include <span>

#include "framework/tensor/streams.hpp"
#include "layers/layers.hpp"
#include "models/graph/model.hpp"
#include "tests/layers/kernel_option_rows.hpp"
#include "tests/layers/plain_layers.hpp"
#include "tests/support/support.hpp"

namespace xtape::test {
namespace {

void add_dense_rows(std::vector<OptionRow>& rows) {
  const auto linear_output = [](const Trial& t) {
    return plain_dense(t.input(), t.parameter("kernel"), t.has("bias") ? t.parameter("bias") : Tensor());
  };
  add_kernel_rows<Dense>(rows, {.units = 2}, {{5}}, linear_output, one_kernel<Dense::Options>());
  rows.push_back({"units",
                  Dense({.units = 2}).definition(),
                  Dense({.units = 3}).definition(),
                  {{5}},
                  outputs(linear_output, linear_output)});
}

void add_conv_rows(std::vector<OptionRow>& rows) {
  const auto convolved = [](const PlainWindow& window) {
    return [window](const Trial& t) {
      return plain_conv(t.input(), t.parameter("kernel"), t.has("bias") ? t.parameter("bias") : Tensor(), window);
    };
  };
  const std::vector<Shape> samples{{7, 6, 2}};
  const Conv2D::Options plain{.filters = 2, .kernel_size = 2};
  add_kernel_rows<Conv2D>(rows, plain, samples, convolved({}), one_kernel<Conv2D::Options>());
  const auto add = [&](const std::string& option, const Conv2D::Options& options, const PlainWindow& window) {
    rows.push_back({option, Conv2D(plain).definition(), Conv2D(options).definition(), samples,
                    outputs(convolved({}), convolved(window))});
  };
  add("filters", {.filters = 4, .kernel_size = 2}, {});
  add("kernel_size", {.filters = 2, .kernel_size = {3, 1}}, {});
  add("strides", {.filters = 2, .kernel_size = 2, .strides = {1, 2}}, {.strides = {1, 2}});
  add("padding", {.filters = 2, .kernel_size = 2, .padding = {1, 0, 2, 1}}, {.before = {1, 2}, .after = {0, 1}});
  add("padding", {.filters = 2, .kernel_size = 2, .padding = Padding::same}, {.after = {1, 1}});
  add("dilation_rate", {.filters = 2, .kernel_size = 2, .dilation_rate = {3, 2}}, {.dilation = {3, 2}});
  add("groups", {.filters = 2, .kernel_size = 2, .groups = 2}, {});
}

/// A depthwise kernel (kernel height, kernel width, channels, multiplier) as one of as many groups as channels.
Tensor grouped(const Tensor& kernel) {
  return kernel.reshaped({kernel.dim(0), kernel.dim(1), 1, kernel.dim(2) * kernel.dim(3)});
}

/// Rows of the options that DepthwiseConv2D and SeparableConv2D share. convolved(window) is the linear part for a
/// window.
template <class Handle, class Convolved>
void add_depthwise_window_rows(std::vector<OptionRow>& rows, const typename Handle::Options& plain,
                               const std::vector<Shape>& samples, const Convolved& convolved) {
  const auto add = [&](const std::string& option, const auto& change, const PlainWindow& window) {
    auto options = plain;
    change(options);
    rows.push_back({option, Handle(plain).definition(), Handle(options).definition(), samples,
                    outputs(convolved({}), convolved(window))});
  };
  const auto padded = [](auto padding) { return [padding](auto& o) { o.padding = padding; }; };
  add("kernel_size", [](auto& o) { o.kernel_size = {3, 1}; }, {});
  add("strides", [](auto& o) { o.strides = {1, 2}; }, {.strides = {1, 2}});
  add("padding", padded(Padding(1, 0, 2, 1)), {.before = {1, 2}, .after = {0, 1}});
  add("padding", padded(Padding::same), {.after = {1, 1}});
  add("dilation_rate", [](auto& o) { o.dilation_rate = {3, 2}; }, {.dilation = {3, 2}});
  add("depth_multiplier", [](auto& o) { o.depth_multiplier = 3; }, {});
}

void add_depthwise_rows(std::vector<OptionRow>& rows) {
  const auto convolved = [](const PlainWindow& window) {
    return [window](const Trial& t) {
      return plain_conv(t.input(), grouped(t.parameter("depthwise_kernel")),
                        t.has("bias") ? t.parameter("bias") : Tensor(), window);
    };
  };
  using Options = DepthwiseConv2D::Options;
  const std::vector<Shape> samples{{7, 6, 2}};
  const Options plain{.kernel_size = 2};
  add_kernel_rows<DepthwiseConv2D>(rows, plain, samples, convolved({}),
                                   {{"depthwise", "depthwise_kernel", &Options::depthwise_initializer,
                                     &Options::depthwise_regularizer, &Options::depthwise_constraint}});
  add_depthwise_window_rows<DepthwiseConv2D>(rows, plain, samples, convolved);
}

void add_separable_rows(std::vector<OptionRow>& rows) {
  const auto convolved = [](const PlainWindow& window) {
    return [window](const Trial& t) {
      return plain_conv(plain_conv(t.input(), grouped(t.parameter("depthwise_kernel")), Tensor(), window),
                        t.parameter("pointwise_kernel"), t.has("bias") ? t.parameter("bias") : Tensor(), {});
    };
  };
  using Options = SeparableConv2D::Options;
  const std::vector<Shape> samples{{7, 6, 2}};
  const Options plain{.filters = 2, .kernel_size = 2};
  add_kernel_rows<SeparableConv2D>(rows, plain, samples, convolved({}),
                                   {{"depthwise", "depthwise_kernel", &Options::depthwise_initializer,
                                     &Options::depthwise_regularizer, &Options::depthwise_constraint},
                                    {"pointwise", "pointwise_kernel", &Options::pointwise_initializer,
                                     &Options::pointwise_regularizer, &Options::pointwise_constraint}});
  add_depthwise_window_rows<SeparableConv2D>(rows, plain, samples, convolved);
  rows.push_back({"filters", SeparableConv2D(plain).definition(),
                  SeparableConv2D({.filters = 3, .kernel_size = 2}).definition(), samples,
                  outputs(convolved({}), convolved({}))});
}

template <class Handle>
void add_pooling_rows(std::vector<OptionRow>& rows, const PlainPool& pool) {
  const auto pooled = [pool](const PlainWindow& window, std::array<std::int64_t, 2> size) {
    return [=](const Trial& t) { return plain_pool(t.input(), size, window, pool); };
  };
  const auto add = [&](const std::string& option, const typename Handle::Options& options,
                       std::array<std::int64_t, 2> size, const PlainWindow& window) {
    rows.push_back({option,
                    Handle().definition(),
                    Handle(options).definition(),
                    {{7, 6, 2}},
                    outputs(pooled({.strides = {2, 2}}, {2, 2}), pooled(window, size))});
  };
  add("pool_size", {.pool_size = {3, 2}}, {3, 2}, {.strides = {3, 2}});
  add("strides", {.strides = Extent2D(1, 3)}, {2, 2}, {.strides = {1, 3}});
  add("padding", {.padding = Padding::same}, {2, 2}, {.strides = {2, 2}, .after = {1, 0}});
  add("padding", {.padding = {1, 0, 1, 1}}, {2, 2}, {.strides = {2, 2}, .before = {1, 1}, .after = {0, 1}});
}

/// (x - mean) / sqrt(variance + epsilon) * gamma + beta with the parameters of the layer; missing ones are 1 and 0.
Tensor normalized(const Trial& t, const Tensor& mean, const Tensor& variance, double epsilon) {
  const std::int64_t channels = mean.size();
  std::vector<double> values = t.input().to_vector();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto c = static_cast<std::int64_t>(i) % channels;
    const double gamma = t.has("gamma") ? t.parameter("gamma").at({c}) : 1;
    const double beta = t.has("beta") ? t.parameter("beta").at({c}) : 0;
    values[i] = (values[i] - mean.at({c})) / std::sqrt(variance.at({c}) + epsilon) * gamma + beta;
  }
  return Tensor::of(t.input().shape(), values, DType::float64);
}

void add_batch_norm_rows(std::vector<OptionRow>& rows) {
  const auto inference = [](double epsilon) {
    return [epsilon](const Trial& t) {
      return normalized(t, t.parameter("moving_mean"), t.parameter("moving_variance"), epsilon);
    };
  };
  const auto add = [&](const std::string& option, const BatchNormalization::Options& options, const auto& check) {
    rows.push_back(
        {option, BatchNormalization().definition(), BatchNormalization(options).definition(), {{4, 3}}, check});
  };
  add("epsilon", {.epsilon = 0.5}, outputs(inference(1e-3), inference(0.5)));
  add("center", {.center = false}, [=](const Trial& with, const Trial& without) {
    CHECK((with.has("beta") && !without.has("beta") && without.has("gamma")));
    outputs(inference(1e-3), inference(1e-3))(with, without);
  });
  add("scale", {.scale = false}, [=](const Trial& with, const Trial& without) {
    CHECK((with.has("gamma") && !without.has("gamma") && without.has("beta")));
    outputs(inference(1e-3), inference(1e-3))(with, without);
  });
  add("momentum", {.momentum = 0.75}, [](const Trial& plain, const Trial& changed) {
    for (const auto& [trial, momentum] : {std::pair(&plain, 0.99), std::pair(&changed, 0.75)}) {
      const Tensor before = trial->parameter("moving_mean");
      trial->output(Mode::training);
      const Tensor mean = plain_moments(trial->input())[0];
      for (std::int64_t c = 0; c < mean.size(); ++c) {
        const double expected = momentum * before.at({c}) + (1 - momentum) * mean.at({c});
        CHECK(trial->parameter("moving_mean").at({c}) == Approx(expected).epsilon(1e-12));
      }
    }
  });
  add("bias_correction", {.bias_correction = true}, [](const Trial& plain, const Trial& changed) {
    CHECK((!plain.has("updates") && changed.has("updates")));
    for (const auto& [name, parameter] : changed.layer().named_parameters()) {  // the initial averages
      if (name == "moving_mean") parameter.set_value(Tensor::zeros(parameter.shape(), DType::float64));
      if (name == "moving_variance") parameter.set_value(Tensor::ones(parameter.shape(), DType::float64));
    }
    changed.output(Mode::training);
    const auto [mean, variance] = plain_moments(changed.input());
    Tensor unbiased = variance;  // 3 samples of 4 rows
    for (std::int64_t c = 0; c < unbiased.size(); ++c) unbiased.mutable_data<double>()[c] *= 12.0 / 11;
    CHECK(largest_difference(changed.output(), normalized(changed, mean, unbiased, 1e-3)) < 1e-10);
  });
  add("synchronized", {.synchronized = true}, [](const Trial& plain, const Trial& changed) {
    for (const auto& [trial, sums] : {std::pair(&plain, 0), std::pair(&changed, 2)}) {
      int called = 0;
      const auto doubled =
          [&called](std::span<double> numbers) {  // as if another part of the batch had the same values
            ++called;
            for (double& number : numbers) number *= 2;
          };
      ForwardPass pass(Mode::training, {.sum_over_batch = doubled});
      const Variable y = trial->layer().call({trial->input()}, pass).front();
      CHECK(called == sums);
      CHECK(largest_difference(y.value(), trial->output(Mode::training)) < 1e-12);
    }
  });
}

void add_other_rows(std::vector<OptionRow>& rows) {
  const auto add = [&](const std::string& option, const auto& plain, const auto& changed, std::vector<Shape> samples,
                       const auto& check) {
    rows.push_back({option, plain.definition(), changed.definition(), std::move(samples), check});
  };
  const auto shape_only = [](const Shape& before, const Shape& after) {
    return [=](const Trial& plain, const Trial& changed) {
      CHECK(identical(plain.output(), plain.input().reshaped(before.prepended(3))));
      CHECK(identical(changed.output(), changed.input().reshaped(after.prepended(3))));
    };
  };
  using Function = LayerHandle<ActivationLayer>;
  add("function", Function({.function = ActivationFunction(relu)}), Function({.function = ActivationFunction(tanh)}),
      {{4}},
      outputs([](const Trial& t) { return each(t.input(), relu_of); },
              [](const Trial& t) { return each(t.input(), [](double v) { return std::tanh(v); }); }));
  add("axis", Concatenate(), Concatenate({.axis = 1}), {{2, 3}, {2, 3}},
      outputs([](const Trial& t) { return plain_concatenate(t.input(0), t.input(1), 2); },
              [](const Trial& t) { return plain_concatenate(t.input(0), t.input(1), 1); }));
  add("axis", Softmax(), Softmax({.axis = 1}), {{2, 3}},
      outputs([](const Trial& t) { return plain_softmax(t.input(), 2); },
              [](const Trial& t) { return plain_softmax(t.input(), 1); }));
  add("target_shape", Reshape({.target_shape = {12}}), Reshape({.target_shape = {3, -1}}), {{2, 6}},
      shape_only({12}, {3, 4}));
  add("padding", ZeroPadding2D(), ZeroPadding2D({.padding = {0, 1, 2, 3}}), {{3, 2, 2}},
      outputs(
          [](const Trial& t) {
            return plain_pad(t.input(), {1, 1}, {1, 1});
          },
          [](const Trial& t) {
            return plain_pad(t.input(), {0, 2}, {1, 3});
          }));
  add("rate", Dropout({.rate = 0.25}), Dropout({.rate = 0.625}), {{40}}, [](const Trial& plain, const Trial& changed) {
    for (const auto& [trial, rate] : {std::pair(&plain, 0.25), std::pair(&changed, 0.625)}) {
      CHECK(identical(trial->output(), trial->input()));
      RandomStream random(6, streams::of_dropout(7, 0));
      const std::vector<double> draws = random.uniform(trial->input().shape(), 0, 1, DType::float64).to_vector();
      std::vector<double> expected = trial->input().to_vector();
      for (std::size_t i = 0; i < expected.size(); ++i) expected[i] *= draws[i] < rate ? 0 : 1 / (1 - rate);
      CHECK(largest_difference(trial->output(Mode::training),
                               Tensor::of(trial->input().shape(), expected, DType::float64)) < tolerance);
    }
  });
  add("noise_shape", Dropout({.rate = 0.5}), Dropout({.rate = 0.5, .noise_shape = PartialShape{any, 1}}), {{40}},
      [](const Trial& plain, const Trial& changed) {
        for (const auto& [trial, repeats] : {std::pair(&plain, std::size_t{1}), std::pair(&changed, std::size_t{40})}) {
          RandomStream random(6, streams::of_dropout(7, 0));
          const Shape drawn{3, static_cast<std::int64_t>(40 / repeats)};
          const std::vector<double> draws = random.uniform(drawn, 0, 1, DType::float64).to_vector();
          std::vector<double> expected = trial->input().to_vector();
          for (std::size_t i = 0; i < expected.size(); ++i) expected[i] *= draws[i / repeats] < 0.5 ? 0 : 2;
          CHECK(largest_difference(trial->output(Mode::training),
                                   Tensor::of(trial->input().shape(), expected, DType::float64)) < tolerance);
        }
      });
}

}  // namespace

Tensor random_samples(RandomStream& random, const Shape& sample, DType dtype) {
  const Shape shape = sample.prepended(3);
  if (dtype == DType::int64) return random.uniform(shape, 0, 2, DType::float64).to(dtype);
  return random.normal(shape, 0, 1, dtype);
}

Trial::Trial(const std::shared_ptr<Layer>& layer, const std::vector<Shape>& samples, DType dtype) : layer_(layer) {
  RandomStream random(4);
  std::vector<SymbolicTensor> symbols;
  for (const Shape& sample : samples) {
    symbols.push_back(Input({.shape = sample, .dtype = dtype}));
    inputs_.emplace_back(random_samples(random, sample, is_floating(dtype) ? DType::float64 : dtype));
  }
  const Model model(symbols, layer->connect_one(symbols), {.seed = 3});
  for (const auto& [name, parameter] : layer->named_parameters()) {
    initial_.emplace(name, parameter.value());
    if (parameter.shape().rank() == 0) {
      parameter.set_value(parameter.value().to(DType::float64));
    } else {
      const double lowest = name == "moving_variance" ? 0.5 : -1;
      parameter.set_value(RandomStream(5).uniform(parameter.shape(), lowest, 1.5, DType::float64));
    }
  }
}

Parameter Trial::handle(const std::string& name) const {
  for (const auto& [path, parameter] : layer_->named_parameters()) {
    if (path == name) return parameter;
  }
  FAIL("no parameter " << name);
  return {"none", Tensor::zeros({})};
}

Tensor Trial::parameter(const std::string& name) const { return handle(name).value(); }

std::function<void(const Trial&, const Trial&)> outputs(std::function<Tensor(const Trial&)> before,
                                                        std::function<Tensor(const Trial&)> expected) {
  return [=](const Trial& plain, const Trial& changed) {
    CHECK(largest_difference(plain.output(), before(plain)) < tolerance);
    CHECK(largest_difference(changed.output(), expected(changed)) < tolerance);
    CHECK(largest_difference(changed.output(), plain.output()) > 1e-3);
  };
}

Tensor Trial::output(Mode mode) const {
  ForwardPass pass(mode, {.seed = 6, .step = 7});
  Tensor y = layer_->call(inputs_, pass)[0].value();
  pass.commit();
  return y;
}

double Trial::penalty() const {
  ForwardPass pass(Mode::training);
  const auto value = layer_->regularization(pass);
  return value ? value->value().item() : 0;
}

std::vector<OptionRow> option_rows() {
  std::vector<OptionRow> rows;
  add_dense_rows(rows);
  add_conv_rows(rows);
  add_convolution_axes_rows(rows);
  add_depthwise_rows(rows);
  add_separable_rows(rows);
  add_pooling_rows<MaxPooling2D>(rows, largest_under_window);
  add_pooling_rows<AveragePooling2D>(rows, mean_under_window);
  add_batch_norm_rows(rows);
  add_other_rows(rows);
  add_rectifier_rows(rows);
  add_embedding_rows(rows);
  add_normalization_rows(rows);
  add_sample_rows(rows);
  return rows;
}

}  // namespace xtape::test
