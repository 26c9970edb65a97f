"""Tensors that are out of the ordinary, and states: what `nosc._nosc.Stepper` does not do by itself."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import is_fake
from torch.nn import Parameter

from nosc._errors import StepError
from nosc._nosc import Arena

__all__ = ["Parameter", "Tensor", "any_negative", "check_apart", "cuda_stream", "describe", "mark_changed", "mend", "new_states", "plain", "use_exchange"]

use_exchange = True
"""Whether tensors are described by torch's own table of functions where there is one."""

_CODES = {
    torch.float32: (2, 32),
    torch.float64: (2, 64),
    torch.float16: (2, 16),
    torch.bfloat16: (4, 16),
    torch.complex64: (5, 64),
    torch.complex128: (5, 128),
    torch.complex32: (5, 32),
}
_DEVICES = {"cpu": 1, "cuda": 2}


def describe(tensor: Tensor) -> tuple[int, tuple[int, int], tuple[int, int], list[int], list[int]]:
    """Address, device, type, shape and strides, in the numbers of DLPack."""
    device = _DEVICES.get(tensor.device.type, 0), tensor.device.index or 0
    code = _CODES.get(tensor.dtype, (255, tensor.element_size() * 8))
    return tensor.data_ptr(), device, code, list(tensor.shape), list(tensor.stride())


def cuda_stream(device: int) -> int:
    """The stream in which torch works on a GPU at present."""
    return int(torch.cuda.current_stream(device).cuda_stream)


def any_negative(tensors: list[Tensor]) -> bool:
    """Whether one of them is a view of numbers of the other sign, as parts of conjugated complex tensors are."""
    return any(map(Tensor.is_neg, tensors))


def is_spread(tensor: Tensor) -> bool:
    """Whether it is a part of a tensor that several processes share: a DTensor."""
    return hasattr(tensor, "to_local") and hasattr(tensor, "placements")


def local(tensor: Tensor) -> Tensor:
    """The part that this process has, as an ordinary tensor over the same memory."""
    tensor = tensor.detach()
    if is_spread(tensor):
        tensor = tensor.to_local()  # type: ignore[attr-defined]
    if type(tensor) is not Tensor:
        from torch.utils._python_dispatch import is_traceable_wrapper_subclass

        if is_traceable_wrapper_subclass(tensor):
            kind = type(tensor).__name__
            raise StepError(f"{kind} wraps other tensors and has no elements of its own: nosc steps over plain tensors")
        tensor = tensor.as_subclass(Tensor)
    return tensor


def _first_element(param: Tensor, is_random: bool) -> int:
    """Index of the part's first element in the whole tensor, which draws depend on."""
    if not is_spread(param) or not is_random:
        return 0
    from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

    mesh, placements = param.device_mesh, param.placements  # type: ignore[attr-defined]
    shape, offset = compute_local_shape_and_global_offset(param.shape, mesh, placements)
    whole = all(size == full for size, full in zip(shape[1:], param.shape[1:], strict=True))
    if not whole and 0 not in shape:
        raise StepError(
            "the rule draws random numbers, which go by the place in the whole tensor: "
            "shard along the first dimension, as fully_shard does"
        )
    numbers = 2 if param.is_complex() else 1
    return numbers * int(offset[0]) * math.prod(param.shape[1:]) if offset else 0


def plain(param: Tensor, grad: Tensor, is_random: bool, is_guarded: bool) -> tuple[Tensor, Tensor, int, bool]:
    """A parameter and its gradient as tensors without gaps, in the same order in memory.

    Also: where they start in the whole tensor, and whether the parameter is a copy that has to be written back.
    """
    if grad.layout is not torch.strided or param.layout is not torch.strided:
        raise StepError(
            "a sparse gradient or parameter: a rule moves every element, so use dense gradients "
            "(sparse=False for an Embedding)"
        )
    if is_guarded and is_spread(param):
        raise StepError(
            "non_finite looks at the part of a process alone, and the others would step where it does not: "
            'use "propagate" for tensors that are spread over processes, or a GradScaler'
        )
    if is_spread(param) and is_spread(grad) and grad.placements != param.placements:  # type: ignore[attr-defined]
        grad = grad.redistribute(placements=param.placements)  # type: ignore[attr-defined]
    if is_fake(param) or is_fake(grad):
        raise StepError("a fake tensor has no elements to step over")
    w, g = local(param), local(grad)
    if w.dtype not in _CODES:
        raise StepError(f"a parameter of {w.dtype}: rules run on float32, float64, float16, bfloat16 and complex numbers")
    if w.device.type not in _DEVICES:
        raise StepError(f"a parameter on {w.device}: nosc steps on processors and on NVIDIA GPUs")
    if g.shape != w.shape or g.device != w.device or g.is_complex() != w.is_complex():
        raise StepError(
            f"a gradient of shape {tuple(g.shape)}, {g.dtype} on {g.device} "
            f"for a parameter of shape {tuple(w.shape)}, {w.dtype} on {w.device}"
        )
    dense = torch.empty_like(w, memory_format=torch.preserve_format)
    copied = not _same_order(dense, w) or w.is_conj() or w.is_neg()
    if copied:
        if _overlaps_itself(w):
            raise StepError("elements of a parameter share memory, as after expand: clone it")
        w = dense.copy_(w)
    g = g.resolve_conj().resolve_neg()
    if g.dtype not in _CODES:
        g = g.to(w.dtype)
    if not _same_order(g, w):
        g = torch.empty_strided(w.size(), w.stride(), dtype=g.dtype, device=g.device).copy_(g)
    return w, g, _first_element(param, is_random), copied


