#!/usr/bin/env python3
"""Many workers with nothing to do, some of which die and come back, and then a search.

    cargo build --release --features nats
    python3 tests/bench/queue_idle.py [--workers 200] [--jobs 10] [--churn 200] [--server nats-server] [--binary target/release/nosc]

Each worker is a process with a connection of its own, and asks for `--jobs` tasks at a time. While they wait, `--churn` of them are
killed with a signal that nothing can answer, and replaced. Then a search begins: its ledger has to be that of a search on this
machine alone, no trial may have a second attempt, and each one result. It prints what the idle workers cost the server. Exit code 1 if
not so.
"""
import argparse
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

from search_kills import CONTENT, ROOT, content


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(process):
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def started(arguments, folder):
    """The server, where it listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [arguments.server, "-js", "-sd", os.path.join(folder, "server"), "-a", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server, f"nats://127.0.0.1:{port}"
        except OSError:
            if server.poll() is not None:
                sys.exit("the server does not start")
            time.sleep(0.02)


def waited(arguments, url):
    """Seconds until as many tasks are asked for as can be carried out."""
    begun, wanted = time.monotonic(), arguments.workers * arguments.jobs
    command = [arguments.binary, "queue", "status", "--json", "--queue", url]
    while True:
        status = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        waiting = json.loads(status.stdout)["waiting_workers"] if status.returncode == 0 else status.stderr
        if waiting == wanted:
            return time.monotonic() - begun
        if time.monotonic() - begun > 180:
            sys.exit(f"{waiting} of {wanted} tasks are asked for")
        time.sleep(0.2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--churn", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20, help="of waiting")
    parser.add_argument("--budget", type=int, default=60)
    parser.add_argument("--server", default="nats-server")
    parser.add_argument("--binary", default=os.path.join(ROOT, "target", "release", "nosc"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        whole, run = os.path.join(folder, "whole"), os.path.join(folder, "run")
        search = [arguments.binary, "search", "small", "--task", "quadratic", "--steps", "2000", "--sampler", "random",
                  "--budget", str(arguments.budget), "--quiet", "--run"]
        subprocess.run(search + [whole], check=True, stdout=subprocess.DEVNULL)
        server, url = started(arguments, folder)
        command = [arguments.binary, "worker", "--quiet", "--jobs", str(arguments.jobs), "--queue", url]
        queue = ["--queue", url]
        workers = []
        try:
            # A queue for them.
            subprocess.run(search + [os.path.join(folder, "first"), "--time", "1s"] + queue, check=False,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
            workers = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(arguments.workers)]
            came = waited(arguments, url)
            numbers = random.Random(0)
            begun, used = time.monotonic(), cpu_seconds(server)
            for _ in range(arguments.churn):
                place = numbers.randrange(len(workers))
                workers[place].kill()
                workers[place].wait()
                workers[place] = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            churned = time.monotonic() - begun
            back = waited(arguments, url)
            start, cpu, all_cpu = time.monotonic(), cpu_seconds(server), sum(map(cpu_seconds, workers))
            time.sleep(arguments.seconds)
            took = time.monotonic() - start
            print(f"all tasks were asked for after {came:.0f} s; {arguments.churn} workers died and began again in {churned:.0f} s, and all "
                  f"were asked for {back:.0f} s later (server: {cpu - used:.1f} s of processor); "
                  f"then idle: server {100 * (cpu_seconds(server) - cpu) / took:.1f} % of a core and {megabytes(server):.0f} MB, "
                  f"workers {100 * (sum(map(cpu_seconds, workers)) - all_cpu) / took:.1f} % of a core together")
            start = time.monotonic()
            subprocess.run(search + [run] + queue, check=True, stdout=subprocess.DEVNULL)
            took = time.monotonic() - start
            gone = sum(worker.poll() is not None for worker in workers)
        finally:
            for worker in workers:
                worker.send_signal(signal.SIGTERM)
            for worker in workers:
                worker.wait()
            server.kill()
            server.wait()
        wanted, found = content(whole), content(run)
        different = [table for table in CONTENT if wanted[0][table] != found[0][table]]
        database = sqlite3.connect(f"file:{run}/ledger.sqlite?mode=ro", uri=True)
        trained = database.execute("SELECT count(DISTINCT trial) FROM attempt").fetchone()[0]
        database.close()
        print(f"search: {took:.1f} s, {trained} trials trained in {found[2]} attempts; tables that differ: {different or 'none'}; "
              f"carried out twice: {found[1]}; workers that ended by themselves: {gone}")
        sys.exit(bool(different or found[1] or gone or trained != found[2]))


if __name__ == "__main__":
    main()
