"""Checks ONNX files of a folder and runs them in onnxruntime, and in OpenVINO if it is installed.

NAME.onnx is run on NAME.inputs.safetensors and each NAME.BATCH.inputs.safetensors, whose arrays have the names of the
inputs or their numbers. The outputs are compared with the arrays of NAME.outputs.safetensors, to 1e-4 of the values
plus the second argument (2e-5 by default). Prints a line for each file that differs, and the number of files.
"""
import pathlib
import sys

import numpy
import onnx
import onnxruntime
from safetensors.numpy import load_file

try:
    import openvino
except ImportError:
    openvino = None

folder = pathlib.Path(sys.argv[1])
tolerance = float(sys.argv[2]) if len(sys.argv) > 2 else 2e-5
failures = 0


def named(arrays, names):
    return {names[int(key)] if key.isdigit() else key: array for key, array in arrays.items()}


def compare(name, runtime, ours, names, theirs):
    global failures
    for key, expected in named(ours, names).items():
        got = theirs[key]
        close = got.shape == expected.shape and numpy.allclose(got, expected, rtol=1e-4, atol=tolerance)
        if not close:
            failures += 1
            error = abs(got - expected).max() if got.shape == expected.shape else got.shape
            print(f"{name}: {runtime}: output {key}: {error}")


files = sorted(folder.glob("*.onnx"))
for path in files:
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        given = [value.name for value in session.get_inputs()]
        names = [output.name for output in session.get_outputs()]
        compiled = openvino and openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        for file in sorted(folder.glob(path.stem + ".*inputs.safetensors")):
            inputs = named(load_file(file), given)
            outputs = load_file(str(file).replace(".inputs.", ".outputs."))
            compare(file.name, "onnxruntime", outputs, names, dict(zip(names, session.run(names, inputs))))
            if openvino:
                results = compiled(inputs)
                compare(file.name, "OpenVINO", outputs, names, {name: results[name] for name in names})
    except Exception as error:  # the other files are of interest too
        failures += 1
        print(f"{path.stem}: {str(error)[:600]}")
print(f"{len(files)} files, {failures} failures, OpenVINO: {'yes' if openvino else 'no'}")
sys.exit(failures > 0)
