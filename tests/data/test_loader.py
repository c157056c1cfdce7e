"""DataLoader and samplers: orders, batches, workers."""

import threading
import time

import pytest

import convlet as torch
from convlet.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    get_worker_info,
)


def batches(loader):
    return [each.tolist() for each in loader]


class Stream(IterableDataset):
    def __init__(self, n=5):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        return iter(range(self.n) if info is None else range(info.id, self.n, info.num_workers))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_come_in_order(workers):
    loader = DataLoader(range(7), batch_size=3, num_workers=workers)
    assert batches(loader) == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(loader) == 3
    assert batches(DataLoader(range(7), batch_size=3, drop_last=True, num_workers=workers)) == [[0, 1, 2], [3, 4, 5]]
    assert list(DataLoader(range(3), batch_size=None, num_workers=workers)) == [0, 1, 2]
    assert list(DataLoader(range(0), num_workers=workers)) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_shuffling_is_a_permutation_repeatable_by_its_seed(workers):
    def epochs(seed):
        loader = DataLoader(
            range(20), 4, shuffle=True, generator=torch.Generator().manual_seed(seed), num_workers=workers
        )
        return [[i for batch in batches(loader) for i in batch] for _ in range(2)]

    first, second = epochs(0)
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert epochs(0) == [first, second]
    assert epochs(1) != [first, second]


def test_samplers():
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    assert sorted(RandomSampler(range(6))) == list(range(6))
    drawn = list(RandomSampler(range(3), replacement=True, num_samples=70))
    assert len(drawn) == 70
    assert set(drawn) == {0, 1, 2}
    assert len(list(RandomSampler(range(3), num_samples=7))) == 7
    assert sorted(SubsetRandomSampler([5, 7, 9])) == [5, 7, 9]
    assert set(WeightedRandomSampler([0.0, 1.0, 0.0, 1.0], 50)) == {1, 3}
    assert sorted(WeightedRandomSampler([1.0, 1.0], 2, replacement=False)) == [0, 1]
    assert list(BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert len(BatchSampler(range(5), 2, True)) == 2
    with pytest.raises(NotImplementedError):
        iter(Sampler())
    assert batches(DataLoader(range(9), sampler=[4, 2], batch_size=2)) == [[4, 2]]
    assert batches(DataLoader(range(9), batch_sampler=[[1], [2, 3]])) == [[1], [2, 3]]


def test_streams_by_one_and_by_several_workers():
    assert batches(DataLoader(Stream(), batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert batches(DataLoader(Stream(), batch_size=2, drop_last=True)) == [[0, 1], [2, 3]]
    assert batches(DataLoader(Stream(), batch_size=2, num_workers=2)) == [[0, 2], [1, 3], [4]]
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]

    class Careless(IterableDataset):  # does not ask which worker it runs in: as in PyTorch, each worker gives all of it
        def __iter__(self):
            return iter(range(3))

    assert batches(DataLoader(Careless(), batch_size=2, num_workers=2)) == [[0, 1], [0, 1], [2], [2]]
    with pytest.raises(TypeError, match=r"object of type 'Stream' has no len\(\)"):
        len(DataLoader(Stream()))


def test_workers_work_at_the_same_time_and_know_who_they_are():
    met = threading.Barrier(2, timeout=5)
    seen, started = set(), []

    class Waits(Dataset):
        def __getitem__(self, index):
            met.wait()  # would time out if one thread fetched everything
            seen.add(get_worker_info().id)
            return index

        def __len__(self):
            return 4

    loader = DataLoader(Waits(), num_workers=2, worker_init_fn=started.append)
    assert batches(loader) == [[0], [1], [2], [3]]
    assert seen == {0, 1}
    assert sorted(started) == [0, 1]
    assert get_worker_info() is None


def test_an_error_in_a_worker_arrives_where_its_batch_would():
    class Broken(Dataset):
        def __getitem__(self, index):
            if index == 2:
                raise KeyError("no sample 2")
            return index

        def __len__(self):
            return 4

    for workers in (0, 2):
        iterator = iter(DataLoader(Broken(), num_workers=workers))
        assert [next(iterator).tolist() for _ in range(2)] == [[0], [1]]
        with pytest.raises(KeyError, match="no sample 2"):
            next(iterator)


def test_timeout_and_early_end_leave_no_thread_behind():
    class Slow(Dataset):
        def __getitem__(self, index):
            time.sleep(0.3)
            return index

        def __len__(self):
            return 8

    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0.05 seconds"):
        list(DataLoader(Slow(), num_workers=1, timeout=0.05))
    iterator = iter(DataLoader(range(100), num_workers=2))
    next(iterator)
    del iterator
    deadline = time.time() + 5
    while any("DataLoader" in each.name for each in threading.enumerate()) and time.time() < deadline:
        time.sleep(0.01)
    assert not any("DataLoader" in each.name for each in threading.enumerate())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"batch_size": 0}, "batch_size should be a positive integer value, but got batch_size=0"),
        ({"sampler": [0], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive with batch_size"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only be specified in multiprocessing"),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
    ],
)
def test_contradicting_options(options, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(range(3), **options)


def test_streams_refuse_what_decides_an_order():
    for name, value in (("shuffle", True), ("sampler", [0]), ("batch_sampler", [[0]])):
        with pytest.raises(ValueError, match=f"expected unspecified {name} option"):
            DataLoader(Stream(), **{name: value})


def test_what_is_fixed_after_construction():
    loader = DataLoader(TensorDataset(torch.arange(3)))
    with pytest.raises(ValueError, match="batch_size attribute should not be set after DataLoader is initialized"):
        loader.batch_size = 2
    loader.num_workers = 1
    assert len(list(loader)) == 3
