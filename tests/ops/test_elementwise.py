"""Operations element by element: gradients by finite differences, in-place forms, special values, errors."""

import math

import numpy as np
import pytest

import convlet as torch
from convlet.autograd import gradcheck, gradgradcheck

random = np.random.default_rng(0)


def real(*shape, low=-2.0, high=2.0):
    return torch.tensor(random.uniform(low, high, shape), requires_grad=True)


def cplx(*shape):
    values = random.uniform(0.3, 1.5, shape) + 1j * random.uniform(0.3, 1.5, shape)
    return torch.tensor(values, requires_grad=True)


def apart(*shape):
    """Numbers at least 0.1 from 0 and from each other's halves, where step functions are differentiable."""
    return torch.tensor(random.permutation(np.prod(shape)).reshape(shape) * 0.37 - 1.9, requires_grad=True)


EVERYWHERE = (
    "neg", "abs", "square", "exp", "exp2", "expm1", "sin", "cos", "atan", "sinh", "cosh", "tanh", "asinh",
    "sigmoid", "erf", "erfc", "sinc", "deg2rad", "rad2deg", "sign", "sgn", "floor", "ceil", "round", "trunc",
    "frac", "angle", "nan_to_num",
)  # fmt: skip
UNARY = dict.fromkeys(EVERYWHERE, (-2.0, 2.0)) | {
    "sqrt": (0.2, 3.0), "rsqrt": (0.2, 3.0), "reciprocal": (0.3, 2.0), "log": (0.2, 3.0), "log2": (0.2, 3.0),
    "log10": (0.2, 3.0), "log1p": (-0.5, 2.0), "tan": (-1.2, 1.2), "asin": (-0.8, 0.8), "acos": (-0.8, 0.8),
    "acosh": (1.2, 3.0), "atanh": (-0.8, 0.8), "logit": (0.1, 0.9), "erfinv": (-0.8, 0.8),
}  # fmt: skip

