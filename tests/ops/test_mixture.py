"""Mixtures of rows and columns, compiled and in NumPy, beside products of matrices."""

import numpy as np
import pytest

import convlet as torch
from convlet.kernels import large
from convlet.ops import mixture, pooling, resampling

F = torch.nn.functional


def matrix(band):
    """The band as a matrix."""
    full = np.zeros((len(band.first), band.size))
    for i, (first, count) in enumerate(zip(band.first, band.count)):
        full[i, first : first + count] += band.weights[i, :count]
    return full


BANDS = {
    f"{mode} {size} to {out}{' aligned' * aligned}": resampling._band(size, out, None, mode, aligned)
    for mode in ("nearest", "nearest-exact", "bilinear", "bicubic")
    for size, out in [(1, 4), (5, 1), (7, 14), (9, 4), (13, 17), (6, 6)]
    for aligned in {False, mode in ("bilinear", "bicubic")}
} | {
    f"means {size} to {out}": pooling._region_bands((size, size), (out, out))[0]
    for size, out in [(7, 3), (12, 5), (5, 7), (6, 3)]
}


@pytest.mark.parametrize("name", BANDS)
def test_adjoint(name):
    band = BANDS[name]
    np.testing.assert_allclose(matrix(band.adjoint), matrix(band).T, atol=1e-15)
    np.testing.assert_allclose(matrix(band.adjoint.adjoint), matrix(band), atol=1e-15)
    for each in (band, band.adjoint):
        assert (np.diff(each.first) >= 0).all()
        assert (np.diff(each.first + each.count) >= 0).all()
        assert (each.first >= 0).all()
        assert (each.first + each.count <= each.size).all()


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", BANDS)
def test_mix(name, compiled, last, monkeypatch):
    if compiled:
        pytest.importorskip("numba")
    monkeypatch.setattr(large, "IMAGE", 1 if compiled else 1 << 60)
    monkeypatch.setattr(large, "IMAGES", {})
    rows, other = BANDS[name], BANDS["bilinear 7 to 14"]
    for one, two in [(rows, other), (other, rows), (rows.adjoint, other.adjoint)]:
        x = np.random.default_rng(0).standard_normal((3, 5, one.size, two.size)).astype(np.float32)
        x = x.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2) if last else x
        found = mixture.mix(x, one, two)
        np.testing.assert_allclose(found, matrix(one) @ x @ matrix(two).T, rtol=1e-5, atol=1e-5)
        assert mixture.mix(x[1:2], one, two).tobytes() == found[1:2].tobytes()


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_infinities_stay_where_they_are_read(mode):
    x = torch.zeros(1, 64, 8, 8)
    x[0, 0, 3, 4] = np.inf
    out = F.interpolate(x, scale_factor=2, mode=mode).numpy()
    away = np.ones(out.shape, bool)
    away[0, 0, 4:10, 6:12] = False
    assert np.isfinite(out[away]).all()
    assert (out == np.inf).sum() >= 4


def test_bands_of_an_image_larger_than_a_task():
    x = np.random.default_rng(0).standard_normal((1, 2, 150, 301)).astype(np.float32)
    rows, columns = (resampling._band(n, out, None, "bicubic", False) for n, out in ((150, 333), (301, 200)))
    np.testing.assert_allclose(mixture.mix(x, rows, columns), matrix(rows) @ x @ matrix(columns).T, atol=1e-5)
