#!/usr/bin/env python3
"""Times optimizers of PyTorch on a GPU: what steps of nosc are compared with.

    python3 tests/gpu/peers.py [--json FILE] [--sizes 1048576,67108864] [--types f32,bf16] [--tensors 1,1000]
                               [--rounds 9] [--device 0] [--seconds 240]

A round is as many steps as last 20 ms, between two CUDA events; medians of the rounds are printed. Steps come one after
another without waiting for the device, so a row is the longer of the time of the device and of the host. `recorded` is
the same step in a CUDA graph, without the host's part. torch keeps states in the type of the parameters, nosc always in
f32: rows of bf16 move fewer bytes here. `compiled` is torch.compile of a formula, with the seconds until its first
result; for that it finds its caches empty.

With --compile-on-cpu only torch.compile is timed, for the processor.

Exit status 0 if something was measured, 3 with one line where torch or a GPU is missing.
"""
import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time

RATE = 1e-6         # so small that nothing leaves its range
SAMPLE_US = 20e3
WARM_UP = 3


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = lambda text: [int(float(part)) for part in text.split(",")]
    parser.add_argument("--json", metavar="FILE", help="write a list of results")
    parser.add_argument("--sizes", type=numbers, default=[1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28])
    parser.add_argument("--types", type=lambda text: text.split(","), default=["f32", "bf16"])
    parser.add_argument("--tensors", type=numbers, default=[1, 1000])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=240, help="nothing new is begun after these")
    parser.add_argument("--compile-on-cpu", action="store_true",
                        help="only time what torch.compile takes, for the processor: no GPU is needed")
    return parser.parse_args()


def optimizers(torch):
    """By name: the rule of nosc that does the same, states, what makes it."""
    of = torch.optim
    return {
        "Adam fused": ("adam_rule", 2, lambda p: of.Adam(p, lr=RATE, fused=True)),
        "Adam foreach": ("adam_rule", 2, lambda p: of.Adam(p, lr=RATE, foreach=True)),
        "Adam fused, recorded": ("adam_rule", 2, lambda p: of.Adam(p, lr=RATE, fused=True, capturable=True)),
        "AdamW fused": ("adamw", 2, lambda p: of.AdamW(p, lr=RATE, fused=True)),
        "SGD fused": ("sgd", 0, lambda p: of.SGD(p, lr=RATE, fused=True)),
        "SGD momentum fused": ("momentum", 1, lambda p: of.SGD(p, lr=RATE, momentum=0.9, fused=True)),
        "SGD momentum foreach": ("momentum", 1, lambda p: of.SGD(p, lr=RATE, momentum=0.9, foreach=True)),
    }


def powersign(torch):
    def step(w, g, m):
        m.mul_(0.9).add_(g, alpha=0.1)
        w.sub_(RATE * torch.exp(torch.sign(g) * torch.sign(m)) * g)
    return step


def addsign(torch):
    def step(w, g, m):
        m.mul_(0.9).add_(g, alpha=0.1)
        w.sub_(RATE * (1 + torch.sign(g) * torch.sign(m)) * g)
    return step


