"""Lines 150 to 161: cross entropy."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.parity.compatibility.check import calls, gradients, line, refusal, some


def classes(t: Any, count: int, *shape: int, seed: int = 0) -> Any:
    return t.tensor(np.random.default_rng([seed, count, *shape]).integers(0, count, shape))


def loss(t: Any, shape: tuple[int, ...], target: Any, **named: Any) -> Any:
    return refusal(t.nn.functional.cross_entropy, some(t, *shape), target, **named)


def of_floats(t: Any, *shape: int) -> Any:
    """Probabilities over axis 1, or 0 of one axis."""
    return some(t, *shape, seed=3).softmax(1 if len(shape) > 1 else 0)


SHAPES = ((5,), (3, 5), (2, 5, 4), (2, 5, 3, 4), (2, 5, 2, 3, 2))


def target_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], *shape[2:]) if len(shape) > 1 else ()


@line(150)
def shapes_of_classes(t: Any) -> Any:
    found = []
    for shape in SHAPES:
        for reduction in ("mean", "sum", "none"):
            x = some(t, *shape, grad=True)
            out = t.nn.functional.cross_entropy(x, classes(t, 5, *target_shape(shape)), reduction=reduction)
            found.append((out.grad_fn.name(), gradients(out, (x,))))
    return found


@line(150)
def shapes_of_probabilities(t: Any) -> Any:
    found = []
    for shape in SHAPES:
        for reduction in ("mean", "sum", "none"):
            x, target = some(t, *shape, grad=True), of_floats(t, *shape).detach().requires_grad_()
            out = t.nn.functional.cross_entropy(x, target, reduction=reduction)
            found.append((out.grad_fn.name(), gradients(out, (x, target))))
    return found


calls(
    150,
    layer=lambda t: t.nn.CrossEntropyLoss()(some(t, 3, 5), classes(t, 5, 3)),
    layer_with_options=lambda t: t.nn.CrossEntropyLoss(
        t.arange(1.0, 6).double(), ignore_index=1, label_smoothing=0.1
    )(some(t, 3, 5), classes(t, 5, 3)),
    layer_repr=lambda t: [repr(t.nn.CrossEntropyLoss()), [*t.nn.CrossEntropyLoss(t.ones(3)).state_dict()]],
)
calls(
    151,
    int32=lambda t: loss(t, (3, 5), classes(t, 5, 3).int()),
    int16=lambda t: loss(t, (3, 5), classes(t, 5, 3).short()),
    float32=lambda t: loss(t, (3, 5), classes(t, 5, 3).float()),
    bool=lambda t: loss(t, (3, 5), classes(t, 2, 3).bool()),
    byte=lambda t: loss(t, (3, 5), classes(t, 5, 3).byte()),
    int32_of_images=lambda t: loss(t, (2, 5, 3, 4), classes(t, 5, 2, 3, 4).int()),
    byte_of_images=lambda t: loss(t, (2, 5, 3, 4), classes(t, 5, 2, 3, 4).byte()),
    float_of_images=lambda t: loss(t, (2, 5, 3, 4), classes(t, 5, 2, 3, 4).float()),
    int32_of_one=lambda t: loss(t, (5,), classes(t, 5).int()),
    int32_of_rows=lambda t: loss(t, (2, 5, 3), classes(t, 5, 2, 3).int()),
    float_input_int32=lambda t: refusal(
        t.nn.functional.cross_entropy, t.ones(3, 5), classes(t, 5, 3).int(), reduction="sum"
    ),
)
calls(
    152,
    int64=lambda t: loss(t, (3, 5), classes(t, 5, 3, 5)),
    int32=lambda t: loss(t, (3, 5), classes(t, 5, 3, 5).int()),
    float32_for_float64=lambda t: loss(t, (3, 5), of_floats(t, 3, 5).float()),
)
calls(
    153,
    set=lambda t: loss(t, (3, 5), of_floats(t, 3, 5), ignore_index=2),
    default=lambda t: loss(t, (3, 5), of_floats(t, 3, 5), ignore_index=-100),
    negative=lambda t: loss(t, (3, 5), of_floats(t, 3, 5), ignore_index=-1),
)


@line(154)
def reductions_of_classes(t: Any) -> Any:
    found = []
    for shape in SHAPES[:4]:
        for weight in (None, t.tensor([0.5, 1, 2, 0, 3]).double()):
            for reduction in ("mean", "sum", "none"):
                for ignored in (-100, 2):
                    x = some(t, *shape, grad=True)
                    target = classes(t, 5, *target_shape(shape), seed=2)
                    out = t.nn.functional.cross_entropy(
                        x, target, weight, ignore_index=ignored, reduction=reduction
                    )
                    found.append(gradients(out, (x,)))
    return found


@line(154)
def nothing_left(t: Any) -> Any:
    found = []
    for reduction in ("mean", "sum", "none"):
        x = some(t, 3, 5, grad=True)
        target = t.full((3,), 2)
        found.append(
            gradients(t.nn.functional.cross_entropy(x, target, ignore_index=2, reduction=reduction), (x,))
        )
        empty = t.zeros(0, 5).requires_grad_()
        target = t.zeros(0, dtype=t.int64)
        found.append(gradients(t.nn.functional.cross_entropy(empty, target, reduction=reduction), (empty,)))
        images = t.zeros(0, 5, 2, 2)
        found.append(
            t.nn.functional.cross_entropy(images, t.zeros(0, 2, 2, dtype=t.int64), reduction=reduction)
        )
    return found


@line(154)
def ignored_may_be_out_of_range(t: Any) -> Any:
    target = t.tensor([0, -100, 255])
    return (
        loss(t, (3, 5), target.clone()),
        loss(t, (3, 5), target[:2].repeat(2)[:3], reduction="none"),
        loss(t, (3, 5), t.tensor([1, 255, 2]), ignore_index=255),
    )


@line(155)
def mean_of_probabilities_divides_by_positions(t: Any) -> Any:
    weight = t.tensor([0.5, 1, 2, 0, 3]).double()
    found = []
    for shape in SHAPES:
        target = of_floats(t, *shape)
        mean, total = (loss(t, shape, target, weight=weight, reduction=each) for each in ("mean", "sum"))
        assert t.allclose(mean * (target.numel() // 5), total)
        found += [mean, total]
    return found


@line(156)
def label_smoothing(t: Any) -> Any:
    found = []
    for shape in SHAPES[:4]:
        for target in (classes(t, 5, *target_shape(shape)), of_floats(t, *shape)):
            for weight in (None, t.tensor([0.5, 1, 2, 0, 3]).double()):
                for reduction in ("mean", "sum", "none"):
                    x = some(t, *shape, grad=True)
                    out = t.nn.functional.cross_entropy(
                        x, target, weight, reduction=reduction, label_smoothing=0.2
                    )
                    found.append(gradients(out, (x,)))
    return found


calls(
    156,
    ignored_rows=lambda t: [
        loss(t, (3, 5), t.tensor([1, 2, 1]), ignore_index=2, label_smoothing=0.3, reduction=each)
        for each in ("mean", "sum", "none")
    ],
    beyond_one=lambda t: loss(t, (3, 5), classes(t, 5, 3), label_smoothing=1.5),
    negative=lambda t: loss(t, (3, 5), classes(t, 5, 3), label_smoothing=-0.1),
    one=lambda t: loss(t, (3, 5), classes(t, 5, 3), label_smoothing=1.0),
    of_probabilities_beyond_one=lambda t: loss(t, (3, 5), of_floats(t, 3, 5), label_smoothing=2),
)
calls(
    157,
    too_short=lambda t: loss(t, (3, 5), classes(t, 5, 3), weight=t.ones(4).double()),
    two_axes=lambda t: loss(t, (3, 5), classes(t, 5, 3), weight=t.ones(5, 1).double()),
    images=lambda t: loss(t, (2, 5, 3, 4), classes(t, 5, 2, 3, 4), weight=t.ones(4).double()),
    probabilities=lambda t: loss(t, (3, 5), of_floats(t, 3, 5), weight=t.ones(4).double()),
    smoothed=lambda t: loss(t, (3, 5), classes(t, 5, 3), weight=t.ones(4).double(), label_smoothing=0.1),
    another_dtype=lambda t: loss(t, (3, 5), classes(t, 5, 3), weight=t.ones(5)),
)
calls(
    158,
    too_large=lambda t: loss(t, (3, 5), t.tensor([1, 5, 0])),
    negative=lambda t: loss(t, (3, 5), t.tensor([1, -1, 0])),
    of_one=lambda t: loss(t, (5,), t.tensor(5)),
    of_images=lambda t: loss(t, (2, 5, 2, 2), t.full((2, 2, 2), 7)),
    without_reduction=lambda t: loss(t, (3, 5), t.tensor([1, 5, 0]), reduction="none"),
    byte=lambda t: loss(t, (3, 5), t.tensor([1, 255, 0]).byte()),
)
calls(
    159,
    batch=lambda t: loss(t, (3, 5), classes(t, 5, 2)),
    batch_of_rows=lambda t: loss(t, (3, 5, 2), classes(t, 5, 2, 2)),
    batch_of_images=lambda t: loss(t, (3, 5, 2, 2), classes(t, 5, 2, 2, 2)),
    size_of_rows=lambda t: loss(t, (3, 5, 2), classes(t, 5, 3, 4)),
    size_of_images=lambda t: loss(t, (3, 5, 2, 2), classes(t, 5, 3, 2, 4)),
    size_of_volumes=lambda t: loss(t, (3, 5, 2, 2, 2), classes(t, 5, 3, 2, 2, 4)),
    rank=lambda t: [loss(t, (3, 5), classes(t, 5, 3, 1)), loss(t, (3, 5, 2, 2), classes(t, 5, 3))],
    no_axes=lambda t: loss(t, (), t.tensor(0)),
    images_without_axes=lambda t: loss(t, (3, 5), t.tensor(0)),
)
calls(
    160,
    foo=lambda t: loss(t, (3, 5), classes(t, 5, 3), reduction="foo"),
    layer=lambda t: t.nn.CrossEntropyLoss(reduction="foo")(some(t, 3, 5), classes(t, 5, 3)),
    size_average=lambda t: [loss(t, (3, 5), classes(t, 5, 3), size_average=each) for each in (True, False)],
    reduce=lambda t: [
        loss(t, (3, 5), classes(t, 5, 3), reduce=each, size_average=other)
        for each, other in ((True, None), (False, None), (True, False), (False, True))
    ],
    layer_with_reduce=lambda t: t.nn.CrossEntropyLoss(reduce=False).reduction,
)
calls(
    161,
    two=lambda t: loss(t, (5,), classes(t, 5, 2)),
    one=lambda t: loss(t, (5,), classes(t, 5, 1)),
    none=lambda t: loss(t, (5,), classes(t, 5, 0)),
)
