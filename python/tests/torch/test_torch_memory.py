"""Memory: a step works in place, and takes nothing that grows with the parameters but the states of the first one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch.optim", reason="PyTorch is not installed: nothing of nosc.torch is tested")

if not Path("/proc/self/clear_refs").exists():
    pytest.skip("this system does not tell the peak of a process's memory", allow_module_level=True)

ELEMENTS = 16 * 2**20
# For what threads, pages and Python take by the way; an array of bytes for the elements would be four times this.
SMALL = ELEMENTS // 4

PROGRAM = """if True:
    import json, sys, torch, nosc.torch
    elements, kind = int(sys.argv[1]), getattr(torch, sys.argv[2])

    def peak():
        lines = open("/proc/self/status").read().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024

    def growth(do):
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak starts again at what there is now
        before = peak()
        do()
        return peak() - before

    def small():
        w = torch.nn.Parameter(torch.ones(8))
        w.grad = torch.ones(8)
        return w

    warm = small()
    nosc.torch.Adam([warm]).step()
    w = torch.nn.Parameter(torch.ones(elements, dtype=kind))
    w.grad = torch.full((elements,), 0.5, dtype=kind)
    tensors = nosc.torch.Adam([w], lr=0.1)
    arrays = nosc.Optimizer(nosc.rule("adam"), [elements])

    def over_arrays():
        arrays.step([w.detach()], [w.grad], 0.1)

    found = {}
    for name, step in (("torch", tensors.step), ("arrays", over_arrays)):
        first = growth(step)
        later = growth(lambda: [step() for _ in range(2)])
        found[name] = {"first": first, "later": later}
    print(json.dumps({**found, "moved": bool((w < 1).all())}))
"""


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_a_step_takes_no_memory_by_element(kind):
    command = [sys.executable, "-c", PROGRAM, str(ELEMENTS), kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("moved") and set(found) == {"torch", "arrays"}
    for grown in found.values():
        assert grown["later"] < SMALL, f"{grown['later'] / ELEMENTS:.2f} bytes for each element"
        # Two states of four bytes.
        assert grown["first"] < 8 * ELEMENTS + SMALL, f"{grown['first'] / ELEMENTS:.2f} bytes for each element"
