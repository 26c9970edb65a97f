"""What a stranger tried: rules by path, changed rules, gradients that are not finite in one of many tensors."""

import pytest

torch = pytest.importorskip("torch", reason="SKIPPED: torch is not installed")

import nosc  # noqa: E402
import nosc.torch  # noqa: E402


def params(*gradients):
    result = [torch.zeros(2, requires_grad=True) for _ in gradients]
    for param, gradient in zip(result, gradients, strict=True):
        param.grad = None if gradient is None else torch.full((2,), float(gradient))
    return result


def test_a_text_that_ends_like_a_file_is_one(tmp_path):
    path = tmp_path / "mine.nos"
    path.write_text("rule mine = 2*g\n", encoding="utf-8")
    (param,) = params(1)
    nosc.torch.Optimizer([param], str(path), lr=1.0).step()
    assert param.tolist() == [-2.0, -2.0]
    with pytest.raises(FileNotFoundError):
        nosc.torch.Optimizer([param], str(tmp_path / "other.nos"))


def test_another_rule_for_a_group_that_is_there_is_refused():
    (param,) = params(1)
    optimizer = nosc.torch.Optimizer([param], "g", lr=1.0)
    optimizer.step()
    optimizer.param_groups[0]["rule"] = "m"
    with pytest.raises(nosc.StepError, match="the rule of a group was changed"):
        optimizer.step()
    assert param.tolist() == [-1.0, -1.0]


def test_betas_and_one_of_them_are_refused():
    with pytest.raises(nosc.ParameterError, match="give one of them"):
        nosc.torch.Adam(params(1), betas=(0.8, 0.9), beta1=0.5)


@pytest.mark.parametrize("name", ["lr", "weight_decay"])
def test_a_number_as_text_is_refused(name):
    with pytest.raises(TypeError, match=f"{name} is '0.1'"):
        nosc.torch.Adam(params(1), **{name: "0.1"})


def test_a_group_is_skipped_as_a_whole_wherever_its_tensors_are():
    a, b = params(1, None)
    optimizer = nosc.torch.Optimizer([a, b], "g", lr=1.0, non_finite="skip")
    optimizer.step()
    b.grad = torch.tensor([1.0, float("inf")])
    optimizer.step()
    assert a.tolist() == [-1.0, -1.0] and b.tolist() == [0.0, 0.0]
    b.grad = torch.ones(2)
    optimizer.step()
    assert a.tolist() == [-2.0, -2.0] and b.tolist() == [-1.0, -1.0]
    assert [int(optimizer.state[p]["step"]) for p in (a, b)] == [2, 1]


def test_a_gradient_that_is_not_finite_is_named_by_the_number_of_its_parameter():
    a, b, c = params(1, None, "nan")
    optimizer = nosc.torch.Optimizer([{"params": [a, b]}, {"params": [c]}], "g", lr=1.0, non_finite="error")
    with pytest.raises(nosc.StepError, match="tensor 2, element 0 is NaN"):
        optimizer.step()
    assert a.tolist() == [0.0, 0.0]


def test_a_refused_step_leaves_no_states():
    (p,) = params(1)
    q = torch.zeros(3, requires_grad=True)
    q.grad = torch.sparse_coo_tensor([[0]], [1.0], (3,), check_invariants=True)
    optimizer = nosc.torch.Optimizer([{"params": [p]}, {"params": [q]}], "m", lr=1.0)
    optimizer.state[q]["tag"] = "mine"
    with pytest.raises(nosc.StepError, match="sparse"):
        optimizer.step()
    assert p not in optimizer.state and optimizer.state[q] == {"tag": "mine"}
    q.grad = torch.ones(3)
    optimizer.step()
    assert optimizer.state[q]["tag"] == "mine" and int(optimizer.state[q]["step"]) == 1


