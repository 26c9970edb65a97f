#!/usr/bin/env python3
"""Times PowerSign and Adam steps of nosc beside PyTorch on this machine, and prints a table.

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install torch numpy
    /tmp/peers/bin/python tests/bench/peers.py [--rounds 3] [--threads 1]

nosc runs as `cargo bench -p nosc-tests --bench step`, PyTorch in a process of its own. The two take turns,
round by round, and the median over rounds is printed, in ns per parameter, with the ratio peer / nosc.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


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


def torch_times(peer, n, threads):
    """Median ns per parameter of one peer; runs in a child process (see main)."""
    import torch

    torch.set_num_threads(threads)
    w = torch.linspace(-0.5, 0.5, n, requires_grad=True)
    g = torch.sin(torch.arange(n, dtype=torch.float32))
    w.grad = g
    m = torch.zeros(n)

    def powersign(w, g, m):
        m.mul_(0.9).add_(g, alpha=0.1)
        w.sub_(1e-6 * torch.exp(torch.sign(g) * torch.sign(m)) * g)

    if peer in ("eager", "compile"):
        function = powersign if peer == "eager" else torch.compile(powersign)

        def once():
            with torch.no_grad():
                function(w, g, m)
    else:
        flags = {"fused": {"fused": True}, "foreach": {"foreach": True}}[peer]
        once = torch.optim.Adam([w], lr=1e-6, **flags).step

    start = time.perf_counter()
    once()
    first = time.perf_counter() - start
    for _ in range(3):
        once()
    times = []
    begin = time.perf_counter()
    while len(times) < 5 or (time.perf_counter() - begin < 0.2 and len(times) < 10000):
        start = time.perf_counter()
        once()
        times.append((time.perf_counter() - start) * 1e9 / n)
    print(json.dumps({"ns": statistics.median(times), "first_s": first}))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", default="10000,1000000,30000000")
    parser.add_argument("--peer", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        torch_times(arguments.peer[0], int(arguments.peer[1]), arguments.threads)
        return
    binary = nosc_binary()
    threads = str(arguments.threads)

    def nosc(rule, n):
        command = [binary, "step", rule, str(n), threads]
        return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    first = {}

    def peer(name, n):
        command = [sys.executable, __file__, "--threads", threads, "--peer", name, str(n)]
        out = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        first.setdefault(name, []).append(out["first_s"])
        return out["ns"]

    print("| rule | parameters | nosc, ns | peer | peer, ns | peer / nosc |")
    print("|---|---|---|---|---|---|")
    for rule, standard, peers in (("PowerSign", "powersign", ("eager", "compile")),
                                  ("Adam", "adam_rule", ("foreach", "fused"))):
        for n in map(int, arguments.sizes.split(",")):
            own, others = [], {name: [] for name in peers}
            for _ in range(arguments.rounds):
                own.append(nosc(standard, n))
                for name in peers:
                    others[name].append(peer(name, n))
            mine = statistics.median(own)
            for name in peers:
                theirs = statistics.median(others[name])
                print(f"| {rule} | {n:,} | {mine:.3f} | torch {name} | {theirs:.3f} | "
                      f"{theirs / mine:.2f} |", flush=True)
    shown = ", ".join(f"{name} {statistics.median(times):.3f} s" for name, times in first.items())
    print(f"\nfirst step, median: {shown}")


main()
