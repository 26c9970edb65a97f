"""Two processes on the processor: DistributedDataParallel, and parameters spread by fully_shard (FSDP2)."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch.optim", reason="PyTorch is not installed: nothing of nosc.torch is tested")

import torch

from torch_helpers import close, same, states

if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
    pytest.skip("this PyTorch has no gloo: nothing of several processes is tested", allow_module_level=True)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What both processes found."""
    folder = tmp_path_factory.mktemp("distributed")
    program = Path(__file__).with_name("distributed_worker.py")
    workers = [
        subprocess.Popen(
            [sys.executable, program, folder, str(rank)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for rank in range(2)
    ]
    try:
        told = [worker.communicate(timeout=120)[0] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0, 0], "\n".join(told)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.fixture(scope="module")
def alone():
    import distributed_worker

    return distributed_worker


@pytest.mark.parametrize("name", ["adam", "everything"])
def test_data_parallel_training_is_the_same_everywhere_and_that_of_one_process(found, alone, name):
    a, b = (each["data parallel"][name] for each in found)
    assert all(same(x, y) for x, y in zip(a, b, strict=True))
    net = alone.model()
    alone.train(net, alone.RULES[name](net.parameters()), None, 5)
    close(a, [p.detach() for p in net.parameters()], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["adam", "everything"])
def test_spread_parameters_have_the_bits_of_whole_ones_also_after_their_state_was_saved(found, alone, name):
    net = alone.model()
    optimizer = alone.RULES[name](net.parameters())
    for step in range(6):
        alone.set_gradients(list(net.parameters()), step)
        optimizer.step()
    for each in found:
        params, kept, keys = each["sharded"][name]
        assert keys == sorted(dict(net.named_parameters()))
        assert all(same(x, y.detach()) for x, y in zip(params, net.parameters(), strict=True))
        for x, y in zip(kept, states(optimizer), strict=True):
            assert set(x) == set(y) and all(same(x[key], y[key]) for key in y)


def test_sharded_training_is_that_of_one_process(found, alone):
    net = alone.model()
    alone.train(net, alone.RULES["adam"](net.parameters()), None, 5)
    for each in found:
        close(each["sharded training"], [p.detach() for p in net.parameters()], rtol=1e-3, atol=1e-5)


def test_states_without_redundancy_are_those_of_whole_ones(found):
    for each in found:
        params, count = each["redundancy-free"]
        assert 0 < count < len(params)
        assert all(same(x, y) for x, y in zip(params, each["data parallel"]["adam"], strict=True))


def test_parts_of_columns_move_unless_the_rule_draws(found):
    for each in found:
        moved, refused = each["by columns"]
        assert moved.eq(0.5).all() and "shard along the first dimension" in refused
