"""The emitted steps against NumPy: every shape of the register tile, transposes and rows of every kind."""

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.conv import Tail
from convlet.kernels import deal, steps, tail_stores, target
from convlet.kernels.emit import BFLOAT16, FLOAT16, NATIVE
from convlet.kernels.tail import pack_tail

TYPES = {4: np.float32, 8: np.float64}


def at(array):
    return array.ctypes.data


@pytest.fixture(scope="module")
def step():
    """step(name, element, *arguments) runs one compiled step."""

    def run(name, element, *arguments, steps=steps.STEPS):
        steps[element][name].run(*map(int, arguments))

    return run


def integers(rng, *shape, element=4):
    return rng.integers(-8, 9, shape).astype(TYPES[element])


@pytest.mark.parametrize("element", [4, 8])
@pytest.mark.parametrize("vectors", [1, 2])
def test_tile_of_every_height(step, element, vectors):
    rng = np.random.default_rng(0)
    lanes = target.current().lanes(element)
    k, width = 37, vectors * lanes
    for m in range(1, target.current().mr + 1):
        a, b = integers(rng, k, 20, element=element), integers(rng, k, width, element=element)
        order_a, order_b = rng.permutation(k), rng.permutation(k)
        offsets_a = (order_a * a.strides[0]).astype(np.int32)
        offsets_b = (order_b * b.strides[0]).astype(np.int32)
        before = integers(rng, m, width, element=element)
        product = a[order_a, :m].T @ b[order_b]
        for first, want in ((1, product), (0, before + product)):
            c = np.full((m + 1, width), np.nan, TYPES[element])
            c[:m] = before if not first else np.nan
            operands = at(a), at(offsets_a), at(b), at(offsets_b)
            step("tile", element, m, vectors, k, *operands, at(c), c.strides[0], first, 0, 0)
            np.testing.assert_array_equal(c[:m], want)
            assert np.isnan(c[m]).all(), "the tile wrote below its last row"


@pytest.mark.parametrize("vectors", [1, 2])
@pytest.mark.parametrize("chain", [1, 8, 37, 100])
def test_chained_tile_of_every_height(step, vectors, chain):
    rng = np.random.default_rng(0)
    k, width = 37, vectors * target.current().lanes(4)
    for m in range(1, target.current().chained_mr + 1):
        a, b = integers(rng, k, 20), integers(rng, k, width)
        offsets_a, offsets_b = (np.arange(k, dtype=np.int32) * each.strides[0] for each in (a, b))
        product = a[:, :m].T @ b
        for lost in (0, (m + 1) * width * 4):
            c = np.full((2 * (m + 1), width), np.nan, np.float32)
            for times in range(1, 4):
                operands = at(a), at(offsets_a), at(b), at(offsets_b)
                step("chained", 4, m, vectors, k, *operands, at(c), c.strides[0], times == 1, chain, lost)
                np.testing.assert_array_equal(c[:m], times * product)
            assert np.isnan(c[m]).all(), "the tile wrote below its last row"
            assert np.isnan(c[-1]).all(), "the tile wrote below the last row of what is lost"


def test_chained_tile_remembers_what_it_loses(step):
    """Numbers too small to change a sum do so together."""
    lanes = target.current().lanes(4)
    a, b = np.ones((1, 1), np.float32), np.full((1, lanes), 2.0**-25, np.float32)
    offsets = np.zeros(1, np.int32)
    for lost, want in ((0, 1), (lanes * 4, 1 + 2.0**-22)):
        c = np.zeros((2, lanes), np.float32)
        c[0] = 1
        for _ in range(8):
            step("chained", 4, 1, 1, 1, at(a), at(offsets), at(b), at(offsets), at(c), lanes * 4, 0, 8, lost)
        np.testing.assert_array_equal(c[0], np.float32(want))


