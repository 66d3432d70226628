#!/usr/bin/env python3
"""The run `./run train --model resnet20 --data FOLDER` in PyTorch: the same network, data, augmentation, optimizer and
schedule, on two threads. FOLDER has the photographs of CIFAR-10, train/CLASS/*.jpg and test/CLASS/*.jpg. Prints the
seconds, the training accuracy and the test accuracy of each epoch. Evaluation is not part of the seconds."""
import argparse
import math
import pathlib
import time

import numpy
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x), inplace=True)


def resnet20():
    layers = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    inputs = 16
    for outputs in (16, 32, 64):
        for block in range(3):
            layers.append(Block(inputs, outputs, 2 if block == 0 and outputs > 16 else 1))
            inputs = outputs
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
    return model.to(memory_format=torch.channels_last)


def images(folder):
    classes = sorted(path.name for path in folder.iterdir())
    files = [(path, label) for label, name in enumerate(classes) for path in sorted((folder / name).iterdir())]
    pixels = numpy.stack([numpy.asarray(Image.open(path).convert("RGB")) for path, _ in files])
    values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255).contiguous(memory_format=torch.channels_last)
    return values, torch.tensor([label for _, label in files])


def augmented(x):
    """Each image is flipped with probability 1/2 and moved by up to 4 pixels in both directions, with zeros around."""
    n = len(x)
    padded = F.pad(x, (4, 4, 4, 4))
    left = torch.randint(0, 9, (n,))
    down = torch.randint(0, 9, (n,))
    columns = left[:, None] + torch.arange(32)
    flip = torch.rand(n) < 0.5
    columns[flip] = columns[flip].flip(1)
    rows = down[:, None] + torch.arange(32)
    moved = padded.permute(0, 2, 3, 1)[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--stop-after", type=int, help="end after this epoch of the schedule")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    x_train, y_train = images(options.data / "train")
    x_test, y_test = images(options.data / "test")
    model = resnet20()
    print(sum(p.numel() for p in model.parameters()), "parameters;", len(x_train), "training images", flush=True)
    batch = 128
    steps = math.ceil(len(x_train) / batch)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)

    def factor(step):  # one epoch of warm-up, then a cosine to 0
        if step < steps:
            return (step + 1) / steps
        return 0.5 * (1 + math.cos(math.pi * (step - steps) / (steps * (options.epochs - 1))))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    total = 0.0
    for epoch in range(1, (options.stop_after or options.epochs) + 1):
        began = time.perf_counter()
        processor = time.process_time()
        model.train()
        order = torch.randperm(len(x_train))
        right = 0
        for chosen in order.split(batch):
            y = y_train[chosen]
            outputs = model(augmented(x_train[chosen]))
            loss = F.cross_entropy(outputs, y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            right += int((outputs.argmax(1) == y).sum())
        seconds = time.perf_counter() - began
        processor = time.process_time() - processor
        total += seconds
        model.eval()
        with torch.inference_mode():
            guesses = torch.cat([model(part).argmax(1) for part in x_test.split(500)])
        print(f"epoch {epoch}/{options.epochs}  {seconds:.1f} s  {processor:.1f} s of processor time  in all {total:.0f} s  "
              f"training accuracy {right / len(x_train):.4f}  test accuracy {float((guesses == y_test).float().mean()):.4f}",
              flush=True)


if __name__ == "__main__":
    main()
