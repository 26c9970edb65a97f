"""What the tests of `nosc.torch` share."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.nn import Parameter

import nosc.torch
from nosc.torch import _tensors

# A rule with a state, a draw and a decay: whatever a resumed run could lose shows in its bits.
EVERYTHING = "drop(m, 0.3) * ld + 0.01 * eps * g"
TOTAL = 100


def bits(tensor: Tensor) -> bytes:
    """The elements in their logical order, bit for bit."""
    return tensor.detach().resolve_conj().contiguous().view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors have the same type, shape and bits."""
    return a.dtype == b.dtype and a.shape == b.shape and bits(a.reshape(-1)) == bits(b.reshape(-1))


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Numbers that are the same in every test."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def parameter(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Parameter:
    return Parameter(normal(*shape, seed=seed, dtype=dtype))


def descend(optimizer: torch.optim.Optimizer, steps: int, first: int = 0, after=None) -> list[Tensor]:
    """Steps with gradients that depend on the step, the place in the optimizer and the parameter itself."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    for step in range(first, first + steps):
        for place, p in enumerate(params):
            noise = normal(*p.shape, seed=1000 * step + place)
            p.grad = (p.detach() * 0.1).to(p.dtype) + noise.to(p.dtype)
        optimizer.step()
        if after is not None:
            after()
    return [p.detach().clone() for p in params]


def both(ours, theirs, *tensors: Tensor):
    """Two optimizers, each over parameters of its own that start alike."""
    first = ours([Parameter(t.clone()) for t in tensors])
    second = theirs([Parameter(t.clone()) for t in tensors])
    return first, second


def close(ours: list[Tensor], theirs: list[Tensor], rtol: float = 1e-5, atol: float = 1e-6) -> None:
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=rtol, atol=atol)


def states(optimizer: torch.optim.Optimizer) -> list[dict[str, Tensor]]:
    """Copies of all states, in the order of the parameters."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    return [copy.deepcopy(dict(optimizer.state[p])) for p in params]


__all__ = [
    "EVERYTHING", "TOTAL", "Parameter", "Tensor", "_tensors", "bits", "both", "close", "descend", "nosc", "normal",
    "parameter", "same", "states", "torch",
]  # fmt: skip
