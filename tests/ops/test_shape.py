"""Views, rearrangements and joining."""

from __future__ import annotations

import numpy as np
import pytest

import convlet as torch

from .gradients import check_gradients

DIFFERENTIABLE = """\
x.view(6, 4)
x.transpose(0, 1).reshape(6, 4)
x.flatten(1)
x.unflatten(2, (2, 2))
x[:1].squeeze(0)
x.unsqueeze(1)
x.permute(2, 0, 1)
x.movedim(0, 2)
m.t()
m.H
x.mH
v.expand(2, 3)
torch.broadcast_to(s, (2, 2))
m.repeat(2, 1, 3)
v.tile((2, 2))
m.repeat_interleave(2, 1)
m.repeat_interleave(torch.tensor([1, 0, 2]), 0)
x.unfold(2, 2, 1)
x.unfold(2, 3, 2)
x.unfold(0, 1, 1)
m.as_strided((2, 2), (4, 2), 1)
m.as_strided((3, 3), (4, 1))
m.as_strided((3, 2, 3), (4, 1, 1))
x.diagonal(1, 1, 2)
torch.diag(v)
torch.diag(q, 1)
v.diag_embed(-1)
x.tril(1)
x.triu(-1)
x.flip((0, 2))
x.roll((1, 2), (0, 2))
x.roll(5)
m.rot90(1)
m.rot90(3, (1, 0))
torch.pixel_shuffle(m.reshape(1, 4, 3, 1), 2)
torch.pixel_unshuffle(m.reshape(1, 1, 6, 2), 2)
torch.meshgrid(v, m[0], indexing="xy")
torch.cat([x, x[:, :1]], 1)
torch.stack([v, v * 2], 1)
torch.hstack([v, v])
torch.block_diag(q, v)
torch.cartesian_prod(v, m[0])
x.split(3, 2)
x.split([1, 3], 2)[1]
x.chunk(2, 1)
x.unbind(1)
x.tensor_split((1, 2), 2)
torch.view_as_real(torch.view_as_complex(m.reshape(3, 2, 2)))
"""


@pytest.mark.parametrize("call", DIFFERENTIABLE.splitlines())
def test_gradients(call: str) -> None:
    check_gradients(call)


@pytest.mark.parametrize("call", ["m.H", "x.mH", "x.unfold(2, 2, 1)", "torch.diag(v)", "m.t().reshape(2, 6)"])
def test_gradients_of_complex(call: str) -> None:
    check_gradients(call, "complex128")


VIEWS = """\
x.view(6, 4)
x.reshape(6, 4)
x.transpose(0, 1)
x.permute(2, 0, 1)
x.squeeze()
x.unsqueeze(0)
x.unflatten(2, (2, 2))
x.flatten()
x.expand(2, 2, 3, 4)
x.narrow(2, 1, 2)
x.select(1, 2)
x.unfold(2, 2, 2)
x.diagonal()
x.as_strided((2, 2), (1, 2), 3)
x.split(2, 2)[1]
x.unbind(2)[1]
x.chunk(2, 1)[1]
x.movedim(0, 1)
x.mT
x[0]
x[:, 1:, None, ::2]
x.view(torch.int64)
"""


@pytest.mark.parametrize("call", VIEWS.splitlines())
def test_views_share_memory_and_versions(call: str) -> None:
    x = torch.zeros(2, 3, 4, dtype=torch.float64)
    view = eval(call, {"torch": torch, "x": x})
    version = x._version.value
    x.fill_(7)
    assert (view.view(torch.float64) == 7).all()
    assert view._version.value == version + 1


@pytest.mark.parametrize("call", [each for each in VIEWS.splitlines() if "expand" not in each and "int64" not in each])
def test_writing_into_a_view_of_a_computed_tensor(call: str) -> None:
    """The gradient of ``y = 3 x; view(y) *= 2`` is 6 where the view lies and 3 elsewhere."""
    x = torch.arange(24.0, dtype=torch.float64).reshape(2, 3, 4).requires_grad_()
    y = x * 3
    eval(call, {"torch": torch, "x": y}).mul_(2)
    places = np.zeros((2, 3, 4))
    eval(call, {"torch": torch, "x": torch.from_numpy(places)}).fill_(1)
    np.testing.assert_array_equal(y.detach().numpy(), x.detach().numpy() * (3 + 3 * places))
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 3 + 3 * places)


def test_a_view_sees_the_history_of_its_base() -> None:
    x = torch.ones(4, dtype=torch.float64, requires_grad=True)
    y = x * 1
    view = y[1:3]
    y.mul_(torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64))
    view.sum().backward()
    assert x.grad.tolist() == [0, 2, 3, 0]


def test_view_refuses_what_needs_a_copy() -> None:
    x = torch.zeros(2, 3).t()
    with pytest.raises(RuntimeError, match="view size is not compatible with input tensor's size and stride"):
        x.view(6)
    assert x.reshape(6).shape == (6,)


def test_in_place_reshapes_keep_the_memory() -> None:
    x = torch.arange(6.0).reshape(1, 2, 3)
    memory = x.data_ptr()
    assert x.squeeze_(0).t_().unsqueeze_(1).shape == (3, 1, 2)
    assert x.data_ptr() == memory
    assert x.reshape(-1).tolist() == [0, 3, 1, 4, 2, 5]


def test_in_place_reshape_of_a_leaf_with_a_gradient_is_refused() -> None:
    x = torch.zeros(1, 2, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        x.squeeze_()
    assert x.shape == (1, 2)


def test_views_of_meta_tensors_have_the_right_shape() -> None:
    x = torch.zeros(2, 3, 4, device="meta")
    for call in VIEWS.splitlines():
        view = eval(call, {"torch": torch, "x": x})
        assert view.is_meta
        assert view.shape == eval(call, {"torch": torch, "x": torch.zeros(2, 3, 4)}).shape


def test_reading_beyond_the_memory_is_refused() -> None:
    x = torch.arange(6)
    with pytest.raises(RuntimeError, match="out of bounds for storage of size 48"):
        x.as_strided((3,), (2,), 2)
    assert x[2:].as_strided((2,), (1,), 0).tolist() == [0, 1]
    assert x[2:].as_strided((2,), (1,)).tolist() == [2, 3]
