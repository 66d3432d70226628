"""Writes whole models of Keras into tests/golden/keras_models, and their inputs and outputs into
tests/golden/keras_models.safetensors. Every layer class that xtape has is in one of the models, with random options.
Needs keras, tf_keras (Keras 2), tensorflow and safetensors:
  python tests/golden/make_keras_models.py
"""
import os
import pathlib
import random

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tf_keras
from safetensors.numpy import save_file

folder = pathlib.Path(__file__).parent / "keras_models"
arrays = {}
draw = random.Random(7)


def pick(*values):
    return draw.choice(values)


def convolutions(k, new):
    """Convolutions with all options, pooling, batch normalization."""
    L = k.layers
    x = inputs = k.Input((9, 8, 4), name="images")
    x = L.Conv2D(6, (3, 2), strides=pick(1, 2), padding=pick("same", "valid"), groups=2, activation=pick("relu", "elu"),
                 kernel_initializer=pick("he_normal", k.initializers.VarianceScaling(2.0, "fan_out")),
                 kernel_regularizer=k.regularizers.L1L2(1e-3, 1e-4), bias_regularizer="l2",
                 kernel_constraint=k.constraints.MaxNorm(3, axis=[0, 1, 2]), name="conv")(x)
    x = L.BatchNormalization(momentum=0.9, epsilon=pick(1e-3, 1e-5), center=pick(True, False), name="norm")(x)
    x = L.Conv2D(4, 3, padding="same", dilation_rate=(2, 1), use_bias=False, activation="swish", name="dilated")(x)
    x = L.BatchNormalization(axis=3, scale=False, trainable=False)(x)
    x = L.DepthwiseConv2D(3, strides=1, padding="same", depth_multiplier=2, activation="tanh",
                          depthwise_constraint=k.constraints.UnitNorm(axis=[0, 1]))(x)
    x = L.SeparableConv2D(5, (2, 3), padding="same", depth_multiplier=2, use_bias=True,
                          pointwise_regularizer=k.regularizers.L1(1e-3), bias_initializer=k.initializers.Constant(0.2))(x)
    x = L.MaxPooling2D((2, 1), strides=1, padding="same")(x)
    x = L.AveragePooling2D(2, strides=(1, 2), padding=pick("same", "valid"))(x)
    x = L.UpSampling2D((2, 1), interpolation=pick("nearest", "bilinear"))(x)
    y = L.GlobalMaxPooling2D()(x)
    z = L.GlobalAveragePooling2D()(x)
    x = L.Flatten()(L.MaxPooling2D()(x))
    x = L.Dense(3, activation="softmax", kernel_initializer=k.initializers.RandomNormal(0.0, 0.1),
                kernel_constraint=k.constraints.MinMaxNorm(0.1, 2.0, 0.5))(x)
    return k.Model(inputs, L.Concatenate()([x, y, z]), name="convolutions")


def shapes(k, new):
    """Layers that rearrange and resize."""
    L = k.layers
    images = k.Input((6, 7, 2), name="images")
    x = L.ZeroPadding2D(((1, 0), (2, 1)))(images)
    x = L.Cropping2D(((0, 1), (1, 1)))(x)
    x = L.Rescaling(1 / 3, offset=-0.5)(x)
    x = L.Resizing(5, 8, interpolation=pick("bilinear", "nearest"))(x)
    x = L.CenterCrop(4, 6)(x)
    x = L.Permute((2, 1, 3))(x)
    x = L.Reshape((-1, 4))(x)
    x = L.ZeroPadding1D((1, 2))(x)
    x = L.Cropping1D((2, 1))(x)
    x = L.UpSampling1D(2)(x)
    flat = L.Flatten()(x)
    x = L.RepeatVector(3)(L.Dense(4, name="small")(flat))
    x = L.Softmax(axis=-1)(x)
    return k.Model(images, [L.Reshape((12,))(x), flat], name="shapes")


