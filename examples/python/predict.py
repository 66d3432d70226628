#!/usr/bin/env python3
"""Runs a trained model from Python, with ctypes and the C interface of xtape (<xtape/xtape.h>).

predict.py MODEL FILE ... prints the outputs, one line for each sample. There is one file for each input of the model. It
holds the numbers of all samples in row-major order, as NumPy's tofile() writes them. Without files the program describes
the model. In a program:

    from predict import Model
    model = Model("model.safetensors")
    scores, = model.run([images])   # NumPy arrays, or Arrays of Python's standard library

The library is libxtape.so where the system finds it, or the file in the environment variable XTAPE_LIBRARY.
"""

import array
import collections
import ctypes
import ctypes.util
import math
import os
import sys

try:
    import numpy
except ImportError:
    numpy = None

Port = collections.namedtuple("Port", "name dtype shape")  # dtype: a name as in NumPy; an extent of -1 is open
Array = collections.namedtuple("Array", "dtype shape values")  # values: array.array, row by row; without NumPy
DTYPES = {1: "float32", 2: "float64", 3: "int64", 4: "uint8"}
CODES = {name: code for code, name in DTYPES.items()}
TYPE_LETTERS = {"float32": "f", "float64": "d", "int64": "q", "uint8": "B"}  # of the module array
ABI_VERSION = 1

SIZE, SHAPE, HANDLE = ctypes.c_size_t, ctypes.POINTER(ctypes.c_int64), ctypes.c_void_p
OUT = ctypes.POINTER


class XtapeError(Exception):
    """An error of the library: what was expected and what was given."""


def _load_library():
    library = ctypes.CDLL(os.environ.get("XTAPE_LIBRARY") or ctypes.util.find_library("xtape") or "libxtape.so")
    library.xtape_last_error.restype = ctypes.c_char_p
    for function in (library.xtape_model_free, library.xtape_tensor_free):
        function.argtypes, function.restype = [HANDLE], None

    def declare(name, *arguments):
        function = getattr(library, name)
        function.argtypes, function.restype, function.errcheck = arguments, ctypes.c_int32, check

    def check(status, _function, _arguments):
        if status != 0:  # the message belongs to this thread
            raise XtapeError(library.xtape_last_error().decode(errors="replace"))

    declare("xtape_model_load", ctypes.c_char_p, ctypes.c_uint32, OUT(HANDLE))
    for kind in ("input", "output"):
        declare(f"xtape_model_{kind}_count", HANDLE, OUT(SIZE))
        declare(f"xtape_model_{kind}_name", HANDLE, SIZE, OUT(ctypes.c_char_p))
        declare(f"xtape_model_{kind}_dtype", HANDLE, SIZE, OUT(ctypes.c_int32))
        declare(f"xtape_model_{kind}_shape", HANDLE, SIZE, OUT(SHAPE), OUT(SIZE))
    declare("xtape_model_class_count", HANDLE, OUT(SIZE))
    declare("xtape_model_class_name", HANDLE, SIZE, OUT(ctypes.c_char_p))
    declare("xtape_model_image_scale", HANDLE, OUT(ctypes.c_char_p))
    declare("xtape_tensor_new", ctypes.c_int32, SHAPE, SIZE, ctypes.c_void_p, SIZE, OUT(HANDLE))
    declare("xtape_tensor_dtype", HANDLE, OUT(ctypes.c_int32))
    declare("xtape_tensor_shape", HANDLE, OUT(SHAPE), OUT(SIZE))
    declare("xtape_tensor_data", HANDLE, OUT(ctypes.c_void_p), OUT(SIZE))
    declare("xtape_model_run", HANDLE, OUT(HANDLE), SIZE, OUT(HANDLE), SIZE)
    if library.xtape_abi_version() != ABI_VERSION:
        raise XtapeError(f"expected version {ABI_VERSION} of the interface, got {library.xtape_abi_version()}")
    return library


class _Tensor:
    """A handle of a tensor. Frees it when it is no longer used."""

    def __init__(self, library, handle=None):
        self._library, self.handle = library, handle or HANDLE()

    def __del__(self):
        self._library.xtape_tensor_free(self.handle)

    @classmethod
    def of(cls, library, values):
        """A tensor with a copy of a NumPy array or an Array."""
        tensor = cls(library)
        if isinstance(values, Array):
            dtype, shape = values.dtype, values.shape
            pointer, count = values.values.buffer_info()
            size = count * values.values.itemsize
        else:
            values = numpy.ascontiguousarray(values)
            values = values.astype(values.dtype.newbyteorder("="), copy=False)
            dtype, shape, pointer, size = values.dtype.name, values.shape, values.ctypes.data, values.nbytes
        if dtype not in CODES:
            raise XtapeError(f"expected an array of {', '.join(CODES)}, got {dtype}")
        extents = (ctypes.c_int64 * len(shape))(*shape)
        library.xtape_tensor_new(CODES[dtype], extents, len(shape), pointer, size, ctypes.byref(tensor.handle))
        return tensor

    def value(self):
        """A copy as a NumPy array, or as an Array without NumPy."""
        code, extents, rank = ctypes.c_int32(), SHAPE(), SIZE()
        data, size = ctypes.c_void_p(), SIZE()
        self._library.xtape_tensor_dtype(self.handle, ctypes.byref(code))
        self._library.xtape_tensor_shape(self.handle, ctypes.byref(extents), ctypes.byref(rank))
        self._library.xtape_tensor_data(self.handle, ctypes.byref(data), ctypes.byref(size))
        dtype, shape = DTYPES[code.value], tuple(extents[: rank.value])
        elements = ctypes.string_at(data, size.value)
        if numpy is not None:
            return numpy.frombuffer(elements, dtype).reshape(shape)
        return Array(dtype, shape, array.array(TYPE_LETTERS[dtype], elements))


