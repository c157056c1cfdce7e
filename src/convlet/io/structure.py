"""Nested values with tensors in them, as named arrays and a JSON text that says how they belong together.

The text is a tree. Null, booleans, strings, numbers and lists stand for themselves; everything else is an object with
one key that names its kind: ``{"tensor": name}``, ``{"dict": [[key, value], ...]}``, ``{"tuple": [...]}`` and so on.
"""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.function import make_result
from ..autograd.variable import Array, Variable
from ..nn.module import Module
from ..nn.parameter import Parameter
from ..tensor.size import Size, device

VERSION = 1
ROOT = "value"  # the name of a tensor that is saved by itself
_RESERVED = "__metadata__"  # the key under which a safetensors header keeps its texts
_SEQUENCES: dict[str, type] = {"tuple": tuple, "size": Size}
_MAPPINGS: dict[str, type] = {"dict": dict, "ordered": OrderedDict, "counter": Counter}


def flatten(value: Any) -> tuple[dict[str, Array], str]:
    """The arrays in a value under dotted names, and the JSON text of its structure.

    TypeError names the entry that cannot be saved, ValueError one that contains itself.
    """
    writer = _Writer()
    tree = writer.node(value, "")
    return writer.arrays, json.dumps({"version": VERSION, "value": tree}, separators=(",", ":"), allow_nan=False)


def rebuild(arrays: Mapping[str, Array], text: str) -> Any:
    """The value that :func:`flatten` took apart. ValueError when the text is not one of its."""
    try:
        structure = json.loads(text)
        version = structure["version"]
        if version == VERSION:
            return _Reader(arrays).value(structure["value"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        raise ValueError("the description of its structure is damaged") from error
    raise ValueError(f"its structure is described in version {version}; this Convlet knows version {VERSION}")


def tensors(arrays: Mapping[str, Array]) -> dict[str, Any]:
    """A tensor for each array."""
    return {name: make_result(array) for name, array in arrays.items()}


class _Writer:
    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self.written: dict[Any, tuple[str, Array]] = {}  # what memory was already written under which name
        self.around: list[int] = []  # the containers that hold the entry at hand

    def node(self, value: Any, name: str) -> Any:
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, Variable):
            return self.tensor(value, name)
        if isinstance(value, np.ndarray):
            return {"array": self.array(value, name)}
        if isinstance(value, np.generic):
            return self.node(value.item(), name)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"float": repr(float(value))}
        if isinstance(value, complex):
            return {"complex": [self.node(value.real, name), self.node(value.imag, name)]}
        if isinstance(value, dtypes.dtype):
            return {"dtype": value.name}
        if isinstance(value, device):
            return {"device": str(value)}
        if isinstance(value, (Mapping, list, tuple)):
            return self.container(value, name)
        hint = "; save its state_dict()" if isinstance(value, Module) else ""
        raise TypeError(
            f"cannot save {f'the entry {name!r}' if name else 'this'}: {type(value).__name__} is not a tensor, a "
            f"number, a string, or a dict, list or tuple of these{hint}. Convlet writes no pickles."
        )

    def container(self, value: Any, name: str) -> Any:
        if id(value) in self.around:
            raise ValueError(f"cannot save the entry {name!r}: it contains itself")
        self.around.append(id(value))
        try:
            if isinstance(value, Mapping):
                return self.mapping(value, name)
            nodes = [self.node(each, _join(name, index)) for index, each in enumerate(value)]
            if isinstance(value, list):
                return nodes
            return {"size" if isinstance(value, Size) else "tuple": nodes}
        finally:
            self.around.pop()

    def mapping(self, value: Any, name: str) -> Any:
        pairs = []
        for key, each in value.items():
            if not (key is None or isinstance(key, (bool, int, float, str))):
                raise TypeError(
                    f"cannot save {f'the entry {name!r}' if name else 'this'}: the key {key!r} is a "
                    f"{type(key).__name__}, and keys must be strings or numbers"
                )
            pairs.append([self.node(key, name), self.node(each, _join(name, key))])
        kind = "counter" if isinstance(value, Counter) else "ordered" if isinstance(value, OrderedDict) else "dict"
        node = {kind: pairs}
        if hasattr(value, "_metadata"):  # the versions of a state_dict's layout
            node["metadata"] = self.node(value._metadata, _join(name, "_metadata"))
        return node

    def tensor(self, value: Any, name: str) -> Any:
        if value.meta:
            raise TypeError(f"cannot save the entry {name!r}: a tensor on the device meta has no data")
        array = value.array
        node: dict[str, Any] = {}
        if array.dtype.kind == "c":
            node["complex"] = array.dtype.name
        if isinstance(value, Parameter):
            node["parameter"] = value.requires_grad
        elif value.requires_grad:
            node["requires_grad"] = True
        memory = (array.__array_interface__["data"][0], array.shape, array.strides, array.dtype)
        shared = self.written.get(memory) if array.size else None
        node["tensor"] = self.array(array, name) if shared is None else self.add(name, shared[1])
        if shared is not None:
            node["same"] = shared[0]
        else:
            self.written[memory] = (node["tensor"], self.arrays[node["tensor"]])
        return node

    def array(self, array: Array, name: str) -> str:
        if array.dtype.kind == "c":  # as pairs of reals: safetensors has no complex128
            array = np.stack([array.real, array.imag], axis=-1)
        elif array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
            raise TypeError(f"cannot save the entry {name!r}: arrays of {array.dtype} are not supported")
        return self.add(name, np.ascontiguousarray(array).reshape(array.shape))

    def add(self, name: str, array: Array) -> str:
        """Keep an array under this name, or under a similar one if it is taken; the name it got."""
        wanted = unique = name or ROOT
        count = 1
        while unique in self.arrays or unique == _RESERVED:
            count += 1
            unique = f"{wanted}#{count}"
        self.arrays[unique] = array
        return unique


class _Reader:
    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.arrays = arrays
        self.made: dict[str, Any] = {}

    def value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.value(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "tensor" in node:
            return self.tensor(node)
        for kind, mapping in _MAPPINGS.items():
            if kind in node:
                result = mapping((self.value(key), self.value(each)) for key, each in node[kind])
                if kind == "counter":
                    result = Counter(dict(self.value(pair) for pair in node[kind]))
                if "metadata" in node and kind == "ordered":
                    result._metadata = self.value(node["metadata"])
                return result
        ((kind, content),) = node.items()
        if kind in _SEQUENCES:
            return _SEQUENCES[kind](self.value(each) for each in content)
        readers = {
            "array": lambda: self.arrays[content],
            "float": lambda: float(content),
            "complex": lambda: complex(self.value(content[0]), self.value(content[1])),
            "dtype": lambda: dtypes.from_name(content),
            "device": lambda: device(content),
        }
        return readers[kind]()

    def tensor(self, node: dict[str, Any]) -> Any:
        name = node["tensor"]
        if "same" in node:  # the memory of one that came before
            result = self.made[node["same"]].detach()
        else:
            array = self.arrays[name]
            if "complex" in node:
                array = array.view(dtypes.from_name(node["complex"]).numpy)[..., 0]
            result = make_result(array)
        self.made[name] = result
        if "parameter" in node:
            return Parameter(result, bool(node["parameter"]))
        return result.detach().requires_grad_() if node.get("requires_grad") else result


def _join(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)
