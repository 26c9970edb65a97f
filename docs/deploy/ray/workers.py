"""Starts `nosc worker` on each node of the Ray cluster that has processors to give, and waits until all have ended."""

import signal
import subprocess
import sys
import time

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

COMMAND = """
set -a; . /etc/nosc/worker.env; set +a
exec nosc worker --jobs "$1" --idle 600 --quiet
"""


@ray.remote(max_retries=3)
def work(jobs: int) -> int:
    worker = subprocess.Popen(["sh", "-c", COMMAND, "sh", str(jobs)])
    try:
        while worker.poll() is None:
            time.sleep(0.2)
    except KeyboardInterrupt:  # `ray.cancel`. There are seconds left: a second signal, and the tasks go back to the queue at once.
        worker.terminate()
        time.sleep(0.2)
        worker.terminate()
    return worker.wait()


def start() -> dict:
    workers = {}
    for node in ray.nodes():
        jobs = int(node["Resources"].get("CPU", 0))
        if node["Alive"] and jobs > 0:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            worker = work.options(num_cpus=jobs, scheduling_strategy=there).remote(jobs)
            workers[worker] = node["NodeManagerAddress"]
    return workers


def wait(workers: dict) -> bool:
    is_well = True
    while workers:
        ended, _ = ray.wait(list(workers), timeout=0.5)  # Signals are seen between two calls.
        for worker in ended:
            node = workers.pop(worker)
            try:
                status = ray.get(worker)
            except ray.exceptions.RayError as error:  # The node is gone; others get its tasks when their lease is over.
                status = type(error).__name__
            print(f"{node}: {status}", flush=True)
            is_well &= status in (0, 130)
    return is_well


ray.init(address="auto")
workers = start()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))  # `ray job stop`, which kills three seconds later
try:
    sys.exit(0 if wait(workers) else 1)
finally:
    for worker in workers:
        ray.cancel(worker)
    if workers:
        ray.wait(list(workers), num_returns=len(workers), timeout=2)
