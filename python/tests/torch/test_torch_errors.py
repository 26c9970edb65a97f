"""What is refused, with which error, and the way out that it names."""

import pytest

pytest.importorskip("torch.optim", reason="PyTorch is not installed: nothing of nosc.torch is tested")

import torch

import nosc.torch
from torch_helpers import Parameter, parameter

BAD = [
    ({"lr": -1.0}, ValueError, "the learning rate is -1.0, expected a number of at least 0"),
    ({"lr": float("nan")}, ValueError, "the learning rate is nan"),
    ({"lr": float("inf")}, ValueError, "learning rate is inf, expected a finite number"),
    ({"lr": torch.tensor([0.1, 0.1])}, ValueError, "a tensor of 2 elements, expected one"),
    ({"betas": (1.0, 0.999)}, ValueError, "decay `beta1` of an average is 1, expected 0 <= decay < 1"),
    ({"betas": (0.9, 1.5)}, ValueError, "decay `beta2` of an average is 1.5"),
    ({"beta1": -0.5}, ValueError, "decay `beta1` of an average is -0.5"),
    ({"eps": float("nan")}, ValueError, "`eps` is NaN, expected a finite number"),
    ({"weight_decay": -0.1}, ValueError, "weight_decay is -0.1, expected a number of at least 0"),
    ({"weight_decay": 0.1, "decoupled_weight_decay": True}, ValueError, "the rule has a weight_decay of its own"),
    ({"momentum": 0.9}, ValueError, "no parameter `momentum`; it has: beta1, beta2, eps, weight_decay"),
    ({"total_steps": 0}, ValueError, "total_steps is 0, expected a whole number from 1"),
    ({"total_steps": -3}, ValueError, "total_steps is -3"),
    ({"total_steps": 1.5}, ValueError, "total_steps is 1.5"),
    ({"seed": -1}, ValueError, "seed is -1, expected a whole number from 0"),
    ({"seed": 2**64}, ValueError, "seed is 18446744073709551616"),
    ({"differentiable": True}, NotImplementedError, "not differentiable"),
    ({"capturable": True}, NotImplementedError, "leave out capturable"),
    ({"rounding": "up"}, ValueError, "expected \"nearest\" or \"stochastic\""),
    ({"non_finite": "ignore"}, ValueError, "expected \"propagate\", \"skip\" or \"error\""),
    ({"backend": "gpu"}, ValueError, "unknown back end `gpu`, expected auto"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_options_are_refused_when_they_are_given(options, error, message):
    with pytest.raises(error, match=message):
        nosc.torch.Adam([parameter(2)], **options)


def test_options_of_a_group_are_checked_as_well():
    optimizer = nosc.torch.Adam([parameter(2)])
    for options, error, message in BAD[:8]:
        with pytest.raises(error, match=message):
            optimizer.add_param_group({"params": [parameter(2)], **options})
    assert len(optimizer.param_groups) == 1


def test_betas_need_a_rule_that_has_them():
    with pytest.raises(nosc.ParameterError, match=r"betas \(0.9, 0.999\) for a rule with the parameters: none"):
        nosc.torch.Optimizer([parameter(2)], "g", betas=(0.9, 0.999))


def test_a_missing_total_is_noticed_before_the_first_step():
    for rule in ("ld * g", "cd(2) * g", "g * (t / T)"):
        with pytest.raises(nosc.MissingTotalSteps, match="give total_steps"):
            nosc.torch.Optimizer([parameter(2)], rule)
    with pytest.raises(nosc.MissingTotalSteps, match="give total_steps"):
        nosc.torch.PowerSign([parameter(2)], lr=0.1, decay="cosine")
    nosc.torch.PowerSign([parameter(2)], lr=0.1, decay="cosine", total_steps=10)
    with pytest.raises(nosc.ParameterError, match="expected one of None, 'linear'"):
        nosc.torch.PowerSign([parameter(2)], lr=0.1, decay="quadratic")


def test_a_text_that_is_no_rule():
    with pytest.raises(nosc.RuleError, match="unknown function `sgn`"):
        nosc.torch.Optimizer([parameter(2)], "sgn(g)")
    with pytest.raises(TypeError):
        nosc.torch.Optimizer([parameter(2)], 3)


def test_parameters_of_a_rule_that_mean_something_else_here():
    with pytest.raises(nosc.ParameterError, match="`maximize`, which means something else here: rename it"):
        nosc.torch.Optimizer([parameter(2)], "{ param maximize = 1; update = maximize * g }")


def test_a_rule_from_a_file_or_compiled(tmp_path):
    path = tmp_path / "half.nos"
    path.write_text("rule half = 0.5 * g")
    for rule in (path, nosc.Rule.load(path), nosc.compile("0.5 * g"), "0.5 * g"):
        w = Parameter(torch.ones(2))
        w.grad = torch.ones(2)
        nosc.torch.Optimizer([w], rule, lr=1.0).step()
        assert w.tolist() == [0.5, 0.5]


LISTS = {
    "empty": (lambda p: [], ValueError, "empty parameter list"),
    "a tensor": (lambda p: p, TypeError, "should be an iterable of Tensors or dicts"),
    "numbers": (lambda p: [1], TypeError, "can only optimize Tensors"),
    "no leaf": (lambda p: [p * 2], ValueError, "can't optimize a non-leaf Tensor"),
    "in two groups": (lambda p: [{"params": [p]}, {"params": [p]}], ValueError, "more than one parameter group"),
    "some named": (lambda p: [("a", p), parameter(2)], ValueError, "with/without names"),
    "a set in a group": (lambda p: [{"params": {p}}], TypeError, "ordered collections"),
}


@pytest.mark.parametrize("what", LISTS)
def test_lists_of_parameters_are_checked_as_torch_does(what):
    make, error, message = LISTS[what]
    for module in (nosc.torch, torch.optim):
        with pytest.raises(error, match=message):
            module.Adam(make(parameter(2)))


def test_a_set_of_parameters_is_warned_of():
    with pytest.warns(FutureWarning, match="ordered collections"):
        nosc.torch.Adam({parameter(2)})


def test_a_parameter_that_is_listed_twice_is_warned_of_and_not_moved():
    w = Parameter(torch.ones(2))
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optimizer = nosc.torch.Adam([w, w])
    w.grad = torch.ones(2)
    with pytest.raises(nosc.StepError, match="share memory"):
        optimizer.step()
    assert w.tolist() == [1.0, 1.0]


def test_a_group_has_to_be_a_dict():
    with pytest.raises(TypeError, match="must be a dict"):
        nosc.torch.Adam([parameter(2)]).add_param_group([parameter(2)])


LATE = [
    ({"lr": -1.0}, nosc.StepError, "learning rate is -1"),
    ({"lr": float("nan")}, nosc.StepError, "learning rate is NaN"),
    ({"betas": (0.9, 1.0)}, nosc.StepError, "decay `beta2` of an average is 1"),
    ({"weight_decay": float("nan")}, (nosc.StepError, nosc.ParameterError), "weight_decay"),
]


@pytest.mark.parametrize(("options", "error", "message"), LATE, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_what_is_set_wrongly_later_is_refused_by_the_step_and_no_group_moves(options, error, message):
    a, b = Parameter(torch.ones(2)), Parameter(torch.ones(2))
    optimizer = nosc.torch.Adam([{"params": [a]}, {"params": [b]}])
    optimizer.param_groups[1].update(options)
    a.grad, b.grad = torch.ones(2), torch.ones(2)
    with pytest.raises(error, match=message):
        optimizer.step()
    assert a.tolist() == b.tolist() == [1.0, 1.0]


def test_a_total_that_was_taken_away_is_missed_by_the_step():
    w = parameter(2)
    optimizer = nosc.torch.Optimizer([w], "ld * g", total_steps=5)
    optimizer.param_groups[0]["total_steps"] = None
    w.grad = torch.ones(2)
    with pytest.raises(nosc.MissingTotalSteps):
        optimizer.step()


def test_what_makes_sense_for_a_parameter_of_a_rule_is_not_known():
    for options in ({"eps": -1.0}, {"eps": 0.0}):
        assert nosc.torch.Adam([parameter(2)], **options).param_groups[0]["eps"] == options["eps"]
        if options["eps"] < 0:
            with pytest.raises(ValueError, match="Invalid epsilon"):
                torch.optim.Adam([parameter(2)], **options)


def test_keys_of_a_group_that_nothing_reads_stay_as_in_torch():
    for module in (nosc.torch, torch.optim):
        optimizer = module.Adam([{"params": [parameter(2)], "note": "embeddings"}])
        assert optimizer.param_groups[0]["note"] == "embeddings"
        assert optimizer.state_dict()["param_groups"][0]["note"] == "embeddings"
