"""One of two processes that train together, for test_torch_distributed.py: `distributed_worker.py FOLDER RANK`.

Writes what it found to FOLDER/RANK.pt.
"""

import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.fsdp import fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel

import nosc.torch
from torch_helpers import EVERYTHING, TOTAL, normal

warnings.simplefilter("ignore")
RANKS = 2
RULES = {
    "adam": lambda p: nosc.torch.Adam(p, lr=0.05),
    "everything": lambda p: nosc.torch.Optimizer(p, EVERYTHING, lr=0.1, total_steps=TOTAL, seed=3),
}


def model():
    """A net whose dimensions two processes do not share evenly: of the last layer one has nothing."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 1))


def train(net, optimizer, rank, steps, first=0):
    """Steps on one half of each batch; the loss is so scaled that both halves' mean gradient is that of the batch."""
    for step in range(first, first + steps):
        x = normal(8, 5, seed=step)
        x = x if rank is None else x[rank * 4 : rank * 4 + 4]
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()


def set_gradients(params, step):
    """Gradients that are the same whether parameters are whole or spread."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    for place, p in enumerate(params):
        grad = normal(*p.shape, seed=100 * step + place)
        p.grad = distribute_tensor(grad, p.device_mesh, p.placements) if isinstance(p, DTensor) else grad


def data_parallel(rank):
    found = {}
    for name, make in RULES.items():
        net = DistributedDataParallel(model(), gradient_as_bucket_view=True)
        optimizer = make(net.parameters())
        train(net, optimizer, rank, 5)
        found[name] = [p.detach().clone() for p in net.parameters()]
    return found


def redundancy_free(rank):
    """States that each process keeps for a part of the parameters."""
    net = DistributedDataParallel(model())
    optimizer = ZeroRedundancyOptimizer(net.parameters(), nosc.torch.Adam, lr=0.05)
    train(net, optimizer, rank, 5)
    return [p.detach().clone() for p in net.parameters()], len(optimizer.optim.state)


def sharded(mesh):
    found = {}
    for name, make in RULES.items():
        net = model()
        for layer in (net[0], net[2]):
            fully_shard(layer, mesh=mesh)
        fully_shard(net, mesh=mesh)
        optimizer = make(net.parameters())
        for step in range(4):
            set_gradients(list(net.parameters()), step)
            optimizer.step()
        saved = get_optimizer_state_dict(net, optimizer)
        again = make(net.parameters())
        set_optimizer_state_dict(net, again, saved)
        for step in range(4, 6):
            set_gradients(list(net.parameters()), step)
            again.step()
        states = [{k: whole(s).clone() for k, s in again.state[p].items()} for p in net.parameters()]
        found[name] = [whole(p).clone() for p in net.parameters()], states, sorted(saved["state"])
    return found


def whole(tensor):
    tensor = tensor.detach()
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def sharded_training(mesh, rank):
    net = model()
    fully_shard(net, mesh=mesh)
    optimizer = RULES["adam"](net.parameters())
    train(net, optimizer, rank, 5)
    return [whole(p).clone() for p in net.parameters()]


def by_columns(mesh):
    """A draw goes by the place in the whole tensor, which parts of columns do not have in a row."""
    from torch.distributed.tensor import Shard, distribute_tensor

    messages = []
    for rule in ("g", EVERYTHING):
        w = torch.nn.Parameter(distribute_tensor(torch.ones(4, 6), mesh, [Shard(1)]))
        w.grad = distribute_tensor(torch.ones(4, 6), mesh, [Shard(1)])
        try:
            nosc.torch.Optimizer([w], rule, lr=0.5, total_steps=TOTAL).step()
            messages.append(whole(w).clone())
        except nosc.StepError as error:
            messages.append(str(error))
    return messages


def main():
    folder, rank = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=RANKS)
    mesh = dist.device_mesh.init_device_mesh("cpu", (RANKS,))
    found = {
        "data parallel": data_parallel(rank),
        "redundancy-free": redundancy_free(rank),
        "sharded": sharded(mesh),
        "sharded training": sharded_training(mesh, rank),
        "by columns": by_columns(mesh),
    }
    torch.save(found, folder / f"{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
