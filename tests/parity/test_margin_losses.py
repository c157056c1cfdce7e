"""Losses of rankings, similarities and distributions beside PyTorch's: values, gradients, errors; distances."""

from __future__ import annotations

import numpy as np
import pytest

from .side_by_side import compare, libraries, some

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.parity

A, B, C = some(4, 6), some(4, 6, seed=1), some(4, 6, seed=2)
SIGNS = np.where(some(4, 6, seed=3) > 0, 1, -1)
SIDES = np.array([1, -1, 1, -1])
CLASSES = np.array([0, 5, 2, 2])
LISTS = np.array([[3, 0, -1, 1, 1, 1], [-1, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5], [2, 2, 4, -1, -1, -1]])

LOSSES = {
    "hinge": (lambda t, x: t.F.hinge_embedding_loss(x, t.torch.tensor(SIGNS)), A),
    "hinge margin": (lambda t, x: t.F.hinge_embedding_loss(x, t.torch.tensor(SIGNS), margin=0.3), A),
    "cosine": (lambda t, x, y: t.F.cosine_embedding_loss(x, y, t.torch.tensor(SIDES)), A, B),
    "cosine margin": (lambda t, x, y: t.F.cosine_embedding_loss(x, y, t.torch.tensor(SIDES), margin=-0.2), A, B),
    "cosine single": (lambda t, x, y: t.F.cosine_embedding_loss(x[0], y[0], t.torch.tensor(1)), A, B),
    "ranking": (lambda t, x, y: t.F.margin_ranking_loss(x, y, t.torch.tensor(SIGNS), margin=0.2), A, B),
    "triplet": (lambda t, x, y, z: t.F.triplet_margin_loss(x, y, z), A, B, C),
    "triplet swap": (lambda t, x, y, z: t.F.triplet_margin_loss(x, y, z, margin=0.5, p=1, swap=True), A, B, C),
    "triplet distance": (
        lambda t, x, y, z: t.F.triplet_margin_with_distance_loss(x, y, z, swap=True, margin=2.0), A, B, C,
    ),
    "soft": (lambda t, x: t.F.soft_margin_loss(x, t.torch.tensor(SIGNS)), A),
    "multilabel soft": (lambda t, x: t.F.multilabel_soft_margin_loss(x, t.torch.tensor((SIGNS + 1.0) / 2)), A),
    "multilabel soft weight": (
        lambda t, x: t.F.multilabel_soft_margin_loss(
            x, t.torch.tensor((SIGNS + 1.0) / 2), t.torch.arange(6, dtype=t.torch.float64)
        ), A,
    ),
    "multi": (lambda t, x: t.F.multi_margin_loss(x, t.torch.tensor(CLASSES)), A),
    "multi p weight": (
        lambda t, x: t.F.multi_margin_loss(
            x, t.torch.tensor(CLASSES), p=2, margin=0.7, weight=t.torch.arange(6, dtype=t.torch.float64)
        ), A,
    ),
    "multi single": (lambda t, x: t.F.multi_margin_loss(x[0], t.torch.tensor(3)), A),
    "multilabel": (lambda t, x: t.F.multilabel_margin_loss(x, t.torch.tensor(LISTS)), A),
    "multilabel single": (lambda t, x: t.F.multilabel_margin_loss(x[0], t.torch.tensor(LISTS[0])), A),
    "poisson": (lambda t, x: t.F.poisson_nll_loss(x, t.torch.tensor(abs(B) * 3), full=True), A),
    "poisson rate": (lambda t, x: t.F.poisson_nll_loss(x, t.torch.tensor(abs(B) * 3), log_input=False), abs(A) + 0.1),
    "gaussian": (lambda t, x, y, v: t.F.gaussian_nll_loss(x, y, v, full=True), A, B, abs(C) + 0.1),
    "gaussian small": (lambda t, x, y, v: t.F.gaussian_nll_loss(x, y, v * 1e-9), A, B, abs(C)),
    "gaussian rows": (lambda t, x, y, v: t.F.gaussian_nll_loss(x, y, v[:, 0]), A, B, abs(C) + 0.1),
    "cdist": (lambda t, x, y: t.torch.cdist(x, y[:3]), A, B),
    "cdist batch": (lambda t, x, y: t.torch.cdist(x.reshape(2, 2, 6), y[:3], p=3), A, B),
    "cdist 1": (lambda t, x, y: t.torch.cdist(x, y, p=1), A, B),
    "pdist": (lambda t, x: t.F.pdist(x), A),
    "cosine similarity": (lambda t, x, y: t.torch.cosine_similarity(x, y, 0), A, B),
    "pairwise distance": (lambda t, x, y: t.torch.pairwise_distance(x, y, 1, keepdim=True), A, B),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_values_and_gradients(name):
    call, *arrays = LOSSES[name]
    compare(torch, call, *arrays, rtol=1e-8, nodes=False)


@pytest.mark.parametrize("reduction", ["sum", "none"])
@pytest.mark.parametrize("name", ["hinge", "cosine", "soft", "multi", "multilabel"])
def test_reductions(name, reduction):
    functions = {
        "hinge": lambda t, x: t.nn.HingeEmbeddingLoss(reduction=reduction)(x, t.torch.tensor(SIGNS)),
        "cosine": lambda t, x: t.nn.CosineEmbeddingLoss(reduction=reduction)(x, x.flip(0), t.torch.tensor(SIDES)),
        "soft": lambda t, x: t.nn.SoftMarginLoss(reduction=reduction)(x, t.torch.tensor(SIGNS)),
        "multi": lambda t, x: t.nn.MultiMarginLoss(reduction=reduction)(x, t.torch.tensor(CLASSES)),
        "multilabel": lambda t, x: t.nn.MultiLabelMarginLoss(reduction=reduction)(x, t.torch.tensor(LISTS)),
    }
    compare(torch, functions[name], A, rtol=1e-8, nodes=False)


ERRORS = {
    "cosine rank": lambda t, x: t.F.cosine_embedding_loss(x[0], x[0], t.torch.ones(4)),
    "ranking rank": lambda t, x: t.F.margin_ranking_loss(x, x[0], x),
    "triplet margin": lambda t, x: t.nn.TripletMarginLoss(margin=0.0),
    "multi p": lambda t, x: t.F.multi_margin_loss(x, t.torch.tensor(CLASSES), p=3),
    "multi range": lambda t, x: t.F.multi_margin_loss(x, t.torch.tensor(CLASSES + 1)),
    "gaussian negative": lambda t, x: t.F.gaussian_nll_loss(x, x, -x.abs()),
    "gaussian shape": lambda t, x: t.F.gaussian_nll_loss(x, x, x[:2].abs()),
    "cdist columns": lambda t, x: t.torch.cdist(x, x[:, :2]),
    "cdist rank": lambda t, x: t.torch.cdist(x[0], x),
    "cdist p": lambda t, x: t.torch.cdist(x, x, p=-1),
    "pdist rank": lambda t, x: t.F.pdist(x[0]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    compare(torch, ERRORS[name], A)


def test_layers_print_and_carry_the_settings_of_pytorch():
    for name in ("HingeEmbeddingLoss", "TripletMarginLoss", "PoissonNLLLoss", "GaussianNLLLoss", "MultiMarginLoss"):
        theirs, ours = (getattr(each.nn, name)() for each in libraries(torch))
        assert repr(ours) == repr(theirs)
        assert {each: getattr(ours, each) for each in theirs.__constants__} == {
            each: getattr(theirs, each) for each in theirs.__constants__
        }
