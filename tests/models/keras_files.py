"""Writes and reads weights as Keras does (keras/src/legacy/saving/legacy_h5_format.py, keras/src/saving/saving_lib.py).

    keras_files.py write LAYOUT FILE VARIANT   LAYOUT: model, legacy or keras3; makes the weights of a small or large network
    keras_files.py reverse FILE                reverses the list of the weights of each layer in a file of a whole model
    keras_files.py read LAYOUT FILE            prints every weight in the order of the file: its name, shape, first value
"""
import sys

import h5py
import numpy as np


def dense(name, inputs, units):
    return name, "dense", [("kernel", (inputs, units)), ("bias", (units,))]


def conv(name, size, inputs, filters):
    return name, "conv2d", [("kernel", (size, size, inputs, filters)), ("bias", (filters,))]


def norm(name, channels):
    weights = ["gamma", "beta", "moving_mean", "moving_variance"]
    return name, "batch_normalization", [(weight, (channels,)) for weight in weights]


def normalization(name, channels):
    return name, "normalization", [("mean", (channels,)), ("variance", (channels,)), ("count", ())]


def plain(name):
    return name, name.rstrip("0123456789_"), []


def small():
    return [plain("input_1"), dense("hidden", 2, 4), norm("norm", 4), dense("logits", 4, 3)]


def course_resnet50():
    """The layers of the deeplearning.ai course's ResNet-50 with weights, in the order of its model.summary()."""
    layers = [plain("input_1"), plain("zero_padding2d_1"), conv("conv1", 7, 3, 64), norm("bn_conv1", 64)]
    layers += [plain("activation_1"), plain("max_pooling2d_1")]
    inputs = 64
    for stage, blocks, width in [(2, "abc", 64), (3, "abcd", 128), (4, "abcdef", 256), (5, "abc", 512)]:
        for block in blocks:
            res, bn = f"res{stage}{block}_branch", f"bn{stage}{block}_branch"
            layers += [conv(res + "2a", 1, inputs, width), norm(bn + "2a", width)]
            layers += [conv(res + "2b", 3, width, width), norm(bn + "2b", width)]
            layers += [conv(res + "2c", 1, width, 4 * width)]
            if block == "a":
                layers += [conv(res + "1", 1, inputs, 4 * width)]
            layers += [norm(bn + "2c", 4 * width)]
            if block == "a":
                layers += [norm(bn + "1", 4 * width)]
            layers += [plain(f"add_{stage}{block}")]
            inputs = 4 * width
    return layers + [plain("avg_pool"), plain("flatten_1"), dense("fc6", 2048, 6)]


def stored(number, weight, shape, dtype="float32"):
    """A weight's values, and the number of the next: Keras's count is 0 and has no number here."""
    if weight == "count":
        return np.int64(0), number
    return values(number, shape, dtype), number + 1


def values(number, shape, dtype="float32"):
    """The first weight is filled with 0, 0.5, ..., the second with 1, 1.5, ..."""
    count = int(np.prod(shape))
    return (number + 0.5 * (np.arange(count) % 2)).reshape(shape).astype(dtype)


def save_attributes(group, name, data, limit):
    """Keras splits what takes more than 64512 bytes."""
    pieces = 1
    array = np.asarray(data)
    while any(piece.nbytes > limit for piece in np.array_split(array, pieces)):
        pieces += 1
    if pieces == 1:
        group.attrs[name] = data
    else:
        for number, piece in enumerate(np.array_split(array, pieces)):
            group.attrs[f"{name}{number}"] = piece


