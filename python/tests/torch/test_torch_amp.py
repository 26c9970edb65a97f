"""`torch.amp.GradScaler`: losses are scaled, gradients divided inside the step, and steps with overflows left out."""

import copy

import pytest

pytest.importorskip("torch.optim", reason="PyTorch is not installed: nothing of nosc.torch is tested")

import torch

import nosc.torch
from torch_helpers import Parameter, normal, parameter, same


def test_it_divides_by_itself_where_torch_does():
    for fused in (None, False, True):
        optimizer = nosc.torch.Adam([parameter(2)], fused=fused)
        assert optimizer._step_supports_amp_scaling is bool(fused)
        assert copy.deepcopy(optimizer)._step_supports_amp_scaling is bool(fused)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("unscale", [False, True])
def test_a_scaled_run_is_the_unscaled_one(unscale, fused):
    def train(scale):
        w = parameter(6)
        optimizer = nosc.torch.Adam([w], lr=0.1, fused=fused)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=3, enabled=scale)
        for step in range(8):
            optimizer.zero_grad()
            scaler.scale((w * normal(6, seed=step)).square().sum()).backward()
            if unscale:
                scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()
        return w.detach(), scaler.get_scale()

    (scaled, scale), (plain, _) = train(True), train(False)
    assert same(scaled, plain) and scale > 2.0**10


@pytest.mark.parametrize("fused", [False, True])
def test_a_step_with_an_overflow_is_left_out(fused):
    w = Parameter(torch.ones(3))
    optimizer = nosc.torch.Adam([w], lr=0.1, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20)
    for step, value in enumerate([1.0, float("inf"), 1.0]):
        optimizer.zero_grad()
        scaler.scale((w * value).sum()).backward()
        before = w.detach().clone()
        scaler.step(optimizer)
        scaler.update()
        assert same(before, w.detach()) == (step == 1)
    assert float(optimizer.state[w]["step"]) == 2.0 and scaler.get_scale() == 2.0**19


def test_half_precision_with_autocast():
    torch.manual_seed(0)
    model = torch.nn.Linear(8, 4)
    optimizer = nosc.torch.AdamW(model.parameters(), lr=0.05)
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    x, losses = normal(16, 8), []
    for _ in range(20):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(x).square().mean()
        scaler.scale(loss.float()).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0] and model.weight.dtype == torch.float32


@pytest.mark.parametrize("rule", ["g", "m / (sqrt(v) + delta)"])
def test_the_protocol_by_hand(rule):
    scaled, plain = parameter(5), parameter(5)
    ours, twin = (nosc.torch.Optimizer([p], rule, lr=0.1, weight_decay=0.1) for p in (scaled, plain))
    for step in range(4):
        plain.grad = normal(5, seed=step)
        scaled.grad = plain.grad * 128
        ours.grad_scale, ours.found_inf = torch.tensor(128.0), torch.tensor(0.0)
        ours.step()
        twin.step()
        assert same(scaled.detach(), plain.detach())
        assert scaled.grad.equal(plain.grad * 128)
    ours.found_inf = torch.tensor(1.0)
    before = scaled.detach().clone()
    ours.step()
    assert same(before, scaled.detach()) and float(ours.state[scaled]["step"]) == 4.0


def test_an_overflow_on_the_first_step_makes_no_state():
    w = parameter(3)
    optimizer = nosc.torch.Adam([w])
    w.grad, optimizer.found_inf = torch.ones(3), torch.tensor(1.0)
    optimizer.step()
    assert len(optimizer.state) == 0