COMPLEX = (
    "neg", "abs", "sgn", "square", "exp", "exp2", "expm1", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
    "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid", "sinc", "sqrt", "rsqrt", "reciprocal", "log", "log2",
    "log10", "log1p", "angle", "conj", "conj_physical", "real", "imag", "view_as_real",
)  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_gradients_of_functions_of_one_operand(name):
    low, high = UNARY[name]
    x = torch.tensor(random.uniform(low, high, 4).round(2) + 0.003, requires_grad=True)
    function = getattr(torch, name)
    assert gradcheck(function, x)
    assert gradgradcheck(function, x)
    point = torch.tensor(0.4 if low < 0.4 < high else 1.4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(function, point)


@pytest.mark.parametrize("name", COMPLEX)
def test_gradients_at_complex_numbers(name):
    function = getattr(torch, name)
    x = cplx(3)
    assert gradcheck(function, x)
    assert gradgradcheck(function, x)


mask = torch.tensor([[True], [False]])

BINARY = {
    "add": lambda a, b: a + b,
    "add_alpha": lambda a, b: torch.add(a, b, alpha=-0.5),
    "sub": lambda a, b: a - b,
    "sub_alpha": lambda a, b: torch.sub(a, b, alpha=3),
    "rsub": lambda a, b: torch.rsub(a, b),
    "rsub_alpha": lambda a, b: torch.rsub(a, b, alpha=2),
    "number": lambda a, b: 2 - a * 3 + b / 4 + 1 / a,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    "pow_2": lambda a, b: (a**2) * b,
    "pow_3": lambda a, b: (a**3) * b,
    "pow_half": lambda a, b: (a**0.5) * b**-0.5,
    "pow_fraction": lambda a, b: (a**1.7) * b**-2,
    "pow_0": lambda a, b: (a**0) * b,
    "pow_of_number": lambda a, b: 2.5**a * b,
    "float_power": lambda a, b: torch.float_power(a, b),
    "lerp": lambda a, b: torch.lerp(a, b, 0.3),
    "lerp_tensor": lambda a, b: torch.lerp(a, b, a * b),
    "addcmul": lambda a, b: torch.addcmul(a, a, b, value=0.5),
    "addcdiv": lambda a, b: torch.addcdiv(a, a, b, value=0.5),
    "where": lambda a, b: torch.where(mask, a, b),
    "where_number": lambda a, b: torch.where(mask, a, 1.5) * b,
    "masked_fill": lambda a, b: torch.masked_fill(a, mask, 2.0) * b,
    "masked_fill_tensor": lambda a, b: torch.masked_fill(a, mask, b[0, 0]),
    "ldexp": lambda a, b: torch.ldexp(a, torch.tensor([1, 2])) * b,
}
REAL_BINARY = {
    "remainder": lambda a, b: torch.remainder(a, b),
    "remainder_number": lambda a, b: (a % 0.7) * b,
    "fmod": lambda a, b: torch.fmod(a, b),
    "fmod_number": lambda a, b: torch.fmod(a, 0.7) * b,
    "div_floor": lambda a, b: torch.div(a, b, rounding_mode="floor") * a,
    "div_trunc": lambda a, b: torch.div(a, b, rounding_mode="trunc") * a,
    "atan2": lambda a, b: torch.atan2(a, b),
    "hypot": lambda a, b: torch.hypot(a, b),
    "logaddexp": lambda a, b: torch.logaddexp(a, b),
    "logaddexp2": lambda a, b: torch.logaddexp2(a, b),
    "xlogy": lambda a, b: torch.xlogy(a, b),
    "copysign": lambda a, b: torch.copysign(a, b) * torch.copysign(b, -1.0),
    "maximum": lambda a, b: torch.maximum(a, b),
    "minimum": lambda a, b: torch.minimum(a, b),
    "fmax": lambda a, b: torch.fmax(a, b),
    "fmin": lambda a, b: torch.fmin(a, b),
    "clamp": lambda a, b: torch.clamp(a, 0.5, 1.0) * b.clamp(max=0.8) * b.clamp(min=0.7),
    "clamp_tensors": lambda a, b: torch.clamp(a * b, b - 0.3, a),
    "clamp_min": lambda a, b: a.clamp_min(b) * a.clamp_min(0.6) * a.clamp(min=b),
    "clamp_max": lambda a, b: a.clamp_max(b) * a.clamp_max(0.6) * a.clamp(max=b),
    "logit_eps": lambda a, b: torch.logit(a / 3, 0.2) * b,
    "round_decimals": lambda a, b: torch.round(a, decimals=1) * b,
    "complex": lambda a, b: torch.complex(a * b, b),
    "polar": lambda a, b: torch.polar(a * b, b),
    "view_as_complex": lambda a, b: torch.view_as_complex(torch.stack([a * b, b], -1)) * 2,
}


@pytest.mark.parametrize("name", [*BINARY, *REAL_BINARY])
def test_gradients_of_functions_of_two_operands(name):
    function = BINARY.get(name) or REAL_BINARY[name]
    a, b = real(2, 3, low=0.41, high=1.9), real(2, 1, low=0.52, high=1.4)
    b = torch.tensor(np.broadcast_to(b.detach().numpy(), (2, 3)).copy(), requires_grad=True) if "complex" in name else b
    if name in ("ldexp",):
        a, b = real(2, 2), real(2, 1)
    assert gradcheck(function, (a, b))
    assert gradgradcheck(function, (a, b))


@pytest.mark.parametrize("name", BINARY)
def test_complex_gradients_of_two_operands(name):
    a, b = cplx(2, 2), cplx(2, 1)
    assert gradcheck(BINARY[name], (a, b))
    assert gradgradcheck(BINARY[name], (a, b))


def test_a_real_operand_beside_a_complex_one_gets_a_real_gradient():
    assert gradcheck(lambda a, b: a * b + b / a - b, (real(3, low=0.5), cplx(3)))


def test_equal_operands_share_the_gradient():
    a = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    b = torch.tensor([1.0, 5.0, 0.0], requires_grad=True)
    torch.maximum(a, b).sum().backward()
    assert a.grad.tolist() == [0.5, 0.0, 1.0]
    assert b.grad.tolist() == [0.5, 1.0, 0.0]


def test_powers_where_a_derivative_is_zero_times_infinity():
    x = torch.zeros(3, requires_grad=True)
    n = torch.tensor([0.0, 1.0, 2.0], requires_grad=True)
    (x**n).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 0.0]
    assert n.grad.tolist() == [0.0, 0.0, 0.0]
    y = torch.zeros(2, requires_grad=True)
    (y**0).sum().backward()
    assert y.grad.tolist() == [0.0, 0.0]


