"""What outlives a process: state dicts, pickles, copies, and runs that are taken up bit for bit."""

import copy
import io
import pickle
import subprocess
import sys

import pytest

pytest.importorskip("torch.optim", reason="PyTorch is not installed: nothing of nosc.torch is tested")

import torch

import nosc.torch
from torch_helpers import EVERYTHING, TOTAL, Parameter, descend, normal, parameter, same, states

SPEED = "{ state speed = 0.9*speed + g; update = speed }"
MAKERS = {
    "everything": lambda p: nosc.torch.Optimizer(p, EVERYTHING, lr=0.1, total_steps=TOTAL, seed=7),
    "Adam": nosc.torch.Adam,
    "NAdam": nosc.torch.NAdam,
    "Rprop": nosc.torch.Rprop,
    "AMSGrad": nosc.torch.AMSGrad,
}


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def twins(make, dtype=torch.float32):
    return tuple(make([parameter(5, 3, dtype=dtype), parameter(4, seed=1, dtype=dtype)]) for _ in range(2))


def same_states(a, b):
    return all(
        list(x) == list(y) and all(same(x[name], y[name]) for name in x) for x, y in zip(states(a), states(b), strict=True)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("name", MAKERS)
def test_a_run_is_taken_up_bit_for_bit(name, dtype):
    whole, first = twins(MAKERS[name], dtype)
    descend(whole, 9)
    saved_params = descend(first, 4)
    saved = through_a_file(first.state_dict())
    second = MAKERS[name]([Parameter(p) for p in saved_params])
    second.load_state_dict(saved)
    descend(second, 5, 4)
    for a, b in zip(whole.param_groups[0]["params"], second.param_groups[0]["params"], strict=True):
        assert same(a.detach(), b.detach())
    assert same_states(whole, second)


def test_a_run_is_taken_up_in_another_process(tmp_path):
    whole, first = twins(MAKERS["everything"])
    params, wanted = descend(first, 4), descend(whole, 9)
    torch.save({"params": params, "state": first.state_dict()}, tmp_path / "saved.pt")
    program = """if True:
        import sys, torch
        sys.path.insert(0, sys.argv[2])
        from test_torch_state import MAKERS, Parameter, descend
        saved = torch.load(sys.argv[1] + "/saved.pt", weights_only=True)
        optimizer = MAKERS["everything"]([Parameter(p) for p in saved["params"]])
        optimizer.load_state_dict(saved["state"])
        torch.save(descend(optimizer, 5, 4), sys.argv[1] + "/found.pt")
    """
    folder = __file__.rsplit("/", 1)[0]
    subprocess.run([sys.executable, "-c", program, str(tmp_path), folder], check=True, timeout=120)
    found = torch.load(tmp_path / "found.pt", weights_only=True)
    assert all(same(a, b) for a, b in zip(found, wanted, strict=True))


def test_the_layout_of_a_state_dict():
    optimizer = nosc.torch.Optimizer([parameter(3)], SPEED, lr=0.1, weight_decay=0.5)
    descend(optimizer, 2)
    saved = optimizer.state_dict()
    assert set(saved) == {"state", "param_groups"} and list(saved["state"]) == [0]
    state, [group] = saved["state"][0], saved["param_groups"]
    [slot] = nosc.Rule(group["rule"]).states
    assert set(state) == {"step", slot.name} and float(state["step"]) == 2.0
    assert state[slot.name].dtype == torch.float32 and state[slot.name].shape == (3,)
    assert nosc.Rule(group["rule"]).key("exact") == group["key"]
    assert (group["lr"], group["weight_decay"], group["params"]) == (0.1, 0.5, [0])


def test_names_of_states_are_those_of_the_rule_in_every_process():
    for name in nosc.rules():
        optimizer = nosc.torch.Optimizer([parameter(3)], nosc.rule(name), lr=0.1, total_steps=9)
        descend(optimizer, 1)
        [state] = states(optimizer)
        assert set(state) == {"step"} | {slot.name for slot in nosc.rule(name).states}


def test_a_fresh_optimizer_has_no_state_and_can_be_loaded_into_another():
    first, second = twins(nosc.torch.Adam)
    saved = first.state_dict()
    assert saved["state"] == {}
    saved["param_groups"][0]["lr"] = 0.25
    second.load_state_dict(saved)
    assert len(second.state) == 0 and second.param_groups[0]["lr"] == 0.25
    descend(second, 1)


def test_loading_forgets_what_was_there():
    first, second = twins(nosc.torch.Adam)
    descend(second, 3)
    second.load_state_dict(first.state_dict())
    assert len(second.state) == 0


def test_what_was_saved_is_not_what_is_loaded():
    first, second = twins(nosc.torch.Adam)
    descend(first, 2)
    second.load_state_dict(first.state_dict())
    before = states(first)
    descend(second, 2)
    assert all(same(x[name], y[name]) for x, y in zip(before, states(first), strict=True) for name in x)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_states_are_float32_and_loading_rounds_nothing(dtype):
    first, second = twins(nosc.torch.Adam, dtype)
    descend(first, 3)
    second.load_state_dict(first.state_dict())
    kinds = {(name, s.dtype) for state in states(second) for name, s in state.items()}
    assert {kind for name, kind in kinds if name != "step"} == {torch.float32}
    assert same_states(first, second)


def test_a_partly_trained_optimizer_is_saved_as_it_is():
    def make():
        return nosc.torch.Adam([parameter(3), parameter(4, seed=1)])

    first, second = make(), make()
    first.param_groups[0]["params"][1].grad = torch.ones(4)
    first.step()
    second.load_state_dict(through_a_file(first.state_dict()))
    idle, moved = second.param_groups[0]["params"]
    assert idle not in second.state and float(second.state[moved]["step"]) == 1.0


def test_a_copied_optimizer_goes_its_own_way():
    model = torch.nn.Linear(3, 2)
    optimizer = nosc.torch.Optimizer(model.parameters(), EVERYTHING, lr=0.1, total_steps=TOTAL)
    descend(optimizer, 2)
    twin_model, twin = copy.deepcopy((model, optimizer))
    assert {id(p) for p in twin.param_groups[0]["params"]} == {id(p) for p in twin_model.parameters()}
    before = [p.detach().clone() for p in model.parameters()], states(optimizer)
    moved = descend(twin, 3, 2)
    assert all(same(a, b.detach()) for a, b in zip(before[0], model.parameters(), strict=True))
    assert all(same(x[n], y[n]) for x, y in zip(before[1], states(optimizer), strict=True) for n in x)
    assert all(same(a, b) for a, b in zip(moved, descend(optimizer, 3, 2), strict=True))


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("through", ["pickle", "torch.save"])
def test_an_optimizer_is_pickled_whole(name, through):
    optimizer = MAKERS[name]([parameter(4), parameter(2, seed=1)])
    descend(optimizer, 3)
    if through == "pickle":
        twin = pickle.loads(pickle.dumps(optimizer))
    else:
        file = io.BytesIO()
        torch.save(optimizer, file)
        file.seek(0)
        twin = torch.load(file, weights_only=False)
    assert type(twin) is type(optimizer) and same_states(twin, optimizer)
    assert all(same(a, b) for a, b in zip(descend(twin, 3, 3), descend(optimizer, 3, 3), strict=True))
    twin.add_param_group({"params": [parameter(2)]})
    descend(twin, 1)


def test_hooks_of_state_dicts():
    first, second = twins(nosc.torch.Adam)
    descend(first, 1)
    seen = []
    first.register_state_dict_pre_hook(lambda o: seen.append("before saving"))

    def after_saving(optimizer, saved):
        seen.append("after saving")
        return {**saved, "note": 5}

    first.register_state_dict_post_hook(after_saving)

    def before_loading(optimizer, saved):
        seen.append(("before loading", saved["note"]))
        saved = copy.deepcopy(saved)
        saved["param_groups"][0]["lr"] = 0.5
        return saved

    second.register_load_state_dict_pre_hook(before_loading)
    second.register_load_state_dict_post_hook(lambda o: seen.append(("after loading", o.param_groups[0]["lr"])))
    second.load_state_dict(first.state_dict())
    assert seen == ["before saving", "after saving", ("before loading", 5), ("after loading", 0.5)]
    assert same_states(first, second)


def test_a_scheduler_is_saved_beside_it():
    def make():
        optimizer = nosc.torch.Adam([parameter(4)], lr=0.1)
        return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.2, total_steps=12)

    (whole, scheduler), (first, first_scheduler), (second, second_scheduler) = make(), make(), make()
    wanted = descend(whole, 8, after=scheduler.step)
    moved = descend(first, 4, after=first_scheduler.step)
    second.load_state_dict(first.state_dict())
    second_scheduler.load_state_dict(first_scheduler.state_dict())
    with torch.no_grad():
        second.param_groups[0]["params"][0].copy_(moved[0])
    assert same(descend(second, 4, 4, after=second_scheduler.step)[0], wanted[0])


