"""Datasets, splits and collation."""

import collections

import numpy as np
import pytest

import convlet as torch
from convlet.data import stratified_split
from convlet.utils.data import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    default_collate,
    default_convert,
    random_split,
)


class Squares(Dataset):
    def __getitem__(self, index):
        return index * index

    def __len__(self):
        return 5


class Stream(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n


def test_tensor_dataset_gives_rows():
    data = TensorDataset(torch.arange(6).view(3, 2), torch.arange(3))
    x, y = data[1]
    assert len(data) == 3
    assert x.tolist() == [2, 3]
    assert y.item() == 1
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        TensorDataset(torch.arange(3), torch.arange(4))


def test_concatenation_counts_through_and_from_the_end():
    data = Squares() + Squares()
    assert isinstance(data, ConcatDataset)
    assert [data[i] for i in (0, 4, 5, 9, -1, -10)] == [0, 16, 0, 16, 16, 0]
    with pytest.raises(ValueError, match="absolute value of index should not exceed dataset length"):
        data[-11]
    with pytest.raises(AssertionError, match="should not be an empty iterable"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        ConcatDataset([Stream(1)])


def test_streams_chain():
    chained = Stream(2) + Stream(3)
    assert isinstance(chained, ChainDataset)
    assert list(chained) == [0, 1, 0, 1, 2]
    assert len(chained) == 5
    with pytest.raises(TypeError, match="abstract"):
        IterableDataset()


def test_stack_gives_tuples_or_dicts():
    assert StackDataset(Squares(), range(5))[2] == (4, 2)
    assert StackDataset(a=Squares(), b=range(5))[3] == {"a": 9, "b": 3}
    with pytest.raises(ValueError, match="Size mismatch between datasets"):
        StackDataset(Squares(), range(4))
    with pytest.raises(ValueError, match="At least one dataset"):
        StackDataset()
    with pytest.raises(NotImplementedError, match="should implement __getitem__"):
        Dataset()[0]


def test_subset_asks_for_several_at_once_where_it_can():
    asked = []

    class Several(Squares):
        def __getitems__(self, indices):
            asked.append(indices)
            return [self[i] for i in indices]

    assert Subset(Several(), [4, 3, 2]).__getitems__([0, 2]) == [16, 4]
    assert asked == [[4, 2]]
    assert Subset(Squares(), [4, 3])[1] == 9


def test_random_split_parts_cover_everything_once():
    parts = random_split(range(10), [3, 7], generator=torch.Generator().manual_seed(1))
    assert [len(each) for each in parts] == [3, 7]
    assert sorted(each for part in parts for each in part) == list(range(10))
    fractions = random_split(range(10), [0.33, 0.33, 0.34], generator=torch.Generator())
    assert [len(each) for each in fractions] == [4, 3, 3]
    with pytest.raises(ValueError, match="Sum of input lengths does not equal"):
        random_split(range(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        random_split(range(10), [-0.5, 1.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(range(2), [0.9, 0.1])


def test_stratified_split_takes_the_fraction_of_each_class():
    targets = [0] * 10 + [1] * 25 + [2] * 2
    train, held_out = stratified_split(targets, 0.2, torch.Generator().manual_seed(0))
    assert sorted(train + held_out) == list(range(37))
    counts = collections.Counter(targets[i] for i in held_out)
    assert counts == {0: 2, 1: 5, 2: 1}
    again = stratified_split(targets, 0.2, torch.Generator().manual_seed(0))
    assert (train, held_out) == again
    assert stratified_split(targets, 0.2, torch.Generator().manual_seed(1)) != again
    with pytest.raises(ValueError, match="class 1 has a single sample"):
        stratified_split([0, 0, 1])
    with pytest.raises(ValueError, match="fraction must be between 0 and 1"):
        stratified_split([0, 0], 1.0)


Point = collections.namedtuple("Point", "x y")


def test_collation_adds_an_axis_to_what_samples_hold():
    tensors = default_collate([torch.zeros(2), torch.ones(2)])
    assert tensors.tolist() == [[0, 0], [1, 1]]
    arrays = default_collate([np.zeros(2, np.uint8), np.ones(2, np.uint8)])
    assert (arrays.dtype, arrays.shape) == (torch.uint8, (2, 2))
    assert default_collate([1, 2]).dtype is torch.int64
    assert default_collate([True, False]).dtype is torch.bool
    assert default_collate([1.5, 2.0]).dtype is torch.float64
    assert default_collate([1, 2.5]).dtype is torch.float32
    assert default_collate([np.float32(1), np.float32(2)]).dtype is torch.float32
    assert default_collate(["a", "b"]) == ["a", "b"]
    x, name = default_collate([(1, "a"), (2, "b")])
    assert x.tolist() == [1, 2]
    assert name == ("a", "b")
    assert default_collate([{"k": 1}, {"k": 2}])["k"].tolist() == [1, 2]
    point = default_collate([Point(1, 2), Point(3, 4)])
    assert isinstance(point, Point)
    assert point.y.tolist() == [2, 4]
    ordered = default_collate([collections.OrderedDict(k=1), collections.OrderedDict(k=2)])
    assert isinstance(ordered, collections.OrderedDict)


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ([None], TypeError, "must contain tensors, numpy arrays, numbers, dicts or lists; found <class 'NoneType'>"),
        ([np.array("a")], TypeError, "found <U1"),
        ([[1, 2], [1]], RuntimeError, "each element in list of batch should be of equal size"),
        ([np.zeros(2), np.zeros(3)], RuntimeError, r"stack expects each tensor to be equal size, but got \[2\]"),
    ],
)
def test_collation_refuses(batch, error, message):
    with pytest.raises(error, match=message):
        default_collate(batch)


def test_conversion_leaves_samples_single():
    array, number, text = default_convert((np.zeros(1), 1, "a"))
    assert array.shape == (1,)
    assert (number, text) == (1, "a")
    assert default_convert({"a": np.ones(2)})["a"].tolist() == [1, 1]
