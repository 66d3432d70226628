#!/usr/bin/env python3
"""Writes tests/golden/keras.safetensors: what Keras 3 computes in float64 on random configurations, for keras_test.cpp.

  python3 tests/golden/make_keras_golden.py      (needs keras and tensorflow)

A case is a number. Its description is JSON in the metadata: a kind, a type and a config in the names of xtape. Its
arrays are "<case>/input 0", "<case>/parameter kernel", "<case>/cotangent", "<case>/output", "<case>/gradient 0" (of an
input) and "<case>/gradient kernel".

Keras rounds some Python numbers to float32, also when it computes in float64. Options below are therefore numbers that
float32 holds; cases with other constants have a tolerance of their own.
"""
import json
import os
import pathlib
import struct

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

keras.backend.set_floatx("float64")
random = np.random.default_rng(1)
arrays, descriptions = {}, {}


def new_case(kind, type_, config, **more):
    name = str(len(descriptions))
    descriptions[name] = json.dumps({"kind": kind, "type": type_, "config": config, **more})
    return name


def normal(*shape, scale=1.5):
    return random.normal(0, scale, shape)


def put(case, **named):
    for name, value in named.items():
        arrays[f"{case}/{name}"] = np.asarray(value)


def layer(type_, config, made, *inputs, training=False, tolerance=1e-10):
    """A Keras layer whose parameters get random values, and its derivatives."""
    tensors = [tf.constant(x) for x in inputs]
    given = tensors if len(tensors) > 1 else tensors[0]
    made(given)
    case = new_case("layer", type_, config, training=training, tolerance=tolerance)
    for weight in made.weights:
        if weight.dtype != "float64":
            continue
        positive = "variance" in weight.name
        weight.assign(random.uniform(0.5 if positive else -1, 1.5, weight.shape))
        arrays[f"{case}/parameter {weight.name}"] = weight.numpy()
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        output = tf.cast(made(given, training=True) if training else made(given), "float64")
        cotangent = tf.constant(normal(*output.shape))
        product = tf.reduce_sum(output * cotangent)
    trained = [w for w in made.trainable_weights]
    gradients = tape.gradient(product, tensors + [w.value for w in trained], unconnected_gradients="zero")
    for i, x in enumerate(inputs):
        arrays[f"{case}/input {i}"] = x
        arrays[f"{case}/gradient {i}"] = gradients[i].numpy()
    for weight, gradient in zip(trained, gradients[len(inputs):]):
        arrays[f"{case}/gradient {weight.name}"] = tf.convert_to_tensor(gradient).numpy()
    put(case, cotangent=cotangent.numpy(), output=output.numpy())


def activations():
    functions = ["linear", "relu", "sigmoid", "tanh", "softplus", "gelu", "elu", "leaky_relu", "softmax", "log_softmax",
                 "silu", "mish", "celu", "selu", "softsign", "squareplus", "exponential", "log_sigmoid", "tanh_shrink",
                 "sparse_plus", "relu6", "hard_sigmoid", "hard_silu", "hard_tanh", "hard_shrink", "soft_shrink",
                 "sparse_sigmoid"]
    for name in functions:
        function = getattr(keras.activations, name)
        rounded = name in ("gelu", "leaky_relu")
        layer("Activation", {"function": name}, keras.layers.Activation(function), normal(3, 5, scale=3),
              tolerance=1e-7 if rounded else 1e-10)
    layer("Activation", {"function": "gelu_tanh"},
          keras.layers.Activation(lambda x: keras.activations.gelu(x, approximate=True)), normal(3, 5, scale=3),
          tolerance=1e-6)
    for config in ({}, {"max_value": 1.5}, {"negative_slope": 0.25}, {"threshold": 0.5},
                   {"max_value": 2.0, "negative_slope": 0.375, "threshold": 0.25},
                   {"max_value": 1.0, "negative_slope": 0.375}):
        layer("ReLU", config, keras.layers.ReLU(**config), normal(2, 7))
    for config in ({}, {"negative_slope": 0.0625}):
        layer("LeakyReLU", config, keras.layers.LeakyReLU(**config), normal(2, 7), tolerance=1e-7)
    for config in ({}, {"alpha": 0.4}):
        layer("ELU", config, keras.layers.ELU(**config), normal(2, 7))
    for axes in ([], [1], [1, 2]):
        layer("PReLU", {"shared_axes": axes}, keras.layers.PReLU(shared_axes=axes or None), normal(2, 3, 2, 4))


