"""Groups of parameters and what is changed between steps: learning rates, schedulers, betas, rules."""

import pytest

pytest.importorskip("torch.optim", reason="PyTorch is not installed: nothing of nosc.torch is tested")

import torch
from torch.optim import lr_scheduler as schedulers

import nosc.torch
from nosc.torch import _optimizer
from torch_helpers import Parameter, both, close, descend, normal, parameter, same


@pytest.fixture
def nothing_compiles(monkeypatch):
    """Called, it makes whatever is compiled from then on a failure."""

    def refuse(*_, **__):
        pytest.fail("compiled again")

    def start():
        monkeypatch.setattr(nosc, "compile", refuse)
        monkeypatch.setattr(_optimizer, "Stepper", refuse)

    return start


def test_it_is_an_optimizer_of_torch():
    optimizer = nosc.torch.Adam([parameter(2)])
    assert isinstance(optimizer, torch.optim.Optimizer) and isinstance(optimizer, nosc.torch.Optimizer)


def test_groups_have_learning_rates_and_decays_of_their_own():
    def groups(params):
        return [{"params": [params[0]], "lr": 0.3}, {"params": [params[1]], "weight_decay": 0.2}, {"params": [params[2]]}]

    w = [normal(5, seed=seed) for seed in range(3)]
    ours, theirs = both(
        lambda p: nosc.torch.SGD(groups(p), lr=0.1, momentum=0.9),
        lambda p: torch.optim.SGD(groups(p), lr=0.1, momentum=0.9),
        *w,
    )
    assert [group["lr"] for group in ours.param_groups] == [0.3, 0.1, 0.1]
    assert [group["weight_decay"] for group in ours.param_groups] == [0.0, 0.2, 0.0]
    close(descend(ours, 10), descend(theirs, 10))


def test_a_group_has_a_rule_of_its_own():
    a, b = parameter(3), parameter(3)
    optimizer = nosc.torch.Optimizer(
        [{"params": [a], "rule": "{ param slope = 2; update = slope * g }", "slope": 3.0}, {"params": [b]}],
        nosc.rule("adam"), lr=0.1, betas=(0.5, 0.9),
    )  # fmt: skip
    first, second = optimizer.param_groups
    assert first["slope"] == 3.0 and "slope" not in second and "betas" not in first and second["betas"] == (0.5, 0.9)
    start = a.detach().clone()
    a.grad, b.grad = torch.ones(3), torch.ones(3)
    optimizer.step()
    assert same(a.detach(), start - torch.tensor(0.1) * torch.full((3,), 3.0))
    assert set(optimizer.state[a]) == {"step"} and set(optimizer.state[b]) > {"step"}


def test_a_beta_of_a_group_goes_before_the_betas_of_all():
    a, b = parameter(3), parameter(3)
    optimizer = nosc.torch.Adam([{"params": [a], "beta1": 0.0}, {"params": [b]}])
    assert optimizer.param_groups[1]["betas"] == (0.9, 0.999)
    a.grad, b.grad = torch.ones(3), torch.ones(3)
    optimizer.step()
    (m_a, *_), (m_b, *_) = ([v for k, v in optimizer.state[p].items() if k != "step"] for p in (a, b))
    assert m_a.tolist() == [1.0] * 3 and m_b[0].item() == pytest.approx(0.1)


def test_a_group_is_added_after_steps_and_counts_its_own():
    def make(optimizer):
        optimizer.add_param_group({"params": [Parameter(normal(4, seed=9))], "lr": 0.02})
        return optimizer

    ours, theirs = both(nosc.torch.Adam, torch.optim.Adam, normal(3))
    close(descend(ours, 4), descend(theirs, 4))
    close(descend(make(ours), 6), descend(make(theirs), 6))
    assert [float(ours.state[g["params"][0]]["step"]) for g in ours.param_groups] == [10.0, 6.0]


@pytest.mark.parametrize("lr", [0.05, torch.tensor(0.05), torch.tensor([0.05]), torch.tensor(0.05, dtype=torch.float64)])
def test_a_learning_rate_may_be_a_tensor(lr):
    optimizer = nosc.torch.SGD([Parameter(torch.ones(2))], lr=lr)
    [w] = optimizer.param_groups[0]["params"]
    w.grad = torch.ones(2)
    optimizer.step()
    assert w.tolist() == pytest.approx([0.95] * 2)
    if isinstance(lr, torch.Tensor):
        lr.fill_(0.5)
        optimizer.step()
        assert w.tolist() == pytest.approx([0.45] * 2)


def sequential(optimizer):
    first = schedulers.LinearLR(optimizer, start_factor=0.1, total_iters=4)
    return schedulers.SequentialLR(optimizer, [first, schedulers.ExponentialLR(optimizer, gamma=0.9)], milestones=[4])


def chained(optimizer):
    return schedulers.ChainedScheduler(
        [schedulers.ConstantLR(optimizer, factor=0.5, total_iters=3), schedulers.ExponentialLR(optimizer, gamma=0.9)]
    )