def _same_order(a: Tensor, b: Tensor) -> bool:
    return all(n <= 1 or x == y for n, x, y in zip(a.shape, a.stride(), b.stride(), strict=True)) or a.numel() == 0


def _overlaps_itself(w: Tensor) -> bool:
    """Whether elements may share memory: whether some dimension's step is shorter than what lies within it."""
    reach = 0
    for stride, size in sorted((stride, size) for stride, size in zip(w.stride(), w.shape, strict=True) if size > 1):
        if stride <= reach:
            return w.numel() > 0
        reach += stride * (size - 1)
    return False


def mark_changed(params: list[Tensor]) -> None:
    """Lets autograd know that tensors were written to."""
    increment_version = getattr(torch.autograd.graph, "increment_version", None)
    if increment_version is not None:
        increment_version(params)
        return
    for param in params:
        # Nothing is written to none of the elements, which counts as a change.
        param.detach().as_strided((0,), (1,)).zero_()


def check_apart(params: list[Tensor]) -> None:
    """Raises `StepError` if elements of one are elements of another. For those with gaps between their elements, of which
    a step moves copies; memory it takes is that of the storages that hold several of them."""
    by_storage: dict[int, list[Tensor]] = {}
    for param in map(local, params):
        if param.numel() > 0:
            by_storage.setdefault(param.untyped_storage().data_ptr(), []).append(param)
    for parts in by_storage.values():
        if len(parts) == 1:
            continue
        used = torch.zeros(parts[0].untyped_storage().nbytes(), dtype=torch.bool, device=parts[0].device)
        for part in parts:
            size = part.element_size()
            strides = (*(size * stride for stride in part.stride()), 1)
            used.as_strided((*part.shape, size), strides, size * part.storage_offset()).fill_(True)
        if int(used.count_nonzero()) != sum(part.numel() * part.element_size() for part in parts):
            raise StepError("parameters share memory: a step writes to some of it and reads it too")


def _state_type(dtype: torch.dtype) -> torch.dtype:
    return torch.complex64 if dtype.is_complex else torch.float32


def _spread_like(param: Tensor, part: Tensor) -> Tensor:
    """The part as a tensor that is spread as the parameter is."""
    if not is_spread(param):
        return part
    from torch.distributed.tensor import DTensor

    mesh, placements = param.device_mesh, param.placements  # type: ignore[attr-defined]
    return DTensor.from_local(
        part, mesh, placements, run_check=False, shape=param.shape, stride=param.stride()
    )


def mend(param: Tensor, state: dict[str, Any], name: str, is_number: bool) -> Tensor:
    """A state in the form that steps need, put in its place; what it holds stays."""
    if name not in state:
        raise StepError(f"a parameter has states, and none is `{name}`: do they belong to another rule?")
    value = state[name]
    if is_number:
        number = torch.tensor(float(value), dtype=torch.float64, device="cpu")
        state[name] = number
        return number
    w = local(param)
    if not isinstance(value, Tensor) or local(value).shape != w.shape:
        raise StepError(f"the state `{name}` of a parameter of shape {tuple(w.shape)} is no tensor of that shape")
    part = local(value)
    wanted = torch.empty_like(w, dtype=_state_type(w.dtype), memory_format=torch.preserve_format)
    if part.dtype == wanted.dtype and part.device == wanted.device and _same_order(part, wanted):
        return part
    wanted.copy_(part)
    state[name] = _spread_like(param, wanted)
    return wanted


def new_states(params: list[Tensor], names: list[str], numbers: list[str]) -> list[dict[str, Tensor]]:
    """States of zero for each parameter: those of `names` by element, those of `numbers` and the step are one number.

    Those of parameters in the processor's memory stand in one block, in large pages where the system has them.
    """
    parts = [local(param) for param in params]
    sizes = [part.numel() * (2 if part.is_complex() else 1) if part.device.type == "cpu" else 0 for part in parts]
    arena = Arena(len(names), sizes)
    counts = torch.zeros(len(params), 1 + len(numbers), dtype=torch.float64, device="cpu")
    states = []
    for index, (param, part, size) in enumerate(zip(params, parts, sizes, strict=True)):
        state: dict[str, Tensor] = {"step": counts[index, 0]}
        kind = _state_type(part.dtype)
        for slot, address in enumerate(arena.addresses(index) or []):
            like = torch.empty_like(part, dtype=kind, memory_format=torch.preserve_format) if size == 0 else None
            if like is not None:
                tensor = like.zero_()
            else:
                tensor = _over(address, size, arena)
                if part.is_complex():
                    tensor = torch.view_as_complex(tensor.view(-1, 2))
                strides = torch.empty_like(part, device="meta", memory_format=torch.preserve_format).stride()
                tensor = tensor.as_strided(part.shape, strides)
            state[names[slot]] = _spread_like(param, tensor)
        for place, name in enumerate(numbers):
            state[name] = counts[index, 1 + place]
        states.append(state)
    return states


def _over(address: int, size: int, arena: Arena) -> Tensor:
    """A tensor of f32 over memory of the arena, which stays for as long as the tensor."""
    array = (ctypes.c_float * size).from_address(address)
    array.arena = arena  # type: ignore[attr-defined]
    return torch.frombuffer(array, dtype=torch.float32)