# In place ---------------------------------------------------------------------------------------------------------

INPLACE = {
    "add_": lambda x, y: x.add_(y),
    "sub_": lambda x, y: x.sub_(y, alpha=2),
    "mul_": lambda x, y: x.mul_(y),
    "div_": lambda x, y: x.div_(y),
    "pow_": lambda x, y: x.pow_(y),
    "pow_number": lambda x, y: x.pow_(3),
    "exp_": lambda x, y: x.exp_(),
    "sin_": lambda x, y: x.sin_(),
    "sqrt_": lambda x, y: x.sqrt_(),
    "sigmoid_": lambda x, y: x.sigmoid_(),
    "clamp_": lambda x, y: x.clamp_(0.6, 1.2),
    "clamp_tensor_": lambda x, y: x.clamp_(min=y),
    "lerp_": lambda x, y: x.lerp_(y, 0.3),
    "addcmul_": lambda x, y: x.addcmul_(y, y, value=2),
    "addcdiv_": lambda x, y: x.addcdiv_(y, y + 1, value=2),
    "masked_fill_": lambda x, y: x.masked_fill_(torch.tensor([True, False, False]), 0.0),
    "remainder_": lambda x, y: x.remainder_(y),
    "atan2_": lambda x, y: x.atan2_(y),
    "hypot_": lambda x, y: x.hypot_(y),
    "iadd": lambda x, y: x.__iadd__(y),
    "imul": lambda x, y: x.__imul__(2.0),
    "itruediv": lambda x, y: x.__itruediv__(y),
    "round_": lambda x, y: x.round_(decimals=1),
    "neg_": lambda x, y: x.neg_(),
    "logit_": lambda x, y: x.mul_(0.3).logit_(),
    "nan_to_num_": lambda x, y: x.nan_to_num_(),
}


@pytest.mark.parametrize("name", INPLACE)
def test_in_place_forms_write_and_have_the_same_gradients(name):
    def function(x, y):
        target = x * 1
        result = INPLACE[name](target, y)
        assert result is target
        return target * 1

    x, y = real(3, low=0.55, high=1.6), real(3, low=0.52, high=1.4)
    assert gradcheck(function, (x, y))
    assert gradgradcheck(function, (x, y))
    with torch.no_grad():
        target = x.detach() * 1
        memory = target.numpy()
        INPLACE[name](target, y)
        assert target.numpy() is memory
        assert np.allclose(memory, function(x, y).numpy(), rtol=1e-15)


def test_an_in_place_operation_on_a_view_reaches_its_base():
    def function(x):
        base = x * 1
        base[0].mul_(base[1])
        return base.sin()

    x = real(2, 3)
    assert gradcheck(function, x)
    assert gradgradcheck(function, x)


