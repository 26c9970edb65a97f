"""Standard rules under the names that people know. Parameters and their defaults are those of the rules.

Each class takes the options of `nosc.torch.Optimizer`; where torch has a class of the same name, trajectories are
compared with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

import nosc
from nosc._errors import ParameterError
from nosc.torch._optimizer import Optimizer


def _decayed(base: str, decay: str | None) -> nosc.Rule:
    suffix = {None: "", "linear": "_ld", "cosine": "_cd", "restart10": "_rd10", "restart20": "_rd20"}
    if decay not in suffix:
        known = ", ".join(repr(name) for name in suffix)
        raise ParameterError(f"decay is {decay!r}, expected one of {known}")
    return nosc.rule(base + suffix[decay])


class PowerSign(Optimizer):
    """`e^(f(t) sign(g) sign(m)) * g` (Bello et al. 2017). `decay` is f: None for 1, "linear", "cosine", "restart10" or
    "restart20"; all but None need `total_steps`."""

    _choices = ("decay",)

    def __init__(self, params: Iterable[Any], lr: float | Tensor, *, decay: str | None = None, **options: Any) -> None:
        super().__init__(params, _decayed("powersign", decay), lr, **options)


class AddSign(Optimizer):
    """`(1 + f(t) sign(g) sign(m)) * g` (Bello et al. 2017), with the decays of `PowerSign`."""

    _choices = ("decay",)

    def __init__(self, params: Iterable[Any], lr: float | Tensor, *, decay: str | None = None, **options: Any) -> None:
        super().__init__(params, _decayed("addsign", decay), lr, **options)


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum where it is not 0; `nesterov` as in torch."""

    _choices = ("momentum", "dampening", "nesterov")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        **options: Any,
    ) -> None:
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ParameterError("nesterov needs a momentum and no dampening")
        if momentum == 0:
            super().__init__(params, nosc.rule("sgd"), lr, weight_decay=weight_decay, **options)
            return
        rule = nosc.rule("nesterov" if nesterov else "momentum")
        super().__init__(
            params, rule, lr, weight_decay=weight_decay, momentum=momentum, dampening=dampening, **options
        )


class RMSprop(Optimizer):
    """Tieleman and Hinton's RMSprop with torch's options."""

    _choices = ("momentum", "centered")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1e-2,
        *,
        momentum: float = 0.0,
        centered: bool = False,
        **options: Any,
    ) -> None:
        name = "rmsprop" + ("_centered" if centered else "") + ("_momentum" if momentum else "")
        if momentum:
            options["momentum"] = momentum
        super().__init__(params, nosc.rule(name), lr, **options)


class _Standard(Optimizer):
    """A standard rule under its own name."""

    _name: str
    _lr: float

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor | None = None,
        betas: tuple[float, ...] | None = None,
        **options: Any,
    ) -> None:
        self._start(params, nosc.rule(self._name), lr, betas, options)

    def _start(
        self,
        params: Iterable[Any],
        rule: nosc.Rule,
        lr: float | Tensor | None,
        betas: tuple[float, ...] | None,
        options: dict[str, Any],
    ) -> None:
        known = rule.parameters
        if betas is not None:
            options["betas"] = betas
        if "beta1" in known and "beta2" in known and not any(name in options for name in ("beta1", "beta2", "betas")):
            # One key, as torch's classes have it and its schedulers look for it.
            options["betas"] = known["beta1"], known["beta2"]
        Optimizer.__init__(self, params, rule, self._lr if lr is None else lr, **options)


class _WithLargest(_Standard):
    """A rule that with `amsgrad` divides by the largest second moment so far."""

    _choices = ("amsgrad",)
    _largest: nosc.Rule

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor | None = None,
        betas: tuple[float, ...] | None = None,
        *,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        rule = self._largest if amsgrad else nosc.rule(self._name)
        self._start(params, rule, lr, betas, options)


class Adam(_WithLargest):
    """Kingma and Ba 2015; with `amsgrad` the rule of `AMSGrad`."""

    _name, _lr = "adam", 1e-3
    _largest = nosc.rule("amsgrad")


class AMSGrad(_Standard):
    """Adam with the largest second moment so far (Reddi, Kale and Kumar 2018)."""

    _name, _lr = "amsgrad", 1e-3


class AdamW(_WithLargest):
    """Adam with decoupled weight decay, 0.01 by default (Loshchilov and Hutter 2019); with `amsgrad` the rule `amsgradw`."""

    _name, _lr = "adamw", 1e-3
    _largest = nosc.rule("amsgradw")


class Adamax(_Standard):
    """Adam by the infinity norm (Kingma and Ba 2015)."""

    _name, _lr = "adamax", 2e-3


class NAdam(_Standard):
    """Adam with Nesterov's momentum (Dozat 2016)."""

    _name, _lr = "nadam", 2e-3


class RAdam(_Standard):
    """Rectified Adam (Liu et al. 2020)."""

    _name, _lr = "radam", 1e-3


class AdaBelief(_Standard):
    """Zhuang et al. 2020."""

    _name, _lr = "adabelief", 1e-3


class Adagrad(_Standard):
    """Duchi, Hazan and Singer 2011."""

    _name, _lr = "adagrad", 1e-2


class Adadelta(_Standard):
    """Zeiler 2012."""

    _name, _lr = "adadelta", 1.0


class Rprop(_Standard):
    """Riedmiller and Braun 1993. `etas` and `step_sizes` are two parameters each of the rule, as torch has them."""

    _choices = ("etas", "step_sizes")
    _name, _lr = "rprop", 1e-2

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor | None = None,
        *,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        **options: Any,
    ) -> None:
        names = ("eta_minus", "eta_plus", "step_min", "step_max")
        given = dict(zip(names, (*etas, *step_sizes), strict=True))
        super().__init__(params, lr, **{**given, **options})


class Lion(_Standard):
    """Chen et al. 2023."""

    _name, _lr = "lion", 1e-4


class Signum(_Standard):
    """The sign of the momentum (Bernstein et al. 2018)."""

    _name, _lr = "signum", 1e-3
