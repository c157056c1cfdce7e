"""Conv2d and F.conv2d beside PyTorch's. Names and ids name lines of the compatibility list (sections A to E, G, H)."""

from __future__ import annotations

import copy
import re
import warnings

import numpy as np
import pytest

from .side_by_side import as_array, compare, integers, libraries, some

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.parity

GEOMETRIES = {
    "plain": ((2, 3, 7, 8), (4, 3, 3, 3), ""),
    "pointwise": ((2, 3, 5, 6), (4, 3, 1, 1), ""),
    "stride": ((2, 3, 8, 9), (4, 3, 3, 2), "stride=2"),
    "stride pair": ((2, 3, 8, 9), (4, 3, 3, 2), "stride=(2, 3)"),
    "padding": ((2, 3, 7, 8), (4, 3, 3, 3), "padding=1"),
    "padding pair": ((2, 3, 7, 8), (4, 3, 3, 5), "padding=(1, 2)"),
    "dilation": ((2, 3, 9, 9), (4, 3, 3, 3), "dilation=2"),
    "dilation pair": ((2, 3, 9, 9), (4, 3, 3, 3), "dilation=(1, 3), padding=[2, 1]"),
    "groups": ((2, 4, 7, 8), (6, 2, 3, 3), "groups=2"),
    "depthwise": ((2, 4, 7, 8), (4, 1, 3, 3), "groups=4, padding=1"),
    "multiplier": ((2, 3, 7, 8), (6, 1, 3, 3), "groups=3, stride=2"),
    "all": ((2, 4, 11, 12), (6, 2, 3, 2), "stride=(2, 3), padding=(2, 1), dilation=(2, 1), groups=2"),
    "wide padding C47": ((2, 3, 4, 4), (4, 3, 2, 2), "padding=5"),
    "one value D57": ((2, 3, 7, 8), (4, 3, 3, 3), "stride=[2], padding=(1,), dilation=(1,)"),
    "valid D76": ((2, 3, 8, 9), (4, 3, 3, 2), "stride=2, padding='valid'"),
    "same D79": ((2, 3, 8, 9), (4, 3, 3, 3), "padding='same'"),
    "same dilated D79": ((2, 3, 8, 9), (4, 3, 3, 5), "padding='same', dilation=2"),
    "unbatched C41": ((3, 7, 8), (4, 3, 3, 3), "padding=1"),
    "H115": ((1, 1, 4, 20), (1, 1, 3, 3), "stride=(1, 10)"),
}


def conv(t, settings):
    return eval(f"lambda x, w, b=None: F.conv2d(x, w, b, {settings})", {"F": t.F, "torch": t.torch})


@pytest.mark.parametrize("name", GEOMETRIES)
class TestValues:
    def test_exact_with_integers_C39_C40(self, name):
        shape, weight, settings = GEOMETRIES[name]
        call = lambda t, x, w, b: conv(t, settings)(x.detach(), w.detach(), b.detach())  # noqa: E731
        for dtype in ("float32", "float64"):
            operands = integers(*shape), integers(*weight, seed=1), integers(weight[0], seed=2)
            compare(torch, call, *operands, dtype=dtype, rtol=0)

    def test_gradients_H104_H109_H110(self, name):
        shape, weight, settings = GEOMETRIES[name]
        call = lambda t, x, w, b: conv(t, settings)(x, w, b)  # noqa: E731
        compare(torch, call, some(*shape), some(*weight, seed=1), some(weight[0], seed=2), double=True)

    @pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
    def test_dtypes_C48_C49(self, name, dtype):
        shape, weight, settings = GEOMETRIES[name]
        call = lambda t, x, w, b: conv(t, settings)(x, w, b)  # noqa: E731
        rtol = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 6e-2}[dtype]
        compare(torch, call, some(*shape), some(*weight, seed=1), some(weight[0]), dtype=dtype, rtol=rtol)

    def test_complex_C51(self, name):
        shape, weight, settings = GEOMETRIES[name]
        if "same" in settings:
            pytest.skip("complex 'same' has its own node in PyTorch")
        call = lambda t, x, w, b: conv(t, settings)(x, w, b)  # noqa: E731
        x, w, b = (some(*each, seed=i, dtype="complex128") for i, each in enumerate((shape, weight, weight[:1])))
        compare(torch, call, x, w, b, double=True, nodes=False)


