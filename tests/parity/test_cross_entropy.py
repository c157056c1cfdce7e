"""Losses beside PyTorch's. Ids name the lines of the compatibility list (section M)."""

from __future__ import annotations

import numpy as np
import pytest

from .side_by_side import compare, libraries, some

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.parity

SHAPES = [(3, 5), (2, 5, 3), (2, 5, 3, 4), (2, 5, 3, 4, 2), (5,)]
WEIGHT = np.array([0.5, 2.0, 0.0, 1.5, 1.0])
REDUCTIONS = ["mean", "sum", "none"]


def classes_for(shape, ignored=True, seed=0):
    classes = np.random.default_rng(seed).integers(0, 5, shape[:1] + shape[2:] if len(shape) > 1 else ())
    if ignored and classes.ndim:
        classes = classes.copy()
        classes.flat[0] = -100
    return classes


def probabilities(shape):
    values = np.exp(some(*shape, seed=7))
    return values / values.sum(axis=0 if len(shape) == 1 else 1, keepdims=True)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
class TestEveryShape:
    def test_classes_M150_M154(self, shape, reduction):
        def call(t, x, target):
            return t.F.cross_entropy(x, target, reduction=reduction)

        compare(torch, call, some(*shape), classes_for(shape), double=True)

    def test_weight_M154(self, shape, reduction):
        def call(t, x, target):
            return t.F.cross_entropy(x, target, t.torch.tensor(WEIGHT), reduction=reduction)

        compare(torch, call, some(*shape), classes_for(shape), double=True)

    def test_ignore_index_M154(self, shape, reduction):
        def call(t, x, target):
            return t.F.cross_entropy(x, target, ignore_index=2, reduction=reduction)

        compare(torch, call, some(*shape), classes_for(shape, ignored=False))

    @pytest.mark.parametrize("weighted", [False, True])
    def test_label_smoothing_M156(self, shape, reduction, weighted):
        def call(t, x, target):
            weight = t.torch.tensor(WEIGHT) if weighted else None
            return t.F.cross_entropy(x, target, weight, reduction=reduction, label_smoothing=0.2)

        compare(torch, call, some(*shape), classes_for(shape), double=True)

    @pytest.mark.parametrize("smoothing", [0.0, 0.3])
    @pytest.mark.parametrize("weighted", [False, True])
    def test_probabilities_M155(self, shape, reduction, weighted, smoothing):
        def call(t, x, target):
            weight = t.torch.tensor(WEIGHT) if weighted else None
            return t.F.cross_entropy(x, target, weight, reduction=reduction, label_smoothing=smoothing)

        compare(torch, call, some(*shape), probabilities(shape), double=True)

    def test_nll_loss(self, shape, reduction):
        def call(t, x, target):
            return t.F.nll_loss(x, target, t.torch.tensor(WEIGHT), reduction=reduction)

        compare(torch, call, some(*shape), classes_for(shape), double=True)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_dtypes(dtype, reduction):
    rtol = {"float32": 2e-6, "float16": 2e-3, "bfloat16": 2e-2}[dtype]
    classes = classes_for((3, 5))
    compare(
        torch, lambda t, x, c: t.F.cross_entropy(x, c, reduction=reduction), some(3, 5), classes, dtype=dtype, rtol=rtol
    )


def test_uint8_classes_M151():
    compare(torch, lambda t, x, c: t.F.cross_entropy(x, c), some(3, 5), np.array([1, 0, 4], "uint8"))


