#!/usr/bin/env python3
"""Writes keras_sample_layers.weights.h5 and keras_sample_layers.h5, files of Keras 3 in its two layouts, and prints the
model's outputs, for keras_sample_layers_test.cpp. Needs keras."""
import pathlib

import keras
import numpy as np

layers = keras.layers
inputs = keras.Input((2, 2, 4))
x = layers.GaussianNoise(0.1)(inputs)  # layers without weights are counted too
x = layers.LayerNormalization()(x)
x = layers.SpatialDropout2D(0.2)(x)
x = layers.GroupNormalization(2)(x)
x = layers.PReLU(shared_axes=[1, 2])(x)
x = layers.RMSNormalization()(x)
model = keras.Model(inputs, x)
random = np.random.default_rng(1)
for weight in model.weights:
    weight.assign(random.integers(-8, 9, weight.shape) / 8)
folder = pathlib.Path(__file__).parent
model.save_weights(folder / "keras_sample_layers.weights.h5")
model.save(folder / "keras_sample_layers.h5")
images = np.sin(np.arange(16)).reshape(1, 2, 2, 4)
print(", ".join(f"{y:.7g}" for y in np.asarray(model(images)).ravel()))