def samples(k, new):
    """Normalization of samples, rectifiers, layers that are random in training, merging layers."""
    L = k.layers
    a, b = k.Input((4, 4, 6), name="a"), k.Input((4, 4, 6), name="b")
    x = L.Normalization(name="scale")(a)
    if new:
        x = L.RandomContrast(0.2, value_range=(-9, 9))(L.RandomBrightness((-0.1, 0.2), value_range=(-9, 9))(x))
        x = L.RMSNormalization(axis=-1)(x)
    x = L.RandomZoom(0.2, (-0.1, 0.1), fill_mode="nearest")(L.RandomRotation((-0.1, 0.2), fill_mode="constant")(x))
    x = L.RandomTranslation(0.1, (-0.2, 0.2))(L.RandomFlip("horizontal")(x))
    x = L.RandomCrop(4, 4)(x)
    x = L.LayerNormalization(axis=pick([2, 3], -1), epsilon=1e-5, beta_regularizer="l2")(x)
    x = L.GroupNormalization(3, epsilon=1e-3, scale=pick(True, False))(x)
    x = L.UnitNormalization()(x)
    x = L.PReLU(shared_axes=pick([1, 2], [1]), alpha_regularizer="l1")(x)
    x = L.LeakyReLU(0.25)(L.ELU(0.7)(x))
    x = L.ReLU(max_value=4.0, negative_slope=0.1, threshold=0.02)(x)
    x = L.Dropout(0.3, seed=4)(L.GaussianNoise(0.1)(L.GaussianDropout(0.2)(L.AlphaDropout(0.1)(x))))
    x = L.SpatialDropout2D(0.2)(x)
    y = L.CenterCrop(4, 4)(b)
    sums = [L.Add()([x, y]), L.Subtract()([x, y]), L.Multiply()([x, y]), L.Average()([x, y]), L.Maximum()([x, y]),
            L.Minimum()([x, y])]
    x = L.Concatenate(axis=pick(1, 2, -1))(sums)
    x = L.SpatialDropout1D(0.1)(L.Reshape((-1, 6))(x))
    y = L.Reshape((-1, 6))(y)
    z = L.Dot(axes=(2, 2), normalize=pick(True, False))([x, y])
    return k.Model([a, b], [L.Flatten()(x), z], name="samples")


def activations(k, new):
    L = k.layers
    names = "linear relu sigmoid tanh softplus gelu elu softmax selu softsign exponential mish".split()
    if new:
        names += """leaky_relu log_softmax silu celu squareplus log_sigmoid tanh_shrink sparse_plus relu6 hard_sigmoid hard_silu
            hard_tanh hard_shrink soft_shrink sparse_sigmoid sparsemax""".split()
    inputs = k.Input((5,), name="x")
    outputs = [L.Activation(name, name=f"{name}_layer")(inputs) for name in names]
    return k.Model(inputs, L.Concatenate()(outputs), name="activations")


def graph(k, new):
    """Nested models, shared layers, layers inside twice, several inputs and outputs, frozen parts."""
    L = k.layers
    seen = k.Input((4,))
    branch = k.Model(seen, [L.Dense(3, name="one", activation="relu")(seen), L.Dense(3, name="two")(seen)], name="branch")
    chain = k.Sequential([k.Input((3,)), L.Dense(4, name="one"), L.BatchNormalization(name="norm"),
                          k.Sequential([k.Input((4,)), L.Dense(2, name="last")], name="end")], name="chain")
    chain.get_layer("one").trainable = False
    late = k.Sequential([L.Dense(3, name="dense_in"), L.LeakyReLU()], name="late")  # without an input shape
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    shared = L.Dense(4, name="shared", activation="tanh")
    x, y = shared(shared(a)), shared(b)
    one, two = branch(x)
    three, four = branch(y)
    end = chain(late(one))
    frozen = k.Sequential([k.Input((2,)), L.BatchNormalization(), L.Dropout(0.0)], name="frozen")
    frozen.trainable = False
    both = L.Add(name="both")([end, chain(L.Multiply()([three, two]))])
    return k.Model([b, a], [frozen(both), L.Add()([four, two]), one], name="graph")


