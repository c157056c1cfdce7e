"""Reading and writing parts of a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convlet as torch

from .gradients import check_gradients

DIFFERENTIABLE = """\
x[1]
x[:, 1:, None, ::2]
x[..., 0]
x[i[1:2]]
x[:, i]
x[i[:2] - 2, 0, i[1:]]
x[0, ii[:, 1:]]
x[torch.tensor([True, False])]
m[torch.tensor([[True, False, True, False]] * 3)]
m[i, i]
x.select(1, 2)
x.narrow(2, 1, 2)
x.select_scatter(m, 0, 1)
x.slice_scatter(x[:1] * 2, 0, 0, 1)
m.index_select(0, i)
m.index_add(0, i, m * 2, alpha=3)
m.index_copy(0, torch.tensor([2, 0]), m[:2] * 2)
m.index_fill(1, i, s)
m.index_put((i, i), v, accumulate=True)
m.index_put((torch.tensor([0, 2]), torch.tensor([1, 1])), v[:2])
m.gather(1, torch.tensor([[0, 1], [2, 3], [1, 1]]))
x.gather(1, torch.tensor([[[0, 1, 2, 2]], [[2, 1, 0, 0]]]))
m.scatter(0, torch.tensor([[0, 1, 2, 0]]), m[1:2] * 2)
m.scatter(1, torch.tensor([[1], [2], [3]]), 5.0)
m.scatter_add(0, torch.tensor([[0, 1, 2, 0], [0, 0, 0, 0]]), m[:2] * 2)
m.take(ii)
m.put(ii, q[:2, :2], accumulate=True)
torch.take_along_dim(m, torch.tensor([[0], [2], [3]]), 1)
m.masked_select(torch.tensor([True, False, True, True]))
m.masked_scatter(torch.tensor([True, False, True, True]), x)
F.embedding(ii, m)
F.embedding(i, m, padding_idx=2)
F.embedding(i, m, scale_grad_by_freq=True)
put(x, 0, m)
put(x, (slice(None), 1), v[:1])
put(x, (0, i[:2]), m[0])
put(m, torch.tensor([True, False, True]), m[:2] * 2)
put(m, (torch.tensor([0, 2]), torch.tensor([1, 1])), s)
put(m, 0, 7.0)
put(m, [0, 2], 7.0)
"""
# The gradient of a row weighed by its frequency is not the derivative of the lookup, in PyTorch neither.
NOT_THE_DERIVATIVE = ("padding_idx", "scale_grad_by_freq")


@pytest.mark.parametrize(
    "call", [each for each in DIFFERENTIABLE.splitlines() if not any(name in each for name in NOT_THE_DERIVATIVE)]
)
def test_gradients(call: str) -> None:
    check_gradients(call)


@pytest.mark.parametrize(
    "call", ["m[i, i]", "put(m, [0, 2], v[:1])", "m.index_add(0, i, m)", "m.scatter_add(0, ii, q)"]
)
def test_gradients_of_complex(call: str) -> None:
    check_gradients(call, "complex128")


# Random keys against NumPy, which differs from PyTorch only where an integer stands among index arrays: there, an
# integer counts as one of these in NumPy. So integers are given to NumPy as slices of length one, and taken out after.

SIZES = (3, 4, 2, 3)


@st.composite
def keys(draw: st.DrawFn) -> tuple[Any, ...]:
    """Items for some of the axes of SIZES, with at most one Ellipsis and some Nones."""
    count = draw(st.integers(0, len(SIZES)))
    length = draw(st.integers(1, 3))
    dots = draw(st.one_of(st.none(), st.integers(0, count)))
    items: list[Any] = []
    for position in range(count):
        if position == dots:
            items.append(...)
        axis = position if dots is None or position < dots else position + len(SIZES) - count
        size = SIZES[axis]
        bound = st.one_of(st.none(), st.integers(-size - 2, size + 2))
        items.append(
            draw(
                st.one_of(
                    st.integers(-size, size - 1),
                    st.builds(slice, bound, bound, st.one_of(st.none(), st.integers(1, 3))),
                    st.lists(st.integers(-size, size - 1), min_size=length, max_size=length),
                )
            )
        )
        if draw(st.booleans()) and draw(st.booleans()):
            items.append(None)
    return tuple(items)


def numpy_item(array: np.ndarray, key: tuple[Any, ...]) -> np.ndarray:
    """``array[key]`` as PyTorch defines it."""
    named = sum(item is not None and item is not ... for item in key)
    view: list[Any] = []
    rest: list[Any] = []
    for item in key:
        if item is ...:
            view += [slice(None)] * (len(SIZES) - named)
            rest += [slice(None)] * (len(SIZES) - named)
        elif isinstance(item, list):
            view.append(slice(None))
            rest.append(np.array(item))
        else:
            view.append(item)
            if not isinstance(item, int):
                rest.append(slice(None))
    return array[tuple(view)][tuple(rest)] if any(isinstance(each, list) for each in key) else array[tuple(view)]


ARRAY = np.arange(float(np.prod(SIZES))).reshape(SIZES)


@given(keys())
def test_random_keys_read_what_numpy_reads(key: tuple[Any, ...]) -> None:
    expected = numpy_item(ARRAY, key)
    found = torch.tensor(ARRAY)[key]
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found.numpy(), expected)


@given(keys())
def test_random_keys_write_where_they_read(key: tuple[Any, ...]) -> None:
    x = torch.tensor(ARRAY)
    places = numpy_item(ARRAY, key)
    x[key] = -1
    np.testing.assert_array_equal(x.numpy(), np.where(np.isin(ARRAY, places), -1, ARRAY))
    values = torch.arange(float(places.size), dtype=torch.float64).reshape(places.shape)
    if len(np.unique(places)) == places.size:
        x[key] = values
        np.testing.assert_array_equal(x[key].numpy(), values.numpy())


@given(keys())
def test_random_keys_send_gradients_back_to_what_they_read(key: tuple[Any, ...]) -> None:
    x = torch.tensor(ARRAY, requires_grad=True)
    part = x[key]
    weights = torch.arange(1.0, part.numel() + 1, dtype=torch.float64).reshape(part.shape)
    (part * weights).sum().backward()
    expected = np.zeros(ARRAY.size)
    np.add.at(expected, numpy_item(ARRAY, key).astype(int), weights.numpy())
    np.testing.assert_array_equal(x.grad.numpy().reshape(-1), expected)


ERRORS = [
    ("x[2]", IndexError, "index 2 is out of bounds for dimension 0 with size 2"),
    ("x[0, 0, 0, 0]", IndexError, "too many indices for tensor of dimension 3"),
    ("x[::-1]", ValueError, "step must be greater than zero"),
    ("x[1.0]", IndexError, r"only integers, slices \(`:`\), ellipsis \(`...`\), None"),
    ("x[torch.tensor([5])]", IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
    ("x[torch.tensor([0.5])]", IndexError, "tensors used as indices must be long, int, byte or bool tensors"),
    ("x[torch.tensor([True] * 3)]", IndexError, r"The shape of the mask \[3\] at index 0 does not match the shape of "
     r"the indexed tensor \[2, 3, 4\] at index 0"),
    ("x[[0, 1], [0, 1, 2]]", IndexError, r"shape mismatch: indexing tensors could not be broadcast together with "
     r"shapes \[2\], \[3\]"),
    ("x.gather(0, torch.tensor([[[7]]]))", RuntimeError, "index 7 is out of bounds for dimension 0 with size 2"),
    ("torch.tensor(1)[0]", IndexError, "invalid index of a 0-dim tensor"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS, ids=[each[0] for each in ERRORS])
def test_errors(call: str, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        eval(call, {"torch": torch, "x": torch.zeros(2, 3, 4)})


WRITES = [
    ("x[0] = torch.zeros(3)", r"The expanded size of the tensor \(4\) must match the existing size \(3\)"),
    ("x[[0, 1]] = torch.zeros(5)", r"shape mismatch: value tensor of shape \[5\] cannot be broadcast"),
    ("x[[0]] = torch.zeros(4).double()", "Index put requires the source and destination dtypes match"),
    ("x[0] = 1j", "value cannot be converted to type float without overflow"),
    ("x[0] = [1, 2]", "can't assign a list to a torch.FloatTensor"),
    ("x[:, 5] = 1", "index 5 is out of bounds for dimension 1 with size 3"),
    ("x[:, [0, 5]] = 1", "index 5 is out of bounds for dimension 0 with size 3"),
    ("x.index_add_(0, torch.tensor([0, 5]), torch.ones(2, 3, 4))", "index 5 is out of bounds"),
    ("x.scatter_(0, torch.tensor([[[7]]]), 1.0)", "index 7 is out of bounds"),
]


@pytest.mark.parametrize(("statement", "text"), WRITES, ids=[each[0] for each in WRITES])
def test_a_refused_write_changes_nothing(statement: str, text: str) -> None:
    x = torch.ones(2, 3, 4)
    version = x._version.value
    with pytest.raises((RuntimeError, TypeError, IndexError), match=text):
        exec(statement, {"torch": torch, "x": x})
    assert (x == 1).all()
    assert x._version.value == version


def test_a_leaf_with_a_gradient_is_not_written() -> None:
    x = torch.zeros(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        x[0] = 1
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x[[0]] = 1
    with torch.no_grad():
        x[0] = 1
    assert x.tolist() == [1, 0, 0]


def test_a_changed_index_is_noticed() -> None:
    x, index = torch.ones(3, requires_grad=True), torch.tensor([0, 1])
    y = x[index]
    index[0] = 2
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_a_written_tensor_is_noticed_by_what_needs_its_old_values() -> None:
    x = torch.ones(3, requires_grad=True) * 1
    y = x * x
    x[0] = 5
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_repeated_places_add_up_exactly() -> None:
    index = torch.tensor([0, 1, 0, 0])
    x = torch.zeros(2, 3, dtype=torch.int64).index_add(0, index, torch.ones(4, 3, dtype=torch.int64))
    assert x.tolist() == [[3] * 3, [1] * 3]
    half = torch.zeros(1, dtype=torch.float16, requires_grad=True)
    half[torch.zeros(4096, dtype=torch.int64)].sum().backward()
    assert half.grad.item() == 4096  # a running sum in float16 would stop at 2048


def test_index_errors_end_iteration() -> None:
    assert [each.item() for each in torch.arange(3)] == [0, 1, 2]
    with pytest.raises(TypeError, match="iteration over a 0-d tensor"):
        iter(torch.tensor(1))
    assert 2 in torch.arange(3)
    assert 5 not in torch.arange(3)
    with pytest.raises(TypeError, match="Tensor does not support deleting items"):
        del torch.arange(3)[0]


def test_embedding_limits_norms_in_place() -> None:
    weight = torch.ones(3, 4)
    rows = torch.nn.functional.embedding(torch.tensor([1]), weight, max_norm=1.0)
    np.testing.assert_allclose(rows.numpy(), 0.5, rtol=1e-6)
    assert weight[0].tolist() == [1] * 4
    np.testing.assert_allclose(weight[1].numpy(), 0.5, rtol=1e-6)
