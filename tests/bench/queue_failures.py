#!/usr/bin/env python3
"""Runs the tests of a search over a NATS server again and again, and counts how often each fails.

    python3 tests/bench/queue_failures.py [--runs 20] [--server /usr/sbin/nats-server] [--tests queue::] [--threads 2] [--load 0]

`--load` is how many processes keep the processors busy beside. What a failed test said is kept in `--log`. Exit code 1 if a test
has failed, or none was run.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RESULT = re.compile(r"^test (\S+) \.\.\. (ok|FAILED)$", re.MULTILINE)


def built():
    """The program of the tests of the command."""
    command = ["cargo", "test", "-p", "nosc", "--features", "nats", "--test", "command", "--no-run", "--message-format", "json"]
    lines = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    messages = [json.loads(line) for line in lines if line.startswith("{")]
    return next(message["executable"] for message in messages
                if message.get("executable") and message["target"]["name"] == "command")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--server", default="nats-server", help="the program of the server")
    parser.add_argument("--tests", default="queue::", help="part of the names of the tests")
    parser.add_argument("--threads", type=int, default=2, help="tests at a time")
    parser.add_argument("--load", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no run begins after so many")
    parser.add_argument("--log", default="queue_failures.log")
    parser.add_argument("--program", help="the tests, built already")
    arguments = parser.parse_args()
    version = subprocess.run([arguments.server, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    program = arguments.program or built()
    environment = dict(os.environ, NOSC_NATS_SERVER=arguments.server, CI="true")
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(arguments.load)]
    runs, failures, begun, took = collections.Counter(), collections.Counter(), time.monotonic(), []
    try:
        for _ in range(arguments.runs):
            start = time.monotonic()
            if start - begun > arguments.seconds:
                break
            command = [program, arguments.tests, "--test-threads", str(arguments.threads)]
            done = subprocess.run(command, cwd=os.path.join(ROOT, "cli"), env=environment, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace")
            took.append(time.monotonic() - start)
            results = RESULT.findall(done.stdout)
            if not results:
                sys.exit(f"no test was run:\n{done.stdout}")
            for name, result in results:
                runs[name] += 1
                failures[name] += result == "FAILED"
            if done.returncode:
                with open(arguments.log, "a", encoding="utf-8") as log:
                    log.write(done.stdout)
            print(f"run {len(took)}: {took[-1]:.0f} s, {sum(result == 'FAILED' for _, result in results)} failed",
                  file=sys.stderr, flush=True)
    finally:
        for hog in hogs:
            hog.kill()
    width = max(map(len, runs))
    print(f"{version}; {len(took)} runs of {sum(took) / len(took):.0f} s, {arguments.threads} tests at a time, "
          f"{arguments.load} busy processes beside")
    print(f"{'test':<{width}}  runs  failures")
    for name in sorted(runs):
        print(f"{name:<{width}}  {runs[name]:>4}  {failures[name]:>8}")
    sys.exit(bool(sum(failures.values())))


if __name__ == "__main__":
    main()
