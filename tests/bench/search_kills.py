#!/usr/bin/env python3
"""Kills a search again and again, with a signal that nothing can answer, and compares what it ends with.

    cargo build --release
    python3 tests/bench/search_kills.py [--kills 50] [--budget 400] [--sampler ppo] [--jobs 2] [--binary target/release/nosc]

One run is left alone. Another is killed at random moments, sometimes while it starts or goes on from its ledger, and taken up
each time. Both ledgers have to hold the same samples, trials, children, updates and sampler, and no trial of the killed
run may have been carried out to its end twice. Exit code 1 if not.
"""
import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONTENT = {
    "sample": "*",
    "trial": "number, kind, name, key, rule, sample, is_flipped, seed, state, reward, reason, learning_rate, final_loss, "
             "validation_accuracy, test_accuracy",
    "child": "trial, place, outcome", "alias": "*", "learnt": "*", "sampler": "*",
}


def content(folder):
    database = sqlite3.connect(f"file:{folder}/ledger.sqlite?mode=ro", uri=True)
    tables = {table: database.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()
              for table, columns in CONTENT.items()}
    twice = database.execute("SELECT count(*) FROM (SELECT trial FROM attempt WHERE result = 'done' GROUP BY trial "
                             "HAVING count(*) > 1)").fetchone()[0]
    attempts, cut = database.execute("SELECT count(*), sum(result = 'the search was cut off') FROM attempt").fetchone()
    database.close()
    return tables, twice, attempts, cut


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--budget", type=int, default=400)
    parser.add_argument("--sampler", default="ppo")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--binary", default=os.path.join(ROOT, "target", "release", "nosc"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = os.path.join(folder, "whole"), os.path.join(folder, "killed")
        search = [arguments.binary, "search", "small", "--task", "digits", "--child", "softmax", "--epochs", "2",
                  "--budget", str(arguments.budget), "--sampler", arguments.sampler, "--jobs", str(arguments.jobs),
                  "--quiet", "--run"]
        start = time.monotonic()
        subprocess.run(search + [whole], check=True, stdout=subprocess.DEVNULL)
        took = time.monotonic() - start
        numbers = random.Random(arguments.seed)
        kills, begun = 0, time.monotonic()
        while kills < arguments.kills:
            is_there = os.path.exists(os.path.join(killed, "ledger.sqlite")) and subprocess.run(
                [arguments.binary, "best", killed], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
            command = [arguments.binary, "search", "--quiet", "--resume", killed] if is_there else search + [killed]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            try:
                process.wait(numbers.uniform(0, 2.5 * took / arguments.kills))
                break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
        subprocess.run([arguments.binary, "search", "--quiet", "--resume", killed], check=True, stdout=subprocess.DEVNULL)
        wanted, found = content(whole), content(killed)
        different = [table for table in CONTENT if wanted[0][table] != found[0][table]]
        print(f"{kills} kills in {time.monotonic() - begun:.0f} s (left alone: {took:.0f} s); {len(found[0]['trial'])} trials, "
              f"{found[2]} attempts, of which {found[3]} were cut off; tables that differ: {different or 'none'}; "
              f"trials carried out twice: {found[1]}")
        sys.exit(bool(different or found[1] or kills < arguments.kills))


if __name__ == "__main__":
    main()
