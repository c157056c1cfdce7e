"""Schedules that multiply each learning rate by a factor from one epoch to the next.

The factor of an epoch is what ``_factor`` returns; so they can be chained, each multiplying what the others left.
"""

from __future__ import annotations

import math
import types
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ..optimizer import Optimizer, number
from .scheduler import LRScheduler, current_lrs


class _Decay(LRScheduler):
    """``lr *= _factor()`` in each epoch; ``_from_start()`` is the product of the factors of all epochs so far."""

    def _factor(self) -> float | None:
        """The factor of the epoch that begins; None leaves the learning rates as they are."""
        raise NotImplementedError

    def get_lr(self) -> list[float]:
        self._warn_outside_step()
        factor = self._factor()
        lrs = current_lrs(self.optimizer)
        return lrs if factor is None else [lr * factor for lr in lrs]

    def _from_start(self) -> float:
        raise NotImplementedError

    def _get_closed_form_lr(self) -> list[float]:
        return [base * self._from_start() for base in self.base_lrs]


class StepLR(_Decay):
    """``lr *= gamma`` every ``step_size`` epochs.

    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> rates = []
    >>> for _ in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        return self.gamma if self.last_epoch and self.last_epoch % self.step_size == 0 else None

    def _from_start(self) -> float:
        return self.gamma ** (self.last_epoch // self.step_size)


class MultiStepLR(_Decay):
    """``lr *= gamma`` at each of the epochs in ``milestones``."""

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        times = self.milestones.get(self.last_epoch)
        return None if times is None else self.gamma**times

    def _from_start(self) -> float:
        return self.gamma ** bisect_right(sorted(self.milestones.elements()), self.last_epoch)


class ConstantLR(_Decay):
    """``factor`` times the learning rate for the first ``total_iters`` epochs, then the whole of it.

    ValueError for a factor outside [0, 1].
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if factor > 1.0 or factor < 0:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else None

    def _from_start(self) -> float:
        return self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)


class LinearLR(_Decay):
    """From ``start_factor`` times the learning rate to ``end_factor`` times it, in equal steps over ``total_iters``.

    ValueError for factors outside (0, 1] and [0, 1].
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if start_factor > 1.0 or start_factor <= 0:
            raise ValueError("Starting multiplicative factor expected to be greater than 0 and less or equal to 1.")
        if end_factor > 1.0 or end_factor < 0:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        if self.last_epoch == 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return None
        rise = self.end_factor - self.start_factor
        return 1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise)

    def _from_start(self) -> float:
        rise = (self.end_factor - self.start_factor) * min(self.total_iters, self.last_epoch)
        return self.start_factor + rise / self.total_iters


class ExponentialLR(_Decay):
    """``lr *= gamma`` every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        return None if self._is_initial else self.gamma

    def _from_start(self) -> float:
        return self.gamma**self.last_epoch


class PolynomialLR(_Decay):
    """``lr = base (1 - epoch / total_iters) ** power``, zero from ``total_iters`` on."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        if self._is_initial or self.last_epoch > self.total_iters:
            return None
        left, before = (1.0 - epoch / self.total_iters for epoch in (self.last_epoch, self.last_epoch - 1))
        return (left / before) ** self.power

    def _from_start(self) -> float:
        return (1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power


class CosineAnnealingLR(LRScheduler):
    """``lr = eta_min + (base - eta_min) (1 + cos(pi epoch / T_max)) / 2`` (Loshchilov and Hutter 2017, no restarts).

    Written as a step from the last learning rate, so that it goes on from what others made of it.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        self._warn_outside_step()
        lrs, epoch = current_lrs(self.optimizer), self.last_epoch
        if self._is_initial:
            return lrs
        if self._step_count == 1 and epoch > 0:
            return self._closed_form(epoch * math.pi / self.T_max)
        if (epoch - 1 - self.T_max) % (
            2 * self.T_max
        ) == 0:  # the last value was eta_min: no quotient leads away from it
            rise = 1 - math.cos(math.pi / self.T_max)
            return [lr + (base - self.eta_min) * rise / 2 for base, lr in zip(self.base_lrs, lrs, strict=True)]
        now, before = (1 + math.cos(math.pi * each / self.T_max) for each in (epoch, epoch - 1))
        return [now / before * (lr - self.eta_min) + self.eta_min for lr in lrs]

    def _closed_form(self, angle: float) -> list[float]:
        return [self.eta_min + (base - self.eta_min) * (1 + math.cos(angle)) / 2 for base in self.base_lrs]

    def _get_closed_form_lr(self) -> list[float]:
        return self._closed_form(math.pi * self.last_epoch / self.T_max)


class _ByFunction(LRScheduler):
    """A schedule by functions of the epoch, one for all groups or one for each."""

    _not_saved = ("optimizer", "lr_lambdas")

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        count = len(optimizer.param_groups)
        if isinstance(lr_lambda, (list, tuple)):
            if len(lr_lambda) != count:
                raise ValueError(f"Expected {count} lr_lambdas, but got {len(lr_lambda)}")
            self.lr_lambdas: list[Callable[[int], float]] = list(lr_lambda)
        else:
            self.lr_lambdas = [lr_lambda] * count
        for each in self.lr_lambdas:
            if not callable(each):
                raise TypeError(f"lr_lambda should be a function, but got {type(each).__name__}")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer; of the functions, only the attributes of callable objects."""
        saved = [None if isinstance(each, types.FunctionType) else dict(each.__dict__) for each in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": saved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.__dict__.update({key: value for key, value in state_dict.items() if key != "lr_lambdas"})
        for function, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"]):
            if attributes is not None:
                function.__dict__.update(attributes)


class LambdaLR(_ByFunction):
    """``lr = base * lr_lambda(epoch)``; a function for all groups or a list with one for each.

    ValueError for a list of another length than there are groups.
    """

    def get_lr(self) -> list[float]:
        self._warn_outside_step()
        return [base * each(self.last_epoch) for each, base in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(_ByFunction):
    """``lr *= lr_lambda(epoch)`` every epoch; a function for all groups or a list with one for each.

    ValueError for a list of another length than there are groups, TypeError for what cannot be called.
    """

    def get_lr(self) -> list[float]:
        self._warn_outside_step()
        if self._is_initial:
            return current_lrs(self.optimizer)
        groups = self.optimizer.param_groups
        return [
            number(group["lr"]) * each(self.last_epoch) for each, group in zip(self.lr_lambdas, groups, strict=True)
        ]
