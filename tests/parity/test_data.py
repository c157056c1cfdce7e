"""The loader's orders, splits and batches are PyTorch's for the same seed."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.utils import data as theirs  # noqa: E402

import convlet  # noqa: E402
from convlet.utils import data as ours  # noqa: E402

pytestmark = pytest.mark.parity

SIDES = ((torch, theirs), (convlet, ours))


def both(run):
    """What ``run(torch, torch.utils.data)`` gives under either, with what the generator draws next."""
    results = []
    for library, data in SIDES:
        library.manual_seed(5)
        results.append((run(library, data), library.rand(2).tolist()))
    return results


@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": True},
        {"shuffle": True, "batch_size": 4},
        {"shuffle": True, "batch_size": 4, "drop_last": True},
        {"shuffle": False, "batch_size": 3},
        {"batch_size": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("own_generator", [False, True])
def test_order_over_epochs_and_what_is_drawn_for_it(options, own_generator):
    def run(library, data):
        generator = library.Generator().manual_seed(9) if own_generator else None
        loader = data.DataLoader(range(11), generator=generator, **options)
        seen = []
        for _ in range(3):
            seen.append([np.asarray(each).tolist() for each in loader])
            seen.append(library.rand(1).tolist())
        return seen, generator and library.rand(2, generator=generator).tolist()

    reference, mine = both(run)
    assert mine == reference


@pytest.mark.parametrize(
    "make",
    [
        lambda d: d.RandomSampler(range(7)),
        lambda d: d.RandomSampler(range(7), replacement=True),
        lambda d: d.RandomSampler(range(7), replacement=True, num_samples=64),
        lambda d: d.RandomSampler(range(7), num_samples=17),
        lambda d: d.SubsetRandomSampler([3, 1, 4, 1, 5]),
        lambda d: d.WeightedRandomSampler([0.1, 0.5, 0.2, 0.9], 20),
        lambda d: d.WeightedRandomSampler([0.1, 0.5, 0.2, 0.9], 3, replacement=False),
        lambda d: d.BatchSampler(d.RandomSampler(range(7)), 2, True),
    ],
)
def test_samplers(make):
    reference, mine = both(lambda library, data: [list(make(data)), len(make(data))])
    assert mine == reference


@pytest.mark.parametrize("lengths", [[3, 8], [0.5, 0.3, 0.2], [0.7, 0.2]])
def test_random_split(lengths):
    def run(library, data):
        try:
            return [each.indices for each in data.random_split(range(11), lengths)]
        except ValueError as error:
            return str(error)

    reference, mine = both(run)
    assert mine == reference


@pytest.mark.parametrize(
    "batch",
    [
        [1, 2], [True, False], [True, 2], [1, 2.5], [1.5, 2], ["a", "b"], [b"a"], [(1, "a"), (2, "b")], [[1], [2]],
        [{"a": 1.0}, {"a": 2.0}], [np.zeros(2), np.ones(2)], [np.float32(1)], [np.int16(1)], [np.array(3)], [range(2)],
        [None], [object], [np.array("a")], [[1, 2], [1]], [np.zeros(1), np.zeros(2)], [np.ones((1, 2), bool)],
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("name", ["default_collate", "default_convert"])
def test_collation(name, batch):
    def run(library, data):
        try:
            return repr(getattr(data, name)(batch))
        except Exception as error:
            return type(error).__name__, str(error)

    reference, mine = both(run)
    assert mine == reference
