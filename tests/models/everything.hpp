// A small model with every kind of connection, for tests of texts about models.
#pragma once

#include "layers/layers.hpp"
#include "models/graph/model.hpp"

namespace xtape::test {

/// Two inputs, one of them tokens of any number; a nested model; a frozen layer that is called twice; two outputs.
inline Model model_with_everything() {
  const auto rows = Input({any, 2}, {.name = "rows"});
  const auto twice = Dense({.units = 2, .name = "twice"})(Dropout({.rate = 0.5, .name = "drop"})(rows));
  const Model inner(rows, twice, {.name = "inner"});
  const auto tokens = Input({.shape = {any}, .dtype = DType::int64, .name = "tokens"});
  const auto numbers = Input({3}, {.name = "numbers"});
  const Dense shared({.units = 2, .name = "shared"});
  auto x = inner(Embedding({.input_dim = 5, .output_dim = 2, .name = "embedding"})(tokens));
  x = GlobalAveragePooling1D({.name = "mean"})(x);
  const auto y = shared(numbers), z = shared(Dense({.units = 3, .activation = relu, .name = "first"})(numbers));
  const auto sum = Add({.name = "sum"})({x, y, z});
  Model model({tokens, numbers}, {Activation(softmax, {.name = "kind"})(sum), sum}, {.name = "net"});
  model.layer("shared").set_trainable(false);
  return model;
}

}  // namespace xtape::test
