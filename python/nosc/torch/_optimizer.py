"""Any update rule as an optimizer of PyTorch."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

import nosc
from nosc._errors import MissingTotalSteps, ParameterError, StepError
from nosc._nosc import Prepared, Stepper
from nosc._types import Backend, NonFinite, Rounding
from nosc.torch import _tensors

_BETAS = ("beta1", "beta2", "beta3")
# Keys of a group that are not parameters of a rule.
_RESERVED = frozenset(
    {
        "params", "param_names", "rule", "key", "lr", "initial_lr", "betas", "total_steps", "seed", "weight_decay",
        "decoupled_weight_decay", "maximize", "foreach", "fused", "capturable", "differentiable",
    }
)  # fmt: skip


_ARGUMENTS = frozenset(_RESERVED - {"params", "param_names", "rule", "key", "initial_lr"})


class _Kept:
    """A state on its way through `torch.optim.Optimizer.load_state_dict`, which would round it to the type of the
    parameter."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _rule(rule: nosc.Rule | nosc.CompiledRule | str | os.PathLike[str]) -> nosc.Rule:
    if isinstance(rule, nosc.CompiledRule):
        return rule.rule
    if isinstance(rule, os.PathLike):
        return nosc.Rule.load(rule)
    # No formula ends so, but a remark in a text of rules may.
    if isinstance(rule, str) and rule.endswith(".nos") and not any(character in rule for character in "\n#"):
        return nosc.Rule.load(rule)
    return rule if isinstance(rule, nosc.Rule) else nosc.Rule(rule)