def test_same_with_an_odd_total_D80():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = (
            as_array(t.F.conv2d(t.torch.tensor(some(2, 3, 6, 7)), t.torch.tensor(some(4, 3, 2, 4)), padding="same"))
            for t in libraries(torch)
        )
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "uint8", "bool"])
def test_integers_C49(dtype):
    x, w = (np.random.default_rng(0).integers(0, 3, shape).astype(dtype) for shape in ((2, 3, 5, 5), (4, 3, 3, 3)))
    compare(torch, lambda t, x, w: t.F.conv2d(x, w, padding=1), x, w)


# Errors -------------------------------------------------------------------------------------------------------------

FUNCTIONAL = {
    "C42": "F.conv2d(torch.zeros(1, 10, 1, 28, 28), w)",
    "C42 rank 2": "F.conv2d(x[0, 0], w)",
    "C44": "F.conv2d(torch.zeros(2, 0, 5, 5), torch.zeros(3, 0, 3, 3))",
    "C45": "F.conv2d(torch.zeros(2, 3, 0, 5), w, padding=1)",
    "C45 covered": "F.conv2d(torch.zeros(2, 3, 0, 5), w, padding=2)",
    "C46": "F.conv2d(torch.zeros(2, 4, 0, 5), w, padding=1)",
    "D57 stride": "F.conv2d(x, w, stride=(1, 1, 1))",
    "D57 padding": "F.conv2d(x, w, padding=(1, 1, 1))",
    "D57 dilation": "F.conv2d(x, w, dilation=(1, 1, 1))",
    "D57 empty": "F.conv2d(x, w, stride=())",
    "D58 None": "F.conv2d(None, w)",
    "D58 weight": "F.conv2d(x, None)",
    "D58 bias": "F.conv2d(x, w, 3)",
    "D58 stride": "F.conv2d(x, w, stride='a')",
    "D58 float": "F.conv2d(x, w, stride=1.5)",
    "D58 nan": "F.conv2d(x, w, padding=float('nan'))",
    "D58 padding": "F.conv2d(x, w, padding=None)",
    "D58 groups": "F.conv2d(x, w, groups=1.0)",
    "D59": "F.conv2d(x, torch.zeros(4, 3, 10, 10))",
    "D59 dilated": "F.conv2d(x, w, dilation=9)",
    "D60": "F.conv2d(x, w, stride=0)",
    "D60 negative": "F.conv2d(x, w, stride=(1, -1))",
    "D61": "F.conv2d(x, w, padding=-1)",
    "D62": "F.conv2d(x, w, dilation=-1)",
    "D64": "F.conv2d(x, w, groups=0)",
    "D64 negative": "F.conv2d(x, w, groups=-1)",
    "D65": "F.conv2d(x, torch.zeros(3, 3))",
    "D66": "F.conv2d(x, torch.zeros(3, 3, 3))",
    "D66 same": "F.conv2d(x, torch.zeros(3, 3, 3), padding='same')",
    "D67": "F.conv2d(x, torch.zeros(2, 2, 1, 3), groups=3)",
    "D68": "F.conv2d(torch.zeros(1, 6, 5, 5), torch.zeros(3, 3, 3, 3), groups=2)",
    "D69": "F.conv2d(torch.zeros(2, 4, 9, 9), torch.zeros(6, 3, 5, 5))",
    "D69 unbatched": "F.conv2d(torch.zeros(4, 9, 9), torch.zeros(6, 3, 5, 5))",
    "D70": "F.conv2d(x, w, torch.zeros(3))",
    "D70 rank": "F.conv2d(x, w, torch.zeros(4, 1))",
    "D71": "F.conv2d(x, w, torch.zeros(4, dtype=torch.float64))",
    "D77": "F.conv2d(x, w, stride=2, padding='same')",
    "D78": "F.conv2d(x, w, stride=(1, 1, 1), padding='same')",
    "D78 dilation": "F.conv2d(x, w, dilation=(1, 1, 1), padding='same')",
    "D81": "F.conv2d(x, w, padding='foo')",
    "order of checks D74": "F.conv2d(torch.zeros(3, 3), w, torch.zeros(3, dtype=torch.float64), stride=0, groups=0)",
    "order of checks D74 b": "F.conv2d(x, torch.zeros(3, 5, 3, 3), torch.zeros(7), stride=0, padding=-1, groups=-2)",
    "order of checks D74 c": "F.conv2d(x, torch.zeros(4, 5, 9, 9), torch.zeros(7), dilation=-1)",
    "order of checks D74 d": "F.conv2d(x, torch.zeros(4, 5, 9, 9), torch.zeros(7))",
    "order of checks D74 e": "F.conv2d(x, torch.zeros(4, 3, 9, 9), torch.zeros(7))",
    "too many": "F.conv2d(x, w, None, 1, 0, 1, 1, 0)",
    "requires grad of integers": "F.conv2d(x.long(), w.long())",
}