X, T = some(3, 5, dtype="float32"), np.array([1, 0, 4])
CASES = {
    "M151 int32": "F.cross_entropy(x, t.int())",
    "M151 int32 4d": "F.cross_entropy(x4, t4.int())",
    "M151 float": "F.cross_entropy(x, t.float())",
    "M152 long": "F.cross_entropy(x, torch.ones(3, 5, dtype=torch.int64))",
    "M152 int": "F.cross_entropy(x, torch.ones(3, 5, dtype=torch.int32))",
    "M153": "F.cross_entropy(x, torch.ones(3, 5), ignore_index=1)",
    "M154 all ignored": "F.cross_entropy(x, torch.tensor([-100, -100, -100]))",
    "M154 all ignored sum": "F.cross_entropy(x, torch.tensor([-100, -100, -100]), reduction='sum')",
    "M154 all ignored none": "F.cross_entropy(x, torch.tensor([-100, -100, -100]), reduction='none')",
    "M154 all ignored smooth": "F.cross_entropy(x, torch.tensor([-100, -100, -100]), label_smoothing=0.1)",
    "M154 empty": "F.cross_entropy(x[:0], t[:0])",
    "M154 empty sum": "F.cross_entropy(x[:0], t[:0], reduction='sum')",
    "M154 empty none": "F.cross_entropy(x[:0], t[:0], reduction='none')",
    "M154 empty 4d": "F.cross_entropy(x4[:0], t4[:0])",
    "M155 empty": "F.cross_entropy(x[:0], torch.ones(0, 5))",
    "M156": "F.cross_entropy(x, t, label_smoothing=2)",
    "M156 negative": "F.cross_entropy(x, t, label_smoothing=-1)",
    "M156 probabilities": "F.cross_entropy(x, torch.ones(3, 5), label_smoothing=2.5)",
    "M157": "F.cross_entropy(x, t, torch.ones(4))",
    "M157 rank": "F.cross_entropy(x, t, torch.ones(5, 1))",
    "M157 4d": "F.cross_entropy(x4, t4, torch.ones(4))",
    "M157 probabilities": "F.cross_entropy(x, torch.ones(3, 5), torch.ones(4))",
    "M157 smooth": "F.cross_entropy(x, t, torch.ones(4), label_smoothing=0.1)",
    "weight dtype": "F.cross_entropy(x, t, torch.ones(5, dtype=torch.float64))",
    "weight dtype probabilities": "F.cross_entropy(x, torch.ones(3, 5), torch.ones(5, dtype=torch.float64))",
    "M158": "F.cross_entropy(x, torch.tensor([1, 5, 0]))",
    "M158 negative": "F.cross_entropy(x, torch.tensor([1, -1, 0]))",
    "M158 4d": "F.cross_entropy(x4, t4 + 7)",
    "M158 smooth": "F.cross_entropy(x, torch.tensor([1, 5, 0]), label_smoothing=0.1)",
    "M158 1d": "F.cross_entropy(x[0], torch.tensor(9))",
    "M159": "F.cross_entropy(x, t[:2])",
    "M159 4d": "F.cross_entropy(x4, t4[:1])",
    "M159 spatial 3d": "F.cross_entropy(x4[..., 0], t4[:, :2, 0])",
    "M159 spatial 4d": "F.cross_entropy(x4, t4[:, :2])",
    "M159 spatial 5d": "F.cross_entropy(x4[..., None], t4[:, :2, :, None])",
    "M159 rank": "F.cross_entropy(x, torch.zeros(3, 1, dtype=torch.int64))",
    "M159 rank 4d": "F.cross_entropy(x4, t4[..., 0])",
    "M160": "F.cross_entropy(x, t, reduction='foo')",
    "M160 size_average": "F.cross_entropy(x, t, size_average=False)",
    "M160 reduce": "F.cross_entropy(x, t, reduce=False)",
    "M160 both": "F.cross_entropy(x, t, size_average=True, reduce=True)",
    "M161": "F.cross_entropy(x[0], t)",
    "M161 one": "F.cross_entropy(x[0].detach(), t[:1])",
    "M150 0d": "F.cross_entropy(x[0, 0], t[0])",
    "None": "F.cross_entropy(None, t)",
    "None target": "F.cross_entropy(x, None)",
    "int input": "F.cross_entropy(torch.ones(3, 5, dtype=torch.int64), t)",
    "mixed probabilities": "F.cross_entropy(x.detach(), torch.ones(3, 5, dtype=torch.float64))",
    "nll 0d": "F.nll_loss(x[0, 0], t[0])",
    "nll batch": "F.nll_loss(x, t[:2])",
    "nll class": "F.nll_loss(x, t + 3)",
    "nll rank": "F.nll_loss(x, t[:, None])",
    "nll float": "F.nll_loss(x, t.float())",
    "nll int": "F.nll_loss(torch.ones(3, 5, dtype=torch.int64), t)",
    "nll reduction": "F.nll_loss(x, t, reduction='foo')",
    "mse negative beta": "F.smooth_l1_loss(x, x, beta=-1)",
    "huber delta": "F.huber_loss(x, x, delta=0)",
    "bce range": "F.binary_cross_entropy(torch.tensor([1.5]), torch.tensor([1.0]))",
    "bce target range": "F.binary_cross_entropy(torch.tensor([0.5]), torch.tensor([2.0]))",
    "bce nan": "F.binary_cross_entropy(torch.tensor([float('nan')]), torch.tensor([1.0]))",
    "bce limit": "F.binary_cross_entropy(torch.tensor([0.0]), torch.tensor([1.0]))",
    "bce shape": "F.binary_cross_entropy(torch.ones(3, 5), torch.ones(5))",
    "bce dtype": "F.binary_cross_entropy(torch.ones(3), torch.ones(3, dtype=torch.float64))",
    "logits shape": "F.binary_cross_entropy_with_logits(x, torch.ones(5))",
    "logits int": "F.binary_cross_entropy_with_logits(x, torch.ones(3, 5, dtype=torch.int64))",
    "kl 0d": "F.kl_div(torch.tensor(1.0), torch.tensor(1.0), reduction='batchmean')",
    "kl int": "F.kl_div(x, torch.ones(3, 5, dtype=torch.int64))",
    "mse int": "F.mse_loss(t, t)",
    "smooth int": "F.smooth_l1_loss(t, t)",
    "l1 int": "F.l1_loss(t, t)",
    "mse broadcast": "F.mse_loss(x, torch.ones(5))",
    "l1 broadcast": "F.l1_loss(x, torch.ones(5))",
    "mse shape": "F.mse_loss(x, torch.ones(4))",
    "mse dtype": "F.mse_loss(x, torch.ones(3, 5, dtype=torch.float64))",
    "huber dtype": "F.huber_loss(x.detach(), torch.ones(3, 5, dtype=torch.float64))",
    "mse int target": "F.mse_loss(x, torch.ones(3, 5, dtype=torch.int64))",
    "mse weight": "F.mse_loss(x, torch.ones(3, 5), weight=x * x)",
    "l1 weight": "F.l1_loss(x, torch.ones(3, 5), weight=x * x)",
    "mse weight shape": "F.mse_loss(x, torch.ones(3, 5), weight=torch.ones(3))",
    "mse empty": "F.mse_loss(x[:0], x[:0])",
    "mse size_average": "F.mse_loss(x, x, size_average=False)",
    "mse reduction": "F.mse_loss(x, x, reduction='foo')",
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_cases(name):
    def call(t, x, target):
        x4, t4 = t.torch.tensor(some(2, 5, 3, 3, dtype="float32")), t.torch.zeros(2, 3, 3, dtype=t.torch.int64)
        return eval(CASES[name], {"F": t.F, "torch": t.torch, "x": x, "t": target, "x4": x4, "t4": t4})

    compare(torch, call, X, T, rtol=2e-6, nodes="weight" not in name and name != "M155 empty")


def sample(name):
    x, y = some(3, 5), some(3, 5, seed=5)
    if name == "binary_cross_entropy":
        return 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(-y))
    if name == "binary_cross_entropy_with_logits":
        return x, 1 / (1 + np.exp(-y))
    if name == "kl_div":
        return x, np.exp(y)
    return x, y


