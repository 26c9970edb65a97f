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
    OptimizerError,
    ParameterError,
    Problem,
    RuleError,
    RuleWarning,
    SpaceError,
    StepError,
    UnknownRuleError,
)
from nosc._library import RuleLibrary, rules
from nosc._nosc import (
    Comparison,
    CompiledRule,
    Group,
    Optimizer,
    Rule,
    Slot,
    __version__,
    compile,
    dedup,
    rule,
    sample,
)
from nosc._types import Backend, Level, NonFinite, Rounding

__all__ = [
    "Backend",
    "CheckpointError",
    "Comparison",
    "CompileError",
    "CompiledRule",
    "Group",
    "Level",
    "MissingTotalSteps",
    "NoTokensError",
    "NonFinite",
    "NoscError",
    "Optimizer",
    "OptimizerError",
    "ParameterError",
    "Problem",
    "Rule",
    "RuleError",
    "Rounding",
    "RuleLibrary",
    "RuleWarning",
    "Slot",
    "SpaceError",
    "StepError",
    "UnknownRuleError",
    "__version__",
    "compile",
    "dedup",
    "rule",
    "rules",
    "sample",
]
