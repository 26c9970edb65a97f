"""Names for what arguments may be."""

from __future__ import annotations

from typing import Literal

Level = Literal["exact", "real", "scale"]
"""How much two rules must share to be one: the same bits, the same values, the same values up to a positive factor."""

Backend = Literal["auto", "wide", "cranelift", "interpreter"]
"""What runs a rule on the processor."""

NonFinite = Literal["propagate", "skip", "error"]
"""What a step does about gradients that are infinite or NaN."""

Rounding = Literal["nearest", "stochastic"]
"""How parameters of 16 bits are rounded."""
