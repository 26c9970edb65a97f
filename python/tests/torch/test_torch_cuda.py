"""Tensors on GPUs: the bits of the processor, in torch's stream. Without a GPU only that this is said."""

import copy


import pytest

pytest.importorskip("torch.optim", reason="PyTorch is not installed: nothing of nosc.torch is tested")

import torch

import nosc
import nosc.torch
from nosc.torch import _tensors

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="NO GPU: steps of nosc.torch on GPUs are not tested")

RULES = ["exp(sign(g) * sign(m)) * g", "drop(m, 0.3) + eps_t", "{ state n init 2 = n + 1; update = n*adam; schedule = ld }"]


def pair(shapes, dtype=torch.float32, seed=1):
    """The same parameters on the processor and on the GPU."""
    generator = torch.Generator().manual_seed(seed)
    host = [torch.randn(shape, generator=generator).to(dtype).requires_grad_() for shape in shapes]
    device = [param.detach().cuda().requires_grad_() for param in host]
    return host, device


def put_gradients(host, device, seed):
    generator = torch.Generator().manual_seed(seed)
    for on_host, on_device in zip(host, device, strict=True):
        gradient = torch.randn(on_host.shape, generator=generator).to(on_host.dtype)
        on_host.grad, on_device.grad = gradient, gradient.cuda()


def same(host, device):
    return all(torch.equal(a.detach(), b.detach().cpu()) for a, b in zip(host, device, strict=True))


@needs_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("rule", RULES)
def test_a_gpu_gives_the_bits_of_the_processor(rule, dtype):
    host, device = pair([(3, 5), (), (0,), (70_000,), (2, 3, 4, 5)], dtype)
    options = {"lr": 0.1, "total_steps": 9, "seed": 3, "weight_decay": 0.01}
    optimizers = [nosc.torch.Optimizer(params, rule, **options) for params in (host, device)]
    for step in range(4):
        put_gradients(host, device, step)
        for optimizer in optimizers:
            optimizer.step()
        assert same(host, device), step
    assert all(state["step"].device.type == "cpu" for state in optimizers[1].state.values())


@needs_gpu
def test_steps_follow_the_current_stream():
    host, device = pair([(1 << 20,)])
    optimizers = [nosc.torch.Adam(params, lr=0.1) for params in (host, device)]
    for step in range(3):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            put_gradients(host, device, step)
            for optimizer in optimizers:
                optimizer.step()
        torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    assert same(host, device)


@needs_gpu
def test_states_travel_between_devices():
    host, device = pair([(7, 3), (5,)])
    optimizers = [nosc.torch.Lion(params, lr=0.1) for params in (host, device)]
    put_gradients(host, device, 0)
    for optimizer in optimizers:
        optimizer.step()
    states = [copy.deepcopy(optimizer.state_dict()) for optimizer in optimizers]
    optimizers[0].load_state_dict(states[1])
    optimizers[1].load_state_dict(states[0])
    put_gradients(host, device, 1)
    for optimizer in optimizers:
        optimizer.step()
    assert same(host, device)


@needs_gpu
def test_grad_scaler_skips_and_divides():
    host, device = pair([(64,)])
    optimizer = nosc.torch.SGD(device, lr=1.0)
    scaler = torch.amp.GradScaler("cuda", init_scale=4.0)
    scaler.scale((device[0] * 2).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert torch.allclose(device[0].detach().cpu(), host[0].detach() - 2)
    before = device[0].detach().clone()
    device[0].grad = torch.full_like(device[0], float("inf"))
    scaler.scale(torch.zeros((), device="cuda"))
    scaler.step(optimizer)
    scaler.update()
    assert torch.equal(before, device[0].detach())


@needs_gpu
def test_tensors_on_both_are_one_step():
    (host,), (device,) = pair([(9,)])
    optimizer = nosc.torch.Adam([host, device], lr=0.1)
    put_gradients([host], [device], 0)
    optimizer.step()
    assert same([host], [device])


def test_a_driver_that_is_not_there_is_said_and_nothing_moves(monkeypatch):
    """Tensors of the processor that say that they are on a GPU: there is none, or it does not know the memory."""
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.setattr(_tensors, "use_exchange", False)
    param = torch.ones(4, requires_grad=True)
    param.grad = torch.ones(4)
    optimizer = nosc.torch.Optimizer([param], "m", lr=1.0)
    describe = _tensors.describe

    def on_gpu(tensor):
        address, device, kind, shape, strides = describe(tensor)
        return address, (2, 0) if tensor.numel() == 4 else device, kind, shape, strides

    monkeypatch.setattr(_tensors, "describe", on_gpu)
    monkeypatch.setattr(_tensors, "cuda_stream", lambda _: 0)
    with pytest.raises(nosc.NoscError, match="CUDA|libcuda|driver"):
        optimizer.step()
    assert param.tolist() == [1.0] * 4
