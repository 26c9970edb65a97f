"""The examples run, and so does every block of Python in the documentation, which prints what stands below it.

Blocks of a page run in order, in one namespace and in a temporary folder. A ```text block right after one of ```python is
what that prints: words exactly, numbers with a decimal point within a third, since libraries and processors round differently.
Blocks marked ```python no-run are skipped, and counted.
"""

import ast
import contextlib
import io
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is missing: examples and documentation with PyTorch are NOT tested")

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

pytestmark = pytest.mark.skipif(not EXAMPLES.exists() or not DOCS.exists(), reason="the package is by itself: no examples, no docs")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What each example prints with --tiny, all run at once. Started before the first test, read by those that want it."""
    folder = tmp_path_factory.mktemp("examples")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = {
        name: subprocess.Popen(
            [sys.executable, "-W", "error", str(EXAMPLES / file), "--tiny", *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder, env=environment,
        )
        for name, (file, *options) in RUNS.items()
    }  # fmt: skip
    found = {name: (*process.communicate(timeout=120), process.returncode) for name, process in started.items()}
    return {name: (text, code) for name, (text, _, code) in found.items()}


@pytest.mark.parametrize("name", RUNS)
def test_an_example_runs(outputs, name):
    text, code = outputs[name]
    assert code == 0, text
    losses = [float(loss) for loss in re.findall(r"loss (\S+)", text)]
    assert len(losses) >= 2 and all(0 < loss < 20 for loss in losses), text
    assert {"cifar10": "test ", "transformer": "it writes: ", "offload": "GB/s"}[name] in text


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
