"""Optimizers and schedules give what PyTorch's give, step by step."""

import copy
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from convlet import optim  # noqa: E402
from convlet.autograd.function import make_result  # noqa: E402
from convlet.nn.parameter import Parameter  # noqa: E402
from convlet.optim import lr_scheduler as schedules  # noqa: E402
from convlet.optim.optimizer import BLOCK  # noqa: E402
from convlet.tensor.size import channels_last  # noqa: E402

pytestmark = pytest.mark.parity

STEPS = 25
SHAPES = [(5,), (3, 4), ()]
LARGE = (2 * BLOCK + 3,)

COMMON = [{}, {"weight_decay": 0.1}, {"maximize": True}, {"weight_decay": 0.05, "maximize": True}]
CASES = [
    *(("SGD", {"lr": 0.1, **each}) for each in COMMON),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01}),
    *(("Adam", {"lr": 0.01, **each}) for each in COMMON),
    ("Adam", {"amsgrad": True, "betas": (0.7, 0.9), "eps": 1e-3}),
    ("Adam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    *(("AdamW", {"lr": 0.01, **each}) for each in COMMON),
    ("AdamW", {"amsgrad": True, "weight_decay": 0.3}),
    *(("RMSprop", each) for each in COMMON),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"centered": True, "alpha": 0.9}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "weight_decay": 0.1, "eps": 1e-4}),
    *(("Adagrad", each) for each in COMMON),
    ("Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.5}),
    *(("Adadelta", each) for each in COMMON),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-4}),
    *(("Adamax", each) for each in COMMON),
    *(("NAdam", each) for each in COMMON),
    ("NAdam", {"momentum_decay": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    *(("RAdam", each) for each in COMMON),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "betas": (0.8, 0.9)}),
]
IDS = [f"{name}-{'-'.join(f'{k}={v}' for k, v in options.items()) or 'default'}" for name, options in CASES]


def values(shape, seed, dtype):
    random = np.random.default_rng(seed)
    array = random.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        array = array + 1j * random.standard_normal(shape)
    return np.asarray(array, dtype)


def both(shapes, dtype=np.float32):
    arrays = [values(shape, 10 + i, dtype) for i, shape in enumerate(shapes)]
    mine = [Parameter(make_result(array.copy())) for array in arrays]
    theirs = [torch.nn.Parameter(torch.tensor(array)) for array in arrays]
    return mine, theirs


def give_gradients(mine, theirs, step):
    for i, (a, b) in enumerate(zip(mine, theirs)):
        grad = values(a.array.shape, 1000 * step + i, a.array.dtype)
        a.grad = make_result(grad.copy())
        b.grad = torch.tensor(grad)


def assert_same_state(mine, theirs, rtol, atol):
    ours, reference = mine.state_dict(), theirs.state_dict()
    assert ours["param_groups"] == reference["param_groups"]
    assert ours["state"].keys() == reference["state"].keys()
    for key, state in reference["state"].items():
        assert ours["state"][key].keys() == state.keys()
        for name, value in state.items():
            if value is None:
                assert ours["state"][key][name] is None
                continue
            array = ours["state"][key][name].array
            assert str(array.dtype) == str(value.dtype).removeprefix("torch.")
            np.testing.assert_allclose(array, value.numpy(), rtol=rtol, atol=atol, err_msg=name)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_are_those_of_pytorch(name, options, dtype):
    mine, theirs = both(SHAPES, dtype)
    ours, reference = getattr(optim, name)(mine, **options), getattr(torch.optim, name)(theirs, **options)
    rtol, atol = (3e-5, 3e-6) if dtype is np.float32 else (1e-11, 1e-12)
    for step in range(STEPS):
        give_gradients(mine, theirs, step)
        ours.step()
        reference.step()
    for a, b in zip(mine, theirs):
        np.testing.assert_allclose(a.array, b.detach().numpy(), rtol=rtol, atol=atol)
    assert_same_state(ours, reference, rtol, atol)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adadelta"])
