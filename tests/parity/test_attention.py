"""Attention, draws from categories and shuffled channels beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

from .side_by_side import compare, some

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.parity

Q, K, V = some(2, 4, 5, 6), some(2, 4, 7, 6, seed=1), some(2, 4, 7, 3, seed=2)
ALLOWED = some(5, 7, seed=3) > -0.5

CALLS = {
    "attention": lambda t, q, k, v: t.F.scaled_dot_product_attention(q, k, v),
    "causal": lambda t, q, k, v: t.F.scaled_dot_product_attention(q, k, v, is_causal=True),
    "mask": lambda t, q, k, v: t.F.scaled_dot_product_attention(q, k, v, t.torch.tensor(ALLOWED), scale=0.3),
    "bias": lambda t, q, k, v: t.F.scaled_dot_product_attention(q, k, v, t.torch.tensor(some(5, 7))),
    "fewer heads": lambda t, q, k, v: t.F.scaled_dot_product_attention(q, k[:, :2], v[:, :2], enable_gqa=True),
    "both masks": lambda t, q, k, v: t.F.scaled_dot_product_attention(
        q, k, v, t.torch.tensor(ALLOWED), is_causal=True
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_attention(name):
    compare(torch, CALLS[name], Q, K, V, rtol=1e-8, nodes=False)


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax_draws_the_same(hard):
    def call(t, x):
        t.torch.manual_seed(5)
        return t.F.gumbel_softmax(x.float(), tau=0.7, hard=hard, dim=1)

    compare(torch, call, some(4, 6), rtol=1e-5, nodes=False)


def test_channel_shuffle():
    compare(torch, lambda t, x: t.F.channel_shuffle(x, 3), np.arange(2 * 6 * 2.0).reshape(2, 6, 1, 2), nodes=False)
    compare(torch, lambda t, x: t.nn.ChannelShuffle(2)(x), np.arange(2 * 6 * 2.0).reshape(2, 6, 1, 2), nodes=False)
    compare(torch, lambda t, x: t.F.channel_shuffle(x, 4), some(2, 6, 2, 2))
