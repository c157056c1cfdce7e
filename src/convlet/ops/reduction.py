"""Sums, means, extremes and other reductions over axes, each beside its gradient."""

from __future__ import annotations

from .broadcasting import BroadcastTo, SumTo, sum_to

__all__: list[str] = []
