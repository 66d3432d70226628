#!/usr/bin/env python3
"""Steps in PyTorch's DistributedDataParallel with gloo, to compare with `measure steps` on the same networks and work: 64x64
noise, 1000 classes, Adam, one thread for each rank. Prints ranks, images of a step, and the shortest and the
median seconds of a step."""
import argparse
import os
import statistics
import time

import torch
import torch.distributed as distributed
import torch.multiprocessing as multiprocessing
from torch import nn


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = 4 * width
        self.body = nn.Sequential(
            nn.Conv2d(inputs, width, 1, stride), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            nn.Conv2d(width, outputs, 1), nn.BatchNorm2d(outputs))
        changes = stride != 1 or inputs != outputs
        self.shortcut = (nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
                         if changes else nn.Identity())

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet50(classes):
    layers = [nn.Conv2d(3, 64, 7, 2, padding=3), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)]
    inputs = 64
    for stage, (width, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)]):
        for block in range(blocks):
            layers.append(Bottleneck(inputs, width, 2 if stage > 0 and block == 0 else 1))
            inputs = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))


def convnet(classes):
    layers, inputs = [], 3
    for filters in (32, 64, 128):
        layers += [nn.Conv2d(inputs, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters), nn.ReLU(inplace=True),
                   nn.MaxPool2d(2)]
        inputs = filters
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * inputs, classes))


def train(rank, options):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(options.port))
    distributed.init_process_group("gloo", rank=rank, world_size=options.ranks)
    torch.set_num_threads(1)
    torch.manual_seed(rank)
    layout = torch.channels_last if options.channels_last else torch.contiguous_format
    network = {"resnet50": resnet50, "convnet": convnet}[options.network](1000)
    model = nn.parallel.DistributedDataParallel(network.to(memory_format=layout), gradient_as_bucket_view=True)
    adam = torch.optim.Adam(model.parameters())
    images = torch.rand(options.batch, 3, 64, 64).to(memory_format=layout)
    labels = torch.zeros(options.batch, dtype=torch.long)
    seconds = []
    for _ in range(2 + options.repeats):
        begin = time.perf_counter()
        adam.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(model(images), labels).backward()
        adam.step()
        seconds.append(time.perf_counter() - begin)
    if rank == 0:
        seconds = seconds[2:]
        print(f"{options.ranks},{options.ranks * options.batch},{min(seconds):.6f},{statistics.median(seconds):.6f}")
    distributed.destroy_process_group()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=["resnet50", "convnet"], default="resnet50")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16, help="images on each rank")
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--port", type=int, default=29517)
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    multiprocessing.spawn(train, args=(options,), nprocs=options.ranks)