class Optimizer(torch.optim.Optimizer):
    r"""Moves parameters by an update rule: :math:`w \leftarrow w - \mathrm{lr} \cdot schedule \cdot update`.

    Args:
        params: parameters, named parameters, or groups of them, each with options of its own; `rule` is one of those.
        rule: a formula such as ``"exp(sign(g) * sign(m)) * g"``, a `nosc.Rule`, or the path of a file (`.nos`).
        lr: learning rate, a number or a tensor of one.
        total_steps: T, for rules with a decay (`ld`, `cd`, `rd`) or `T`.
        seed: of all random draws of the rule.
        weight_decay: of the rule if it has such a parameter; else one that nosc adds, to the gradient (L2) or, with
            `decoupled_weight_decay`, to the update. Terms with `w` in a rule are part of the rule, not this.
        maximize: the loss is to grow.
        betas: `beta1`, `beta2` and perhaps `beta3` of the rule as one key of the groups, for schedulers that cycle it.
        foreach, fused: accepted, since one fused step is all there is; with `fused=True` a `GradScaler` leaves it to the
            step to divide gradients, which then stay scaled. `capturable` and `differentiable` are refused.
        threads: of a step on the processor; None for one a core. Results do not depend on it.
        rounding: "nearest" or "stochastic", of parameters of 16 bits.
        non_finite: "propagate", "skip" or "error": what a gradient that is infinite or NaN does to the step of its group.
        backend: as for `nosc.compile`.
        rule_params: parameters of the rule; they and all of the above but the last four are keys of the groups, may be
            changed between steps, and are never compiled in.

    States have the names that `nosc.Rule.states` gives, are float32 whatever the parameters are, and stand in
    `state[p]` with `step`. A step changes parameters and states in place, without Python's lock: no other thread may use
    them meanwhile.
    """

    def __init__(
        self,
        params: Iterable[Any],
        rule: nosc.Rule | nosc.CompiledRule | str | os.PathLike[str],
        lr: float | Tensor = 1e-3,
        *,
        total_steps: int | None = None,
        seed: int = 0,
        weight_decay: float | None = None,
        decoupled_weight_decay: bool = False,
        maximize: bool = False,
        betas: tuple[float, ...] | None = None,
        foreach: bool | None = None,
        fused: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        threads: int | None = None,
        rounding: Rounding = "nearest",
        non_finite: NonFinite = "propagate",
        backend: Backend = "auto",
        **rule_params: float,
    ) -> None:
        if differentiable:
            raise NotImplementedError("a step of nosc is not differentiable: torch.func or nosc's export to torch is")
        if capturable:
            raise NotImplementedError("steps of nosc cannot be captured by torch.cuda.graph: leave out capturable")
        self._options: dict[str, Any] = {"threads": threads, "rounding": rounding, "non_finite": non_finite, "backend": backend}
        if threads is not None and not (hasattr(threads, "__index__") and 1 <= int(threads) <= 1024):
            raise ValueError(f"threads is {threads!r}, expected None or a whole number from 1 to 1024")
        self._steppers: dict[tuple[int, str], tuple[Stepper, tuple[str, ...]]] = {}
        self._made: list[tuple[Tensor, dict[str, Any] | None]] = []
        rule = _rule(rule)
        self._check_names(rule, rule_params)
        if betas is not None and not isinstance(betas, (tuple, list)):
            raise TypeError(f"betas is {betas!r}, expected a tuple of numbers")
        if betas is not None and any(name in rule_params for name in _BETAS[: len(betas)]):
            raise ParameterError("betas and beta1 or beta2: give one of them")
        self._given = dict(rule_params)
        defaults: dict[str, Any] = {
            "lr": lr,
            "rule": rule,
            "total_steps": total_steps,
            "seed": seed,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "fused": fused,
            "capturable": False,
            "differentiable": False,
        }
        if betas is not None:
            defaults["betas"] = tuple(betas)
            self._check_betas(rule, tuple(betas))
        super().__init__(params, defaults)
        # What a group without options of its own would have, for schedulers that look.
        values = self._values(rule, {"betas": betas} if betas is not None else {}, self._given)
        if weight_decay is not None:
            values.pop("weight_decay", None)
        self.defaults = {**defaults, "rule": rule.formula, "key": rule.key("exact"), **values}
        # As in torch: then a GradScaler hands over its scale, and leaves it to the step to divide by it.
        self._step_supports_amp_scaling = bool(fused)

    # Groups

    _choices: tuple[str, ...] = ()
    """Arguments of a class that choose its rule, and so are none of a group's."""

    def _check_names(self, rule: nosc.Rule, given: dict[str, float]) -> None:
        known = rule.parameters
        for name in known:
            if name in _RESERVED and name != "weight_decay":
                raise ParameterError(f"the rule has a parameter `{name}`, which means something else here: rename it")
        for name in given:
            if name not in known:
                options = {*known, *_ARGUMENTS, *self._choices}
                meant = difflib.get_close_matches(name, options, 1)
                hint = f" (did you mean `{meant[0]}`?)" if meant else ""
                names = ", ".join(sorted(known)) or "none"
                raise ParameterError(f"the rule has no parameter `{name}`{hint}; it has: {names}")

    @staticmethod
    def _values(rule: nosc.Rule, group: dict[str, Any], given: dict[str, float]) -> dict[str, float]:
        """The parameters of a rule that a group has no value of."""
        covered = _BETAS[: len(group["betas"])] if "betas" in group else ()
        values = {}
        for name, default in rule.parameters.items():
            if name not in covered and group.get(name) is None:
                values[name] = given.get(name, default)
        return values

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group of parameters, with options and perhaps a rule of its own."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = dict(param_group)
        if "rule" not in group:
            self._check_choices(group, _rule(self.defaults["rule"]).parameters)
        rule = _rule(group.get("rule", self.defaults["rule"]))
        self._check_names(rule, {})
        group["rule"], group["key"] = rule.formula, rule.key("exact")
        for name, value in self.defaults.items():
            if name in _RESERVED and name not in ("rule", "key", "betas"):
                group.setdefault(name, value)
        self._take_betas(rule, group)
        group.update(self._values(rule, group, self._given))
        if group["weight_decay"] is None:
            group["weight_decay"] = 0.0
        self._check_group(rule, group)
        self._check_numbers(group)
        complete = set(group)
        super().add_param_group(group)
        # Betas and parameters that the rules of other groups have are not this one's.
        for name in set(self.defaults) - complete:
            group.pop(name, None)

    def _check_choices(self, group: dict[str, Any], known: Iterable[str]) -> None:
        for name in self._choices:
            if name in group and name not in known:
                raise ParameterError(
                    f"`{name}` chooses the rule of {type(self).__name__}, for all groups when it is made: "
                    "give it there, or give the group a `rule`"
                )

    def _take_betas(self, rule: nosc.Rule, group: dict[str, Any]) -> None:
        """The betas of the defaults, for a rule that has them; a beta that the group names itself goes before."""
        betas = self.defaults.get("betas")
        if betas is None or "betas" in group:
            return
        by_name = dict(zip(_BETAS, betas, strict=False))
        if any(name in group for name in by_name):
            group.update({name: value for name, value in by_name.items() if name in rule.parameters and name not in group})
        elif all(name in rule.parameters for name in by_name):
            group["betas"] = betas

    @staticmethod
    def _check_group(rule: nosc.Rule, group: dict[str, Any]) -> None:
        if rule.needs_total_steps and group["total_steps"] is None:
            raise MissingTotalSteps("the rule uses a decay or T: give total_steps, the number of all steps")
        for name in ("lr", "weight_decay"):
            if isinstance(group[name], (str, bytes)):
                raise TypeError(f"{name} is {group[name]!r}, expected a number")
        if isinstance(group["lr"], Tensor) and group["lr"].numel() != 1:
            raise ValueError(f"the learning rate is a tensor of {group['lr'].numel()} elements, expected one")
        if not float(group["lr"]) >= 0.0:
            raise ValueError(f"the learning rate is {group['lr']}, expected a number of at least 0")
        if not float(group["weight_decay"]) >= 0.0:
            raise ValueError(f"weight_decay is {group['weight_decay']}, expected a number of at least 0")
        if "weight_decay" in rule.parameters and group["decoupled_weight_decay"]:
            raise ParameterError("the rule has a weight_decay of its own: decoupled_weight_decay is for rules without")
        if "betas" in group:
            Optimizer._check_betas(rule, group["betas"])
        for name, least, most in (("total_steps", 1, 2**63 - 1), ("seed", 0, 2**64 - 1)):
            value = group[name]
            if value is None and name == "total_steps":
                continue
            if not (hasattr(value, "__index__") and least <= int(value) <= most):
                raise ValueError(f"{name} is {value!r}, expected a whole number from {least} to {most}")

    @staticmethod
    def _check_betas(rule: nosc.Rule, betas: tuple[float, ...]) -> None:
        if len(betas) > len(_BETAS) or not all(name in rule.parameters for name in _BETAS[: len(betas)]):
            names = ", ".join(rule.parameters) or "none"
            raise ParameterError(f"betas {betas} for a rule with the parameters: {names}")

    def _check_numbers(self, group: dict[str, Any]) -> None:
        """Raises what a step would raise for the parameters of the rule, by one over nothing."""
        stepper, names = self._stepper(group, len(self.param_groups))
        nothing = torch.empty(0, device="cpu")
        nothing.grad = torch.empty(0, device="cpu")
        state = {nothing: _tensors.new_states([nothing], *stepper.names)[0]}
        numbers, arguments = self._numbers(group, names), self._arguments(group, names, 1.0)
        prepared = stepper.prepare([nothing], state, self, 0, numbers, arguments)
        try:
            if prepared is not None:
                prepared.check()
        except MissingTotalSteps:
            raise
        except StepError as error:
            raise ParameterError(str(error)) from None

    # Steps

    def _stepper(self, group: dict[str, Any], index: int) -> tuple[Stepper, tuple[str, ...]]:
        """What steps over the group of a number: each has its own, which keeps lists of the group's tensors."""
        text = group["rule"]
        if not isinstance(text, str):
            text = group["rule"] = _rule(text).formula
        known = self._steppers.get((index, text))
        if known is None:
            rule, options = nosc.Rule(text), self._options
            if rule.key("exact") != group["key"]:
                raise StepError(
                    "the rule of a group was changed: put it back, or make an optimizer with the other rule "
                    "(states of one rule are not those of another)"
                )
            compiled = nosc.compile(rule, backend=options["backend"])
            stepper = Stepper(
                compiled,
                _tensors,
                threads=options["threads"],
                non_finite=options["non_finite"],
                rounding=options["rounding"],
            )
            known = self._steppers[index, text] = stepper, tuple(rule.parameters)
        return known

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Moves all parameters that have gradients by one step; returns what `closure` returns.

        All groups move or none does: what a step refuses it refuses before anything changes.
        """
        # Dynamo has nothing to trace here; what keeps it out takes some microseconds.
        if torch.compiler.is_compiling():
            return self._step_untraced(closure)
        return self._step(closure)

    @torch._disable_dynamo  # type: ignore[attr-defined]
    def _step_untraced(self, closure: Callable[[], Any] | None) -> Any:
        return self._step(closure)

    @torch.no_grad()
    def _step(self, closure: Callable[[], Any] | None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        found_inf, grad_scale = getattr(self, "found_inf", None), getattr(self, "grad_scale", None)
        if found_inf is not None and float(found_inf) != 0.0:
            return loss
        scale = 1.0 if grad_scale is None else float(grad_scale)
        try:
            ready = self._prepared(scale)
        except BaseException:
            # States that were made for a step that does not happen.
            for param, before in self._made:
                if before is None:
                    del self.state[param]
                else:
                    self.state[param] = before
            self._made.clear()
            raise
        self._made.clear()
        for prepared in ready:
            if prepared.run():
                for param, moved in prepared.write_back:
                    _tensors.local(param).copy_(moved)
                _tensors.mark_changed(prepared.parameters)
        return loss

    def _prepared(self, scale: float) -> list[Prepared]:
        """The steps of all groups, which have been checked where there are several."""
        ready = []
        first_id = 0
        for index, group in enumerate(self.param_groups):
            params = group["params"]
            stepper, names = self._stepper(group, index)
            if self._choices:
                self._check_choices(group, names)
            try:
                numbers, arguments = self._numbers(group, names), self._arguments(group, names, scale)
            except (KeyError, TypeError, ValueError, RuntimeError) as error:
                raise _unfit(group, names) from error
            try:
                prepared = stepper.prepare(params, self.state, self, first_id, numbers, arguments)
            except OverflowError:
                raise ParameterError(
                    f"seed {group['seed']!r} or total_steps {group['total_steps']!r} is no whole number in range"
                ) from None
            first_id += len(params)
            if prepared is not None:
                ready.append(prepared)
        if any(prepared.write_back for prepared in ready):
            _tensors.check_apart([param for prepared in ready for param in prepared.parameters])
        if len(ready) > 1 or any(prepared.is_mixed for prepared in ready):
            for prepared in ready:
                prepared.check()
        return ready

    @staticmethod
    def _numbers(group: dict[str, Any], names: tuple[str, ...]) -> tuple[list[float], int | None, int]:
        covered = dict(zip(_BETAS, group.get("betas") or (), strict=False))
        if any(name in group for name in covered):
            raise ValueError("a beta beside betas")
        values = [float(covered[name] if name in covered else group[name]) for name in names]
        return values, group["total_steps"], group["seed"]

    @staticmethod
    def _arguments(
        group: dict[str, Any], names: tuple[str, ...], scale: float
    ) -> tuple[float, float, bool, float | None, bool]:
        decay = group["weight_decay"]
        added = float(decay) if decay and "weight_decay" not in names else None
        return float(group["lr"]), scale, bool(group["maximize"]), added, bool(group["decoupled_weight_decay"])

    def _fresh(self, params: list[Tensor], stepper: Stepper) -> None:
        names, numbers = stepper.names
        for param, state in zip(params, _tensors.new_states(params, names, numbers), strict=True):
            before = self.state.get(param)
            self._made.append((param, before))
            self.state[param] = state if before is None else {**before, **state}

    # What outlives a process

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up a state: groups with their options, and states in float32, bit for bit.

        Raises `StepError` for the state of another rule, and changes nothing then.
        """
        before = {name: self.__dict__[name] for name in ("state", "param_groups")}
        handle = self.register_load_state_dict_pre_hook(_keep)
        try:
            super().load_state_dict(state_dict)
            for group in self.param_groups:
                self._check_group(nosc.Rule(group["rule"]), group)
        except BaseException:
            self.__dict__.update(before)
            raise
        finally:
            handle.remove()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_options": self._options, "_given": self._given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._steppers = {}
        self._made = []
        self._step_supports_amp_scaling = bool(self.defaults.get("fused"))
        for index, group in enumerate(self.param_groups):
            self._take_up(group, index)

    def _take_up(self, group: dict[str, Any], index: int) -> None:
        """Puts what `load_state_dict` kept into states of this optimizer's own."""
        loaded = [p for p in group["params"] if any(isinstance(x, _Kept) for x in self.state.get(p, {}).values())]
        if not loaded:
            return
        stepper, _ = self._stepper(group, index)
        names, numbers = stepper.names
        for param, fresh in zip(loaded, _tensors.new_states(loaded, names, numbers), strict=True):
            found = {name: x.value if isinstance(x, _Kept) else x for name, x in self.state[param].items()}
            for name, tensor in fresh.items():
                value = found.get(name)
                if name == "step" and value is not None and not (float(value) >= 0 and float(value) % 1 == 0):
                    raise StepError(f"the state `step` of a parameter is {float(value)}, expected a number of steps")
                if value is None:
                    raise StepError(f"the state of a parameter has no `{name}`")
                if name in names and tuple(value.shape) != tuple(tensor.shape):
                    shapes = f"{tuple(value.shape)}, the parameter has {tuple(param.shape)}"
                    raise StepError(f"the state `{name}` has shape {shapes}")
                with torch.no_grad():
                    if isinstance(value, Tensor) and name in names:
                        _tensors.local(tensor).copy_(_tensors.local(value))
                    else:
                        tensor.fill_(float(value))
            self.state[param] = {**found, **fresh}


