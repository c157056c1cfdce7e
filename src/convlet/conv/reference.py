"""The oracle every algorithm is compared with: deliberately naive, and exact where the data are integers.

It computes in float64 (complex128; integers in int64), pads a whole copy through the index maps and loops
over the taps. Slow, and not used for anything but tests and checks.
"""

from __future__ import annotations

from types import EllipsisType

import numpy as np

from .padding import index_map
from .problem import ConvProblem


def forward(problem: ConvProblem, x: np.ndarray, w: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """out[n,o,y,x] = bias[o] + sum over i,u,v of padded[n, i, y*sh + u*dh, x*sw + v*dw] * w[o,i,u,v]."""
    p = problem
    padded, w = _by_group(p, _padded(p, _wide(x))), _wide(w)
    out = np.zeros((p.n, p.g, p.oc // p.g, p.oh, p.ow), np.result_type(padded, w))
    for u, v in np.ndindex(p.kh, p.kw):
        out += np.einsum("ngiyx,goi->ngoyx", padded[_read_by(p, u, v)], _tap(p, w, u, v))
    out = out.reshape(p.output_shape)
    return out if bias is None else out + _wide(bias)[:, None, None]


def input_gradient(problem: ConvProblem, grad: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The gradient of sum(out * grad) by the input: every product goes back to where its factor was read."""
    p = problem
    grad, w = _by_group(p, _wide(grad)), _wide(w)
    padded = np.zeros((p.n, p.g, p.ic // p.g, p.padded_h, p.padded_w), np.result_type(grad, w))
    for u, v in np.ndindex(p.kh, p.kw):
        padded[_read_by(p, u, v)] += np.einsum("ngoyx,goi->ngiyx", grad, _tap(p, w, u, v))
    padded = padded.reshape(p.n, p.ic, p.padded_h, p.padded_w)
    rows, columns = _maps(p)
    result = np.zeros(p.input_shape, padded.dtype)
    for j, k in np.ndindex(p.padded_h, p.padded_w):
        if rows[j] >= 0 and columns[k] >= 0:
            result[:, :, rows[j], columns[k]] += padded[:, :, j, k]
    return result


def weight_gradient(problem: ConvProblem, x: np.ndarray, grad: np.ndarray) -> np.ndarray:
    """The gradient of sum(out * grad) by the weight."""
    p = problem
    padded, grad = _by_group(p, _padded(p, _wide(x))), _by_group(p, _wide(grad))
    result = np.zeros((p.g, p.oc // p.g, p.ic // p.g, p.kh, p.kw), np.result_type(padded, grad))
    for u, v in np.ndindex(p.kh, p.kw):
        result[..., u, v] = np.einsum("ngiyx,ngoyx->goi", padded[_read_by(p, u, v)], grad)
    return result.reshape(p.weight_shape)


def _wide(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "c":
        return array.astype(np.complex128)
    return array.astype(np.int64 if array.dtype.kind in "iub" else np.float64)


def _maps(p: ConvProblem) -> tuple[np.ndarray, np.ndarray]:
    return index_map(p.ih, p.pt, p.pb, p.mode_h), index_map(p.iw, p.pl, p.pr, p.mode_w)


def _padded(p: ConvProblem, x: np.ndarray) -> np.ndarray:
    rows, columns = _maps(p)
    result = x[:, :, rows][:, :, :, columns]
    result[:, :, rows < 0] = 0
    result[:, :, :, columns < 0] = 0
    return result


def _by_group(p: ConvProblem, array: np.ndarray) -> np.ndarray:
    return array.reshape(p.n, p.g, array.shape[1] // p.g, *array.shape[2:])


def _tap(p: ConvProblem, w: np.ndarray, u: int, v: int) -> np.ndarray:
    return w[:, :, u, v].reshape(p.g, p.oc // p.g, p.ic // p.g)


def _read_by(p: ConvProblem, u: int, v: int) -> tuple[EllipsisType, slice, slice]:
    """The padded positions which tap (u, v) reads."""
    rows = slice(u * p.dh, u * p.dh + (p.oh - 1) * p.sh + 1, p.sh)
    columns = slice(v * p.dw, v * p.dw + (p.ow - 1) * p.sw + 1, p.sw)
    return ..., rows, columns