@pytest.mark.parametrize("name", FUNCTIONAL)
def test_functional_errors(name):
    def call(t, x, w):
        return eval(FUNCTIONAL[name], {"F": t.F, "torch": t.torch, "x": x.detach(), "w": w.detach()})

    if name == "too many":  # Python's own error in Convlet
        ours = libraries(torch)[1]
        operands = [ours.torch.tensor(some(*shape)) for shape in ((2, 3, 5, 5), (4, 3, 3, 3))]
        with pytest.raises(TypeError):
            call(ours, *operands)
        return
    compare(torch, call, some(2, 3, 5, 5, dtype="float32"), some(4, 3, 3, 3, dtype="float32"), rtol=1e-5)


@pytest.mark.parametrize("pair", [("float32", "float64"), ("float64", "float32"), ("float32", "float16")])
def test_weight_of_another_dtype_D72(pair):
    for t in libraries(torch):
        x, w = (t.torch.zeros(1, 1, 3, 3, dtype=getattr(t.torch, each)) for each in pair)
        with pytest.raises(RuntimeError, match=r"should be the same|expected scalar type"):
            t.F.conv2d(x, w)


def test_dilation_zero_D63():
    for t in libraries(torch):
        with pytest.raises(RuntimeError):
            t.F.conv2d(t.torch.zeros(1, 1, 5, 5), t.torch.zeros(1, 1, 3, 3), dilation=0)


MODULE_ERRORS = {
    "A6": "nn.Conv2d(3, 4, 3, stride=2, padding='same')",
    "A7": "nn.Conv2d(3, 4, 3, groups=0)",
    "A7 negative": "nn.Conv2d(3, 4, 3, groups=-1)",
    "A8": "nn.Conv2d(3, 4, 3, groups=2)",
    "A9": "nn.Conv2d(4, 3, 3, groups=2)",
    "A11 groups first": "nn.Conv2d(3, 4, 3, stride=2, padding='foo', groups=0, padding_mode='xyz')",
    "A11 in before out": "nn.Conv2d(3, 3, 3, padding='foo', groups=2)",
    "A11 same before mode": "nn.Conv2d(3, 4, 3, stride=2, padding='same', padding_mode='xyz')",
    "A12": "[nn.Conv2d(3, 4, (3, 3, 3)), nn.Conv2d(3, 4, 3, stride=0), nn.Conv2d(3, 4, 3, padding=-1)] and None",
    "A12 stride forward": "nn.Conv2d(3, 4, 3, stride=0)(x)",
    "A12 padding forward": "nn.Conv2d(3, 4, 3, padding=-1)(x)",
    "A12 lengths forward": "nn.Conv2d(3, 4, 3, stride=(1, 1, 1))(x)",
    "C55": "nn.Conv2d(3, 4, 3)(None)",
    "C69": "nn.Conv2d(4, 4, 3)(x)",
    "C42": "nn.Conv2d(3, 4, 3)(x[0, 0])",
    "B36": "nn.Conv2d(3, 4, 3).to(torch.int64)",
    "E84": "nn.Conv2d(3, 4, 3, padding=5, padding_mode='reflect')(x)",
    "E84 unbatched": "nn.Conv2d(3, 4, 3, padding=5, padding_mode='reflect')(x[0])",
    "E85": "nn.Conv2d(3, 4, 3, padding=6, padding_mode='circular')(x)",
    "E86": "nn.Conv2d(3, 4, 3, padding=1, padding_mode='reflect')(torch.zeros(1, 3, 0, 5))",
    "E86 replicate": "nn.Conv2d(3, 4, 3, padding=1, padding_mode='replicate')(torch.zeros(1, 3, 0, 5))",
}


