#!/usr/bin/env python3
"""Writes tests/golden/torch_files: files of torch.save() that tests/models/torch_files_test.cpp reads. Needs torch.

  python3 tests/golden/make_torch_files.py
"""
import argparse
import io
import pathlib
import zipfile

import torch

folder = pathlib.Path(__file__).parent / "torch_files"
folder.mkdir(exist_ok=True)
torch.manual_seed(3)

# Every type; strides, offsets and shared storages. The values are known to the test.
base = torch.arange(24.0).reshape(2, 3, 4)
types = {str(t).removeprefix("torch."): (torch.arange(4) - 1).to(t)
         for t in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
                   torch.int8, torch.bool, torch.complex64)}
types["uint8"] = torch.tensor([0, 1, 128, 255], dtype=torch.uint8)
views = {"base": base, "permuted": base.permute(2, 0, 1), "part": base[1:, 1:, ::2], "expanded": base[0, 0].expand(2, 4),
         "scalar": torch.tensor(2.5), "none": torch.zeros(0, 3), "parameter": torch.nn.Parameter(base[1]),
         "many_axes": torch.zeros(1, 1, 1, 1, 1, 1, 1, 1, 1)}
torch.save(types | views | {"epoch": 3, "note": "a text", "nothing": None, "flag": True}, folder / "types.pt")
torch.save(types | views, folder / "protocol_4.pt", pickle_protocol=4)

# A checkpoint of a training with several processes.
network = torch.nn.Sequential()
network.add_module("hidden", torch.nn.Linear(3, 4))
network.add_module("norm", torch.nn.BatchNorm1d(4))
network.add_module("logits", torch.nn.Linear(4, 3))
adam = torch.optim.Adam(network.parameters())
network(torch.randn(5, 3)).sum().backward()
adam.step()
state = network.state_dict()
checkpoint = {"epoch": 2, "best": 0.5, "optimizer": adam.state_dict(), "history": [0.25, 0.5]}
torch.save(checkpoint | {"state_dict": torch.nn.DataParallel(network).state_dict()}, folder / "checkpoint.pt")
torch.save(state, folder / "plain.pt")
torch.save({"generator": dict(state), "discriminator": dict(state)}, folder / "two.pt")

# What is refused.
torch.save(network, folder / "whole_model.pt")
torch.save(checkpoint | {"state_dict": state, "args": argparse.Namespace(rate=0.1)}, folder / "arguments.pt")
torch.save(state, folder / "legacy.pt", _use_new_zipfile_serialization=False)
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 1)), folder / "script.pt")

# A file of a machine that stores the highest byte first.
with zipfile.ZipFile(folder / "plain.pt") as plain, zipfile.ZipFile(folder / "big_endian.pt", "w") as big:
    for name in plain.namelist():
        data = plain.read(name)
        if name.endswith("/byteorder"):
            data = b"big"
        elif "/data/" in name:
            width = 8 if len(data) == 8 else 4  # num_batches_tracked is the only int64
            data = b"".join(data[i : i + width][::-1] for i in range(0, len(data), width))
        big.writestr(name, data)


def sequential(**layers):
    result = torch.nn.Sequential()
    for name, layer in layers.items():
        result.add_module(name, layer)
    return result


# Convolutions of sequences, images and volumes, transposed ones, and flattened maps in front of dense layers.
n = torch.nn
sequences = sequential(conv=n.Conv1d(4, 6, 3, groups=2), relu=n.ReLU(), up=n.ConvTranspose1d(6, 5, 4, stride=2),
                       depthwise=n.Conv1d(5, 10, 3, groups=5), norm=n.BatchNorm1d(10), pool=n.MaxPool1d(2),
                       flatten=n.Flatten(), logits=n.Linear(70, 3))
images = sequential(up=n.ConvTranspose2d(3, 4, (3, 2), stride=2), flatten=n.Flatten(), logits=n.Linear(4 * 9 * 8, 2))
volumes = sequential(conv=n.Conv3d(2, 4, (2, 3, 2)), up=n.ConvTranspose3d(4, 3, (2, 2, 3), stride=(1, 2, 1)),
                     flatten=n.Flatten(), logits=n.Linear(3 * 5 * 6 * 6, 2))
lists = sequential(hidden=n.Linear(3, 4), flatten=n.Flatten(), logits=n.Linear(20, 2))
all_tensors = {}
for name, model, shape in (("sequences", sequences, (2, 4, 9)), ("images", images, (2, 3, 4, 4)),
                           ("volumes", volumes, (2, 2, 5, 5, 5)), ("lists", lists, (2, 5, 3))):
    model = model.double()
    x = torch.randn(*shape, dtype=torch.float64)
    model(x)  # so that the moving averages have values
    model.eval()
    all_tensors |= {f"{name}.{key}": value for key, value in model.state_dict().items()}
    all_tensors[f"{name}.input"] = x.movedim(1, -1) if name != "lists" else x
    all_tensors[f"{name}.output"] = model(x).detach()
torch.save(all_tensors, folder / "convolutions.pt")
