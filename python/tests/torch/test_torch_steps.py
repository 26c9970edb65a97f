"""Steps: closures, gradients that are missing or come late, hooks, directions, decays, and what else takes part."""

import threading

import pytest

pytest.importorskip("torch.optim", reason="PyTorch is not installed: nothing of nosc.torch is tested")

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

import nosc.torch
from torch_helpers import Parameter, both, close, descend, normal, parameter, same


def test_a_closure_is_called_once_with_gradients_on_and_its_loss_comes_back():
    w = Parameter(torch.tensor([3.0]))
    optimizer = nosc.torch.SGD([w], lr=0.1)
    calls = []

    def closure():
        calls.append(torch.is_grad_enabled())
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    with torch.no_grad():
        loss = optimizer.step(closure)
    assert calls == [True] and loss.item() == 9.0 and w.item() == pytest.approx(2.4)
    assert optimizer.step() is None


def test_a_closure_that_fails_moves_nothing():
    w = parameter(3)
    optimizer = nosc.torch.Adam([w])
    w.grad = torch.ones(3)
    before = w.detach().clone()

    def closure():
        raise RuntimeError("no loss")

    with pytest.raises(RuntimeError, match="no loss"):
        optimizer.step(closure)
    assert same(w.detach(), before) and len(optimizer.state) == 0


def test_without_a_gradient_nothing_moves_and_nothing_is_kept():
    a, b = parameter(3), parameter(3)
    optimizer = nosc.torch.Adam([a, b], lr=0.1, weight_decay=0.1)
    before = a.detach().clone(), b.detach().clone()
    optimizer.step()
    assert len(optimizer.state) == 0
    b.grad = torch.ones(3)
    optimizer.step()
    assert same(a.detach(), before[0]) and not same(b.detach(), before[1])
    assert a not in optimizer.state and b in optimizer.state


def test_a_gradient_of_zero_is_one():
    w = Parameter(torch.ones(3))
    optimizer = nosc.torch.SGD([w], lr=0.1, momentum=0.9, weight_decay=0.5)
    w.grad = torch.zeros(3)
    optimizer.step()
    assert w.tolist() == pytest.approx([0.95] * 3) and float(optimizer.state[w]["step"]) == 1.0


@pytest.mark.parametrize("name", ["Adam", "NAdam", "RAdam", "Adamax"])
def test_late_gradients_have_step_counts_of_their_own(name):
    ours, theirs = both(getattr(nosc.torch, name), getattr(torch.optim, name), normal(3), normal(4, seed=1))
    for step in range(8):
        for optimizer in (ours, theirs):
            early, late = optimizer.param_groups[0]["params"]
            early.grad = normal(3, seed=step) if step != 2 else None
            late.grad = normal(4, seed=10 + step) if step >= 3 else None
            optimizer.step()
        close(*([p.detach() for p in o.param_groups[0]["params"]] for o in (ours, theirs)))
    early, late = ours.param_groups[0]["params"]
    assert (float(ours.state[early]["step"]), float(ours.state[late]["step"])) == (7.0, 5.0)


def test_hooks_before_and_after_steps():
    optimizer = nosc.torch.SGD([parameter(2)], lr=0.1)
    seen = []
    handles = [
        optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("before", o is optimizer))),
        optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("after", o is optimizer))),
        register_optimizer_step_pre_hook(lambda o, args, kwargs: seen.append(("all before", o is optimizer))),
        register_optimizer_step_post_hook(lambda o, args, kwargs: seen.append(("all after", o is optimizer))),
    ]
    descend(optimizer, 1)
    assert sorted(seen) == sorted((what, True) for what in ("before", "after", "all before", "all after"))
    for handle in handles:
        handle.remove()
    descend(optimizer, 1)
    assert len(seen) == 4