@pytest.mark.parametrize("name", MODULE_ERRORS)
def test_module_errors(name):
    def call(t, x):
        return eval(MODULE_ERRORS[name], {"nn": t.nn, "torch": t.torch, "x": x.detach()})

    compare(torch, call, some(2, 3, 5, 5, dtype="float32"))


@pytest.mark.parametrize(("source", "pattern"), [
    ("Conv2d(3, 4, 3, padding='foo')", r"Invalid padding string 'foo', should be one of {'(same|valid)', '"),
    ("Conv2d(3, 4, 3, padding='SAME')", r"Invalid padding string 'SAME', should be one of {'(same|valid)', '"),
    ("Conv2d(3, 4, 3, padding_mode='xyz')", r"padding_mode must be one of {.*}, but got padding_mode='xyz'"),
    ("Conv2d(3, 4, 3, padding_mode=3)", r"padding_mode must be one of {.*}, but got padding_mode='3'"),
], ids=["A5", "A4", "A10", "A10 number"])  # fmt: skip
def test_sets_print_in_any_order(source, pattern):
    for t in libraries(torch):
        with pytest.raises(ValueError, match=pattern) as caught:
            eval(f"nn.{source}", {"nn": t.nn})
        modes = re.search(r"{(.*?)}", str(caught.value))[1].split(", ")
        if "padding_mode" in source:
            assert sorted(modes) == ["'circular'", "'reflect'", "'replicate'", "'zeros'"]


# Construction, attributes, state --------------------------------------------------------------------------------------

CONSTRUCTIONS = [
    "3, 8, 3", "3, 8, 3, 2", "3, 8, (3, 5), stride=(2, 1), padding=(4, 2), dilation=(3, 1)",
    "4, 8, 3, groups=2, bias=False",
    "3, 8, 3, padding=1, padding_mode='circular'", "3, 8, 3, padding='same'", "3, 8, 3, padding='valid'",
    "3, 8, [3, 2], stride=[1, 2], padding=[1, 0]", "3, 8, range(2, 4)", "3, 8, 4, padding='same', dilation=(1, 2)",
    "in_channels=3, out_channels=8, kernel_size=1, bias=False, padding_mode='reflect', padding=(0, 0)",
    "3, 8, 3, 1, 1, 1, 1, True, 'replicate'", "4, 4, 3, dilation=2, groups=4, padding=2",
]  # fmt: skip


@pytest.mark.parametrize("source", CONSTRUCTIONS)
def test_attributes_A1_to_A21_and_repr_B23_to_B26(source):
    theirs, ours = (eval(f"nn.Conv2d({source})", {"nn": t.nn}) for t in libraries(torch))
    assert repr(ours) == repr(theirs)
    assert ours.__constants__ == theirs.__constants__
    names = [*theirs.__constants__, "transposed", "_reversed_padding_repeated_twice"]
    for name in names:
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert (mine, type(mine)) == (other, type(other)), name
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert (ours.bias is None) == (theirs.bias is None)
    for name, parameter in theirs.named_parameters():
        mine = getattr(ours, name)
        assert tuple(mine.shape) == tuple(parameter.shape)
        assert mine.requires_grad
        assert type(mine).__name__ == "Parameter"


