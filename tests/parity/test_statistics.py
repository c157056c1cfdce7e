"""Covariances, inner products and diagonals beside PyTorch's; ``out=``."""

from __future__ import annotations

import numpy as np
import pytest

from .side_by_side import compare, some

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.parity

A, B = some(3, 5), some(4, 5, seed=1)
COUNTS, SHARES = np.array([1, 2, 0, 3, 1]), np.array([0.5, 1.0, 0.25, 2.0, 1.5])

FUNCTIONS = {
    "cov": (lambda t, x: t.torch.cov(x), A),
    "cov vector": (lambda t, x: t.torch.cov(x[0], correction=0), A),
    "cov weights": (
        lambda t, x: x.cov(fweights=t.torch.tensor(COUNTS), aweights=t.torch.tensor(SHARES)), A,
    ),
    "cov shares": (lambda t, x: t.torch.cov(x, aweights=t.torch.tensor(SHARES), correction=2), A),
    "cov complex": (lambda t, x: t.torch.cov(x), some(3, 5, dtype="complex128")),
    "cov integers": (lambda t, x: t.torch.cov(x), np.arange(6).reshape(2, 3) ** 2),
    "cov one": (lambda t, x: t.torch.cov(x[:, :1]), A),
    "cov rank": (lambda t, x: t.torch.cov(x[None]), A),
    "cov weight kind": (lambda t, x: t.torch.cov(x, fweights=t.torch.tensor(SHARES)), A),
    "cov weight size": (lambda t, x: t.torch.cov(x, aweights=t.torch.tensor(SHARES[:2])), A),
    "corrcoef": (lambda t, x: x.corrcoef(), A),
    "corrcoef vector": (lambda t, x: t.torch.corrcoef(x[0]), A),
    "inner": (lambda t, x, y: t.torch.inner(x, y), A, B),
    "inner batch": (lambda t, x, y: x.reshape(3, 1, 5).inner(y.reshape(2, 2, 5)), A, B),
    "inner scalar": (lambda t, x, y: t.torch.inner(x[0, 0], y), A, B),
    "inner sizes": (lambda t, x, y: t.torch.inner(x, y[:, :3]), A, B),
    "diagflat": (lambda t, x: t.torch.diagflat(x[:2, :2], -1), A),
    "tril_": (lambda t, x: (x * 1).tril_(1), A),
    "triu_": (lambda t, x: (x * 1).triu_(-1), A),
    "bernoulli": (lambda t, x: (t.torch.manual_seed(1), x.detach().sigmoid().bernoulli())[1], A),
    "multinomial": (lambda t, x: (t.torch.manual_seed(1), x.detach().exp().multinomial(2))[1], A),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_gradients_and_errors(name):
    call, *arrays = FUNCTIONS[name]
    compare(torch, call, *arrays, rtol=1e-8, nodes=False)


def with_out(t, call, *out):
    targets = [getattr(t.torch, dtype)(*shape) for dtype, shape in out]
    result = call(t.torch, targets[0] if len(targets) == 1 else tuple(targets))
    assert all(a is b for a, b in zip(result if len(targets) > 1 else (result,), targets))
    return targets


OUTS = {
    "matmul": (lambda x, out: x.matmul(x.ones(2, 3), x.ones(3, 2), out=out), ("FloatTensor", (2, 2))),
    "empty": (lambda x, out: x.mul(x.ones(2, 3), 3, out=out), ("FloatTensor", (0,))),
    "resized": (lambda x, out: x.exp(x.zeros(2), out=out), ("FloatTensor", (3,))),
    "converted": (lambda x, out: x.add(x.ones(2), 1, out=out), ("DoubleTensor", (2,))),
    "several": (lambda x, out: x.max(x.eye(2), 1, out=out), ("FloatTensor", (2,)), ("LongTensor", (2,))),
    "lower": (lambda x, out: x.add(x.ones(2), 1, out=out), ("IntTensor", (2,))),
    "sum in its dtype": (lambda x, out: x.sum(x.ones(2), 0, out=out), ("IntTensor", ())),
    "product's dtype": (lambda x, out: x.mm(x.ones(2, 2), x.ones(2, 2), out=out), ("DoubleTensor", (2, 2))),
    "recorded": (lambda x, out: x.exp(x.ones(2, requires_grad=True), out=out), ("FloatTensor", (2,))),
}


@pytest.mark.parametrize("name", OUTS)
def test_out(name):
    call, *out = OUTS[name]
    compare(torch, lambda t: with_out(t, call, *out))
