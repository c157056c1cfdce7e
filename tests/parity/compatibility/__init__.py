"""Checks of every line of docs/compatibility.md. They import neither library, so anything can list them."""

from tests.parity.compatibility import (
    arguments,
    autograd,
    construction,
    cross_entropy,
    determinism,
    forward,
    max_pool,
    memory_format,
    pad,
    padding_mode,
    state,
    transposed,
)
from tests.parity.compatibility.check import CHECKS, Check

__all__ = [
    "CHECKS",
    "Check",
    "arguments",
    "autograd",
    "construction",
    "cross_entropy",
    "determinism",
    "forward",
    "max_pool",
    "memory_format",
    "pad",
    "padding_mode",
    "state",
    "transposed",
]
