"""``fit``: train a classifier on images in memory, epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..autograd import no_grad
from ..autograd.function import make_result
from ..data.loader import DataLoader
from ..nn import functional as F
from ..optim import AdamW
from ..optim.lr_scheduler import OneCycleLR
from ..tensor.generator import Generator
from .classifier import ImageClassifier, scaled

_EVALUATION_BATCH = 256

Labelled = tuple[np.ndarray, np.ndarray]  # images uint8 (n, channels, size, size), the number of each one's class


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training images gave: mean losses, and the share of held-out images that are
    right."""

    number: int
    loss: float
    held_out_loss: float
    accuracy: float
    seconds: float


def fit(
    classifier: ImageClassifier,
    train: Labelled,
    held_out: Labelled,
    *,
    epochs: int,
    batch_size: int = 32,
    lr: float = 3e-3,
    generator: Generator | None = None,
    augment: Callable[[Any], Any] | None = None,
    progress: Callable[[Any], Any] = lambda batches: batches,
) -> Iterator[Epoch]:
    """Train in place with AdamW and a one-cycle learning rate of peak ``lr``; yields an :class:`Epoch` after
    each one.

    ``augment`` changes a batch of training images (a tensor in [0, 1]) at random; ``generator`` shuffles.
    ``progress`` wraps the batches of an epoch, as tqdm does. Raises FloatingPointError when the loss is no
    longer finite.

    Sources: I. Loshchilov and F. Hutter, Decoupled weight decay regularization, 2019; L. N. Smith and N.
    Topin, Super-convergence, 2018.
    """
    images, targets = train
    network = classifier.network
    batches = DataLoader(range(len(images)), batch_size, shuffle=True, collate_fn=np.array, generator=generator)
    optimizer = AdamW(network.parameters(), lr=lr, weight_decay=0.01)
    schedule = OneCycleLR(optimizer, lr, total_steps=epochs * len(batches))
    for number in range(1, epochs + 1):
        start = time.perf_counter()
        network.train()
        total = 0.0
        for chosen in progress(batches):
            batch = scaled(images[chosen])
            if augment is not None:
                batch = augment(batch)
            loss = F.cross_entropy(network(classifier.normalise(batch)), make_result(targets[chosen]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(chosen)
            if not np.isfinite(total):
                raise FloatingPointError(f"the loss is {loss.item()} in epoch {number}")
        held_out_loss, accuracy = evaluate(classifier, held_out)
        yield Epoch(number, total / len(images), held_out_loss, accuracy, time.perf_counter() - start)


def evaluate(classifier: ImageClassifier, labelled: Labelled) -> tuple[float, float]:
    """(mean loss, share of the images whose class is right)."""
    images, targets = labelled
    classifier.network.eval()
    loss, right = 0.0, 0
    with no_grad():
        for start in range(0, len(images), _EVALUATION_BATCH):
            part = slice(start, start + _EVALUATION_BATCH)
            scores = classifier.scores(images[part])
            loss += F.cross_entropy(scores, make_result(targets[part]), reduction="sum").item()
            right += int((scores.array.argmax(axis=1) == targets[part]).sum())
    return loss / len(images), right / len(images)
