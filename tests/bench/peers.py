#!/usr/bin/env python3
"""Times steps of nosc beside PyTorch, JAX, numexpr and C on this machine, and prints a table.

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install torch numpy jax numexpr      # 6 GB, nearly all torch
    /tmp/peers/bin/python tests/bench/peers.py [--rules sgd,adam] [--sizes 10000,1000000] [--threads 1,2]
                                               [--backends auto] [--peers torch] [--rounds 7] [--json | --write]

Only numpy and cargo are needed; a peer that cannot be imported, or has no compiler, is named and left out. `--write`
puts the table between the markers of docs/benchmarks.md, `--json` prints a list of objects.

All peers run in one process and nosc in another that answers over a pipe (`cargo bench --bench step -- serve`). They
take turns: in each round every contestant is timed once, after a pause and, where the arrays may fit in a cache, as many
steps that are not timed. Medians over the rounds are printed, and medians of the ratios within a round. All have the same values, arrays that
start on a huge page, each 1 KiB further into it, and a C library that asks for huge pages (GLIBC_TUNABLES); states of nosc and arrays of JAX are
where these put them. A number of threads is a pair of processes of its own, pinned to as many cores. Before they are timed, all
contestants do three steps that are compared with numpy in double precision. Times of several threads mean little on a
machine that does other work: threads that wait for each other in a loop (OpenMP) lose milliseconds. How much of it
there was is printed.
"""
import argparse
import ctypes
import datetime
import importlib
import json
import mmap
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DOCS = os.path.join(ROOT, "docs", "benchmarks.md")
BEGIN, END = "<!-- peers.py: begin -->", "<!-- peers.py: end -->"
HUGE_PAGE = 2 << 20
PAUSE = 30e-3       # in which the threads of the last one, which wait for work in a loop (OpenMP), go to sleep
SAMPLE = 2e-3       # seconds that a sample lasts at least
UNCACHED = 5e-3     # steps that last longer find nothing of the last one in the caches
RATE = 1e-6         # learning rate while timing: nothing leaves its range

# By name here: the rule of nosc, its states, and the learning rate of the check.
RULES = {
    "sgd": ("sgd", "", 1e-2),                      # g
    "momentum": ("momentum", "m", 1e-2),           # m <- 0.9 m + g
    "rmsprop": ("rmsprop", "v", 1e-2),             # as in torch: alpha 0.99, not bias-corrected
    "adam": ("adam_rule", "mv", 1e-2),
    "powersign": ("powersign", "m", 1e-2),         # exp(sign(g)*sign(m)) * g
    "addsign": ("addsign", "m", 1e-2),             # (1 + sign(g)*sign(m)) * g
    "clipexp": ("t6_14", "mv", 1e2),               # clip(m, 1e-4) * exp(v), both bias-corrected
}


class Missing(Exception):
    """A peer does not have this rule, or is not installed."""


def debias(step):
    """What the averages of the first and second moment are multiplied by in this step, from 1."""
    return 1 / (1 - 0.9 ** step), 1 / (1 - 0.999 ** step)


# --- data -------------------------------------------------------------------------------------------------

