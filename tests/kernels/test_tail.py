"""The steps of a tail against NumPy: every combination of operations, blocks of every size, nothing beside them."""


import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.conv import Tail
from convlet.kernels import tail

HOWS = [
    (*norm, *add, *clamp)
    for norm in ((), ("norm",))
    for add in ((), ("add",))
    for clamp in ((), ("relu",), ("relu6",))
    if norm or add or clamp
]


def run(kernel, *arguments):
    kernel.run(*arguments)


def expected(y, words, mean, scale, shift, other):
    if "norm" in words:
        y = (y - mean) * scale + shift
    if "add" in words:
        y = y + other
    y = np.maximum(np.float32(0), y) if words[-1].startswith("relu") else y
    return np.minimum(np.float32(6), y) if words[-1] == "relu6" else y


@pytest.mark.parametrize("lanes_are", ["positions", "channels"])
@pytest.mark.parametrize("words", HOWS, ids=" ".join)
def test_a_block(words, lanes_are):
    rng = np.random.default_rng(2)
    for channels, count in ((1, 1), (3, 16), (5, 47), (2, 48), (4, 51), (19, 100), (33, 7)):
        numbers = [rng.standard_normal(channels + 4).astype(np.float32) for _ in range(4)]
        shape = (count, channels) if lanes_are == "channels" else (channels, count)
        out, other = (rng.standard_normal((shape[0] + 2, shape[1] + 3)).astype(np.float32) * 8 for _ in range(2))
        before = out.copy()
        bias, *constants = numbers
        packed = tail.pack_tail(words, Tail(*constants, other), bias.ctypes.data, out)
        kernel = tail.finish_lanes if lanes_are == "channels" else tail.finish_rows
        block = out[1:-1, 1:-2]
        # The block begins with the third channel.
        channel = bias.ctypes.data + 4 * 2
        place, step = block.ctypes.data, block.strides[0]
        run(tail.ask, packed.ctypes.data, place, step, *shape)
        run(kernel, packed.ctypes.data, channel, place, step, *shape)
        own = [each[2 : 2 + channels] for each in constants]
        own = own if lanes_are == "channels" else [each[:, None] for each in own]
        np.testing.assert_array_equal(block, expected(before[1:-1, 1:-2], words, *own, other[1:-1, 1:-2]))
        block[...] = before[1:-1, 1:-2]
        np.testing.assert_array_equal(out, before, "nothing beside the block is written")