def windows(k, new):
    """Sequences, volumes, transposed convolutions."""
    L = k.layers
    a, b, c = k.Input((12, 4), name="a"), k.Input((5, 6, 4, 2), name="b"), k.Input((4, 5, 3), name="c")
    x = L.Conv1D(4, 3, padding="causal", dilation_rate=2, name="causal")(a)
    x = L.Conv1D(6, 2, strides=2, padding="same", groups=2, activation="relu")(x)
    x = L.DepthwiseConv1D(3, depth_multiplier=2, padding="same")(x)
    x = L.SeparableConv1D(5, 2, padding="valid")(x)
    x = L.Conv1DTranspose(3, 3, strides=2, padding="same")(x)
    x = L.AveragePooling1D(2)(L.MaxPooling1D(3, strides=1, padding="same")(x))
    x = L.Concatenate()([L.GlobalMaxPooling1D()(x), L.GlobalAveragePooling1D()(x)])
    y = L.Conv3D(4, (2, 3, 3), strides=(1, 2, 1), padding="same")(b)
    y = L.Conv3DTranspose(3, 2, strides=(2, 1, 2), activation="tanh")(y)
    y = L.AveragePooling3D(2)(L.MaxPooling3D(2, strides=1, padding="same")(y))
    y = L.ZeroPadding3D(((1, 0), (0, 2), (2, 1)))(L.UpSampling3D((2, 1, 3))(y))
    y = L.BatchNormalization(gamma_regularizer="l2", beta_constraint="non_neg", gamma_initializer="zeros")(y)
    y = L.Cropping3D(((0, 1), (1, 0), (1, 3)))(y)
    y = L.Concatenate()([L.GlobalMaxPooling3D()(y), L.GlobalAveragePooling3D()(y)])
    z = L.Conv2DTranspose(4, 3, strides=2, padding="same")(c)
    z = L.Conv2DTranspose(3, (2, 3), strides=(3, 2), output_padding=(1, 0), use_bias=False)(z)
    z = L.Dropout(0.2, noise_shape=(None, 1, 1, 3))(z)
    z = L.Flatten()(L.GlobalAveragePooling2D(keepdims=True)(z))
    return k.Model([a, b, c], [x, y, z], name="windows")


def save(name, kind, k, make):
    draw.seed(name)
    model = make(k, kind == "3")
    values = np.random.default_rng(3)
    for weight in model.weights:
        if "count" in weight.name or "seed" in weight.name or not np.issubdtype(np.asarray(weight).dtype, np.floating):
            continue
        value = values.normal(0, 0.6, weight.shape)
        weight.assign(np.abs(value) + 0.3 if "variance" in weight.name else value)
    for layer in model.layers:
        if layer.name == "scale":
            layer.finalize_state()  # uses the new mean and variance
    inputs = [values.normal(0, 1, (2, *x.shape[1:])).astype("float32") for x in model.inputs]
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    for ending in ("keras",) if (name, kind) == ("samples", "3") else ("h5", "keras"):  # Keras 3.15 fails to write one
        model.save(folder / f"{name}_{kind}.{ending}")
    for i, array in enumerate(inputs):
        arrays[f"{name}_{kind}/input_{i}"] = array
    for i, array in enumerate(outputs):
        arrays[f"{name}_{kind}/output_{i}"] = np.asarray(array)


folder.mkdir(exist_ok=True)
for make in (convolutions, shapes, samples, activations, graph, windows):
    save(make.__name__, "3", keras, make)
    save(make.__name__, "2", tf_keras, make)
save_file(arrays, folder.parent / "keras_models.safetensors")
