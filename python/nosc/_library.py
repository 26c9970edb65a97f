"""The standard rules as a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nosc._nosc import Rule, _standard_names, rule


class RuleLibrary(Mapping[str, Rule]):
    """The standard rules by name: optimizers of torch.optim, Lion and others, and all rules of the paper."""

    def __getitem__(self, name: str) -> Rule:
        return rule(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_standard_names())

    def __len__(self) -> int:
        return len(_standard_names())

    def __repr__(self) -> str:
        return f"<RuleLibrary: {', '.join(self)}>"


_LIBRARY = RuleLibrary()


def rules() -> RuleLibrary:
    """The standard rules by name, to read: `nosc.rules()["adamw"]`."""
    return _LIBRARY
