#include "layers/graph/builtin_layers.hpp"

#include "layers/layers.hpp"

namespace xtape {

std::map<std::string, LayerFactory> builtin_layers() {
  return {
      {"Activation", make_layer<ActivationLayer>},
      {"Add", make_layer<AddLayer>},
      {"AveragePooling2D", make_layer<AveragePooling2DLayer>},
      {"BatchNormalization", make_layer<BatchNormalizationLayer>},
      {"Concatenate", make_layer<ConcatenateLayer>},
      {"Conv2D", make_layer<Conv2DLayer>},
      {"Dense", make_layer<DenseLayer>},
      {"DepthwiseConv2D", make_layer<DepthwiseConv2DLayer>},
      {"Dropout", make_layer<DropoutLayer>},
      {"Flatten", make_layer<FlattenLayer>},
      {"GlobalAveragePooling2D", make_layer<GlobalAveragePooling2DLayer>},
      {"GlobalMaxPooling2D", make_layer<GlobalMaxPooling2DLayer>},
      {"InputLayer", make_layer<InputLayer>},
      {"MaxPooling2D", make_layer<MaxPooling2DLayer>},
      {"Multiply", make_layer<MultiplyLayer>},
      {"Normalization", make_layer<NormalizationLayer>},
      {"Reshape", make_layer<ReshapeLayer>},
      {"SeparableConv2D", make_layer<SeparableConv2DLayer>},
      {"Softmax", make_layer<SoftmaxLayer>},
      {"Subtract", make_layer<SubtractLayer>},
      {"ZeroPadding2D", make_layer<ZeroPadding2DLayer>},
  };
}

}  // namespace xtape
