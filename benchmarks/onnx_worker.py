"""The worker for onnxruntime and OpenVINO: runs the ONNX file that xtape's worker wrote, in float32 and with the
fastest settings for one stream of batches. worker.hpp describes its options and its protocol. Images are reordered to
(n, channels, height, width) before the measurement.

    python3 onnx_worker.py onnxruntime|openvino --workload JSON --threads N --data FILE --onnx FILE
"""

import argparse
import json
import sys
import time

import numpy
from safetensors.numpy import load_file


def onnxruntime_step(path, images, threads):
    """A function that runs the network and returns its outputs. Inputs and outputs are bound once, without copies."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.add_free_dimension_override_by_name("n", images.shape[0])
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_cpu_input(session.get_inputs()[0].name, images)
    binding.bind_output(session.get_outputs()[0].name)

    def step():
        session.run_with_iobinding(binding)
        return binding.get_outputs()[0]

    return step, lambda outputs: outputs.numpy()


def openvino_step(path, images, threads):
    """The same with OpenVINO, for the fixed shape of the images. Without the hint it may compute in bfloat16."""
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    model.reshape(list(images.shape))
    compiled = core.compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    })
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(images, shared_memory=True))

    def step():
        request.infer()
        return request.get_output_tensor()

    return step, lambda outputs: outputs.data


def peak_resident_bytes():
    """The peak of the physical memory of this process (VmHWM); 0 if the system does not report it."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def elapsed(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("runtime", choices=["onnxruntime", "openvino"])
    parser.add_argument("--workload", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--onnx", required=True)
    parser.add_argument("--warm-up", type=int, default=3)
    arguments = parser.parse_args()
    images = numpy.ascontiguousarray(load_file(arguments.data)["images"].transpose(0, 3, 1, 2))
    make = onnxruntime_step if arguments.runtime == "onnxruntime" else openvino_step
    step, array = make(arguments.onnx, images, arguments.threads)
    outputs = array(step())
    if outputs.ndim == 4:  # a class for each pixel; xtape has channels last
        outputs = outputs.transpose(0, 2, 3, 1)
    for _ in range(arguments.warm_up):
        step()
    print("ready", json.dumps({"outputs": outputs.ravel().tolist()}), flush=True)
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        words = line.split()
        if len(words) != 2 or words[0] != "run" or not words[1].isdigit():
            sys.exit(f"benchmark worker: expected 'run K' or 'quit', got '{line.strip()}'")
        print("seconds", json.dumps([elapsed(step) for _ in range(int(words[1]))]), flush=True)
    print("memory", peak_resident_bytes(), flush=True)


main()
