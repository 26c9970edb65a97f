#!/usr/bin/env python3
"""Does the search search? Samplers at equal budgets, several seeds each, on one task.

    cargo build --release
    python3 tests/bench/search.py --task digits --budget 300 --seeds 5 [--folder runs] [--jobs 2]
                                  [--samplers random,evolution,ppo] [--with ppo:learning_rate=3e-3] [--space small]
                                  [--groups 2] [--task-options "--child softmax"] [--plot FILE.svg] [--json]
                                  [--binary target/release/nosc]

A run is `nosc search`; one that is there already is gone on with, so the script can be stopped and started. Budgets
count rules that are trained. Printed for each sampler, over its seeds: the reward of the best rule when a quarter,
half and all of the budget was used, the mean reward of the last quarter of all samples (rules seen before with the
reward that they have, rules turned down with 0), and how often it was better than random with the same seed. Baselines
are trained in each run, by the same sweep of learning rates, with seeds of their own. `--plot` draws the best so far: the mean over the seeds, and
from the lowest to the highest of them. `--evaluate 5` has `nosc evaluate` train the best five rules of each run, and the baselines, with seeds that no search has used.
"""
import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COLOURS = {"random": "#777777", "evolution": "#1b7837", "ppo": "#2166ac"}


def run(arguments, sampler, seed):
    """The folder of a finished run."""
    folder = os.path.join(arguments.folder, f"{arguments.task}-{sampler}-{seed}")
    command = [arguments.binary, "search", "--quiet", "--budget", str(arguments.budget), "--jobs", str(arguments.jobs)]
    if os.path.exists(os.path.join(folder, "ledger.sqlite")):
        command += ["--resume", folder]
    else:
        name, _, variant = sampler.partition("+")
        command += ["--run", folder, arguments.space, "-n", str(arguments.groups), "--task", arguments.task,
                    "--sampler", name, "--seed", str(seed)] + arguments.task_options.split()
        for setting in arguments.settings:
            whose, _, what = setting.partition(":")
            if whose == sampler or whose == name and not variant:
                command += what.split() if what.startswith("-") else ["--with", what]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}")
    return folder