def test_strided_parameters_of_two_groups_that_overlap_are_refused():
    whole = torch.zeros(4, 4)
    a, b = whole[:, ::2].detach().requires_grad_(), whole[:, 0:3:2].detach().requires_grad_()
    a.grad, b.grad = torch.ones(4, 2), torch.ones(4, 2)
    optimizer = nosc.torch.Optimizer([{"params": [a]}, {"params": [b]}], "g", lr=0.1)
    with pytest.raises(nosc.StepError, match="share memory"):
        optimizer.step()
    assert whole.count_nonzero() == 0


def test_a_text_of_rules_may_end_in_a_remark():
    (param,) = params(1)
    nosc.torch.Optimizer([param], "2*g # as in mine.nos", lr=1.0).step()
    assert param.tolist() == [-2.0, -2.0]


def test_states_that_are_no_parameters_pass_a_load_as_they_are():
    optimizers = [nosc.torch.Optimizer(params(1), "m", lr=1.0) for _ in range(2)]
    optimizers[0].step()
    optimizers[0].state["global"] = {"x": torch.ones(2)}
    optimizers[1].load_state_dict(optimizers[0].state_dict())
    assert torch.equal(optimizers[1].state["global"]["x"], torch.ones(2))


def test_a_state_without_some_options_keeps_those_of_the_optimizer():
    optimizers = [nosc.torch.Adam(params(1), lr=1.0, betas=(0.5, 0.6)) for _ in range(2)]
    optimizers[0].step()
    state = optimizers[0].state_dict()
    del state["param_groups"][0]["betas"], state["param_groups"][0]["maximize"]
    optimizers[1].load_state_dict(state)
    assert optimizers[1].param_groups[0]["betas"] == (0.5, 0.6)
    optimizers[1].step()


def test_a_skipped_step_is_no_change():
    (param,) = params("nan")
    optimizer = nosc.torch.Optimizer([param], "g", lr=1.0, non_finite="skip")
    before = param._version
    optimizer.step()
    assert param._version == before and int(optimizer.state[param]["step"]) == 0


@pytest.mark.parametrize("threads", [0, -1, 2000, "2"])
def test_numbers_of_threads_that_are_none_are_refused(threads):
    with pytest.raises(ValueError, match="threads is"):
        nosc.torch.Optimizer(params(1), "g", threads=threads)


def test_a_seed_below_zero_is_refused_at_the_step():
    (param,) = params(1)
    optimizer = nosc.torch.Optimizer([param], "g + eps", lr=1.0)
    optimizer.param_groups[0]["seed"] = -1
    with pytest.raises(nosc.ParameterError, match="seed -1"):
        optimizer.step()


def test_threads_change_no_bit():
    found = []
    for threads in (1, 2, 3):
        generator = torch.Generator().manual_seed(1)
        param = torch.randn(3_000_000, generator=generator).requires_grad_()
        optimizer = nosc.torch.Optimizer([param], "adam + drop(g, 0.25) + eps", lr=0.1, threads=threads)
        for _ in range(2):
            param.grad = torch.randn(3_000_000, generator=generator)
            optimizer.step()
        found.append(param.detach())
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