def _keep(optimizer: torch.optim.Optimizer, state_dict: dict[str, Any]) -> dict[str, Any]:
    """Checks that a state belongs to the rules of an optimizer, and keeps its tensors as they are."""
    saved_groups = state_dict["param_groups"]
    for index, (saved, own) in enumerate(zip(saved_groups, optimizer.param_groups, strict=False)):
        key = nosc.Rule(saved["rule"]).key("exact") if "key" not in saved and "rule" in saved else saved.get("key")
        if key != own["key"]:
            found = repr(saved["rule"]) if "rule" in saved else "that of an optimizer that is not nosc's"
            raise StepError(
                f"the state of group {index} belongs to another rule: {found}, and the group has {own['rule']!r}"
            )
    groups = [
        {**_missing(saved, own), **saved} for saved, own in zip(saved_groups, optimizer.param_groups, strict=False)
    ]
    groups += saved_groups[len(groups) :]
    known = {number for saved in saved_groups for number in saved["params"]}
    kept = {
        key: {name: _Kept(value) for name, value in state.items()} if key in known and isinstance(state, dict) else state
        for key, state in state_dict["state"].items()
    }
    return {**state_dict, "state": kept, "param_groups": groups}


def _unfit(group: dict[str, Any], names: tuple[str, ...]) -> ParameterError:
    """What is wrong with the numbers of a group."""
    betas = group.get("betas")
    covered = _BETAS[: len(betas)] if isinstance(betas, (tuple, list)) else ()
    if covered and any(name in group for name in covered):
        return ParameterError(f"a group has betas {betas} and one of them by its name besides: leave one of them")
    for name in ("lr", "weight_decay", *(name for name in names if name not in covered)):
        if name not in group:
            return ParameterError(f"a group has no `{name}`, which its rule needs")
        try:
            float(group[name])
        except (TypeError, ValueError, RuntimeError):
            return ParameterError(f"`{name}` of a group is {group[name]!r}, expected a number")
    return ParameterError(f"betas of a group are {betas!r}, expected numbers")


def _missing(saved: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The options of a group that a saved one does not have; betas are there as one or one by one."""
    has_betas = "betas" in saved or any(name in saved for name in _BETAS)
    left_out = {"params", "param_names", *((*_BETAS, "betas") if has_betas else ())}
    return {name: value for name, value in own.items() if name not in saved and name not in left_out}