class Model:
    """A trained model from a file. Any number of threads may run it at the same time."""

    def __init__(self, path, channels_first=False):
        self._library = _load_library()
        self._handle = HANDLE()
        flags = 1 if channels_first else 0
        self._library.xtape_model_load(os.fsencode(path), flags, ctypes.byref(self._handle))
        self.inputs = self._ports("input")
        self.outputs = self._ports("output")
        count, text = SIZE(), ctypes.c_char_p()
        self._library.xtape_model_class_count(self._handle, ctypes.byref(count))
        self.class_names = []  # empty if the file has none
        for index in range(count.value):
            self._library.xtape_model_class_name(self._handle, index, ctypes.byref(text))
            self.class_names.append(text.value.decode())
        self._library.xtape_model_image_scale(self._handle, ctypes.byref(text))
        self.image_scale = text.value.decode()  # "0..1", "imagenet", ... (xtape.h), or "" if the file does not say it

    def __del__(self):
        if getattr(self, "_handle", None):
            self._library.xtape_model_free(self._handle)

    def _ports(self, kind):
        def call(what, *arguments):
            getattr(self._library, f"xtape_model_{kind}_{what}")(self._handle, *arguments)

        count, ports = SIZE(), []
        call("count", ctypes.byref(count))
        for index in range(count.value):
            name, code, extents, rank = ctypes.c_char_p(), ctypes.c_int32(), SHAPE(), SIZE()
            call("name", index, ctypes.byref(name))
            call("dtype", index, ctypes.byref(code))
            call("shape", index, ctypes.byref(extents), ctypes.byref(rank))
            ports.append(Port(name.value.decode(), DTYPES[code.value], tuple(extents[: rank.value])))
        return ports

    def run(self, inputs):
        """The outputs for one array for each input, all with the samples along the first axis."""
        tensors = [_Tensor.of(self._library, values) for values in inputs]
        given = (HANDLE * len(tensors))(*[tensor.handle for tensor in tensors])
        results = (HANDLE * len(self.outputs))()
        self._library.xtape_model_run(self._handle, given, len(given), results, len(results))
        return [_Tensor(self._library, HANDLE(handle)).value() for handle in results]


def read_input(port, path):
    """The samples in a file as an array for an input of the model."""
    if -1 in port.shape[1:]:
        raise XtapeError(f"expected samples of one size for {port.name}, got {port.shape}; make the array in a program")
    values = array.array(TYPE_LETTERS[port.dtype])
    with open(path, "rb") as file:
        values.frombytes(file.read())
    shape = (len(values) // math.prod(port.shape[1:]), *port.shape[1:])
    if numpy is not None:
        return numpy.frombuffer(values, port.dtype).reshape(shape)
    return Array(port.dtype, shape, values)


def main(arguments):
    if not arguments:
        raise XtapeError("expected a model and a file for each of its inputs")
    model = Model(arguments[0])
    if len(arguments) == 1:
        for kind, ports in (("input", model.inputs), ("output", model.outputs)):
            for port in ports:
                print(f"{kind} {port.name}: {port.dtype} ({', '.join(map(str, port.shape))})")
        for index, name in enumerate(model.class_names):
            print(f"class {index}: {name}")
        if model.image_scale:
            print(f"images: {model.image_scale}")
        return
    if len(arguments) - 1 != len(model.inputs):
        raise XtapeError(f"expected files for {len(model.inputs)} inputs, got {len(arguments) - 1}")
    outputs = model.run([read_input(port, path) for port, path in zip(model.inputs, arguments[1:])])
    for port, output in zip(model.outputs, outputs):
        values = output.ravel() if numpy is not None else output.values
        digits = {"float32": ".9g", "float64": ".17g"}.get(port.dtype, "d")
        width = len(values) // output.shape[0]
        for sample in range(output.shape[0]):
            row = values[sample * width : (sample + 1) * width]
            print(f"{port.name}[{sample}]:", *(format(value, digits) for value in row))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (XtapeError, OSError, ValueError) as error:
        sys.exit(f"predict: {error}")
