"""Writes compiled models of Keras with the state of their optimizers into tests/golden/keras_training.zip, and what
Keras computes in the steps that follow into tests/golden/keras_training.safetensors. Keras 3 and Keras 2 (tf_keras, with
the optimizers before and after 2.11) train themselves; the files and the steps of Keras 2.1, which does not run on
present versions of Python, are made here by its layout and formulas. Needs keras, tf_keras, tensorflow, h5py and
safetensors:
  python tests/golden/make_keras_training.py
"""
import json
import os
import pathlib
import tempfile
import zipfile

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import h5py
import keras
import numpy as np
import tf_keras
from safetensors.numpy import save_file

here = pathlib.Path(__file__).parent
scratch = pathlib.Path(tempfile.mkdtemp())
random = np.random.default_rng(3)
inputs = random.normal(size=(6, 8, 3)).astype("float32")  # six batches
numbers = random.normal(size=(6, 8, 2)).astype("float32")
classes = random.integers(0, 4, (6, 8)).astype("int64")
arrays = {"inputs": inputs, "numbers": numbers, "classes": classes}
files = []
before, after = 3, 3  # steps before the file is written, and steps that follow


def regression(k):
    x = k.Input((3,), name="x")
    return k.Model(x, k.layers.Dense(2, name="b")(k.layers.Dense(4, activation="tanh", name="a")(x)), name="regression")


def nested(k):
    """A Sequential in a Sequential, with a frozen layer."""
    inner = k.Sequential([k.layers.Dense(4, name="z", input_shape=(3,)), k.layers.LayerNormalization(name="norm")],
                         name="inner")
    frozen = k.layers.Dense(3, activation="tanh", name="frozen", trainable=False, input_shape=(3,))
    return k.Sequential([frozen, inner, k.layers.Dense(2, name="a")], name="nested")


def classifier(k, ending):
    x = k.Input((3,), name="x")
    hidden = k.layers.Dense(5, activation="relu", name="a")(x)
    return k.Model(x, k.layers.Dense(4, activation=ending, name="b")(hidden), name="classifier")


def case(name, model, optimizer, ending, loss="mse", targets=numbers, metrics=None):
    model.compile(optimizer, loss=loss, metrics=metrics or ["mae"])
    for i in range(before):
        model.train_on_batch(inputs[i], targets[i])
    path = scratch / f"{name}.{ending}"
    model.save(path)
    for i in range(before, before + after):
        model.train_on_batch(inputs[i], targets[i])
    finish(name, path, model.get_weights())


def finish(name, path, weights):
    for i, weight in enumerate(weights):
        arrays[f"{name}/{i}"] = weight
    files.append(path)


S3, S2 = keras.optimizers.schedules, tf_keras.optimizers.schedules
O3, O2, L2 = keras.optimizers, tf_keras.optimizers, tf_keras.optimizers.legacy
optimizers = {  # functions of the module of optimizers and that of schedules
    "sgd": lambda o, s: o.SGD(0.1),
    "momentum": lambda o, s: o.SGD(s.ExponentialDecay(0.1, 2, 0.5), momentum=0.9),
    "nesterov": lambda o, s: o.SGD(0.05, momentum=0.8, nesterov=True),
    "adam": lambda o, s: o.Adam(0.01, epsilon=1e-3),
    "adamw": lambda o, s: o.AdamW(0.02, weight_decay=0.1, global_clipnorm=0.3),
    "adamax": lambda o, s: o.Adamax(0.02),
    "nadam": lambda o, s: o.Nadam(0.02),
    "rmsprop": lambda o, s: o.RMSprop(0.01, rho=0.8),
    "centered": lambda o, s: o.RMSprop(0.01, momentum=0.7, centered=True, epsilon=1e-2),
    "adagrad": lambda o, s: o.Adagrad(0.05, epsilon=1e-2),
    "adadelta": lambda o, s: o.Adadelta(1.0, rho=0.9, epsilon=1e-3),
    "lion": lambda o, s: o.Lion(0.01, weight_decay=0.05),
    "ema": lambda o, s: o.Adam(0.01, use_ema=True, ema_momentum=0.8),
    "clip": lambda o, s: o.SGD(0.1, clipvalue=0.05),
}
for name, make in optimizers.items():
    case(f"{name}_3", regression(keras), make(O3, S3), "keras")
    if name != "nadam":  # that of tf_keras multiplies its product of momentums once for each variable, by mistake
        case(f"{name}_2", regression(tf_keras), make(O2, S2), "h5")