@pytest.mark.parametrize("element", [4, 8])
@pytest.mark.parametrize("rows", [1, 3, "lanes"])
@pytest.mark.parametrize("ordered", [False, True])
def test_transpose(step, element, rows, ordered):
    rng = np.random.default_rng(1)
    lanes = target.current().lanes(element)
    rows = lanes if rows == "lanes" else min(rows, lanes)
    for columns in (1, lanes - 1, lanes, 2 * lanes + 3):
        source = integers(rng, 40, columns, element=element)
        order = rng.permutation(40)[:rows] if ordered else np.arange(rows)
        bias = integers(rng, columns, element=element)
        for width in (rows, lanes):
            out = np.full((columns, lanes + 1), np.nan, TYPES[element])
            table = at(order) if ordered else 0
            step(
                "transpose",
                element,
                *(at(out), out.strides[0], at(source), source.strides[0]),
                *(rows, columns, width, at(bias), table),
            )
            np.testing.assert_array_equal(out[:, :rows], source[order].T + bias[:, None])
            np.testing.assert_array_equal(out[:, rows:width], np.repeat(bias[:, None], width - rows, 1))
            assert np.isnan(out[:, width:]).all()


def halves(code):
    if code == FLOAT16:
        return np.dtype(np.float16)
    return np.dtype(pytest.importorskip("ml_dtypes").bfloat16)


