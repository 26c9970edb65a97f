"""Rules: what a text means, names, equality, pickling, and the answers of the command for the same rules."""

import copy
import json
import pickle
import warnings
import weakref
from pathlib import Path

import pytest

import nosc

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
POWERSIGN = "exp(sign(g) * sign(m)) * g"


def rule_of(text: str) -> nosc.Rule:
    """A rule whose warnings are of no interest."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nosc.RuleWarning)
        return nosc.Rule(text)


@pytest.mark.parametrize("golden", GOLDEN["rules"], ids=lambda golden: golden["text"][:40])
def test_answers_are_those_of_the_command(golden):
    rule = rule_of(golden["text"])
    for level, canon in golden["canon"].items():
        assert rule.key(level) == canon["key"]
        assert rule.canonical(level) == canon["text"]
    wanted = golden["explain"]
    data = rule.explain_data()
    assert {**data, "name": wanted["name"]} == wanted
    assert rule.formula == wanted["formula"]
    assert rule.parameters == wanted["parameters"]
    assert rule.bytes_per_parameter == wanted["bytes_per_parameter"]
    assert rule.needs_total_steps == wanted["needs_total_steps"]
    assert rule.is_random == (wanted["draws"] > 0)
    states = [(slot.name, slot.formula, not slot.uniform) for slot in rule.states]
    assert states == [(s["name"], s["formula"], s["per_element"]) for s in wanted["states"]]
    if wanted["tokens"] is None:
        with pytest.raises(nosc.NoTokensError, match="no tokens mean"):
            rule.tokens()
    else:
        assert rule.tokens() == wanted["tokens"]
        assert nosc.Rule.from_tokens(rule.tokens()) == rule


def test_an_explanation_is_that_of_the_command():
    assert nosc.rule("lion").explain() == GOLDEN["lion"]


def test_every_way_to_write_a_rule_is_read():
    tokens = "sign_g sign_m id id mul %0 g exp id mul"
    texts = [
        POWERSIGN,
        "{ update = exp(sign(g)*sign(m)) * g }",
        f"[{tokens}]",
        tokens,
        "rule mine = exp(sign(g) * sign(m)) * g  # PowerSign",
    ]
    rules = [nosc.Rule(text) for text in texts] + [nosc.Rule.from_tokens(tokens)]
    assert set(rules) == {nosc.Rule(POWERSIGN)}
    assert [rule.text for rule in rules] == [*texts, tokens]
    assert [rule.name for rule in rules] == ["rule"] * 4 + ["mine", "rule"]


def test_a_name_names_a_rule_or_picks_one():
    assert nosc.Rule("g", name="plain").name == "plain"
    text = "rule a = g\nrule b = exp(ld) * m"
    assert nosc.Rule(text, name="b") == nosc.Rule("exp(ld) * m")
    assert nosc.Rule(text, name="b").name == "b"
    # A rule is usable when another of the text is not.
    assert nosc.Rule("rule a = g\nrule b = sgn(g)", name="a") == nosc.Rule("g")
    for name, message in [("c", "it has a, b"), ("1a", "no name for a rule"), ("", "no name")]:
        with pytest.raises(nosc.RuleError, match=message):
            nosc.Rule(text, name=name)
    with pytest.raises(nosc.RuleError, match="holds 2 rules; say which with `name`, one of a, b"):
        nosc.Rule(text)


def test_files_are_read(tmp_path):
    path = tmp_path / "mine.nos"
    path.write_text("rule a = g\nrule b = m", encoding="utf-8")
    assert nosc.Rule.load(path, name="b") == nosc.Rule("m")
    assert nosc.Rule.load(str(path), name="a").name == "a"
    path.write_text("g * m", encoding="utf-8")
    assert nosc.Rule.load(path).name == "mine"
    path.write_text("rule a = g\nrule b = gg", encoding="utf-8")
    with pytest.raises(nosc.RuleError, match=r"mine\.nos:2:10"):
        nosc.Rule.load(path)
    path.write_bytes(b"g * \xff")
    with pytest.raises(nosc.RuleError, match="not UTF-8"):
        nosc.Rule.load(path)
    with pytest.raises(FileNotFoundError) as caught:
        nosc.Rule.load(tmp_path / "none.nos")
    assert caught.value.filename == str(tmp_path / "none.nos")
    with pytest.raises(IsADirectoryError):
        nosc.Rule.load(tmp_path)


def test_rules_are_equal_where_their_bits_are():
    a, b, c = nosc.Rule("g * m"), nosc.Rule("m * g", name="other"), nosc.Rule("g * m * 2 / 2")
    assert a == b and hash(a) == hash(b) and len({a, b, c}) == 2
    assert a != c and a != "g * m" and a.equivalent(c)
    assert weakref.ref(a)() is a


def test_rules_never_change():
    rule = nosc.Rule("g")
    with pytest.raises(AttributeError):
        rule.name = "other"
    parameters = nosc.Rule("m").parameters
    parameters.clear()
    assert nosc.Rule("m").parameters == {"beta1": 0.9}


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_rules_are_pickled_and_copied(protocol):
    space = "operands = ['g', 'm']\nunary = ['id']\nbinary = ['mul']\n[define.operands]\nslow = 'debias(ema(g, 0.99))'"
    rules = [
        nosc.Rule(POWERSIGN, name="powersign"),
        nosc.rule("adamw"),
        nosc.Rule("rule a = g\nrule b {\n param c = 2\n update = c*m\n}", name="b"),
        *nosc.sample(space, 1, count=5, seed=1),
    ]
    for rule in rules:
        again = pickle.loads(pickle.dumps(rule, protocol))
        assert again == rule
        assert (again.name, again.text, again.formula) == (rule.name, rule.text, rule.formula)
        assert again.parameters == rule.parameters
        assert copy.copy(rule) is rule and copy.deepcopy(rule) is rule


def test_a_rule_shows_itself():
    rule = nosc.Rule("exp(sign(g)*sign(m))*g", name="powersign")
    assert repr(rule) == "Rule('exp(sign(g) * sign(m)) * g', name='powersign')"
    assert str(rule) == "exp(sign(g) * sign(m)) * g"
    assert eval(repr(rule), {"Rule": nosc.Rule}) == rule
    assert repr(nosc.Rule("{ param a = 2; update = a*g }")) == "Rule('{ param a = 2; update = a * g }')"
    assert len(repr(nosc.Rule("+".join(["g"] * 5000)))) < 300


def test_what_may_not_be_meant_is_a_warning():
    with pytest.warns(nosc.RuleWarning, match=r"1e-400 rounds to 0 .*line 1, column 5.*write 0"):
        nosc.Rule("g + 1e-400")
    with pytest.warns(nosc.RuleWarning, match="does not depend on the gradient") as caught:
        nosc.compile("w")
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(nosc.RuleWarning):
            nosc.Rule("w")


def test_the_standard_rules_are_a_mapping():
    rules = nosc.rules()
    assert {"adamw", "lion", "powersign", "sgd"} <= set(rules)
    assert len(rules) == len(list(rules)) > 60
    assert rules["lion"] == nosc.rule("lion") and rules.get("none") is None and "lion" in rules
    assert all(rule.name == name for name, rule in rules.items())
    assert nosc.rule("powersign") == nosc.Rule(POWERSIGN)
    assert nosc.rule("adamw").text.startswith("#")
    with pytest.raises(TypeError):
        rules["mine"] = nosc.Rule("g")
    for name, hint in [("adamww", "did you mean 'adamw'"), ("no such rule", "has all"), ("", "has all")]:
        with pytest.raises(nosc.UnknownRuleError, match=hint) as caught:
            nosc.rule(name)
        assert isinstance(caught.value, KeyError)
