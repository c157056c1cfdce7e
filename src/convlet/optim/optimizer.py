"""What all optimizers share: groups of parameters with their settings, state per parameter, saving, hooks.

An optimizer that changes each element of a parameter by itself (all of this package) derives from
:class:`Elementwise` and says only which arrays it keeps and how one step changes them.
"""

from __future__ import annotations

import copy
import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ..autograd.function import make_result
from ..autograd.inplace import record_write
from ..autograd.mode import enable_grad
from ..autograd.variable import Array, RemovableHandle, Variable
from ..dtypes import float64, get_default_dtype
from ..kernels import large
from ..nn.module import reset_grad, typename
from ..runtime import memory

# A step goes through large arrays in blocks of so many elements, so that its passes find them in the cache:
# four float32 arrays and two temporaries of this size are 768 kB.
BLOCK = 32768


class _Required:
    """In ``defaults``: every parameter group must give this setting itself."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()

_global_pre_hooks: dict[int, Callable[..., Any]] = {}
_global_post_hooks: dict[int, Callable[..., Any]] = {}


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """:meth:`Optimizer.register_step_pre_hook` for every optimizer in the process."""
    return RemovableHandle.add(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """:meth:`Optimizer.register_step_post_hook` for every optimizer in the process."""
    return RemovableHandle.add(_global_post_hooks, hook)


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """A ``step`` method that calls the hooks before and after and notes that it was called."""

    @functools.wraps(step)
    def hooked(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        for hook in [*_global_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()]:
            replaced = hook(self, args, kwargs)
            if replaced is not None:
                if not (isinstance(replaced, tuple) and len(replaced) == 2):
                    raise RuntimeError(
                        f"{hook} must return None or a tuple of (new_args, new_kwargs), but got {replaced}."
                    )
                args, kwargs = replaced
        self._stepped = True
        result = step(self, *args, **kwargs)
        for hook in [*self._optimizer_step_post_hooks.values(), *_global_post_hooks.values()]:
            hook(self, args, kwargs)
        return result

    return hooked


class Optimizer:
    """The base of all optimizers; a subclass defines ``step``.

    ``params``: tensors, or (name, tensor) pairs, or dicts ``{"params": [...], setting: value, ...}``, one for each
    group; ``defaults``: the settings of groups that do not give their own. TypeError, ValueError for what cannot be
    optimized.
    """

    param_groups: list[dict[str, Any]]
    state: defaultdict[Any, dict[str, Any]]
    _stepped = False  # whether step was called, for the schedulers

    def __init_subclass__(cls) -> None:
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.__dict__["step"])  # type: ignore[method-assign]

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Variable):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + typename(params)
            )
        self.defaults = defaults
        self._make_hooks()
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _make_hooks(self) -> None:
        for name in ("step_pre", "step_post", "state_dict_pre", "state_dict_post"):
            setattr(self, f"_optimizer_{name}_hooks", OrderedDict())
        for name in ("pre", "post"):
            setattr(self, f"_optimizer_load_state_dict_{name}_hooks", OrderedDict())

    _optimizer_step_pre_hooks: dict[int, Callable[..., Any]]
    _optimizer_step_post_hooks: dict[int, Callable[..., Any]]
    _optimizer_state_dict_pre_hooks: dict[int, Callable[..., Any]]
    _optimizer_state_dict_post_hooks: dict[int, Callable[..., Any]]
    _optimizer_load_state_dict_pre_hooks: dict[int, Callable[..., Any]]
    _optimizer_load_state_dict_post_hooks: dict[int, Callable[..., Any]]

    # Groups -------------------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group ``{"params": ..., setting: value, ...}``. Raises as the constructor does."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        group = param_group
        params = group["params"]
        if isinstance(params, Variable):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        params = list(params)
        named = [each for each in params if isinstance(each, tuple)]
        names = [name for name, _ in named]
        if named and len(named) != len(params):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        if named:
            params = [tensor for _, tensor in named]
        for parameter in params:
            if not isinstance(parameter, Variable):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {typename(parameter)}")
            if not (parameter.is_leaf or parameter.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
        if len(set(params)) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        known = {parameter for each in self.param_groups for parameter in each["params"]}
        if not known.isdisjoint(params):
            raise ValueError("some parameters appear in more than one parameter group")
        if self.param_groups and ("param_names" in self.param_groups[0]) is not bool(names):
            text = "with names" if names else "without names"
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{text} to the optimizer"
            )
        group["params"] = params
        if names:
            group["param_names"] = names
        for name, default in self.defaults.items():
            group.setdefault(name, default)
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for parameter in group["params"]:
                reset_grad(parameter, set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters by one step along their gradients; defined by subclasses.

        ``closure``: a function that computes the gradients anew and returns the loss, which is then returned.
        """
        raise NotImplementedError

    # Saving -------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """The state and the groups' settings; parameters stand as numbers, counted over all groups.

        ``{"state": {number: {name: tensor or value}}, "param_groups": [{setting: value, ..., "params": [numbers]}]}``.
        The tensors are the optimizer's own, not copies.
        """
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        for group in self.param_groups:
            for parameter in group["params"]:
                numbers.setdefault(id(parameter), len(numbers))
        result: dict[str, Any] = {
            "state": {
                numbers[id(key)] if isinstance(key, Variable) else key: value for key, value in self.state.items()
            },
            "param_groups": [
                {
                    **{key: value for key, value in group.items() if key != "params"},
                    "params": [numbers[id(parameter)] for parameter in group["params"]],
                }
                for group in self.param_groups
            ],
        }
        for hook in self._optimizer_state_dict_post_hooks.values():
            replaced = hook(self, result)
            result = result if replaced is None else replaced
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over (as copies) what :meth:`state_dict` gave for an optimizer with groups of the same sizes.

        Floating state is converted to its parameter's dtype, "step" excepted. ValueError when the groups differ.
        """
        state_dict = dict(state_dict)
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            replaced = hook(self, state_dict)
            state_dict = state_dict if replaced is None else replaced
        saved = copy.deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(mine["params"]) != len(theirs["params"]) for mine, theirs in zip(self.param_groups, saved)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        parameters = {
            number: parameter
            for mine, theirs in zip(self.param_groups, saved)
            for number, parameter in zip(theirs["params"], mine["params"])
        }
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in parameters:
                state[parameters[key]] = _adopted(value, parameters[key])
            else:
                state[key] = value
        for mine, theirs in zip(self.param_groups, saved):
            theirs["params"] = mine["params"]
            if "param_names" in mine:
                theirs.setdefault("param_names", mine["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_optimizer_step_pre_hooks" not in self.__dict__:
            self._make_hooks()
        for group in self.param_groups:  # settings that other versions did not have yet
            for name, default in self.defaults.items():
                group.setdefault(name, default)

    # Hooks --------------------------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return new (args, kwargs)."""
        return RemovableHandle.add(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return RemovableHandle.add(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` before a state_dict is made."""
        return RemovableHandle.add(self._optimizer_state_dict_pre_hooks, hook, first=prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` after one is made; it may return another."""
        return RemovableHandle.add(self._optimizer_state_dict_post_hooks, hook, first=prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before one is loaded; it may return another."""
        return RemovableHandle.add(self._optimizer_load_state_dict_pre_hooks, hook, first=prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` after one is loaded."""
        return RemovableHandle.add(self._optimizer_load_state_dict_post_hooks, hook, first=prepend)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for index, group in enumerate(self.param_groups):
            lines += [f"Parameter Group {index}"] if index == 0 else ["", f"Parameter Group {index}"]
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def _adopted(value: Any, parameter: Any, key: str = "") -> Any:
    """A loaded value as state of ``parameter``: a copy, of its dtype where it is floating (all but "step")."""
    if isinstance(value, Variable):
        array = value.array
        if key != "step" and parameter.dtype.is_floating_point:
            return make_result(array.astype(parameter.array.dtype, order="K"))
        return make_result(array.copy(order="K"))
    if isinstance(value, dict):
        return {name: _adopted(each, parameter, name) for name, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return type(value)(_adopted(each, parameter) for each in value)  # type: ignore[call-arg]
    return value


def number(value: Any) -> float:
    """A setting as a Python number: it may be a tensor of one element."""
    return value.array.item() if isinstance(value, Variable) else value


def check_setting(name: str, value: Any, valid: bool) -> None:
    """ValueError "Invalid <name>: <value>" unless valid."""
    if not valid:
        raise ValueError(f"Invalid {name}: {value}")


class Elementwise(Optimizer):
    """An optimizer whose step changes every element of a parameter on its own.

    A subclass gives ``prepare`` and ``update``, and ``formula`` where a kernel computes the same for all tensors
    together. The options that all of them treat alike (``maximize``, ``weight_decay`` added to the gradient or,
    decoupled, taken from the parameter) and the walk over the arrays stand here.
    """

    def __init__(self, params: Any, lr: Any, **defaults: Any) -> None:
        if isinstance(lr, Variable) and lr.array.size != 1:
            raise ValueError("Tensor lr must be 1-element")
        check_setting("learning rate", lr, bool(lr >= 0.0))
        for name in ("momentum", "rho", "alpha", "lr_decay", "initial_accumulator_value", "momentum_decay"):
            value = defaults.get(name, 0.0)
            check_setting(f"{name} value", value, value >= 0.0 and (name != "rho" or value <= 1.0))
        check_setting("epsilon value", defaults.get("eps"), defaults.get("eps", 0.0) >= 0.0)
        for index, beta in enumerate(defaults.get("betas", ())):
            check_setting(f"beta parameter at index {index}", beta, 0.0 <= beta < 1.0)
        decay = defaults.get("weight_decay", 0.0)
        check_setting("weight_decay value", decay, decay >= 0.0)
        if defaults.get("differentiable"):
            raise RuntimeError("differentiable=True is not supported: a step of Convlet's optimizers is not recorded")
        super().__init__(params, {"lr": lr, **defaults})

    def prepare(self, group: dict[str, Any], state: dict[str, Any], parameter: Any) -> tuple[list[Array], Any]:
        """The arrays this optimizer keeps for a parameter, and the numbers of this step: what ``update`` needs."""
        raise NotImplementedError

    @staticmethod
    def update(numbers: Any, parameter: Array, grad: Array, *kept: Array) -> None:
        """Change ``parameter`` and the kept arrays in place; ``grad`` must not be written to."""
        raise NotImplementedError

    @staticmethod
    def formula(numbers: Any, kept: int) -> tuple[str, tuple[float, ...]] | None:
        """The name in kernels/update.py of what ``update`` does with so many kept arrays, and its numbers."""
        return None

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters by one step along their gradients (those that have one).

        ``closure``: a function that computes the gradients anew and returns the loss, which is then returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        together = _Together()
        for group in self.param_groups:
            sign = -1.0 if group.get("maximize") else 1.0
            decay = number(group.get("weight_decay", 0.0))
            keep = 1.0
            if group.get("decoupled_weight_decay"):
                keep, decay = 1.0 - number(group["lr"]) * decay, 0.0
            for parameter in group["params"]:
                grad = parameter.grad
                if grad is None or parameter.meta:
                    continue
                state = self.state.get(parameter) or {}
                kept, numbers = self.prepare(group, state, parameter)
                if state:
                    self.state[parameter] = state
                arrays = [parameter.array, grad.array, *kept]
                found = self.formula(numbers, len(kept)) if together.takes(arrays) else None
                if found is not None:
                    together.add(parameter, arrays, found[0], (sign, decay, keep, *found[1]))
                    continue
                for p, g, *rest in _blocks(*arrays):
                    if sign < 0:
                        g = -g
                    if decay:
                        g = g + decay * p
                    if keep != 1.0:
                        p *= keep
                    self.update(numbers, p, g, *rest)
                record_write(parameter)
        together.run()
        return loss


class _Together:
    """The tensors of a step that a kernel changes, all in one call."""

    def __init__(self) -> None:
        self.kernels = large.updates()
        self.rows: dict[str, list[Any]] = {}
        self.numbers: dict[tuple[float, ...], Array] = {}
        self.parameters: dict[int, Any] = {}  # by address

    def takes(self, arrays: list[Array]) -> bool:
        """Whether a kernel can walk through these arrays together."""
        first = arrays[0]
        return (
            self.kernels is not None
            and first.dtype == np.float32
            and large.dense(first)
            and all(large.alike(first, each) for each in arrays[1:])
        )

    def add(self, parameter: Any, arrays: list[Array], formula: str, numbers: tuple[float, ...]) -> None:
        """Remember a tensor; two that share memory are changed one after the other."""
        addresses = [memory.address(each) for each in arrays]
        if addresses[0] in self.parameters:
            self.run()
        self.parameters[addresses[0]] = parameter
        known = self.numbers.get(numbers)
        if known is None:
            known = self.numbers[numbers] = np.array(numbers, np.float32)
        self.rows.setdefault(formula, []).append((arrays[0].size, memory.address(known), addresses))

    def run(self) -> None:
        """Change what is remembered."""
        for formula, rows in self.rows.items():
            self.kernels.FORMULAS[formula].run(rows)
        for parameter in self.parameters.values():
            record_write(parameter)
        self.rows, self.parameters = {}, {}


def kept_arrays(state: dict[str, Any], parameter: Any, *names: str) -> list[Array]:
    """The state tensors of these names, shaped as the parameter and zero at first."""
    arrays = []
    for name in names:
        if state.get(name) is None:
            state[name] = make_result(np.zeros_like(parameter.array))
        arrays.append(state[name].array)
    return arrays


def new_scalar(value: float) -> Any:
    """A 0-dimensional tensor for the state, as PyTorch keeps the number of steps."""
    return make_result(np.array(value, np.float64 if get_default_dtype() is float64 else np.float32))


def count_step(state: dict[str, Any]) -> float:
    """Count this step; the number of steps so far."""
    if "step" not in state:
        state["step"] = new_scalar(0.0)
    step = state["step"]
    if not isinstance(step, Variable):  # a number in checkpoints of old
        step = state["step"] = new_scalar(float(step))
    step.array += 1
    return step.array.item()


def lerp_into(target: Array, values: Array, weight: float) -> None:
    """``target += weight * (values - target)``."""
    difference = values - target
    difference *= weight
    target += difference


def decay_into(target: Array, values: Array, keep: float) -> None:
    """``target = keep * target + (1 - keep) * values**2``."""
    target *= keep
    square = values * values
    square *= 1.0 - keep
    target += square


def _blocks(*arrays: Array) -> Iterator[list[Array]]:
    """The arrays (of one shape) in blocks to be changed in place: reals of at least 32 bits, a cacheful at a time."""
    for block in _pieces(arrays):
        if block[0].dtype.kind == "c":
            block = [_as_reals(each) for each in block]
        if block[0].dtype.itemsize > 2:
            yield block
            continue
        wide = [each.astype(np.float32) for each in block]  # the 16-bit types compute in float32
        yield wide
        for narrow, result in zip(block, wide):
            if narrow is not block[1]:
                narrow[...] = result


def _pieces(arrays: tuple[Array, ...]) -> Iterator[list[Array]]:
    if arrays[0].ndim == 0:
        arrays = tuple([each.reshape(1) for each in arrays])
    first = arrays[0]
    alike = all(each.strides == first.strides for each in arrays)
    if alike and (first.size > BLOCK or first.dtype.kind == "c"):
        flat = [each.ravel(order="K") for each in arrays]
        if all(np.may_share_memory(a, b) for a, b in zip(flat, arrays)):  # views, not copies
            for start in range(0, first.size, BLOCK):
                yield [each[start : start + BLOCK] for each in flat]
            return
    yield list(arrays)


def _as_reals(array: Array) -> Array:
    """Complex numbers as pairs of reals, in the same memory."""
    half = array.itemsize // 2
    return np.lib.stride_tricks.as_strided(array.real, (*array.shape, 2), (*array.strides, half))