@pytest.mark.parametrize("source", CONSTRUCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_seed_gives_the_same_weights_B27_to_B30(source, dtype):
    layers = []
    for t in libraries(torch):
        t.torch.manual_seed(5)
        layers.append(eval(f"nn.Conv2d({source}, dtype=dtype)", {"nn": t.nn, "dtype": getattr(t.torch, dtype)}))
        layers[-1].reset_parameters()
    for name, theirs in layers[0].named_parameters():
        np.testing.assert_array_equal(as_array(getattr(layers[1], name)), as_array(theirs))


def test_a_channels_last_weight_draws_in_contiguous_order_B30():
    weights = []
    for t in libraries(torch):
        layer = t.nn.Conv2d(3, 4, 3).to(memory_format=t.torch.channels_last)
        assert layer.weight.is_contiguous(memory_format=t.torch.channels_last)  # B35
        t.torch.manual_seed(5)
        layer.reset_parameters()
        weights.append(as_array(layer.weight))
        assert layer.weight.is_contiguous(memory_format=t.torch.channels_last)
    np.testing.assert_array_equal(weights[1], weights[0])


def test_meta_A16():
    for t in libraries(torch):
        layer = t.nn.Conv2d(3, 4, 3, device="meta")
        assert layer.weight.device.type == "meta"
        result = layer(t.torch.empty(2, 3, 9, 9, device="meta"))
        assert tuple(result.shape) == (2, 4, 7, 7)
        assert result.device.type == "meta"


def test_no_input_channels_A17_C44():
    for t in libraries(torch):
        with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
            layer = t.nn.Conv2d(0, 4, 3)
        assert tuple(layer.weight.shape) == (4, 0, 3, 3)
        x = t.torch.zeros(2, 0, 5, 5, requires_grad=True)
        y = layer(x)
        assert tuple(y.shape) == (2, 0, 3, 3)
        y.sum().backward()
        assert layer.weight.grad.shape == layer.weight.shape


def test_an_old_state_without_padding_mode_A22():
    for t in libraries(torch):
        layer = t.nn.Conv2d(3, 4, 3)
        state = {name: value for name, value in layer.__dict__.items() if name != "padding_mode"}
        other = t.nn.Conv2d.__new__(t.nn.Conv2d)
        other.__setstate__(copy.copy(state))
        assert other.padding_mode == "zeros"


def test_state_dict_B31_to_B34():
    def strict(t, x):
        t.nn.Conv2d(3, 4, 3).load_state_dict({"weight": t.torch.zeros(4, 3, 3, 3), "more": t.torch.zeros(1)})

    def size(t, x):
        state = {"weight": t.torch.zeros(4, 3, 3, 2), "bias": t.torch.zeros(4)}
        t.nn.Conv2d(3, 4, 3).load_state_dict(state, strict=False)

    compare(torch, strict, some(1))
    compare(torch, size, some(1))
    for t in libraries(torch):
        source = t.nn.Conv2d(3, 4, 3).to(memory_format=t.torch.channels_last)
        target = t.nn.Conv2d(3, 4, 3)
        target.load_state_dict(source.state_dict())
        assert t.torch.equal(target.weight, source.weight)
        target.to(memory_format=t.torch.contiguous_format)
        assert target.weight.is_contiguous()


def test_complex_module_B37():
    def call(t, x):
        layer = t.nn.Conv2d(3, 4, 3)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            layer = layer.to(t.torch.complex64)
        assert any("Complex modules are a new feature" in str(each.message) for each in caught)
        assert str(layer.weight.dtype) == "torch.complex64"
        return layer(x.to(t.torch.complex64)).shape[1]

    compare(torch, call, some(2, 3, 5, 5))


def test_changed_parameters_take_effect_B38():
    def call(t, x, w):
        layer = t.nn.Conv2d(3, 4, 3, bias=False).double()
        results = []
        layer.weight = t.nn.Parameter(w.detach().clone())
        results.append(layer(x))
        layer.weight = t.nn.Parameter(w.detach().transpose(2, 3))  # not contiguous
        results.append(layer(x))
        layer.weight.data.mul_(2)
        results.append(layer(x))
        layer.weight.data = w.detach() + 1
        results.append(layer(x))
        with t.torch.no_grad():
            layer.weight[0, 0, 0, 0] = 7
            results.append(layer(x))
        return [each.detach() for each in results]

    compare(torch, call, some(2, 3, 5, 5), some(4, 3, 3, 3))


# Padding modes ------------------------------------------------------------------------------------------------------

MODES = ["zeros", "reflect", "replicate", "circular"]


@pytest.mark.parametrize("padding", ["1", "(2, 1)", "(0, 2)", "'same'", "'valid'"])
@pytest.mark.parametrize("mode", MODES)
def test_padding_modes_E83(mode, padding):
    def call(t, x, w, b):
        layer = eval(f"nn.Conv2d(3, 4, (3, 5), padding={padding}, padding_mode={mode!r})", {"nn": t.nn}).double()
        layer.weight, layer.bias = t.nn.Parameter(w.detach()), t.nn.Parameter(b.detach())
        y = layer(x)
        gradients = t.torch.autograd.grad(y.cos().sum(), [layer.weight, layer.bias], retain_graph=True)
        return y, gradients

    compare(torch, call, some(2, 3, 6, 7), some(4, 3, 3, 5), some(4), double=True)
    compare(torch, call, some(3, 6, 7), some(4, 3, 3, 5), some(4))  # E87
    compare(torch, call, some(0, 3, 6, 7), some(4, 3, 3, 5), some(4))  # E86


@pytest.mark.parametrize("mode", MODES)
def test_documented_size_E89(mode):
    for t in libraries(torch):
        layer = t.nn.Conv2d(2, 3, 3, stride=2, padding=(1, 2), padding_mode=mode)
        assert tuple(layer(t.torch.zeros(2, 2, 4, 4)).shape) == (2, 3, 2, 3)


@pytest.mark.parametrize(("mode", "padding"), [("replicate", 7), ("circular", 4), ("reflect", 3)])
def test_limits_of_the_modes_E85(mode, padding):
    def call(t, x, w):
        layer = t.nn.Conv2d(1, 1, 3, padding=padding, padding_mode=mode, bias=False).double()
        layer.weight = t.nn.Parameter(w.detach())
        return layer(x)

    compare(torch, call, some(1, 1, 4, 4), some(1, 1, 3, 3))


# Layout and strides -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@pytest.mark.parametrize("which", ["input", "weight", "both", "neither"])
def test_memory_format_G99_to_G103(which, dtype):
    results = []
    for t in libraries(torch):
        x = t.torch.tensor(some(2, 3, 6, 7)).to(getattr(t.torch, dtype))
        w = t.torch.tensor(some(4, 3, 3, 3)).to(getattr(t.torch, dtype))
        last = t.torch.channels_last
        if which in ("input", "both"):
            x = x.to(memory_format=last)
        if which in ("weight", "both"):
            w = w.to(memory_format=last)
        x.requires_grad_(True)
        w.requires_grad_(True)
        strides = w.stride()
        y = t.F.conv2d(x, w)
        assert y.is_contiguous(memory_format=last) == (which != "neither")
        assert y.is_contiguous() == (which == "neither")
        assert w.stride() == strides  # G101
        y.cos().sum().backward()
        results.append([as_array(each) for each in (y, x.grad, w.grad)])
    rtol = {"float32": 1e-5, "float64": 1e-9, "bfloat16": 6e-2, "float16": 1e-2}[dtype]
    for theirs, ours in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol)


