#include "models/files/keras/keras_classes.hpp"

#include <functional>
#include <map>
#include <vector>

#include "models/files/keras/keras_axes.hpp"
#include "models/files/keras/keras_values.hpp"

namespace xtape {
namespace {

/// An option that Keras and xtape store in different forms. `read` changes a Keras config into xtape's, `write` changes
/// it back.
struct Conversion {
  std::function<void(Json& config, const KerasContext& context)> read;
  std::function<void(Json& config)> write;
};
using Conversions = std::vector<Conversion>;

/// Runs `convert`. Its errors get the name of the option as a prefix.
template <class Convert>
auto for_option(const std::string& name, const Convert& convert) {
  try {
    return convert();
  } catch (const Error& error) {
    fail_as(error, "{}: {}", name, error.what());
  }
}

void rename(Json& config, const std::string& from, const std::string& to) {
  if (from == to || !config.contains(from)) return;
  check(!config.contains(to), "expected one of {} and {}, got both", from, to);
  config[to] = config.at(from);
  config.erase(from);
}

/// An option with other names: `keras` in Keras 3, `ours` in xtape, `old` in earlier versions of Keras.
Conversion renamed(const std::string& keras, const std::string& ours, const std::vector<std::string>& old = {}) {
  return {[=](Json& config, const KerasContext&) {
            for (const std::string& name : old) rename(config, name, ours);
            if (keras != ours) rename(config, keras, ours);
          },
          [=](Json& config) { rename(config, ours, keras); }};
}

/// An option whose value has another form. It is converted when it is present.
Conversion changed(const std::string& name, const std::function<Json(const Json&)>& read,
                   const std::function<Json(const Json&)>& write) {
  const auto change = [name](Json& config, const std::function<Json(const Json&)>& to) {
    if (config.contains(name)) config[name] = for_option(name, [&] { return to(config.at(name)); });
  };
  return {[=](Json& config, const KerasContext&) { change(config, read); },
          [=](Json& config) { change(config, write); }};
}

/// An option of Keras that xtape does not have: it must have one of these values.
Conversion only(const std::string& name, const std::vector<Json>& values) {
  return {[=](Json& config, const KerasContext&) {
            if (!config.contains(name)) return;
            const Json& given = config.at(name);
            const bool known = std::ranges::find(values, given) != values.end();
            check(known, "{}: expected {}, got {}; xtape has no such option, so change the layer in Keras", name,
                  Json(values).dump(), shown(given));
            config.erase(name);
          },
          [](Json&) {}};
}

/// An option of Keras that changes neither the outputs nor the training of a model whose weights are read.
Conversion ignored(const std::string& name) {
  return {[=](Json& config, const KerasContext&) { config.erase(name); }, [](Json&) {}};
}

/// An option of xtape that Keras does not have: it must have this value.
Conversion ours_only(const std::string& name, const Json& value) {
  return {[](Json&, const KerasContext&) {},
          [=](Json& config) {
            if (!config.contains(name)) return;
            check(config.at(name) == value, "{}: expected {}, got {}; Keras has no such option", name, value.dump(),
                  shown(config.at(name)));
            config.erase(name);
          }};
}

/// The order of axes, written for the classes that have the option.
Conversion channels_last() {
  return {[](Json&, const KerasContext&) {}, [](Json& config) { config["data_format"] = "channels_last"; }};
}

/// One axis or a list of axes in Keras, a list in xtape.
Conversion axis_list(const std::string& name) {
  return changed(
      name, [](const Json& given) { return given.is_number() ? Json::array({given}) : given; },
      [](const Json& given) { return given.size() == 1 ? given[0] : given; });
}

/// One axis, which Keras may store as a list.
Conversion one_axis(const std::string& name) {
  return changed(
      name, [](const Json& given) { return given.is_array() && given.size() == 1 ? given[0] : given; },
      [](const Json& given) { return given; });
}

/// The axis of the channels, which xtape always takes to be the last one.
Conversion last_axis(const Json& written) {
  return {[](Json& config, const KerasContext& context) {
            if (!config.contains("axis")) return;
            Json axis = config.at("axis");
            if (axis.is_array() && axis.size() == 1) axis = Json(axis[0]);
            check(axis == -1 || (context.rank > 0 && axis == context.rank - 1),
                  "axis: expected -1, the last axis, got {}; xtape normalizes the last axis only", shown(axis));
            config.erase("axis");
          },
          [=](Json& config) { config["axis"] = written; }};
}

/// Amounts at both borders of each of `axes` axes. Keras stores a pair for each axis, or fewer numbers where they are
/// equal: one for all borders, or one for an axis. xtape has them in one list.
Conversion borders(const std::string& name, std::size_t axes) {
  const auto read = [axes](const Json& given) -> Json {
    if (!given.is_number() && (!given.is_array() || given.size() != (axes == 1 ? 2 : axes))) return given;
    if (axes == 1 && given.is_array()) return given;
    Json amounts = Json::array();
    for (std::size_t axis = 0; axis < axes; ++axis) {
      const Json& of_axis = given.is_array() ? given[axis] : given;
      for (const std::size_t side : {0U, 1U}) {
        amounts.push_back(of_axis.is_array() && of_axis.size() == 2 ? of_axis[side] : of_axis);
      }
    }
    return amounts;
  };
  const auto write = [axes](const Json& given) -> Json {
    Json pairs = Json::array();
    for (std::size_t axis = 0; axis < axes; ++axis) {
      pairs.push_back(given == "valid" ? Json{0, 0} : Json{given[2 * axis], given[2 * axis + 1]});
    }
    return axes == 1 ? pairs[0] : pairs;
  };
  return changed(name, read, write);
}

/// A number for the only axis of a sequence, which Keras stores as a list of one.
Conversion one_number(const std::string& name) {
  return changed(
      name, [](const Json& given) { return given.is_array() && given.size() == 1 ? given[0] : given; },
      [](const Json& given) { return given.is_number() ? Json::array({given}) : given; });
}

/// The shape of the draws of a dropout, in which Keras stores null for an unknown extent and xtape -1.
Conversion noise_shape() {
  const auto exchanged = [](const Json& given, const Json& from, const Json& to) {
    if (!given.is_array()) return given;
    Json shape = Json::array();
    for (const Json& extent : given) shape.push_back(extent == from ? to : extent);
    return shape;
  };
  return changed(
      "noise_shape", [=](const Json& given) { return exchanged(given, nullptr, -1); },
      [=](const Json& given) { return exchanged(given, -1, nullptr); });
}

/// Padding of windows, which Keras has as a name only.
Conversion named_padding() {
  return changed(
      "padding", [](const Json& given) { return given; },
      [](const Json& given) {
        check(given.is_string(),
              "expected a name of a padding, got {}; Keras has amounts for convolutions alone, as a ZeroPadding layer",
              shown(given));
        return given;
      });
}

/// The deviation of noise, which Keras limits.
Conversion deviation() {
  return changed(
      "stddev", [](const Json& given) { return given; },
      [](const Json& given) {
        check(given.is_number() && given.get<double>() <= 1, "expected at most 1, as in Keras, got {}", shown(given));
        return given;
      });
}

/// A range of factors: a number or [low, high] in Keras.
Conversion factor(const std::string& name) {
  const auto read = [](const Json& given) -> Json {
    if (given.is_number()) return {{"low", -given.get<double>()}, {"high", given.get<double>()}};
    if (!given.is_array() || given.size() != 2) return given;
    return {{"low", given[0]}, {"high", given[1]}};
  };
  const auto write = [](const Json& given) {
    return given.is_null() ? given : Json{given.at("low"), given.at("high")};
  };
  return changed(name, read, write);
}

/// The factors of RandomContrast: Keras draws from [1 - first, 1 + second].
Conversion contrast_factor() {
  const auto read = [](const Json& given) -> Json {
    if (given.is_number()) return {{"low", -given.get<double>()}, {"high", given.get<double>()}};
    if (!given.is_array() || given.size() != 2 || !given[0].is_number()) return given;
    return {{"low", -given[0].get<double>()}, {"high", given[1]}};
  };
  const auto write = [](const Json& given) {
    const double first = -given.at("low").get<double>(), second = given.at("high").get<double>();
    check(first >= 0 && first <= second && second <= 1,
          "expected a range in [-1, 1] that contains 0 and is wider above it, as Keras needs, got [{}, {}]", -first,
          second);
    return Json{first, second};
  };
  return changed("factor", read, write);
}

/// The smallest and the largest value of a pixel: one option in Keras, two in xtape.
Conversion value_range() {
  return {[](Json& config, const KerasContext&) {
            if (!config.contains("value_range")) return;
            const Json range = config.at("value_range");
            check(range.is_array() && range.size() == 2, "value_range: expected two numbers, got {}", shown(range));
            config.erase("value_range");
            config["value_low"] = range[0];
            config["value_high"] = range[1];
          },
          [](Json& config) {
            config["value_range"] = Json{config.at("value_low"), config.at("value_high")};
            config.erase("value_low");
            config.erase("value_high");
          }};
}

/// The shape of an input: with the batch axis in Keras, without it in xtape.
Conversion batch_shape() {
  return {[](Json& config, const KerasContext&) {
            rename(config, "batch_input_shape", "batch_shape");
            check(config.contains("batch_shape"), "batch_shape: expected the shape of the input, got none");
            const Json given = config.at("batch_shape");
            check(given.is_array() && !given.empty(), "batch_shape: expected a list that begins with the batch, got {}",
                  shown(given));
            config.erase("batch_shape");
            Json shape = Json::array();
            for (std::size_t i = 1; i < given.size(); ++i) shape.push_back(given[i].is_null() ? Json(-1) : given[i]);
            config["shape"] = shape;
            Json& type = config["dtype"];
            if (type == "int32") type = "int64";  // whole numbers have one type
            if (type.is_null() || type == "float64") type = "float32";
          },
          [](Json& config) {
            Json shape = Json::array({nullptr});
            for (const Json& extent : config.at("shape")) shape.push_back(extent == -1 ? Json() : extent);
            config.erase("shape");
            config["batch_shape"] = shape;
          }};
}

/// The options of Keras 1 for the window of a convolution, one for each axis.
Conversion kernel_of_keras1(const std::vector<std::string>& axes) {
  return {[=](Json& config, const KerasContext&) {
            if (!std::ranges::all_of(axes, [&](const std::string& axis) { return config.contains(axis); })) return;
            Json size = Json::array();
            for (const std::string& axis : axes) {
              size.push_back(config.at(axis));
              config.erase(axis);
            }
            config["kernel_size"] = size;
          },
          [](Json&) {}};
}

/// The same axis for both inputs.
Conversion two_axes() {
  return changed(
      "axes",
      [](const Json& given) {
        return given.is_number() ? Json{given, given} : given;
      },
      [](const Json& given) { return given; });
}

Conversion without_empty_list(const std::string& name) {
  return {[=](Json& config, const KerasContext&) {
            if (config.contains(name) && config.at(name).is_null()) config.erase(name);
          },
          [=](Json& config) {
            if (config.contains(name) && config.at(name).empty()) config[name] = nullptr;
          }};
}

/// Names that several layers had in Keras 1, and the present ones.
const std::vector<std::pair<std::string, std::string>> names_of_keras1{
    {"nb_filter", "filters"},
    {"subsample", "strides"},
    {"border_mode", "padding"},
    {"dim_ordering", "data_format"},
    {"atrous_rate", "dilation_rate"},
    {"init", "kernel_initializer"},
    {"W_regularizer", "kernel_regularizer"},
    {"b_regularizer", "bias_regularizer"},
    {"W_constraint", "kernel_constraint"},
    {"b_constraint", "bias_constraint"},
    {"bias", "use_bias"},
};

/// Options of all layers that need no row: how they are built, and what xtape does not have.
const Conversions common{
    ignored("name"),
    ignored("trainable"),
    ignored("seed"),
    ignored("batch_input_shape"),
    ignored("input_dtype"),
    ignored("autocast"),
    ignored("rng_type"),
    ignored("force_generator"),
    only("data_format", {"channels_last", "tf", "default", nullptr}),
    only("activity_regularizer", {nullptr}),
    only("quantization_config", {nullptr}),
    only("lora_rank", {nullptr}),
    only("lora_alpha", {nullptr}),
};

const std::map<std::string, Conversions>& classes() {
  static const Conversions none;
  static const Conversions image{channels_last()};
  static const Conversions pooling{channels_last(), named_padding()};
  static const Conversions global_pooling{channels_last()};
  static const Conversions sequence_pooling{channels_last(),
                                            named_padding(),
                                            renamed("pool_size", "pool_size", {"pool_length"}),
                                            renamed("strides", "strides", {"stride"}),
                                            one_number("pool_size"),
                                            one_number("strides")};
  static const Conversions rate{renamed("rate", "rate", {"p"}), only("noise_shape", {nullptr})};
  static const Conversion image_kernel = kernel_of_keras1({"nb_row", "nb_col"});
  static const Conversions convolution{channels_last(), named_padding(), image_kernel};
  static const Conversions volume_convolution{channels_last(), named_padding(),
                                              kernel_of_keras1({"kernel_dim1", "kernel_dim2", "kernel_dim3"})};
  static const Conversions transposed{channels_last(), named_padding(), only("groups", {1})};
  static const Conversions sequence_convolution{channels_last(),
                                                named_padding(),
                                                kernel_of_keras1({"filter_length"}),
                                                renamed("strides", "strides", {"subsample_length"}),
                                                one_number("kernel_size"),
                                                one_number("strides"),
                                                one_number("dilation_rate"),
                                                one_number("output_padding")};
  static const auto and_also = [](Conversions conversions, const Conversions& more) {
    conversions.insert(conversions.end(), more.begin(), more.end());
    return conversions;
  };
  static const std::map<std::string, Conversions> all{
      {"Activation", {renamed("activation", "function")}},
      {"Add", none},
      {"AlphaDropout", rate},
      {"Average", none},
      {"AveragePooling1D", sequence_pooling},
      {"AveragePooling2D", pooling},
      {"AveragePooling3D", pooling},
      {"BatchNormalization",
       {last_axis(-1), only("mode", {0}), ignored("moving_mean_initializer"), ignored("moving_variance_initializer"),
        ignored("beta_init"), ignored("gamma_init"), only("renorm", {false}), ignored("renorm_clipping"),
        ignored("renorm_momentum"), only("virtual_batch_size", {nullptr}), ignored("fused"),
        ours_only("bias_correction", false)}},
      {"CenterCrop", image},
      {"Concatenate", none},
      {"Conv1D", and_also(sequence_convolution, {ignored("input_length")})},
      {"Conv1DTranspose", and_also(sequence_convolution, {only("groups", {1})})},
      {"Conv2D", convolution},
      {"Conv2DTranspose", transposed},
      {"Conv3D", volume_convolution},
      {"Conv3DTranspose", transposed},
      {"Cropping1D", {borders("cropping", 1)}},
      {"Cropping2D", {borders("cropping", 2), channels_last()}},
      {"Cropping3D", {borders("cropping", 3), channels_last()}},
      {"Dense", {renamed("units", "units", {"output_dim"})}},
      {"DepthwiseConv1D", and_also(sequence_convolution, {only("groups", {1})})},
      {"DepthwiseConv2D", {channels_last(), named_padding(), image_kernel, only("groups", {1})}},
      {"Dot", {two_axes()}},
      {"Dropout", {renamed("rate", "rate", {"p"}), noise_shape()}},
      {"ELU", none},
      {"Embedding",
       {renamed("embeddings_initializer", "embeddings_initializer", {"kernel_initializer"}),
        renamed("embeddings_regularizer", "embeddings_regularizer", {"kernel_regularizer"}),
        renamed("embeddings_constraint", "embeddings_constraint", {"kernel_constraint"}), only("mask_zero", {false}),
        only("dropout", {0}), only("weights", {nullptr}), ignored("input_length")}},
      {"Flatten", image},
      {"GaussianDropout", rate},
      {"GaussianNoise", {renamed("stddev", "stddev", {"sigma"}), deviation()}},
      {"GlobalAveragePooling1D", global_pooling},
      {"GlobalAveragePooling2D", global_pooling},
      {"GlobalAveragePooling3D", global_pooling},
      {"GlobalMaxPooling1D", global_pooling},
      {"GlobalMaxPooling2D", global_pooling},
      {"GlobalMaxPooling3D", global_pooling},
      {"GroupNormalization", none},
      {"InputLayer",
       {batch_shape(), only("sparse", {false}), only("ragged", {false}), only("optional", {false}),
        only("input_tensor", {nullptr})}},
      {"LayerNormalization", {axis_list("axis"), only("rms_scaling", {false})}},
      {"LeakyReLU", {renamed("negative_slope", "negative_slope", {"alpha"})}},
      {"MaxPooling1D", sequence_pooling},
      {"MaxPooling2D", pooling},
      {"MaxPooling3D", pooling},
      {"Maximum", none},
      {"Minimum", none},
      {"Multiply", none},
      {"Normalization", {last_axis(-1), only("invert", {false}), ignored("mean"), ignored("variance")}},
      {"PReLU",
       {without_empty_list("shared_axes"), renamed("alpha_initializer", "alpha_initializer", {"kernel_initializer"})}},
      {"Permute", none},
      {"RMSNormalization", {axis_list("axis")}},
      {"RandomBrightness", {factor("factor"), value_range()}},
      {"RandomContrast", {contrast_factor(), value_range()}},
      {"RandomCrop", image},
      {"RandomFlip", image},
      {"RandomRotation", {factor("factor"), channels_last()}},
      {"RandomTranslation", {factor("height_factor"), factor("width_factor"), channels_last()}},
      {"RandomZoom", {factor("height_factor"), factor("width_factor"), channels_last()}},
      {"ReLU", {renamed("threshold", "threshold", {"theta"})}},
      {"RepeatVector", none},
      {"Rescaling", none},
      {"Reshape", none},
      {"Resizing",
       {channels_last(), only("crop_to_aspect_ratio", {false}), only("pad_to_aspect_ratio", {false}),
        only("antialias", {false}), ignored("fill_mode"), ignored("fill_value"), ours_only("align_corners", false)}},
      {"SeparableConv1D",
       and_also(sequence_convolution, {only("groups", {1}), ignored("kernel_initializer"),
                                       only("kernel_regularizer", {nullptr}), only("kernel_constraint", {nullptr})})},
      {"SeparableConv2D",
       {channels_last(), named_padding(), image_kernel, only("groups", {1}), ignored("kernel_initializer"),
        only("kernel_regularizer", {nullptr}), only("kernel_constraint", {nullptr})}},
      {"Softmax", {one_axis("axis")}},
      {"SpatialDropout1D", rate},
      {"SpatialDropout2D", {renamed("rate", "rate", {"p"}), only("noise_shape", {nullptr}), channels_last()}},
      {"Subtract", none},
      {"UnitNormalization", {axis_list("axis")}},
      {"UpSampling1D", {renamed("size", "size", {"length"})}},
      {"UpSampling2D", {channels_last(), ours_only("align_corners", false)}},
      {"UpSampling3D", {channels_last()}},
      {"ZeroPadding1D", {borders("padding", 1), channels_last()}},
      {"ZeroPadding2D", {borders("padding", 2), channels_last()}},
      {"ZeroPadding3D", {borders("padding", 3), channels_last()}},
  };
  return all;
}

/// Converts the options that have the same name and meaning in all classes.
void convert_values(Json& config, const std::function<Json(const Json&)>& activation,
                    const std::function<Json(const Json&)>& initializer,
                    const std::function<Json(const Json&)>& regularizer,
                    const std::function<Json(const Json&)>& constraint) {
  for (const auto& item : config.items()) {
    const std::string& name = item.key();
    Json& value = item.value();
    const auto convert = [&](const auto& to) { value = for_option(name, [&] { return to(value); }); };
    const auto ends_in = [&](std::string_view ending) { return std::string_view(name).ends_with(ending); };
    if (name == "activation" || name == "function") convert(activation);
    if (ends_in("_initializer")) convert(initializer);
    if (ends_in("_regularizer")) convert(regularizer);
    if (ends_in("_constraint")) convert(constraint);
  }
}

}  // namespace

std::string present_class(const std::string& class_name) {
  static const std::map<std::string, std::string> old{
      {"AtrousConvolution1D", "Conv1D"}, {"AtrousConvolution2D", "Conv2D"},
      {"Convolution1D", "Conv1D"},       {"Convolution2D", "Conv2D"},
      {"Convolution3D", "Conv3D"},       {"SeparableConvolution2D", "SeparableConv2D"},
      {"ThresholdedReLU", "ReLU"},
  };
  const auto found = old.find(class_name);
  return found == old.end() ? class_name : found->second;
}

bool is_keras_class(const std::string& type) { return classes().contains(type); }

LayerConfig options_from_keras(const std::string& type, const Json& config, const KerasContext& context) {
  Json options = config;
  check_keras_axes(type, config, context.rank);
  const Conversions& own = classes().at(type);
  for (const auto& [old, present] : names_of_keras1) rename(options, old, present);
  for (const Conversion& conversion : own) conversion.read(options, context);
  for (const Conversion& conversion : common) conversion.read(options, context);
  if (type != "InputLayer") options.erase("dtype");     // the reader of the graph has checked it
  if (type != "Embedding") options.erase("input_dim");  // in Keras 1 and 2 another form of batch_input_shape
  convert_values(
      options, [&](const Json& given) { return activation_from_keras(given, context.version); }, initializer_from_keras,
      regularizer_from_keras, constraint_from_keras);
  return config_from_json(options);
}

Json options_to_keras(const std::string& type, const LayerConfig& options) {
  Json config = config_to_json(options);
  convert_values(config, activation_to_keras, initializer_to_keras, regularizer_to_keras, constraint_to_keras);
  for (const Conversion& conversion : classes().at(type)) conversion.write(config);
  return config;
}

}  // namespace xtape
