// fields() lists every member of the Options of each layer, because files are written and read by it.
#include <optional>
#include <set>
#include <utility>

#include "layers/layers.hpp"
#include "tests/support/support.hpp"

namespace xtape {
namespace {

/// Initializes a member of almost any type; never defined, because it is used only in unevaluated expressions.
struct Anything {
  template <class T>
  operator T() const;  // NOLINT(google-explicit-constructor): stands for the value
};

template <class Options, class... Given>
concept TakesMembers = requires {
  Options{std::declval<Given>()...};
};

/// Number of members of an aggregate: the largest number of initializers that compiles.
template <class Options, class... Given>
consteval std::size_t member_count() {
  if constexpr (TakesMembers<Options, Given..., Anything>) {
    return member_count<Options, Given..., Anything>();
  } else if constexpr (TakesMembers<Options, Given..., std::nullopt_t>) {
    return member_count<Options, Given..., std::nullopt_t>();
  } else if constexpr (TakesMembers<Options, Given..., ToBeRead>) {
    return member_count<Options, Given..., ToBeRead>();
  } else if constexpr (TakesMembers<Options, Given..., ToBeRead, ToBeRead>) {
    return member_count<Options, Given..., ToBeRead, ToBeRead>();
  } else {
    return sizeof...(Given);
  }
}

struct Counts {
  std::size_t members, fields, different_fields, names;
};

template <class Definition>
Counts counts_of() {
  using Options = typename Definition::Options;
  auto options = blank_options<Options>();
  std::size_t fields = 0;
  std::set<const void*> members;
  std::set<std::string> names;
  Options::fields(options, [&](const char* name, auto& value) {
    ++fields;
    members.insert(&value);
    names.insert(name);
  });
  return {member_count<Options>(), fields, members.size(), names.size()};
}

struct TwoOfThree {
  Required<int> first;
  std::optional<Extent2D> second = std::nullopt;
  std::string name = "";
};
static_assert(member_count<OnlyName>() == 1);
static_assert(member_count<TwoOfThree>() == 3);
static_assert(member_count<Conv2DLayer::Options>() >= 12);

TEST_CASE("fields() of every layer lists each member of its Options except the name, once") {
  const std::map<std::string, Counts> layers{
      {"Activation", counts_of<ActivationLayer>()},
      {"Add", counts_of<AddLayer>()},
      {"AlphaDropout", counts_of<AlphaDropoutLayer>()},
      {"Average", counts_of<AverageLayer>()},
      {"AveragePooling1D", counts_of<AveragePooling1DLayer>()},
      {"AveragePooling2D", counts_of<AveragePooling2DLayer>()},
      {"AveragePooling3D", counts_of<AveragePooling3DLayer>()},
      {"BatchNormalization", counts_of<BatchNormalizationLayer>()},
      {"CenterCrop", counts_of<CenterCropLayer>()},
      {"Concatenate", counts_of<ConcatenateLayer>()},
      {"Conv1D", counts_of<Conv1DLayer>()},
      {"Conv1DTranspose", counts_of<Conv1DTransposeLayer>()},
      {"Conv2D", counts_of<Conv2DLayer>()},
      {"Conv2DTranspose", counts_of<Conv2DTransposeLayer>()},
      {"Conv3D", counts_of<Conv3DLayer>()},
      {"Conv3DTranspose", counts_of<Conv3DTransposeLayer>()},
      {"Cropping1D", counts_of<Cropping1DLayer>()},
      {"Cropping2D", counts_of<Cropping2DLayer>()},
      {"Cropping3D", counts_of<Cropping3DLayer>()},
      {"Dense", counts_of<DenseLayer>()},
      {"DepthToSpace", counts_of<DepthToSpaceLayer>()},
      {"DepthwiseConv1D", counts_of<DepthwiseConv1DLayer>()},
      {"DepthwiseConv2D", counts_of<DepthwiseConv2DLayer>()},
      {"Dot", counts_of<DotLayer>()},
      {"Dropout", counts_of<DropoutLayer>()},
      {"ELU", counts_of<ELULayer>()},
      {"Embedding", counts_of<EmbeddingLayer>()},
      {"Flatten", counts_of<FlattenLayer>()},
      {"GaussianDropout", counts_of<GaussianDropoutLayer>()},
      {"GaussianNoise", counts_of<GaussianNoiseLayer>()},
      {"GlobalAveragePooling1D", counts_of<GlobalAveragePooling1DLayer>()},
      {"GlobalAveragePooling2D", counts_of<GlobalAveragePooling2DLayer>()},
      {"GlobalAveragePooling3D", counts_of<GlobalAveragePooling3DLayer>()},
      {"GlobalMaxPooling1D", counts_of<GlobalMaxPooling1DLayer>()},
      {"GlobalMaxPooling2D", counts_of<GlobalMaxPooling2DLayer>()},
      {"GlobalMaxPooling3D", counts_of<GlobalMaxPooling3DLayer>()},
      {"GroupNormalization", counts_of<GroupNormalizationLayer>()},
      {"InputLayer", counts_of<InputLayer>()},
      {"LayerNormalization", counts_of<LayerNormalizationLayer>()},
      {"LeakyReLU", counts_of<LeakyReLULayer>()},
      {"MaxPooling1D", counts_of<MaxPooling1DLayer>()},
      {"MaxPooling2D", counts_of<MaxPooling2DLayer>()},
      {"MaxPooling3D", counts_of<MaxPooling3DLayer>()},
      {"Maximum", counts_of<MaximumLayer>()},
      {"Minimum", counts_of<MinimumLayer>()},
      {"Multiply", counts_of<MultiplyLayer>()},
      {"Normalization", counts_of<NormalizationLayer>()},
      {"Operator", counts_of<OperatorLayer>()},
      {"PReLU", counts_of<PReLULayer>()},
      {"Permute", counts_of<PermuteLayer>()},
      {"RMSNormalization", counts_of<RMSNormalizationLayer>()},
      {"RandomBrightness", counts_of<RandomBrightnessLayer>()},
      {"RandomContrast", counts_of<RandomContrastLayer>()},
      {"RandomCrop", counts_of<RandomCropLayer>()},
      {"RandomFlip", counts_of<RandomFlipLayer>()},
      {"RandomRotation", counts_of<RandomRotationLayer>()},
      {"RandomTranslation", counts_of<RandomTranslationLayer>()},
      {"RandomZoom", counts_of<RandomZoomLayer>()},
      {"ReLU", counts_of<ReLULayer>()},
      {"RepeatVector", counts_of<RepeatVectorLayer>()},
      {"Rescaling", counts_of<RescalingLayer>()},
      {"Reshape", counts_of<ReshapeLayer>()},
      {"Resizing", counts_of<ResizingLayer>()},
      {"SeparableConv1D", counts_of<SeparableConv1DLayer>()},
      {"SeparableConv2D", counts_of<SeparableConv2DLayer>()},
      {"Softmax", counts_of<SoftmaxLayer>()},
      {"SpatialDropout1D", counts_of<SpatialDropout1DLayer>()},
      {"SpatialDropout2D", counts_of<SpatialDropout2DLayer>()},
      {"Subtract", counts_of<SubtractLayer>()},
      {"UnitNormalization", counts_of<UnitNormalizationLayer>()},
      {"UpSampling1D", counts_of<UpSampling1DLayer>()},
      {"UpSampling2D", counts_of<UpSampling2DLayer>()},
      {"UpSampling3D", counts_of<UpSampling3DLayer>()},
      {"ZeroPadding1D", counts_of<ZeroPadding1DLayer>()},
      {"ZeroPadding2D", counts_of<ZeroPadding2DLayer>()},
      {"ZeroPadding3D", counts_of<ZeroPadding3DLayer>()},
  };
  for (const auto& [type, counts] : layers) {
    INFO(type);
    CHECK(counts.fields + 1 == counts.members);
    CHECK(counts.different_fields == counts.fields);
    CHECK(counts.names == counts.fields);
  }
  for (const auto& [type, factory] : builtin_layers()) {
    INFO(type << " needs a row above");
    CHECK(layers.contains(type));
  }
}

}  // namespace
}  // namespace xtape