def test_large_and_channels_last_parameters(name):
    mine, theirs = both([LARGE, (2, 3, 4, 5)])
    mine[1].data = mine[1].to(memory_format=channels_last)
    ours, reference = getattr(optim, name)(mine, lr=0.1), getattr(torch.optim, name)(theirs, lr=0.1)
    for step in range(4):
        give_gradients(mine, theirs, step)
        ours.step()
        reference.step()
    for a, b in zip(mine, theirs):
        np.testing.assert_allclose(a.array, b.detach().numpy(), rtol=3e-5, atol=3e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_complex_parameters(name):
    mine, theirs = both([(4, 3)], np.complex64)
    ours, reference = getattr(optim, name)(mine, lr=0.1), getattr(torch.optim, name)(theirs, lr=0.1)
    for step in range(STEPS):
        give_gradients(mine, theirs, step)
        ours.step()
        reference.step()
    np.testing.assert_allclose(mine[0].array, theirs[0].detach().numpy(), rtol=3e-5, atol=3e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_half_precision_stays_within_its_rounding(name):
    mine, theirs = both([(50,)], np.float16)
    ours, reference = getattr(optim, name)(mine, lr=0.01), getattr(torch.optim, name)(theirs, lr=0.01)
    for step in range(10):
        give_gradients(mine, theirs, step)
        ours.step()
        reference.step()
    assert mine[0].array.dtype == np.float16
    np.testing.assert_allclose(mine[0].array, theirs[0].detach().numpy(), atol=2e-2)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam"])
def test_a_saved_state_of_pytorch_goes_on_here(name):
    mine, theirs = both([(6,), (2, 2)])
    reference = getattr(torch.optim, name)(theirs, lr=0.05)
    for step in range(5):
        give_gradients(mine, theirs, step)
        reference.step()
    for a, b in zip(mine, theirs):
        a.array[...] = b.detach().numpy()
    state = copy.deepcopy(reference.state_dict())
    for each in state["state"].values():
        for key, value in each.items():
            if isinstance(value, torch.Tensor):
                each[key] = make_result(value.numpy().copy())
    ours = getattr(optim, name)(mine, lr=1.0)
    ours.load_state_dict(state)
    for step in range(5, 10):
        give_gradients(mine, theirs, step)
        ours.step()
        reference.step()
    for a, b in zip(mine, theirs):
        np.testing.assert_allclose(a.array, b.detach().numpy(), rtol=1e-5, atol=1e-6)
    assert_same_state(ours, reference, 1e-5, 1e-6)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam"])
def test_reprs_and_defaults(name):
    mine, theirs = both([(2,), (3,)])
    groups = [({"params": [each[0]], "lr": 0.5}, {"params": each[1]}) for each in (mine, theirs)]
    ours, reference = getattr(optim, name)(groups[0]), getattr(torch.optim, name)(groups[1])
    assert repr(ours) == repr(reference)
    assert ours.defaults == reference.defaults
    assert list(ours.defaults) == list(reference.defaults)


@pytest.mark.parametrize("kind", ["mine", "theirs"])
def test_parameters_by_name(kind):
    mine, theirs = both([(2,), (3,)])
    module, parameters = {"mine": (optim, mine), "theirs": (torch.optim, theirs)}[kind]
    optimizer = module.SGD([("a", parameters[0]), ("b", parameters[1])], lr=0.1)
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["a", "b"]
    with pytest.raises(ValueError, match="cannot add param group without names to the optimizer"):
        optimizer.add_param_group({"params": [type(parameters[0])(parameters[0].detach())]})


BAD = {
    "lr": lambda m, p: m.SGD([p], lr=-1),
    "momentum": lambda m, p: m.SGD([p], momentum=-1),
    "decay": lambda m, p: m.SGD([p], weight_decay=-1),
    "nesterov": lambda m, p: m.SGD([p], nesterov=True),
    "unknown": lambda m, p: m.SGD([p], foo=1),
    "eps": lambda m, p: m.Adam([p], eps=-1),
    "beta0": lambda m, p: m.AdamW([p], betas=(1.0, 0.9)),
    "beta1": lambda m, p: m.RAdam([p], betas=(0.5, 1.9)),
    "alpha": lambda m, p: m.RMSprop([p], alpha=-1),
    "lr_decay": lambda m, p: m.Adagrad([p], lr_decay=-1),
    "accumulator": lambda m, p: m.Adagrad([p], initial_accumulator_value=-1),
    "rho": lambda m, p: m.Adadelta([p], rho=2),
    "momentum_decay": lambda m, p: m.NAdam([p], momentum_decay=-1),
    "tensor": lambda m, p: m.SGD(p),
    "empty": lambda m, p: m.SGD([]),
    "number": lambda m, p: m.SGD(3),
    "numbers": lambda m, p: m.SGD([3]),
    "non-leaf": lambda m, p: m.SGD([p * 1]),
    "twice": lambda m, p: m.SGD([{"params": [p]}, {"params": [p]}]),
    "set": lambda m, p: m.SGD([{"params": {p}}]),
    "no params": lambda m, p: m.SGD([{"a": 1}]),
    "dict": lambda m, p: m.SGD({"a": p}),
    "names": lambda m, p: m.SGD([("a", p), p]),
    "group": lambda m, p: m.SGD([p]).add_param_group(3),
    "groups": lambda m, p: m.SGD([p]).load_state_dict({"state": {}, "param_groups": []}),
    "sizes": lambda m, p: m.SGD([p]).load_state_dict({"state": {}, "param_groups": [{"params": [1, 2]}]}),
    "step": lambda m, p: m.Optimizer([p], {}).step(),
    "scheduler": lambda m, p: m.lr_scheduler.StepLR(3, 1),
    "resume": lambda m, p: m.lr_scheduler.StepLR(m.SGD([p]), 1, last_epoch=3),
    "linear": lambda m, p: m.lr_scheduler.LinearLR(m.SGD([p]), start_factor=0),
    "linear end": lambda m, p: m.lr_scheduler.LinearLR(m.SGD([p]), end_factor=2),
    "constant": lambda m, p: m.lr_scheduler.ConstantLR(m.SGD([p]), factor=2),
    "lambdas": lambda m, p: m.lr_scheduler.LambdaLR(m.SGD([p]), [lambda e: 1] * 2),
    "no lambda": lambda m, p: m.lr_scheduler.MultiplicativeLR(m.SGD([p]), 3),
    "no cycle": lambda m, p: m.lr_scheduler.OneCycleLR(m.SGD([p]), 0.1),
    "cycle": lambda m, p: m.lr_scheduler.OneCycleLR(m.SGD([p]), 0.1, total_steps=0),
    "cycle epochs": lambda m, p: m.lr_scheduler.OneCycleLR(m.SGD([p]), 0.1, epochs=-1, steps_per_epoch=1),
    "cycle start": lambda m, p: m.lr_scheduler.OneCycleLR(m.SGD([p]), 0.1, total_steps=5, pct_start=2.0),
    "cycle form": lambda m, p: m.lr_scheduler.OneCycleLR(m.SGD([p]), 0.1, total_steps=5, anneal_strategy="x"),
    "cycle momentum": lambda m, p: m.lr_scheduler.OneCycleLR(m.Adagrad([p]), 0.1, total_steps=5),
    "cyclic": lambda m, p: m.lr_scheduler.CyclicLR(m.SGD([p]), 0.1, 1.0, mode="x"),
    "cyclic groups": lambda m, p: m.lr_scheduler.CyclicLR(m.SGD([p]), [0.1, 0.2], 1.0),
    "restarts": lambda m, p: m.lr_scheduler.CosineAnnealingWarmRestarts(m.SGD([p]), 0),
    "restarts mult": lambda m, p: m.lr_scheduler.CosineAnnealingWarmRestarts(m.SGD([p]), 1, 0),
    "plateau": lambda m, p: m.lr_scheduler.ReduceLROnPlateau(m.SGD([p]), factor=1.0),
    "plateau mode": lambda m, p: m.lr_scheduler.ReduceLROnPlateau(m.SGD([p]), mode="x"),
    "plateau threshold": lambda m, p: m.lr_scheduler.ReduceLROnPlateau(m.SGD([p]), threshold_mode="x"),
    "plateau groups": lambda m, p: m.lr_scheduler.ReduceLROnPlateau(m.SGD([p]), min_lr=[0, 0]),
    "sequence": lambda m, p: m.lr_scheduler.SequentialLR(m.SGD([p]), [], []),
    "milestones": lambda m, p: (lambda o: m.lr_scheduler.SequentialLR(o, [m.lr_scheduler.StepLR(o, 1)], [1]))(
        m.SGD([p])
    ),
    "chain": lambda m, p: m.lr_scheduler.ChainedScheduler([]),
    "chained plateau": lambda m, p: m.lr_scheduler.ChainedScheduler([m.lr_scheduler.ReduceLROnPlateau(m.SGD([p]))]),
}


@pytest.mark.parametrize("case", BAD)
def test_errors(case):
    mine, theirs = both([(2,)])
    with pytest.raises(Exception) as reference:  # noqa: PT011
        BAD[case](torch.optim, theirs[0])
    with pytest.raises(reference.type) as ours:
        BAD[case](optim, mine[0])
    assert str(ours.value) == str(reference.value)


S = {
    "step": lambda s, o: s.StepLR(o, 3, 0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 9], 0.3),
    "constant": lambda s, o: s.ConstantLR(o, 0.5, 4),
    "linear": lambda s, o: s.LinearLR(o, 0.25, 0.9, 6),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, 12, 2.0),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 7, 1e-3),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, 1e-3),
    "lambda": lambda s, o: s.LambdaLR(o, lambda epoch: 0.95**epoch),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda epoch: 0.95**epoch, lambda epoch: 1 / (epoch + 1)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 1 - 1 / (epoch + 2)),
    "triangular": lambda s, o: s.CyclicLR(o, 0.01, [0.1, 0.3], 4, 3),
    "triangular2": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, mode="triangular2"),
    "exp_range": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, mode="exp_range", gamma=0.9),
    "scaled": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, scale_fn=lambda x: 1 / x, cycle_momentum=False),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.3, total_steps=40),
    "one cycle linear": lambda s, o: s.OneCycleLR(
        o, [0.3, 0.1], epochs=4, steps_per_epoch=10, anneal_strategy="linear", three_phase=True
    ),
    "sequence": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9), s.StepLR(o, 2)], [4, 11]
    ),
    "warm up": lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, 1.0, 5), s.CosineAnnealingLR(o, 20)], [5]),
    "chain": lambda s, o: s.ChainedScheduler([s.LinearLR(o, 0.5, total_iters=5), s.ExponentialLR(o, 0.8)]),
    "nested": lambda s, o: s.SequentialLR(
        o, [s.ChainedScheduler([s.ConstantLR(o, 0.5, 3), s.ExponentialLR(o, 0.9)]), s.StepLR(o, 2)], [6]
    ),
}