class Arrays:
    """w, g, m, v of one size, each on huge pages and 1 KiB apart modulo 4 KiB."""

    def __init__(self, n):
        import numpy as np
        self.n, self.maps = n, []
        i = np.arange(n, dtype=np.int64)
        self.w, self.g, self.m, self.v = (self.array(np, k) for k in range(4))
        self.start = ((i % 1000).astype(np.float32) * np.float32(1e-3) - np.float32(0.5))
        self.g[:] = ((i * 7919) % 1000).astype(np.float32) * np.float32(1e-3) - np.float32(0.5)
        self.reset()

    def array(self, np, number):
        offset = number * 1024
        memory = mmap.mmap(-1, self.n * 4 + HUGE_PAGE + offset, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_HUGEPAGE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        self.maps.append(memory)
        return np.frombuffer(memory, np.float32, self.n, -address % HUGE_PAGE + offset)

    def reset(self):
        self.w[:] = self.start
        self.m[:] = 0
        self.v[:] = 0


def reference(rule, w, g, steps, lr):
    """w after some steps, in double precision."""
    import numpy as np
    w, g = w.astype(np.float64), g.astype(np.float64)
    m, v = np.zeros_like(w), np.zeros_like(w)
    for step in range(1, steps + 1):
        c1, c2 = debias(step)
        m = 0.9 * m + (g if rule == "momentum" else 0.1 * g)
        decay = 0.99 if rule == "rmsprop" else 0.999
        v = decay * v + (1 - decay) * g * g
        sign = np.sign(g) * np.sign(m)
        w = w - lr * {
            "sgd": lambda: g,
            "momentum": lambda: m,
            "rmsprop": lambda: g / (np.sqrt(v) + 1e-8),
            "adam": lambda: m * c1 / (np.sqrt(v * c2) + 1e-8),
            "powersign": lambda: np.exp(sign) * g,
            "addsign": lambda: (1 + sign) * g,
            "clipexp": lambda: np.clip(m * c1, -1e-4, 1e-4) * np.exp(v * c2),
        }[rule]()
    return w


# --- contestants: step(lr) does one step, steps(lr, count) many and returns the seconds ---------------------

class Contestant:
    def __init__(self, arrays):
        self.arrays, self.step_number = arrays, 0

    def finish(self):
        """Waits for steps that are under way."""

    def steps(self, lr, count):
        start = time.perf_counter()
        for _ in range(count):
            self.step_number += 1
            self.step(lr)
        self.finish()
        return time.perf_counter() - start

    def first(self, lr):
        return self.steps(lr, 1)

    def values(self):
        return self.arrays.w


class Eager(Contestant):
    """PyTorch, with as few passes as its operations allow."""

    def __init__(self, rule, arrays, threads):
        super().__init__(arrays)
        import torch
        torch.set_num_threads(threads)
        self.torch = torch
        self.w, self.g, self.m, self.v = map(torch.from_numpy, (arrays.w, arrays.g, arrays.m, arrays.v))
        self.function = getattr(self, rule)

    def step(self, lr):
        self.function(self.w, self.g, self.m, self.v, lr, *debias(self.step_number))

    def sgd(self, w, g, m, v, lr, c1, c2):
        w.add_(g, alpha=-lr)

    def momentum(self, w, g, m, v, lr, c1, c2):
        w.add_(m.mul_(0.9).add_(g), alpha=-lr)

    def rmsprop(self, w, g, m, v, lr, c1, c2):
        v.mul_(0.99).addcmul_(g, g, value=0.01)
        w.addcdiv_(g, v.sqrt().add_(1e-8), value=-lr)

    def adam(self, w, g, m, v, lr, c1, c2):
        m.lerp_(g, 0.1)
        v.mul_(0.999).addcmul_(g, g, value=0.001)
        w.addcdiv_(m, (v * c2).sqrt_().add_(1e-8), value=-lr * c1)

    def powersign(self, w, g, m, v, lr, c1, c2):
        m.lerp_(g, 0.1)
        w.addcmul_(self.torch.sign(m).mul_(self.torch.sign(g)).exp_(), g, value=-lr)

    def addsign(self, w, g, m, v, lr, c1, c2):
        m.lerp_(g, 0.1)
        w.addcmul_(self.torch.sign(m).mul_(self.torch.sign(g)).add_(1), g, value=-lr)

    def clipexp(self, w, g, m, v, lr, c1, c2):
        m.lerp_(g, 0.1)
        v.mul_(0.999).addcmul_(g, g, value=0.001)
        w.addcmul_((m * c1).clamp_(-1e-4, 1e-4), (v * c2).exp_(), value=-lr)


class Compile(Eager):
    """torch.compile of formulas; what varies by step is a tensor, so that it is compiled once."""

    def __init__(self, rule, arrays, threads):
        super().__init__(rule, arrays, threads)
        torch = self.torch
        if shutil.which("g++") is None:
            raise Missing("torch.compile needs g++")

        def moments(g, m, v, keep=0.999):
            m.copy_(0.9 * m + 0.1 * g)
            v.copy_(keep * v + (1 - keep) * g * g)

        def step(w, g, m, v, lr, c1, c2):
            if rule == "sgd":
                update = g
            elif rule == "momentum":
                update = m.copy_(0.9 * m + g)
            elif rule == "rmsprop":
                update = g / (v.copy_(0.99 * v + 0.01 * g * g).sqrt() + 1e-8)
            elif rule in ("powersign", "addsign"):
                sign = torch.sign(g) * torch.sign(m.copy_(0.9 * m + 0.1 * g))
                update = (torch.exp(sign) if rule == "powersign" else 1 + sign) * g
            else:
                moments(g, m, v)
                if rule == "adam":
                    update = m * c1 / ((v * c2).sqrt() + 1e-8)
                else:
                    update = (m * c1).clamp(-1e-4, 1e-4) * torch.exp(v * c2)
            w.sub_(lr * update)

        torch._dynamo.reset()
        self.function = torch.compile(step, dynamic=False)

    def step(self, lr):
        values = (self.torch.tensor(x) for x in (lr, *debias(self.step_number)))
        self.function(self.w, self.g, self.m, self.v, *values)


class Optim(Contestant):
    """torch.optim; its states are moved to our arrays after the first step."""
    kind = None

    def __init__(self, rule, arrays, threads):
        super().__init__(arrays)
        import torch
        torch.set_num_threads(threads)
        self.torch = torch
        self.w = torch.from_numpy(arrays.w).requires_grad_()
        self.w.grad = torch.from_numpy(arrays.g)
        kind = {self.kind: True}
        make = {
            "sgd": lambda: torch.optim.SGD([self.w], lr=1.0, **kind),
            "momentum": lambda: torch.optim.SGD([self.w], lr=1.0, momentum=0.9, **kind),
            "rmsprop": lambda: torch.optim.RMSprop([self.w], lr=1.0, **kind),
            "adam": lambda: torch.optim.Adam([self.w], lr=1.0, **kind),
        }
        if rule not in make:
            raise Missing(f"torch.optim has no {rule}")
        try:
            self.optimizer = make[rule]()
        except TypeError as error:
            raise Missing(f"torch.optim's {rule} is not {self.kind}") from error

    def step(self, lr):
        self.optimizer.param_groups[0]["lr"] = lr
        self.optimizer.step()

    def first(self, lr):
        seconds = self.steps(lr, 1)
        state = self.optimizer.state[self.w]
        for name, array in (("momentum_buffer", self.arrays.m), ("exp_avg", self.arrays.m),
                            ("square_avg", self.arrays.v), ("exp_avg_sq", self.arrays.v)):
            if state.get(name) is not None:
                own = self.torch.from_numpy(array)
                own.copy_(state[name])
                state[name] = own
        return seconds


class Foreach(Optim):
    kind = "foreach"


class Fused(Optim):
    kind = "fused"


class Jax(Contestant):
    """jax.jit, parameters and states donated."""

    def __init__(self, rule, arrays, threads):
        super().__init__(arrays)
        import jax
        import jax.numpy as jnp

        def step(state, g, lr, c1, c2):
            w, m, v = state
            if rule == "sgd":
                update = g
            elif rule == "momentum":
                update = m = 0.9 * m + g
            elif rule == "rmsprop":
                v = 0.99 * v + 0.01 * g * g
                update = g / (jnp.sqrt(v) + 1e-8)
            elif rule in ("powersign", "addsign"):
                m = 0.9 * m + 0.1 * g
                sign = jnp.sign(g) * jnp.sign(m)
                update = (jnp.exp(sign) if rule == "powersign" else 1 + sign) * g
            else:
                m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
                if rule == "adam":
                    update = m * c1 / (jnp.sqrt(v * c2) + 1e-8)
                else:
                    update = jnp.clip(m * c1, -1e-4, 1e-4) * jnp.exp(v * c2)
            return w - lr * update, m, v

        needed = RULES[rule][1]
        states = (jnp.array(arrays.m) if "m" in needed else None, jnp.array(arrays.v) if "v" in needed else None)
        self.state = (jnp.array(arrays.w), *states)
        self.g = jnp.array(arrays.g)
        self.function = jax.jit(step, donate_argnums=0)
        self.jax = jax

    def step(self, lr):
        self.state = self.function(self.state, self.g, lr, *debias(self.step_number))

    def finish(self):
        self.jax.block_until_ready(self.state)

    def values(self):
        return self.state[0]


class Numexpr(Contestant):
    """numexpr, a pass for each state and one for w."""

    def __init__(self, rule, arrays, threads):
        super().__init__(arrays)
        import numexpr
        import numpy as np
        numexpr.set_num_threads(threads)
        self.evaluate, self.f32 = numexpr.evaluate, np.float32
        average = ("0.9*m + 0.1*g", "0.999*v + 0.001*g*g")
        m, v, update = {
            "sgd": (None, None, "g"),
            "momentum": ("0.9*m + g", None, "m"),
            "rmsprop": (None, "0.99*v + 0.01*g*g", "g / (sqrt(v) + 1e-8)"),
            "adam": (*average, "m*c1 / (sqrt(v*c2) + 1e-8)"),
            "powersign": (average[0], None, "exp(where(g*m > 0, 1.0, where(g*m < 0, -1.0, 0.0))) * g"),
            "addsign": (average[0], None, "where(g*m > 0, 2.0, where(g*m < 0, 0.0, 1.0)) * g"),
            "clipexp": (*average, "where(m*c1 < -1e-4, -1e-4, where(m*c1 > 1e-4, 1e-4, m*c1)) * exp(v*c2)"),
        }[rule]
        self.names = {"w": arrays.w, "g": arrays.g, "m": arrays.m, "v": arrays.v}
        self.work = [(arrays.m, m), (arrays.v, v), (arrays.w, f"w - lr*({update})")]
        self.work = [(out, self.single(text)) for out, text in self.work if text is not None]

    def single(self, text):
        """The text with names for its numbers, which numexpr takes for doubles."""
        def named(found):
            name = f"k{len(self.names)}"
            self.names[name] = self.f32(found.group())
            return name
        return re.sub(r"\b\d+(?:\.\d+|e-\d+)", named, text)

    def step(self, lr):
        c1, c2 = debias(self.step_number)
        names = {**self.names, "lr": self.f32(lr), "c1": self.f32(c1), "c2": self.f32(c2)}
        for out, text in self.work:
            self.evaluate(text, local_dict=names, out=out)


C_SOURCE = """
#include <math.h>
#define SIGN(x) ((float)((x) > 0) - (float)((x) < 0))
#if THREADS > 1
#define LOOP _Pragma("omp parallel for simd schedule(static) num_threads(THREADS)")
#else
#define LOOP _Pragma("omp simd")
#endif
#define RULE(name, ...) \\
    static __attribute__((noinline)) void name##_step(float *restrict w, const float *restrict g, \\
            float *restrict m, float *restrict v, long n, float lr, float c1, float c2) { \\
        LOOP for (long i = 0; i < n; i++) { __VA_ARGS__ } \\
    } \\
    void name(float *w, const float *g, float *m, float *v, long n, double lr, long done, long steps) { \\
        for (long t = done + 1; t <= done + steps; t++) \\
            name##_step(w, g, m, v, n, (float)lr, (float)(1 / (1 - pow(0.9, t))), (float)(1 / (1 - pow(0.999, t)))); \\
    }
#define M m[i] = 0.9f * m[i] + 0.1f * g[i];
#define V v[i] = 0.999f * v[i] + 0.001f * g[i] * g[i];
RULE(sgd, w[i] -= lr * g[i];)
RULE(momentum, m[i] = 0.9f * m[i] + g[i]; w[i] -= lr * m[i];)
RULE(rmsprop, v[i] = 0.99f * v[i] + 0.01f * g[i] * g[i]; w[i] -= lr * (g[i] / (sqrtf(v[i]) + 1e-8f));)
RULE(adam, M V w[i] -= lr * (m[i] * c1 / (sqrtf(v[i] * c2) + 1e-8f));)
RULE(powersign, M w[i] -= lr * (expf(SIGN(g[i]) * SIGN(m[i])) * g[i]);)
RULE(addsign, M w[i] -= lr * ((1 + SIGN(g[i]) * SIGN(m[i])) * g[i]);)
RULE(clipexp, M V float x = m[i] * c1; x = x < -1e-4f ? -1e-4f : x; x = x > 1e-4f ? 1e-4f : x;
     w[i] -= lr * (x * expf(v[i] * c2));)
"""


class C(Contestant):
    """Loops in C for this processor, IEEE arithmetic; errno and traps are given up, so that roots are vectors."""
    flags = ["-fno-math-errno", "-fno-trapping-math"]
    libraries = {}

    def __init__(self, rule, arrays, threads):
        super().__init__(arrays)
        self.function = getattr(self.library(threads), rule)
        pointer = ctypes.POINTER(ctypes.c_float)
        self.function.argtypes = [pointer] * 4 + [ctypes.c_long, ctypes.c_double] + [ctypes.c_long] * 2
        self.pointers = [array.ctypes.data_as(pointer) for array in (arrays.w, arrays.g, arrays.m, arrays.v)]

    @classmethod
    def library(cls, threads):
        if cls not in cls.libraries:
            if shutil.which("gcc") is None:
                raise Missing("no gcc")
            folder = tempfile.mkdtemp()
            source, out = os.path.join(folder, "rules.c"), os.path.join(folder, "rules.so")
            with open(source, "w", encoding="utf-8") as file:
                file.write(C_SOURCE)
            flags = ["-O3", "-march=native", "-mprefer-vector-width=512", "-fopenmp", f"-DTHREADS={threads}"]
            command = ["gcc", "-shared", "-fPIC", *flags, *cls.flags, source, "-o", out, "-lm"]
            built = subprocess.run(command, capture_output=True, text=True, check=False)
            if built.returncode != 0:
                raise Missing(f"gcc: {built.stderr.strip()[:200]}")
            cls.libraries[cls] = ctypes.CDLL(out)
            shutil.rmtree(folder)
        return cls.libraries[cls]

    def steps(self, lr, count):
        start = time.perf_counter()
        self.function(*self.pointers, self.arrays.n, lr, self.step_number, count)
        self.step_number += count
        return time.perf_counter() - start


class FastC(C):
    """The same with -ffast-math: roots and quotients are approximate, and exp is that of libmvec."""
    flags = ["-ffast-math"]


class Nosc(Contestant):
    """`Optimizer::step` in a process that stays."""
    process = None

    def __init__(self, rule, arrays, threads, backend="auto"):
        super().__init__(arrays)
        self.key = f"{RULES[rule][0]} {arrays.n} {threads} {backend}"

    @classmethod
    def start(cls, binary):
        cls.process = subprocess.Popen([binary, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @classmethod
    def ask(cls, request):
        cls.process.stdin.write(request + "\n")
        cls.process.stdin.flush()
        answer = cls.process.stdout.readline().strip()
        if not answer or answer == "not a request":
            raise Missing(f"nosc does not answer `{request}`")
        return answer

    def first(self, lr):
        return float(self.ask(f"first {self.key} {lr}"))

    def steps(self, lr, count):
        return float(self.ask(f"time {self.key} {lr} {count}"))

    def check(self, lr, steps):
        return [float(x) for x in self.ask(f"values {self.key} {lr} {steps}").split()]


PEERS = {"torch eager": Eager, "torch foreach": Foreach, "torch fused": Fused, "torch compile": Compile,
         "jax": Jax, "numexpr": Numexpr, "gcc": C, "gcc fast-math": FastC}
NEEDS = {"torch": ("torch eager", "torch foreach", "torch fused", "torch compile"), "jax": ("jax",),
         "numexpr": ("numexpr",)}


# --- a process for a number of threads --------------------------------------------------------------------

def contestants(options, skipped):
    """Constructors by name."""
    out = {}
    for backend in options["backends"]:
        out[f"nosc {backend}"] = lambda rule, arrays, threads, b=backend: Nosc(rule, arrays, threads, b)
    without = {}
    for module, names in NEEDS.items():
        try:
            importlib.import_module(module)
        except (ImportError, OSError, ValueError) as error:
            without.update({name: f"{module}: {str(error)[:120]}" for name in names})
    for name, peer in PEERS.items():
        if options["peers"] and not any(name.startswith(wanted) for wanted in options["peers"]):
            continue
        if name in without:
            skipped[name] = without[name]
        else:
            out[name] = peer
    return out


def check(rule, make, threads):
    """How far w is from the reference after three steps, as a share of the greatest move."""
    import numpy as np
    lr, arrays = RULES[rule][2], Arrays(4096)
    contestant = make(rule, arrays, threads)
    if isinstance(contestant, Nosc):
        found = contestant.check(lr, 3)
    else:
        contestant.first(lr)
        contestant.steps(lr, 2)
        found = contestant.values()
    wanted = reference(rule, arrays.start, arrays.g, 3, lr)
    return float(np.max(np.abs(np.asarray(found, dtype=np.float64) - wanted)) / np.max(np.abs(wanted - arrays.start)))


def worker(options):
    """Prints a JSON object for all rules and sizes with this number of threads."""
    threads, skipped, rows = options["threads"], {}, []
    Nosc.start(options["binary"])
    makers = contestants(options, skipped)
    for rule in options["rules"]:
        errors = {}
        for name, make in list(makers.items()):
            try:
                errors[name] = check(rule, make, threads)
                if not errors[name] < 1e-3:
                    sys.exit(f"{name} computes another {rule}: it is off by {errors[name]:.2g} of a step")
            except Missing as reason:
                if name in ("gcc", "gcc fast-math") or name.startswith("nosc"):
                    skipped[name] = str(reason)
        for n in options["sizes"]:
            rows += rounds(rule, n, threads, {name: makers[name] for name in errors}, errors, options["rounds"])
        Nosc.ask("forget")
    Nosc.process.stdin.close()
    Nosc.process.wait()
    print(json.dumps({"rows": rows, "skipped": skipped, "versions": versions()}))


def rounds(rule, n, threads, makers, errors, count):
    arrays, entries = Arrays(n), {}
    for name, make in makers.items():
        if sys.stderr.isatty():
            print(f"{threads} threads, {rule}, {n}: {name:20}", end="\r", file=sys.stderr, flush=True)
        contestant = make(rule, arrays, threads)
        first = contestant.first(RATE)
        contestant.steps(RATE, 2)
        once = min(contestant.steps(RATE, 1) for _ in range(2))
        entries[name] = (contestant, max(1, int(SAMPLE / once)), once < UNCACHED, first)
    times = {name: [] for name in entries}
    for _ in range(count):
        for name, (contestant, repeats, is_cached, _) in entries.items():
            time.sleep(PAUSE)
            if is_cached:
                contestant.steps(RATE, repeats)
            times[name].append(contestant.steps(RATE, repeats) / repeats * 1e9 / n)
    Nosc.ask("forget")
    own = times[next(iter(times))]
    return [{
        "rule": rule, "n": n, "threads": threads, "contestant": name,
        "ns_per_parameter": statistics.median(values),
        "ratio_to_nosc": statistics.median(a / b for a, b in zip(values, own)),
        "first_step_s": entries[name][3], "error": errors[name], "rounds": count,
    } for name, values in times.items()]


def versions():
    out = {"Python": platform.python_version()}
    for module in ("torch", "jax", "numexpr", "numpy"):
        if module in sys.modules:
            out[module] = sys.modules[module].__version__
    if shutil.which("gcc"):
        out["gcc"] = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()
    return out


# --- the whole --------------------------------------------------------------------------------------------

def nosc_binary():
    """Builds the benchmark and returns its path."""
    command = ["cargo", "bench", "-p", "nosc-tests", "--bench", "step", "--no-run",
               "--message-format=json"]
    out = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in out.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "step":
            return message["executable"]
    sys.exit("cargo built no benchmark")


def cpu_seconds():
    """Seconds of all cores that were not idle, stolen ones among them, and of those this process's children's."""
    with open("/proc/stat", encoding="utf-8") as file:
        fields = [int(x) for x in file.readline().split()[1:9]]
    busy = sum(fields) - fields[3] - fields[4]
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    return busy / os.sysconf("SC_CLK_TCK"), own.ru_utime + own.ru_stime


def run_worker(options):
    threads = options["threads"]
    cores = sorted(os.sched_getaffinity(0))
    if threads > len(cores):
        sys.exit(f"{threads} threads, and {len(cores)} cores")
    flags = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    environment = {
        **os.environ, "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "OMP_NUM_THREADS": str(threads),
        "NUMEXPR_MAX_THREADS": str(threads), "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, os.path.abspath(__file__), "--worker", json.dumps(options)]
    begin, before = time.perf_counter(), cpu_seconds()
    out = subprocess.run(command, env=environment, check=False, stdout=subprocess.PIPE, text=True,
                         preexec_fn=lambda: os.sched_setaffinity(0, cores[:threads]))
    if out.returncode != 0:
        sys.exit("the comparison stopped")
    seconds = time.perf_counter() - begin
    (all_before, own_before), (all_after, own_after) = before, cpu_seconds()
    others = max(0.0, all_after - all_before - (own_after - own_before)) / seconds
    if others > 0.1:
        print(f"with {threads} threads, others kept {others:.1f} cores busy: these times are doubtful", file=sys.stderr)
    return {**json.loads(out.stdout.splitlines()[-1]), "others": others}


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return f"{len(names)} cores, {names[0]}" if names else platform.processor()


def table(rows, results, command):
    """A row for each rule, size and number of threads, a column for each contestant: ns per parameter, and
    in brackets the ratio to the first column."""
    names = list(dict.fromkeys(row["contestant"] for row in rows))
    others = f"{max(result['others'] for result in results):.2f}"
    found = results[0]
    numbers = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    lines = [f"{datetime.date.today()}, {processor()}; {numbers}; median of {rows[0]['rounds']} rounds. "
             f"Meanwhile other programs kept {others} cores busy.", "",
             f"`{command}`", ""]
    for name, reason in found["skipped"].items():
        lines += [f"{name} is left out: {reason}.", ""]
    lines += ["| rule | parameters | threads | " + " | ".join(names) + " |", "|---" * (3 + len(names)) + "|"]
    cells = {}
    for row in rows:
        key = (row["rule"], row["n"], row["threads"])
        value = f"{row['ns_per_parameter']:.3f}"
        if row["contestant"] != names[0]:
            value += f" ({row['ratio_to_nosc']:.2f})"
        cells.setdefault(key, {})[row["contestant"]] = value
    for (rule, n, threads), values in cells.items():
        found_cells = " | ".join(values.get(name, "") for name in names)
        lines.append(f"| {rule} | {n:,} | {threads} | {found_cells} |")
    first = {name: statistics.median(r["first_step_s"] for r in rows if r["contestant"] == name) for name in names}
    lines += ["", "First step with the compilation of the rule (not that of C; torch.compile may find some of it on disk), median: "
              + ", ".join(f"{name} {seconds * 1e3:.3g} ms" for name, seconds in first.items()) + "."]
    return "\n".join(lines)


def write(text):
    with open(DOCS, encoding="utf-8") as file:
        docs = file.read()
    if BEGIN not in docs or END not in docs:
        sys.exit(f"{DOCS} has no lines `{BEGIN}` and `{END}`")
    head, tail = docs.split(BEGIN)[0], docs.split(END)[1]
    with open(DOCS, "w", encoding="utf-8") as file:
        file.write(f"{head}{BEGIN}\n{text}\n{END}{tail}")


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--worker":
        return worker(json.loads(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", default=",".join(RULES))
    parser.add_argument("--sizes", default="10000,1000000,30000000")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--backends", default="auto", help="of nosc; ratios are to the first")
    parser.add_argument("--peers", default="", help="beginnings of their names; all if left out")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    listed = {name: [x for x in getattr(arguments, name).split(",") if x]
              for name in ("rules", "sizes", "threads", "backends", "peers")}
    unknown = [rule for rule in listed["rules"] if rule not in RULES]
    if unknown or not listed["rules"] or not listed["backends"]:
        parser.error(f"the rules are {', '.join(RULES)}")
    options = {**listed, "sizes": [int(float(n)) for n in listed["sizes"]], "rounds": arguments.rounds,
               "binary": nosc_binary()}
    results = [run_worker({**options, "threads": int(threads)}) for threads in listed["threads"]]
    rows = [row for result in results for row in result["rows"]]
    order = list(RULES)
    rows.sort(key=lambda row: (order.index(row["rule"]), row["n"], row["threads"]))
    for name, reason in results[0]["skipped"].items():
        print(f"left out: {name}: {reason}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(rows, indent=2))
    text = table(rows, results, " ".join(["python", "tests/bench/peers.py", *sys.argv[1:]]))
    if arguments.write:
        write(text)
    elif not arguments.json:
        print(text)
    return None


main()
