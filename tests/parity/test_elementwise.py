"""Operations element by element beside PyTorch: values, dtypes, gradients, node names, errors."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import convlet  # noqa: E402

from .comparing import assert_same, outcome, to_convlet  # noqa: E402

pytestmark = pytest.mark.parity

DTYPES = (
    "bool", "uint8", "int8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip


def sample(dtype, *shape, seed=0, positive=False):
    random = np.random.default_rng(seed)
    values = random.uniform(0.3, 3, shape) * (1 if positive else random.choice([-1, 1], shape))
    if "complex" in dtype:
        values = values + 1j * random.uniform(-2, 2, shape)
    if "int" in dtype:
        values = np.abs(values) * 3 + 1 if dtype == "uint8" else np.where(np.abs(values) < 1, 1, values * 3)
    return torch.tensor(values).to(getattr(torch, dtype))


UNARY = (
    "neg", "abs", "sgn", "sign", "square", "sqrt", "rsqrt", "reciprocal", "exp", "exp2", "expm1", "log", "log2",
    "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh",
    "atanh", "sinc", "deg2rad", "rad2deg", "sigmoid", "logit", "erf", "erfc", "erfinv", "floor", "ceil",
    "round", "trunc", "frac", "angle", "nan_to_num", "isnan", "isinf", "isfinite", "isposinf", "isneginf",
    "isreal", "signbit", "logical_not", "bitwise_not", "conj_physical", "positive", "absolute", "negative",
    "arcsin", "arctanh", "fix",
)  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_operand(name):
    for dtype in DTYPES:
        x = sample(dtype, 3, 4)
        x = x * 0.3 if x.is_floating_point() or x.is_complex() else x
        for operand in (x, x[0, 0], x.t(), x[:0]):
            expected = outcome(getattr(torch, name), operand)
            if isinstance(expected, Exception) and "Half" in str(expected):
                continue
            seen = outcome(getattr(convlet, name), to_convlet(operand))
            assert_same(seen, expected, tolerance=None if dtype != "complex64" else 3e-5)


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_operand_at_the_edges(name):
    edges = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30, 1e30, 0.5, 2.5]
    for dtype in ("float32", "float64"):
        x = torch.tensor(edges, dtype=getattr(torch, dtype))
        expected = outcome(getattr(torch, name), x)
        if name in ("sin", "cos", "tan") and dtype == "float32":
            x = x[:8]  # of 1e30 the reduction to [0, 2 pi] decides
            expected = outcome(getattr(torch, name), x)
        assert_same(outcome(getattr(convlet, name), to_convlet(x)), expected)


@pytest.mark.parametrize("name", UNARY)
def test_nodes_and_gradients_of_one_operand(name):
    for dtype in ("float64", "complex128", "float32", "bfloat16"):
        x = (sample(dtype, 3, 4) * 0.3).requires_grad_()
        y = outcome(getattr(torch, name), x)
        if isinstance(y, Exception) or y is x or (name == "sinc" and dtype == "bfloat16"):
            continue  # sinc: the difference that PyTorch's own formula rounds to nothing in bfloat16
        mine = to_convlet(x)
        z = getattr(convlet, name)(mine)
        assert z.requires_grad == y.requires_grad
        if y.grad_fn is None:
            assert z.grad_fn is None
            continue
        assert z.grad_fn.name() == y.grad_fn.name()
        weights = sample(str(y.dtype)[6:], *y.shape, seed=1)
        expected = outcome(lambda y=y, w=weights: y.backward(w))
        seen = outcome(lambda z=z, w=weights: z.backward(to_convlet(w)))
        assert_same(seen, expected)
        assert_same(mine.grad, x.grad, gradient=True)


BINARY = {
    "add": lambda t, a, b: a + b,
    "sub": lambda t, a, b: a - b,
    "mul": lambda t, a, b: a * b,
    "div": lambda t, a, b: a / b,
    "floordiv": lambda t, a, b: a // b,
    "mod": lambda t, a, b: a % b,
    "pow": lambda t, a, b: a**b,
    "add_alpha": lambda t, a, b: t.add(a, b, alpha=2),
    "sub_alpha": lambda t, a, b: t.sub(a, b, alpha=2),
    "add_fraction": lambda t, a, b: t.add(a, b, alpha=0.5),
    "rsub": lambda t, a, b: t.rsub(a, b),
    "div_trunc": lambda t, a, b: t.div(a, b, rounding_mode="trunc"),
    "div_floor": lambda t, a, b: t.div(a, b, rounding_mode="floor"),
    "fmod": lambda t, a, b: t.fmod(a, b),
    "float_power": lambda t, a, b: t.float_power(a, b),
    "copysign": lambda t, a, b: t.copysign(a, b),
    "xlogy": lambda t, a, b: t.xlogy(a, b),
    "eq": lambda t, a, b: a == b,
    "ne": lambda t, a, b: a != b,
    "lt": lambda t, a, b: a < b,
    "le": lambda t, a, b: a <= b,
    "gt": lambda t, a, b: a > b,
    "ge": lambda t, a, b: a >= b,
    "and": lambda t, a, b: a & b,
    "or": lambda t, a, b: a | b,
    "xor": lambda t, a, b: a ^ b,
    "lshift": lambda t, a, b: a << b,
    "rshift": lambda t, a, b: a >> b,
    "where": lambda t, a, b: t.where(t.tensor([True, False, True, True]), a, b),
}
TENSORS_ONLY = {
    "atan2": lambda t, a, b: t.atan2(a, b),
    "hypot": lambda t, a, b: t.hypot(a, b),
    "logaddexp": lambda t, a, b: t.logaddexp(a, b),
    "logaddexp2": lambda t, a, b: t.logaddexp2(a, b),
    "maximum": lambda t, a, b: t.maximum(a, b),
    "minimum": lambda t, a, b: t.minimum(a, b),
    "fmax": lambda t, a, b: t.fmax(a, b),
    "fmin": lambda t, a, b: t.fmin(a, b),
    "logical_and": lambda t, a, b: t.logical_and(a, b),
    "logical_or": lambda t, a, b: t.logical_or(a, b),
    "logical_xor": lambda t, a, b: t.logical_xor(a, b),
    "heaviside": lambda t, a, b: t.heaviside(a, b),
    "isclose": lambda t, a, b: t.isclose(a, b),
    "equal": lambda t, a, b: t.equal(a, b),
    "clamp": lambda t, a, b: t.clamp(a, b, b + b),
    "clamp_min": lambda t, a, b: a.clamp_min(b),
    "lerp": lambda t, a, b: t.lerp(a, b, 0.3),
    "addcmul": lambda t, a, b: t.addcmul(a, a, b, value=2),
    "addcdiv": lambda t, a, b: t.addcdiv(a, a, b, value=2),
    "complex": lambda t, a, b: t.complex(a, b),
    "polar": lambda t, a, b: t.polar(abs(a), b),
}


def skipped(expected, *dtypes):
    """PyTorch's own gaps: a half-precision complex type, kernels that it lacks for half precision."""
    if isinstance(expected, Exception):
        return "Half" in str(expected) or "BFloat16" in str(expected)
    return str(getattr(expected, "dtype", "")) == "torch.complex32"


