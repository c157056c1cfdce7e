"""Products of matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convlet as torch

from .gradients import check_gradients

DIFFERENTIABLE = """\
m @ m.mT
x @ x.mT
x @ m.mT
m @ x.mT
x @ m[0]
m @ m[0]
m[0] @ m.mT
m[0] @ x.mT
v @ v
x[:, None] @ x.mT
torch.vdot(v, q[0])
torch.outer(v, m[0])
torch.addmm(v, m, m.t(), beta=2, alpha=3)
torch.addmm(s, m, m.t())
torch.addmv(v, m, m[0], alpha=2)
torch.baddbmm(q, x, x.mT, beta=0.5)
torch.addbmm(q, x, x.mT)
torch.addr(m, v, m[0])
F.linear(m, m, v)
F.linear(x, m, v)
F.linear(x, m)
F.linear(m[0], m, v)
torch.einsum("bij,kj->bik", x, m)
torch.einsum("bij,bkj,kl->il", x, x, q)
torch.einsum("iij->j", q[:, :, None] * v)
torch.einsum("...ij,...ij->...i", x, m)
torch.einsum("i,j->", v, m[0])
torch.tensordot(x, m, ([1, 2], [0, 1]))
torch.kron(q, v)
torch.trace(q)
torch.linalg.cross(q, q.t())
torch.inverse(q)
torch.matrix_power(q, 3)
"""


@pytest.mark.parametrize("call", DIFFERENTIABLE.splitlines())
def test_gradients(call: str) -> None:
    check_gradients(call)


@pytest.mark.parametrize("call", [
    "m @ m.mH", "v @ q", "torch.vdot(v, q[0])", "F.linear(m, m, v)", "torch.addmm(v, m, m.t(), beta=2j, alpha=3)",
    "torch.einsum('bij,kj->bik', x, m)", "torch.inverse(q)", "torch.linalg.cross(q, q.t())",
])  # fmt: skip
def test_gradients_of_complex(call: str) -> None:
    check_gradients(call, "complex128")


def test_first_gradient_of_the_determinant() -> None:
    check_gradients("torch.det(q)", twice=False)


@st.composite
def equations(draw: st.DrawFn) -> tuple[str, list[tuple[int, ...]]]:
    """An einsum of one to three operands over letters of fixed sizes, all output letters used."""
    sizes = {"a": 2, "b": 3, "c": 1, "d": 4}
    terms = draw(st.lists(st.text("abcd", max_size=4), min_size=1, max_size=3))
    letters = sorted(set("".join(terms)))
    output = draw(st.permutations(letters))[: draw(st.integers(0, len(letters)))]
    equation = ",".join(terms) + draw(st.sampled_from(["", "->" + "".join(output)]))
    return equation, [tuple(sizes[letter] for letter in term) for term in terms]


@given(equations())
def test_einsum_is_numpys(case: tuple[str, list[tuple[int, ...]]]) -> None:
    equation, shapes = case
    random = np.random.default_rng(0)
    operands = [random.integers(-3, 4, shape) for shape in shapes]
    expected = np.einsum(equation, *operands)
    found = torch.einsum(equation, *[torch.tensor(each) for each in operands])
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("order", ["nk,km", "kn,km", "nk,mk"])
@pytest.mark.parametrize("dtype", ["float32", "int64", "int8", "complex64"])
def test_products_of_any_strides(order: str, dtype: str) -> None:
    """Integer values: every layout gives the exact product."""
    random = np.random.default_rng(0)
    left, right = (random.integers(-4, 5, (6, 10)).astype(dtype) for _ in range(2))
    left, right = left[::2, ::2], right[::2, ::2]
    a = torch.tensor(left) if order[:2] == "nk" else torch.tensor(left.T.copy()).t()
    b = torch.tensor(right.T.copy()) if order[3:] == "km" else torch.tensor(right).t()
    expected = left @ right.T
    np.testing.assert_array_equal((a @ b).numpy(), expected)
    whole = torch.tensor(np.repeat(left, 2, 1))[:, ::2]
    np.testing.assert_array_equal((whole @ b).numpy(), expected)
    np.testing.assert_array_equal((a[:1].expand(3, 5) @ b).numpy(), np.broadcast_to(expected[:1], (3, 3)))


def test_half_products_are_rounded_once() -> None:
    a = torch.full((1, 4096), 1.0, dtype=torch.float16)
    assert (a @ a.t()).item() == 4096  # a running sum in float16 would stop at 2048


def test_empty_products() -> None:
    assert (torch.ones(2, 0) @ torch.ones(0, 3)).tolist() == [[0] * 3] * 2
    assert torch.ones(0, 2).matmul(torch.ones(2, 3)).shape == (0, 3)
    assert torch.nn.functional.linear(torch.ones(0, 4), torch.ones(5, 4), torch.ones(5)).shape == (0, 5)


ERRORS = [
    ("torch.ones(2, 3) @ torch.ones(4, 5)", "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
    ("torch.ones(2, 3) @ torch.ones(4)", "size mismatch, got input (2), mat (2x3), vec (4)"),
    ("F.linear(torch.ones(2, 3), torch.ones(5, 4))", "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
    ("F.linear(torch.ones(2, 2, 3), torch.ones(5, 4))", "mat1 and mat2 shapes cannot be multiplied (4x3 and 4x5)"),
    ("torch.mm(torch.ones(2, 3), torch.ones(3, 5).double())",
     "expected m1 and m2 to have the same dtype, but got: float != double"),
    ("torch.einsum('ij,jk', torch.ones(2, 3), torch.ones(4, 5))",
     "einsum(): subscript j has size 4 for operand 1 which does not broadcast with previously seen size 3"),
    ("torch.inverse(torch.ones(2, 2))", "linalg.inv: The diagonal element 2 is zero"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), ERRORS, ids=[each[0] for each in ERRORS])
def test_errors(call: str, text: str) -> None:
    with pytest.raises(RuntimeError) as error:
        eval(call, {"torch": torch, "F": torch.nn.functional})
    assert str(error.value).startswith(text)


def test_matmul_operator_leaves_other_operands_to_python() -> None:
    with pytest.raises(TypeError, match="unsupported operand type"):
        torch.ones(2) @ 1
