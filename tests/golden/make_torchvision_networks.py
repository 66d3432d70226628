#!/usr/bin/env python3
"""Prints the rows of tests/models/torch_weights_test.cpp: what torchvision's networks compute in float64. Writes
tests/golden/torch_layers.safetensors: the state_dict of a small network, its input and its output.

  python3 tests/golden/make_torchvision_networks.py      (needs torch, torchvision and safetensors)

Weights and images are numbers that the test computes likewise, from the names of the weights.
"""
import pathlib

import numpy as np
import torch
import torchvision.models as models
from numbers_of_names import numbers
from safetensors.torch import save_file


def row(call, model, size):
    model = model.double().eval()
    state = model.state_dict()
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        u = numbers(name, tensor.numel()).reshape(tensor.shape)
        if tensor.ndim > 1:
            u = u * np.sqrt(24.0 / (tensor.numel() // tensor.shape[0]))
        elif name.endswith("running_var") or (name.endswith("weight")):
            u = 1 + 0.2 * u
        else:
            u = 0.2 * u
        tensor.copy_(torch.from_numpy(u))
    image = torch.from_numpy(numbers("image", 3 * size * size).reshape(1, size, size, 3)).permute(0, 3, 1, 2)
    with torch.no_grad():
        output = model(image).flatten().tolist()
    print(f"      {{{call}, {{" + ", ".join(f"{v:.15g}" for v in output) + "}},")


row("resnet(18, small)", models.resnet18(num_classes=3), 64)
row("resnet(50, small)", models.resnet50(num_classes=3), 64)
row("densenet(121, small)", models.densenet121(num_classes=3), 64)
row("mobilenet_v2(odd)", models.mobilenet_v2(num_classes=3), 75)
row("mobilenet_v3(MobileNetSize::small, small)", models.mobilenet_v3_small(num_classes=3), 64)
row("mobilenet_v3(MobileNetSize::large, odd)", models.mobilenet_v3_large(num_classes=3), 75)
row("efficientnet_b0(odd)", models.efficientnet_b0(num_classes=3), 75)


torch.manual_seed(1)
layers = torch.nn.Sequential()
layers.add_module("conv", torch.nn.Conv2d(4, 6, (3, 2), groups=2))
layers.add_module("relu", torch.nn.ReLU())
layers.add_module("depthwise", torch.nn.Conv2d(6, 12, 3, groups=6))
layers.add_module("norm", torch.nn.BatchNorm2d(12))
layers.add_module("relu2", torch.nn.ReLU())
layers.add_module("flatten", torch.nn.Flatten())
layers.add_module("flat_norm", torch.nn.BatchNorm1d(12 * 2 * 3))
layers.add_module("hidden", torch.nn.Linear(12 * 2 * 3, 5))
layers.add_module("logits", torch.nn.Linear(5, 3, bias=False))
layers = layers.double()
layers.train()
for _ in range(3):  # so that the moving averages have values
    layers(torch.randn(8, 4, 6, 6, dtype=torch.float64))
layers.eval()
image = torch.randn(2, 4, 6, 6, dtype=torch.float64)
tensors = {name: value.contiguous() for name, value in layers.state_dict().items()}
path = pathlib.Path(__file__).parent / "torch_layers.safetensors"
save_file(tensors | {"image": image.permute(0, 2, 3, 1).contiguous(), "output": layers(image).detach()}, path)