@pytest.mark.parametrize("name", [*BINARY, *TENSORS_ONLY])
def test_two_tensors_of_all_dtypes(name):
    function = BINARY.get(name) or TENSORS_ONLY[name]
    for one, two in itertools.product(DTYPES, DTYPES):
        for shape_a, shape_b in (((3, 4), (4,)), ((), (4,)), ((4,), ())):
            a = sample(one, *shape_a)
            b = sample(two, *shape_b, seed=1, positive=name in ("pow", "lshift", "rshift"))
            expected = outcome(function, torch, a, b)
            if skipped(expected):
                continue
            seen = outcome(function, convlet, to_convlet(a), to_convlet(b))
            complex_power = name in ("pow", "float_power") and "complex" in one + two
            assert_same(seen, expected, tolerance=3e-5 if complex_power else None)


@pytest.mark.parametrize("name", BINARY)
def test_a_tensor_and_a_number(name):
    function = BINARY[name]
    for dtype, number in itertools.product(DTYPES, (2, 3, True, 0.5, 2.5, 1 + 1j, 300)):
        for reflected in (False, True):
            a = sample(dtype, 4, positive=reflected)
            mine = to_convlet(a)
            args, own = ((number, a), (number, mine)) if reflected else ((a, number), (mine, number))
            if reflected and name in ("rsub", "copysign", "float_power", "xlogy", "fmod", "add_fraction"):
                continue
            expected = outcome(function, torch, *args)
            if skipped(expected) or (number is True and dtype == "bool" and name == "pow"):
                continue
            if isinstance(expected, TypeError) and "invalid combination" in str(expected):
                assert isinstance(outcome(function, convlet, *own), TypeError)
                continue
            seen = outcome(function, convlet, *own)
            assert_same(seen, expected, tolerance=1e-2 if "float16" in dtype else 3e-5 if "complex" in dtype else None)