@pytest.mark.parametrize("step_elements", [1, 2, 3, -1, 0])
@pytest.mark.parametrize(("element", "code"), [(4, NATIVE), (8, NATIVE), (4, FLOAT16), (4, BFLOAT16)])
def test_gather(step, element, code, step_elements):
    rng = np.random.default_rng(2)
    stored = np.dtype(TYPES[element]) if code == NATIVE else halves(code)
    lanes = target.current().lanes(element)
    for count in (1, lanes, 2 * lanes + 5):
        for low, high in ((0, count), (1, count - 1), (count // 2, count // 2), (0, 0)):
            high = max(low, high)
            source = rng.standard_normal(3 * count + 5).astype(stored)
            start = source.size - 1 if step_elements < 0 else 0
            out = np.full(count + lanes, 7, TYPES[element])
            base = at(source) + start * stored.itemsize
            want = np.zeros(count)
            for i in range(low, high):
                want[i] = source[start + i * step_elements]
            row = (step_elements * stored.itemsize, count, low, high, code)
            step("gather", element, at(out), 0, base, 0, 1, *row)
            np.testing.assert_array_equal(out[:count], want)
            # Two rows, the second one element further.
            out = np.full(2 * count + lanes, 7, TYPES[element])
            last = start - 2 if step_elements < 0 else start + 2
            wanted_rows = [want, np.zeros(count)]
            for i in range(low, high):
                wanted_rows[1][i] = source[last + i * step_elements]
            step("gather", element, at(out), count * element, base, (last - start) * stored.itemsize, 2, *row)
            np.testing.assert_array_equal(out[: 2 * count], np.concatenate(wanted_rows))


@pytest.mark.parametrize("step_elements", [1, 2, -3])
@pytest.mark.parametrize(("element", "code"), [(4, NATIVE), (8, NATIVE), (4, FLOAT16), (4, BFLOAT16)])
def test_scatter_rounds_as_numpy_does(step, element, code, step_elements):
    rng = np.random.default_rng(3)
    stored = np.dtype(TYPES[element]) if code == NATIVE else halves(code)
    special = [np.nan, np.inf, -np.inf, 0.0, -0.0, 65504.0, 65520.0, 1e-7, 3.4e38, 1 + 2**-8, 1 + 3 * 2**-8]
    values = np.concatenate([special, rng.standard_normal(50)]).astype(TYPES[element])
    with np.errstate(over="ignore"):
        want = values.astype(stored)
    count = values.size
    out = np.zeros(3 * count + 1, stored)
    start = out.size - 1 if step_elements < 0 else 0
    base = at(out) + start * stored.itemsize
    step("scatter", element, base, 0, at(values), 0, 1, step_elements * stored.itemsize, count, code, 0)
    indices = start + step_elements * np.arange(count)
    np.testing.assert_array_equal(out[indices].astype(np.float64), want.astype(np.float64))
    untouched = np.delete(out, indices)
    assert not untouched.astype(np.float64).any()


STORED = [(4, NATIVE), (8, NATIVE), (4, FLOAT16), (4, BFLOAT16)]


def stored_type(element, code):
    return np.dtype(TYPES[element]) if code == NATIVE else halves(code)


@pytest.mark.parametrize("step_elements", [1, 2, 3, 4, 5, 6, -1])
@pytest.mark.parametrize(("element", "code"), STORED)
def test_gather_planes(step, element, code, step_elements):
    rng = np.random.default_rng(4)
    stored = stored_type(element, code)
    lanes = target.current().lanes(element)
    planes, rows = 3, 4
    for count in (1, 3, lanes, 2 * lanes + 5):
        for low, high in ((0, count), (1, count), (0, count // 2), (0, 0)):
            # Nothing lies before the first element that is read, nor behind the last.
            reach = abs(step_elements) * (count - 1) + 1
            source = rng.integers(-8, 9, (planes, rows, reach)).astype(stored)
            read = source[..., ::step_elements][..., :count].astype(TYPES[element])
            want = np.zeros((planes, rows, count), TYPES[element])
            want[..., low:high] = read[..., low:high]
            out = np.full((planes, rows * count + 1), 99, TYPES[element])
            base = at(source) + (stored.itemsize * (reach - 1) if step_elements < 0 else 0)
            step(
                "gather_planes",
                element,
                *(at(out), out.strides[0], count * element, base, source.strides[0], source.strides[1]),
                *(planes, rows, step_elements * stored.itemsize, count, low, high, code),
            )
            np.testing.assert_array_equal(out[:, :-1].reshape(want.shape), want)
            assert (out[:, -1] == 99).all(), "a plane's end was written over"


@pytest.mark.parametrize("stride", deal.STRIDES)
@pytest.mark.parametrize(("element", "code"), STORED)
def test_deal(step, element, code, stride):
    rng = np.random.default_rng(4)
    stored = stored_type(element, code)
    lanes = target.current().lanes(element)
    channels, rows = 3, 4
    for count in (1, 3, lanes, 2 * lanes + 5):
        for before, after in ((0, 0), (1, 0), (0, 1), (stride + 1, 2 * stride), (0, -3 * stride)):
            # Elements of the image; those of what is dealt out that lie before and behind them are zero.
            own = max(0, count * stride - before - after)
            source = rng.integers(-8, 9, (channels, rows, own)).astype(stored)
            want = np.zeros((channels, rows, count * stride), TYPES[element])
            inside = want[..., before : before + own]
            inside[...] = source[..., : inside.shape[-1]]
            out = np.full((stride, channels, rows * count + 1), 99, TYPES[element])
            step(
                "deal",
                element,
                *(at(out), out.strides[0], out.strides[1], count * element),
                *(at(source) - before * stored.itemsize, source.strides[0], source.strides[1]),
                *(channels, rows, stride, count, before, before + own, code),
            )
            got = out[..., :-1].reshape(stride, channels, rows, count)
            np.testing.assert_array_equal(got, want.reshape(channels, rows, count, stride).transpose(3, 0, 1, 2))
            assert (out[..., -1] == 99).all(), "a plane's end was written over"


WORDS = [(), ("relu",), ("norm", "add", "relu6"), ("add",)]


def finished(sums, bias, words, stored, constants, other):
    want = sums + (0 if bias is None else bias)
    if "norm" in words:
        want = (want - constants[0]) * constants[1] + constants[2]
    want = want + other if "add" in words else want
    if words and words[-1].startswith("relu"):
        want = np.minimum(np.maximum(0, want), 6 if words[-1] == "relu6" else np.inf)
    return want.astype(stored)


def packed(words, bias, constants, other, out):
    """The address of a tail, what it lives in, and the steps that apply it."""
    if not words:
        return 0, None, steps.STEPS
    tail = pack_tail(words, Tail(*constants, other), at(bias), out)
    return at(tail), tail, tail_stores.STEPS


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(("element", "code"), STORED)
def test_store_channels(step, element, code, biased, words):
    rng = np.random.default_rng(5)
    if words and (not biased or (words != ("relu",) and (element, code) != (4, NATIVE))):
        return
    stored, lanes = stored_type(element, code), target.current().lanes(element)
    for rows in (1, lanes - 1, lanes, 3 * lanes, 3 * lanes + 1):
        sums = integers(rng, rows, 2 * lanes, element=element)
        sums[0, 0] = np.nan
        for channels in {1, lanes // 2 + 1, lanes}:
            bias = integers(rng, channels, element=element) if biased else None
            constants = [integers(rng, channels) for _ in range(3)]
            other = integers(rng, channels, 2 * rows + 1)
            want = finished(
                sums[:, :channels].T,
                None if bias is None else bias[:, None],
                words,
                stored,
                [each[:, None] for each in constants],
                other[:, :rows],
            )
            for apart in (1, 2) if not words else (1,):
                out = np.full((channels, 2 * rows + 1), 99, stored)
                tail, _keep, table = packed(words, bias, constants, other, out)
                step(
                    "store_channels",
                    element,
                    *(at(out), out.strides[0], at(sums), sums.strides[0], rows, channels),
                    *(apart * stored.itemsize, code, at(bias) if biased else 0, tail),
                    steps=table,
                )
                written = out[:, : apart * rows : apart].astype(np.float64)
                np.testing.assert_array_equal(written, want.astype(np.float64))
                rest = np.delete(out, np.arange(rows) * apart, axis=1)
                assert (rest.astype(np.float64) == 99).all()


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize(("element", "code"), STORED)
def test_store_positions(step, element, code, biased, words):
    rng = np.random.default_rng(6)
    if words and (not biased or (words != ("relu",) and (element, code) != (4, NATIVE))):
        return
    stored, lanes = stored_type(element, code), target.current().lanes(element)
    sums = integers(rng, 5, 2 * lanes, element=element)
    sums[0, 0] = np.nan
    for channels in {1, lanes, lanes + 1, 2 * lanes}:
        bias = integers(rng, channels, element=element) if biased else None
        out = np.full((5, 2 * lanes + 1), 99, stored)
        constants, other = [integers(rng, channels) for _ in range(3)], integers(rng, 5, 2 * lanes + 1)
        tail, _keep, table = packed(words, bias, constants, other, out)
        step(
            "store_positions",
            element,
            *(at(out), out.strides[0], at(sums), sums.strides[0], 5, channels),
            *(code, at(bias) if biased else 0, tail),
            steps=table,
        )
        want = finished(sums[:, :channels], bias, words, stored, constants, other[:, :channels])
        np.testing.assert_array_equal(out[:, :channels].astype(np.float64), want.astype(np.float64))
        assert (out[:, channels:].astype(np.float64) == 99).all()


@pytest.mark.parametrize("name", ["avx2", "generic"])
def test_lower_instruction_sets(name):
    """The same tests, compiled for less than this machine has."""
    if os.environ.get("CONVLET_TARGET"):
        pytest.skip("already compiled for a named target")
    if target.current().name not in ("avx512", "avx2"):
        pytest.skip("not an x86 machine with AVX2")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", __file__]
    command += ["-k", "tile or transpose or gather[1 or scatter or store or gather_planes or deal"]
    done = subprocess.run(command, env=os.environ | {"CONVLET_TARGET": name}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