def norms_and_shapes():
    k = keras.layers
    for axis in ([-1], [1, 2], [1, 3], [2]):
        layer("LayerNormalization", {"axis": axis, "epsilon": 2.0**-8},
              k.LayerNormalization(axis=axis, epsilon=2.0**-8), normal(2, 3, 4, 5))
    layer("LayerNormalization", {"center": False}, k.LayerNormalization(center=False), normal(3, 6), tolerance=1e-6)
    layer("LayerNormalization", {"scale": False}, k.LayerNormalization(scale=False), normal(3, 6), tolerance=1e-6)
    for groups in (1, 2, 6, -1):
        layer("GroupNormalization", {"groups": groups, "epsilon": 2.0**-8},
              k.GroupNormalization(groups=groups, epsilon=2.0**-8), normal(2, 3, 4, 6))
    layer("GroupNormalization", {"groups": 2, "axis": 1}, k.GroupNormalization(groups=2, axis=1), normal(2, 4, 3, 2),
          tolerance=1e-6)
    for axis in ([-1], [2, 3]):
        layer("RMSNormalization", {"axis": axis, "epsilon": 2.0**-8}, k.RMSNormalization(axis=axis, epsilon=2.0**-8),
              normal(2, 3, 4, 5))
    layer("UnitNormalization", {}, k.UnitNormalization(), normal(3, 4))
    layer("UnitNormalization", {"axis": [1, 2]}, k.UnitNormalization(axis=[1, 2]), normal(2, 3, 4))
    layer("Average", {}, k.Average(), normal(2, 3), normal(2, 3), normal(2, 3))
    layer("Maximum", {}, k.Maximum(), normal(2, 3), normal(2, 3), normal(2, 3))
    layer("Minimum", {}, k.Minimum(), normal(2, 3), normal(2, 3))
    layer("Subtract", {}, k.Subtract(), normal(2, 3), normal(2, 3))
    layer("Dot", {"axes": [1, 1]}, k.Dot(1), normal(3, 4), normal(3, 4))
    layer("Dot", {"axes": [2, 1]}, k.Dot((2, 1)), normal(2, 3, 4), normal(2, 4, 5))
    layer("Dot", {"axes": [1, 2], "normalize": True}, k.Dot((1, 2), normalize=True), normal(2, 3, 4), normal(2, 5, 3))
    layer("Dot", {"axes": [2, 1]}, k.Dot((2, 1)), normal(2, 3, 4), normal(2, 4))
    layer("Dot", {"axes": [1, 1]}, k.Dot((1, 1)), normal(2, 4), normal(2, 4, 3))
    layer("Permute", {"dims": [3, 1, 2]}, k.Permute((3, 1, 2)), normal(2, 3, 4, 5))
    layer("RepeatVector", {"n": 3}, k.RepeatVector(3), normal(2, 4))
    layer("Cropping1D", {"cropping": [1, 2]}, k.Cropping1D((1, 2)), normal(2, 6, 3))
    layer("Cropping2D", {"cropping": [1, 0, 2, 1]}, k.Cropping2D(((1, 0), (2, 1))), normal(2, 4, 5, 2))
    layer("ZeroPadding1D", {"padding": [2, 1]}, k.ZeroPadding1D((2, 1)), normal(2, 3, 2))
    layer("UpSampling1D", {"size": 3}, k.UpSampling1D(3), normal(2, 3, 2))
    layer("Cropping3D", {"cropping": [1, 0, 2, 1, 0, 2]}, k.Cropping3D(((1, 0), (2, 1), (0, 2))), normal(2, 3, 4, 5, 2))
    layer("ZeroPadding3D", {"padding": [1, 0, 2, 1, 0, 2]}, k.ZeroPadding3D(((1, 0), (2, 1), (0, 2))),
          normal(2, 3, 2, 2, 2))
    layer("UpSampling3D", {"size": [2, 1, 3]}, k.UpSampling3D((2, 1, 3)), normal(2, 2, 3, 2, 2))
    layer("UpSampling2D", {"size": [2, 3]}, k.UpSampling2D((2, 3)), normal(2, 3, 2, 2))
    layer("UpSampling2D", {"size": [2, 3], "interpolation": "bilinear"},
          k.UpSampling2D((2, 3), interpolation="bilinear"), normal(2, 3, 2, 2), tolerance=1e-6)
    for interpolation in ("bilinear", "nearest"):
        for height, width in ((5, 7), (2, 3), (8, 2)):
            config = {"height": height, "width": width, "interpolation": interpolation}
            layer("Resizing", config, k.Resizing(height, width, interpolation), normal(2, 4, 6, 2), tolerance=1e-6)
    layer("CenterCrop", {"height": 3, "width": 2}, k.CenterCrop(3, 2), normal(2, 6, 5, 2))
    layer("CenterCrop", {"height": 5, "width": 3}, k.CenterCrop(5, 3), normal(2, 3, 4, 2), tolerance=1e-6)
    layer("Rescaling", {"scale": 0.25, "offset": -1.0}, k.Rescaling(0.25, -1.0), normal(2, 3))