def test_in_place_results_keep_the_dtype():
    x = torch.ones(2)
    x.add_(torch.ones(2, dtype=torch.float64))
    assert x.dtype is torch.float32
    x = torch.ones(2, dtype=torch.int32)
    x.mul_(torch.tensor([3, 4]))
    assert x.dtype is torch.int32
    assert x.tolist() == [3, 4]
    half = torch.tensor([1.0, 2.0], dtype=torch.float16)
    half *= 0.1
    assert half.dtype is torch.float16


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: torch.tensor([1]).add_(1.5), "result type Float can't be cast to the desired output type Long"),
        (lambda: torch.tensor([1]).div_(2), "result type Float can't be cast to the desired output type Long"),
        (lambda: torch.tensor([1]).exp_(), "result type Float can't be cast to the desired output type Long"),
        (lambda: torch.tensor([True]).add_(1), "result type Long can't be cast to the desired output type Bool"),
        (
            lambda: torch.tensor([1.0]).add_(1j),
            "result type ComplexFloat can't be cast to the desired output type Float",
        ),
        (
            lambda: torch.ones(2).add_(torch.ones(3, 2)),
            "output with shape [2] doesn't match the broadcast shape [3, 2]",
        ),
        (
            lambda: torch.ones(2).mul_(torch.ones(3)),
            "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0",
        ),
        (
            lambda: torch.ones(2, requires_grad=True).add_(1),
            "a leaf Variable that requires grad is being used in an in-place operation.",
        ),
        (
            lambda: torch.ones(3, 2) + torch.ones(4, 2),
            "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 0",
        ),
        (
            lambda: torch.tensor([True]) - torch.tensor([True]),
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
            "operator instead.",
        ),
        (
            lambda: 1 - torch.tensor([True]),
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead.",
        ),
        (lambda: torch.tensor([1]) // 0, "ZeroDivisionError"),
        (lambda: torch.tensor([1]) % 0, "ZeroDivisionError"),
        (lambda: torch.tensor([1]) ** -1, "Integers to negative integer powers are not allowed."),
        (lambda: torch.ones(2).clamp(), "torch.clamp: At least one of 'min' or 'max' must not be None"),
        (
            lambda: torch.div(torch.ones(1), 2, rounding_mode="x"),
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found 'x'",
        ),
        (
            lambda: torch.add(torch.tensor([1]), 1, alpha=0.5),
            "For integral input tensors, argument alpha must not be a floating point number.",
        ),
        (
            lambda: torch.where(torch.ones(1), 1.0, 2.0),
            "where expected condition to be a boolean tensor, but got a tensor with dtype Float",
        ),
        (lambda: torch.ones(1).imag, "imag is not implemented for tensors with non-complex dtypes."),
        (
            lambda: torch.isclose(torch.ones(1), torch.ones(1, dtype=torch.float64)),
            "Float did not match Double",
        ),
    ],
)
def test_errors_come_before_anything_changes(call, message):
    with pytest.raises(RuntimeError) as error:
        call()
    assert str(error.value).startswith(message)


def test_a_refused_in_place_operation_leaves_the_target_as_it_was():
    x = torch.tensor([1, 2])
    before = x._version
    with pytest.raises(RuntimeError):
        x.mul_(0.5)
    assert x.tolist() == [1, 2]
    assert x._version == before


def test_operands_that_are_none():
    x = torch.ones(2)
    assert (x == None) is False  # noqa: E711
    assert (x != "a") is True
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \+: 'Tensor' and 'str'"):
        x + "a"
    with pytest.raises(TypeError, match=r"'<' not supported between instances of 'Tensor' and 'str'"):
        x < "a"  # noqa: B015
    with pytest.raises(TypeError, match=r"^add\(\): argument 'other' \(position 2\) must be Tensor, not str$"):
        torch.add(x, "a")
    with pytest.raises(TypeError, match=r"^exp\(\): argument 'input' \(position 1\) must be Tensor, not float$"):
        torch.exp(1.0)


def test_the_other_operand_decides_where_a_tensor_does_not():
    class Right:
        def __radd__(self, other):
            return "mine"

    assert torch.ones(1) + Right() == "mine"


def test_numpy_operands():
    x = torch.ones(2)
    assert (x + np.ones(2)).dtype is torch.float64
    assert (x * np.float64(2)).dtype is torch.float32
    assert (np.float64(2) * x).dtype is torch.float32
    assert isinstance(np.float64(2) * x, torch.Tensor)
    assert (x + np.float32(1)).tolist() == [2.0, 2.0]


# Values -----------------------------------------------------------------------------------------------------------


def test_special_values_are_silent():
    x = torch.tensor([0.0, -1.0, math.inf, math.nan])
    assert torch.log(x)[0] == -math.inf
    assert (x / 0)[2] == math.inf
    assert torch.isnan(torch.sqrt(x)).tolist() == [False, True, False, True]
    y = torch.tensor([0.0], requires_grad=True)
    torch.log(y).backward()
    assert y.grad.item() == math.inf


def test_a_number_beside_half_precision_keeps_its_own():
    x = torch.tensor([3.0, 7.0], dtype=torch.bfloat16)
    product = x.float() * 0.1
    assert (x * 0.1).tolist() == product.bfloat16().tolist()


def test_integers_wrap_as_numbers_do():
    x = torch.tensor([1, 2], dtype=torch.uint8)
    assert (x + 300).tolist() == [45, 46]
    assert (x - 3).tolist() == [254, 255]
    assert (x << 9).tolist() == [0, 0]


