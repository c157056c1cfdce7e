"""Compare backward passes with finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .engine import grad
from .function import make_result
from .variable import Array, Variable


class GradcheckError(RuntimeError):
    """What :func:`gradcheck` raises when the two gradients differ."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the backward pass of ``func`` agrees with central differences, entry by entry of the Jacobian.

    ``|analytic - numeric| <= atol + rtol * |numeric|`` with step ``eps`` for each float64 or complex128 input that
    requires a gradient; each backward pass is run twice and must agree within ``nondet_tol``. Complex gradients
    follow PyTorch's convention (conjugate Wirtinger). The options after ``nondet_tol`` are accepted for
    compatibility. Raises :class:`GradcheckError` (or returns False with ``raise_exception=False``).

    >>> x = torch.rand(3, dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(lambda x: (x * x).sum(), x)
    True
    """
    try:
        _check(func, inputs, eps, atol, rtol, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    **accepted: Any,
) -> bool:
    """As :func:`gradcheck`, for the gradient of ``func``: checks that the backward pass is differentiable and right.

    ``grad_outputs`` defaults to fixed random numbers of the outputs' shapes.
    """
    tupled = _tuple(inputs)
    differentiable = [each for each in tupled if isinstance(each, Variable) and each.requires_grad]
    if grad_outputs is None:
        random = np.random.default_rng(0)
        grads = []
        for output in _differentiable_outputs(func(*tupled)):
            values = random.standard_normal(output.array.shape)
            if output.dtype.is_complex:
                values = values + 1j * random.standard_normal(output.array.shape)
            new = make_result(np.asarray(values).astype(output.array.dtype))
            new._requires_grad = True
            grads.append(new)
    else:
        grads = list(_tuple(grad_outputs))
    count = len(tupled)

    def gradient(*args: Any) -> tuple[Any, ...]:
        values, weights = args[:count], args[count:]
        outputs = _differentiable_outputs(func(*values))
        wanted = [
            each for each, old in zip(values, tupled) if any(old is other for other in differentiable)
        ]
        found = grad(outputs, wanted, list(weights), create_graph=True, allow_unused=True)
        return tuple(each for each in found if each is not None)

    return gradcheck(
        gradient, (*tupled, *grads), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        nondet_tol=nondet_tol,
    )  # fmt: skip


def _tuple(values: Any) -> tuple[Any, ...]:
    return (values,) if isinstance(values, Variable) else tuple(values)


def _differentiable_outputs(result: Any) -> list[Any]:
    return [each for each in _tuple(result) if isinstance(each, Variable) and each.requires_grad]


def _check(func: Callable[..., Any], inputs: Any, eps: float, atol: float, rtol: float, nondet_tol: float) -> None:
    values = _tuple(inputs)
    checked = [
        (i, each) for i, each in enumerate(values) if isinstance(each, Variable) and each.requires_grad
    ]
    if not checked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    for index, each in checked:
        if each.array.dtype not in (np.dtype("float64"), np.dtype("complex128")):
            raise ValueError(
                f"gradcheck needs float64 or complex128 inputs, but input {index} is {each.dtype}: finite differences "
                "mean nothing at this precision. Convert it with .double()."
            )
        each.retain_grad()
    outputs = _differentiable_outputs(func(*values))
    for j, output in enumerate(outputs):
        analytic = [_analytic(func, values, variable, j, output) for _, variable in checked]
        again = [_analytic(func, values, variable, j, output) for _, variable in checked]
        for (index, variable), rows, other in zip(checked, analytic, again):
            if rows.size and np.max(np.abs(rows - other)) > nondet_tol:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                    "gives different values, although analytical gradient matches numerical gradient."
                )
            numeric = _numeric(func, values, variable, j, output, eps)
            close = np.abs(rows - numeric) <= atol + rtol * np.abs(numeric)
            if not close.all():  # NaN is never close
                raise GradcheckError(
                    f"Jacobian mismatch for output {j} with respect to input {index},\n"
                    f"numerical:{numeric.T}\nanalytical:{rows.T}\n"
                )


def _analytic(func: Callable[..., Any], values: tuple[Any, ...], variable: Variable, j: int, like: Variable) -> Array:
    """One row for each (real) direction of output j: the gradient of its component along it."""
    output = _differentiable_outputs(func(*values))[j]
    directions = (1.0, 1j) if like.dtype.is_complex else (1.0,)
    rows = []
    for direction in directions:
        for place in range(like.array.size):
            weights = np.zeros(like.array.size, like.array.dtype)
            weights[place] = direction
            (found,) = grad(
                output, variable, make_result(weights.reshape(like.array.shape)), retain_graph=True, allow_unused=True
            )
            row = np.zeros(variable.array.shape, variable.array.dtype) if found is None else found.array
            rows.append(_real(np.ascontiguousarray(row)).ravel())
    return np.array(rows).reshape(len(rows), -1)


def _numeric(
    func: Callable[..., Any], values: tuple[Any, ...], variable: Variable, j: int, like: Variable, eps: float
) -> Array:
    """The same Jacobian from central differences, each real component of the input moved by eps."""
    data, storage = variable.array, variable._version.storage
    columns = []
    parts = (1.0, 1j) if variable.dtype.is_complex else (1.0,)
    for place in np.ndindex(data.shape):
        for part in parts:
            sides = []
            before = data[place]
            for step in (eps, -eps):
                data[place] = before + step * part
                storage.writes += 1  # or forms of the memory that are kept would stay as they were
                try:
                    sides.append(_differentiable_outputs(func(*values))[j].array.copy())
                finally:
                    data[place] = before
                    storage.writes += 1
            slope = (sides[0] - sides[1]) / (2 * eps)
            column = [slope.real.ravel(), slope.imag.ravel()] if like.dtype.is_complex else [slope.ravel()]
            columns.append(np.concatenate(column))
    rows = like.array.size * (2 if like.dtype.is_complex else 1)
    return np.array(columns).reshape(-1, rows).T


def _real(array: Array) -> Array:
    return array.view(np.float64) if array.dtype.kind == "c" else array
