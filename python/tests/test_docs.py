"""What the documentation shows runs, and comes to what its remarks say."""

import ast
import re
from pathlib import Path

import pytest

import nosc

DOCS = Path(__file__).parents[2] / "docs" / "python.md"


@pytest.mark.skipif(not DOCS.exists(), reason="the package is by itself, without the project's documentation")
def test_the_page_on_python_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("numpy", reason="NumPy is missing: the page on Python is NOT tested")
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    names, compared = {"nosc": nosc, "Rule": nosc.Rule}, 0
    for block in blocks:
        lines = block.splitlines()
        for node in ast.parse(block).body:
            code = ast.get_source_segment(block, node)
            if not isinstance(node, ast.Expr):
                exec(code, names)
                continue
            found = eval(code, names)
            remark = lines[node.end_lineno - 1][node.end_col_offset :].partition("# ")[2]
            # A remark that begins with the value says nothing but that, or goes on after a colon.
            if re.match(r"['\"\d\[{TF]", remark):
                assert remark.startswith(repr(found)), (code, found)
                compared += 1
    assert len(blocks) >= 6 and compared >= 11
