#!/usr/bin/env python3
"""Trains the paper's child with nosc and with PyTorch: compares gradients, then times both in turns.

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install torch numpy      # 6 GB, nearly all torch
    /tmp/peers/bin/python tests/bench/child.py [--shapes 32x3,8x1] [--paths avx512,avx2,gemm] [--children 1,2]
                                               [--rounds 9] [--no-compile] [--busy] [--json]
                                               [--binary FILE]

Gradients: a batch is drawn anew until no ReLU and no max-pool of it is close to a tie, since on a tie a rounding decides
where a derivative goes. PyTorch computes in float64. The largest difference of a path must be within 1e-5 of the
largest gradient, or the script fails.

Times: images/s of forward, backward and a step of SGD, batch 100, random images. PyTorch is in channels_last, eager and
by torch.compile (which needs a C++ compiler), on one thread a process, with glibc told to keep its memory; otherwise
its activations are mapped and cleared anew in every step. `--children 2` are two children of nosc in one process and
two processes of PyTorch, all with one thread. Contestants take turns in each round; medians over the rounds are
printed, and the median of the ratios to the faster PyTorch of the same round. nosc's images are prepared outside these
times: how long that takes is printed. `--busy` counts the time that one child's thread is on a processor, for machines
that do other work. `--binary` is a benchmark that has been built already.
"""
import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILTERS, CLASSES, BATCH, EPSILON = 32, 10, 100, 1e-5
PATHS = ("avx512", "avx2", "gemm")
SAMPLE = 0.25       # seconds that a sample lasts at least
RATE = 1e-6         # learning rate while timing: nothing leaves its range
TUNED = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20), "OMP_NUM_THREADS": "1",
}


# --- the net in PyTorch -----------------------------------------------------------------------------------

