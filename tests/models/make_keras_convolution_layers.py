#!/usr/bin/env python3
"""Writes keras_convolution_layers.weights.h5 and keras_convolution_layers.h5, files of Keras 3 in its two layouts, and
prints the model's outputs, for keras_convolution_layers_test.cpp. Needs keras."""
import pathlib

import keras
import numpy as np

layers = keras.layers
inputs = keras.Input((4, 4))
x = layers.Conv1D(4, 3, padding="causal", groups=2)(inputs)
x = layers.DepthwiseConv1D(2, padding="same")(x)
x = layers.SeparableConv1D(4, 3, padding="same")(x)
x = layers.Conv1DTranspose(4, 2, strides=2)(x)
x = layers.Reshape((4, 2, 4))(x)
x = layers.Conv2DTranspose(2, (2, 1), strides=(1, 2), padding="same")(x)
x = layers.Reshape((2, 4, 2, 2))(x)
x = layers.Conv3D(2, 2, padding="same")(x)
x = layers.Conv3DTranspose(1, (1, 2, 1), strides=(1, 2, 1))(x)
x = layers.AveragePooling3D((1, 2, 1))(x)
model = keras.Model(inputs, x)
random = np.random.default_rng(1)
for weight in model.weights:
    weight.assign(random.integers(-8, 9, weight.shape) / 8)
folder = pathlib.Path(__file__).parent
model.save_weights(folder / "keras_convolution_layers.weights.h5")
model.save(folder / "keras_convolution_layers.h5")
sequences = np.sin(np.arange(16)).reshape(1, 4, 4)
print(", ".join(f"{y:.7g}" for y in np.asarray(model(sequences)).ravel()))