def test_layouts_survive():
    x = torch.ones(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    bias = torch.ones(3, 1, 1)
    for result in (x + 1, x * bias, x.exp(), x.sigmoid(), torch.clamp(x, 0, 1), x > 0):
        assert result.is_contiguous(memory_format=torch.channels_last)


def test_meta_operands_give_meta_results():
    x = torch.empty(10**6, 10**6, device="meta")
    y = (x * 2 + x.sin()).clamp(0) > 1
    assert y.is_meta
    assert y.shape == (10**6, 10**6)
    assert y.dtype is torch.bool


def test_empty_and_zero_dimensional():
    empty = torch.empty(0, 3)
    assert (empty + torch.ones(3)).shape == (0, 3)
    assert torch.erf(empty).shape == (0, 3)
    assert torch.erf(torch.tensor(0.5)).shape == ()
    assert (torch.tensor(2) ** torch.tensor([1.0, 2.0])).dtype is torch.float32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_error_function_to_the_last_digits(dtype):
    numpy_dtype = np.dtype(dtype)
    x = np.concatenate([np.linspace(-6, 6, 2001), np.logspace(-9, 1.3, 300)]).astype(numpy_dtype)
    epsilon = np.finfo(numpy_dtype).eps
    for name in ("erf", "erfc"):
        expected = np.array([getattr(math, name)(float(each)) for each in x])
        seen = getattr(torch, name)(torch.tensor(x)).numpy()
        normal = np.abs(expected) > np.finfo(numpy_dtype).tiny
        assert np.max(np.abs(seen[normal] - expected[normal]) / np.abs(expected[normal])) < 5 * epsilon
    inverse = torch.erfinv(torch.erf(torch.tensor(x[np.abs(x) < 1.5]))).numpy()
    assert np.allclose(inverse, x[np.abs(x) < 1.5], rtol=100 * epsilon)
    assert torch.erfinv(torch.tensor([1.0, -1.0, 2.0])).tolist()[:2] == [math.inf, -math.inf]


def test_views_of_complex_memory():
    z = torch.tensor([1 + 2j, 3 + 4j])
    z.real.mul_(10)
    z.imag[0] = 7
    assert z.tolist() == [10 + 7j, 30 + 4j]
    torch.view_as_real(z)[1, 1] = 9
    assert z[1].item() == 30 + 9j
    assert torch.view_as_complex(torch.view_as_real(z)).data_ptr() == z.data_ptr()


@pytest.mark.parametrize("name", ["clamp", "masked_fill", "maximum", "pow", "sigmoid", "where"])
def test_gradients_of_zero_dimensional_tensors_keep_their_precision(name):
    calls = {
        "clamp": lambda x: x.clamp(0, 2),
        "masked_fill": lambda x: x.masked_fill(torch.tensor(False), 0.0),
        "maximum": lambda x: torch.maximum(x, x - 1),
        "pow": lambda x: x**x,
        "sigmoid": lambda x: x.sigmoid(),
        "where": lambda x: torch.where(torch.tensor(True), x, 0.0),
    }
    grads = []
    for shape in ((), (1,)):
        x = torch.tensor(np.full(shape, 1.1), requires_grad=True)
        (calls[name](x) / 3).sum().backward()
        grads.append(x.grad.item())
    assert grads[0] == grads[1]


@pytest.mark.parametrize(
    "write",
    [
        lambda z: z.real.mul_(3),
        lambda z: z.imag.mul_(z.real * 1),
        lambda z: torch.view_as_real(z)[1].sin_(),
    ],
)
def test_writing_into_a_part_of_complex_memory_reaches_the_base(write):
    def function(x):
        z = x * 1
        write(z)
        return z * z

    x = cplx(3)
    assert gradcheck(function, x)
    assert gradgradcheck(function, x)


def test_in_place_functions_beside_the_methods():
    x = torch.tensor([1.0, 4.0])
    assert torch.sqrt_(x) is x
    assert torch.clamp_(x, max=1.5).tolist() == [1.0, 1.5]
    assert x.ldexp_(torch.tensor([1, 2])).tolist() == [2.0, 6.0]
    with pytest.raises(RuntimeError, match="the base given to float_power_ has dtype Float but the operation's result"):
        x.float_power_(2)
    assert torch.tensor([1 + 2j]).conj_physical_().tolist() == [1 - 2j]
