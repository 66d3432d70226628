"""Loads compiled models that xtape saved, with Keras 3, trains on and compares with what keras_training.safetensors has:
  check_keras_training.py FILE NAME ...   a file, and the name of its arrays
Prints "NAME equal DIFFERENCE" or "FILE different DIFFERENCE" for each, or "skipped" without Keras.
"""
import os
import pathlib
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
try:
    import keras
    import numpy as np
    from safetensors.numpy import load_file
except ImportError as error:
    print(f"skipped: {error}; give a python with keras, tensorflow and safetensors in XTAPE_PYTHON")
    sys.exit()

arrays = load_file(pathlib.Path(__file__).parent / "keras_training.safetensors")
for path, name in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        model = keras.models.load_model(path)
    except Exception as error:
        print(name, "failed:", error, flush=True)
        continue
    targets = arrays["numbers"]
    if name.split("_")[0] in ("softmax", "logits", "one", "binary"):
        targets = arrays["classes"]
    if name.split("_")[0] in ("one", "binary"):
        targets = np.eye(4, dtype="float32")[targets]
    for step in range(3, 6):
        model.train_on_batch(arrays["inputs"][step], targets[step])
    difference = max(np.abs(weight - arrays[f"{name}/{i}"]).max() for i, weight in enumerate(model.get_weights()))
    print(name, "equal" if difference < 3e-6 else "different", difference, flush=True)
