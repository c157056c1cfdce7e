"""Winograd's matrices against polynomials' products, and the transforms in registers against NumPy."""

import ctypes
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.kernels import target, winograd_transforms
from convlet.kernels.winograd_matrices import matrices


@pytest.mark.parametrize(("m", "taps"), [(2, 3), (4, 3), (3, 3), (2, 5), (4, 1), (1, 3)])
def test_matrices_filter(m, taps):
    rng = np.random.default_rng(0)
    of = matrices(m, taps)
    data, kernel = rng.standard_normal(m + taps - 1), rng.standard_normal(taps)
    want = np.correlate(data, kernel, "valid")
    np.testing.assert_allclose(of.a_t @ ((of.g @ kernel) * (of.b_t @ data)), want, rtol=0, atol=1e-13)


def test_constants_are_exact_in_float32():
    of = matrices(4, 3)
    for matrix in (of.a_t, of.b_t):
        np.testing.assert_array_equal(matrix, matrix.astype(np.float32))


@pytest.mark.parametrize("which", range(5))
def test_transform(which):
    matrix = winograd_transforms.matrices_of(4)[which]
    address = winograd_transforms.transform.address
    transform = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 10)(address)
    rng = np.random.default_rng(which)
    rows, columns = matrix.shape
    lanes, count = target.current().lanes(4), 3
    source = rng.standard_normal((columns, count, columns, lanes)).astype(np.float32)
    out = np.full((count + 1, rows, rows + 1, lanes), np.nan, np.float32)
    for backwards in (False, True):  # the last matrix first, its neighbours at negative steps
        out[...] = np.nan
        first = (count - 1) * backwards
        sign = -1 if backwards else 1
        transform(
            which,
            count,
            *(out[first].ctypes.data, out.strides[1], out.strides[2], sign * out.strides[0]),
            *(source[:, first].ctypes.data, source.strides[0], source.strides[2], sign * source.strides[1]),
        )
        want = np.einsum("ia,atbl,jb->tijl", matrix, source.astype(np.float64), matrix)
        size = np.einsum("ia,atbl,jb->tijl", abs(matrix), abs(source).astype(np.float64), abs(matrix))
        assert (np.abs(out[:count, :, :rows] - want) <= 10 * np.finfo(np.float32).eps * size).all()
        assert np.isnan(out[count]).all()
        assert np.isnan(out[:, :, rows]).all()


@pytest.mark.parametrize("name", ["avx2", "generic"])
def test_lower_instruction_sets(name):
    """The same test and the whole convolution, compiled for less than this machine has."""
    if os.environ.get("CONVLET_TARGET"):
        pytest.skip("already compiled for a named target")
    if target.current().name not in ("avx512", "avx2"):
        pytest.skip("not an x86 machine with AVX2")
    whole = os.path.join(os.path.dirname(__file__), os.pardir, "conv", "test_winograd.py")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", __file__, whole]
    command += ["-k", "test_transform or test_within_the_bound"]
    done = subprocess.run(command, env=os.environ | {"CONVLET_TARGET": name}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