class InFloat32:
    """A layer without weights that is called with float32."""

    weights = trainable_weights = ()

    def __init__(self, made):
        self.made = made

    def __call__(self, x, training=True):
        return self.made(tf.cast(x, "float32"), training=True)


def random_images():
    # ranges of one number leave nothing to chance
    k = keras.layers

    def moved(type_, options, **more):
        ranges = {name: {"low": value, "high": value} for name, value in options.items()}
        pairs = {name: (value, value) for name, value in options.items()}
        x = random.uniform(0, 255, (2, 5, 6, 2)) if type_ == "RandomBrightness" else normal(2, 5, 6, 2)
        keras.backend.set_floatx("float32")  # the layers compute in it alone
        layer(type_, {**ranges, **more}, InFloat32(getattr(k, type_)(**pairs, **more)), x, training=True,
              tolerance=2e-5)
        keras.backend.set_floatx("float64")
        if "fill_mode" in more:  # the derivative of TensorFlow's image transforms is not their transpose
            del arrays[f"{len(descriptions) - 1}/gradient 0"]
    # wrap: TensorFlow does not interpolate between the last and the first pixel
    for fill in ("reflect", "constant", "nearest"):
        moved("RandomRotation", {"factor": 0.1}, fill_mode=fill)
        moved("RandomTranslation", {"height_factor": 0.3, "width_factor": -0.2}, fill_mode=fill)
        moved("RandomZoom", {"height_factor": 0.4, "width_factor": -0.3}, fill_mode=fill)
    moved("RandomZoom", {"height_factor": 0.25}, interpolation="nearest", fill_mode="reflect")
    moved("RandomBrightness", {"factor": -0.25})


def penalties():
    def penalty(config, regularizer, w, single=False):  # single: Keras computes it in float32 only
        w = tf.constant(w, "float32" if single else "float64")
        with tf.GradientTape() as tape:
            tape.watch(w)
            value = regularizer(w)
        case = new_case("regularizer", "", config, **({"tolerance": 1e-6} if single else {}))
        put(case, **{"input 0": w.numpy(), "output": value.numpy(), "gradient 0": tape.gradient(value, w).numpy()})
    penalty({"l1": 0.375}, keras.regularizers.L1(0.375), normal(3, 4))
    penalty({"l1": 0.375, "l2": 0.25}, keras.regularizers.L1L2(0.375, 0.25), normal(2, 3, 4))
    penalty({"orthogonal": 0.7, "vectors": "rows"}, keras.regularizers.OrthogonalRegularizer(0.7, "rows"),
            normal(3, 4), True)
    penalty({"orthogonal": 0.7, "vectors": "columns"}, keras.regularizers.OrthogonalRegularizer(0.7, "columns"),
            normal(3, 4), True)

    def constraint(config, made, w):
        case = new_case("constraint", "", config)
        put(case, **{"input 0": w, "output": np.asarray(made(tf.constant(w)))})
    k = keras.constraints
    constraint({"name": "max_norm", "max_value": 1.5, "axes": [0]}, k.MaxNorm(1.5, 0), normal(3, 4))
    constraint({"name": "max_norm", "max_value": 2.5, "axes": [0, 1, 2]}, k.MaxNorm(2.5, [0, 1, 2]), normal(2, 2, 2, 3))
    constraint({"name": "unit_norm", "axes": [1]}, k.UnitNorm(1), normal(3, 4))
    constraint({"name": "non_neg"}, k.NonNeg(), normal(3, 4))
    constraint({"name": "min_max_norm", "min_value": 1.0, "max_value": 2.0, "rate": 0.25, "axes": [0]},
               k.MinMaxNorm(1.0, 2.0, 0.25, 0), normal(3, 6))

    def by_largest_singular_value(w):  # NumPy's; Keras comes near it after many steps
        w = w.numpy()
        return w / np.linalg.norm(w.reshape(-1, w.shape[-1]), 2)
    for shape in (6, 4), (3, 3, 2, 5), (1, 7):
        constraint({"name": "spectral_norm"}, by_largest_singular_value, normal(*shape))


