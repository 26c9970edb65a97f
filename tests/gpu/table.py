#!/usr/bin/env python3
"""Makes one page in Markdown of what tests/gpu/run has measured, for docs/benchmarks.md.

    python3 tests/gpu/table.py FOLDER

FOLDER has checks.json, compile.json, bench_N.json, peers.json and sweep.json; what is not there is left out, which
is said. Bars that are missed are marked MISSED.
"""
import argparse
import datetime
import glob
import json
import os
import sys

# By rule: the optimizer of torch that does the same.
PEERS = {"adam_rule": "Adam fused", "momentum": "SGD momentum fused", "sgd": "SGD fused",
         "powersign": "PowerSign compiled", "addsign": "AddSign compiled"}
PLAIN = ["sgd", "momentum", "adam_rule", "powersign", "addsign", "t6_14"]
BAR_SIZE = 1 << 26          # parameters at which memory is the limit
SMALL_SIZE, SMALL_TENSORS = 1 << 20, 1000
LEAST_SHARE, LEAST_ADAM, LEAST_SMALL = 0.92, 1.0, 1.5
MOST_MS = {"plain": 120, "with draws": 250}


def load(folder, name):
    """What a file holds; None if it is not there or not whole."""
    try:
        with open(os.path.join(folder, name)) as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def median(values):
    values = sorted(values)
    return values[len(values) // 2] if values else float("nan")


def number(value):
    """Three digits that count."""
    return f"{value:,.{0 if value >= 99.5 else 1 if value >= 9.95 else 2}f}"


def table(head, rows):
    """A table; columns of which all cells but the first are numbers stand to the right."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def bar(name, value, least, shown):
    met = value >= least
    return met, f"* {name}: {shown(value)}, wanted at least {shown(least)}: {'met' if met else '**MISSED**'}"


def percent(value):
    return f"{100 * value:.1f} %"


def times(value):
    return f"{value:.2f} times"


class Page:
    def __init__(self, folder):
        self.checks = load(folder, "checks.json")
        self.compile = load(folder, "compile.json")
        self.peers = load(folder, "peers.json")
        self.sweep = load(folder, "sweep.json")
        names = sorted(os.path.basename(path) for path in glob.glob(os.path.join(folder, "bench_*.json")))
        rows = [row for name in names for row in load(folder, name) or []]
        self.bench = sorted(rows, key=lambda row: (row["tensors"], row["element_type"] != "f32", row["n"]))
        self.lacking = [what for what, there in [
            ("checks", self.checks), ("times to compile", self.compile), ("steps", self.bench),
            ("torch", self.peers), ("the sweep of chunks", self.sweep)] if not there]

    def peer(self, name, row):
        """The row of torch's for the same work."""
        key = ("n", "element_type", "tensors")
        for other in (self.peers or {}).get("rows", []):
            if other["peer"] == name and all(other[part] == row[part] for part in key):
                return other
        return None

    def title(self):
        parts = [f"{datetime.date.today():%Y-%m-%d}"]
        if self.bench:
            row = self.bench[0]
            driver = row["driver_version"]
            parts += [row["device"], row["architecture"], f"driver for CUDA {driver // 1000}.{driver % 1000 // 10}",
                      f"medians of {row['rounds']} rounds"]
        if self.compile:
            parts.append(f"NVRTC {self.compile['nvrtc']}")
        if self.peers:
            about = self.peers["about"]
            parts.append(f"torch {about['torch']}")
        return ", ".join(parts) + "."

    def checked(self):
        lines = []
        for line in self.checks or []:
            if line["outcome"] != "ok":
                first = line["text"].splitlines()[0] if line["text"] else ""
                lines.append(f"* {line['outcome']} {line['check']}: {first}")
        count = sum(line["outcome"] == "ok" for line in self.checks or [])
        return f"{count} of {len(self.checks or [])} checks found the bits of the interpreter.\n" + "\n".join(lines)

    def steps(self):
        rows = []
        for row in self.bench:
            name = PEERS.get(row["rule"])
            other = self.peer(name, row) if name else None
            rows.append([
                row["rule"], row["element_type"], f"{row['n']:,}", f"{row['tensors']:,}", number(row["us_per_step"]),
                number(row["gigabytes_per_second"]), f"{row['share_of_copy']:.2f}", number(row["host_us_per_step"]),
                number(other["us_per_step"]) if other else "",
                f"{other['us_per_step'] / row['us_per_step']:.2f}" if other else "",
            ])
        head = ["rule", "type", "parameters", "tensors", "us a step", "GB/s", "of a copy", "host, us",
                "torch, us", "times as quick"]
        return table(head, rows)

    def of_torch(self):
        rows = [[row["peer"], row["element_type"], f"{row['n']:,}", f"{row['tensors']:,}", number(row["us_per_step"]),
                 number(row["bytes_per_step"] / row["us_per_step"] / 1e3)] for row in self.peers["rows"]]
        return table(["torch", "type", "parameters", "tensors", "us a step", "GB/s"], rows)

    def kinds(self):
        kind = lambda draws: [row["ms"] for row in self.compile["rows"] if row["draws"] == draws]
        return {"plain": kind(False), "with draws": kind(True)}

    def compiled(self):
        found = self.compile
        rows = [[f"nosc, {name} rules ({len(ms)})", number(median(ms)), number(max(ms))]
                for name, ms in self.kinds().items() if ms]
        rows.append(["nosc, the first kernel of a process", number(found["first_ms"]), ""])
        compiles = [row for row in (self.peers or {}).get("rows", []) if "compile_seconds" in row]
        for place, row in enumerate(compiles):
            first = ", the first of a process" if place == 0 else ""
            what = f"torch.compile, {row['peer'].split()[0]}, {row['element_type']}, {row['n']:,} parameters{first}"
            rows.append([what, number(1e3 * row["compile_seconds"]), ""])
        return table([f"to machine code for {found['architecture']}, no cache", "ms", "slowest, ms"], rows)

    def swept(self):
        groups = {}
        for row in self.sweep:
            groups.setdefault((row["rule"], row["n"], row["tensors"]), []).append(row)
        label = lambda row: (f"{row['blocks_of_a_multiprocessor']} blocks" if row["blocks_of_a_multiprocessor"]
                             else f"{row['chunk_elements']:,}")
        labels = []
        for rows in groups.values():
            labels += [label(row) for row in rows if label(row) not in labels]
        lines = []
        for (rule, n, tensors), rows in groups.items():
            least = min(row["us"] for row in rows)
            by_label = {label(row): row["us"] for row in rows}
            mark = lambda us: f"**{number(us)}**" if us <= 1.01 * least else number(us)
            lines.append([rule, f"{n:,}", f"{tensors:,}"] + [mark(by_label[l]) if l in by_label else "" for l in labels])
        return table(["rule", "parameters", "tensors"] + labels, lines)

    def bars(self):
        lines = []
        for row in self.bench:
            what = f"{row['rule']} {row['element_type']}, {row['n']:,} parameters in {row['tensors']:,}"
            plain = row["rule"] in PLAIN and row["tensors"] == 1
            if row["n"] == BAR_SIZE and plain:
                lines.append(bar(f"{what}: share of a copy", row["share_of_copy"], LEAST_SHARE, percent))
            adam = self.peer("Adam fused", row) if row["rule"] == "adam_rule" and row["element_type"] == "f32" else None
            if not adam:
                continue
            ratio = adam["us_per_step"] / row["us_per_step"]
            if row["tensors"] == 1 and row["n"] >= BAR_SIZE:
                lines.append(bar(f"{what}: torch's fused Adam takes", ratio, LEAST_ADAM, times))
            if (row["n"], row["tensors"]) == (SMALL_SIZE, SMALL_TENSORS):
                lines.append(bar(f"{what}: torch's fused Adam takes", ratio, LEAST_SMALL, times))
        for name, ms in (self.kinds() if self.compile else {}).items():
            if ms:
                met = median(ms) <= MOST_MS[name]
                word = "met" if met else "**MISSED**"
                lines.append((met, f"* {name} rules to machine code: {median(ms):.0f} ms, wanted at most "
                                   f"{MOST_MS[name]}: {word}"))
        missed = sum(not met for met, _ in lines)
        return "\n".join([f"{len(lines)} bars, {missed} missed.", ""] + [line for _, line in lines])

    def text(self):
        parts = ["## Steps on a GPU", self.title()]
        if self.lacking:
            parts.append(f"LEFT OUT, there are no results of: {', '.join(self.lacking)}.")
        if self.checks:
            parts.append(self.checked())
        parts.append(self.bars())
        sections = [(self.bench, "A step", self.steps), (self.peers, "Steps of torch", self.of_torch),
                    (self.compile, "Time to machine code", self.compiled),
                    (self.sweep, "Microseconds of a launch by elements of a chunk", self.swept)]
        for there, title, section in sections:
            if there:
                parts += [f"### {title}", section()]
        return "\n\n".join(part.rstrip("\n") for part in parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER")
    print(Page(parser.parse_args().folder).text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
