#!/usr/bin/env python3
"""Compares loss and gradients of the search's policy with PyTorch's autograd in float64.

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install torch
    /tmp/peers/bin/python tests/bench/policy.py [--binary FILE]

nosc writes weights, strings, the probabilities they had, advantages, its loss and its gradients
(`tests/benches/policy.rs`); here the net is `torch.nn.LSTMCell` on one-hot vectors, masked logits and the clipped
objective. The loss must be within 1e-5 of PyTorch's, and the largest difference of a gradient within 1e-5 of the
largest gradient, or the script fails. `--binary` is a benchmark that has been built already.
"""
import argparse
import json
import os
import subprocess
import sys

import torch

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Space, groups, units, strings, seed.
CASES = [("small", 1, 8, 4, 0), ("small", 2, 150, 5, 1), ("paper", 2, 150, 5, 2), ("paper", 4, 37, 70, 3)]


def loss_of(data, weights):
    """The loss, straight from its definition; `weights` by name. Also the share of tokens that are clipped."""
    hidden, positions = len(weights["recurrent"]), data["positions"]
    count = len(data["advantages"])
    choices = torch.tensor(data["choices"]).reshape(count, positions)
    before = torch.tensor(data["log_probabilities"], dtype=torch.float64).reshape(count, positions)
    advantages = torch.tensor(data["advantages"], dtype=torch.float64)
    widths = [len(mask) for mask in data["masks"][:positions]]
    # All rows that reach the gates are columns of one input matrix; the input is one-hot.
    rows = [weights["start"][None]] + [weights[f"token.{p}"] for p in range(positions - 1)]
    first = [0]
    for row in rows:
        first.append(first[-1] + len(row))
    cell = torch.nn.LSTMCell(first[-1], hidden, dtype=torch.float64)
    cell_weights = {
        "weight_ih": torch.cat(rows).T, "weight_hh": weights["recurrent"].T,
        "bias_ih": weights["bias"], "bias_hh": torch.zeros(4 * hidden, dtype=torch.float64)}
    state = (torch.zeros(count, hidden, dtype=torch.float64),) * 2
    total, clipped = 0, 0
    for p in range(positions):
        place = torch.zeros(count, dtype=torch.long) if p == 0 else first[p] + choices[:, p - 1]
        one_hot = torch.nn.functional.one_hot(place, first[-1]).double()
        state = torch.func.functional_call(cell, cell_weights, (one_hot, state))
        logits = state[0] @ weights[f"linear.{p}"].T + weights[f"logit.{p}"]
        mask = torch.tensor([data["masks"][s * positions + p] for s in range(count)])
        assert mask.shape == (count, widths[p])
        policy = torch.distributions.Categorical(logits=logits.masked_fill(~mask, -1e30))
        ratio = (policy.log_prob(choices[:, p]) - before[:, p]).exp()
        bounded = ratio.clamp(1 - data["clip"], 1 + data["clip"])
        total = total + torch.minimum(ratio * advantages, bounded * advantages) + data["entropy"] * policy.entropy()
        clipped += (bounded * advantages < ratio * advantages).sum().item()
    return -total.mean(), clipped / (count * positions)


def compare(data):
    """Prints the largest differences; returns whether all are small."""
    weights = {
        t["name"]: torch.tensor(t["weights"], dtype=torch.float64).reshape(t["dimensions"]).requires_grad_()
        for t in data["tensors"]}
    loss, clipped = loss_of(data, weights)
    loss.backward()
    largest = max(w.grad.abs().max().item() for w in weights.values())
    errors = {
        t["name"]: (torch.tensor(t["gradients"], dtype=torch.float64) - weights[t["name"]].grad.reshape(-1)).abs().max().item()
        for t in data["tensors"]}
    worst = max(errors, key=errors.get)
    error = errors[worst] / largest
    fine = error < 1e-5 and abs(loss.item() - data["loss"]) < 1e-5 and 0.05 < clipped < 0.95
    print(f"largest difference {error:.1e} of the largest gradient, in {worst}; loss {data['loss']:.9f}, off by "
          f"{abs(loss.item() - data['loss']):.1e}; {clipped:.0%} of tokens clipped{'' if fine else ': WRONG'}")
    return fine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary")
    arguments = parser.parse_args()
    cargo = ["cargo", "bench", "--quiet", "-p", "nosc-tests", "--bench", "policy", "--"]
    command = ([arguments.binary] if arguments.binary else cargo) + ["gradients"]
    good = True
    for case in CASES:
        words = [str(word) for word in case]
        out = subprocess.run(command + words, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        print(f"{words[0]}, {words[1]} groups, {words[2]} units, {words[3]} strings: ", end="")
        good = compare(json.loads(out)) and good
    sys.exit(not good)


if __name__ == "__main__":
    main()