NODES = {
    **BINARY,
    **TENSORS_ONLY,
    "number+": lambda t, a, b: 1 + a,
    "number-": lambda t, a, b: 1 - a,
    "-number": lambda t, a, b: a - 1,
    "number/": lambda t, a, b: 2 / a,
    "number**": lambda t, a, b: 2**a,
    "**number": lambda t, a, b: a**2,
    "%number": lambda t, a, b: a % 2,
    "fmod_number": lambda t, a, b: t.fmod(a, 2),
    "div_number": lambda t, a, b: t.div(a, 2, rounding_mode="floor"),
    "clamp_numbers": lambda t, a, b: a.clamp(0.5, 1),
    "clamp_min_number": lambda t, a, b: a.clamp_min(0.5),
    "clamp_max_number": lambda t, a, b: a.clamp_max(0.5),
    "clamp_max": lambda t, a, b: a.clamp_max(b),
    "clamp_one": lambda t, a, b: a.clamp(min=b),
    "clip": lambda t, a, b: t.clip(a, max=1),
    "min": lambda t, a, b: t.min(a, b),
    "lerp_tensor": lambda t, a, b: t.lerp(a, b, b),
    "masked_fill": lambda t, a, b: a.masked_fill(t.tensor([True, False, False]), 1),
    "masked_fill_tensor": lambda t, a, b: a.masked_fill(t.tensor([True, False, False]), b[0]),
    "round_decimals": lambda t, a, b: a.round(decimals=1),
    "copysign_number": lambda t, a, b: t.copysign(a, -1.0),
    "where_number": lambda t, a, b: t.where(t.tensor([True, False, False]), a, 0.0),
    "method_where": lambda t, a, b: a.where(t.tensor([True, False, False]), b),
    "logit_eps": lambda t, a, b: a.logit(0.3),
    "mul_": lambda t, a, b: (a * 1).mul_(b),
    "pow_": lambda t, a, b: (a * 1).pow_(2),
    "exp_": lambda t, a, b: (a * 1).exp_(),
    "masked_fill_": lambda t, a, b: (a * 1).masked_fill_(t.tensor([True, False, False]), 1),
    "clamp_": lambda t, a, b: (a * 1).clamp_(0.4, 0.8),
    "ldexp": lambda t, a, b: t.ldexp(a, t.tensor([1, 2, 3])),
    "square_": lambda t, a, b: (a * 1).square_(),
}
UNLIKE = {"ldexp"}  # PyTorch has a node of its own; here it is a product


