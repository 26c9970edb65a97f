#!/usr/bin/env python3
"""The first hour of a stranger, timed: what the README says, on a machine that has Rust and nothing of nosc's.

    python3 tests/bench/first_hour.py [--keep]

Clones this repository into a folder of its own, with an empty cargo cache and an empty target folder, runs README's first
command and what one tries next, and prints the time of each, what was downloaded, and what lies on the
disk. Takes some five minutes; run nothing beside it. Nothing outside the folder is written.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIRST = ["search", "--preset", "quick", "--run", "first"]
# Bars in seconds: README's first command, help, CUDA source.
BARS = {"first": 240.0, "help": 0.010, "cuda": 0.020}


def run(command, folder, environment=None):
    """Seconds that the command took."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr[-4000:]}")
    return seconds


def median(command, folder, times=21):
    """The median of some runs, in seconds."""
    return sorted(run(command, folder) for _ in range(times))[times // 2]


def mebibytes(path):
    """What lies on the disk under a path, hard links once."""
    seen, total = set(), 0
    for folder, _, files in os.walk(path):
        for name in files:
            about = os.lstat(os.path.join(folder, name))
            if about.st_ino not in seen:
                seen.add(about.st_ino)
                total += about.st_blocks * 512
    return total / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave the folder")
    keep = parser.parse_args().keep
    folder = pathlib.Path(tempfile.mkdtemp(prefix="nosc-first-"))
    clone, cache = folder / "nosc", folder / "cargo"
    cache.mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CARGO")}
    environment["CARGO_HOME"] = str(cache)
    rows = []
    rows.append(("git clone", run(["git", "clone", "--quiet", str(ROOT), str(clone)], folder)))
    built = run(["cargo", "build", "--release", "--timings"], clone, environment)
    searched = run(["cargo", "run", "--release", "--", *FIRST], clone, environment)
    rows.append(("cargo build --release, with what it downloads", built))
    rows.append(("cargo run --release -- " + " ".join(FIRST), searched))
    first = built + searched
    rows.append(("README's first command", first))
    nosc = clone / "target" / "release" / "nosc"
    for command in (
        ["explain", "powersign"],
        ["compile", "powersign", "--emit", "asm"],
        ["train", "digits", "--rules", "powersign", "--quiet"],
        ["report", "first"],
    ):
        rows.append(("nosc " + " ".join(command), run([nosc, *command], clone)))
    help_time = median([nosc, "--help"], clone)
    cuda_time = median([nosc, "compile", "-e", "g", "--target", "cuda", "--emit", "cu"], clone)
    rows.append(("nosc --help", help_time))
    rows.append(("nosc compile -e g --target cuda --emit cu", cuda_time))
    for name, seconds in rows:
        print(f"{name:50} {seconds:10.4f} s")
    print(f"{'sources and index from the registry':50} {mebibytes(cache):8.0f} MiB")
    print(f"{'target folder':50} {mebibytes(clone / 'target'):8.0f} MiB")
    print(f"{'the program nosc':50} {nosc.stat().st_size / 2**20:8.1f} MiB")
    found = {"first": first, "help": help_time, "cuda": cuda_time}
    for name, bar in BARS.items():
        print(f"bar {name}: {found[name]:.4f} s of {bar} s: {'met' if found[name] < bar else 'MISSED'}")
    if keep:
        print(folder)
    else:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