FORKED = """
import os, signal, torch, nosc.torch
def step():
    param = torch.zeros(2_000_000, requires_grad=True)
    param.grad = torch.ones(2_000_000)
    optimizer = nosc.torch.Optimizer([param], "m", lr=1.0, threads=None)
    for _ in range(3):
        optimizer.step()
    return optimizer
torch.set_num_threads(1)
old = step()
if os.fork() == 0:
    signal.alarm(40)
    step()
    old.step()
    os._exit(0)
raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="there is no fork")
def test_a_forked_process_steps_with_old_and_new_optimizers():
    import subprocess
    import sys

    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=120)


@pytest.mark.parametrize(
    ("kind", "key"),
    [("SGD", {"momentum": 0.9}), ("SGD", {"nesterov": True}), ("RMSprop", {"centered": True}), ("Adam", {"amsgrad": True})],
)
def test_what_chooses_the_rule_of_a_class_is_no_option_of_a_group(kind, key):
    (name,) = key
    with pytest.raises(nosc.ParameterError, match=f"`{name}` chooses the rule of {kind}"):
        getattr(nosc.torch, kind)([{"params": params(1), **key}], lr=0.1)
    (param,) = params(1)
    optimizer = getattr(nosc.torch, kind)([param], lr=0.1)
    optimizer.param_groups[0].update(key)
    with pytest.raises(nosc.ParameterError, match=f"`{name}` chooses the rule of {kind}"):
        optimizer.step()
    assert param.tolist() == [0.0, 0.0]


def test_a_beta_beside_betas_is_refused_at_the_step():
    (param,) = params(1)
    optimizer = nosc.torch.Adam([param], lr=0.1)
    optimizer.param_groups[0]["beta1"] = 0.5
    with pytest.raises(nosc.ParameterError, match="leave one of them"):
        optimizer.step()


@pytest.mark.parametrize(("key", "value"), [("lr", "x"), ("lr", None), ("weight_decay", "x"), ("beta1", "x"), ("lr", torch.ones(2))])
def test_numbers_of_a_group_that_are_none_are_named(key, value):
    (param,) = params(1)
    optimizer = nosc.torch.Optimizer([param], "m", lr=0.1)
    optimizer.param_groups[0][key] = value
    with pytest.raises(nosc.ParameterError, match=f"`{key}` of a group is"):
        optimizer.step()
    del optimizer.param_groups[0]["beta1"]
    optimizer.param_groups[0].update(lr=0.1, weight_decay=0.0)
    with pytest.raises(nosc.ParameterError, match="no `beta1`"):
        optimizer.step()


def test_names_that_were_meant_are_told():
    with pytest.raises(nosc.ParameterError, match="did you mean `momentum`"):
        nosc.torch.SGD(params(1), 0.1, momentun=0.9)
    with pytest.raises(nosc.ParameterError, match="did you mean `total_steps`"):
        nosc.torch.Optimizer(params(1), "ld*g", total_step=10)


def test_a_rule_of_a_group_may_be_the_same_rule_as_an_object():
    (param,) = params(1)
    optimizer = nosc.torch.Optimizer([param], "g", lr=1.0)
    optimizer.param_groups[0]["rule"] = nosc.Rule("g")
    optimizer.step()
    assert param.tolist() == [-1.0, -1.0] and optimizer.param_groups[0]["rule"] == "g"


def test_refusals_name_the_parameter():
    a, b = params(1, 1)
    b.grad = torch.ones(3)[:2].to_sparse()
    optimizer = nosc.torch.Optimizer([{"params": [a]}, {"params": [b]}], "g", lr=1.0)
    with pytest.raises(nosc.StepError, match="parameter 1: a sparse gradient"):
        optimizer.step()


@pytest.mark.parametrize("step", [-3.0, 1.5, float("nan")])
def test_a_state_with_no_number_of_steps_is_refused_and_nothing_changes(step):
    optimizers = [nosc.torch.Adam(params(1), lr=0.1) for _ in range(2)]
    optimizers[0].step()
    state = optimizers[0].state_dict()
    state["state"][0]["step"] = torch.tensor(step)
    with pytest.raises(nosc.StepError, match="expected a number of steps"):
        optimizers[1].load_state_dict(state)
    assert len(optimizers[1].state) == 0


def test_betas_may_leave_some_to_their_names():
    found = []
    for options in ({"betas": (0.8,), "beta2": 0.9}, {"betas": (0.8, 0.9)}, {"beta1": 0.8, "beta2": 0.9}):
        (param,) = params(2)
        optimizer = nosc.torch.Optimizer([param], "adam", lr=0.1, **options)
        optimizer.step()
        param.grad = torch.ones(2)
        optimizer.step()
        found.append(param.tolist())
    assert found[0] == found[1] == found[2]
    optimizer = nosc.torch.Optimizer(params(1), "m + v + gamma", lr=0.1, betas=(0.8, 0.9, 0.95))
    optimizer.param_groups[0]["beta3"] = 0.5
    with pytest.raises(nosc.ParameterError, match="leave one of them"):
        optimizer.step()