@pytest.mark.parametrize("name", NODES)
def test_nodes_and_gradients_of_two_operands(name):
    for dtype in ("float64", "float32", "complex128"):
        a = sample(dtype, 3, positive=True).div(3).requires_grad_()
        b = sample(dtype, 3, positive=True, seed=1).div(3).requires_grad_()
        mine_a, mine_b = to_convlet(a), to_convlet(b)
        if name == "where":
            a, b, mine_a, mine_b = (each[:1] for each in (a, b, mine_a, mine_b))
        expected = outcome(NODES[name], torch, a, b)
        seen = outcome(NODES[name], convlet, mine_a, mine_b)
        assert_same(seen, expected)
        if isinstance(expected, (Exception, bool)) or expected.grad_fn is None:
            continue
        if name not in UNLIKE:
            assert seen.grad_fn.name() == expected.grad_fn.name()
        weights = sample(str(expected.dtype)[6:], *expected.shape, seed=2)
        raised = outcome(lambda e=expected, w=weights: e.backward(w))
        assert_same(outcome(lambda s=seen, w=weights: s.backward(to_convlet(w))), raised)
        if raised is None and a.is_leaf:
            for own, other in ((mine_a, a), (mine_b, b)):
                assert (own.grad is None) == (other.grad is None)
                if other.grad is not None:
                    assert_same(own.grad, other.grad, gradient=True)


INPLACE = {
    "add_": lambda a, b: a.add_(b),
    "sub_": lambda a, b: a.sub_(b),
    "mul_": lambda a, b: a.mul_(b),
    "div_": lambda a, b: a.div_(b),
    "floor_divide_": lambda a, b: a.floor_divide_(b),
    "remainder_": lambda a, b: a.remainder_(b),
    "pow_": lambda a, b: a.pow_(b),
    "eq_": lambda a, b: a.eq_(b),
    "lt_": lambda a, b: a.lt_(b),
    "logical_and_": lambda a, b: a.logical_and_(b),
    "bitwise_xor_": lambda a, b: a.bitwise_xor_(b),
    "iand": lambda a, b: a.__iand__(b),
    "exp_": lambda a, b: a.exp_(),
    "abs_": lambda a, b: a.abs_(),
    "neg_": lambda a, b: a.neg_(),
    "floor_": lambda a, b: a.floor_(),
    "clamp_": lambda a, b: a.clamp_(1, 2),
    "square_": lambda a, b: a.square_(),
}


@pytest.mark.parametrize("name", INPLACE)
def test_in_place_forms(name):
    for one, two in itertools.product(DTYPES, ("bool", "uint8", "int64", "float16", "float32", "float64", "complex64")):
        for shape in ((3, 4), (4,), ()):
            a, b = sample(one, 3, 4), sample(two, *shape, seed=1, positive=True)
            mine = to_convlet(a)
            before = mine.numpy().copy()
            expected = outcome(INPLACE[name], a, b)
            if skipped(expected):
                continue
            seen = outcome(INPLACE[name], mine, to_convlet(b))
            if isinstance(expected, Exception):
                assert np.array_equal(mine.numpy(), before)
            assert_same(seen, expected, tolerance=3e-5 if "complex" in one else None)