def write_legacy(group, layers, variant):
    limit = 60 if variant == "split" else 64512
    collect = np.asarray if variant == "fixed" else list  # h5py 3 gives bytes in a list variable length, h5py 2 fixed
    save_attributes(group, "layer_names", collect([name.encode("utf8") for name, _, _ in layers]), limit)
    group.attrs["backend"] = np.bytes_(b"theano" if variant == "theano" else b"tensorflow")
    group.attrs["keras_version"] = np.bytes_(b"2.13.1")
    number = 0
    for name, kind, weights in layers:
        scope = name + "_1" if variant == "scope" else name
        names = [f"{scope}/{weight}:0" for weight, _ in weights]
        if variant == "sequential":
            names = [f"sequential/{name}/{weight}" for weight, _ in weights]
        if variant == "subclass":
            names = [f"small_1/{name}_1/{weight}:0" for weight, _ in weights]
        if kind == "functional":
            names = [f"{weight}:0" for weight, _ in weights]
        if variant == "keras3":
            names = [f"{scope}/{weight}" for weight, _ in weights]
        if variant == "keras1":
            old = {"kernel": "W", "bias": "b", "moving_mean": "running_mean", "moving_variance": "running_std"}
            names = [f"{name}_{old.get(weight, weight)}_1:0" for weight, _ in weights]
        subgroup = group.create_group(name)
        save_attributes(subgroup, "weight_names", collect([weight.encode("utf8") for weight in names]), limit)
        for weight, (_, shape) in zip(names, weights):
            dtype = variant if variant in ("float16", "float64", "int32") else "float32"
            options = {"compression": "gzip", "chunks": True} if variant == "gzip" else {}
            data, next_number = stored(number, weight.split("/")[-1].split(":")[0], shape, dtype)
            if variant != "unlisted" or number != 3:
                subgroup.create_dataset(weight, data=data, **options)
            number = next_number


def write_layers(container, layers, number, each=1):
    """Layers numbered by class, a model's own layers below it; gives the number of the next weight. tf.keras 2.12 walks
    {"layer_with_weights-0": a, "layer-0": a, "layer-1": b, ...} and counts a layer with weights each time it meets it."""
    counts = {}
    for name, kind, weights in layers:
        count = counts.get(kind, 0)
        counts[kind] = count + (each if weights else 1)
        group = container.create_group(kind if count == 0 else f"{kind}_{count}")
        own = group.create_group("vars")
        own.attrs["name"] = name
        if kind in ("functional", "sequential"):
            number = write_layers(group.create_group(container.name.split("/")[-1]), weights, number, each)
            continue
        for index, (weight, shape) in enumerate(weights):
            own[str(index)], number = stored(number, weight, shape)
    return number


def write_keras3(file, layers, variant):
    early = variant.startswith("early")
    root = "_layer_checkpoint_dependencies" if early else "layers"
    file.create_group("vars")
    write_layers(file.create_group(root), layers, 0, 2 if early and variant != "early odd" else 1)
    file.create_group(f"{root}/dropout/seed_generator/vars")["0"] = np.array([1, 2], "uint32")
    file.create_group("optimizer/vars")["0"] = np.int64(7)