REFUSED = {
    "another rule": (nosc.torch.Lion, lambda saved: saved, nosc.StepError, "belongs to another rule"),
    "torch": (torch.optim.Adam, lambda saved: saved, nosc.StepError, "not nosc's"),
    "a missing slot": (
        nosc.torch.Adam,
        lambda saved: saved["state"][0].pop("ema1") is None or saved,
        nosc.StepError,
        "no `ema1`",
    ),
    "another shape": (
        nosc.torch.Adam,
        lambda saved: saved["state"][1].update(ema2=torch.ones(9)) or saved,
        nosc.StepError,
        r"shape \(9,\)",
    ),
    "more groups": (
        nosc.torch.Adam,
        lambda saved: saved["param_groups"].append(saved["param_groups"][0]) or saved,
        ValueError,
        "different number of parameter groups",
    ),
    "fewer parameters": (
        nosc.torch.Adam,
        lambda saved: saved["param_groups"][0]["params"].pop() and saved,
        ValueError,
        "doesn't match the size",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(what):
    make, spoil, error, message = REFUSED[what]
    ours = nosc.torch.Adam([parameter(5, 3), parameter(4, seed=1)], lr=0.1)
    theirs = make([parameter(5, 3), parameter(4, seed=1)], lr=0.2)
    descend(theirs, 2)
    descend(ours, 1)
    before, groups = states(ours), [dict(g) for g in ours.param_groups]
    with pytest.raises(error, match=message):
        ours.load_state_dict(spoil(copy.deepcopy(theirs.state_dict())))
    assert all(same(x[n], y[n]) for x, y in zip(before, states(ours), strict=True) for n in x)
    assert [g["lr"] for g in ours.param_groups] == [g["lr"] for g in groups]
    descend(ours, 1)


def test_a_rule_of_the_same_kernel_may_be_written_in_other_words():
    first = nosc.torch.Optimizer([parameter(3)], "m * 2", lr=0.1)
    second = nosc.torch.Optimizer([parameter(3)], "rule doubled = m*2", lr=0.1)
    descend(first, 2)
    second.load_state_dict(first.state_dict())
    assert same_states(first, second)


def test_states_set_by_hand_are_taken_as_they_are():
    w = Parameter(normal(4))
    optimizer = nosc.torch.SGD([w], lr=1.0, momentum=1.0)
    [slot] = nosc.rule("momentum").states
    optimizer.state[w] = {"step": 3, slot.name: torch.full((4,), 2.0, dtype=torch.float64)}
    start = w.detach().clone()
    w.grad = torch.zeros(4)
    optimizer.step()
    assert same(w.detach(), start - 2.0) and float(optimizer.state[w]["step"]) == 4.0


def test_names_of_parameters_come_and_go_between_states():
    def make(named, module=nosc.torch):
        model = torch.nn.Linear(3, 2)
        with torch.no_grad():
            for p in model.parameters():
                p.fill_(0.5)
        return module.Adam(model.named_parameters() if named else model.parameters())

    for saved_named in (True, False):
        for own_named in (True, False):
            first, second = make(saved_named), make(own_named)
            descend(first, 2)
            second.load_state_dict(through_a_file(first.state_dict()))
            assert same_states(first, second)
            descend(second, 1)
            theirs = make(own_named, torch.optim)
            theirs.load_state_dict(make(saved_named, torch.optim).state_dict())
            assert second.param_groups[0].get("param_names") == theirs.param_groups[0].get("param_names")


def test_groups_with_rules_of_their_own_are_saved():
    def make():
        return nosc.torch.Optimizer(
            [{"params": [parameter(3)], "rule": "m * 2"}, {"params": [parameter(4, seed=1)]}], EVERYTHING, total_steps=TOTAL
        )

    whole, first, second = make(), make(), make()
    wanted = descend(whole, 5)
    moved = descend(first, 3)
    second.load_state_dict(through_a_file(first.state_dict()))
    with torch.no_grad():
        for p, value in zip((p for g in second.param_groups for p in g["params"]), moved, strict=True):
            p.copy_(value)
    assert all(same(a, b) for a, b in zip(descend(second, 2, 3), wanted, strict=True))


def test_an_optimizer_is_printed_with_its_options():
    text = repr(nosc.torch.Optimizer([parameter(3)], "{ param slope = 2; update = slope * g }", lr=0.25))
    assert "slope: 2.0" in text and "lr: 0.25" in text and "Parameter Group 0" in text


def test_the_default_type_of_tensors_changes_no_state():
    wanted = descend(nosc.torch.NAdam([parameter(3)]), 2)
    torch.set_default_dtype(torch.float64)
    try:
        optimizer = nosc.torch.NAdam([parameter(3)])
        found = descend(optimizer, 2)
    finally:
        torch.set_default_dtype(torch.float32)
    assert same(found[0], wanted[0])
    assert {s.dtype for name, s in states(optimizer)[0].items() if s.dim()} == {torch.float32}
