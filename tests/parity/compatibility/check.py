"""A check: a function of a library that returns what it saw, run with PyTorch and with Convlet."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SECTIONS = {
    "A": range(1, 23),
    "B": range(23, 39),
    "C": range(39, 56),
    "D": range(56, 83),
    "E": range(83, 90),
    "F": range(90, 99),
    "G": range(99, 104),
    "H": range(104, 116),
    "I": range(116, 122),
    "J": range(122, 130),
    "K": range(130, 139),
    "L": range(139, 150),
    "M": range(150, 162),
}

# Relative to the largest value: what another order of a sum of a few hundred terms may change.
TOLERANCE = {
    "float16": 2e-3,
    "bfloat16": 1.6e-2,
    "float32": 2e-6,
    "complex64": 4e-6,
    "float64": 1e-13,
    "complex128": 1e-13,
}

See = Callable[[Any], Any]


@dataclass(frozen=True)
class Check:
    """`see(library)` must return the same with both libraries, or raise the same if it may raise at all."""

    line: int
    what: str
    see: See
    may_raise: bool = field(default=False, kw_only=True)

    def __str__(self) -> str:
        section = next(letter for letter, lines in SECTIONS.items() if self.line in lines)
        return f"{section}{self.line}-{self.what}"


CHECKS: list[Check] = []


def line(*numbers: int) -> Callable[[See], See]:
    """The function below shows these lines of the page; its name says what it shows."""

    def register(see: See) -> See:
        CHECKS.extend(Check(number, see.__name__, see) for number in numbers)
        return see

    return register


def calls(number: int, **sees: See) -> None:
    """One check for each of these expressions, about this line of the page."""
    CHECKS.extend(Check(number, name, see, may_raise=True) for name, see in sees.items())


@dataclass(frozen=True)
class Refusal:
    """An exception that a call raised. Ours may go on after PyTorch's sentence."""

    kind: str
    text: str


def refusal(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """The exception this call raises, or else what it returns. A mistake in a check itself is not caught."""
    try:
        return call(*arguments, **named)
    except (
        RuntimeError,
        TypeError,
        ValueError,
        IndexError,
    ) as error:  # NotImplementedError is a RuntimeError
        text = str(error).split("\nException raised")[0]
        if "invalid combination of arguments" in text:
            text = text.split(" - ")[0] + " - "  # which overloads there are is told differently
        return Refusal(type(error).__name__, _sorted_sets(text).rstrip())


def _sorted_sets(text: str) -> str:
    """The text with the strings inside braces sorted: PyTorch prints a set, in any order."""

    def sort(match: re.Match[str]) -> str:
        return "{" + ", ".join(sorted(match[1].split(", "))) + "}"

    return re.sub(r"\{('[^{}]*)\}", sort, text)


@dataclass(frozen=True, eq=False)
class Values:
    """A tensor's dtype and values; bfloat16 as float32."""

    dtype: str
    array: np.ndarray


@dataclass(frozen=True)
class Seen:
    """What a check returned, and the warnings that it gave."""

    result: Any
    warnings: tuple[Refusal, ...]


def see(library: Any, check: Check) -> Seen:
    """Run the check with this library, from the same random state."""
    library.manual_seed(1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = _plain(library, refusal(check.see, library) if check.may_raise else check.see(library))
    texts = (Refusal(each.category.__name__, str(each.message).split(" (Triggered")[0]) for each in caught)
    return Seen(result, tuple(texts))


def _plain(library: Any, value: Any) -> Any:
    if isinstance(value, library.Tensor):
        detached = value.detach()
        if detached.dtype is library.bfloat16:
            detached = detached.float()
        return Values(str(value.dtype), np.array(detached.resolve_conj().numpy()))
    if isinstance(value, library.Size):
        return ("Size", *value)
    if isinstance(value, dict):
        return {name: _plain(library, each) for name, each in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)([_plain(library, each) for each in value])
    if isinstance(value, (library.dtype, library.device, library.memory_format)):
        return str(value)
    return value


def assert_same(ours: Any, theirs: Any, where: str = "result") -> None:
    """Everything equal; values up to the order of a sum; our sentences may go on after theirs."""
    assert type(ours) is type(theirs), f"{where}: {ours!r}\nPyTorch: {theirs!r}"
    if isinstance(theirs, Seen):
        assert_same(ours.result, theirs.result)
        assert_same(ours.warnings, theirs.warnings, "warnings")
    elif isinstance(theirs, Refusal):
        assert ours.kind == theirs.kind, f"{where}: {ours}\nPyTorch: {theirs}"
        assert ours.text.startswith(theirs.text), f"{where}:\n{ours.text}\nPyTorch:\n{theirs.text}"
    elif isinstance(theirs, Values):
        assert ours.dtype == theirs.dtype, where
        assert ours.array.shape == theirs.array.shape, where
        bound = TOLERANCE.get(theirs.dtype.removeprefix("torch."), 0)
        finite = np.abs(theirs.array[np.isfinite(theirs.array)]) if bound else np.zeros(0)
        np.testing.assert_allclose(
            ours.array, theirs.array, bound, bound * np.max(finite, initial=0), err_msg=where
        )
    elif isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs), f"{where}: {ours!r}\nPyTorch: {theirs!r}"
        for index, (one, other) in enumerate(zip(ours, theirs)):
            assert_same(one, other, f"{where}[{index}]")
    elif isinstance(theirs, dict):
        assert [*ours] == [*theirs], where
        for name, other in theirs.items():
            assert_same(ours[name], other, f"{where}[{name!r}]")
    else:
        assert ours == theirs, f"{where}: {ours!r}\nPyTorch: {theirs!r}"


def integers(t: Any, *shape: int, dtype: str = "float32", seed: int = 0, grad: bool = False) -> Any:
    """A tensor of small integers, whose sums are exact in every order."""
    values = np.random.default_rng([seed, *shape]).integers(-3, 4, shape)
    return t.tensor(values).to(getattr(t, dtype)).requires_grad_(grad)


def some(t: Any, *shape: int, dtype: str = "float64", seed: int = 0, grad: bool = False) -> Any:
    """A tensor of normal numbers."""
    random = np.random.default_rng([seed, *shape])
    values = random.standard_normal(shape)
    if dtype.startswith("complex"):
        values = values + 1j * random.standard_normal(shape)
    return t.tensor(values).to(getattr(t, dtype)).requires_grad_(grad)


def gradients(result: Any, tensors: Iterable[Any]) -> list[Any]:
    """The result, and the gradients of a weighted sum of it with respect to these tensors."""
    tensors = list(tensors)
    weights = 1 + np.arange(result.numel()).reshape(tuple(result.shape)) % 5
    result.backward(result.detach().new_tensor(weights))
    return [result, *(each.grad for each in tensors)]
