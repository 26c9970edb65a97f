#!/usr/bin/env python3
"""Times steps of nosc.torch on the processor, in turns with torch's own, in one process.

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install torch numpy && /tmp/peers/bin/pip install ./python
    /tmp/peers/bin/python python/bench/steps.py [--threads 1,2] [--rounds 15] [--no-compile] [--json FILE]

Lists of tensors: the 62 of a ResNet-18 (11.7 million elements), and one of 3e7. Adam against `torch.optim.Adam(fused=True)`,
PowerSign against a step of the same formula compiled by `torch.compile`. Turns of eight steps alternate between the two: threads
of OpenMP look out for more work for milliseconds after a step, on the cores of the other. Medians are printed, and the ratio peer/nosc. Also: the first step with all compiling, the time of a step that Python adds (62 tensors of
16 elements), the bytes that a step takes beyond states, and the number of compilations when hyper-parameters change.
"""
import argparse
import gc
import json
import statistics
import time

import torch

import nosc
import nosc.torch

REPEAT = 8
SHAPES = [(64, 3, 7, 7), (64,), (64,)]
for width, before in ((64, 64), (128, 64), (256, 128), (512, 256)):
    for block in range(2):
        first = before if block == 0 else width
        SHAPES += [(width, first, 3, 3), (width,), (width,), (width, width, 3, 3), (width,), (width,)]
        if block == 0 and width != before:
            SHAPES += [(width, before, 1, 1), (width,), (width,)]
SHAPES += [(1000, 512), (1000,)]


def parameters(shapes):
    generator = torch.Generator().manual_seed(1)
    params = [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]
    for param in params:
        param.grad = torch.randn(param.shape, generator=generator) * 1e-2
    return params


class CompiledPowerSign:
    """What a user of torch writes for a formula that has no fused step: the formula over lists, compiled."""

    def __init__(self, params, lr):
        self.params, self.m, self.t = params, [torch.zeros_like(p) for p in params], torch.zeros(())
        self.lr = torch.tensor(lr)

        def step(params, grads, m, lr):
            for p, g, m in zip(params, grads, m):
                m.mul_(0.9).add_(g, alpha=0.1)
                p.sub_(lr * torch.exp(torch.sign(g) * torch.sign(m)) * g)

        self.compiled = torch.compile(step)

    @torch.no_grad()
    def step(self):
        self.compiled(self.params, [p.grad for p in self.params], self.m, self.lr)


def interleaved(sides, rounds, repeat):
    times = {name: [] for name in sides}
    for turn in range(rounds + 2):
        for name, step in sides.items():
            start = time.perf_counter()
            for _ in range(repeat):
                step()
            elapsed = (time.perf_counter() - start) / repeat
            if turn >= 2:
                times[name].append(elapsed)
    return {name: statistics.median(of) for name, of in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--no-compile", action="store_true", help="without torch.compile, which needs a C++ compiler")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    results = []

    # Whatever torch imports when it makes its first optimizer, a second or two.
    torch.optim.SGD(parameters([(1,)]), lr=0.1).step()
    nosc.compile("g")
    for name, shapes in (("62 tensors of 16 elements", [(16,)] * 62), ("62 tensors, 11.7 M", SHAPES)):
        params = parameters(shapes)
        formula = f"tanh(m) * exp(sign(g) * sign(m)) + {0.125 + 0.001 * len(results)}*g"
        start = time.perf_counter()
        optimizer = nosc.torch.Optimizer(params, formula, lr=1e-6)
        optimizer.step()
        first = time.perf_counter() - start
        start = time.perf_counter()
        optimizer.step()
        second = time.perf_counter() - start
        print(f"first step of a new formula, {name}: {first * 1e3:.2f} ms with compiling and states, the second {second * 1e3:.2f} ms")
        results.append({"what": "first step", "list": name, "ms": first * 1e3, "second_ms": second * 1e3})
    start = time.perf_counter()
    nosc.compile(formula + " + 0.5*w")
    print(f"compiling alone: {(time.perf_counter() - start) * 1e3:.2f} ms")

    for threads in [int(part) for part in arguments.threads.split(",")]:
        torch.set_num_threads(threads)
        for name, shapes in (("62 tensors, 11.7 M", SHAPES), ("1 tensor, 3e7", [(30_000_000,)])):
            pairs = {"Adam": (lambda p: nosc.torch.Adam(p, lr=1e-6, threads=threads), lambda p: torch.optim.Adam(p, lr=1e-6, fused=True))}
            if not arguments.no_compile:
                pairs["PowerSign"] = (lambda p: nosc.torch.PowerSign(p, lr=1e-6, threads=threads), lambda p: CompiledPowerSign(p, 1e-6))
            for rule, (ours, theirs) in pairs.items():
                gc.collect()
                mine, peers = ours(parameters(shapes)), theirs(parameters(shapes))
                start = time.perf_counter()
                peers.step()
                peer_first = time.perf_counter() - start
                found = interleaved({"nosc": mine.step, "torch": peers.step}, arguments.rounds, REPEAT)
                elements = sum(torch.Size(shape).numel() for shape in shapes)
                ratio = found["torch"] / found["nosc"]
                print(
                    f"{rule:10} {name:20} {threads} thread(s)  nosc {found['nosc'] * 1e3:7.2f} ms ({found['nosc'] / elements * 1e9:.3f} ns/element)"
                    f"  torch {found['torch'] * 1e3:7.2f} ms  {ratio:.2f}x   torch's first step {peer_first:.2f} s"
                )
                results.append({"what": rule, "list": name, "threads": threads, **found, "ratio": ratio, "peer_first_s": peer_first})
                del mine, peers

    small = parameters([(16,)] * 62)
    ours = nosc.torch.Adam(small, lr=1e-6, threads=1)
    arrays = [(p.detach().numpy(), p.grad.numpy()) for p in parameters([(16,)] * 62)]
    plain = nosc.Optimizer(nosc.rule("adam"), [w for w, _ in arrays], threads=1)
    fused = torch.optim.Adam(parameters([(16,)] * 62), lr=1e-6, fused=True)
    ws, gs = [w for w, _ in arrays], [g for _, g in arrays]
    found = interleaved(
        {"nosc.torch": ours.step, "nosc.Optimizer (NumPy)": lambda: plain.step(ws, gs, 1e-6), "torch fused": fused.step},
        arguments.rounds, 200,
    )
    for name, seconds in found.items():
        print(f"62 tensors of 16 elements: {name:24} {seconds * 1e6:7.1f} us a step")
    results.append({"what": "62 tensors of 16", **found})
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"torch": torch.__version__, "nosc": nosc.__version__, "results": results}, file, indent=1)


if __name__ == "__main__":
    main()
