"""What all schedules share: the first learning rate of each group, counting, saving."""

from __future__ import annotations

import warnings
from typing import Any

from ...autograd.inplace import record_write
from ...autograd.variable import Variable
from ..optimizer import Optimizer, number

_ORDER = "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"


def warn_of_epoch() -> None:
    warnings.warn(
        "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. "
        "Please use `scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from "
        "None, the closed form is used instead of the new chainable form, where available. Please open an issue if "
        "you are unable to replicate your use case: https://github.com/pytorch/pytorch/issues/new/choose.",
        UserWarning,
        stacklevel=3,
    )


def require_optimizer(optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def set_lr(group: dict[str, Any], lr: float) -> None:
    """Give a group this learning rate; one that is a tensor is written to."""
    if isinstance(group["lr"], Variable):
        group["lr"].array[...] = lr
        record_write(group["lr"])
    else:
        group["lr"] = lr


def current_lrs(optimizer: Optimizer) -> list[float]:
    return [number(group["lr"]) for group in optimizer.param_groups]


def for_each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """A setting given once or as a list, as a list with one value for each group. ValueError for another length."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, param_groups "
            f"has {count}."
        )
    return list(value)


class LRScheduler:
    """The base of the schedules; a subclass defines ``get_lr`` by ``self.last_epoch`` (0 at the start).

    ``last_epoch``: -1 to start, or the last epoch of a run to be continued; the optimizer's groups must then hold
    "initial_lr" (from its state_dict). TypeError when ``optimizer`` is none, KeyError without "initial_lr".
    """

    _get_lr_called_within_step = False
    _is_initial = False  # True while the constructor sets the first learning rate
    _not_saved: tuple[str, ...] = ("optimizer",)

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        require_optimizer(optimizer)
        self.optimizer = optimizer
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", number(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{index}] when resuming scheduler with "
                    "last_epoch >= 0.\nThis typically happens when:\n1. You're trying to resume training from a "
                    "checkpoint but haven't properly loaded the optimizer state\n2. You're using last_epoch >= 0 "
                    "for a fresh training run (not recommended)"
                )
        self.base_lrs = [number(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        if not optimizer.__dict__.get("_scheduled"):
            optimizer.__dict__["_scheduled"] = True
            optimizer._stepped = False  # what came before the first schedule does not count
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> list[float]:
        """The learning rate of each group in this epoch; called by ``step`` (otherwise use ``get_last_lr``)."""
        raise NotImplementedError

    def get_last_lr(self) -> list[float]:
        """The learning rate that the last ``step`` set, for each group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch and set its learning rates. Warns when ``optimizer.step()`` was not called before."""
        if self._step_count == 1 and not self.optimizer._stepped:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you "
                "should call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure "
                "to do this will result in PyTorch skipping the first value of the learning rate schedule. See "
                f"more details at {_ORDER}",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warn_of_epoch()
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            self._set_lrs(self.get_lr)
        else:
            self.last_epoch = epoch
            self._set_lrs(getattr(self, "_get_closed_form_lr", self.get_lr))

    def _set_lrs(self, compute: Any) -> None:
        self._get_lr_called_within_step = True
        try:
            lrs = compute()
        finally:
            self._get_lr_called_within_step = False
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            set_lr(group, lr)
        self._last_lr = current_lrs(self.optimizer)

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, as a dict."""
        return {key: value for key, value in self.__dict__.items() if key not in self._not_saved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave."""
        self.__dict__.update(state_dict)
