"""Results of several tensors with names: ``torch.return_types.max(values=..., indices=...)``."""

from __future__ import annotations

import operator
from typing import Any, ClassVar


class ReturnType(tuple[Any, ...]):
    """A tuple whose items also have names."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = ()
    n_fields: ClassVar[int] = 2
    n_sequence_fields: ClassVar[int] = 2
    n_unnamed_fields: ClassVar[int] = 0

    def __repr__(self) -> str:
        items = ",\n".join(f"{name}={value!r}" for name, value in zip(self.names, self))
        return f"torch.return_types.{type(self).__name__}(\n{items})"


def _return_type(name: str, *names: str) -> type[ReturnType]:
    items = {each: property(operator.itemgetter(index)) for index, each in enumerate(names)}
    return type(name, (ReturnType,), {"__slots__": (), "__module__": __name__, "names": names, **items})


aminmax = _return_type("aminmax", "min", "max")
cummax = _return_type("cummax", "values", "indices")
cummin = _return_type("cummin", "values", "indices")
kthvalue = _return_type("kthvalue", "values", "indices")
max = _return_type("max", "values", "indices")
median = _return_type("median", "values", "indices")
min = _return_type("min", "values", "indices")
mode = _return_type("mode", "values", "indices")
nanmedian = _return_type("nanmedian", "values", "indices")
sort = _return_type("sort", "values", "indices")
topk = _return_type("topk", "values", "indices")
