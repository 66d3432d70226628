"""Writes keras_convolutions.safetensors: outputs and gradients of Keras's convolution layers on random configurations,
in float64. Needs keras with TensorFlow, and safetensors:
  python tests/golden/make_keras_convolutions.py tests/golden/keras_convolutions.safetensors
Options of a case are integers: kernel size, strides, padding (1: same, 2: causal) and dilation rate with a number for
each axis, then the layer's own."""
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import tensorflow as tf
from safetensors.numpy import save_file

keras.config.set_floatx("float64")
keras.utils.set_random_seed(1)
random = np.random.default_rng(1)
arrays = {}


def draw(*choices):
    return int(random.choice(choices))


def window():
    strides = draw(1, 1, 2, 3)
    # TensorFlow wants equal strides in depthwise layers, and no strides with dilation.
    dilation = (draw(1, 2), draw(1, 3)) if strides == 1 else (1, 1)
    padding = 1 if dilation[0] > 1 else draw(0, 1)
    return [draw(1, 2, 3) if dilation[0] > 1 else draw(1, 2, 3, 4), draw(1, 2, 3), strides, strides, padding, *dilation]


def add(name, make, channels, options, axes=2):
    extents = {1: [(7, 8)], 2: [(4, 5, 7), (7, 8)], 3: [(3, 4), (3, 5), (4,)]}[axes]
    x = random.normal(size=(2, *[draw(*choices) for choices in extents], channels))
    common = dict(kernel_size=tuple(options[:axes]), strides=tuple(options[axes:2 * axes]),
                  padding=["valid", "same", "causal"][options[2 * axes]],
                  dilation_rate=tuple(options[2 * axes + 1:3 * axes + 1]), bias_initializer="random_normal")
    layer = make(common)
    layer.build(x.shape)
    with tf.GradientTape() as tape:
        images = tf.Variable(x)
        y = layer(images)
        dy = random.normal(size=y.shape)
        loss = tf.reduce_sum(y * dy)
    weights = [w.value for w in layer.weights]
    gradients = tape.gradient(loss, [images, *weights])
    case = f"{name} {sum(key.endswith('/x') for key in arrays)}"
    arrays.update({f"{case}/options": np.array(options, dtype=np.int64), f"{case}/x": x, f"{case}/y": y.numpy(),
                   f"{case}/dy": dy, f"{case}/dx": gradients[0].numpy()})
    for i, (w, g) in enumerate(zip(weights, gradients[1:])):
        arrays[f"{case}/w{i}"] = w.numpy()
        arrays[f"{case}/dw{i}"] = g.numpy()


layers = keras.layers
for _ in range(6):
    m = draw(1, 2, 3)
    add("DepthwiseConv2D", lambda o: layers.DepthwiseConv2D(depth_multiplier=m, **o), draw(1, 3, 4), window() + [m])
    add("SeparableConv2D", lambda o: layers.SeparableConv2D(3, depth_multiplier=m, **o), draw(2, 3), window() + [m])
    add("Conv2D", lambda o: layers.Conv2D(2 * m, groups=2 if m < 3 else 3, **o), 6,
        window() + [2 if m < 3 else 3])


def plain_window(axes, paddings=(0, 1), dilated=True):
    """Kernel size, strides, padding and dilation rate; the latter is 1 if a stride is not."""
    strides = [draw(1, 2, 3) for _ in range(axes)] if draw(0, 1) else [1] * axes
    rates = [draw(1, 2) if dilated and max(strides) == 1 else 1 for _ in range(axes)]
    return [*[draw(1, 2, 3) for _ in range(axes)], *strides, draw(*paddings), *rates]


def volume_window():
    """TensorFlow's Conv3D on a CPU misplaces windows with same padding that are shorter than a stride: its output does
    not match its own gradients."""
    while True:
        options = plain_window(3, dilated=False)
        if options[6] == 0 or all(size >= stride for size, stride in zip(options[:3], options[3:6])):
            return options


def transposed(axes, cls):
    for given in [0, 0, 1, 1]:  # TensorFlow has no dilated transposed convolution on a CPU
        options = plain_window(axes, dilated=False)
        strides, odd = options[axes:2 * axes], [k % 2 for k in options[:axes]]
        padding = [draw(*range(min(1 - o, s - 1) if options[2 * axes] else 0, s)) for o, s in zip(odd, strides)]
        if given and all(s > 1 or o for o, s in zip(odd, strides)):
            add(cls.__name__, lambda o: cls(3, output_padding=tuple(padding), **o), 2, options + padding, axes)
        else:
            add(cls.__name__, lambda o: cls(3, **o), 2, options, axes)


for _ in range(4):
    add("Conv1D", lambda o: layers.Conv1D(4, groups=2, **o), 4, plain_window(1, (0, 1, 2)) + [2], 1)
    add("Conv3D", lambda o: layers.Conv3D(3, **o), 2, volume_window() + [1], 3)
    add("DepthwiseConv1D", lambda o: layers.DepthwiseConv1D(depth_multiplier=2, **o), 3,
        plain_window(1, dilated=False) + [2], 1)
    add("SeparableConv1D", lambda o: layers.SeparableConv1D(3, depth_multiplier=2, **o), 2,
        plain_window(1, dilated=False) + [2], 1)
for axes, cls in enumerate([layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose], 1):
    transposed(axes, cls)


def add_pooling(name, axes):
    options = [*[draw(1, 2, 3) for _ in range(axes)], *[draw(1, 2, 3) for _ in range(axes)], draw(0, 1)]
    dtype = np.float32 if axes == 3 else np.float64  # TensorFlow pools volumes in float32 only
    x = random.normal(size=(2, *[draw(4, 5, 6) for _ in range(axes)], 2)).astype(dtype)
    layer = getattr(layers, f"{name}Pooling{axes}D")(tuple(options[:axes]), tuple(options[axes:2 * axes]),
                                                     ["valid", "same"][options[2 * axes]], dtype=dtype.__name__)
    with tf.GradientTape() as tape:
        images = tf.Variable(x)
        y = layer(images)
        dy = random.integers(-9, 9, size=y.shape).astype(dtype)
        loss = tf.reduce_sum(y * dy)
    case = f"{layer.__class__.__name__} {sum(key.endswith('/x') for key in arrays)}"
    values = {"x": x, "y": y.numpy(), "dy": dy, "dx": tape.gradient(loss, images).numpy()}
    arrays.update({f"{case}/{key}": value.astype(np.float64) for key, value in values.items()})
    arrays[f"{case}/options"] = np.array(options, dtype=np.int64)


for _ in range(3):
    for axes in [1, 3]:
        add_pooling("Max", axes)
        add_pooling("Average", axes)
save_file({key: np.ascontiguousarray(value) for key, value in arrays.items()}, sys.argv[1])
