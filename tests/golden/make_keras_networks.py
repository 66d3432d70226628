#!/usr/bin/env python3
"""Prints the rows of tests/models/zoo_test.cpp: what the networks of keras.applications compute in float64.

  python3 tests/golden/make_keras_networks.py      (needs keras and tensorflow)

Weights and images are numbers that the test computes likewise, from the names of the weights.
"""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
import keras  # noqa: E402
import numpy as np  # noqa: E402
from numbers_of_names import numbers  # noqa: E402

keras.backend.set_floatx("float64")
apps = keras.applications


def value(path, shape):
    u = numbers(path, int(np.prod(shape))).reshape(shape)
    kind = path.rsplit("/", 1)[1]
    if kind == "kernel":
        fan_in = np.prod(shape[:-1])
        return u * np.sqrt(24.0 / fan_in)
    if kind == "depthwise_kernel":
        return u * np.sqrt(24.0 / (shape[0] * shape[1]))
    if kind in ("gamma", "moving_variance"):
        return 1 + 0.2 * u
    return 0.2 * u


def row(call, model):
    for layer in model.layers:
        for weight in layer.weights:
            if not layer.name.startswith("normalization"):
                weight.assign(value(f"{layer.name}/{weight.name}", weight.shape))
    _, height, width, channels = model.input_shape
    image = numbers("image", height * width * channels).reshape(1, height, width, channels)
    output = np.asarray(model(image, training=False)).ravel()
    trainable = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    print(f"      {{{call}, {model.count_params()}, {trainable},")
    print("       {" + ", ".join(f"{v:.15g}" for v in output) + "}},")


def small(make, size=64, **options):
    return make(weights=None, input_shape=(size, size, 3), classes=3, classifier_activation=None, **options)


row("resnet(50, small)", small(apps.ResNet50))
row("resnet(101, small)", small(apps.ResNet101))
row("resnet_v2(50, small)", small(apps.ResNet50V2))
row("vgg(16, tiny)", small(apps.VGG16, 32))
row("vgg(19, tiny)", small(apps.VGG19, 32))
row("densenet(121, small)", small(apps.DenseNet121))
row("mobilenet_v1(small)", small(apps.MobileNet))
row("mobilenet_v1(small, 0.25)", small(apps.MobileNet, alpha=0.25))
row("mobilenet_v2(small)", small(apps.MobileNetV2))
row("mobilenet_v2(small, 0.35)", small(apps.MobileNetV2, alpha=0.35))
row("mobilenet_v2(odd, 1.3)", small(apps.MobileNetV2, 75, alpha=1.3))
row("mobilenet_v3(MobileNetSize::small, small)", small(apps.MobileNetV3Small, include_preprocessing=False))
row("mobilenet_v3(MobileNetSize::large, odd)", small(apps.MobileNetV3Large, 75, include_preprocessing=False))
row("mobilenet_v3(MobileNetSize::small, small, 0.75)",
    small(apps.MobileNetV3Small, include_preprocessing=False, alpha=0.75))


def without_preprocessing(model):
    """EfficientNet from the convolution on: its first layers divide by 255 and normalize."""
    first = model.get_layer("stem_conv_pad")
    return keras.Model(first.input, model.output)


row("efficientnet_b0(small)", without_preprocessing(small(apps.EfficientNetB0)))
