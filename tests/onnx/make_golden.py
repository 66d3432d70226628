"""Makes the golden files of tests/onnx: small networks as other software writes them, with outputs of onnxruntime.

Needs numpy, onnx, onnxruntime and safetensors (tools/witnesses). NAME.safetensors has the inputs and the outputs.
"""
import pathlib

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

folder = pathlib.Path(__file__).parent
random = numpy.random.default_rng(7)


class Graph:
    """A graph that is written node by node. Names of values start with the prefix."""

    def __init__(self, prefix=""):
        self.nodes, self.initializers, self.prefix = [], [], prefix

    def weight(self, *shape, low=-0.4, high=0.4):
        return self.constant(random.uniform(low, high, shape).astype(numpy.float32))

    def constant(self, value, as_node=False):
        name = f"{self.prefix}c{len(self.initializers) + len(self.nodes)}"
        tensor = numpy_helper.from_array(numpy.asarray(value), name)
        if as_node:
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        else:
            self.initializers.append(tensor)
        return name

    def integers(self, *values):
        return self.constant(numpy.array(values, numpy.int64), as_node=True)

    def number(self, value):
        return self.constant(numpy.float32(value), as_node=True)

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = [f"{self.prefix}{kind.lower()}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, f"/{kind}_{len(self.nodes)}", **attributes))
        return names[0] if outputs == 1 else names

    def norm(self, x, channels):
        return self.op("BatchNormalization", x, self.weight(channels, low=0.5, high=1.5), self.weight(channels),
                       self.weight(channels), self.weight(channels, low=0.5, high=1.5), epsilon=1e-5)

    def layer_norm(self, x, channels):
        """Layer normalization as older exporters write it."""
        centered = self.op("Sub", x, self.op("ReduceMean", x, axes=[-1]))
        variance = self.op("ReduceMean", self.op("Pow", centered, self.number(2)), axes=[-1])
        deviation = self.op("Sqrt", self.op("Add", variance, self.number(1e-5)))
        scaled = self.op("Mul", self.op("Div", centered, deviation), self.weight(channels, low=0.5, high=1.5))
        return self.op("Add", scaled, self.weight(channels))

    def dense(self, x, inputs, outputs):
        return self.op("Add", self.op("MatMul", x, self.weight(inputs, outputs)), self.weight(outputs))

    def attention(self, x, channels, heads):
        """Self-attention with one product for queries, keys and values; the batch is on axis 1 for a while."""
        shape = self.op("Shape", x)
        batch = self.op("Gather", shape, self.constant(numpy.int64(0), as_node=True), axis=0)
        steps = self.op("Gather", shape, self.constant(numpy.int64(1), as_node=True), axis=0)
        axis = self.integers(0)
        size = channels // heads
        target = self.op("Concat", self.op("Unsqueeze", batch, axis), self.op("Unsqueeze", steps, axis),
                         self.integers(3), self.integers(heads), self.integers(size), axis=0)
        parts = self.op("Reshape", self.dense(x, channels, 3 * channels), target)
        parts = self.op("Transpose", parts, perm=[2, 0, 3, 1, 4])
        q, k, v = (self.op("Gather", parts, self.constant(numpy.int64(i), as_node=True), axis=0) for i in range(3))
        scores = self.op("MatMul", self.op("Mul", q, self.number(size ** -0.5)),
                         self.op("Transpose", k, perm=[0, 1, 3, 2]))
        mixed = self.op("MatMul", self.op("Softmax", scores, axis=-1), v)
        mixed = self.op("Transpose", mixed, perm=[0, 2, 1, 3])
        return self.dense(self.op("Reshape", mixed, self.integers(0, -1, channels)), channels, channels)

    def gelu(self, x):
        erf = self.op("Erf", self.op("Div", x, self.number(2 ** 0.5)))
        return self.op("Mul", self.op("Mul", x, self.op("Add", erf, self.number(1))), self.number(0.5))

    def branch(self, *outputs):
        """The graph as a branch of If."""
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        return helper.make_graph(self.nodes, f"{self.prefix}branch", [], infos, self.initializers)

    def save(self, name, inputs, outputs, values, opset):
        infos = [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in inputs]
        results = [helper.make_tensor_value_info(key, TensorProto.FLOAT, [None] * rank) for key, rank in outputs]
        graph = helper.make_graph(self.nodes, name, infos, results, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        path = folder / f"{name}.onnx"
        onnx.save(onnx.shape_inference.infer_shapes(model), path)
        onnx.checker.check_model(onnx.load(path))
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        arrays = {f"input_{i}": values[key] for i, (key, _) in enumerate(inputs)}
        for i, value in enumerate(session.run(None, values)):
            arrays[f"output_{i}"] = value
        save_file(arrays, folder / f"{name}.safetensors")


def images(*shape):
    return random.uniform(-1, 1, shape).astype(numpy.float32)


# Text recognition as in SVTR: convolutions, attention over the columns of an image of any width, one output per column.
g = Graph()
x = g.op("HardSwish", g.norm(g.op("Conv", "image", g.weight(8, 3, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1]), 8))
x = g.op("Conv", x, g.weight(8, 1, 3, 3), g.weight(8), strides=[2, 1], pads=[1, 1, 1, 1], group=8)
x = g.op("Sigmoid", x)
gate = g.op("ReduceMean", x, axes=[2, 3], keepdims=1)
gate = g.op("Clip", g.op("Conv", gate, g.weight(8, 8, 1, 1), g.weight(8)), g.number(0), g.number(1))
x = g.op("Concat", g.op("Mul", x, gate), x, axis=1)
x = g.op("AveragePool", x, kernel_shape=[4, 2], strides=[4, 1], pads=[0, 0, 0, 1], ceil_mode=0, count_include_pad=1)
x = g.op("Squeeze", x, g.integers(2))
x = g.op("Transpose", x, perm=[0, 2, 1])
x = g.op("Add", x, g.attention(g.layer_norm(x, 16), 16, 4))
x = g.op("Add", x, g.dense(g.gelu(g.dense(g.layer_norm(x, 16), 16, 24)), 24, 16))
y = g.op("Softmax", g.dense(x, 16, 11), axis=2)
g.save("text_recognition", [("image", ["N", 3, 16, "W"])], [(y, 3)], {"image": images(2, 3, 16, 20)}, 14)

# A residual network with a fixed batch of 1 and the constants of shapes as initializers.
g = Graph()
x = g.op("Relu", g.op("Conv", "image", g.weight(6, 2, 3, 3), auto_pad="SAME_UPPER", strides=[2, 2]))
left, right = g.op("Split", x, outputs=2, axis=1)
y = g.op("PRelu", g.op("Conv", left, g.weight(3, 3, 3, 3), pads=[1, 1, 1, 1]), g.weight(3, 1, 1, low=0.1, high=0.5))
y = g.op("Concat", g.op("Add", y, right), g.op("LeakyRelu", left, alpha=0.1), axis=1)
y = g.op("Pad", y, g.constant(numpy.array([0, 0, 1, 0, 0, 0, 0, 1], numpy.int64)))
y = g.op("Resize", y, "", g.constant(numpy.array([1, 1, 2, 2], numpy.float32)), mode="nearest",
         coordinate_transformation_mode="asymmetric", nearest_mode="floor")
y = g.op("MaxPool", y, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
flat = g.op("Reshape", y, g.constant(numpy.array([1, -1], numpy.int64)))
a = g.op("Gemm", flat, g.weight(5, 216), g.weight(5), transB=1)
b = g.op("Transpose", y, perm=[0, 2, 3, 1])
g.save("branches", [("image", [1, 2, 9, 10])], [(a, 2), (b, 4)], {"image": images(1, 2, 9, 10)}, 13)

# Every option of windows, paddings and resizings: an output for each, of sequences, images and volumes.
g = Graph()
outputs = []
INPUTS = {"sequence": (1, 4, 9), "image": (1, 4, 6, 7), "volume": (1, 4, 3, 4, 3)}


def out(kind, *inputs, rank, **attributes):
    outputs.append((g.op(kind, *inputs, **attributes), rank))


for name, shape in INPUTS.items():
    axes = len(shape) - 2
    rank = axes + 2

    def each(*values):
        return [values[i % len(values)] for i in range(axes)]

    kernel = each(3, 2)
    out("Conv", name, g.weight(6, 2, *kernel), g.weight(6), rank=rank, group=2, strides=each(2, 1),
        pads=each(1, 0) + each(2, 1), dilations=each(1, 2))
    out("Conv", name, g.weight(8, 1, *kernel), rank=rank, group=4, auto_pad="SAME_UPPER", strides=each(2))
    out("Conv", name, g.weight(3, 4, *each(2)), rank=rank, auto_pad="SAME_LOWER")
    out("ConvTranspose", name, g.weight(4, 3, *kernel), g.weight(3), rank=rank, strides=each(2, 3),
        pads=each(1) + each(1), output_padding=each(1, 2))
    out("ConvTranspose", name, g.weight(4, 2, *kernel), g.weight(4), rank=rank, group=2, dilations=each(2, 1))
    out("ConvTranspose", name, g.weight(4, 2, *each(4)), rank=rank, strides=each(2), pads=each(1) + each(1))
    out("ConvTranspose", name, g.weight(4, 1, *kernel), rank=rank, strides=each(2), auto_pad="SAME_UPPER")
    out("ConvTranspose", name, g.weight(4, 1, *kernel), rank=rank, strides=each(2), auto_pad="SAME_LOWER")
    out("ConvTranspose", name, g.weight(4, 1, *kernel), rank=rank, strides=each(2),
        output_shape=[2 * extent + 1 for extent in shape[2:]])
    out("MaxPool", name, rank=rank, kernel_shape=kernel, strides=each(2), pads=each(1) + each(0), ceil_mode=1)
    out("MaxPool", name, rank=rank, kernel_shape=each(2), strides=each(1, 2), pads=each(1) + each(1),
        dilations=each(2, 1))
    out("AveragePool", name, rank=rank, kernel_shape=kernel, strides=each(2), pads=each(1) + each(1))
    out("AveragePool", name, rank=rank, kernel_shape=kernel, pads=each(1) + each(1), count_include_pad=1)
    out("AveragePool", name, rank=rank, kernel_shape=kernel, auto_pad="SAME_LOWER")
    out("GlobalAveragePool", name, rank=rank)
    out("GlobalMaxPool", name, rank=rank)
    pads = [0, 0] + each(1, 2) + [0, 1] + each(2, 1)
    for mode in ["constant", "edge", "reflect"]:
        out("Pad", name, g.integers(*(pads if mode == "constant" else [0, 0] + each(1, 2) + [0, 0] + each(2, 1))),
            rank=rank, mode=mode)
    out("Pad", name, g.integers(0, 0, *each(-1, 1), 0, 0, *each(1, -1)), g.number(0.5), rank=rank)

for options in [dict(mode="nearest", nearest_mode="ceil"), dict(mode="nearest", nearest_mode="floor"),
                dict(mode="nearest", coordinate_transformation_mode="asymmetric"),
                dict(mode="linear"), dict(mode="linear", coordinate_transformation_mode="asymmetric"),
                dict(mode="linear", coordinate_transformation_mode="pytorch_half_pixel"),
                dict(mode="cubic"), dict(mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1)]:
    for scales in [[1, 1, 1.6, 0.5], [1, 1, 2, 3]]:
        out("Resize", "image", "", g.constant(numpy.array(scales, numpy.float32)), rank=4, **options)
for options in [dict(mode="linear", coordinate_transformation_mode="align_corners"), dict(mode="linear", antialias=1),
                dict(mode="cubic", antialias=1), dict(mode="nearest")]:
    out("Resize", "image", "", "", g.integers(4, 5), rank=4, axes=[2, 3], **options)
out("Resize", "image", "", "", g.integers(9, 9), rank=4, axes=[2, 3], mode="linear",
    keep_aspect_ratio_policy="not_larger")
out("Resize", "sequence", "", g.constant(numpy.array([1, 1, 2], numpy.float32)), rank=3, mode="linear")
out("Resize", "volume", "", g.constant(numpy.array([1, 1, 2, 1, 2], numpy.float32)), rank=5, mode="nearest",
    coordinate_transformation_mode="asymmetric", nearest_mode="floor")
out("SpaceToDepth", g.op("Pad", "image", g.integers(0, 0, 0, 0, 0, 0, 0, 1)), rank=4, blocksize=2)
out("LRN", "image", rank=4, size=3, alpha=0.5, beta=0.6, bias=1.5)
out("Shrink", "sequence", rank=3, lambd=0.3, bias=0.1)
g.save("windows", [(name, ["n", *shape[1:]]) for name, shape in INPUTS.items()], outputs,
       {name: images(*shape) for name, shape in INPUTS.items()}, 18)

# Opset 9, where many options are attributes.
g = Graph()
outputs = []
out("Upsample", "image", g.constant(numpy.array([1, 1, 2, 3], numpy.float32)), rank=4, mode="nearest")
out("Softmax", "image", rank=4, axis=2)
out("LogSoftmax", "image", rank=4)
out("Pad", "image", rank=4, mode="reflect", pads=[0, 0, 1, 0, 0, 0, 2, 1])
out("Pad", "image", rank=4, pads=[0, 1, 0, 1, 0, 0, 0, 0], value=0.5)
out("Slice", "image", rank=4, axes=[1, 3], starts=[1, -3], ends=[4, 100])
out("Clip", "image", rank=4, min=-0.2, max=0.4)
out("ReduceSum", "image", rank=3, axes=[-1], keepdims=0)
out("ReduceMax", "image", rank=4, axes=[1])
out("Squeeze", g.op("ReduceMean", "image", axes=[2, 3]), rank=2, axes=[2, 3])
out("Dropout", "image", rank=4, ratio=0.3)
out("Max", "image", g.op("Unsqueeze", g.weight(4, 1), axes=[0, 2]), g.number(0.1), rank=4)
out("Sum", "image", "image", g.weight(4, 6, 7), rank=4)
out("Mul", "image", g.op("Reshape", g.op("Sqrt", g.op("Abs", g.weight(2, 2))), g.integers(4, 1, 1)), rank=4)
for part in g.op("Split", "image", axis=3, split=[3, 4], outputs=2):
    outputs.append((part, 4))
g.save("opset_9", [("image", ["n", 4, 6, 7])], outputs, {"image": images(2, 4, 6, 7)}, 9)

# Text recognition as exporters of PyTorch write it: rows (steps * n, channels) and (n * steps, channels).
g = Graph()
x = g.op("Relu", g.norm(g.op("Conv", "image", g.weight(6, 1, 3, 3), g.weight(6), pads=[1, 1, 1, 1]), 6))
x = g.op("Conv", g.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 1], pads=[0, 1, 0, 1]), g.weight(8, 6, 4, 1))
x = g.op("Squeeze", x, g.integers(2))
outputs = []
for perm in [2, 0, 1], [0, 2, 1]:
    steps = g.op("Transpose", x, perm=perm)
    first, second = (g.op("Gather", g.op("Shape", steps), g.constant(numpy.int64(i), as_node=True)) for i in range(2))
    one = g.integers(0)
    rows = g.op("Unsqueeze", g.op("Mul", first, second), one)
    rows = g.op("Reshape", steps, g.op("Concat", rows, g.integers(8), axis=0))
    rows = g.op("Tanh", g.op("Gemm", rows, g.weight(5, 8), g.weight(5), transB=1))
    rows = g.op("Reshape", rows, g.op("Concat", g.op("Unsqueeze", first, one), g.op("Unsqueeze", second, one),
                                      g.integers(-1), axis=0))
    out("LogSoftmax", rows, rank=3, axis=2)
rows = g.op("MatMul", g.op("Reshape", g.op("Transpose", x, perm=[0, 2, 1]), g.integers(-1, 8)), g.weight(8, 3))
out("Reshape", g.op("Softmax", rows), g.integers(-1, 10, 3), rank=3)
g.save("rows", [("image", ["n", 1, 8, 9])], outputs, {"image": images(2, 1, 8, 9)}, 13)

# Transformers: a token and positions that are added in front, attention in the forms of several exporters, windows.
g = Graph()


def extent(x, axis):
    return g.op("Unsqueeze", g.op("Gather", g.op("Shape", x), g.constant(numpy.int64(axis), as_node=True)), g.integers(0))


def times(number, factor):
    return g.op("Mul", number, g.integers(factor))


def parts(x):
    return (g.dense(x, 8, 8) for _ in range(3))


def softmax_of(q, k):
    return g.op("Softmax", g.op("MatMul", g.op("Mul", q, g.number(0.5)), k), axis=-1)


x = g.op("Conv", "image", g.weight(8, 3, 8, 4), g.weight(8), strides=[8, 2], pads=[0, 1, 0, 1])
x = g.op("Transpose", g.op("Squeeze", x, g.integers(2)), perm=[0, 2, 1])
x = g.op("MatMul", x, g.weight(8, 8))
x = g.op("Transpose", g.norm(g.op("Transpose", x, perm=[0, 2, 1]), 8), perm=[0, 2, 1])
batch, steps = extent(x, 0), extent(x, 1)
one = g.integers(1)
token = g.op("Expand", g.weight(1, 1, 8), g.op("Concat", batch, one, one, axis=0))
second = g.op("Tile", g.weight(1, 1, 8), g.op("Concat", batch, g.integers(2), one, axis=0))
zeros = g.op("ConstantOfShape", g.op("Concat", batch, one, g.integers(8), axis=0))
x = g.op("Add", x, g.op("Slice", g.weight(1, 32, 8), g.integers(0), steps, g.integers(1)))
x = g.op("Concat", token, second, g.op("Add", zeros, g.weight(8)), x, axis=1)
outputs = [(x, 3)]
steps = extent(x, 1)

# (n, heads, steps, size) becomes (n heads, steps, size)
q, k, v = (g.op("Transpose", g.op("Reshape", part, g.integers(0, -1, 2, 4)), perm=[0, 2, 1, 3]) for part in parts(x))
q, k, v = (g.op("Reshape", part, g.op("Concat", times(batch, 2), g.integers(-1), g.integers(4), axis=0))
           for part in (q, k, v))
y = g.op("MatMul", softmax_of(q, g.op("Transpose", k, perm=[0, 2, 1])), v)
y = g.op("Reshape", y, g.op("Concat", batch, g.integers(2), steps, g.integers(4), axis=0))
y = g.op("Reshape", g.op("Transpose", y, perm=[0, 2, 1, 3]), g.integers(0, -1, 8))
x = g.op("Add", x, g.op("LayerNormalization", y, g.weight(8), g.weight(8)))

# (steps, n, heads size) becomes (steps, n heads, size), as in PyTorch's MultiheadAttention
q, k, v = (g.op("Reshape", part, g.op("Concat", steps, times(batch, 2), g.integers(4), axis=0))
           for part in parts(g.op("Transpose", x, perm=[1, 0, 2])))
q, v = (g.op("Transpose", part, perm=[1, 0, 2]) for part in (q, v))
y = g.op("MatMul", softmax_of(q, g.op("Transpose", k, perm=[1, 2, 0])), v)
y = g.op("Reshape", g.op("Transpose", y, perm=[1, 0, 2]), g.op("Concat", steps, batch, g.integers(8), axis=0))
y = g.op("LayerNormalization", g.op("Add", y, g.op("Transpose", x, perm=[1, 0, 2])), g.weight(8), g.weight(8))
y = g.op("Unsqueeze", y, g.integers(0))
x = g.op("Transpose", g.op("Squeeze", y, g.integers(0)), perm=[1, 0, 2])
outputs.append((x, 3))

# letters for the axes
q, k, v = (g.op("Reshape", part, g.integers(0, -1, 2, 4)) for part in parts(x))
y = g.op("Einsum", g.op("Softmax", g.op("Einsum", q, k, equation="bnhd,bmhd->bhnm"), axis=-1), v,
         equation="bhnm, bmhd -> bnhd")
y = g.op("Einsum", y, g.weight(2, 4, 6), equation="bnhd,hde->bne")
outputs.append((y, 3))
out("Einsum", y, rank=2, equation="bne->be")
out("Gemm", g.op("Gather", y, g.constant(numpy.int64(0), as_node=True), axis=1), g.weight(6, 5), rank=2)

# windows of 2x4 pixels as rows (n windows, pixels, channels)
y = g.op("Transpose", g.op("Conv", "picture", g.weight(8, 3, 2, 2), strides=[2, 2]), perm=[0, 2, 3, 1])
y = g.op("Transpose", g.op("Reshape", y, g.integers(-1, 2, 2, 2, 4, 8)), perm=[0, 1, 3, 2, 4, 5])
q, k, v = parts(g.op("Reshape", y, g.integers(-1, 8, 8)))
scores = g.op("MatMul", q, g.op("Transpose", k, perm=[0, 2, 1]))
y = g.op("MatMul", g.op("Softmax", g.op("Add", scores, g.weight(1, 8, 8)), axis=-1), v)
y = g.op("Transpose", g.op("Reshape", y, g.integers(-1, 2, 2, 2, 4, 8)), perm=[0, 1, 3, 2, 4, 5])
out("Reshape", y, g.integers(-1, 4, 8, 8), rank=4)
g.save("attention", [("image", ["n", 3, 8, "w"]), ("picture", ["n", 3, 8, 16])], outputs,
       {"image": images(2, 3, 8, 14), "picture": images(2, 3, 8, 16)}, 17)

# Conditions on extents, as PyTorch writes them for squeeze(): in one, the branch has weights and a condition of its own.
g = Graph()
x = g.op("Conv", "image", g.weight(4, 3, 3, 3), pads=[1, 1, 1, 1])
product = g.op("MatMul", x, g.weight(10, 6))
wide = g.op("Equal", g.op("Gather", g.op("Shape", x), g.constant(numpy.int64(3), as_node=True)),
            g.constant(numpy.int64(10), as_node=True))
then, otherwise = Graph("then_"), Graph("else_")
inner_then, inner_else = Graph("inner_then_"), Graph("inner_else_")
flat = then.op("Equal", then.op("Gather", then.op("Shape", x), then.constant(numpy.int64(2), as_node=True)),
               then.constant(numpy.int64(1), as_node=True))
convolved = then.op("Conv", x, then.weight(5, 4, 3, 3), then.weight(5))
inner = then.op("If", flat, then_branch=inner_then.branch(inner_then.op("Squeeze", convolved)),
                else_branch=inner_else.branch(inner_else.op("Identity", convolved)))
y, z = g.op("If", wide, outputs=2, then_branch=then.branch(inner, then.op("Relu", product)),
            else_branch=otherwise.branch(otherwise.op("Neg", x), otherwise.op("Abs", product)))
y = g.op("MaxPool", y, kernel_shape=[2, 2])
sums = g.op("Add", product, g.weight(6))
g.save("conditions", [("image", ["N", 3, 8, 10])], [(y, 4), (z, 4), (sums, 4)], {"image": images(2, 3, 8, 10)}, 17)
