"""New tensors with the dtype and device of an existing one: its ``new_*`` methods."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..autograd.variable import Variable
from . import creation as c
from . import from_data as d


class New(Variable):
    """``new_*``: new tensors of this one's dtype and device, unless others are given."""

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        given = {key: value for key, value in options.items() if value is not None}
        return {"dtype": self.dtype, "device": "meta" if self.meta else None, **given}

    def new_zeros(self, *size: Any, **options: Any) -> Any:
        """Zeros of this shape."""
        return c.zeros(*size, **self._options(options))

    def new_ones(self, *size: Any, **options: Any) -> Any:
        """Ones of this shape."""
        return c.ones(*size, **self._options(options))

    def new_empty(self, *size: Any, **options: Any) -> Any:
        """A tensor of this shape whose elements are not set."""
        return c.empty(*size, **self._options(options))

    def new_empty_strided(self, size: Any, stride: Any, **options: Any) -> Any:
        """A tensor of these sizes and strides whose elements are not set."""
        return c.empty_strided(size, stride, **self._options(options))

    def new_full(self, size: Any, fill_value: Any, **options: Any) -> Any:
        """``fill_value`` in this shape."""
        return c.full(size, fill_value, **self._options(options))

    def new_tensor(self, data: Any, **options: Any) -> Any:
        """A tensor with a copy of ``data``."""
        if isinstance(data, Variable):
            warnings.warn(
                "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
                "sourceTensor.detach().clone().requires_grad_(True), rather than tensor.new_tensor(sourceTensor).",
                UserWarning,
                stacklevel=2,
            )
            data = data.array
        return d.tensor(data, **self._options(options))

    def new(self, *args: Any, device: Any = None) -> Any:
        """The old form: ``new(2, 3)`` a tensor of this shape, ``new([1, 2])`` one of these numbers."""
        if len(args) == 1 and isinstance(args[0], (list, np.ndarray, Variable)):
            data = args[0].array if isinstance(args[0], Variable) else args[0]
            return d.tensor(data, dtype=self.dtype, device=device)
        return c.empty(*(args or (0,)), dtype=self.dtype, device=device)
