"""``save`` and ``load``: models, optimizers and any nesting of tensors and plain values in a safetensors file."""

from __future__ import annotations

import json
import os
import struct
import sys
from typing import Any

import numpy as np

from .. import dtypes
from ..autograd.variable import Array
from ..tensor.size import META, device, require_supported
from .atomic import replacing
from .structure import flatten, rebuild, tensors

_STRUCTURE = "convlet"  # the key of our description among the texts in a file's header
_NUMPY = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool", "C64": "complex64",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8",
}  # fmt: skip


class CheckpointError(RuntimeError):
    """A file that is not a safetensors file, is damaged, or holds what Convlet cannot hold."""


def _library() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "saving and loading need the safetensors package; install it with: pip install safetensors"
        ) from error
    return safetensors


def save(obj: Any, f: Any, *args: Any, **options: Any) -> None:
    """Write tensors, and dicts, lists and tuples of tensors and plain values, to a safetensors file.

    ``f``: a path, or a file open for writing bytes. A state_dict becomes a file that any reader of safetensors reads,
    its names unchanged; in other nestings a tensor's name is its path, joined by dots. The file is replaced only when
    the new one is wholly written. What else PyTorch's ``save`` takes (how to pickle) is ignored.

    TypeError names the entry that cannot be saved; OSError when the file cannot be written; RuntimeError when its
    folder does not exist.

    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> torch.save({"epoch": 3, "weights": torch.ones(2)}, path)
    >>> torch.load(path)
    {'epoch': 3, 'weights': tensor([1., 1.])}
    """
    library = _library()
    arrays, text = flatten(obj)
    metadata = {"format": "pt", _STRUCTURE: text}
    if hasattr(f, "write"):
        f.write(library.numpy.save(arrays, metadata))
        return
    with replacing(f) as draft:
        try:
            library.numpy.save_file(arrays, draft, metadata)
        except library.SafetensorError as error:
            raise OSError(f"could not write {os.fspath(f)}: {error}. What was there before is unchanged.") from error


def load(f: Any, map_location: Any = None, *args: Any, **options: Any) -> Any:
    """Read what :func:`save` wrote, or any safetensors file as a dict of names and tensors.

    ``f``: a path, or a file open for reading bytes; ``map_location``: 'cpu' (as None) or 'meta'. What else PyTorch's
    ``load`` takes is ignored: no code is ever run.

    FileNotFoundError when there is no such file; CheckpointError (a RuntimeError) when it is a pickle, damaged, or
    holds a type that Convlet has not.
    """
    where = None
    if isinstance(map_location, (str, device)):
        where = require_supported(map_location)
    if hasattr(f, "read"):
        name, data = getattr(f, "name", "the file"), f.read()
    else:
        name = os.fspath(f)
        with open(f, "rb") as file:
            data = file.read()
    arrays, text = _parse(data, name)
    if text is None:
        result: Any = tensors(arrays)
    else:
        try:
            result = rebuild(arrays, text)
        except ValueError as error:
            raise CheckpointError(f"{name} cannot be read: {error}") from error
    return _to_meta(result) if where is META else result


def _parse(data: bytes, name: Any) -> tuple[dict[str, Array], str | None]:
    """The arrays of a safetensors file, in the order of its header, and our description of their structure."""
    library = _library()
    try:
        found = dict(library.deserialize(data))
    except library.SafetensorError as error:
        raise CheckpointError(f"{name} cannot be read: {_explain(data, error)}") from error
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    arrays = {}
    for key in header:
        if key in found:
            arrays[key] = _array(key, found[key], name)
    return arrays, header.get("__metadata__", {}).get(_STRUCTURE)


def _array(key: str, found: dict[str, Any], name: Any) -> Array:
    kind = _NUMPY.get(found["dtype"])
    if kind is None:
        raise CheckpointError(
            f"{name} cannot be read: its tensor {key!r} is of the type {found['dtype']}, which Convlet has not"
        )
    dtype = dtypes.bfloat16.numpy if kind == "bfloat16" else np.dtype(kind)
    content = found["data"]
    if isinstance(content, bytes):  # an array over these could not be written to
        content = bytearray(content)
    array = np.frombuffer(content, dtype).reshape(found["shape"])
    return array if sys.byteorder == "little" else array.byteswap()


def _explain(data: bytes, error: Exception) -> str:
    """Why these bytes are not a safetensors file."""
    if not data:
        return "it is empty"
    if data.startswith(b"PK\x03\x04") or data.startswith(b"\x80"):
        return (
            "it is a PyTorch pickle (.pt), and loading a pickle runs code. Turn it into safetensors where PyTorch is "
            "installed: safetensors.torch.save_file(torch.load(path, weights_only=True), 'model.safetensors')"
        )
    (length,) = struct.unpack_from("<Q", data.ljust(8, b"\0"))
    if len(data) < 8 or (data[8:9] == b"{" and length > len(data) - 8):
        return "it ends in the middle of its header: it was cut off, or never finished"
    if data[8:9] == b"{":
        return f"it is a damaged safetensors file, or was cut off ({error})"
    return "it is not a safetensors file"


def _to_meta(value: Any) -> Any:
    if isinstance(value, dict):
        for key, each in value.items():
            value[key] = _to_meta(each)
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(_to_meta(each) for each in value)
    return value.to("meta") if hasattr(value, "is_meta") else value
