"""Tensors of all kinds: types, layouts, shapes, complex numbers, and those that are refused."""

import pytest

pytest.importorskip("torch.optim", reason="PyTorch is not installed: nothing of nosc.torch is tested")

import torch

import nosc.torch
from torch_helpers import EVERYTHING, TOTAL, Parameter, _tensors, close, descend, normal, parameter, same, states

KINDS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


@pytest.fixture(params=["exchange", "no exchange"], autouse=True)
def way(request, monkeypatch):
    """Both ways in which tensors are described; what a test says holds for each."""
    monkeypatch.setattr(_tensors, "use_exchange", request.param == "exchange")


def step_with(grad, w, make=nosc.torch.SGD, **options):
    optimizer = make([w], lr=0.5, **options)
    w.grad = grad
    optimizer.step()
    return optimizer


@pytest.mark.parametrize("dtype", KINDS, ids=str)
def test_types_follow_torch_in_their_precision(dtype):
    ours = nosc.torch.Adam([parameter(200, dtype=dtype)], lr=0.01)
    theirs = torch.optim.Adam([Parameter(normal(200, dtype=dtype).to(torch.float64))], lr=0.01)
    [found], [wanted] = descend(ours, 10), descend(theirs, 10)
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-6, torch.float16: 4e-3, torch.bfloat16: 4e-2}[dtype]
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("grad", KINDS, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_gradient_may_be_of_another_type(kind, grad):
    w = Parameter(torch.ones(4, dtype=kind))
    try:
        w.grad = torch.full((4,), 0.5, dtype=grad)
    except RuntimeError:
        pass  # torch refuses to set it
    else:
        nosc.torch.SGD([w], lr=0.5).step()
        assert w.tolist() == [0.75] * 4


def test_types_are_mixed_in_one_group():
    params = [parameter(6, seed=i, dtype=kind) for i, kind in enumerate(KINDS)]
    alone = [descend(nosc.torch.SGD([Parameter(p.detach().clone())], lr=0.1), 1) for p in params[:1]]
    moved = descend(nosc.torch.SGD(params, lr=0.1), 1)
    assert [p.dtype for p in moved] == KINDS and same(moved[0], alone[0][0])


LAYOUTS = {
    "transposed": lambda t: t.permute(3, 2, 1, 0),
    "channels last": lambda t: t.to(memory_format=torch.channels_last),
    "sliced": lambda t: t.repeat_interleave(2, dim=3)[..., ::2],
    "a row of a matrix": lambda t: torch.stack([t, t], dim=-1)[..., 0],
    "with an offset": lambda t: torch.cat([t.reshape(-1).new_zeros(3), t.reshape(-1)])[3:].view(t.shape),
    "permuted and sliced": lambda t: t.repeat_interleave(2, dim=0)[::2].permute(1, 0, 3, 2),
}


@pytest.mark.parametrize("rule", ["adam", "draws"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_parameters_and_gradients_change_nothing(layout, rule):
    plain = normal(3, 2, 4, 5)
    shaped = LAYOUTS[layout](plain)
    assert layout == "with an offset" or not shaped.is_contiguous()

    def run(start, grad):
        w = Parameter(start)
        if rule == "adam":
            optimizer = nosc.torch.Adam([w], lr=0.1)
        else:
            optimizer = nosc.torch.Optimizer([w], EVERYTHING, lr=0.1, total_steps=TOTAL)
        for step in range(3):
            w.grad = grad(normal(*w.shape, seed=step + 1))
            optimizer.step()
        return w.detach(), optimizer

    flat, _ = run(shaped.clone(memory_format=torch.contiguous_format), lambda g: g)
    start = LAYOUTS[layout](plain.clone())
    same_layout, optimizer = run(start, lambda g: torch.empty_like(shaped).copy_(g))
    mixed, _ = run(LAYOUTS[layout](plain.clone()), lambda g: g)
    assert same_layout.stride() == shaped.stride()
    assert all(state.shape == shaped.shape for name, state in states(optimizer)[0].items() if name != "step")
    if rule == "adam":
        assert same(flat, same_layout) and same(flat, mixed)
    else:
        # Draws go by the place in memory, which gradients have no part in.
        assert same(same_layout, mixed)


def test_a_slice_leaves_the_rest_alone():
    base = torch.ones(4, 6)
    w = Parameter(base[:, ::2])
    step_with(torch.ones(4, 3), w)
    assert base[:, 1::2].eq(1.0).all() and base[:, ::2].eq(0.5).all() and w.data_ptr() == base.data_ptr()


def test_gradients_of_autograd_in_other_layouts():
    w = parameter(6, 4)
    optimizer = nosc.torch.SGD([w], lr=0.1)
    (w.t() @ normal(6, 3)).sum().backward()
    w.grad = w.grad.t().contiguous().t()
    before, grad = w.detach().clone(), w.grad.clone()
    optimizer.step()
    close([w.detach()], [before - 0.1 * grad])


def test_a_gradient_may_be_an_expanded_one():
    w = Parameter(torch.ones(3, 4))
    optimizer = nosc.torch.SGD([w], lr=0.5)
    w.sum().backward()
    w.grad = torch.ones(1, 1).expand(3, 4)
    optimizer.step()
    assert w.eq(0.5).all()


def test_numbers_and_nothing_are_tensors_too():
    number, nothing = Parameter(torch.tensor(2.0)), Parameter(torch.empty(0, 3))
    optimizer = nosc.torch.Adam([number, nothing, parameter(2)], lr=0.5)
    twin = torch.optim.Adam([Parameter(torch.tensor(2.0)), Parameter(torch.empty(0, 3)), parameter(2)], lr=0.5)
    close(descend(optimizer, 5), descend(twin, 5))
    shapes = [{s.shape for name, s in state.items() if name != "step"} for state in states(optimizer)]
    assert shapes == [{()}, {(0, 3)}, {(2,)}]
    [alone] = descend(nosc.torch.Adam([Parameter(torch.empty(0))]), 2)
    assert alone.shape == (0,)


@pytest.mark.parametrize("name", ["Adam", "SGD", "AdamW", "RMSprop", "Adagrad", "Adadelta"])
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
def test_complex_numbers_are_pairs_as_in_torch(dtype, name):
    w = torch.complex(normal(5, 2), normal(5, 2, seed=1)).to(dtype)
    options = {"lr": 0.1, "momentum": 0.9} if name == "SGD" else {"lr": 0.1}
    results = []
    for module in (nosc.torch, torch.optim):
        p = Parameter(w.clone())
        optimizer = getattr(module, name)([p], **options)
        for step in range(10):
            p.grad = torch.complex(normal(5, 2, seed=2 * step), normal(5, 2, seed=2 * step + 1)).to(dtype)
            optimizer.step()
        results.append(p.detach())
        if module is nosc.torch:
            assert {s.dtype for name, s in optimizer.state[p].items() if name != "step"} <= {torch.complex64}
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)


def test_a_complex_run_is_taken_up_bit_for_bit():
    def make(t):
        return nosc.torch.Adam([Parameter(t)], lr=0.1)

    start = torch.complex(normal(4), normal(4, seed=1))
    whole, first = make(start.clone()), make(start.clone())

    def run(optimizer, steps, seed):
        [p] = optimizer.param_groups[0]["params"]
        for step in range(steps):
            p.grad = torch.complex(normal(4, seed=seed + step), normal(4, seed=seed + step + 50))
            optimizer.step()
        return p.detach().clone()

    wanted = run(whole, 6, 0)
    second = make(run(first, 3, 0))
    second.load_state_dict(first.state_dict())
    assert same(torch.view_as_real(run(second, 3, 3)), torch.view_as_real(wanted))


def test_conjugate_and_negative_views():
    number = torch.full((3,), 1 + 2j)
    w = Parameter(torch.zeros(3, dtype=torch.complex64))
    step_with(number.conj(), w)
    assert w.tolist() == [-0.5 + 1j] * 3
    w = Parameter(number.conj())
    assert w.is_conj()
    step_with(torch.full((3,), 2j), w)
    assert w.tolist() == [1 - 3j] * 3
    w = Parameter(torch.zeros(3))
    step_with(torch._neg_view(torch.ones(3)), w)
    assert w.tolist() == [0.5] * 3
    w = Parameter(torch._neg_view(torch.ones(3)))
    assert w.is_neg()
    step_with(torch.ones(3), w)
    assert w.tolist() == [-1.5] * 3


class Special(Parameter):
    """A parameter of a class of its own, as libraries have them."""


class Plain(torch.Tensor):
    """A tensor that is one in all but name."""


def test_classes_that_are_parameters_in_all_but_name():
    w = Special(torch.ones(3))
    optimizer = step_with(torch.ones(3).as_subclass(Plain), w)
    assert w.tolist() == [0.5] * 3 and type(w) is Special and w in optimizer.state


def two_shared(optimizer_of):
    base = torch.ones(6)
    a, b = Parameter(base[:4]), Parameter(base[2:])
    a.grad, b.grad = torch.ones(4), torch.ones(4)
    return optimizer_of([a, b]), base


def test_parameters_that_share_memory_are_refused():
    optimizer, base = two_shared(lambda p: nosc.torch.SGD(p, lr=0.5))
    with pytest.raises(nosc.StepError, match="share memory"):
        optimizer.step()
    assert base.eq(1.0).all()


def test_strided_parameters_that_share_memory_are_refused():
    base = torch.ones(8)
    a, b = Parameter(base[::2]), Parameter(base[::2])
    a.grad, b.grad = torch.ones(4), torch.ones(4)
    with pytest.raises(nosc.StepError, match="share memory"):
        nosc.torch.SGD([a, b], lr=0.5).step()
    whole, part = Parameter(base), Parameter(base[::2])
    whole.grad, part.grad = torch.ones(8), torch.ones(4)
    with pytest.raises(nosc.StepError, match="share memory"):
        nosc.torch.SGD([whole, part], lr=0.5).step()
    assert base.eq(1.0).all()


def test_groups_whose_parameters_share_memory_move_one_after_another_as_in_torch():
    moved = []
    for module in (nosc.torch, torch.optim):
        base = torch.ones(6)
        a, b = Parameter(base[:4]), Parameter(base[2:])
        a.grad, b.grad = torch.ones(4), torch.ones(4)
        module.SGD([{"params": [a]}, {"params": [b], "lr": 0.1}], lr=0.5, weight_decay=0.1).step()
        moved.append(base)
    close(moved[:1], moved[1:])


def test_columns_of_one_matrix_are_parameters_of_their_own():
    base = torch.ones(4, 2)
    a, b = Parameter(base[:, 0]), Parameter(base[:, 1])
    a.grad, b.grad = torch.ones(4), torch.full((4,), 2.0)
    nosc.torch.SGD([a, b], lr=0.5).step()
    assert base.tolist() == [[0.5, 0.0]] * 4


def test_a_gradient_in_the_memory_of_a_parameter_is_refused():
    w = Parameter(torch.ones(4))
    w.grad = w.detach()
    with pytest.raises(nosc.StepError, match="share memory"):
        nosc.torch.SGD([w], lr=0.5).step()
    assert w.eq(1.0).all()


def test_parameters_may_share_one_gradient():
    a, b = Parameter(torch.ones(4)), Parameter(torch.ones(4))
    a.grad = b.grad = torch.ones(4)
    nosc.torch.SGD([a, b], lr=0.5).step()
    assert a.eq(0.5).all() and b.eq(0.5).all()


def wrapped():
    from torch.testing._internal.two_tensor import TwoTensor

    return TwoTensor(torch.ones(3), torch.ones(3))


def fake():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        return torch.ones(3)


def overlapping():
    return torch.ones(5).as_strided((3, 3), (1, 1))


REFUSED = {
    "meta": (lambda: torch.ones(3, device="meta"), "on meta"),
    "integers": (lambda: torch.ones(3, dtype=torch.int32), "torch.int32: rules run on float32"),
    "8 bits": (lambda: torch.ones(3).to(torch.float8_e4m3fn), "torch.float8_e4m3fn"),
    "expanded": (lambda: torch.ones(1).expand(3), "after expand: clone it"),
    "overlapping": (overlapping, "after expand: clone it"),
    "wrapped": (wrapped, "TwoTensor wraps other tensors"),
    "fake": (fake, "fake tensor"),
    "sparse": (lambda: torch.eye(3).to_sparse(), "sparse"),
}


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
@pytest.mark.parametrize("what", REFUSED)
def test_what_a_rule_cannot_move_is_refused(what):
    make, message = REFUSED[what]
    tensor = make()
    w = Parameter(tensor, requires_grad=tensor.is_floating_point())
    other = Parameter(torch.ones(3))
    w.grad, other.grad = (make() if what != "expanded" else torch.ones(3)), torch.ones(3)
    optimizer = nosc.torch.Adam([other, w], lr=0.5)
    with pytest.raises(nosc.StepError, match=message):
        optimizer.step()
    assert other.eq(1.0).all() and all(float(state["step"]) == 0.0 for state in optimizer.state.values())


def test_a_sparse_gradient_is_refused():
    table = torch.nn.Embedding(4, 2, sparse=True)
    optimizer = nosc.torch.Adam(table.parameters())
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(nosc.StepError, match="use dense gradients"):
        optimizer.step()


def test_a_gradient_of_another_shape_is_refused():
    w = Parameter(torch.ones(4))
    w.grad = torch.ones(4)
    w.data = torch.ones(5)
    with pytest.raises(nosc.StepError, match=r"gradient of shape \(4,\).* shape \(5,\)"):
        nosc.torch.SGD([w]).step()


def test_a_parameter_that_moved_takes_its_states_along():
    model = torch.nn.Conv2d(2, 3, 3)
    optimizer = nosc.torch.Adam(model.parameters(), lr=0.1)
    twin_model = torch.nn.Conv2d(2, 3, 3)
    twin_model.load_state_dict(model.state_dict())
    twin = torch.optim.Adam(twin_model.parameters(), lr=0.1)
    close(descend(optimizer, 2), descend(twin, 2))
    for m in (model, twin_model):
        m.to(memory_format=torch.channels_last)
    close(descend(optimizer, 2, 2), descend(twin, 2, 2))
    # torch's Adam refuses this one, since its states stay what they were.
    before = states(optimizer)
    model.double()
    moved = descend(optimizer, 2, 4)
    assert {p.dtype for p in moved} == {torch.float64} and all(p.isfinite().all() for p in moved)
    assert all(s["step"] == t["step"] + 2 for s, t in zip(states(optimizer), before, strict=True))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_stochastic_rounding_keeps_small_steps_on_average(dtype):
    w, v = (Parameter(torch.ones(20_000, dtype=dtype)) for _ in range(2))
    stochastic = nosc.torch.SGD([w], lr=1e-4, rounding="stochastic", seed=5)
    nearest = nosc.torch.SGD([v], lr=1e-4)
    for _ in range(20):
        w.grad, v.grad = torch.ones_like(w), torch.ones_like(v)
        stochastic.step(), nearest.step()
    assert v.eq(1.0).all() and w.double().mean().item() == pytest.approx(1 - 20e-4, rel=1e-4)


def test_both_ways_have_the_same_bits(monkeypatch):
    def run(exchange):
        monkeypatch.setattr(_tensors, "use_exchange", exchange)
        params = [parameter(7), parameter(3, 4, seed=1, dtype=torch.bfloat16), Parameter(normal(4, 6)[:, ::2])]
        optimizer = nosc.torch.Optimizer(params, EVERYTHING, lr=0.1, total_steps=TOTAL)
        return descend(optimizer, 5), states(optimizer)

    (found, s), (wanted, t) = run(True), run(False)
    assert all(same(a, b) for a, b in zip(found, wanted, strict=True))
    assert all(same(x[n], y[n]) for x, y in zip(s, t, strict=True) for n in x)