def test_a_hook_before_a_step_may_change_its_closure():
    w = Parameter(torch.ones(1))
    optimizer = nosc.torch.SGD([w], lr=1.0)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: 7.0), {}))
    assert optimizer.step(lambda: 5.0) == 7.0


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Rprop", "Lion"])
def test_to_maximize_is_to_minimize_the_negative(name):
    make = getattr(nosc.torch, name)
    up, down = both(lambda p: make(p, lr=0.01, maximize=True), lambda p: make(p, lr=0.01), normal(6))
    for step in range(10):
        for sign, optimizer in ((-1, up), (1, down)):
            [w] = optimizer.param_groups[0]["params"]
            w.grad = sign * normal(6, seed=step)
            optimizer.step()
        assert same(*(o.param_groups[0]["params"][0].detach() for o in (up, down)))


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_l2_decay_of_a_formula_is_that_of_torch(decay):
    ours, theirs = both(
        lambda p: nosc.torch.Optimizer(p, "g", lr=0.1, weight_decay=decay),
        lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=decay),
        normal(6),
    )
    close(descend(ours, 10), descend(theirs, 10))


def test_decoupled_decay_of_a_formula_is_that_of_adamw():
    ours, theirs = both(
        lambda p: nosc.torch.Optimizer(p, "m / (sqrt(v) + delta)", lr=0.1, weight_decay=0.2, decoupled_weight_decay=True),
        lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.2),
        normal(6),
    )
    close(descend(ours, 20), descend(theirs, 20))


def test_decay_of_a_maximized_goal_pulls_to_zero_as_in_torch():
    for ours, theirs in (
        (lambda p: nosc.torch.SGD(p, lr=0.1, weight_decay=0.2, maximize=True), lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.2, maximize=True)),
        (lambda p: nosc.torch.AdamW(p, lr=0.1, maximize=True), lambda p: torch.optim.AdamW(p, lr=0.1, maximize=True)),
        (
            lambda p: nosc.torch.Optimizer(p, "g", lr=0.1, weight_decay=0.2, maximize=True),
            lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.2, maximize=True),
        ),
    ):  # fmt: skip
        close(*(descend(optimizer, 10) for optimizer in both(ours, theirs, normal(6))))


def test_foreach_and_fused_are_accepted_and_change_no_bit():
    runs = []
    for options in ({}, {"foreach": True}, {"foreach": False}, {"fused": True}, {"fused": False}, {"threads": 1}, {"threads": 3}):
        runs.append(descend(nosc.torch.Adam([parameter(1000), parameter(7, seed=1)], **options), 5))
    assert all(same(a, b) for run in runs for a, b in zip(runs[0], run, strict=True))


@pytest.mark.parametrize("to_none", [True, False])
def test_gradients_are_cleared(to_none):
    w = parameter(3)
    optimizer = nosc.torch.SGD([w])
    w.grad = torch.ones(3)
    optimizer.step()
    optimizer.zero_grad(set_to_none=to_none)
    assert (w.grad is None) if to_none else (w.grad.tolist() == [0.0] * 3)


@pytest.mark.parametrize("torch_has_a_function", [True, False])
def test_autograd_notices_the_change(torch_has_a_function, monkeypatch):
    if not torch_has_a_function:
        monkeypatch.delattr(torch.autograd.graph, "increment_version")
    w = parameter(3)
    optimizer = nosc.torch.SGD([w], lr=0.1)
    loss = (w.exp() * w).sum()
    w.grad = torch.ones(3)
    before = w._version
    optimizer.step()
    assert w._version > before
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_parameter_without_a_gradient_keeps_its_version():
    w, v = parameter(3), parameter(3)
    w.grad = torch.ones(3)
    before = v._version
    nosc.torch.SGD([w, v]).step()
    assert v._version == before


def test_memory_of_parameters_stays_where_it_is():
    w = parameter(30)
    optimizer = nosc.torch.Adam([w])
    descend(optimizer, 1)
    places = w.data_ptr(), [s.data_ptr() for s in optimizer.state[w].values()]
    descend(optimizer, 3)
    assert places == (w.data_ptr(), [s.data_ptr() for s in optimizer.state[w].values()])


