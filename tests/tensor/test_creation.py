"""New tensors: from data, filled, from ranges, drawn at random; the in-place draws and fills."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convlet as torch


def test_the_dtype_of_data_is_that_of_its_highest_kind() -> None:
    for data, dtype in [
        ([True, False], torch.bool), ([1, True], torch.int64), ([1, 2.5], torch.float32), ([1j, 2], torch.complex64),
        ([], torch.float32), (np.zeros(2), torch.float64), (np.float64(1), torch.float64), ([np.int8(1)], torch.int8),
        (range(3), torch.int64), (torch.tensor([[]]).tolist(), torch.float32),
    ]:  # fmt: skip
        assert torch.tensor(data).dtype is dtype, data
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.tensor([1.5]).dtype is torch.float64
        assert torch.tensor([1j]).dtype is torch.complex128
        assert torch.zeros(2).dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_data_are_copied_and_arrays_shared_on_request() -> None:
    array = np.zeros(3, np.float32)
    copied, shared, also = torch.tensor(array), torch.from_numpy(array), torch.as_tensor(array)
    array[0] = 5
    assert copied[0] == 0
    assert shared[0] == 5
    assert also[0] == 5
    shared[1] = 7
    assert array[1] == 7
    assert torch.as_tensor(shared) is shared
    assert torch.from_dlpack(array)[1] == 7
    assert torch.frombuffer(bytearray(b"\x01\x00\x02\x00"), dtype=torch.int16).tolist() == [1, 2]


def test_a_read_only_array_is_shared_with_a_warning_and_never_written() -> None:
    array = np.zeros(3)
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="The given NumPy array is not writable"):
        x = torch.from_numpy(array)
    with pytest.raises(RuntimeError, match="read-only"):
        x.fill_(1)
    assert not array.any()


ERRORS = [
    ("torch.tensor([[1, 2], [3]])", ValueError, "expected sequence of length 2 at dim 1 (got 1)"),
    ("torch.tensor([[1, 2], 3])", TypeError, "not a sequence"),
    ("torch.tensor([1, [2]])", TypeError, "'list' object cannot be interpreted as an integer"),
    ("torch.tensor('a')", TypeError, "new(): invalid data type 'str'"),
    ("torch.tensor(['a'])", ValueError, "too many dimensions 'str'"),
    ("torch.tensor(None)", RuntimeError, "Could not infer dtype of NoneType"),
    ("torch.tensor([300], dtype=torch.uint8)", RuntimeError,
     "value cannot be converted to type uint8 without overflow"),
    ("torch.tensor(2**70)", ValueError, "Overflow when unpacking long long"),
    ("torch.tensor([1j], dtype=torch.float32)", TypeError, "must be real number, not complex"),
    ("torch.tensor([1], requires_grad=True)", RuntimeError,
     "Only Tensors of floating point and complex dtype can require gradients"),
    ("torch.from_numpy(np.arange(3)[::-1])", ValueError, "At least one stride in the given numpy array is negative"),
    ("torch.from_numpy([1])", TypeError, "expected np.ndarray (got list)"),
    ("torch.zeros(2.0)", TypeError, "zeros(): argument 'size' (position 1) must be tuple of ints, not float"),
    ("torch.zeros(-1)", RuntimeError, "zeros: Dimension size must be non-negative."),
    ("torch.rand(-1)", RuntimeError, "Trying to create tensor with negative dimension -1: [-1]"),
    ("torch.zeros(10**10, 10**10)", RuntimeError, "Storage size calculation overflowed"),
    ("torch.empty(10**14)", RuntimeError, "[enforce fail at alloc_cpu.cpp:127]"),
    ("torch.zeros(2, bad=1)", TypeError, "zeros() got an unexpected keyword argument 'bad'"),
    ("torch.zeros(2, device='cuda')", AssertionError, "Torch not compiled with CUDA enabled"),
    ("torch.arange(0, 5, 0)", RuntimeError, "step must be nonzero"),
    ("torch.arange(1, 0)", RuntimeError, "upper bound and lower bound inconsistent with step sign"),
    ("torch.linspace(0, 1, -1)", RuntimeError, "number of steps must be non-negative"),
    ("torch.full((2,), 300, dtype=torch.uint8)", RuntimeError,
     "value cannot be converted to type uint8_t without overflow"),
    ("torch.LongTensor(torch.ones(2))", TypeError, "expected "),
    ("torch.rand(2, generator=1)", TypeError, "rand() received an invalid combination of arguments"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS, ids=[each[0] for each in ERRORS])
def test_errors(call: str, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as error:
        eval(call, {"torch": torch, "np": np})
    assert str(error.value).startswith(text)


@pytest.mark.parametrize("call", [
    "torch.zeros(2, 3, **options)", "torch.ones(2, 3, **options)", "torch.empty(2, 3, **options)",
    "torch.full((2, 3), 1.0, **options)", "torch.eye(2, 3, **options)", "torch.rand(2, 3, **options)",
    "torch.randn(2, 3, **options)", "torch.zeros_like(x, **options)", "torch.rand_like(x, **options)",
    "x.new_zeros(2, 3, **options)", "torch.randint(3, (2, 3), **options)", "torch.normal(0.0, 1.0, (2, 3), **options)",
    "torch.arange(6, **options).view(2, 3)", "torch.linspace(0, 1, 6, **options).view(2, 3)",
])  # fmt: skip
def test_options(call: str) -> None:
    def make(**options: Any) -> Any:
        return eval(call, {"torch": torch, "x": torch.zeros(2, 3), "options": options})

    made = make(dtype=torch.float64)
    assert (made.shape, made.dtype, made.requires_grad) == ((2, 3), torch.float64, False)
    assert make(dtype=torch.float64, requires_grad=True).requires_grad
    assert make(dtype=torch.float16).dtype is torch.float16
    assert make(device="meta").is_meta
    assert make(device="meta").shape == (2, 3)


def test_likeness_keeps_the_layout() -> None:
    x = torch.zeros(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    for made in (torch.zeros_like(x), torch.rand_like(x), torch.empty_like(x), torch.full_like(x, 3)):
        assert made.is_contiguous(memory_format=torch.channels_last)
    assert torch.zeros_like(x, memory_format=torch.contiguous_format).is_contiguous()


def test_ranges_have_the_length_of_exact_arithmetic() -> None:
    assert torch.arange(2**53, 2**53 + 3).tolist() == [2**53, 2**53 + 1, 2**53 + 2]
    assert len(torch.arange(0, 1, 0.1)) == 10
    assert torch.linspace(0, 1, 1).tolist() == [0]
    assert torch.linspace(0, 10, 5, dtype=torch.int64).tolist() == [0, 2, 5, 7, 10]


def test_old_tensor_types_are_callables_and_types() -> None:
    assert torch.FloatTensor([1, 2]).dtype is torch.float32
    assert torch.LongTensor(2, 3).shape == (2, 3)
    assert isinstance(torch.zeros(2), torch.FloatTensor)
    assert not isinstance(torch.zeros(2), torch.LongTensor)
    assert repr(torch.FloatTensor) == "<class 'torch.FloatTensor'>"


def test_draws_fill_memory_in_its_own_order() -> None:
    """A transposed or channels-last tensor gets the numbers a contiguous one gets, as they lie in memory."""
    generator = torch.manual_seed(0)
    plain = torch.empty(5, 4).uniform_()
    generator.manual_seed(0)
    turned = torch.empty(5, 4).t().uniform_()
    assert turned.t().tolist() == plain.tolist()


def test_draws_are_in_place_operations() -> None:
    x = torch.zeros(4)
    version = x._version.value
    x.normal_().uniform_().random_(5).bernoulli_().exponential_()
    assert x._version.value == version + 5
    leaf = torch.zeros(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        leaf.uniform_()
    with torch.no_grad():
        leaf.uniform_()
    assert leaf.requires_grad


def test_fills_cut_the_history_of_what_they_overwrite() -> None:
    x = torch.ones(3, requires_grad=True)
    value = torch.tensor(2.0, requires_grad=True)
    y = x * 3
    y[1:].fill_(value)
    y.sum().backward()
    assert x.grad.tolist() == [3, 0, 0]
    assert value.grad.item() == 2


def test_the_state_of_the_default_generator_is_a_tensor() -> None:
    state = torch.get_rng_state()
    first = torch.rand(3)
    torch.set_rng_state(state)
    assert torch.rand(3).tolist() == first.tolist()
    assert state.dtype is torch.uint8
