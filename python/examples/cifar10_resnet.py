#!/usr/bin/env python3
"""ResNet-18 for 32x32 images on CIFAR-10, trained by any update rule.

    python cifar10_resnet.py --data cifar-10-batches-bin                        # PowerSign with the paper's cosine decay
    python cifar10_resnet.py --data DIR --rule "sign(m)" --lr 3e-4              # a formula
    python cifar10_resnet.py --data DIR --rule adamw --lr 1e-3 --schedule onecycle
    python cifar10_resnet.py --tiny                                             # drawn images, two steps

DIR is the folder of the official files, in the binary or the Python version (https://www.cs.toronto.edu/~kriz/cifar.html).
With --checkpoint FILE each epoch is saved; the same command goes on from there, with the same bits.
"""

import argparse
import pickle
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import nosc
import nosc.torch


def find_rule(text):
    """A standard rule by its name, a rule file, or a formula."""
    if text in nosc.rules():
        return nosc.rule(text)
    return nosc.Rule.load(text) if Path(text).is_file() else nosc.Rule(text)


# Data


def read_batch(path):
    """Images [n, 3, 32, 32] and labels [n], both uint8, of one official file."""
    if path.suffix == ".bin":  # records of a label and 3 x 32 x 32 bytes
        records = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8).view(-1, 3073)
        return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]
    with path.open("rb") as file:  # needs NumPy
        batch = pickle.load(file, encoding="bytes")
    return torch.from_numpy(batch[b"data"]).view(-1, 3, 32, 32), torch.tensor(batch[b"labels"], dtype=torch.uint8)


def read_cifar10(folder):
    """The 50,000 images to train on and the 10,000 to test on."""
    parts = []
    for pattern in ("data_batch_[1-5]", "test_batch"):
        paths = sorted(Path(folder).rglob(pattern + ".bin")) or sorted(Path(folder).rglob(pattern))
        if not paths:
            raise SystemExit(f"no {pattern} or {pattern}.bin in {folder}: get one of the archives and unpack it")
        images, labels = zip(*map(read_batch, paths))
        parts.append((torch.cat(images), torch.cat(labels).long()))
    return parts


def drawn_images(count, seed):
    """Noise, brighter in the row that the label says: to try the program without data."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(10, (count,), generator=generator)
    images = torch.randint(128, (count, 3, 32, 32), generator=generator, dtype=torch.uint8)
    images[torch.arange(count), :, labels * 3] = 255
    return images, labels


def prepare(images, augment, generator):
    """Floats around 0; for training shifted by up to four pixels and mirrored at random, each image by itself."""
    images = images.float().div_(255).sub_(0.473).div_(0.251)
    if not augment:
        return images
    count, wide = len(images), F.pad(images, (4, 4, 4, 4))
    rows, columns, mirrored = (torch.randint(n, (count, 1), generator=generator) for n in (9, 9, 2))
    span = torch.arange(32)
    columns = columns + torch.where(mirrored.bool(), 31 - span, span)
    rows = rows + span
    index = torch.arange(count)[:, None, None]
    return wide.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


# Model


class Block(nn.Module):
    """Two convolutions and a short cut."""

    def __init__(self, before, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.short = nn.Sequential()
        if stride != 1 or before != width:
            self.short = nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.short(x))


def resnet18(width=64):
    """He et al. 2016 with a first convolution of 3x3 and no pooling, as is usual for 32x32."""
    layers, before = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()], width
    for stage in range(4):
        for block in range(2):
            layers.append(Block(before, width << stage, 2 if stage and not block else 1))
            before = width << stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


@torch.no_grad()
def accuracy(model, images, labels, device):
    model.eval()
    right = 0
    for part, wanted in zip(images.split(500), labels.split(500)):
        right += (model(prepare(part, False, None).to(device)).argmax(1).cpu() == wanted).sum().item()
    return right / len(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="DIR", help="folder of CIFAR-10's official files")
    parser.add_argument("--rule", default="powersign_cd", help="standard rule, file or formula (default: %(default)s)")
    parser.add_argument("--lr", type=float, default=0.03)
    parser.add_argument("--weight-decay", type=float, default=5e-4, help="added to the gradient (default: %(default)s)")
    parser.add_argument("--schedule", choices=("onecycle", "none"), default="none", help="a rule may have its own decay")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--width", type=int, default=64, help="of the first stage; 16 for a processor (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="where the model and the step are (default: %(default)s)")
    parser.add_argument("--checkpoint", metavar="FILE", help="written after each epoch, and read first if it is there")
    parser.add_argument("--tiny", action="store_true", help="a narrow net, drawn images, two steps")
    arguments = parser.parse_args()
    if not arguments.data and not arguments.tiny:
        parser.error("--data DIR, or --tiny")

    torch.manual_seed(arguments.seed)
    if arguments.tiny:
        arguments.epochs, arguments.batch, arguments.width = min(arguments.epochs, 2), 32, 4
        train, test = drawn_images(32, 1), drawn_images(32, 2)
    else:
        train, test = read_cifar10(arguments.data)
    model = resnet18(arguments.width).to(arguments.device, memory_format=torch.channels_last)
    batches = len(train[1]) // arguments.batch
    total = arguments.epochs * batches

    rule = find_rule(arguments.rule)
    optimizer = nosc.torch.Optimizer(
        model.parameters(), rule, lr=arguments.lr, total_steps=total, weight_decay=arguments.weight_decay, seed=arguments.seed
    )
    scheduler = None
    if arguments.schedule == "onecycle":
        one_cycle = torch.optim.lr_scheduler.OneCycleLR
        scheduler = one_cycle(optimizer, arguments.lr, total_steps=total, cycle_momentum=False)
    first, file = 0, Path(arguments.checkpoint) if arguments.checkpoint else None
    parts = {"model": model, "optimizer": optimizer, **({"scheduler": scheduler} if scheduler else {})}
    if file and file.exists():
        saved = torch.load(file, weights_only=True, map_location=arguments.device)
        first = saved["epoch"]
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        for group in optimizer.param_groups:  # a checkpoint brings its own; --epochs may be another now
            group["total_steps"] = total
        print(f"going on after epoch {first}")
    print(f"{rule.name}: {rule.formula}\n{rule.bytes_per_parameter} bytes of state a parameter, {total} steps")

    for epoch in range(first, arguments.epochs):
        # A generator for each epoch, so that one that goes on sees the same images.
        generator = torch.Generator().manual_seed(arguments.seed * 1_000_003 + epoch)
        order, start, total_loss = torch.randperm(len(train[1]), generator=generator), time.perf_counter(), 0.0
        model.train()
        for index in order.split(arguments.batch)[:batches]:
            images = prepare(train[0][index], True, generator).to(arguments.device, memory_format=torch.channels_last)
            loss = F.cross_entropy(model(images), train[1][index].to(arguments.device), label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if scheduler:
                scheduler.step()
            total_loss += loss.item()
        found, seconds = accuracy(model, *test, arguments.device), time.perf_counter() - start
        print(f"epoch {epoch + 1:3}  loss {total_loss / batches:.4f}  test {found:.2%}  {seconds:.1f} s", flush=True)
        if file:
            states = {name: part.state_dict() for name, part in parts.items()}
            torch.save({"epoch": epoch + 1, **states}, file.with_suffix(".part"))
            file.with_suffix(".part").replace(file)


if __name__ == "__main__":
    main()