for name in ("adam", "centered", "momentum", "adagrad", "ema"):
    case(f"{name}_3h5", regression(keras), optimizers[name](O3, S3), "h5")
    case(f"{name}_2keras", regression(tf_keras), optimizers[name](O2, S2), "keras")
case("lamb_3", regression(keras), O3.Lamb(0.01), "keras")
for name in ("sgd", "momentum", "nesterov", "adam", "adamax", "nadam", "rmsprop", "centered", "adagrad", "adadelta"):
    case(f"{name}_legacy", regression(tf_keras), optimizers[name](L2, S2), "h5")
case("decay_legacy", regression(tf_keras), L2.Adam(0.01, decay=0.3), "h5")
for name, make in {
    "piecewise": lambda s: s.PiecewiseConstantDecay([2, 4], [0.1, 0.05, 0.01]),
    "polynomial": lambda s: s.PolynomialDecay(0.1, 5, 0.01, power=2),
    "inverse": lambda s: s.InverseTimeDecay(0.1, 2, 0.5, staircase=True),
    "cosine": lambda s: s.CosineDecay(0.1, 5, alpha=0.1),
    "restarts": lambda s: s.CosineDecayRestarts(0.1, 2, t_mul=1.5, m_mul=0.5, alpha=0.1),
}.items():
    case(f"{name}_3", regression(keras), O3.SGD(make(S3)), "keras")
case("warmup_3", regression(keras), O3.SGD(S3.CosineDecay(0.01, 3, 0.1, warmup_target=0.1, warmup_steps=4)), "keras")
for k, version, o in ((keras, "3", O3), (tf_keras, "2", O2), (tf_keras, "legacy", L2)):
    case(f"nested_{version}", nested(k), o.Adam(0.01), "keras" if version == "3" else "h5")
    one_hot = np.eye(4, dtype="float32")[classes]
    losses = k.losses
    case(f"softmax_{version}", classifier(k, "softmax"), o.SGD(0.1), "h5", "sparse_categorical_crossentropy", classes,
         ["accuracy", k.metrics.SparseTopKCategoricalAccuracy(3)])
    case(f"logits_{version}", classifier(k, None), o.SGD(0.1), "h5", losses.SparseCategoricalCrossentropy(True),
         classes, ["accuracy"])
    case(f"one_hot_{version}", classifier(k, "softmax"), o.SGD(0.1), "h5",
         losses.CategoricalCrossentropy(label_smoothing=0.1), one_hot, ["accuracy"])
    case(f"binary_{version}", classifier(k, "sigmoid"), o.SGD(0.1), "h5", "binary_crossentropy", one_hot,
         [k.metrics.AUC(num_thresholds=50), k.metrics.Precision(thresholds=0.4), k.metrics.Recall()])


# Keras 2.1: keras/optimizers.py of version 2.1.6. The optimizers have flat lists of weights; Adadelta and RMSprop do not
# save the number of steps. The strings of attributes have a fixed length, the config is bytes.


def step_adadelta(p, g, a, d, t):
    a[:] = 0.95 * a + 0.05 * g ** 2
    update = g * np.sqrt(d + 1e-7) / np.sqrt(a + 1e-7)
    p -= 1.0 * update
    d[:] = 0.95 * d + 0.05 * update ** 2


def step_rmsprop(p, g, a, _, t):
    a[:] = 0.9 * a + 0.1 * g ** 2
    p -= 0.01 * g / (np.sqrt(a) + 1e-7)


def step_adam(p, g, m, v, t):
    rate = 0.01 / (1 + 0.1 * t)
    rate *= np.sqrt(1 - 0.999 ** (t + 1)) / (1 - 0.9 ** (t + 1))
    m[:] = 0.9 * m + 0.1 * g
    v[:] = 0.999 * v + 0.001 * g ** 2
    p -= rate * m / (np.sqrt(v) + 1e-8)


def step_nadam(p, g, m, v, t):
    cache = lambda n: 0.9 * (1 - 0.5 * 0.96 ** (n * 0.004))
    product = np.prod([cache(n) for n in range(1, t + 2)])
    m[:] = 0.9 * m + 0.1 * g
    v[:] = 0.999 * v + 0.001 * g ** 2
    bar = (1 - cache(t + 1)) * g / (1 - product) + cache(t + 2) * m / (1 - product * cache(t + 2))
    p -= 0.002 * bar / (np.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8)