def write(layout, path, variant):
    layers = course_resnet50() if variant == "resnet50" else small()
    if variant == "renamed":
        layers[-1] = dense("fc3", 4, 3)
    if variant == "nested":  # trained weights of all layers first, then the others
        inner = ["conv/kernel", "conv/bias", "bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance"]
        shapes = [(1, 1, 2, 3), (3,), (3,), (3,), (3,), (3,)]
        layers = [plain("input_1"), ("base", "functional", list(zip(inner, shapes))), dense("logits", 3, 2)]
    if variant == "inner":  # a model in a model in the model, whose names Keras 2 leaves out
        layers = [plain("input_1"), ("mid", "functional", [("c/kernel", (2, 3)), ("c/bias", (3,))]), dense("logits", 3, 2)]
    if variant == "normalized":
        layers = [plain("input_1"), normalization("scale", 2), dense("hidden", 2, 4), dense("logits", 4, 3)]
    if variant == "nested order":  # trained weights of all layers first, then the others, layer by layer
        inner = ["a/kernel", "a/bias", "bn/gamma", "bn/beta", "b/kernel", "b/bias", "scale/mean", "scale/variance",
                 "scale/count", "bn/moving_mean", "bn/moving_variance"]
        shapes = [(3, 3), (3,), (3,), (3,), (3, 3), (3,), (3,), (3,), (), (3,), (3,)]
        layers = [plain("input_1"), ("base", "functional", list(zip(inner, shapes))), dense("logits", 3, 2)]
    if variant == "swapped":  # all shapes fit in this order
        layers = [plain("input_1"), dense("logits", 2, 4), norm("norm", 4), dense("hidden", 4, 3)]
    if variant == "suffix":
        layers = [plain("input_1"), ("encoder", "functional", [("encoder_1/kernel", (2, 3)), ("encoder_1/bias", (3,))])]
    if variant == "own":  # a layer of one's own with parameters W and b
        layers = [plain("input_1"), ("sc", "own", [("W", (2,)), ("b", (2,))])]
    if layout == "keras3" and variant in ("functional", "sequential", "early sequential"):
        kind = variant.split()[-1]
        base = [plain("input_2"), conv("conv", 1, 2, 3), norm("bn", 3)]
        layers = [plain("input_1"), ("base", kind, base), plain("flatten"), dense("logits", 48, 2)]
    with h5py.File(path, "w") as file:
        if layout == "model":
            file.attrs["keras_version"] = b"2.13.1"
            file.attrs["model_config"] = b'{"class_name": "Functional", "config": {}}'
            write_legacy(file.create_group("model_weights"), layers, variant)
            file.create_group("optimizer_weights").create_dataset("Adam/iter:0", data=np.int64(3))
        elif layout == "legacy":
            write_legacy(file, layers, variant)
        else:
            write_keras3(file, layers, variant)
        spoil(file, variant)


def spoil(file, variant):
    """Invalid files."""
    if variant == "huge":
        del file["hidden/hidden/kernel:0"]
        file.create_dataset("hidden/hidden/kernel:0", (2**20, 2**20), "float32")
    if variant == "external":
        del file["hidden"]
        file["hidden"] = h5py.ExternalLink("other.h5", "/hidden")
    if variant == "loop":
        file["layers/dense/again"] = file["layers"]
    if variant == "soft loop":
        del file["hidden"]
        file["hidden"] = h5py.SoftLink("/hidden")
    if variant == "numbers":
        file.attrs["layer_names"] = np.arange(3)
    if variant == "text":
        del file["hidden/hidden/kernel:0"]
        file["hidden/hidden/kernel:0"] = np.array([b"one", b"two"])
    if variant == "no layer":
        del file["norm"]
    if variant == "no list":
        del file["norm"].attrs["weight_names"]
    if variant == "twice":
        file["norm"].attrs["weight_names"] = [b"norm/gamma:0", b"norm/gamma:0"]
    if variant == "other":
        del file.attrs["layer_names"]


def attributes(group, name):
    if name in group.attrs:
        return [text.decode("utf8") for text in group.attrs[name]]
    texts = []
    while f"{name}{len(texts)}" in group.attrs:
        texts.append([text.decode("utf8") for text in group.attrs[f"{name}{len(texts)}"]])
    return [text for piece in texts for text in piece]


def show(name, weight):
    print(name, list(weight.shape), weight.dtype, float(np.asarray(weight).flat[0]))


def read(layout, path):
    with h5py.File(path, "r") as file:
        if layout == "keras3":
            assert len(file["vars"]) == 0
            file["layers"].visititems(lambda name, x: show(name, x) if isinstance(x, h5py.Dataset) else None)
            return
        print(*(file.attrs[name].decode("utf8") for name in ["backend", "keras_version"]), sorted(file.attrs))
        for layer in attributes(file, "layer_names"):
            print(layer)
            for weight in attributes(file[layer], "weight_names"):
                show(weight, file[layer][weight])


def reverse(path):
    with h5py.File(path, "r+") as file:
        for layer in file["model_weights"].values():
            layer.attrs["weight_names"] = layer.attrs["weight_names"][::-1]


if sys.argv[1] == "write":
    write(*sys.argv[2:5])
elif sys.argv[1] == "reverse":
    reverse(sys.argv[2])
else:
    read(*sys.argv[2:4])
