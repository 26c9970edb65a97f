#!/usr/bin/env python3
"""States and step on the processor for a model whose parameters are on an accelerator, with any rule.

    python offload.py --device cuda                 # a model in bfloat16 on the GPU
    python offload.py                               # without one: copies in the processor's memory stand in
    python offload.py --rule lion --width 2048 --layers 8 --threads 8

The accelerator holds bfloat16 parameters and, for a moment each, their gradients. The processor holds the parameters in
float32 and the states of the rule, so 4 bytes a parameter and what the rule remembers. In a step:

    backward pass   each gradient goes to pinned memory as soon as it is there, and is freed on the accelerator
    nosc            reads bfloat16 gradients, moves float32 parameters in place
    copy            parameters go back, rounded to bfloat16
"""

import argparse
import time
from pathlib import Path

import torch
from torch import nn

import nosc
import nosc.torch


def find_rule(text):
    """A standard rule by its name, a rule file, or a formula."""
    if text in nosc.rules():
        return nosc.rule(text)
    return nosc.Rule.load(text) if Path(text).is_file() else nosc.Rule(text)


class Offload:
    """A rule's step on the processor. `optimizer` is an optimizer of torch over the float32 parameters: give that to
    schedulers, and save its state_dict with `masters`. One backward pass a step: a second one replaces the gradients."""

    def __init__(self, model, rule, **options):
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.pinned = torch.cuda.is_available() and any(p.is_cuda for p in self.parameters)
        self.masters, self.gradients, self.rounded = [], [], []
        for parameter in self.parameters:
            master = nn.Parameter(parameter.detach().to("cpu", torch.float32, copy=True))
            if hasattr(master, "grad_dtype"):  # later versions of torch: gradients of another type than the parameter
                master.grad_dtype = parameter.dtype
            gradient_type = parameter.dtype if hasattr(master, "grad_dtype") else torch.float32
            self.masters.append(master)
            self.gradients.append(self._buffer(master, gradient_type))
            self.rounded.append(self._buffer(master, parameter.dtype))
            parameter.register_post_accumulate_grad_hook(self._take(master, self.gradients[-1]))
        self.optimizer = nosc.torch.Optimizer(self.masters, rule, **options)
        # What a step reads and writes: gradients once, float32 parameters and states twice.
        twice = 2 * (4 + rule.bytes_per_parameter)
        self.bytes_a_step = sum(g.numel() * (g.element_size() + twice) for g in self.gradients)

    def _buffer(self, like, dtype):
        return torch.empty_like(like, dtype=dtype, pin_memory=self.pinned, requires_grad=False)

    @staticmethod
    def _take(master, buffer):
        def take(parameter):
            buffer.copy_(parameter.grad, non_blocking=True)
            parameter.grad = None  # a GPU's allocator keeps the memory until the copy, in the same stream, is done
            master.grad = buffer

        return take

    @torch.no_grad()
    def step(self):
        """Moves the model's parameters. Returns the seconds that the rule took, and those of the copies back."""
        self._wait()
        start = time.perf_counter()
        self.optimizer.step()
        moved = time.perf_counter()
        for parameter, master, rounded in zip(self.parameters, self.masters, self.rounded):
            if master.grad is not None:
                rounded.copy_(master)
                parameter.copy_(rounded, non_blocking=True)
                master.grad = None
        self._wait()  # the next backward pass writes to the same buffers
        return moved - start, time.perf_counter() - moved

    def _wait(self):
        if self.pinned:
            torch.cuda.synchronize()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rule", default="adamw", help="standard rule, file or formula (default: %(default)s)")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, help="of the rule's step (default: one a core)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tiny", action="store_true", help="a tiny net, three steps")
    arguments = parser.parse_args()
    if arguments.tiny:
        arguments.width, arguments.layers, arguments.batch, arguments.steps = 32, 2, 8, 3
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        raise SystemExit("torch finds no GPU: --device cpu shows the same with copies in the processor's memory")

    torch.manual_seed(arguments.seed)
    width = arguments.width
    layers = [layer for _ in range(arguments.layers) for layer in (nn.Linear(width, width), nn.GELU())]
    model = nn.Sequential(*layers, nn.Linear(width, width)).to(arguments.device, torch.bfloat16)
    inputs = torch.randn(arguments.batch, width, device=arguments.device, dtype=torch.bfloat16)
    wanted = torch.randn(arguments.batch, width, device=arguments.device, dtype=torch.bfloat16)

    rule = find_rule(arguments.rule)
    offload = Offload(
        model,
        rule,
        lr=arguments.lr,
        total_steps=arguments.steps,
        weight_decay=arguments.weight_decay,
        decoupled_weight_decay="weight_decay" not in rule.parameters,
        threads=arguments.threads,
    )
    count = sum(p.numel() for p in offload.parameters)
    there, here = count * 2, count * (4 + rule.bytes_per_parameter)
    print(f"{rule.name}: {rule.formula}")
    print(f"{count / 1e6:.2f} million parameters: {there / 1e6:.1f} MB on {arguments.device}, {here / 1e6:.1f} MB for the rule")
    for step in range(arguments.steps):
        loss = (model(inputs) - wanted).float().square().mean()
        loss.backward()
        seconds, copying = offload.step()
        print(
            f"step {step + 1:3}  loss {loss.item():.4f}  rule {seconds * 1e3:8.2f} ms = "
            f"{offload.bytes_a_step / seconds / 1e9:5.1f} GB/s  copies back {copying * 1e3:8.2f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main()