LOSSES = {
    "mse_loss": ["", "weight=y*y"],
    "l1_loss": [""],
    "smooth_l1_loss": ["", "beta=0.5", "beta=0"],
    "huber_loss": ["", "delta=0.5"],
    "binary_cross_entropy": ["", "weight=w"],
    "binary_cross_entropy_with_logits": ["", "weight=w", "pos_weight=w", "weight=w, pos_weight=w"],
    "kl_div": ["", "log_target=True"],
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "settings"), [(name, each) for name, all_ in LOSSES.items() for each in all_])
def test_elementwise_losses(name, settings, reduction):
    def call(t, x, y):
        w = t.torch.tensor(WEIGHT + 0.25)
        scope = {"F": t.F, "x": x, "y": y, "w": w}
        return eval(f"F.{name}(x, y, reduction={reduction!r}, {settings})", scope)

    x, y = sample(name)
    # PyTorch has no second derivative of its binary cross entropies by the target.
    double = "binary" not in name
    compare(torch, call, x, y, double=double, rtol=1e-8, nodes="weight=y" not in settings)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "binary_cross_entropy_with_logits"])
def test_second_derivative_by_the_input(name):
    x, y = sample(name)
    compare(torch, lambda t, x, y: getattr(t.F, name)(x, y.detach()), x, y, double=True)


def test_batchmean():
    compare(torch, lambda t, x, y: t.F.kl_div(x, y, reduction="batchmean"), *sample("kl_div"))


LAYERS = [
    "CrossEntropyLoss()", "CrossEntropyLoss(reduction='sum', label_smoothing=0.1)", "CrossEntropyLoss(ignore_index=1)",
    "NLLLoss()", "MSELoss()", "L1Loss()", "SmoothL1Loss(beta=2.0)", "HuberLoss()", "BCELoss()", "BCEWithLogitsLoss()",
    "KLDivLoss(reduction='batchmean')", "MSELoss(reduction='none')", "CosineSimilarity()", "PairwiseDistance()",
]  # fmt: skip


@pytest.mark.parametrize("source", LAYERS)
def test_layers(source):
    def call(t, x, y):
        layer = eval(f"nn.{source}", {"nn": t.nn})
        if source.startswith("BCELoss"):
            return layer(t.torch.sigmoid(x), t.torch.sigmoid(y.detach()))
        if source.startswith(("CrossEntropy", "NLL")):
            return layer(x, t.torch.tensor([1, 0, 4]))
        return layer(x, y)

    composite = source in ("CosineSimilarity()", "PairwiseDistance()")
    compare(torch, call, some(3, 5), some(3, 5, seed=5), nodes=not composite)
    theirs, ours = (eval(f"nn.{source}", {"nn": each.nn}) for each in libraries(torch))
    assert repr(ours) == repr(theirs)
    assert getattr(ours, "__constants__", None) == getattr(theirs, "__constants__", None)


def test_weight_is_a_buffer():
    for each in libraries(torch):
        layer = each.nn.CrossEntropyLoss(weight=each.torch.ones(3))
        assert list(layer.state_dict()) == ["weight"]
        assert list(layer.parameters()) == []
