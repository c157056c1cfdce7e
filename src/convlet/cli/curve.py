"""The learning curve of a training as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..io.atomic import replacing
from ..models import Epoch

_TRAINING, _HELD_OUT = "#9a6a1f", "#1f5f9a"  # apart from each other for colour-blind eyes, and in gray


def draw(history: Sequence[Epoch], title: str, path: Path) -> None:
    """Write loss (left) and accuracy (right) over the epochs as a PNG; ``path`` is replaced at once or not at
    all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    loss, accuracy = figure.subplots(1, 2)
    epochs = [each.number for each in history]
    marker = "o" if len(history) <= 30 else ""
    style: dict[str, Any] = {"marker": marker, "markersize": 3.5, "linewidth": 1.6}
    loss.plot(epochs, [each.loss for each in history], color=_TRAINING, label="training images (augmented)", **style)
    loss.plot(epochs, [each.held_out_loss for each in history], color=_HELD_OUT, label="held-out images", **style)
    loss.set_yscale("log")
    loss.set_ylabel("cross-entropy loss (nats)")
    loss.legend(frameon=False)
    percent = [100 * each.accuracy for each in history]
    accuracy.plot(epochs, percent, color=_HELD_OUT, label="held-out images", **style)
    accuracy.set_ylabel("accuracy (%)")
    accuracy.legend(frameon=False, loc="lower right")
    accuracy.annotate(
        f"{percent[-1]:.2f} %", (epochs[-1], percent[-1]), textcoords="offset points", xytext=(0, -14), ha="right"
    )
    for axes in (loss, accuracy):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(True, which="major", color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=11)

    with replacing(path) as draft:
        figure.savefig(draft, format="png")