def early(name, step, slots, type_, config, iterations, hats=False):
    W, b, V, c = (random.normal(size=s) for s in ((3, 4), (4,), (4, 2), (2,)))
    weights = [W, b, V, c]
    state = [[np.zeros_like(w) for w in weights] for _ in range(2)]

    def train(t):
        x, y = inputs[t].astype("float64"), numbers[t]
        h = np.tanh(x @ W + b)
        d = 2 * (h @ V + c - y) / y.size
        back = d @ V.T * (1 - h ** 2)
        for i, g in enumerate((x.T @ back, back.sum(0), h.T @ d, d.sum(0))):
            step(weights[i], g, state[0][i], state[1][i], t)

    for t in range(before):
        train(t)
    dense = lambda name, units, activation: {
        "class_name": "Dense", "name": name, "inbound_nodes": [[["x" if name == "a" else "a", 0, 0, {}]]],
        "config": {"name": name, "trainable": True, "units": units, "activation": activation, "use_bias": True,
                   "kernel_initializer": {"class_name": "VarianceScaling",
                                          "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform",
                                                     "seed": None}},
                   "bias_initializer": {"class_name": "Zeros", "config": {}}, "kernel_regularizer": None,
                   "bias_regularizer": None, "activity_regularizer": None, "kernel_constraint": None,
                   "bias_constraint": None}}
    model = {"class_name": "Model", "config": {
        "name": "model_1", "input_layers": [["x", 0, 0]], "output_layers": [["b", 0, 0]],
        "layers": [{"class_name": "InputLayer", "name": "x", "inbound_nodes": [],
                    "config": {"batch_input_shape": [None, 3], "dtype": "float32", "sparse": False, "name": "x"}},
                   dense("a", 4, "tanh"), dense("b", 2, "linear")]}}
    training = {"optimizer_config": {"class_name": type_, "config": config}, "loss": "mean_squared_error",
                "metrics": ["mae"], "sample_weight_mode": None, "loss_weights": None}
    path = scratch / f"{name}.h5"
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = np.bytes_("2.1.6")
        file.attrs["backend"] = np.bytes_("tensorflow")
        file.attrs["model_config"] = json.dumps(model).encode()
        file.attrs["training_config"] = json.dumps(training).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([b"x", b"a", b"b"])
        group.attrs["backend"] = np.bytes_("tensorflow")
        group.attrs["keras_version"] = np.bytes_("2.1.6")
        for layer, values in (("x", []), ("a", weights[:2]), ("b", weights[2:])):
            names = [f"{layer}/kernel:0".encode(), f"{layer}/bias:0".encode()][:len(values)]
            own = group.create_group(layer)
            own.attrs["weight_names"] = np.array(names) if names else np.zeros(0)
            for weight, value in zip(names, values):
                own.create_dataset(weight.decode(), data=value.astype("float32"))
        flat = [np.int64(before)] if iterations else []
        for s in range(slots):
            flat += [value.astype("float32") for value in state[s]]
        if hats:
            flat += [np.zeros(1, "float32") for _ in weights]
        group = file.create_group("optimizer_weights")
        names = [f"{type_}/iterations:0"] if iterations else []
        names += [f"training/{type_}/Variable{'_' + str(i) if i else ''}:0" for i in range(len(flat) - len(names))]
        group.attrs["weight_names"] = np.array([name.encode() for name in names])
        for weight, value in zip(names, flat):
            group.create_dataset(weight, data=value)
    for t in range(before, before + after):
        train(t)
    finish(name, path, [w.astype("float32") for w in weights])


early("adadelta_21", step_adadelta, 2, "Adadelta", {"lr": 1.0, "rho": 0.95, "decay": 0.0, "epsilon": 1e-7}, False)
early("rmsprop_21", step_rmsprop, 1, "RMSprop", {"lr": 0.01, "rho": 0.9, "decay": 0.0, "epsilon": 1e-7}, False)
early("adam_21", step_adam, 2, "Adam", {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.999, "decay": 0.1, "epsilon": 1e-8,
                                        "amsgrad": False}, True, True)
early("nadam_21", step_nadam, 2, "Nadam", {"lr": 0.002, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8,
                                           "schedule_decay": 0.004}, True)

with zipfile.ZipFile(here / "keras_training.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for path in files:
        archive.writestr(zipfile.ZipInfo(path.name, (1980, 1, 1, 0, 0, 0)), path.read_bytes(), zipfile.ZIP_DEFLATED)
save_file(arrays, here / "keras_training.safetensors", {"files": " ".join(path.name for path in files)})
print(len(files), "files")