def read(folder, budget):
    """What a run found: best so far by rules trained, rewards of samples, the best baseline."""
    database = sqlite3.connect(f"file:{folder}/ledger.sqlite?mode=ro", uri=True)
    trained = database.execute("SELECT reward FROM trial WHERE kind = 'sampled' AND state != 'rejected' "
                               "AND reward IS NOT NULL ORDER BY number LIMIT ?", (budget,)).fetchall()
    best, curve = 0.0, []
    for (reward,) in trained:
        best = max(best, reward)
        curve.append(best)
    # Those of the last batch may not be learnt from.
    rewards = [reward for (reward,) in database.execute(
        "SELECT t.reward FROM sample s JOIN trial t ON t.number = s.trial WHERE t.reward IS NOT NULL ORDER BY s.number")]
    baselines = dict(database.execute("SELECT name, reward FROM trial WHERE kind = 'baseline'").fetchall())
    counts = database.execute("SELECT count(*), sum(is_new) FROM sample WHERE trial IS NOT NULL").fetchone()
    rejected = database.execute("SELECT count(*) FROM trial WHERE state = 'rejected'").fetchone()[0]
    top = database.execute("SELECT rule FROM trial WHERE kind = 'sampled' AND state = 'done' "
                           "ORDER BY reward DESC, number LIMIT 1").fetchone()[0]
    database.close()
    quarter = rewards[len(rewards) * 3 // 4:]
    return {"curve": curve, "last_quarter": statistics.mean(quarter), "baselines": baselines, "rule": top,
            "samples": counts[0], "repeats": counts[0] - counts[1], "rejected": rejected}


def judged(arguments, folder):
    """Means over fresh seeds: of the best rules of a run, and of the best baseline."""
    command = [arguments.binary, "evaluate", folder, "--top", str(arguments.evaluate), "--seeds", "5", "--coarse", "--quiet", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    rules = json.loads(done.stdout)[0]["rules"]
    means = {kind: [rule["reward"]["mean"] for rule in rules if (rule["name"] is None) == (kind == "found")]
             for kind in ("found", "baseline")}
    return {"found": statistics.mean(means["found"]), "baseline": max(means["baseline"])}


def spread(values, digits=4):
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.{digits}f} ± {deviation:.{digits}f}"


def report(arguments, results):
    seeds = range(arguments.seeds)
    print(f"{arguments.task}: {arguments.budget} rules a run, {arguments.seeds} seeds, space {arguments.space}, "
          f"{arguments.groups} groups {arguments.task_options}\n")
    print("| sampler | best at 25 % | 50 % | 100 % | last quarter of samples | above random | best not below random | samples | seen before | turned down |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for sampler in arguments.samplers:
        runs = results[sampler]
        at = [spread([r["curve"][min(len(r["curve"]), max(1, len(r["curve"]) * part // 4)) - 1] for r in runs])
              for part in (1, 2, 4)]
        quarter = spread([r["last_quarter"] for r in runs])
        random = results.get("random")
        better = not_below = "-"
        if random and sampler != "random":
            better = f"{sum(runs[s]['last_quarter'] > random[s]['last_quarter'] for s in seeds)} of {len(runs)}"
            not_below = f"{sum(runs[s]['curve'][-1] >= random[s]['curve'][-1] for s in seeds)} of {len(runs)}"
        counts = [round(statistics.mean([r[name] for r in runs])) for name in ("samples", "repeats", "rejected")]
        print(f"| {sampler} | {' | '.join(at)} | {quarter} | {better} | {not_below} | {' | '.join(map(str, counts))} |")
    if arguments.evaluate:
        print(f"\n| sampler | best {arguments.evaluate} rules with 5 fresh seeds | best baseline, same seeds | above it |\n|---|---|---|---|")
        for sampler in arguments.samplers:
            pairs = [r["judged"] for r in results[sampler]]
            above = sum(pair["found"] > pair["baseline"] for pair in pairs)
            print(f"| {sampler} | {spread([p['found'] for p in pairs])} | {spread([p['baseline'] for p in pairs])} | {above} of {len(pairs)} |")
    everything = [r for runs in results.values() for r in runs]
    names = sorted({name for r in everything for name in r["baselines"]})
    print("\n| baseline | reward, over all runs |\n|---|---|")
    for name in names:
        print(f"| {name} | {spread([r['baselines'][name] for r in everything if r['baselines'].get(name) is not None])} |")
    print()
    for sampler in arguments.samplers:
        runs = results[sampler]
        wins = sum(r["curve"][-1] >= max(value or 0.0 for value in r["baselines"].values()) for r in runs)
        print(f"{sampler}: the best rule is at least the best baseline of its run in {wins} of {len(runs)} runs")
        for seed, result in enumerate(runs):
            print(f"    seed {seed}: {result['curve'][-1]:.4f}  {' '.join(result['rule'].split())}")


def plot(arguments, results):
    """Best so far, drawn as SVG."""
    width, height, left, top = 640, 360, 60, 20
    curves = {s: [r["curve"] for r in runs] for s, runs in results.items()}
    length = min(len(c) for runs in curves.values() for c in runs)
    base = [max(v or 0.0 for v in r["baselines"].values()) for runs in results.values() for r in runs]
    low = min(statistics.mean(c[min(9, length - 1)] for c in runs) for runs in curves.values())
    high = max(c[-1] for runs in curves.values() for c in runs)
    low, high = min(low, min(base)) - 0.005, high + 0.005
    x = lambda i: left + i / max(1, length - 1) * (width - left - 20)
    y = lambda v: top + (1 - (min(max(v, low), high) - low) / (high - low)) * (height - top - 50)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    for step in range(5):
        value = low + (high - low) * step / 4
        out.append(f'<line x1="{left}" x2="{width - 20}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#dddddd"/>'
                   f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3f}</text>')
    for step in range(5):
        index = round((length - 1) * step / 4)
        out.append(f'<text x="{x(index):.1f}" y="{height - 32}" text-anchor="middle">{index + 1}</text>')
    out.append(f'<text x="{(left + width) / 2}" y="{height - 12}" text-anchor="middle">rules trained ({arguments.task})</text>')
    mean = statistics.mean(base)
    out.append(f'<line x1="{left}" x2="{width - 20}" y1="{y(mean):.1f}" y2="{y(mean):.1f}" stroke="black" stroke-dasharray="4 3"/>'
               f'<text x="{width - 24}" y="{y(mean) - 5:.1f}" text-anchor="end">best baseline</text>')
    for place, (sampler, runs) in enumerate(curves.items()):
        colour = COLOURS.get(sampler, "#b2182b")
        points = range(0, length, max(1, length // 300))
        upper = " ".join(f"{x(i):.1f},{y(max(c[i] for c in runs)):.1f}" for i in points)
        lower = " ".join(f"{x(i):.1f},{y(min(c[i] for c in runs)):.1f}" for i in reversed(points))
        middle = " ".join(f"{x(i):.1f},{y(statistics.mean(c[i] for c in runs)):.1f}" for i in points)
        out.append(f'<polygon points="{upper} {lower}" fill="{colour}" opacity="0.15"/>'
                   f'<polyline points="{middle}" fill="none" stroke="{colour}" stroke-width="2"/>'
                   f'<text x="{width - 110}" y="{height - 70 - 16 * place}" fill="{colour}">{sampler}</text>')
    with open(arguments.plot, "w") as file:
        file.write("\n".join(out + ["</svg>"]) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="digits")
    parser.add_argument("--task-options", default="")
    parser.add_argument("--budget", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--samplers", default="random,evolution,ppo")
    parser.add_argument("--with", dest="settings", action="append", default=[])
    parser.add_argument("--space", default="small")
    parser.add_argument("--groups", type=int, default=2)
    parser.add_argument("--folder", default="search-runs")
    parser.add_argument("--evaluate", type=int, default=0, metavar="TOP")
    parser.add_argument("--plot")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--binary", default=os.path.join(ROOT, "target", "release", "nosc"))
    arguments = parser.parse_args()
    arguments.samplers = arguments.samplers.split(",")
    os.makedirs(arguments.folder, exist_ok=True)
    results = {}
    for seed in range(arguments.seeds):
        for sampler in arguments.samplers:
            folder = run(arguments, sampler, seed)
            results.setdefault(sampler, []).append(read(folder, arguments.budget))
            if arguments.evaluate:
                results[sampler][-1]["judged"] = judged(arguments, folder)
            print(f"{sampler}, seed {seed}: best {results[sampler][-1]['curve'][-1]:.4f}", file=sys.stderr)
    if arguments.plot:
        plot(arguments, results)
    print(json.dumps(results)) if arguments.json else report(arguments, results)


if __name__ == "__main__":
    main()
