"""Trajectories: torch.optim's, optax's, and the recorded ones of tests/golden, with all that classes have in common."""

import inspect
import json
from pathlib import Path

import pytest

pytest.importorskip("torch.optim", reason="PyTorch is not installed: nothing of nosc.torch is tested")

import torch

import nosc.torch
from torch_helpers import Parameter, both, close, descend, normal

STEPS = 50
# Both sides round differently in every step. Where a square root of a difference cancels, errors grow.
RTOL, ATOL = 2e-5, 5e-6

CASES = {
    "SGD": [
        {"lr": 0.1}, {"lr": 0.1, "momentum": 0.9}, {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        {"lr": 0.1, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1}, {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "maximize": True},
    ],
    "Adam": [
        {}, {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3}, {"lr": 0.05, "weight_decay": 0.1}, {"lr": 0.05, "amsgrad": True},
        {"lr": 0.05, "weight_decay": 0.1, "maximize": True}, {"lr": 0.05, "betas": (0.8, 0.6), "amsgrad": True, "weight_decay": 0.1},
    ],
    "AdamW": [{}, {"lr": 0.05, "weight_decay": 0.3}, {"lr": 0.05, "betas": (0.8, 0.95), "maximize": True}, {"lr": 0.05, "amsgrad": True}],
    "NAdam": [{}, {"lr": 0.05, "weight_decay": 0.1, "momentum_decay": 0.05}, {"lr": 0.05, "maximize": True}],
    "RAdam": [{}, {"lr": 0.05, "weight_decay": 0.1}, {"lr": 0.05, "betas": (0.9, 0.9)}, {"lr": 0.05, "maximize": True}],
    "Adamax": [{}, {"lr": 0.05, "weight_decay": 0.1}, {"lr": 0.05, "betas": (0.8, 0.7), "eps": 1e-3, "maximize": True}],
    "Adagrad": [
        {}, {"lr": 0.1, "lr_decay": 0.3, "eps": 1e-3}, {"lr": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1},
        {"lr": 0.1, "maximize": True},
    ],
    "Adadelta": [{}, {"lr": 0.7, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1}, {"lr": 0.7, "maximize": True}],
    "RMSprop": [
        {}, {"lr": 0.03, "alpha": 0.8, "eps": 1e-3, "weight_decay": 0.1}, {"lr": 0.01, "momentum": 0.5},
        {"lr": 0.01, "centered": True, "alpha": 0.9, "eps": 1e-2}, {"lr": 0.01, "centered": True, "momentum": 0.5, "eps": 1e-2},
        {"lr": 0.01, "maximize": True},
    ],
    "Rprop": [{}, {"lr": 0.02, "etas": (0.3, 1.7), "step_sizes": (0.005, 0.06)}, {"lr": 0.02, "maximize": True}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options"), [(name, options) for name, all_options in CASES.items() for options in all_options], ids=str
)
def test_classes_of_torch(name, options):
    ours, theirs = both(
        lambda p: getattr(nosc.torch, name)(p, **options),
        lambda p: getattr(torch.optim, name)(p, **options),
        normal(40), normal(3, 5, seed=1),
    )  # fmt: skip
    for step in range(0, STEPS, 10):
        close(descend(ours, 10, step), descend(theirs, 10, step), RTOL, ATOL)


def test_every_class_that_both_have_is_compared():
    shared = {
        name
        for name in nosc.torch.__all__
        if isinstance(getattr(torch.optim, name, None), type) and name != "Optimizer"
    }
    assert shared == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_defaults_are_those_of_torch(name):
    ours = getattr(nosc.torch, name)([Parameter(torch.ones(1))]).param_groups[0]
    theirs = getattr(torch.optim, name)([Parameter(torch.ones(1))]).param_groups[0]
    renamed = {"etas": ("eta_minus", "eta_plus"), "step_sizes": ("step_min", "step_max")}
    # Options that choose another rule; at their defaults they choose this one.
    choosing = {"nesterov", "amsgrad", "centered", "momentum", "dampening"}
    compared = 0
    for key, value in theirs.items():
        if key in ("params", "capturable", "differentiable", "foreach", "fused", "decoupled_weight_decay"):
            continue
        if key in choosing and key not in ours:
            assert not value
        elif key in renamed:
            assert tuple(ours[part] for part in renamed[key]) == value
        else:
            assert ours[key] == value, key
        compared += 1
    assert compared >= 3
    assert isinstance(inspect.signature(getattr(nosc.torch, name)).parameters["lr"], inspect.Parameter)


def folder(name):
    return Path(__file__).parents[3] / "tests" / "golden" / name


def golden(name):
    return json.loads(folder(name).read_text(encoding="utf-8"))["cases"]


def settings_of(case):
    """Torch's settings as options of our classes."""
    settings = dict(case["settings"])
    name = case["torch"]
    for key in ("betas", "etas", "step_sizes"):
        if key in settings:
            settings[key] = tuple(settings[key])
    for key in ("decoupled_weight_decay", "foreach", "fused", "capturable", "differentiable"):
        settings.pop(key, None)
    return name, settings


GOLDEN = [(file, place) for file, count in (("torch.json", 14), ("torch_settings.json", 22)) for place in range(count)]


@pytest.fixture(scope="module")
def cases():
    if not folder("torch.json").exists():
        pytest.skip("tests/golden is not beside the package: its values are not compared")
    found = {name: golden(name) for name in ("torch.json", "torch_settings.json")}
    assert [len(found[name]) for name in found] == [14, 22]
    return found


@pytest.mark.parametrize(("file", "place"), GOLDEN, ids=str)
def test_recorded_trajectories(cases, file, place):
    case = cases[file][place]
    name, settings = settings_of(case)
    w = Parameter(torch.tensor(case["w0"], dtype=torch.float32))
    optimizer = getattr(nosc.torch, name)([w], **settings)
    for grad, wanted in zip(case["grads"], case["w"], strict=True):
        w.grad = torch.tensor(grad, dtype=torch.float32)
        optimizer.step()
        torch.testing.assert_close(
            w.detach().double(), torch.tensor(wanted, dtype=torch.float64), rtol=case["rtol"], atol=case["atol"]
        )


OPTAX = {
    "Lion": ("lion", {"lr": 0.01, "betas": (0.9, 0.99), "weight_decay": 0.1}, {"b1": 0.9, "b2": 0.99, "weight_decay": 0.1}),
    "AdaBelief": ("adabelief", {"lr": 0.01, "eps": 1e-8}, {"eps": 1e-8, "eps_root": 1e-8}),
    "Adam": ("adam", {"lr": 0.01}, {"eps": 1e-8}),
    "AdamW": ("adamw", {"lr": 0.01, "weight_decay": 0.1}, {"weight_decay": 0.1}),
    "Adamax": ("adamax", {"lr": 0.01}, {}),
    "Signum": ("signum", {"lr": 0.01, "momentum": 0.9}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTAX)
def test_classes_of_optax(name):
    jax = pytest.importorskip("jax", reason="jax is not installed: nothing is compared with optax")
    optax = pytest.importorskip("optax", reason="optax is not installed: nothing is compared with it")
    their_name, ours_options, options = OPTAX[name]
    if name == "Signum":
        theirs = optax.chain(optax.ema(0.9, debias=False), optax.scale_by_sign(), optax.scale(-ours_options["lr"]))
    else:
        theirs = getattr(optax, their_name)(ours_options["lr"], **options)
    start = normal(30)
    ours = getattr(nosc.torch, name)([Parameter(start.clone())], **ours_options)
    [w] = ours.param_groups[0]["params"]
    x = jax.numpy.asarray(start.numpy())
    state = theirs.init(x)
    for step in range(STEPS):
        grad = normal(30, seed=step)
        w.grad = grad
        ours.step()
        updates, state = theirs.update(jax.numpy.asarray(grad.numpy()), state, x)
        x = optax.apply_updates(x, updates)
    torch.testing.assert_close(w.detach(), torch.tensor([float(v) for v in x]), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", [name for name in nosc.torch.__all__ if name != "Optimizer"])
def test_every_class_descends(name):
    w = Parameter(torch.tensor([1.0, -2.0, 0.5]))
    optimizer = getattr(nosc.torch, name)([w], lr=1e-3)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