class Bench:
    def __init__(self, torch, options):
        self.torch, self.options, self.rows, self.skipped = torch, options, [], []
        self.device = torch.device("cuda", options.device)
        self.end = time.monotonic() + options.seconds
        self.types = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16, "f64": torch.float64}

    def skip(self, what, why):
        why = str(why).strip().splitlines()
        line = f"SKIPPED {what}: {why[0] if why else 'no words'}"
        self.skipped.append(line)
        print(line, flush=True)

    def arrays(self, n, count, of, value):
        lengths = [n // count + (i < n % count) for i in range(count)]
        return [self.torch.full((length,), value, dtype=self.types[of], device=self.device) for length in lengths]

    def timed(self, step):
        """Median of the microseconds of a step."""
        torch = self.torch

        def once(count):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            for _ in range(count):
                step()
            end.record()
            end.synchronize()
            return start.elapsed_time(end) * 1e3 / count

        once(WARM_UP)
        count = max(1, min(10_000, int(SAMPLE_US / max(once(WARM_UP), 1e-3))))
        return statistics.median(once(count) for _ in range(self.options.rounds))

    def recorded(self, step):
        """The step in a graph; on the stream of the capture it has run before."""
        torch = self.torch
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return graph.replay

    def row(self, name, rule, states, n, of, count, us, **more):
        size = self.torch.finfo(self.types[of]).bits // 8
        row = {"peer": name, "rule": rule, "n": n, "element_type": of, "tensors": count, "us_per_step": us,
               "bytes_per_step": n * size * (3 + 2 * states), "rounds": self.options.rounds, **more}
        self.rows.append(row)
        print(f"{name:24} {of:5} n {n:>10} in {count:>4}: {us:10.1f} us, {row['bytes_per_step'] / us / 1e3:6.0f} GB/s",
              flush=True)
        self.save()

    def optimizer(self, name, rule, states, make, n, of, count):
        parameters = self.arrays(n, count, of, 0.5)
        for parameter, gradient in zip(parameters, self.arrays(n, count, of, 1e-3)):
            parameter.requires_grad_(True)
            parameter.grad = gradient
        step = make(parameters).step
        if name.endswith("recorded"):
            step = self.recorded(step)
        self.row(name, rule, states, n, of, count, self.timed(step))

    def compiled(self, name, rule, formula, n, of):
        w, g, m = (self.arrays(n, 1, of, value)[0] for value in (0.5, 1e-3, 0.0))
        self.torch.compiler.reset()
        start = time.perf_counter()
        step = self.torch.compile(formula, dynamic=False)
        step(w, g, m)
        self.torch.cuda.synchronize()
        seconds = time.perf_counter() - start
        self.row(name, rule, 1, n, of, 1, self.timed(lambda: step(w, g, m)), compile_seconds=seconds)
        print(f"{name:24} compiled in {seconds:.2f} s", flush=True)

    def attempt(self, what, work):
        """One that does not work is named, and the others go on."""
        if time.monotonic() > self.end:
            return self.skip(what, "the time is over")
        try:
            work()
        except Exception as error:  # torch raises all kinds
            self.skip(what, f"{type(error).__name__}: {error}")
        self.torch.cuda.empty_cache()

    def run(self):
        options, torch = self.options, self.torch
        sizes = sorted(options.sizes)
        # The second formula is compiled with all that the first has loaded, and says what a rule takes then.
        places = {sizes[0], sizes[-2 if len(sizes) > 2 else -1]}
        formulas = {"PowerSign compiled": ("powersign", powersign(torch)), "AddSign compiled": ("addsign", addsign(torch))}
        for of in options.types:
            for n in sorted(places):
                for name, (rule, formula) in formulas.items():
                    self.attempt(f"{name} {of} {n}", lambda: self.compiled(name, rule, formula, n, of))
        for n in sizes:
            for of in options.types:
                # As nosc is timed: the largest as one tensor only.
                for count in [c for c in options.tensors if c <= n and (c == 1 or n <= 100_000_000)]:
                    for name, (rule, states, make) in optimizers(torch).items():
                        self.attempt(f"{name} {of} {n} in {count}",
                                     lambda: self.optimizer(name, rule, states, make, n, of, count))

    def save(self):
        if not self.options.json:
            return
        torch = self.torch
        about = {"torch": torch.__version__, "cuda": torch.version.cuda,
                 "device": torch.cuda.get_device_name(self.device)}
        with open(self.options.json, "w") as file:
            json.dump({"about": about, "rows": self.rows, "skipped": self.skipped}, file, indent=1)


def compile_on_cpu(torch):
    for name, formula in {"PowerSign": powersign(torch), "AddSign": addsign(torch)}.items():
        arrays = [torch.full((1 << 20,), value) for value in (0.5, 1e-3, 0.0)]
        torch.compiler.reset()
        start = time.perf_counter()
        torch.compile(formula, dynamic=False)(*arrays)
        print(f"{name:24} compiled for the processor in {time.perf_counter() - start:.2f} s", flush=True)
    return 0


def main():
    options = arguments()
    with contextlib.ExitStack() as stack:
        # Nothing that was compiled before is found.
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.path.join(folder, "inductor")
        os.environ["TRITON_CACHE_DIR"] = os.path.join(folder, "triton")
        os.environ["TORCHINDUCTOR_FX_GRAPH_CACHE"] = "0"
        try:
            import torch
        except ImportError as error:
            print(f"SKIPPED peers: no torch ({error})")
            return 3
        if options.compile_on_cpu:
            print(f"torch {torch.__version__}")
            return compile_on_cpu(torch)
        if not torch.cuda.is_available():
            print("SKIPPED peers: this torch finds no GPU")
            return 3
        torch.cuda.set_device(options.device)
        bench = Bench(torch, options)
        print(f"torch {torch.__version__} for CUDA {torch.version.cuda} on {torch.cuda.get_device_name()}")
        bench.run()
        bench.save()
        return 0 if bench.rows else 1


if __name__ == "__main__":
    sys.exit(main())
