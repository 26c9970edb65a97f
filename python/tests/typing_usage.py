"""What a program with types looks like; `mypy --strict` reads it, and it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nosc


def rules() -> Iterator[nosc.Rule | str]:
    yield nosc.Rule("exp(sign(g) * sign(m)) * g", name="powersign")
    yield nosc.Rule.from_tokens("g m id sign mul")
    yield nosc.rules()["lion"]
    yield "g * m"


def explain(rule: nosc.Rule, level: nosc.Level = "real") -> tuple[str, int, dict[str, float]]:
    same: nosc.Comparison = rule.equivalent("g", level)
    key: str = rule.key(level) if not same else rule.canonical(level)
    return key, rule.bytes_per_parameter, rule.parameters


def compiled(rule: nosc.Rule | str, backend: nosc.Backend = "auto") -> list[str]:
    try:
        ready: nosc.CompiledRule = nosc.compile(rule, backend=backend)
    except nosc.RuleError as error:
        return [f"{problem.line}:{problem.column}: {problem.message}" for problem in error.problems]
    return [slot.name for slot in ready.slots if not slot.uniform]


def main(folder: Path | None = None) -> int:
    groups: list[nosc.Group] = nosc.dedup(rules(), "scale")
    for group in groups:
        explain(group.rule)
        compiled(group.rule)
    sampled: list[nosc.Rule] = nosc.sample("paper", (1, 2), count=3, seed=1)
    if folder is not None:
        sampled.append(nosc.Rule.load(folder / "rule.nos"))
    return len(groups) + len(sampled)


if __name__ == "__main__":
    print(main())
