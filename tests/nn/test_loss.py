"""Losses without PyTorch: against their formulas, gradients by finite differences, errors."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import convlet as torch
import convlet.nn.functional as F
from convlet import nn


def some(*shape, seed=0):
    return torch.tensor(np.random.default_rng([seed, *shape]).standard_normal(shape), requires_grad=True)


TARGET = torch.tensor([1, 0, 3, -100])
WEIGHT = torch.tensor([0.5, 2.0, 1.0, 3.0]).double()
OTHER = some(4, 4, seed=8).detach()
CHANCE = torch.sigmoid(OTHER)
CALLS = {
    "cross_entropy": lambda x: F.cross_entropy(x, TARGET),
    "cross_entropy weight": lambda x: F.cross_entropy(x, TARGET, WEIGHT),
    "cross_entropy smooth": lambda x: F.cross_entropy(x, TARGET, WEIGHT, label_smoothing=0.1),
    "cross_entropy none": lambda x: F.cross_entropy(x, TARGET, reduction="none"),
    "cross_entropy probabilities": lambda x: F.cross_entropy(x, OTHER.softmax(1), WEIGHT),
    "nll_loss": lambda x: F.nll_loss(x, TARGET, reduction="sum"),
    "mse": lambda x: F.mse_loss(x, OTHER),
    "l1": lambda x: F.l1_loss(x, OTHER),
    "smooth_l1": lambda x: F.smooth_l1_loss(x, OTHER, beta=0.7),
    "huber": lambda x: F.huber_loss(x, OTHER, delta=0.7, reduction="sum"),
    "bce": lambda x: F.binary_cross_entropy(torch.sigmoid(x), CHANCE, WEIGHT),
    "bce logits": lambda x: F.binary_cross_entropy_with_logits(x, CHANCE, WEIGHT, pos_weight=WEIGHT),
    "kl": lambda x: F.kl_div(x, OTHER.exp(), reduction="batchmean"),
    "kl log": lambda x: F.kl_div(x, OTHER, reduction="sum", log_target=True),
    "cosine": lambda x: F.cosine_similarity(x, OTHER),
    "distance": lambda x: F.pairwise_distance(x, OTHER),
    "normalize": lambda x: F.normalize(x),
}


@pytest.mark.parametrize("name", CALLS)
def test_gradients(name):
    x = some(4, 4)
    assert torch.autograd.gradcheck(CALLS[name], x)
    assert torch.autograd.gradgradcheck(CALLS[name], x)


def test_cross_entropy_formula():
    x = some(5, 3)
    target, weight = np.array([0, 2, 1, 2, 0]), np.array([1.0, 0.25, 2.0])
    scores = x.numpy(force=True)
    log_p = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    rows = -log_p[np.arange(5), target] * weight[target]
    wanted = {"none": rows, "sum": rows.sum(), "mean": rows.sum() / weight[target].sum()}
    for reduction, value in wanted.items():
        loss = F.cross_entropy(x, torch.tensor(target), torch.tensor(weight), reduction=reduction)
        np.testing.assert_allclose(loss.numpy(force=True), value, rtol=1e-12)


def test_huge_scores_do_not_overflow():
    loss = F.cross_entropy(torch.tensor([[1e30, 0.0], [-1e30, 0.0]]), torch.tensor([0, 1]))
    assert loss.item() == 0.0
    assert F.binary_cross_entropy_with_logits(torch.tensor([1e4, -1e4]), torch.tensor([1.0, 0.0])).item() == 0.0


def test_ignored_positions_receive_no_gradient_even_from_infinities():
    x = torch.tensor([[0.0, 1.0], [float("-inf"), 0.0]], requires_grad=True)
    F.nll_loss(x, torch.tensor([1, -100])).backward()
    assert x.grad.tolist() == [[0.0, -1.0], [0.0, 0.0]]


def test_empty_and_all_ignored():
    x = torch.zeros(0, 3)
    nobody = torch.zeros(0, dtype=torch.int64)
    assert math.isnan(F.cross_entropy(x, nobody).item())
    assert F.cross_entropy(x, nobody, reduction="sum").item() == 0
    assert math.isnan(F.cross_entropy(torch.zeros(2, 3), torch.tensor([-100, -100])).item())


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: F.cross_entropy(x, torch.tensor([0, 1, 2, 4])), IndexError, "Target 4 is out of bounds."),
        (lambda x: F.cross_entropy(x, torch.tensor([0, 1])), ValueError, r"Expected input batch_size \(4\) to match"),
        (lambda x: F.cross_entropy(x, TARGET.int()), RuntimeError, "expected target dtype to be Long or Byte"),
        (lambda x: F.cross_entropy(x, TARGET, label_smoothing=3), RuntimeError, "label_smoothing must be between"),
        (lambda x: F.cross_entropy(x, TARGET, WEIGHT[:2]), RuntimeError, "defined either for all 4 classes"),
        (lambda x: F.cross_entropy(x, TARGET, reduction="avg"), ValueError, "avg is not a valid value for reduction"),
        (lambda x: F.binary_cross_entropy(x, x), RuntimeError, "all elements of input should be between 0 and 1"),
        (lambda x: F.huber_loss(x, x, delta=-1), RuntimeError, "does not support non-positive values for delta"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(some(4, 4))


def test_warnings():
    x = torch.zeros(2, 3)
    with pytest.warns(UserWarning, match="Using a target size"):
        F.mse_loss(x, torch.zeros(3))
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        nn.MSELoss(size_average=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.mse_loss(x, torch.zeros(2, 3))


def test_sums_keep_their_digits():
    x = torch.full((1 << 22,), 1.1)
    loss = F.mse_loss(x, torch.zeros(1 << 22), reduction="sum").item()
    assert abs(loss / (float(np.float32(1.1)) ** 2 * (1 << 22)) - 1) < 1e-6
