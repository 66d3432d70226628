"""Writes keras_convolutions.safetensors: outputs and gradients of Keras's convolution layers on random configurations,
in float64. Needs keras with TensorFlow, and safetensors:
  python tests/golden/make_keras_convolutions.py tests/golden/keras_convolutions.safetensors
Options of a case are integers: kernel size, strides, padding (1: same), dilation rate, then the layer's own."""
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import tensorflow as tf
from safetensors.numpy import save_file

keras.config.set_floatx("float64")
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


def add(name, make, channels, options):
    x = random.normal(size=(2, draw(4, 5, 7), draw(7, 8), channels))
    common = dict(kernel_size=tuple(options[:2]), strides=tuple(options[2:4]), padding=["valid", "same"][options[4]],
                  dilation_rate=tuple(options[5:7]), bias_initializer="random_normal")
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
save_file({key: np.ascontiguousarray(value) for key, value in arrays.items()}, sys.argv[1])
