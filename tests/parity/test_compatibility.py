"""docs/compatibility.md line by line, through PyTorch and Convlet. An id begins with the section and the line.

The neighbours of this file compare more of the same, family by family: conv2d's arguments and values over a grid of
problems, padding, pooling, losses, random numbers, printing, modules.
"""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import convlet  # noqa: E402
from tests.parity.compatibility import CHECKS, Check  # noqa: E402
from tests.parity.compatibility.check import assert_same, see  # noqa: E402
from tests.parity.compatibility.differences import ABSENT, DIFFERENCES, Difference, has  # noqa: E402

pytestmark = pytest.mark.parity


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_line(check: Check) -> None:
    theirs = see(torch, check)
    assert_same(see(convlet, check), theirs)


@pytest.mark.parametrize("difference", DIFFERENCES, ids=str)
def test_pytorchs_side_of_a_difference(difference: Difference) -> None:
    assert difference.see(torch) == difference.theirs


def test_what_is_absent_is_in_pytorch() -> None:
    assert [name for name in ABSENT if has(torch, name) != (True,)] == []
