"""Packed weights are kept while nobody writes to the weight, and never longer."""

import copy
import gc

import numpy as np
import pytest

import convlet as torch
from convlet.conv import force_algorithm
from convlet.runtime import storage

pytest.importorskip("numba")
F = torch.nn.functional

ALGORITHMS = ("direct", "winograd")


def weight_and_image():
    torch.manual_seed(0)
    # Many bands: the weights are worth packing beforehand.
    return torch.randn(40, 24, 3, 3), torch.randn(4, 24, 40, 40)


def fresh(x, w):
    """The same convolution of a weight that nothing is known of."""
    return F.conv2d(x, w.clone(), padding=1)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_third_call_finds_the_form_of_the_second(algorithm):
    w, x = weight_and_image()
    before = storage.kept_bytes()
    with force_algorithm(algorithm):
        first = F.conv2d(x, w, padding=1)
        assert storage.kept_bytes() == before, "a weight used once may change before it is used again"
        second = F.conv2d(x, w, padding=1)
        kept = storage.kept_bytes()
        assert kept > before
        third = F.conv2d(x, w, padding=1)
        assert storage.kept_bytes() == kept
        assert torch.equal(first, second)
        assert torch.equal(first, third)
    del w
    gc.collect()
    assert storage.kept_bytes() == before


WRITES = {
    "in place": lambda w: w.add_(1),
    "through data": lambda w: w.data.mul_(2),
    "copy_": lambda w: w.data.copy_(torch.ones_like(w)),
    "an element": lambda w: w.data.__setitem__((0, 0, 0, 0), 5.0),
    "a view": lambda w: w.data.view(-1)[3:7].zero_(),
    "new data": lambda w: setattr(w, "data", torch.ones_like(w)),
    "numpy": lambda w: w.detach().numpy().__setitem__(0, 3.0),
    "a fill": lambda w: torch.nn.init.constant_(w, 0.5),
    "optimizer": lambda w: step(w, torch.optim.SGD([w], lr=0.1, momentum=0.9)),
    "adam": lambda w: step(w, torch.optim.Adam([w], lr=0.1)),
    "another tensor of the memory": lambda w: torch.Tensor(w).zero_(),
    "a shallow copy": lambda w: copy.copy(w).zero_(),
    "resize_": lambda w: w.data.resize_(40, 24, 3, 3).fill_(2.0),
}


def step(w, optimizer):
    w.grad = torch.ones_like(w)
    optimizer.step()


@pytest.mark.parametrize("how", WRITES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_write_is_noticed(algorithm, how):
    w, x = weight_and_image()
    w = torch.nn.Parameter(w)
    with force_algorithm(algorithm), torch.no_grad():
        for _ in range(3):
            F.conv2d(x, w, padding=1)
        before = w.clone()
        WRITES[how](w)
        assert not torch.equal(w, before)
        assert torch.equal(F.conv2d(x, w, padding=1), fresh(x, w))


def test_memory_that_numpy_sees_is_packed_every_time():
    w, x = weight_and_image()
    array = w.numpy()
    with force_algorithm("direct"):
        for value in range(3):
            array[:] = value
            assert torch.equal(F.conv2d(x, w, padding=1), fresh(x, w))
        own = np.ones((40, 24, 3, 3), np.float32)
        w = torch.from_numpy(own)
        for value in range(3):
            own[:] = value
            assert torch.equal(F.conv2d(x, w, padding=1), fresh(x, w))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_both_directions_keep_their_own(algorithm):
    w, x = weight_and_image()
    w.requires_grad_()
    x.requires_grad_()
    with force_algorithm(algorithm):
        results = []
        for _ in range(3):
            x.grad = w.grad = None
            F.conv2d(x, w, padding=1).square().sum().backward()
            results.append((x.grad, w.grad))
    for gx, gw in results[1:]:
        assert torch.equal(gx, results[0][0])
        assert torch.equal(gw, results[0][1])


def test_kept_forms_are_bounded(monkeypatch):
    monkeypatch.setattr(storage, "KEEP", storage.kept_bytes() + 200_000)
    weights = [weight_and_image()[0] for _ in range(12)]
    x = weight_and_image()[1]
    with force_algorithm("direct"):
        for _ in range(3):
            for w in weights:
                F.conv2d(x, w, padding=1)
                assert storage.kept_bytes() <= storage.KEEP


def test_views_of_one_memory_do_not_share_a_form():
    both = torch.randn(80, 24, 3, 3)
    one, two = both[:40], both[40:]
    x = weight_and_image()[1]
    with force_algorithm("direct"):
        for _ in range(3):
            for w in (one, two):
                assert torch.equal(F.conv2d(x, w, padding=1), fresh(x, w))
