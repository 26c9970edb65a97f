"""The examples run, and so does every block of Python in the documentation, which prints what stands below it.

Blocks of a page run in order, in one namespace and in a temporary folder. A ```text block right after one of ```python is
what that prints: words exactly, numbers with a decimal point within a third, since libraries and processors round differently.
Blocks marked ```python no-run are skipped, and counted.
"""

import ast
import contextlib
import io
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is missing: examples and documentation with PyTorch are NOT tested")
import nosc  # noqa: E402
import nosc.torch  # noqa: E402

PYTHON = Path(__file__).parents[1]
DOCS = PYTHON.parent / "docs"
EXAMPLES = PYTHON / "examples"
# Blocks that need a GPU, several processes, a compiler or another package.
SKIPPED = {"tutorial-torch.md": 0, "python-torch.md": 4, "python.md": 0}
BLOCK = re.compile(r"^```(python|python no-run)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
DECIMAL = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
RUNS = {
    "cifar10": ("cifar10_resnet.py", "--rule", "drop(m, 0.1) + ld*g"),
    "transformer": ("transformer.py", "--bf16"),
    "offload": ("offload.py", "--device", "cpu"),
}

pytestmark = pytest.mark.skipif(
    not EXAMPLES.exists() or not DOCS.exists(), reason="the package is by itself: no examples, no documentation"
)


# One process for all: most of the time is importing torch and what its optimizers import.
RUN_ALL = """
import json, runpy, sys
folder, runs = sys.argv[1], json.loads(sys.argv[2])
for name, (file, *options) in runs.items():
    print("####", name, flush=True)
    sys.argv = [file, "--tiny", *options]
    runpy.run_path(f"{folder}/{file}", run_name="__main__")
print("#### end")
"""


@pytest.fixture(autouse=True)
def one_thread():
    """Small work, and perhaps a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What each example prints with --tiny in a fresh process, where a warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN_ALL, str(EXAMPLES), json.dumps(RUNS)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        cwd=tmp_path_factory.mktemp("examples"), env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    parts = [part.partition("\n") for part in done.stdout.split("#### ")]
    assert ("end" in [name for name, _, _ in parts]) == (done.returncode == 0), done.stdout
    return {name: text for name, _, text in parts}


@pytest.mark.parametrize("name", RUNS)
def test_an_example_runs(outputs, name):
    text = outputs.get(name, "it did not run, since one before it failed")
    assert "Traceback" not in text, text
    losses = [float(loss) for loss in re.findall(r"loss (\S+)", text)]
    assert len(losses) >= 2 and all(0 < loss < 20 for loss in losses), text
    assert {"cifar10": "test ", "transformer": "it writes: ", "offload": "GB/s"}[name] in text, text


def run_here(file, *options):
    """What an example prints, run in this process."""
    printed, before = io.StringIO(), sys.argv
    sys.argv = [file, *options]
    try:
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            runpy.run_path(str(EXAMPLES / file), run_name="__main__")
    finally:
        sys.argv = before
    return printed.getvalue()


@pytest.mark.parametrize("file", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_an_example_explains_itself(file):
    assert file in [run[0] for run in RUNS.values()]
    text = run_here(file, "--help")
    assert "usage:" in text and "--tiny" in text and "--rule" in text
    assert len((EXAMPLES / file).read_text(encoding="utf-8").splitlines()) < 200


def test_a_training_that_was_cut_goes_on_with_the_same_bits(tmp_path, monkeypatch):
    options = ("--tiny", "--rule", "drop(m, 0.1) + ld*g")
    run_here("cifar10_resnet.py", *options, "--checkpoint", str(tmp_path / "whole.pt"))
    # Cut: the second epoch does not come to its end.
    save, calls = torch.save, []

    def once(*arguments):
        save(*arguments)
        calls.append(arguments)
        if len(calls) == 2:
            raise SystemExit

    monkeypatch.setattr(torch, "save", once)
    cut = str(tmp_path / "cut.pt")
    run_here("cifar10_resnet.py", *options, "--checkpoint", cut)
    assert torch.load(cut, weights_only=True)["epoch"] == 1
    monkeypatch.undo()
    assert "going on after epoch 1" in run_here("cifar10_resnet.py", *options, "--checkpoint", cut)
    whole, resumed = (torch.load(tmp_path / name, weights_only=True) for name in ("whole.pt", "cut.pt"))
    assert whole["epoch"] == resumed["epoch"] == 2
    assert all(torch.equal(value, resumed["model"][name]) for name, value in whole["model"].items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_offloaded_step_is_the_step(dtype):
    offload = runpy.run_path(str(EXAMPLES / "offload.py"))["Offload"]
    rule = nosc.rule("adamw")
    models = [torch.nn.Linear(20, 7).to(dtype) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    far = offload(models[0], rule, lr=0.1)
    # The same by hand: float32 parameters, gradients of the model's type.
    near = [p.detach().float().requires_grad_() for p in models[1].parameters()]
    optimizer = nosc.torch.Optimizer(near, rule, lr=0.1)
    for step in range(3):
        inputs = torch.randn(5, 20, generator=torch.Generator().manual_seed(step)).to(dtype)
        models[0](inputs).square().mean().backward()
        assert all(p.grad is None for p in models[0].parameters())
        far.step()
        models[1].zero_grad()
        models[1](inputs).square().mean().backward()
        for own, p in zip(near, models[1].parameters()):
            own.grad = p.grad.float()
        optimizer.step()
        with torch.no_grad():
            for own, p in zip(near, models[1].parameters()):
                p.copy_(own)
        assert all(torch.equal(a, b) for a, b in zip(far.masters, near))
        assert all(torch.equal(a, b) for a, b in zip(*(model.parameters() for model in models)))


def test_official_files_are_read(tmp_path):
    module = runpy.run_path(str(EXAMPLES / "cifar10_resnet.py"))
    images = torch.randint(256, (6, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for index, name in enumerate([f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]):
        (tmp_path / f"{name}.bin").write_bytes(bytes([index]) + images[index].numpy().tobytes())
    (train, labels), (test, test_labels) = module["read_cifar10"](tmp_path)
    assert torch.equal(train, images[:5]) and labels.tolist() == [0, 1, 2, 3, 4]
    assert torch.equal(test, images[5:]) and test_labels.tolist() == [5]
    with pytest.raises(SystemExit, match="data_batch"):
        module["read_cifar10"](tmp_path / "elsewhere")


def test_images_are_shifted_and_mirrored_by_pixels():
    prepare = runpy.run_path(str(EXAMPLES / "cifar10_resnet.py"))["prepare"]
    images = torch.randint(256, (40, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    plain, moved = prepare(images, False, None), prepare(images, True, torch.Generator().manual_seed(1))
    wide = torch.nn.functional.pad(plain, (4, 4, 4, 4))
    places = set()
    for image, border in zip(moved, wide):
        crops = {(r, c, flip): border[:, r : r + 32, c : c + 32] for r in range(9) for c in range(9) for flip in (0, 1)}
        places |= {at for at, crop in crops.items() if torch.equal(crop.flip(2) if at[2] else crop, image)}
    assert len(places) >= 30 and {at[2] for at in places} == {0, 1}


def same(found, expected):
    """Whether the words agree, and the numbers with a decimal point within a third."""
    numbers = [[float(number) for number in DECIMAL.findall(text)] for text in (found, expected)]
    words = [[line.rstrip() for line in DECIMAL.sub("#", text).strip().splitlines()] for text in (found, expected)]
    return words[0] == words[1] and all(abs(a - b) <= abs(b) / 3 for a, b in zip(*numbers))


def test_what_counts_as_the_same():
    assert same("a 0.012 \nb", "a 0.011\nb\n")
    assert not same("a 0.02", "a 0.01") and not same("a 1", "a 2") and not same("b 0.1", "a 0.1") and not same("nan", "0.1")


@pytest.mark.parametrize("page", SKIPPED)
def test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    assert len(blocks) >= 5
    skipped = sum(kind != "python" for kind, _, _ in blocks)
    assert skipped == SKIPPED[page], "blocks that are marked no-run"
    names = {"__name__": "docs"}
    for number, (kind, code, expected) in enumerate(blocks):
        if kind != "python":
            ast.parse(code)
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, f"{page}, block {number + 1}", "exec"), names)
        if expected:
            assert same(printed.getvalue(), expected), f"{page}, block {number + 1} prints\n{printed.getvalue()}"
        else:
            assert not printed.getvalue().strip() or "print(" in code


def test_the_readme_is_true(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (PYTHON.parent / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## In Python") :].partition("\n## ")[0] if "## In Python" in text else ""
    sections = [section, (PYTHON / "README.md").read_text(encoding="utf-8")]
    for blocks in map(BLOCK.findall, sections):
        assert blocks
        names = {"__name__": "readme"}
        for _, code, _ in blocks:
            exec(compile(code, "README.md", "exec"), names)
