"""Types: the stub has every name, and a program with types passes mypy; docstrings are there."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import nosc
import nosc._nosc
import typing_usage


def test_the_program_with_types_runs(tmp_path):
    (tmp_path / "rule.nos").write_text("g", encoding="utf-8")
    assert typing_usage.main(tmp_path) == 8


def test_every_name_is_documented():
    for name in nosc.__all__:
        value = getattr(nosc, name)
        if not inspect.isclass(value) and not inspect.isroutine(value):
            continue
        assert value.__doc__, name
        for member, attribute in vars(value).items() if inspect.isclass(value) else ():
            if not member.startswith("_") and (callable(attribute) or inspect.isdatadescriptor(attribute)):
                assert attribute.__doc__, f"{name}.{member}"


def test_all_is_what_there_is():
    assert sorted(nosc.__all__) == sorted(set(nosc.__all__))
    # Modules of the package appear when they are imported.
    public = {name for name, value in vars(nosc).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert set(nosc.__all__) - {"__version__"} == public


@pytest.mark.parametrize(
    "command",
    [
        # It takes an alias of literals for a union that is none.
        ["mypy.stubtest", "nosc", "--allowlist", str(Path(__file__).with_name("stubtest_allowlist.txt"))],
        ["mypy", "--strict", str(Path(typing_usage.__file__))],
        ["mypy", "--strict", "--python-version", "3.10", "-p", "nosc"],
    ],
    ids=["stubtest", "usage", "package"],
)
def test_types_hold(command, tmp_path):
    pytest.importorskip("mypy")
    run = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
