"""Comparisons, classes of a list, and samples."""

import os
import random
import subprocess
import sys

import pytest

import nosc
from test_rules import GOLDEN, rule_of


@pytest.mark.parametrize("golden", GOLDEN["eq"], ids=lambda golden: golden["a"])
def test_comparisons_are_those_of_the_command(golden):
    a, b = nosc.Rule(golden["a"]), nosc.Rule(golden["b"])
    for level in ("exact", "real", "scale"):
        wanted = golden["json"][level]
        found = a.equivalent(golden["b"], level)
        assert bool(found) == wanted["equal"]
        assert list(found.keys) == wanted["keys"] == [a.key(level), b.key(level)]
        assert found.counterexample == wanted["counterexample"]
        assert found.level == level and found.rules == (a, b)
    assert str(a.equivalent(b)) == golden["text"]


def test_a_comparison_is_true_or_false():
    adam = nosc.Rule("adam")
    assert adam.equivalent("m / (delta + sqrt(v))")
    assert not adam.equivalent("2*adam") and adam.equivalent("2*adam", "scale")
    assert repr(adam.equivalent("2*adam")) == "<Comparison at real: different>"


def test_classes_of_a_list():
    rules = ["g m id id mul", "m * g", "g", nosc.Rule("g + g"), "[m g id id mul]", "g + g - g"]
    groups = nosc.dedup(rules)
    assert [group.indices for group in groups] == [[0, 1, 4], [2, 5], [3]]
    assert [group.rule.text for group in groups] == ["g m id id mul", "g", "g + g"]
    assert [group.key for group in groups] == [group.rule.key() for group in groups]
    assert [len(group) for group in groups] == [3, 2, 1]
    assert [group.indices for group in nosc.dedup(rules, "scale")] == [[0, 1, 4], [2, 3, 5]]
    assert [group.indices for group in nosc.dedup(iter(rules), "exact")] == [[0, 1, 4], [2], [3], [5]]
    assert nosc.dedup([]) == []


def test_classes_do_not_depend_on_order_or_threads():
    texts = [rule.text for rule in nosc.sample("small", (1, 2), count=20_000, seed=9)]
    groups = {group.key: [texts[i] for i in group.indices] for group in nosc.dedup(t for t in texts)}
    assert sum(len(group) for group in groups.values()) == len(texts)
    assert len(groups) < 0.6 * len(texts)
    for text in texts[:300]:
        assert text in groups[rule_of(text).key()]
    shuffled = texts[:]
    random.Random(3).shuffle(shuffled)
    again = {group.key: sorted(shuffled[i] for i in group.indices) for group in nosc.dedup(shuffled)}
    assert again == {key: sorted(group) for key, group in groups.items()}


def test_a_list_with_a_mistake():
    with pytest.raises(nosc.RuleError, match="item 2: unknown name `h`") as caught:
        nosc.dedup(["g", "m", "h", "hh"])
    assert caught.value.problems[0].message == "unknown name `h`"
    # The first one, wherever threads are.
    texts = ["g"] * 9_000
    texts[700], texts[8_900] = "h", "hh"
    with pytest.raises(nosc.RuleError, match="item 700: "):
        nosc.dedup(texts)
    with pytest.raises(TypeError, match="item 1 of the iterable: expected a Rule or its text, found int"):
        nosc.dedup(["g", 3])
    with pytest.raises(TypeError, match="put it in a list"):
        nosc.dedup("g * m")
    with pytest.raises(TypeError):
        nosc.dedup(3)

    def broken():
        yield "g"
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        nosc.dedup(broken())


@pytest.mark.parametrize("golden", GOLDEN["sample"], ids=range(len(GOLDEN["sample"])))
def test_samples_are_those_of_the_command(golden):
    arguments = dict(golden["arguments"])
    if isinstance(arguments.get("n"), list):
        arguments["n"] = tuple(arguments["n"])
    rules = nosc.sample(**arguments)
    assert [rule.text for rule in rules] == golden["strings"]
    assert all(rule == rule_of(rule.text) for rule in rules)


def test_a_sample_goes_on_where_another_ended():
    whole = nosc.sample(count=30, seed=2)
    parts = nosc.sample(count=10, seed=2) + nosc.sample(count=20, seed=2, start=10)
    assert [rule.text for rule in whole] == [rule.text for rule in parts]


SPACE = """
operands = ["g", "m"]
unary = ["id", "sign"]
binary = ["mul"]
groups = 1
[define.operands]
slow = "debias(ema(g, 0.99))"
"""


def test_spaces_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SPACE, encoding="utf-8")
    by_text = nosc.sample(SPACE, count=50)
    for space in (path, str(path)):
        assert [rule.text for rule in nosc.sample(space, count=50)] == [rule.text for rule in by_text]
    with_own = [rule for rule in by_text if "slow" in rule.text]
    assert with_own and all("ema(g, 0.99)" in rule.formula for rule in with_own)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"space": "papers"}, nosc.SpaceError, "did you mean 'paper'"),
        ({"space": "nowhere"}, nosc.SpaceError, "give paper, small, a file"),
        ({"space": "operands = ['gg']\nunary=['id']\nbinary=['mul']"}, nosc.SpaceError, "space:1:13"),
        ({"space": "/no/such.toml"}, FileNotFoundError, "No such file"),
        ({"space": 3}, TypeError, "PathLike"),
        ({"space": "= " * 3_000_000}, nosc.SpaceError, "at most 4194304 bytes"),
        ({"n": 40}, nosc.SpaceError, "1 to 32 groups, found 40"),
        ({"n": (3, 1)}, nosc.SpaceError, "found 3 to 1"),
        ({"n": "2"}, TypeError, "number of groups"),
        ({"count": -1}, OverflowError, "negative"),
        ({"count": 10**9}, ValueError, "in parts, with `start`"),
        ({"seed": 2**64}, OverflowError, "too big"),
        ({"constraints": "reus"}, ValueError, "did you mean `reuse`"),
        ({"space": "small", "n": 1, "count": 10**6, "distinct": True}, nosc.SpaceError, "has 4200 such strings"),
    ],
    ids=range(14),
)
def test_mistakes_in_a_sample(arguments, error, message):
    with pytest.raises(error, match=message):
        nosc.sample(**arguments)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_list_is_worked_on_after_a_fork(tmp_path):
    program = """
import os, warnings, nosc
warnings.simplefilter("ignore")
texts = [rule.text for rule in nosc.sample("small", 1, count=5000)]
groups = len(nosc.dedup(texts))
child = os.fork()
if child == 0:
    os._exit(0 if len(nosc.dedup(texts)) == groups and nosc.compile("g * m").slots else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=tmp_path)
