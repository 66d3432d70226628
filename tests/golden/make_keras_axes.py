"""Writes models of Keras with the channels first, and with SpectralNormalization, into tests/golden/keras_models, and
their inputs and outputs into tests/golden/keras_axes.safetensors. Needs keras with PyTorch, which computes with the
channels first on a CPU, h5py and safetensors:
  python tests/golden/make_keras_axes.py
"""
import os
import pathlib

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np
from safetensors.numpy import save_file

L = keras.layers
folder = pathlib.Path(__file__).parent / "keras_models"
arrays = {}
first = {"data_format": "channels_first"}


def images():
    """Convolutions and poolings, with layers between them that read the order of the axes, or do not."""
    inputs = keras.Input((3, 10, 8))
    x = L.Conv2D(6, 3, padding="same", activation="relu", **first)(inputs)
    x = L.BatchNormalization(axis=1)(x)
    y = L.Conv2D(6, (1, 2), padding="same", use_bias=False, **first)(x)
    y = L.Activation("tanh")(L.BatchNormalization(axis=1)(y))
    x = L.Dropout(0.3)(L.MaxPooling2D(2, **first)(L.Add()([x, y])))
    z = L.SeparableConv2D(4, 3, padding="same", **first)(L.DepthwiseConv2D(3, padding="same", **first)(x))
    x = L.Concatenate(axis=1)([x, L.LeakyReLU()(z)])
    x = L.Conv2DTranspose(4, 3, strides=2, padding="same", **first)(x)
    x = L.UpSampling2D((2, 1), **first)(L.Cropping2D(((1, 0), (0, 2)), **first)(L.ZeroPadding2D((2, 1), **first)(x)))
    x = L.AveragePooling2D((3, 2), **first)(L.SpatialDropout2D(0.1, **first)(x))
    x = L.Multiply()([x, L.Activation("softmax")(x)])
    return keras.Model(inputs, [L.GlobalAveragePooling2D(keepdims=True, **first)(x), L.GlobalMaxPooling2D(**first)(x),
                                L.Dense(5)(L.Flatten()(x)), L.Flatten(**first)(x), L.Permute((2, 3, 1))(x), x])


def others():
    """A sequence, a volume, and a Sequential in a model."""
    sequence, volume, image = keras.Input((4, 9)), keras.Input((2, 5, 4, 6)), keras.Input((2, 6, 5))
    x = L.BatchNormalization(axis=1)(L.Conv1D(5, 3, activation="tanh", **first)(sequence))
    x = L.GlobalAveragePooling1D(**first)(L.MaxPooling1D(2, **first)(x))
    y = L.MaxPooling3D(2, **first)(L.Conv3D(3, 2, **first)(volume))
    inner = keras.Sequential([keras.Input((2, 6, 5)), L.Conv2D(3, 2, **first), L.ReLU(), L.AveragePooling2D(2, **first)])
    return keras.Model([sequence, volume, image], [x, y, L.Add()([inner(image), inner(L.Rescaling(0.5)(image))])])


def spectral():
    inputs = keras.Input((6, 5, 3))
    x = L.SpectralNormalization(L.Conv2D(4, 3, activation="relu", name="conv"), name="first")(inputs)
    x = L.SpectralNormalization(L.Dense(3), power_iterations=2)(L.Flatten()(x))
    model = keras.Model(inputs, x)
    model(np.ones((2, 6, 5, 3)), training=True)  # divides the kernels
    return model


for make in (images, others, spectral):
    keras.utils.set_random_seed(3)
    model = make()
    values = np.random.default_rng(3)
    for weight in model.weights:
        if make is not spectral and "seed" not in weight.path:
            value = values.normal(0, 0.6, weight.shape)
            weight.assign(np.abs(value) + 0.3 if "variance" in weight.path else value)
    inputs = [values.normal(0, 1, (2, *x.shape[1:])).astype("float32") for x in model.inputs]
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    for i, array in enumerate(inputs):
        arrays[f"{make.__name__}/input_{i}"] = array
    for i, array in enumerate(outputs if isinstance(outputs, (list, tuple)) else [outputs]):
        arrays[f"{make.__name__}/output_{i}"] = np.ascontiguousarray(array.detach().cpu().numpy())
    for ending in ("keras", "h5"):
        model.save(folder / f"axes_{make.__name__}.{ending}")
save_file(arrays, folder.parent / "keras_axes.safetensors")