ERRORS = {
    "shapes": lambda t: t.ones(3, 2) + t.ones(4, 2),
    "shapes_inner": lambda t: t.ones(2, 3, 4) * t.ones(2, 5, 4),
    "grow": lambda t: t.ones(2).add_(t.ones(3, 2)),
    "string": lambda t: t.add(t.ones(2), "a"),
    "none": lambda t: t.mul(t.ones(2), None),
    "operator_string": lambda t: t.ones(2) + "a",
    "operator_none": lambda t: t.ones(2) * None,
    "operator_list": lambda t: t.ones(2) * [1, 2],
    "operator_less": lambda t: t.ones(2) < "a",
    "operator_power": lambda t: t.ones(2) ** "a",
    "invert": lambda t: ~t.ones(2),
    "positive": lambda t: +t.tensor([True]),
    "float": lambda t: t.exp(1.0),
    "list": lambda t: t.sigmoid([1]),
    "maximum_number": lambda t: t.maximum(t.ones(2), 1),
    "clamp_nothing": lambda t: t.ones(2).clamp(),
    "clamp_complex": lambda t: t.ones(2, dtype=t.complex64).clamp(0, 1),
    "rounding_mode": lambda t: t.div(t.ones(2), 2, rounding_mode="x"),
    "alpha_float": lambda t: t.add(t.tensor([1]), 1, alpha=2.5),
    "alpha_complex": lambda t: t.add(t.ones(2), 1, alpha=2j),
    "alpha_bool": lambda t: t.add(t.ones(2), 1, alpha=True),
    "too_big": lambda t: t.tensor([1]) + 2**70,
    "power_negative": lambda t: t.tensor([2]) ** -1,
    "where_condition": lambda t: t.where(t.tensor([1]), 1.0, 2.0),
    "where_shapes": lambda t: t.where(t.tensor([True, False]), t.ones(2), t.ones(3)),
    "masked_fill_mask": lambda t: t.ones(2).masked_fill(t.tensor([1, 0]), 1),
    "masked_fill_value": lambda t: t.ones(2).masked_fill(t.tensor([True, False]), t.ones(2)),
    "masked_fill_shape": lambda t: t.ones(2).masked_fill(t.tensor([True, False, True]), 1),
    "masked_fill_overflow": lambda t: t.ones(2, dtype=t.int32).masked_fill(t.tensor([True, False]), 2**40),
    "masked_fill_complex": lambda t: t.ones(2).masked_fill(t.tensor([True, False]), 1j),
    "isclose_dtypes": lambda t: t.isclose(t.ones(2), t.ones(2).double()),
    "isclose_rtol": lambda t: t.isclose(t.ones(2), t.ones(2), rtol=-1),
    "equal_number": lambda t: t.equal(t.ones(2), 1),
    "imag": lambda t: t.ones(2).imag,
    "view_as_real": lambda t: t.view_as_real(t.ones(2)),
    "view_as_complex": lambda t: t.view_as_complex(t.ones(3)),
    "view_as_complex_int": lambda t: t.view_as_complex(t.tensor([1, 2])),
    "view_as_complex_stride": lambda t: t.view_as_complex(t.ones(2, 4).t()),
    "complex_dtypes": lambda t: t.complex(t.ones(2), t.ones(2).double()),
    "complex_ints": lambda t: t.complex(t.tensor([1]), t.tensor([1])),
    "lerp_dtypes": lambda t: t.lerp(t.ones(2), t.ones(2).double(), 0.5),
    "leaf": lambda t: t.ones(2, requires_grad=True).mul_(2),
    "expanded": lambda t: t.ones(1).expand(3).add_(1),
    "heaviside": lambda t: t.heaviside(t.ones(2), t.tensor(1)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    expected = outcome(ERRORS[name], torch)
    assert isinstance(expected, Exception)
    assert_same(outcome(ERRORS[name], convlet), expected)


def test_layouts_of_results():
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    for name, function in {
        "add": lambda t, x: x + x,
        "number": lambda t, x: x * 2,
        "exp": lambda t, x: x.exp(),
        "sigmoid": lambda t, x: x.sigmoid(),
        "erf": lambda t, x: x.erf(),
        "where": lambda t, x: t.where(x > 0, x, x),
        "clamp": lambda t, x: x.clamp(0),
        "lerp": lambda t, x: x.lerp(x, 0.5),
        "bias": lambda t, x: x + x[0, :, 0, 0].reshape(1, -1, 1, 1),
        "power": lambda t, x: x**2,
    }.items():
        for operand in (x, x.permute(3, 0, 1, 2), x[:, :, ::2], x[:1], x.contiguous()):
            assert function(convlet, to_convlet(operand)).stride() == function(torch, operand).stride(), name
