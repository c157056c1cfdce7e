"""Modules and containers behave as PyTorch's: registration, errors, reprs, state, hooks."""

import copy
import re
import warnings
from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import convlet  # noqa: E402

pytestmark = pytest.mark.parity
BOTH = (convlet, torch)


def net(m):
    """A module with all kinds of members."""

    class Block(m.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = m.nn.Conv2d(2, 3, 3)
            self.norm = m.nn.BatchNorm2d(3)
            self.shift = m.nn.Parameter(m.ones(3))
            self.missing = None
            self.register_parameter("nothing", None)
            self.register_buffer("scale", m.ones(2))
            self.register_buffer("scratch", m.ones(1), persistent=False)

        def forward(self, x):
            return self.norm(self.conv(x))

    class Net(m.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = Block()
            self.layers = m.nn.ModuleList([m.nn.Linear(2, 2), m.nn.Linear(2, 2), m.nn.ReLU()])
            self.second = Block()
            self.tied = self.second
            self.head = m.nn.Sequential(OrderedDict(fc=m.nn.Linear(3, 1), act=m.nn.Sigmoid()))

        def extra_repr(self):
            return "one=1,\ntwo=2"

    m.manual_seed(0)
    return Net()


def plain(value):
    """A value of either library as one that can be compared."""
    if isinstance(value, BOTH[0].Tensor):
        return ("tensor", str(value.dtype), value.requires_grad, value.detach().numpy().tolist())
    if isinstance(value, torch.Tensor):
        return ("tensor", str(value.dtype), value.requires_grad, value.detach().tolist())
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (str, int, float, type(None))):
        return value
    if hasattr(value, "__iter__") and not hasattr(value, "forward"):
        return [plain(each) for each in value]
    return repr(value)


def text(error):
    """An error's text with the libraries' different module paths left out."""
    return re.sub(r"(torch|convlet)(\.\w+)*\.(?=[A-Z])", "", str(error))


def outcome(call, m):
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        try:
            result = plain(call(m))
        except Exception as error:
            result = (type(error).__name__, text(error))
    return result, [(each.category, str(each.message)) for each in record]


def assert_same(call):
    (ours, warned), (reference, expected) = (outcome(call, m) for m in BOTH)
    assert alike(ours, reference), f"{ours}\n{reference}"
    assert warned == expected


def alike(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return a == pytest.approx(b, rel=1e-5, abs=1e-6, nan_ok=True)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(alike, a, b))
    return a == b


WALKS = {
    "repr": lambda m: repr(net(m)),
    "parameters": lambda m: list(net(m).parameters()),
    "named_parameters": lambda m: [name for name, _ in net(m).named_parameters()],
    "with duplicates": lambda m: [name for name, _ in net(m).named_parameters(remove_duplicate=False)],
    "prefix": lambda m: [name for name, _ in net(m).named_parameters(prefix="model")],
    "own": lambda m: [name for name, _ in net(m).first.named_parameters(recurse=False)],
    "buffers": lambda m: list(net(m).buffers()),
    "named_buffers": lambda m: [name for name, _ in net(m).named_buffers()],
    "children": lambda m: [type(each).__name__ for each in net(m).children()],
    "named_children": lambda m: [name for name, _ in net(m).named_children()],
    "modules": lambda m: [type(each).__name__ for each in net(m).modules()],
    "named_modules": lambda m: [name for name, _ in net(m).named_modules()],
    "all modules": lambda m: [name for name, _ in net(m).named_modules(prefix="x", remove_duplicate=False)],
    "state_dict": lambda m: list(net(m).state_dict().items()),
    "state_dict prefix": lambda m: list(net(m).state_dict(prefix="p.", keep_vars=True).items()),
    "state_dict positional": lambda m: list(net(m).first.state_dict(OrderedDict(), "p.").keys()),
    "metadata": lambda m: dict(net(m).state_dict()._metadata),
    "dir": lambda m: [each for each in dir(net(m).first) if each in ("conv", "shift", "scale", "nothing", "training")],
    "digits in dir": lambda m: [each for each in dir(net(m).layers) if each[0].isdigit()],
    "submodule": lambda m: net(m).get_submodule("head.fc"),
    "self": lambda m: type(net(m).get_submodule("")).__name__,
    "get_parameter": lambda m: net(m).get_parameter("first.conv.bias"),
    "get_buffer": lambda m: net(m).get_buffer("first.scale"),
    "apply": lambda m: (lambda seen: (net(m).apply(lambda each: seen.append(type(each).__name__)), seen)[1])([]),
    "train": lambda m: [each.training for each in net(m).eval().train().eval().modules()],
    "requires_grad_": lambda m: [p.requires_grad for p in net(m).requires_grad_(False).parameters()],
    "double": lambda m: list(net(m).double().state_dict().values()),
    "half": lambda m: [str(each.dtype) for each in net(m).half().state_dict().values()],
    "bfloat16": lambda m: [str(each.dtype) for each in net(m).bfloat16().state_dict().values()],
    "type": lambda m: [str(each.dtype) for each in net(m).type(m.float64).state_dict().values()],
    "to dtype": lambda m: [str(each.dtype) for each in net(m).to(m.float16).state_dict().values()],
    "to keyword": lambda m: [str(each.dtype) for each in net(m).to(dtype=m.double).state_dict().values()],
    "to tensor": lambda m: [str(each.dtype) for each in net(m).to(m.ones(1, dtype=m.float64)).state_dict().values()],
    "to complex": lambda m: [str(each.dtype) for each in net(m).to(m.complex64).state_dict().values()],
    "to cpu": lambda m: list(net(m).to("cpu").cpu().state_dict().values()),
    "to meta": lambda m: [each.is_meta for each in net(m).to("meta").state_dict().values()],
    "from meta": lambda m: net(m).to("meta").to("cpu"),
    "to_empty": lambda m: [each.shape for each in net(m).to("meta").to_empty(device="cpu").parameters()],
    "channels_last": lambda m: [
        each.is_contiguous(memory_format=m.channels_last)
        for each in net(m).to(memory_format=m.channels_last).parameters() if each.dim() == 4
    ],
    "to int": lambda m: net(m).to(m.int32),
    "to bool": lambda m: net(m).to(dtype=m.bool),
    "train text": lambda m: net(m).train("yes"),
    "no forward": lambda m: m.nn.Module()(1),
    "many arguments": lambda m: m.nn.Linear(1, 1)(1, 2, 3),
    "extra arguments": lambda m: m.nn.Module(3),
    "keyword arguments": lambda m: m.nn.Module(a=3),
}  # fmt: skip


@pytest.mark.parametrize("name", WALKS)
def test_walking_and_converting(name):
    assert_same(WALKS[name])


def uninitialised(m, value):
    class Broken(m.nn.Module):
        def __init__(self):
            self.x = value()

    return Broken()


ERRORS = {
    "parameter = tensor": lambda m: setattr(net(m).first, "shift", m.ones(3)),
    "parameter = number": lambda m: setattr(net(m).first, "shift", 3),
    "module = tensor": lambda m: setattr(net(m), "first", m.ones(3)),
    "module = text": lambda m: setattr(net(m), "first", "x"),
    "buffer = number": lambda m: setattr(net(m).first, "scale", 3),
    "before init: module": lambda m: uninitialised(m, lambda: m.nn.Linear(1, 1)),
    "before init: parameter": lambda m: uninitialised(m, lambda: m.nn.Parameter(m.ones(1))),
    "before init: buffer": lambda m: uninitialised(m, lambda: m.nn.Buffer(m.ones(1))),
    "no attribute": lambda m: net(m).nope,
    "del": lambda m: delattr(net(m), "nope"),
    "register_buffer dot": lambda m: net(m).register_buffer("a.b", None),
    "register_buffer empty": lambda m: net(m).register_buffer("", None),
    "register_buffer taken": lambda m: net(m).register_buffer("forward", None),
    "register_buffer number": lambda m: net(m).register_buffer("b", 3),
    "register_buffer name": lambda m: net(m).register_buffer(3, None),
    "register_parameter dot": lambda m: net(m).register_parameter("a.b", None),
    "register_parameter empty": lambda m: net(m).register_parameter("", None),
    "register_parameter taken": lambda m: net(m).register_parameter("first", None),
    "register_parameter tensor": lambda m: net(m).register_parameter("p", m.ones(2)),
    "register_parameter name": lambda m: net(m).register_parameter(None, None),
    "add_module dot": lambda m: net(m).add_module("a.b", None),
    "add_module empty": lambda m: net(m).add_module("", None),
    "add_module taken": lambda m: net(m).add_module("forward", None),
    "add_module number": lambda m: net(m).add_module("b", 3),
    "add_module tensor": lambda m: net(m).add_module("b", m.ones(2)),
    "add_module name": lambda m: net(m).add_module(3, None),
    "get_submodule": lambda m: net(m).get_submodule("first.nope"),
    "get_submodule parameter": lambda m: net(m).get_submodule("first.shift"),
    "get_parameter": lambda m: net(m).get_parameter("first.nope"),
    "get_parameter module": lambda m: net(m).get_parameter("first.conv"),
    "get_buffer": lambda m: net(m).get_buffer("nope"),
    "get_buffer parameter": lambda m: net(m).get_buffer("first.shift"),
    "set_submodule": lambda m: net(m).set_submodule("", m.nn.ReLU()),
    "set_submodule parameter": lambda m: net(m).set_submodule("first.shift", m.nn.ReLU()),
    "parameter of integers": lambda m: m.nn.Parameter(m.ones(2, dtype=m.int64)),
    "parameter of a list": lambda m: m.nn.Parameter([1.0]),
    "load a number": lambda m: net(m).load_state_dict(3),
    "load nothing": lambda m: net(m).head.load_state_dict({}),
    "load other": lambda m: net(m).head.load_state_dict({"fc.weight": m.ones(2), "x": 1, "y.z": m.ones(1)}),
    "load wrong type": lambda m: net(m).head.load_state_dict({"fc.weight": 3, "fc.bias": m.ones(1)}),
    "load wrong shape": lambda m: net(m).load_state_dict({"head.fc.bias": m.ones(3, 1)}, strict=False),
    "load other strictly not": lambda m: net(m).head.load_state_dict({"fc.bias": m.ones(1), "x": 1}, strict=False),
    "load all": lambda m: net(m).load_state_dict(net(m).state_dict()),
    "load scalars": lambda m: (lambda n: (n.load_state_dict({"num_batches_tracked": m.ones(1)}, strict=False), n)[1])(
        m.nn.BatchNorm2d(1)
    ).state_dict(),
    "index": lambda m: net(m).layers[3],
    "index negative": lambda m: net(m).layers[-4],
    "index text": lambda m: net(m).layers["x"],
    "sequential + number": lambda m: net(m).head + 3,
    "sequential += number": lambda m: net(m).head.__iadd__(3),
    "sequential * 0": lambda m: net(m).head * 0,
    "sequential * float": lambda m: net(m).head * 1.5,
    "sequential insert": lambda m: net(m).head.insert(9, m.nn.ReLU()),
    "sequential insert number": lambda m: net(m).head.insert(0, 3),
    "sequential append number": lambda m: net(m).head.append(3),
    "sequential of numbers": lambda m: m.nn.Sequential(3),
    "sequential pop": lambda m: net(m).head.pop(7),
    "list extend": lambda m: net(m).layers.extend(3),
    "list of numbers": lambda m: m.nn.ModuleList([3]),
    "list call": lambda m: net(m).layers(3),
    "dict of number": lambda m: m.nn.ModuleDict(3),
    "dict of numbers": lambda m: m.nn.ModuleDict([1]),
    "dict of singles": lambda m: m.nn.ModuleDict([(1,)]),
    "dict taken": lambda m: m.nn.ModuleDict({"keys": m.nn.ReLU()}),
    "dict key": lambda m: m.nn.ModuleDict({1: m.nn.ReLU()}),
    "dict missing": lambda m: m.nn.ModuleDict()["a"],
    "parameter list call": lambda m: m.nn.ParameterList()(3),
    "parameter list extend": lambda m: m.nn.ParameterList(3),
    "parameter list of tensor": lambda m: m.nn.ParameterList(m.ones(2, 2)),
    "parameter list index": lambda m: m.nn.ParameterList([1])[1],
    "parameter dict key": lambda m: m.nn.ParameterDict({1: 2}),
    "parameter dict call": lambda m: m.nn.ParameterDict()(3),
    "parameter dict of number": lambda m: m.nn.ParameterDict(3),
    "mixed hooks": lambda m: (lambda n: (n.register_full_backward_hook(print), n.register_backward_hook(print)))(
        m.nn.ReLU()
    ),
    "pre hook": lambda m: (lambda n: (n.register_forward_pre_hook(lambda *a: 3, with_kwargs=True), n(m.ones(1))))(
        m.nn.ReLU()
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    assert_same(ERRORS[name])


def changed(module, *changes):
    for change in changes:
        change(module)
    return [repr(module), list(module.state_dict())]


def linears(m, count=3):
    return [m.nn.Linear(i + 1, 1) for i in range(count)]


CONTAINERS = {
    "slice": lambda m: m.nn.Sequential(*linears(m))[1:],
    "slice names": lambda m: list(m.nn.Sequential(OrderedDict(a=m.nn.ReLU(), b=m.nn.Tanh()))[1:].state_dict()),
    "slice of names": lambda m: m.nn.Sequential(OrderedDict(a=m.nn.ReLU(), b=m.nn.Tanh()))[:1],
    "negative": lambda m: m.nn.Sequential(*linears(m))[-1],
    "del": lambda m: changed(m.nn.Sequential(*linears(m)), lambda s: s.__delitem__(1)),
    "del slice": lambda m: changed(m.nn.Sequential(*linears(m)), lambda s: s.__delitem__(slice(0, 2))),
    "set": lambda m: changed(m.nn.Sequential(*linears(m)), lambda s: s.__setitem__(-1, m.nn.ReLU())),
    "insert": lambda m: changed(m.nn.Sequential(*linears(m)), lambda s: s.insert(1, m.nn.ReLU())),
    "insert last": lambda m: changed(m.nn.Sequential(*linears(m)), lambda s: s.insert(3, m.nn.ReLU())),
    "insert negative": lambda m: changed(m.nn.Sequential(*linears(m)), lambda s: s.insert(-1, m.nn.ReLU())),
    "append": lambda m: changed(m.nn.Sequential(*linears(m)), lambda s: s.append(m.nn.ReLU()).append(m.nn.Tanh())),
    "extend": lambda m: changed(m.nn.Sequential(*linears(m)), lambda s: s.extend(linears(m))),
    "pop": lambda m: changed(m.nn.Sequential(*linears(m)), lambda s: s.pop(0)),
    "add": lambda m: m.nn.Sequential(*linears(m)) + m.nn.Sequential(m.nn.ReLU()),
    "iadd": lambda m: m.nn.Sequential(*linears(m)).__iadd__(m.nn.Sequential(m.nn.ReLU())),
    "mul": lambda m: m.nn.Sequential(*linears(m, 1)) * 3,
    "rmul": lambda m: 2 * m.nn.Sequential(*linears(m, 2)),
    "imul": lambda m: m.nn.Sequential(*linears(m, 2)).__imul__(2),
    "len": lambda m: [len(m.nn.Sequential(*linears(m))), len(m.nn.ModuleList()), len(m.nn.ModuleDict())],
    "list": lambda m: m.nn.ModuleList(linears(m)),
    "list repr": lambda m: m.nn.ModuleList(
        [m.nn.ReLU(), m.nn.ReLU(), m.nn.Sequential(m.nn.ReLU(), m.nn.Tanh()), m.nn.Sequential(m.nn.ReLU(), m.nn.Tanh()),
         m.nn.Tanh(), m.nn.ModuleList(), m.nn.ModuleList([m.nn.ModuleList([m.nn.ReLU()])])]
    ),
    "list slice": lambda m: m.nn.ModuleList(linears(m))[::2],
    "list set": lambda m: changed(m.nn.ModuleList(linears(m)), lambda s: s.__setitem__(1, m.nn.ReLU())),
    "list del": lambda m: changed(m.nn.ModuleList(linears(m)), lambda s: s.__delitem__(-1)),
    "list del slice": lambda m: changed(m.nn.ModuleList(linears(m)), lambda s: s.__delitem__(slice(1, None))),
    "list insert": lambda m: changed(m.nn.ModuleList(linears(m)), lambda s: s.insert(0, m.nn.ReLU())),
    "list append": lambda m: changed(m.nn.ModuleList(linears(m)), lambda s: s.append(m.nn.ReLU())),
    "list pop": lambda m: changed(m.nn.ModuleList(linears(m)), lambda s: s.pop(1)),
    "list add": lambda m: m.nn.ModuleList(linears(m)).__add__([m.nn.ReLU()]),
    "list iadd": lambda m: m.nn.ModuleList(linears(m)).__iadd__([m.nn.ReLU()]),
    "list in": lambda m: (lambda a: a in m.nn.ModuleList([a]))(m.nn.ReLU()),
    "copied parameter dict": lambda m: [
        list(m.nn.ParameterDict([("b", m.ones(1)), ("a", m.ones(1))]).copy()),
        list(m.nn.ParameterDict.fromkeys(m.nn.ParameterDict(), ["b", "a"], 1)),
        list(m.nn.ParameterDict(OrderedDict(b=1, a=2))),
        list(m.nn.ParameterDict([("b", 1)]) | m.nn.ParameterDict([("a", 1)])),
    ],
    "dict": lambda m: m.nn.ModuleDict({"b": m.nn.ReLU(), "a": m.nn.Linear(1, 1)}),
    "dict pairs": lambda m: list(m.nn.ModuleDict([["b", m.nn.ReLU()], ("a", m.nn.Tanh())]).items()),
    "dict copy": lambda m: list(m.nn.ModuleDict(m.nn.ModuleDict({"z": m.nn.ReLU(), "a": m.nn.Tanh()})).keys()),
    "dict methods": lambda m: (
        lambda d: [d.pop("b"), "a" in d, len(d), list(d), list(d.values()), d.update({"c": m.nn.ReLU()}), repr(d),
                   d.clear(), repr(d)]
    )(m.nn.ModuleDict({"b": m.nn.ReLU(), "a": m.nn.Tanh()})),
    "parameter list": lambda m: m.nn.ParameterList([m.ones(2, 3), m.nn.Parameter(m.ones(1)), 3, "x", m.ones(())]),
    "parameter list of one": lambda m: m.nn.ParameterList([m.ones(2)]),
    "parameter list methods": lambda m: (
        lambda p: [list(p), p[1:], p[-1], len(p.append(m.ones(1))), len(p.extend([m.zeros(1)])), list(p.parameters()),
                   list(p.state_dict()), list(p[0:2])]
    )(m.nn.ParameterList([m.ones(1), m.zeros(2), m.ones(1)])),
    "parameter list set": lambda m: (lambda p: [p.__setitem__(0, m.zeros(2)), list(p)])(
        m.nn.ParameterList([m.ones(1)])
    ),
    "parameter dict": lambda m: m.nn.ParameterDict({"b": m.ones(2, 3), "a": 3, "c": m.ones(())}),
    "parameter dict methods": lambda m: (
        lambda p: [
            list(p), p["b"], p.get("q"), p.setdefault("z", m.ones(1)), "z" in p, len(p), p.pop("a"), list(p.keys()),
            list(p.values()), [key for key, _ in p.items()], p.copy(), p.popitem()[0], list(reversed(p)),
            p | m.nn.ParameterDict({"n": m.ones(1)}), p.update([("w", m.zeros(1))]), p, list(p.state_dict()),
            p.clear(), p, p.fromkeys(["u"], 1),
        ]
    )(m.nn.ParameterDict({"b": m.ones(2), "a": m.zeros(1)})),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers(name):
    assert_same(CONTAINERS[name])


def hooked(m, register, calls=1, **inputs):
    """What a hook on the first of two linear layers sees and does, and the gradients that result."""
    m.manual_seed(1)
    layer = m.nn.Linear(2, 2)
    model = m.nn.Sequential(layer, m.nn.Tanh())
    seen = []
    register(layer, seen)
    x = m.arange(4.0).reshape(2, 2).requires_grad_(inputs.get("requires_grad", True))
    for _ in range(calls):
        model(x).sum().backward()
    return [rounded(seen), rounded(x.grad), rounded([p.grad for p in model.parameters()])]


def rounded(value):
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in value]
    if value is None or isinstance(value, (str, int, dict)):
        return value
    if hasattr(value, "forward"):
        return type(value).__name__
    return value.detach().tolist()


def note(seen, *values):
    seen.append(values)


HOOKS = {
    "forward": lambda m: hooked(m, lambda layer, seen: layer.register_forward_hook(lambda *a: note(seen, *a))),
    "forward replaces": lambda m: hooked(m, lambda layer, seen: layer.register_forward_hook(lambda *a: a[2] * 3)),
    "forward kwargs": lambda m: hooked(
        m, lambda layer, seen: layer.register_forward_hook(lambda *a: note(seen, *a), with_kwargs=True)
    ),
    "pre": lambda m: hooked(m, lambda layer, seen: layer.register_forward_pre_hook(lambda *a: note(seen, *a))),
    "pre replaces": lambda m: hooked(m, lambda layer, seen: layer.register_forward_pre_hook(lambda _, a: a[0] * 2)),
    "pre replaces tuple": lambda m: hooked(
        m, lambda layer, seen: layer.register_forward_pre_hook(lambda _, a: (a[0] * 2,))
    ),
    "pre kwargs": lambda m: hooked(
        m, lambda layer, seen: layer.register_forward_pre_hook(lambda _, a, k: (a, k), with_kwargs=True)
    ),
    "order": lambda m: hooked(
        m,
        lambda layer, seen: [
            layer.register_forward_hook(lambda *a: note(seen, "first")),
            layer.register_forward_hook(lambda *a: note(seen, "prepended"), prepend=True),
            layer.register_forward_hook(lambda *a: note(seen, "removed")).remove(),
        ],
    ),
    "backward": lambda m: hooked(m, lambda layer, seen: layer.register_full_backward_hook(lambda *a: note(seen, *a))),
    "backward twice": lambda m: hooked(
        m, lambda layer, seen: layer.register_full_backward_hook(lambda *a: note(seen, *a)), calls=2
    ),
    "backward replaces": lambda m: hooked(
        m, lambda layer, seen: layer.register_full_backward_hook(lambda _, i, o: (i[0] * 2,))
    ),
    "backward no input gradient": lambda m: hooked(
        m, lambda layer, seen: layer.register_full_backward_hook(lambda *a: note(seen, *a)), requires_grad=False
    ),
    "backward pre": lambda m: hooked(
        m, lambda layer, seen: layer.register_full_backward_pre_hook(lambda *a: note(seen, *a))
    ),
    "backward pre replaces": lambda m: hooked(
        m, lambda layer, seen: layer.register_full_backward_pre_hook(lambda _, o: (o[0] * 2,))
    ),
    "both backward": lambda m: hooked(
        m,
        lambda layer, seen: [
            layer.register_full_backward_pre_hook(lambda _, o: (o[0] * 2,)),
            layer.register_full_backward_hook(lambda *a: note(seen, *a)),
            layer.register_full_backward_hook(lambda *a: note(seen, "prepended"), prepend=True),
        ],
    ),
    "backward wrong count": lambda m: hooked(
        m, lambda layer, seen: layer.register_full_backward_hook(lambda _, i, o: (i[0], i[0]))
    ),
    "backward pre wrong count": lambda m: hooked(
        m, lambda layer, seen: layer.register_full_backward_pre_hook(lambda _, o: (o[0], o[0]))
    ),
    "backward replaces nothing": lambda m: hooked(
        m,
        lambda layer, seen: layer.register_full_backward_hook(lambda _, i, o: (o[0],)),
        requires_grad=False,
    ),
    "always called": lambda m: failing(m, True),
    "not always called": lambda m: failing(m, False),
    "state_dict": lambda m: stateful(m),
}


def failing(m, always):
    seen = []

    class Fails(m.nn.Module):
        def forward(self, x):
            raise ValueError("oh")

    module = Fails()
    module.register_forward_hook(lambda *a: note(seen, a[2]), always_call=always)
    module.register_forward_hook(lambda *a: 1 / 0, always_call=always)
    try:
        module(3)
    except ValueError as error:
        seen.append(str(error))
    return seen


def stateful(m):
    seen = []
    module = m.nn.Linear(1, 1)
    module.register_state_dict_pre_hook(lambda *a: note(seen, "pre", a[1], a[2]))
    module.register_state_dict_post_hook(lambda _, state, prefix, meta: state.update({prefix + "extra": 1}))
    module.register_load_state_dict_pre_hook(lambda _, state, prefix, *rest: state.pop(prefix + "extra"))
    module.register_load_state_dict_post_hook(lambda _, keys: keys.missing_keys.append("added"))
    state = m.nn.Sequential(module).state_dict()
    seen.append(list(state))
    seen.append(repr(m.nn.Sequential(module).load_state_dict(state, strict=False)))
    return seen


@pytest.mark.parametrize("name", HOOKS)
def test_hooks(name):
    assert_same(HOOKS[name])


def extra_state(m):
    class Extra(m.nn.Module):
        def __init__(self, value=None):
            super().__init__()
            self.value = value

        def get_extra_state(self):
            return {"value": self.value}

        def set_extra_state(self, state):
            self.value = state["value"]

    source, target = m.nn.Sequential(Extra(5)), m.nn.Sequential(Extra())
    state = source.state_dict()
    result = [dict(state), repr(target.load_state_dict(state)), target[0].value]
    for broken in ({}, {**state, "0.other": 1}):
        try:
            target.load_state_dict(broken)
        except RuntimeError as error:
            result.append(str(error))
    return result


def renamed(m):
    """A layer that still loads what an older version of it saved."""

    class Scale(m.nn.Module):
        _version = 2

        def __init__(self):
            super().__init__()
            self.factor = m.nn.Parameter(m.ones(1))

        def _load_from_state_dict(self, state, prefix, metadata, *rest):
            if metadata.get("version", 1) < 2 and prefix + "scale" in state:
                state[prefix + "factor"] = state.pop(prefix + "scale")
            super()._load_from_state_dict(state, prefix, metadata, *rest)

    module = m.nn.Sequential(Scale())
    old = {"0.scale": m.full((1,), 3.0)}
    return [repr(module.load_state_dict(old)), module[0].factor, dict(module.state_dict()._metadata), list(old)]


def assigned(m):
    module = m.nn.Linear(2, 1)
    state = {"weight": m.zeros(1, 2, dtype=m.float64), "bias": m.nn.Parameter(m.ones(1), requires_grad=False)}
    module.load_state_dict(state, assign=True)
    return [module.weight, module.bias, module.bias is state["bias"], list(module.state_dict())]


def tied_weights(m):
    a, b = m.nn.Linear(2, 2), m.nn.Linear(2, 2)
    b.weight = a.weight
    model = m.nn.Sequential(a, b)
    model.double()
    return [model[0].weight is model[1].weight, len(list(model.parameters())), list(model.state_dict())]


def copied(m):
    model = net(m)
    other = copy.deepcopy(model)
    model.first.shift.data.fill_(9)
    return [repr(other), other.first.shift, other.tied is other.second, list(other.state_dict())]


def identities(m):
    model = net(m)
    before = list(model.parameters())
    model.double()
    model.to(memory_format=m.channels_last)
    return [a is b for a, b in zip(before, model.parameters())]


def replaced(m):
    model = net(m)
    model.first.shift = None
    model.first.conv.weight = m.nn.Parameter(m.zeros(3, 2, 3, 3))
    model.first.scale = m.zeros(5)
    model.first.norm = None
    model.first.scratch = m.nn.Buffer(m.ones(2))
    model.layers = m.nn.ModuleList()
    model.second = m.nn.ReLU()
    del model.head.fc
    model.missing_before = m.nn.Linear(1, 1)
    return [repr(model), list(model.state_dict().items())]


def moved(m):
    """A name that was a parameter, then a buffer, then a module."""
    module = m.nn.Module()
    module.x = m.nn.Parameter(m.ones(1))
    seen = [list(module.state_dict())]
    del module.x
    module.x = m.nn.Buffer(m.ones(1), persistent=False)
    seen += [list(module.state_dict()), [n for n, _ in module.named_buffers()]]
    module.x = m.nn.Parameter(m.zeros(1))
    seen += [[n for n, _ in module.named_buffers()], list(module.state_dict())]
    del module.x
    module.x = m.nn.ReLU()
    return [*seen, repr(module)]


def gradients(m):
    model = m.nn.Linear(2, 1)
    model(m.ones(1, 2)).sum().backward()
    model.double()
    result = [str(p.grad.dtype) for p in model.parameters()]
    model.zero_grad(set_to_none=False)
    result += [p.grad for p in model.parameters()]
    model.zero_grad()
    return result + [p.grad for p in model.parameters()]


@pytest.mark.parametrize(
    "case", [extra_state, renamed, assigned, tied_weights, copied, identities, replaced, moved, gradients]
)
def test_state(case):
    assert_same(case)


UTILS = {
    "norm": lambda m, p: m.nn.utils.clip_grad_norm_(p, 1.0),
    "large norm": lambda m, p: m.nn.utils.clip_grad_norm_(p, 100.0),
    "infinity": lambda m, p: m.nn.utils.clip_grad_norm_(p, 1.0, norm_type=float("inf")),
    "norm 1": lambda m, p: m.nn.utils.clip_grad_norm_(p, 1.0, 1),
    "norm 3": lambda m, p: m.nn.utils.clip_grad_norm_(iter(p), 1.0, 3.0),
    "one": lambda m, p: m.nn.utils.clip_grad_norm_(p[0], 0.5),
    "none": lambda m, p: m.nn.utils.clip_grad_norm_([], 0.5),
    "iterator": lambda m, p: m.nn.utils.clip_grad_norm_(iter([]), 0.5),
    "generator": lambda m, p: m.nn.utils.clip_grad_norm_((each for each in []), 0.5),
    "value": lambda m, p: m.nn.utils.clip_grad_value_(p, 0.5),
    "old name": lambda m, p: m.nn.utils.clip_grad_norm(p, 1.0),
    "total": lambda m, p: m.nn.utils.get_total_norm([each.grad for each in p]),
    "vector": lambda m, p: m.nn.utils.parameters_to_vector(p),
    "from vector": lambda m, p: m.nn.utils.vector_to_parameters(m.arange(10.0), p),
    "from list": lambda m, p: m.nn.utils.vector_to_parameters([1.0], p),
    "not finite": lambda m, p: (
        p[0].grad.fill_(float("nan")),
        m.nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True),
    ),
}


@pytest.mark.parametrize("name", UTILS)
def test_utils(name):
    def call(m):
        p = [m.nn.Parameter(m.arange(6.0).reshape(2, 3)), m.nn.Parameter(m.ones(4))]
        p[0].grad = m.arange(6.0).reshape(2, 3) - 2.5
        p[1].grad = m.ones(4) * 0.3
        result = UTILS[name](m, p)
        tensors = [result, *(each.grad for each in p), *p]
        return [rounded(each) for each in tensors if not isinstance(each, tuple)]

    assert_same(call)


def test_fusing_a_normalisation():
    results = []
    for m in BOTH:
        m.manual_seed(0)
        conv, norm = m.nn.Conv2d(2, 3, 3), m.nn.BatchNorm2d(3)
        norm.running_mean.copy_(m.arange(3.0))
        norm.running_var.copy_(m.arange(1.0, 4.0))
        fused = m.nn.utils.fuse_conv_bn_eval(conv.eval(), norm.eval())
        results.append([fused.weight.detach().numpy(), fused.bias.detach().numpy()])
    for ours, reference in zip(*results):
        np.testing.assert_allclose(ours, reference, rtol=1e-6, atol=1e-7)