SCHEDULERS = {
    "LambdaLR": lambda o: schedulers.LambdaLR(o, lambda step: 0.9**step),
    "MultiplicativeLR": lambda o: schedulers.MultiplicativeLR(o, lambda step: 0.95),
    "StepLR": lambda o: schedulers.StepLR(o, step_size=3, gamma=0.5),
    "MultiStepLR": lambda o: schedulers.MultiStepLR(o, milestones=[2, 5], gamma=0.5),
    "ConstantLR": lambda o: schedulers.ConstantLR(o, factor=0.3, total_iters=4),
    "LinearLR": lambda o: schedulers.LinearLR(o, start_factor=0.2, total_iters=6),
    "ExponentialLR": lambda o: schedulers.ExponentialLR(o, gamma=0.8),
    "PolynomialLR": lambda o: schedulers.PolynomialLR(o, total_iters=8, power=2.0),
    "CosineAnnealingLR": lambda o: schedulers.CosineAnnealingLR(o, T_max=8),
    "CosineAnnealingWarmRestarts": lambda o: schedulers.CosineAnnealingWarmRestarts(o, T_0=3),
    "CyclicLR": lambda o: schedulers.CyclicLR(o, base_lr=0.001, max_lr=0.1, step_size_up=3),
    "OneCycleLR": lambda o: schedulers.OneCycleLR(o, max_lr=0.1, total_steps=11),
    "SequentialLR": sequential,
    "ChainedScheduler": chained,
}


@pytest.mark.parametrize("kind", ["adam", "momentum"])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_schedulers_of_torch(name, kind, nothing_compiles):
    if kind == "adam":
        ours, theirs = both(lambda p: nosc.torch.Adam(p, lr=0.05), lambda p: torch.optim.Adam(p, lr=0.05), normal(4))
    else:
        ours, theirs = both(
            lambda p: nosc.torch.SGD(p, lr=0.05, momentum=0.9),
            lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
            normal(4),
        )
    descend(ours, 1), descend(theirs, 1)
    nothing_compiles()
    for optimizer in (ours, theirs):
        optimizer.param_groups[0].pop("initial_lr", None)
    pair = [SCHEDULERS[name](optimizer) for optimizer in (ours, theirs)]
    for step in range(10):
        found, wanted = descend(ours, 1, step), descend(theirs, 1, step)
        close(found, wanted)
        for scheduler in pair:
            scheduler.step()
        for key in ("lr", "betas", "momentum"):
            assert ours.param_groups[0].get(key) == theirs.param_groups[0].get(key)


def test_every_scheduler_of_torch_is_tried():
    found = {
        name
        for name, value in vars(schedulers).items()
        if isinstance(value, type) and issubclass(value, schedulers.LRScheduler) and not name.startswith("_")
    }
    assert found - {"LRScheduler", "ReduceLROnPlateau"} == set(SCHEDULERS)


def test_schedulers_move_a_tensor_of_a_learning_rate():
    ours, theirs = both(
        lambda p: nosc.torch.Adam(p, lr=torch.tensor(0.05)), lambda p: torch.optim.Adam(p, lr=torch.tensor(0.05)), normal(4)
    )
    pair = [schedulers.ExponentialLR(optimizer, gamma=0.5) for optimizer in (ours, theirs)]
    for step in range(5):
        close(descend(ours, 1, step), descend(theirs, 1, step))
        for scheduler in pair:
            scheduler.step()
    assert float(ours.param_groups[0]["lr"]) == float(theirs.param_groups[0]["lr"]) == pytest.approx(0.05 * 0.5**5)


def test_a_plateau_lowers_the_learning_rate():
    optimizer = nosc.torch.SGD([parameter(2)], lr=0.1)
    scheduler = schedulers.ReduceLROnPlateau(optimizer, patience=1, factor=0.1)
    for _ in range(5):
        descend(optimizer, 1)
        scheduler.step(1.0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.001)


def test_whatever_changes_between_steps_nothing_is_compiled_again(nothing_compiles):
    optimizer = nosc.torch.Optimizer([parameter(4)], "ld * g / (sqrt(v) + delta) + m", lr=0.1, total_steps=50)
    descend(optimizer, 1)
    nothing_compiles()
    seen = set()
    group = optimizer.param_groups[0]
    changes = {
        "lr": 0.5, "beta1": 0.3, "beta2": 0.5, "delta": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True,
        "maximize": True, "total_steps": 60, "seed": 3,
    }  # fmt: skip
    for name, value in changes.items():
        assert name in group
        group[name] = value
        [w] = descend(optimizer, 1, 1)
        seen.add(w.numpy().tobytes())
    assert len(seen) == len(changes)


def test_a_changed_hyperparameter_counts_from_the_next_step_on():
    ours, theirs = both(nosc.torch.Adam, torch.optim.Adam, normal(4))
    close(descend(ours, 3), descend(theirs, 3))
    for optimizer in (ours, theirs):
        optimizer.param_groups[0].update(lr=0.1, betas=(0.5, 0.7), weight_decay=0.3, eps=0.1)
    close(descend(ours, 5, 3), descend(theirs, 5, 3))


def test_named_parameters_keep_their_names():
    model = torch.nn.Linear(2, 1)
    optimizer = nosc.torch.Adam(model.named_parameters())
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    descend(optimizer, 1)


def test_a_total_belongs_to_each_group():
    a, b = Parameter(torch.ones(1)), Parameter(torch.ones(1))
    optimizer = nosc.torch.Optimizer(
        [{"params": [a], "total_steps": 2}, {"params": [b], "total_steps": 4}], "ld * g", lr=0.1
    )
    for _ in range(2):
        a.grad, b.grad = torch.ones(1), torch.ones(1)
        optimizer.step()
    assert a.item() == pytest.approx(1 - 0.1 * (1 + 0.5)) and b.item() == pytest.approx(1 - 0.1 * (1 + 0.75))


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "Adamax", "NAdam", "RAdam", "AMSGrad", "AdaBelief", "Lion"])
def test_betas_may_stand_after_the_learning_rate_as_in_torch(kind):
    (group,) = getattr(nosc.torch, kind)([parameter(2)], 0.1, (0.8, 0.95)).param_groups
    assert group["lr"] == 0.1 and group["betas"] == (0.8, 0.95)
