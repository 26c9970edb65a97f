"""Any update rule as a `torch.optim.Optimizer`: one fused, compiled step, no build and no recompiling.

>>> import nosc.torch
>>> optimizer = nosc.torch.Optimizer(model.parameters(), "exp(sign(g) * sign(m)) * g", lr=0.01)  # doctest: +SKIP
>>> optimizer = nosc.torch.Lion(model.parameters(), lr=1e-4, weight_decay=0.1)                    # doctest: +SKIP
"""

from nosc.torch._named import (
    AMSGrad,
    AdaBelief,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Adamax,
    AddSign,
    Lion,
    NAdam,
    PowerSign,
    RAdam,
    RMSprop,
    Rprop,
    SGD,
    Signum,
)
from nosc.torch._optimizer import Optimizer

__all__ = [
    "AMSGrad",
    "AdaBelief",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "AddSign",
    "Lion",
    "NAdam",
    "Optimizer",
    "PowerSign",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SGD",
    "Signum",
]