def losses():
    def loss(type_, config, made, outputs, targets, axis=-1):
        weights = random.uniform(0.2, 2, len(outputs))
        for w in (None, weights):
            x = tf.constant(outputs)
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = made(tf.constant(targets), x, sample_weight=w)
            case = new_case("loss", type_, config, tolerance=1e-7 if type_ == "log_cosh" else 1e-10)
            put(case, **{"input 0": outputs, "targets": targets, "output": tf.convert_to_tensor(value).numpy(),
                         "gradient 0": tape.gradient(value, x).numpy()})
            if w is not None:
                put(case, weights=w)
    k = keras.losses
    numbers, others = normal(5, 4), normal(5, 4)
    positive, counts = random.uniform(0.1, 3, (5, 4)), random.integers(0, 5, (5, 4)).astype("float64")
    answers = random.integers(0, 2, (5, 4)).astype("float64")
    soft = random.uniform(0, 1, (5, 4))
    probabilities = random.uniform(0.05, 0.95, (5, 4))
    shares = probabilities / probabilities.sum(-1, keepdims=True)
    one_hot = np.eye(4)[random.integers(0, 4, 5)]
    loss("huber", {}, k.Huber(), numbers, others)
    loss("huber", {"delta": 0.4}, k.Huber(0.4), numbers, others)
    loss("mean_squared_error", {}, k.MeanSquaredError(), numbers, others)
    loss("mean_absolute_error", {}, k.MeanAbsoluteError(), numbers, others)
    loss("mean_absolute_percentage_error", {}, k.MeanAbsolutePercentageError(), numbers, others)
    loss("mean_squared_logarithmic_error", {}, k.MeanSquaredLogarithmicError(), numbers, positive)
    loss("log_cosh", {}, k.LogCosh(), numbers, others)
    loss("poisson", {}, k.Poisson(), positive, counts)
    loss("cosine_similarity", {}, k.CosineSimilarity(), normal(5, 4), normal(5, 4))
    loss("hinge", {}, k.Hinge(), numbers, answers)
    loss("hinge", {}, k.Hinge(), numbers, 2 * answers - 1)
    loss("squared_hinge", {}, k.SquaredHinge(), numbers, answers)
    loss("categorical_hinge", {}, k.CategoricalHinge(), numbers, one_hot)
    loss("kl_divergence", {}, k.KLDivergence(), shares, soft / soft.sum(-1, keepdims=True))
    loss("binary_cross_entropy", {}, k.BinaryCrossentropy(), probabilities, answers)
    loss("binary_cross_entropy", {"label_smoothing": 0.2}, k.BinaryCrossentropy(label_smoothing=0.2), probabilities,
         answers)
    loss("sigmoid_cross_entropy", {}, k.BinaryCrossentropy(from_logits=True), numbers, soft)
    loss("sigmoid_cross_entropy", {"label_smoothing": 0.2}, k.BinaryCrossentropy(True, 0.2), numbers, answers)
    for config in ({}, {"gamma": 1.5}, {"balanced": True, "alpha": 0.3}, {"label_smoothing": 0.1}):
        theirs = {"apply_class_balancing" if name == "balanced" else name: value for name, value in config.items()}
        loss("sigmoid_focal_cross_entropy", config, k.BinaryFocalCrossentropy(from_logits=True, **theirs), numbers,
             answers)
    for config in ({}, {"gamma": 1.5}, {"alpha": 0.6}, {"label_smoothing": 0.1}):
        loss("softmax_focal_cross_entropy", config, k.CategoricalFocalCrossentropy(from_logits=True, **config), numbers,
             one_hot)
    masks, guesses = random.integers(0, 2, (3, 4, 5)).astype("float64"), random.uniform(0, 1, (3, 4, 5))
    loss("dice", {}, k.Dice(axis=(1, 2)), guesses, masks)
    loss("tversky", {"alpha": 0.3, "beta": 0.8}, k.Tversky(0.3, 0.8, axis=(1, 2)), guesses, masks)
    loss("dice", {"whole_batch": True}, lambda t, p, sample_weight: k.Dice()(t, p), guesses, masks)
    loss("tversky", {"whole_batch": True}, lambda t, p, sample_weight: k.Tversky()(t, p), guesses, masks)


