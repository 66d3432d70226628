#!/usr/bin/env python3
"""Writes models of random layers with random options, as Keras 3 stores them: NUMBER.keras, and NUMBER.x.npy and
NUMBER.y.npy with an input and the output in inference. Needs keras and tensorflow (tools/witnesses).

random_keras_models.py FOLDER COUNT SEED
"""
import os
import pathlib
import random
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras  # noqa: E402
import numpy  # noqa: E402
from keras import layers as L  # noqa: E402

keras.config.set_floatx("float64")
ACTIVATIONS = [None, "relu", "tanh", "sigmoid", "elu", "selu", "softplus", "softsign", "gelu", "silu", "softmax",
               "leaky_relu", "relu6", "mish", "hard_sigmoid", "hard_silu", "celu", "log_softmax", "exponential"]
MERGES = ["Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract"]


class Draw:
    """Draws layers for samples with `axes` axes besides the channels: 0 (features), 1, 2 or 3."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.numbers = numpy.random.default_rng(seed)

    def one(self, *values):
        return self.random.choice(values)

    def many(self, axes, low, high):
        numbers = tuple(self.random.randint(low, high) for _ in range(axes))
        return numbers[0] if axes == 1 else numbers

    def linear(self):
        return dict(use_bias=self.one(True, True, False), activation=self.one(*ACTIVATIONS),
                    kernel_initializer=self.one("glorot_uniform", "he_normal", "lecun_normal"),
                    bias_initializer="random_normal")

    def dense(self, axes):
        return L.Dense(self.one(1, 3, 8), kernel_regularizer=self.one(None, "l2"),
                       kernel_constraint=self.one(None, keras.constraints.MaxNorm(1.5)), **self.linear())

    def strides_or_dilation(self, axes):
        if self.one(True, False):
            return dict(strides=self.many(axes, 1, 2))
        return dict(dilation_rate=self.many(axes, 1, 2))

    def convolution(self, axes):
        padding = self.one("same", "valid", "causal" if axes == 1 else "same")
        return getattr(L, f"Conv{axes}D")(self.one(2, 4, 6), self.many(axes, 1, 3), padding=padding,
                                          groups=self.one(1, 1, 2), **self.strides_or_dilation(axes), **self.linear())

    def transposed(self, axes):
        return getattr(L, f"Conv{axes}DTranspose")(self.one(2, 3), self.many(axes, 1, 4), self.many(axes, 1, 3),
                                                   padding=self.one("same", "valid"), **self.linear())

    def depthwise(self, axes):
        options = dict(use_bias=self.one(True, False), activation=self.one(*ACTIVATIONS))
        return getattr(L, f"DepthwiseConv{axes}D")(self.random.randint(1, 3), depth_multiplier=self.one(1, 2, 3),
                                                   padding=self.one("same", "valid"), strides=self.one(1, 2), **options)

    def separable(self, axes):
        options = dict(use_bias=self.one(True, False), activation=self.one(*ACTIVATIONS))
        return getattr(L, f"SeparableConv{axes}D")(self.one(2, 3), self.random.randint(1, 3), strides=self.one(1, 2),
                                                   depth_multiplier=self.one(1, 2), padding=self.one("same", "valid"),
                                                   **options)

    def pooling(self, axes):
        kind = self.one("Max", "Average")
        if self.one(True, True, False):
            strides = self.one(None, self.many(axes, 1, 2))
            return getattr(L, f"{kind}Pooling{axes}D")(self.many(axes, 1, 3), strides, self.one("same", "valid"))
        return getattr(L, f"Global{kind}Pooling{axes}D")(keepdims=self.one(True, False))

    def normalization(self, axes):
        center_scale = dict(center=self.one(True, False), scale=self.one(True, False))
        kinds = [lambda: L.BatchNormalization(epsilon=self.one(1e-3, 1e-5), **center_scale),
                 lambda: L.LayerNormalization(axis=self.one(-1, list(range(1, axes + 2))), **center_scale),
                 lambda: L.UnitNormalization(axis=self.one(-1, 1)), L.RMSNormalization]
        if axes > 0:
            kinds.append(lambda: L.GroupNormalization(self.one(1, -1), **center_scale))
        return self.one(*kinds)()

    def activation(self, axes):
        shared = self.one(None, list(range(1, axes + 1)) or None)
        return self.one(L.ReLU(self.one(None, 4.0), self.one(0.0, 0.1), self.one(0.0, 0.5)), L.LeakyReLU(0.2),
                        L.ELU(self.one(1.0, 0.5)), L.Softmax(self.one(-1, 1)), L.Activation(self.one(*ACTIVATIONS)),
                        L.PReLU(keras.initializers.RandomUniform(0, 0.5), shared_axes=shared))

    def only_in_training(self, axes):
        kinds = [L.Dropout(0.3), L.GaussianNoise(0.2), L.GaussianDropout(0.2), L.AlphaDropout(0.1)]
        if axes == 2:
            kinds += [L.RandomFlip(), L.RandomRotation(0.1), L.RandomZoom(0.1), L.RandomTranslation(0.1, 0.1),
                      L.SpatialDropout2D(0.2)]
        return self.one(*kinds)

    def shape(self, axes):
        kinds = {0: [lambda: L.RepeatVector(3), lambda: L.Reshape((1, -1))],
                 1: [lambda: L.UpSampling1D(2), lambda: L.ZeroPadding1D((1, 2)), lambda: L.Cropping1D((0, 1)),
                     lambda: L.Permute((2, 1)), L.Flatten],
                 2: [lambda: L.UpSampling2D((2, 3)), lambda: L.ZeroPadding2D(((1, 0), (2, 1))),
                     lambda: L.Cropping2D(((1, 0), (0, 1))), lambda: L.Permute(self.one((2, 1, 3), (3, 1, 2))),
                     lambda: L.Resizing(5, 3, self.one("nearest", "bilinear")), lambda: L.CenterCrop(2, 2), L.Flatten],
                 3: [lambda: L.UpSampling3D((2, 1, 2)), lambda: L.ZeroPadding3D(((1, 0), (0, 1), (2, 0))),
                     lambda: L.Cropping3D(((1, 0), (0, 1), (0, 0))), L.Flatten]}
        return self.one(*kinds[axes], lambda: L.Rescaling(0.5, -1.0))()

    def layer(self, axes):
        kinds = [self.dense, self.normalization, self.activation, self.only_in_training, self.shape]
        if axes > 0:
            kinds += [self.convolution, self.convolution, self.transposed, self.pooling]
        if axes in (1, 2):
            kinds += [self.depthwise, self.separable]
        return self.one(*kinds)(axes)

    def merged(self, x):
        axes = len(x.shape) - 2
        other = self.one(self.normalization, self.activation)(axes)(x)
        kinds = [lambda: L.Concatenate(axis=self.one(-1, 1))([x, other]),
                 lambda: getattr(L, self.one(*MERGES))()([x, other])]
        if axes < 2:
            kinds.append(lambda: L.Dot(-1, normalize=self.one(True, False))([x, other]))
        return self.one(*kinds)()

    def model(self):
        """A model of one to four layers, and an input. An exception when the layers do not fit."""
        shape = self.one((7, 8, 4), (9, 6, 2), (11, 4), (8, 2), (6,), (5, 6, 4, 2))
        first = x = keras.Input(shape)
        for _ in range(self.random.randint(1, 4)):
            x = self.merged(x) if self.random.random() < 0.25 else self.layer(len(x.shape) - 2)(x)
        model = keras.Model(first, x)
        for layer in model.layers:
            if isinstance(layer, L.BatchNormalization):
                layer.moving_mean.assign(self.numbers.uniform(-1, 1, layer.moving_mean.shape))
                layer.moving_variance.assign(self.numbers.uniform(0.5, 2, layer.moving_variance.shape))
        return model, self.numbers.uniform(-2, 2, (3, *shape))


def main():
    folder, count, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    keras.utils.set_random_seed(seed)
    draw, written = Draw(seed), 0
    while written < count:
        try:
            model, x = draw.model()
            y = numpy.asarray(model(x, training=False))
        except Exception:  # a window is larger than its input, or TensorFlow has no kernel for float64
            continue
        if y.size == 0 or not numpy.isfinite(y).all():
            continue
        model.save(folder / f"{written}.keras")
        numpy.save(folder / f"{written}.x.npy", x)
        numpy.save(folder / f"{written}.y.npy", y)
        written += 1


main()
