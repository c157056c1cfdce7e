"""docs/compatibility.md line by line: what PyTorch does, Convlet does. An id begins with the section and the line."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import convlet  # noqa: E402
from tests.parity.compatibility import CHECKS, Check  # noqa: E402
from tests.parity.compatibility.check import assert_same, see  # noqa: E402

pytestmark = pytest.mark.parity


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_line(check: Check) -> None:
    theirs = see(torch, check)
    assert_same(see(convlet, check), theirs)
