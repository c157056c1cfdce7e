"""L-BFGS: a quasi-Newton method for problems whose function can be evaluated several times a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from ..autograd.function import make_result
from ..autograd.inplace import record_write
from ..autograd.mode import enable_grad
from ..autograd.variable import Array
from .line_search import strong_wolfe
from .optimizer import Optimizer

Change = tuple[Array, Array, float]  # of the gradient (y), of x (s), and 1 / y.s


class LBFGS(Optimizer):
    """Steps along ``-H g``: H approximates the inverse Hessian from the last ``history_size`` changes of x and g.

    ``step(closure)``: ``closure`` clears the gradients, computes the loss, calls backward and returns the loss; up to
    ``max_iter`` iterations or ``max_eval`` (1.25 times as many, if None) evaluations. It ends when all gradients are
    at most ``tolerance_grad`` or a change is below ``tolerance_change``. ``line_search_fn``: None (steps of length
    ``lr``) or 'strong_wolfe'. One group of real parameters; ValueError for more.
    Source: Nocedal, Updating quasi-Newton matrices with limited storage (1980).

    >>> x = torch.nn.Parameter(torch.tensor([3.0, -2.0]))
    >>> optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((x - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    tensor(13., grad_fn=<SumBackward0>)
    >>> x
    Parameter containing:
    tensor([1.0000, 1.0000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if not float(lr) >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Iterate; returns the loss at the beginning. RuntimeError for an unknown line search."""
        group = self.param_groups[0]
        search = group["line_search_fn"]
        if search not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        lr, state = float(group["lr"]), self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def evaluate() -> Any:
            with enable_grad():
                return closure()

        first = evaluate()
        loss, evaluations = float(first.item()), 1
        state["func_evals"] += 1
        gradient = self._gradient()
        if np.abs(gradient).max(initial=0) <= group["tolerance_grad"]:
            return first

        direction, before = (state[name].array if name in state else None for name in ("d", "prev_flat_grad"))
        direction, before = cast(Array, direction), cast(Array, before)  # None before the first iteration ever
        length, scale, loss_before = state.get("t", lr), state.get("H_diag", 1.0), state.get("prev_loss", loss)
        changes: list[Change] = [
            (y.array, s.array, inverse)
            for y, s, inverse in zip(state.get("old_dirs", ()), state.get("old_stps", ()), state.get("ro", ()))
        ]
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if direction is None:
                direction, scale = -gradient, 1.0
            else:
                scale = _remember(changes, gradient - before, direction * direction.dtype.type(length), scale, group)
                direction = _direction(changes, gradient, scale)
            before, loss_before = gradient, loss
            length = min(1.0, 1.0 / float(np.abs(gradient).sum())) * lr if state["n_iter"] == 1 else lr
            slope = float(gradient @ direction)
            if slope > -group["tolerance_change"]:
                break
            evaluated = 0
            if search is not None:
                start = [each.array.copy() for each in self._params]

                def at(step: float, start: list[Array] = start, along: Array = direction) -> tuple[float, Array]:
                    self._move(along, step)
                    value = float(evaluate())
                    found = self._gradient()
                    for each, values in zip(self._params, start):
                        each.array[...] = values
                        record_write(each)
                    return value, found

                loss, gradient, length, evaluated = strong_wolfe(
                    at,
                    length,
                    direction,
                    loss,
                    gradient,
                    slope,
                    group["tolerance_change"],
                    group["max_eval"] - evaluations,
                )
                self._move(direction, length)
            else:
                self._move(direction, length)
                if iteration != group["max_iter"]:
                    loss = float(evaluate())
                    gradient = self._gradient()
                    evaluated = 1
            evaluations += evaluated
            state["func_evals"] += evaluated
            if evaluations >= group["max_eval"] or np.abs(gradient).max() <= group["tolerance_grad"]:
                break
            moved = np.abs(direction * length).max()
            if moved <= group["tolerance_change"] or abs(loss - loss_before) < group["tolerance_change"]:
                break
        state.update(
            d=make_result(direction),
            t=length,
            old_dirs=[make_result(y) for y, _, _ in changes],
            old_stps=[make_result(s) for _, s, _ in changes],
            ro=[inverse for _, _, inverse in changes],
            H_diag=scale,
            prev_flat_grad=make_result(before),
            prev_loss=loss_before,
        )
        return first

    def _gradient(self) -> Array:
        return np.concatenate(
            [
                (np.zeros_like(each.array) if each.grad is None else each.grad.array).reshape(-1)
                for each in self._params
            ]
        )

    def _move(self, direction: Array, length: float) -> None:
        offset = 0
        for each in self._params:
            count = each.array.size
            part = direction[offset : offset + count].reshape(each.array.shape)
            each.array += part * part.dtype.type(length)
            record_write(each)
            offset += count


def _remember(
    changes: list[Change], y: Array, s: Array, scale: float, group: dict[str, Any]
) -> float:
    """Add a change of the gradient and of x unless they curve the wrong way; the new scale of H."""
    curvature = float(y @ s)
    if curvature <= 1e-10:
        return scale
    if len(changes) == group["history_size"]:
        changes.pop(0)
    changes.append((y, s, 1.0 / curvature))
    return curvature / float(y @ y)


def _direction(changes: list[Change], gradient: Array, scale: float) -> Array:
    """``-H g`` by the two loops of Nocedal."""
    result = -gradient
    shares = []
    for y, s, inverse in reversed(changes):
        share = float(s @ result) * inverse
        shares.append(share)
        result = result - result.dtype.type(share) * y
    result = result * result.dtype.type(scale)
    for (y, s, inverse), share in zip(changes, reversed(shares)):
        result = result + s * result.dtype.type(share - float(y @ result) * inverse)
    return result