def schedule_pair(case, optimizer="SGD"):
    made = []
    for parameters, module in zip(both([(2,), (3,)]), (optim, torch.optim)):
        options = {"momentum": 0.9} if optimizer == "SGD" else {}
        groups = [{"params": [parameters[0]], "lr": 0.2}, {"params": [parameters[1]]}]
        made.append(getattr(module, optimizer)(groups, lr=0.1, **options))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # combined schedules warn about themselves in PyTorch
        return made, [S[case](module.lr_scheduler, each) for module, each in zip((optim, torch.optim), made)]


def settings(optimizer):
    return [{key: group[key] for key in group if key != "params"} for group in optimizer.param_groups]


@pytest.mark.parametrize("case", S)
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_learning_rates_are_those_of_pytorch(case, optimizer):
    (mine, theirs), (ours, reference) = schedule_pair(case, optimizer)
    for _ in range(38):
        assert ours.get_last_lr() == reference.get_last_lr()
        assert settings(mine) == settings(theirs)
        assert ours.last_epoch == reference.last_epoch if hasattr(reference, "last_epoch") else True
        for each in (mine, theirs):
            each.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours.step()
            reference.step()


@pytest.mark.parametrize("case", S)
def test_a_saved_schedule_goes_on(case):
    (mine, theirs), (ours, reference) = schedule_pair(case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(9):
            mine.step(), theirs.step(), ours.step(), reference.step()
        (again, _), (resumed, _) = schedule_pair(case)
        again.load_state_dict(mine.state_dict())
        resumed.load_state_dict(ours.state_dict())
        for _ in range(9):
            again.step(), theirs.step(), resumed.step(), reference.step()
            assert resumed.get_last_lr() == reference.get_last_lr()
            assert [g["lr"] for g in again.param_groups] == [g["lr"] for g in theirs.param_groups]


@pytest.mark.parametrize("case", ["step", "multistep", "constant", "linear", "exponential", "polynomial", "cosine"])
def test_steps_to_a_given_epoch(case):
    (mine, theirs), (ours, reference) = schedule_pair(case)
    mine.step(), theirs.step()
    for epoch in (3, 1, 8):
        with pytest.warns(UserWarning, match="The epoch parameter in"):
            ours.step(epoch)
        with pytest.warns(UserWarning, match="The epoch parameter in"):
            reference.step(epoch)
        assert ours.get_last_lr() == pytest.approx(reference.get_last_lr(), rel=1e-15)


def test_restarts_at_fractions_of_epochs():
    (_, _), (ours, reference) = schedule_pair("restarts")
    for epoch in (0.5, 2.9, 3.1, 8.75, 30.5):
        ours.step(epoch)
        reference.step(epoch)
        assert ours.get_last_lr() == reference.get_last_lr()


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
def test_plateau(mode, threshold_mode):
    options = {"mode": mode, "threshold_mode": threshold_mode, "patience": 2, "cooldown": 1, "min_lr": 1e-3}
    (mine, theirs) = both([(2,)])
    optimizers = [m.SGD(p, lr=0.1) for m, p in ((optim, mine), (torch.optim, theirs))]
    ours = schedules.ReduceLROnPlateau(optimizers[0], factor=0.3, threshold=1e-2, **options)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizers[1], factor=0.3, threshold=1e-2, **options)
    random = np.random.default_rng(0)
    for measure in 1 + np.cumsum(random.standard_normal(40)) * 0.05:
        ours.step(measure)
        reference.step(measure)
        assert ours.get_last_lr() == reference.get_last_lr()
        assert ours.num_bad_epochs == reference.num_bad_epochs
