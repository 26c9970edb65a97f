"""Mistakes: typed, with their places, and never a panic."""

import pickle
from pathlib import Path

import pytest

import nosc


def test_the_text_of_a_mistake_is_what_the_terminal_shows():
    with pytest.raises(nosc.RuleError) as caught:
        nosc.Rule("rule a = g\nrule b = exp(sgn(g)) * h")
    error = caught.value
    assert isinstance(error, ValueError) and isinstance(error, nosc.NoscError)
    assert type(error).__module__ == "nosc"
    text = str(error)
    assert text.startswith("unknown function `sgn` (and 1 more error)\n\n")
    assert "[rule:2:14]" in text and "did you mean `sign`?" in text and "\x1b" not in text
    first, second = error.problems
    assert (first.code, first.severity) == ("nosc::unknown_function", "error")
    assert (first.message, first.help) == ("unknown function `sgn`", "did you mean `sign`?")
    assert (first.line, first.column, first.span) == (2, 14, (24, 27))
    assert error.text[first.start : first.end] == "sgn"
    assert error.text[slice(*second.span)] == "h"


def test_places_count_characters():
    with pytest.raises(nosc.RuleError) as caught:
        nosc.Rule("β1 · gg")
    [problem] = caught.value.problems
    assert (problem.column, problem.span) == (6, (5, 7))
    assert caught.value.text[5:7] == "gg"


def test_mistakes_are_pickled():
    with pytest.raises(nosc.RuleError) as caught:
        nosc.Rule("g * h")
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value) and again.problems == caught.value.problems


def test_the_name_of_a_standard_rule_is_no_formula():
    with pytest.raises(nosc.RuleError, match=r"nosc\.rule\('powersign'\) is the standard rule"):
        nosc.compile("powersign")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "nosc::no_rule"),
        ("g +", "nosc::expected"),
        ("g m id id mull", "nosc::unknown_token"),
        ("(" * 100_000, "nosc::nesting_too_deep"),
        ("-" * 100_000 + "g", "nosc::rule_too_large"),
        ("g + " * 2_000_000 + "g", "nosc::file_too_large"),
        ("g\0", "nosc::unexpected_character"),
        ("ema(" * 100 + "g" + ", 0.9)" * 100, None),
        ("+".join(f"g^{i}.5" for i in range(20_000)), "nosc::rule_too_large"),
    ],
    ids=range(9),
)
def test_no_text_is_more_than_a_mistake(text, code):
    if code is None:
        assert nosc.compile(text).rule.bytes_per_parameter == 400
        return
    with pytest.raises(nosc.RuleError) as caught:
        nosc.Rule(text)
    assert caught.value.problems[0].code == code
    assert len(str(caught.value)) < 20_000


def test_the_longest_list_of_mistakes_is_cut():
    with pytest.raises(nosc.RuleError, match=r"\.\.\. and 90 more: see `problems`") as caught:
        nosc.Rule("\n".join(f"rule r{i} = h{i}" for i in range(500)))
    assert len(caught.value.problems) == 100


@pytest.mark.parametrize("call", [nosc.Rule, nosc.compile, nosc.rule, nosc.Rule.from_tokens])
def test_texts_that_are_none(call):
    for wrong in [None, 3, b"g", ["g"], object()]:
        with pytest.raises(TypeError):
            call(wrong)
    # A lone surrogate is no text in UTF-8.
    with pytest.raises(UnicodeError):
        call("g * \ud800")


def test_arguments_that_are_none_of_those_that_may_be():
    rule = nosc.Rule("g")
    for level in ["reel", "", "Real"]:
        for call in [rule.key, rule.canonical, lambda level: rule.equivalent("g", level)]:
            with pytest.raises(ValueError, match="no level: exact, real or scale"):
                call(level)
    with pytest.raises(ValueError, match="unknown back end `gpu`, expected auto, wide"):
        nosc.compile("g", backend="gpu")
    with pytest.raises(TypeError):
        nosc.compile("g", "auto")
    with pytest.raises(TypeError):
        rule.equivalent(3)
    with pytest.raises(nosc.RuleError):
        rule.equivalent("h")


def test_exceptions_are_of_one_family():
    classes = [value for value in vars(nosc).values() if isinstance(value, type)]
    errors = [value for value in classes if issubclass(value, Exception)]
    assert len(errors) == 12
    family = [value for value in errors if not issubclass(value, Warning)]
    assert all(issubclass(value, nosc.NoscError) for value in family)
    assert issubclass(nosc.MissingTotalSteps, (nosc.StepError, ValueError))


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="the system has no file without an end")
def test_files_without_an_end_are_refused():
    with pytest.raises(nosc.RuleError, match="the file is no text"):
        nosc.Rule.load("/dev/zero")
    with pytest.raises(nosc.SpaceError, match="more than 4194304 bytes"):
        nosc.sample("/dev/zero")