def optimizers():
    def steps(type_, config, made, rounded=False):
        initial, slopes = normal(2, 3), [normal(2, 3) for _ in range(10)]
        w = keras.Variable(initial)
        path = []
        for g in slopes:
            made.apply([tf.constant(g)], [w])
            path.append(np.asarray(w))
        case = new_case("optimizer", type_, config, tolerance=5e-6 if rounded or not config else 1e-10)
        put(case, **{"initial": initial, "gradients": np.stack(slopes), "path": np.stack(path)})
        if made.use_ema:
            put(case, average=np.asarray(made._model_variables_moving_average[0]))
    k = keras.optimizers
    betas = {"beta1": 0.8125, "beta2": 0.96875, "epsilon": 2.0**-10}
    theirs = {"beta_1": 0.8125, "beta_2": 0.96875, "epsilon": 2.0**-10}
    for name in ("Adam", "Nadam", "Adamax", "Lamb"):
        ours = "LAMB" if name == "Lamb" else name
        steps(ours, {}, getattr(k, name)())
        steps(ours, {"learning_rate": 0.0625, **betas}, getattr(k, name)(0.0625, **theirs), name == "Nadam")
    steps("Lion", {}, k.Lion())
    steps("Lion", {"learning_rate": 0.0625, "beta1": 0.8125, "beta2": 0.96875, "weight_decay": 0.125},
          k.Lion(0.0625, beta_1=0.8125, beta_2=0.96875, weight_decay=0.125))
    steps("Adagrad", {}, k.Adagrad())
    steps("Adagrad", {"learning_rate": 0.0625, "initial_accumulator_value": 0.5, "epsilon": 2.0**-10},
          k.Adagrad(0.0625, 0.5, 2.0**-10))
    steps("Adadelta", {}, k.Adadelta())
    steps("Adadelta", {"learning_rate": 0.5, "rho": 0.8125, "epsilon": 2.0**-10}, k.Adadelta(0.5, 0.8125, 2.0**-10))
    steps("Adam", {"learning_rate": 0.0625, "ema_momentum": 0.75, **betas},
          k.Adam(0.0625, use_ema=True, ema_momentum=0.75, **theirs))


def schedules():
    def rates(type_, config, made):
        at = [0, 1, 3, 9, 10, 11, 19, 20, 21, 29, 30, 31, 55, 69, 71, 100]
        case = new_case("schedule", type_, config, tolerance=1e-6)
        put(case, iterations=np.array(at), rates=np.array([float(made(i)) for i in at]))
    k = keras.optimizers.schedules
    rates("cosine_restarts", {}, k.CosineDecayRestarts(0.5, 10))
    rates("cosine_restarts", {"period_factor": 1.0, "rate_factor": 0.8, "final_rate": 0.1},
          k.CosineDecayRestarts(0.5, 10, t_mul=1.0, m_mul=0.8, alpha=0.2))
    rates("cosine_restarts", {"period_factor": 3.0, "rate_factor": 0.5, "final_rate": 0.05},
          k.CosineDecayRestarts(0.5, 10, t_mul=3.0, m_mul=0.5, alpha=0.1))
    rates("polynomial", {}, k.PolynomialDecay(0.5, 10))
    rates("polynomial", {"final_rate": 0.1, "power": 2.0}, k.PolynomialDecay(0.5, 10, 0.1, 2.0))
    rates("polynomial", {"final_rate": 0.1, "power": 0.5, "cycle": True}, k.PolynomialDecay(0.5, 10, 0.1, 0.5, True))
    rates("inverse_time", {}, k.InverseTimeDecay(0.5, 10, 0.7))
    rates("inverse_time", {"staircase": True}, k.InverseTimeDecay(0.5, 10, 0.7, True))


def write(path):
    header, blobs, at = {"__metadata__": descriptions}, [], 0
    for name, value in sorted(arrays.items()):
        kind = "I64" if value.dtype.kind in "iu" else "F64"
        blob = np.ascontiguousarray(value, dtype=np.int64 if kind == "I64" else np.float64).tobytes()
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [at, at + len(blob)]}
        at += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    print(f"{path}: {len(descriptions)} cases, {path.stat().st_size} bytes, Keras {keras.__version__}")


if __name__ == "__main__":
    activations()
    norms_and_shapes()
    random_images()
    penalties()
    losses()
    optimizers()
    schedules()
    write(pathlib.Path(__file__).with_name("keras.safetensors"))