def test_operands_of_any_strides_C52():
    def call(t, x, w, b):
        views = [
            (x.transpose(2, 3), w, b),
            (x, w.transpose(2, 3), b),
            (x[:, :, ::2, 1:], w, b),
            (x[:1].expand(4, 3, 7, 8), w, b),
            (x, w[:1].expand(4, 3, 3, 3), b[:1].expand(4)),
            (x.flip(3), w.permute(0, 1, 3, 2), b),
        ]
        return [t.F.conv2d(*each) for each in views]

    compare(torch, call, some(2, 3, 7, 8), some(4, 3, 3, 3), some(4))


def test_expanded_gradient_H108():
    compare(torch, lambda t, x, w: t.F.conv2d(x, w).sum(), some(2, 3, 7, 8), some(4, 3, 3, 3), double=True)
    compare(torch, lambda t, x, w: t.F.conv2d(x, w).transpose(1, 2), some(2, 3, 7, 8), some(4, 3, 3, 3))


# Autograd -------------------------------------------------------------------------------------------------------------


def test_empty_batch_C43():
    compare(torch, lambda t, x, w, b: t.F.conv2d(x, w, b, 2, 1), some(0, 3, 6, 6), some(4, 3, 3, 3), some(4))


def test_only_wanted_gradients_H104():
    for t in libraries(torch):
        for wanted in range(1, 8):
            operands = [t.torch.tensor(some(*s)) for s in ((2, 3, 5, 5), (4, 3, 3, 3), (4,))]
            for index, each in enumerate(operands):
                each.requires_grad_(bool(wanted >> index & 1))
            t.F.conv2d(*operands).sum().backward()
            assert [each.grad is not None for each in operands] == [bool(wanted >> i & 1) for i in range(3)]


