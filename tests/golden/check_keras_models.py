"""Loads models that xtape saved with Keras 3 and compares their outputs with those in keras_models.safetensors.
  check_keras_models.py FILE KEY ...   a file, and the key of its inputs and outputs
Prints "skipped" without Keras."""
import os
import pathlib
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
try:
    import keras
    import numpy as np
    import tensorflow
    from safetensors.numpy import load_file
except ImportError as error:
    print("skipped:", error)
    sys.exit(0)

arrays = load_file(pathlib.Path(__file__).parent / "keras_models.safetensors")
for file, key in zip(sys.argv[1::2], sys.argv[2::2]):
    model = keras.saving.load_model(file)
    inputs = [arrays[f"{key}/input_{i}"] for i in range(len(model.inputs))]
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    difference = max(np.abs(np.asarray(y) - arrays[f"{key}/output_{i}"]).max() for i, y in enumerate(outputs))
    print(f"{key} {'equal' if difference < 1e-5 else 'different'} {difference:.2g}")
