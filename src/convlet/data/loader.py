"""``DataLoader``: batches of a dataset, in order or shuffled, fetched in this thread or ahead by others."""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from itertools import cycle, repeat
from typing import Any, NamedTuple

from ..tensor.generator import Generator
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler, draw_seed


class DataLoader:
    """Iterates over a dataset in batches.

    ``batch_size`` samples make a batch (None: samples are not collated); ``shuffle`` takes them in a new
    random order each time, the order that PyTorch takes for the same seed. ``sampler`` (indices) or
    ``batch_sampler`` (lists of indices) give any other order. ``collate_fn`` makes the batch of a list of
    samples (:func:`default_collate`). ``drop_last`` leaves out a last, shorter batch. ``generator`` is where
    random numbers come from.

    ``num_workers`` threads (not processes: nothing is copied or pickled) fetch ``prefetch_factor`` batches
    each ahead, in the same order; they help where reading a sample waits or computes in NumPy or Pillow,
    which let other threads run. ``timeout`` is in seconds. ``pin_memory``, ``pin_memory_device``,
    ``multiprocessing_context``, ``persistent_workers`` and ``in_order`` are accepted and change nothing.

    Raises ValueError for options that contradict each other. An exception in a worker thread is raised where
    the batch would have come.

    >>> data = torch.utils.data.TensorDataset(torch.arange(5.0))
    >>> for (batch,) in torch.utils.data.DataLoader(data, batch_size=2):
    ...     print(batch)
    tensor([0., 1.])
    tensor([2., 3.])
    tensor([4.])
    """

    # What decides the order can't be changed once the samplers are made.
    _FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
    _ready = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        self._streams = isinstance(dataset, IterableDataset)
        if num_workers < 0:
            raise ValueError(
                "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."
            )
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing."
                "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
            )
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        if self._streams:
            given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
            for name, value in given.items():
                if value is not None:
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                    )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
            )

        indices: Any
        if sampler is not None:
            indices = sampler
        elif self._streams:
            indices = _Endless()
        elif shuffle:
            indices = RandomSampler(dataset, generator=generator)
        else:
            indices = SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(indices, batch_size, drop_last)

        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = indices
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._ready = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._ready and name in self._FIXED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __len__(self) -> int:
        """The number of batches (of samples, without batches). TypeError when the dataset has no length."""
        if not self._streams:
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]
        count = len(self.dataset)
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        indices: Iterable[Any] = self.sampler if self.batch_sampler is None else self.batch_sampler
        order = iter(indices)
        seed = draw_seed(self.generator)  # drawn here even when nobody needs it, as PyTorch does
        return _fetch_ahead(self, order, seed) if self.num_workers else _fetch_here(self, order)


class WorkerInfo(NamedTuple):
    """What a worker thread knows of itself: its number, how many there are, its seed, its dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_worker = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """In a worker thread of a loader its :class:`WorkerInfo`, elsewhere None."""
    return getattr(_worker, "info", None)


class _Endless:
    """The sampler of streams: they know themselves what comes next."""

    def __iter__(self) -> Iterator[None]:
        return repeat(None)


class _Exhausted(Exception):
    """A worker's stream has ended (StopIteration can't leave a future)."""


def _fetcher(loader: DataLoader, dataset: Any) -> Callable[[Any], Any]:
    """A function from an index, or a list of them, to what the loader yields; raises _Exhausted at a stream's
    end."""
    collate, batches = loader.collate_fn, loader.batch_sampler is not None
    if loader._streams:
        stream = iter(dataset)

        def fetch(index: Any) -> Any:
            if not batches:
                for sample in stream:
                    return collate(sample)
                raise _Exhausted
            samples = [sample for _, sample in zip(index, stream)]
            if not samples or (loader.drop_last and len(samples) < len(index)):
                raise _Exhausted
            return collate(samples)

        return fetch
    if not batches:
        return lambda index: collate(dataset[index])
    several = getattr(dataset, "__getitems__", None)
    if several is not None:
        return lambda indices: collate(several(indices))
    return lambda indices: collate([dataset[index] for index in indices])


def _fetch_here(loader: DataLoader, order: Iterator[Any]) -> Iterator[Any]:
    fetch = _fetcher(loader, loader.dataset)
    try:
        for index in order:
            yield fetch(index)
    except _Exhausted:
        pass


def _fetch_ahead(loader: DataLoader, order: Iterator[Any], seed: int) -> Iterator[Any]:
    """Batch i is fetched by worker i mod n, each a thread with a queue of its own."""
    workers = [_Worker(loader, number, seed + number) for number in range(loader.num_workers)]
    waiting: deque[tuple[_Worker, Future[Any]]] = deque()
    turns = cycle(workers)

    def submit() -> None:
        if all(each.exhausted for each in workers):
            return
        worker = next(each for each in turns if not each.exhausted)
        for index in order:
            waiting.append((worker, worker.submit(index)))
            return

    try:
        for _ in range(max(loader.prefetch_factor or 0, 1) * len(workers)):
            submit()
        while waiting:
            worker, future = waiting.popleft()
            try:
                result = future.result(loader.timeout or None)
            except _Exhausted:
                worker.exhausted = True
                submit()
                continue
            except FutureTimeout:
                if future.done():
                    raise  # the dataset's own
                raise RuntimeError(f"DataLoader timed out after {loader.timeout} seconds") from None
            submit()
            yield result
    finally:
        for worker in workers:
            worker.threads.shutdown(wait=False, cancel_futures=True)


class _Worker:
    """One thread that fetches what it is told to, one after another."""

    def __init__(self, loader: DataLoader, number: int, seed: int) -> None:
        self.exhausted = False
        self.threads = ThreadPoolExecutor(1, f"DataLoader worker {number}")
        self._loader = loader
        self._info = WorkerInfo(number, loader.num_workers, seed, loader.dataset)
        self._fetch: Callable[[Any], Any] | None = None

    def submit(self, index: Any) -> Future[Any]:
        return self.threads.submit(self._run, index)

    def _run(self, index: Any) -> Any:
        if self._fetch is None:
            dataset = self._loader.dataset
            if self._loader._streams:  # a stream that remembers where it is must not be shared
                dataset = copy.copy(dataset)
            _worker.info = self._info._replace(dataset=dataset)
            if self._loader.worker_init_fn is not None:
                self._loader.worker_init_fn(self._info.id)
            self._fetch = _fetcher(self._loader, dataset)
        return self._fetch(index)
