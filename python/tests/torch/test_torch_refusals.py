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