def layers(side, channels):
    """A module whose parameters are in nosc's order, though not in its layouts."""
    import torch
    from torch import nn
    return nn.Sequential(
        nn.Conv2d(channels, FILTERS, 3, padding=1, bias=False), nn.BatchNorm2d(FILTERS), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(FILTERS, FILTERS, 3, padding=1, bias=False), nn.BatchNorm2d(FILTERS), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(FILTERS * (side // 4) ** 2, CLASSES)).to(torch.float32)


def to_nosc(tensors, side):
    """One flat array: kernels [row, column, input, filter], linear [class, row, column, channel]."""
    import numpy as np
    quarter = side // 4
    out = []
    for tensor in tensors:
        values = tensor.detach().double().numpy()
        if values.ndim == 4:
            values = values.transpose(2, 3, 1, 0)
        elif values.ndim == 2:
            values = values.reshape(CLASSES, FILTERS, quarter, quarter).transpose(0, 2, 3, 1)
        out.append(values.reshape(-1))
    return np.concatenate(out)


def margin(model, images):
    """How close the closest choice of a ReLU or a max-pool is."""
    import torch
    closest, values = float("inf"), images
    for layer in model:
        if isinstance(layer, torch.nn.ReLU):
            n, c, h, w = values.shape
            four = values.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 2, 4, 3, 5).reshape(-1, 4)
            top = four.topk(2).values
            on = top[:, 0] > 0
            closest = min(closest, top[:, 0].abs().min().item(), (top[on, 0] - top[on, 1]).min().item())
        values = layer(values)
    return closest


def check_gradients(binary, side, channels, paths, count):
    """Prints the largest differences; returns whether all are small."""
    import numpy as np
    import torch
    for seed in range(1000):
        torch.manual_seed(seed)
        model = layers(side, channels)
        images = torch.randn(count, channels, side, side)
        labels = torch.randint(CLASSES, (count,))
        exact = layers(side, channels).double()
        exact.load_state_dict(model.state_dict())
        with torch.no_grad():
            if margin(exact, images.double()) > 2e-6:
                break
    loss = torch.nn.functional.cross_entropy(exact(images.double()), labels)
    loss.backward()
    expected = to_nosc([p.grad for p in exact.parameters()], side)
    good = True
    with tempfile.TemporaryDirectory() as folder:
        images.numpy().astype("<f4").tofile(os.path.join(folder, "images.f32"))
        labels.numpy().astype("u1").tofile(os.path.join(folder, "labels.u8"))
        to_nosc(model.parameters(), side).astype("<f4").tofile(os.path.join(folder, "parameters.f32"))
        for path in paths:
            words = [binary, "gradients", folder, str(side), str(channels), path]
            ours = float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
            gradients = np.fromfile(os.path.join(folder, "gradients.f32"), "<f4")
            error = np.abs(gradients - expected).max() / np.abs(expected).max()
            fine = error < 1e-5 and abs(ours - loss.item()) < 1e-5
            good = good and fine
            print(f"{side}x{side}x{channels}, {count} images, seed {seed}, {path}: largest difference {error:.1e} of "
                  f"the largest gradient, loss {ours:.7f}{'' if fine else f', not {loss.item():.7f}: WRONG'}")
    return good


def serve_torch(compiled, side, channels):
    """Answers `STEPS` with seconds."""
    import torch
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = layers(side, channels).to(memory_format=torch.channels_last)
    images = torch.randn(10 * BATCH, channels, side, side)
    batches = [b.contiguous(memory_format=torch.channels_last) for b in images.split(BATCH)]
    labels = torch.arange(BATCH) % CLASSES
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    run = torch.compile(model) if compiled else model
    loss_of = torch.nn.functional.cross_entropy
    done = 0
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            optimizer.zero_grad(set_to_none=True)
            loss_of(run(batches[done % len(batches)]), labels).backward()
            optimizer.step()
            done += 1
        print(time.perf_counter() - start, flush=True)


# --- contestants ------------------------------------------------------------------------------------------

class Process:
    """A process that answers requests with seconds."""

    busy = False    # whether to count the seconds that its first thread is on a processor

    def __init__(self, words, **environment):
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})

    def on_processor(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/schedstat") as file:
            return int(file.read().split()[0]) * 1e-9

    def send(self, request):
        self.before = self.on_processor() if self.busy else 0
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()

    def receive(self):
        seconds = float(self.process.stdout.readline())
        return self.on_processor() - self.before if self.busy else seconds

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Contestant:
    """Some children of one kind. `seconds(steps)`: until all have done so many steps."""

    def __init__(self, name, processes, request, children):
        self.name, self.processes, self.request, self.children = name, processes, request, children
        self.seconds(2)
        once = self.seconds(3) / 3
        self.steps = max(1, round(SAMPLE / once))

    def seconds(self, steps):
        for process in self.processes:
            process.send(self.request.format(steps))
        return max(process.receive() for process in self.processes)

    def images(self):
        return self.children * self.steps * BATCH / self.seconds(self.steps)


def contestants(binary, side, channels, paths, children, compiled):
    nosc = Process([binary, "serve"])
    out = [Contestant(path, [nosc], f"time {path} {side} {channels} {children} {{}}", children) for path in paths]
    kinds = ["eager"] + (["compile"] if compiled else [])
    for kind in kinds:
        words = [sys.executable, os.path.abspath(__file__), "--torch", kind, "--shapes", f"{side}x{channels}"]
        processes = [Process(words, **TUNED) for _ in range(children)]
        out.append(Contestant(kind, processes, "{}", children))
    nosc.send(f"prepare {side} {channels}")
    print(f"preparing: {nosc.receive() * 1e3:.1f} us an image")
    return out


def compare(binary, side, channels, paths, children, compiled, rounds):
    all_of_them = contestants(binary, side, channels, paths, children, compiled)
    rates = {contestant.name: [] for contestant in all_of_them}
    for _ in range(rounds):
        for contestant in all_of_them:
            rates[contestant.name].append(contestant.images())
    for contestant in all_of_them:
        for process in contestant.processes:
            process.close()
    best = [max(rates[name][i] for name in rates if name not in PATHS) for i in range(rounds)]
    rows = []
    for name, values in rates.items():
        ratios = [value / peer for value, peer in zip(values, best)]
        rows.append({
            "shape": f"{side}x{side}x{channels}", "children": children, "name": name,
            "images_per_second": statistics.median(values), "best": max(values), "worst": min(values),
            "ratio": statistics.median(ratios), "least_ratio": min(ratios), "largest_ratio": max(ratios)})
        row = rows[-1]
        print(f"{row['shape']:8} {children} children  {name:8} {row['images_per_second']:10.0f} images/s "
              f"({row['worst']:.0f} to {row['best']:.0f})  {row['ratio']:6.2f} x the faster PyTorch "
              f"({row['least_ratio']:.2f} to {row['largest_ratio']:.2f})", flush=True)
    return rows


def build():
    words = ["cargo", "bench", "-p", "nosc-tests", "--bench", "child", "--no-run", "--message-format", "json"]
    lines = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    messages = [json.loads(line) for line in lines if line.startswith("{")]
    return next(m["executable"] for m in messages if m.get("target", {}).get("name") == "child" and m.get("executable"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", default="32x3,8x1", help="SIDExCHANNELS")
    parser.add_argument("--paths", default=",".join(PATHS))
    parser.add_argument("--children", default="1")
    parser.add_argument("--rounds", type=int, default=9, help="0: only the gradients")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--binary", help="instead of building it")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--torch", choices=["eager", "compile"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    shapes = [tuple(map(int, shape.split("x"))) for shape in options.shapes.split(",")]
    if options.torch:
        return serve_torch(options.torch == "compile", *shapes[0])
    Process.busy = options.busy
    binary, paths = options.binary or build(), options.paths.split(",")
    good = all([check_gradients(binary, *shape, paths, 100 if shape[0] <= 8 else 10) for shape in shapes])
    compiled = not options.no_compile and shutil.which("g++") is not None
    rows = []
    if options.rounds:
        import torch
        print(f"{platform.processor() or platform.machine()}, PyTorch {torch.__version__}, load {os.getloadavg()[0]:.1f}")
    for shape in shapes if options.rounds else []:
        for children in map(int, options.children.split(",")):
            rows += compare(binary, *shape, paths, children, compiled, options.rounds)
    if options.json:
        print(json.dumps(rows))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
