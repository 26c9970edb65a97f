"""Has TensorBoard read an event file that nosc wrote, and looks whether its curves are there.

    python tests/python/tensorboard_events.py FOLDER TRIALS

TRIALS is the number of sampled trials with a reward. Needs tensorboard >= 2.18. Exits with 1 and a line for each fault.
"""

import argparse
import math
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def faults(events, trials):
    tags = events.Tags()["scalars"]
    if trials == 0:
        if tags:
            yield f"curves {tags} of no trials"
        return
    if "reward" not in tags:
        yield "no curve reward"
        return
    rewards = events.Scalars("reward")
    # None if no trial was trained to the end.
    best = events.Scalars("best_reward") if "best_reward" in tags else []
    if len(rewards) != trials:
        yield f"{len(rewards)} rewards, not {trials}"
    if [event.value for event in best] != sorted(event.value for event in best):
        yield "the best reward falls"
    for tag in tags:
        curve = events.Scalars(tag)
        steps = [event.step for event in curve]
        if steps != sorted(set(steps)):
            yield f"{tag}: steps are not in order, or stand twice"
        if not all(math.isfinite(event.value) for event in curve):
            yield f"{tag}: a value that is not a number"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("trials", type=int)
    arguments = parser.parse_args()
    events = EventAccumulator(str(arguments.folder), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    found = list(faults(events, arguments.trials))
    if "about" not in events.Tags()["tensors"]:
        found.append("no text `about`")
    for fault in found:
        print(f"{arguments.folder}: {fault}")
    print(f"{arguments.trials} trials: {', '.join(events.Tags()['scalars']) or 'no curves'}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
