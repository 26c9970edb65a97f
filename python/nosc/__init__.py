"""Update rules for neural-network optimizers: read, compared, explained and compiled.

>>> import nosc
>>> rule = nosc.Rule("exp(sign(g) * sign(m)) * g")
>>> rule.bytes_per_parameter
4
"""

from nosc._errors import (
    CheckpointError,
    CompileError,
    MissingTotalSteps,
    NoscError,
    NoTokensError,
    ParameterError,
    Problem,
    RuleError,
    RuleWarning,
    SpaceError,
    StepError,
    UnknownRuleError,
)
from nosc._nosc import CompiledRule, Optimizer, Rule, Slot, __version__, compile

__all__ = [
    "CheckpointError",
    "CompileError",
    "CompiledRule",
    "MissingTotalSteps",
    "NoTokensError",
    "NoscError",
    "Optimizer",
    "ParameterError",
    "Problem",
    "Rule",
    "RuleError",
    "RuleWarning",
    "Slot",
    "SpaceError",
    "StepError",
    "UnknownRuleError",
    "__version__",
    "compile",
]