def test_an_optimizer_in_the_backward_pass():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    twin = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    twin.load_state_dict(model.state_dict())
    each = {p: nosc.torch.Adam([p], lr=0.01) for p in model.parameters()}

    def step(p):
        each[p].step()
        each[p].zero_grad()

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(step)
    together = nosc.torch.Adam(twin.parameters(), lr=0.01)
    for number in range(4):
        x = normal(8, 3, seed=number)
        model(x).square().mean().backward()
        twin(x).square().mean().backward()
        together.step()
        together.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    assert all(same(p.detach(), q.detach()) for p, q in zip(model.parameters(), twin.parameters(), strict=True))


def test_a_compiled_model_with_the_step_outside():
    model, twin = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    twin.load_state_dict(model.state_dict())
    fast = torch.compile(model, backend="eager")
    ours, theirs = nosc.torch.Adam(model.parameters(), lr=0.1), nosc.torch.Adam(twin.parameters(), lr=0.1)
    for number in range(3):
        x = normal(4, 3, seed=number)
        for net, optimizer in ((fast, ours), (twin, theirs)):
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()
    close([p.detach() for p in model.parameters()], [p.detach() for p in twin.parameters()])


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
def test_a_compiled_function_may_hold_the_step():
    w = Parameter(torch.ones(2))
    optimizer = nosc.torch.SGD([w], lr=0.5)

    @torch.compile(backend="eager")
    def train(x):
        loss = (w * x).sum()
        loss.backward()
        optimizer.step()
        return loss.detach()

    assert train(torch.ones(2)).item() == 2.0 and w.tolist() == [0.5, 0.5]


def test_threads_step_with_optimizers_of_their_own():
    def train(seed, into):
        into[seed] = descend(nosc.torch.Adam([parameter(500, seed=seed)], lr=0.1), 20)[0]

    alone, together = {}, {}
    for seed in range(4):
        train(seed, alone)
    threads = [threading.Thread(target=train, args=(seed, together)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(alone[seed], together[seed]) for seed in alone)


def test_threads_may_share_an_optimizer_one_after_another():
    optimizer = nosc.torch.Adam([parameter(5)], lr=0.1)
    wanted = descend(nosc.torch.Adam([parameter(5)], lr=0.1), 3)[0]
    for step in range(3):
        thread = threading.Thread(target=descend, args=(optimizer, 1, step))
        thread.start()
        thread.join()
    assert same(optimizer.param_groups[0]["params"][0].detach(), wanted)


def test_where_the_default_device_is_another_states_stand_beside_their_parameters():
    w = parameter(3)
    optimizer = nosc.torch.NAdam([w])
    with torch.device("meta"):
        w.grad = torch.ones(3, device="cpu")
        optimizer.step()
    assert {state.device.type for state in optimizer.state[w].values()} == {"cpu"}


def test_a_step_under_inference_mode():
    w = Parameter(torch.ones(2))
    optimizer = nosc.torch.SGD([w], lr=0.5)
    w.grad = torch.ones(2)
    with torch.inference_mode():
        optimizer.step()
    assert w.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("policy", ["propagate", "skip", "error"])
def test_gradients_that_are_not_finite(policy):
    w, v = Parameter(torch.ones(2)), Parameter(torch.ones(2))
    optimizer = nosc.torch.Adam([w, v], lr=0.1, non_finite=policy)
    w.grad, v.grad = torch.tensor([1.0, float("nan")]), torch.ones(2)
    if policy == "error":
        with pytest.raises(nosc.StepError, match="element 1 is NaN"):
            optimizer.step()
    else:
        optimizer.step()
    if policy == "propagate":
        assert w[0] == v[0] != 1.0 and w[1].isnan()
    else:
        assert w.tolist() == v.tolist() == [1.0, 1.0]
        assert all(float(optimizer.state[p]["step"]) == 0.0 for p in (w, v) if p in optimizer.state)
    w.grad = torch.ones(2)
    optimizer.step()
    assert v.tolist() != [1.0, 1.0]
