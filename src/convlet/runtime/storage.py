"""Storage: what is known of memory that tensors share, and forms of it (packed weights) that are worth keeping.

A weight is packed or transformed before it is multiplied. The form is kept from the second time on that the same one is
wanted and nobody has written to the weight between: the weights of inference are packed once, those of training, which
change every step, take no memory. Kept forms take KEEP bytes at most, the longest unused forgotten first.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from . import memory

# All kept forms together.
KEEP = min(1 << 30, memory.machine_bytes() // 8)
# Bytes of a form at most. A larger one comes from memory at every call, which costs nearly as much as making it: with
# all forms kept ResNet-50 (inference, one image) takes 53.5 ms and 460 MiB, with those up to 24 MiB 55.3 and 359, up to
# 12 MiB 56.4 and 296, with none 61.4 and 273 (2 cores of a Zen 4, November 2026). So 3x3 kernels of 512 x 512 channels
# are kept in tiles of 2x2 (16.8 MB), not of 4x4.
LARGEST = 17 << 20


class Form:
    """A form of the memory at a number of writes; while nothing is kept it was wanted once, and may be again."""

    __slots__ = ("__weakref__", "kept", "nbytes", "writes")

    def __init__(self, writes: int, nbytes: int) -> None:
        self.writes, self.nbytes = writes, nbytes
        self.kept: tuple[int, Any] | None = None  # address and array


class Storage:
    """How often the memory of some tensors was written to, through any of them.

    ``shared`` means that others can write to it unseen: it came from NumPy or was given to it. Then nothing is kept.
    """

    # The state of fresh memory, so that making one costs nothing.
    writes: int = 0
    shared: bool = False
    forms: dict[Hashable, Form] | None = None
    constants: Any = None  # of a batch norm, see ops/fusion.py

    def share(self) -> None:
        """From now on others can write to it: what was made of it before may be of other numbers."""
        self.shared = True
        self.writes += 1

    def form(self, key: Hashable, nbytes: int, make: Callable[[int], None]) -> tuple[int, Any] | None:
        """The address of a form of `nbytes` bytes, made by `make(address)` unless it is kept, and what keeps it alive.

        None where it is not worth keeping: the caller makes one for this time only. `key` says which form of which
        part of the memory.
        """
        if self.shared or nbytes > LARGEST:
            return None
        if self.forms is None:
            self.forms = {}
        form = self.forms.get(key)
        if form is None or form.writes != self.writes:
            if form is not None:
                _forget(form)
            if len(self.forms) >= 32:  # of other shapes of input: all are made again when wanted
                self.forms.clear()
            self.forms[key] = Form(self.writes, nbytes)
            return None
        kept = form.kept
        if kept is None:
            # Not from the pool, which keeps free blocks in proportion to what is in use for a while.
            block = np.empty(nbytes + memory.LINE, np.uint8)
            kept = memory.lines(memory.address(block)), block
            make(kept[0])
            form.kept = kept
        _used(form)
        return kept


_lock = threading.RLock()  # a form may die while this very thread is in here, because the collector runs anywhere
_order: OrderedDict[int, weakref.ref[Form]] = OrderedDict()  # kept forms by id, the longest unused first
_sizes: dict[int, int] = {}


def _used(form: Form) -> None:
    """This form was just used: the last to be forgotten."""
    name = id(form)
    with _lock:
        if name in _sizes:
            _order.move_to_end(name)
            return
        _order[name] = weakref.ref(form, lambda _: _gone(name))
        _sizes[name] = form.nbytes
        while sum(_sizes.values()) > KEEP and len(_order) > 1:
            oldest = next(iter(_order.values()))()
            if oldest is None:
                _gone(next(iter(_order)))
            else:
                _forget(oldest)


def _forget(form: Form) -> None:
    """Drops the memory; who computes with it just now keeps it alive."""
    form.kept = None
    _gone(id(form))


def _gone(name: int) -> None:
    with _lock:
        _order.pop(name, None)
        _sizes.pop(name, None)


def kept_bytes() -> int:
    """Bytes of all kept forms."""
    with _lock:
        return sum(_sizes.values())


def _after_fork() -> None:
    """Another thread of the parent may have held the lock; in the child nobody does."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
