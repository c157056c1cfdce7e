"""Datasets: collections of samples, by index (:class:`Dataset`) or as a stream (:class:`IterableDataset`)."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from ..tensor.generator import Generator, default_generator
from ..tensor.random import randperm

T = TypeVar("T", covariant=True)


class Dataset(Generic[T]):
    """Samples by index: a subclass defines ``__getitem__(index)`` and, for most uses, ``__len__()``.

    ``a + b`` is a :class:`ConcatDataset`.
    """

    def __getitem__(self, index: Any) -> T:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T], ABC):
    """Samples as a stream: a subclass defines ``__iter__()``. Each worker of a loader runs a stream of its
    own."""

    @abstractmethod
    def __iter__(self) -> Iterator[T]: ...

    def __add__(self, other: Dataset[Any]) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Any, ...]]):
    """Sample i is the tuple of the i-th rows of ``tensors``, which must be equally long (AssertionError if
    not).

    >>> data = torch.utils.data.TensorDataset(torch.arange(4.0), torch.arange(4))
    >>> data[2]
    (tensor(2.), tensor(2))
    """

    def __init__(self, *tensors: Any) -> None:
        if any(each.shape[0] != tensors[0].shape[0] for each in tensors):
            raise AssertionError("Size mismatch between tensors")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple([each[index] for each in self.tensors])

    def __len__(self) -> int:
        return self.tensors[0].shape[0]


class StackDataset(Dataset[Any]):
    """Sample i is the tuple (or, of datasets given by name, the dict) of the i-th samples of several
    datasets.

    Raises ValueError when the datasets differ in length, or when there are none.
    """

    def __init__(self, *args: Dataset[Any], **named: Dataset[Any]) -> None:
        if args and named:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or ``dict``- (via ``kwargs``) like input/output"
            )
        if not args and not named:
            raise ValueError("At least one dataset should be passed")
        self.datasets: Any = args or named
        lengths = {len(each) for each in (args or named.values())}  # type: ignore[arg-type]
        if len(lengths) > 1:
            raise ValueError("Size mismatch between datasets")
        self._length = lengths.pop()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: each[index] for name, each in self.datasets.items()}
        return tuple([each[index] for each in self.datasets])

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T]):
    """Several datasets one after another."""

    def __init__(self, datasets: Iterable[Dataset[T]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(each, IterableDataset) for each in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(itertools.accumulate(len(each) for each in self.datasets))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> T:
        if index < 0:
            if -index > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            index += len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - before]


class ChainDataset(IterableDataset[T]):
    """Several streams one after another."""

    def __init__(self, datasets: Iterable[Dataset[T]]) -> None:
        self.datasets = datasets

    def _streams(self) -> Iterator[Any]:
        for each in self.datasets:
            if not isinstance(each, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield each

    def __iter__(self) -> Iterator[T]:
        return itertools.chain.from_iterable(self._streams())

    def __len__(self) -> int:
        return sum(len(each) for each in self._streams())


class Subset(Dataset[T]):
    """The samples of a dataset at ``indices``, in this order."""

    def __init__(self, dataset: Dataset[T], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[each] for each in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        chosen = [self.indices[each] for each in indices]
        several = getattr(self.dataset, "__getitems__", None)
        return several(chosen) if several is not None else [self.dataset[each] for each in chosen]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = default_generator
) -> list[Subset[Any]]:
    """Split a dataset at random into subsets of these lengths, or of these fractions if they sum to 1.

    What remains after rounding fractions down is dealt out one by one from the first subset on. The order is
    PyTorch's for the same generator. Raises ValueError when the lengths do not sum to the dataset's.

    >>> a, b = torch.utils.data.random_split(range(10), [0.75, 0.25], generator=torch.Generator().manual_seed(0))
    >>> len(a), len(b)
    (8, 2)
    """
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        for i, fraction in enumerate(lengths):
            if not 0 <= fraction <= 1:
                raise ValueError(f"Fraction at index {i} is not between 0 and 1")
        counts = [math.floor(len(dataset) * fraction) for fraction in lengths]
        for i in range(len(dataset) - sum(counts)):
            counts[i % len(counts)] += 1
        lengths = counts
        for i, length in enumerate(counts):
            if length == 0:
                warnings.warn(
                    f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=2
                )
    if sum(lengths) != len(dataset):
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = iter(randperm(len(dataset), generator=generator).tolist())
    return [Subset(dataset, list(itertools.islice(order, int(length)))) for length in lengths]


def stratified_split(
    targets: Iterable[int], fraction: float = 0.2, generator: Generator | None = None
) -> tuple[list[int], list[int]]:
    """Indices of the samples to train on and of those to hold out: ``fraction`` of each class, at least one,
    at random.

    ``targets``: the class of each sample. Raises ValueError for a class with a single sample, and for a
    fraction outside (0, 1).

    >>> from convlet.data import stratified_split
    >>> train, held_out = stratified_split([0, 0, 1, 1, 1, 1], 0.5, torch.Generator().manual_seed(0))
    >>> len(train), len(held_out)
    (3, 3)
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must be between 0 and 1, but got {fraction}")
    members: dict[int, list[int]] = {}
    for i, target in enumerate(targets):
        members.setdefault(int(target), []).append(i)
    train: list[int] = []
    held_out: list[int] = []
    for target, indices in sorted(members.items()):
        if len(indices) < 2:
            raise ValueError(f"class {target} has a single sample: at least two are needed, one of them to hold out")
        order = [indices[i] for i in randperm(len(indices), generator=generator).tolist()]
        count = min(max(round(len(order) * fraction), 1), len(order) - 1)
        held_out += order[:count]
        train += order[count:]
    return sorted(train), sorted(held_out)
