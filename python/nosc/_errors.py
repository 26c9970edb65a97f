"""Exceptions and warnings of nosc. Each is also what Python itself would raise for such a mistake."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Problem:
    """A mistake in a text, or what may be one."""

    code: str
    """Stable name of the cause, `nosc::...`; docs/errors.md has all."""
    severity: Literal["error", "warning"]
    """Whether the text is refused."""
    message: str
    """What is wrong."""
    line: int
    """Line of the text, from 1."""
    column: int
    """Column in characters, from 1."""
    start: int
    """The first character of the place in the text, from 0."""
    end: int
    """One past the last character of the place."""
    help: str | None = None
    """The way out, where there is one."""

    @property
    def span(self) -> tuple[int, int]:
        """`start` and `end`: the place in the text is `text[start:end]`."""
        return (self.start, self.end)


class NoscError(Exception):
    """Whatever nosc refuses."""

    # A KeyError would show its text in quotes.
    __str__ = Exception.__str__


class RuleError(NoscError, ValueError):
    """A text is no rule. The message shows where, and what to do."""

    problems: list[Problem]
    """All that was found, in the order of the text."""
    text: str
    """What the places point into: the text, with brackets around bare tokens."""

    def __init__(self, message: str, problems: Iterable[Problem] = (), text: str = "") -> None:
        super().__init__(message)
        self.problems = list(problems)
        self.text = text


class UnknownRuleError(NoscError, KeyError):
    """No standard rule has this name."""


class NoTokensError(NoscError, ValueError):
    """No string of the paper's tokens means the rule."""


class SpaceError(NoscError, ValueError):
    """A text is no search space, or a space has no such strings."""


class CompileError(NoscError):
    """A rule is too large, or the back end that was asked for does not take it."""


class ParameterError(NoscError, ValueError):
    """A rule has no parameter of this name, or the value is not finite."""


class OptimizerError(NoscError, RuntimeError):
    """No optimizer could be made: no memory for its states, no threads, no such GPU."""


class StepError(NoscError):
    """A step did not happen; nothing has changed."""


class MissingTotalSteps(StepError, ValueError):
    """The rule uses a decay or T, and the total number of steps was not given."""


class CheckpointError(NoscError, ValueError):
    """A file is no checkpoint of this rule for these arrays, or could not be read or written."""


class RuleWarning(UserWarning):
    """A rule can be used, but may not mean what was meant."""


# Where people find them.
for _class in list(globals().values()):
    if isinstance(_class, type) and _class.__module__ == __name__:
        _class.__module__ = "nosc"
del _class