@pytest.mark.parametrize("name", ["H105", "H106", "H107", "H112"])
def test_autograd_errors(name):
    def call(t, x, w):
        if name == "H105":
            y = t.F.conv2d(x, w).sum()
            y.backward()
            y.backward()
        elif name == "H106":
            t.F.conv2d(x, w).backward()
        elif name == "H107":
            t.F.conv2d(x.detach(), w.detach()).sum().backward()
        else:
            x += 1

    compare(torch, call, some(2, 3, 5, 5), some(4, 3, 3, 3))


def test_no_grad_gives_the_same_C53():
    for t in libraries(torch):
        x, layer = t.torch.tensor(some(2, 3, 5, 5, dtype="float32")), t.nn.Conv2d(3, 4, 3)
        with t.torch.no_grad():
            y = layer(x)
        assert not y.requires_grad
        np.testing.assert_array_equal(as_array(y), as_array(layer(x)))


def test_groups_are_separate_convolutions_C54():
    for t in libraries(torch):
        x, w = t.torch.tensor(integers(2, 4, 5, 5)), t.torch.tensor(integers(6, 2, 3, 3))
        whole = t.F.conv2d(x, w, groups=2)
        parts = [t.F.conv2d(x[:, i * 2 : i * 2 + 2], w[i * 3 : i * 3 + 3]) for i in range(2)]
        assert t.torch.equal(whole, t.torch.cat(parts, 1))


@pytest.mark.parametrize("name", [each for each in GEOMETRIES if "same" not in each and "C41" not in each])
def test_nn_grad_H111(name):
    shape, weight, settings = GEOMETRIES[name]

    def call(t, x, w):
        y = conv(t, settings)(x, w)
        g = t.torch.tensor(some(*y.shape, seed=9))
        scope = {"nn": t.nn, "x": x.detach(), "w": w.detach(), "g": g, "shape": shape, "weight": weight}
        if "valid" in settings:
            return y
        by_input = eval(f"nn.grad.conv2d_input(shape, w, g, {settings})", scope)
        by_weight = eval(f"nn.grad.conv2d_weight(x, weight, g, {settings})", scope)
        return by_input, by_weight

    compare(torch, call, some(*shape), some(*weight, seed=1))


def test_gradcheck_H113_H115():
    convlet = libraries(torch)[1]
    for dtype in ("float64", "complex128"):
        x, w = (
            convlet.torch.tensor(some(*s, dtype=dtype), requires_grad=True) for s in ((1, 1, 4, 20), (1, 1, 3, 3))
        )
        assert convlet.torch.autograd.gradcheck(lambda x, w: convlet.F.conv2d(x, w, stride=(1, 10)), (x, w))
