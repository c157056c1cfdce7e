"""Schedules against their formulas (their exact sequences: tests/parity)."""

import math

import pytest

import convlet as torch
from convlet import nn, optim
from convlet.optim import lr_scheduler as schedules

BASE = 0.5


def optimizer(**options):
    return optim.SGD([nn.Parameter(torch.ones(1))], lr=BASE, **options)


def rates(build, epochs=30, **options):
    made = optimizer(**options)
    schedule = build(made)
    found = []
    for _ in range(epochs):
        found += schedule.get_last_lr()
        assert made.param_groups[0]["lr"] == found[-1]
        made.step()
        schedule.step()
    return found


def cosine(epoch, length, low):
    return low + (BASE - low) * (1 + math.cos(math.pi * epoch / length)) / 2


FORMULAS = {
    "step": (lambda o: schedules.StepLR(o, 4, 0.5), lambda t: BASE * 0.5 ** (t // 4)),
    "multistep": (
        lambda o: schedules.MultiStepLR(o, [3, 7, 7], 0.5),
        lambda t: BASE * 0.5 ** ((t >= 3) + 2 * (t >= 7)),
    ),
    "constant": (lambda o: schedules.ConstantLR(o, 0.25, 5), lambda t: BASE * (0.25 if t < 5 else 1)),
    "linear": (lambda o: schedules.LinearLR(o, 0.2, 1.0, 10), lambda t: BASE * (0.2 + 0.8 * min(t, 10) / 10)),
    "exponential": (lambda o: schedules.ExponentialLR(o, 0.9), lambda t: BASE * 0.9**t),
    "polynomial": (lambda o: schedules.PolynomialLR(o, 20, 2.0), lambda t: BASE * max(0, 1 - t / 20) ** 2),
    "cosine": (lambda o: schedules.CosineAnnealingLR(o, 10, 0.01), lambda t: cosine(t, 10, 0.01)),
    "restarts": (lambda o: schedules.CosineAnnealingWarmRestarts(o, 6), lambda t: cosine(t % 6, 6, 0)),
    "longer restarts": (
        lambda o: schedules.CosineAnnealingWarmRestarts(o, 2, 2),
        lambda t: next(cosine(t - s, n, 0) for s, n in ((0, 2), (2, 4), (6, 8), (14, 16)) if t < s + n),
    ),
    "lambda": (lambda o: schedules.LambdaLR(o, lambda t: 1 / (t + 1)), lambda t: BASE / (t + 1)),
    "multiplicative": (lambda o: schedules.MultiplicativeLR(o, lambda t: 0.8), lambda t: BASE * 0.8**t),
    "triangles": (
        lambda o: schedules.CyclicLR(o, 0.1, 0.5, 5, cycle_momentum=False),
        lambda t: 0.1 + 0.4 * (1 - abs(t % 10 - 5) / 5),
    ),
    "sequence": (
        lambda o: schedules.SequentialLR(o, [schedules.ConstantLR(o, 0.5, 100), schedules.ExponentialLR(o, 0.9)], [5]),
        lambda t: BASE * 0.5 if t < 5 else BASE * 0.9 ** (t - 5),
    ),
    "chain": (
        lambda o: schedules.ChainedScheduler([schedules.ConstantLR(o, 0.5, 5), schedules.ExponentialLR(o, 0.9)]),
        lambda t: BASE * (0.5 if t < 5 else 1) * 0.9**t,
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formulas(name):
    build, formula = FORMULAS[name]
    assert rates(build) == pytest.approx([formula(t) for t in range(30)], abs=1e-9)


def test_one_cycle_rises_falls_and_ends():
    found = rates(lambda o: schedules.OneCycleLR(o, 1.0, total_steps=20), 20, momentum=0.9)
    assert found[0] == pytest.approx(1 / 25)
    assert max(found) == pytest.approx(1.0)
    assert found.index(max(found)) == 5
    assert found[-1] == pytest.approx(1 / 25 / 1e4)
    made = optimizer(momentum=0.9)
    schedule = schedules.OneCycleLR(made, 1.0, epochs=2, steps_per_epoch=10)
    assert made.param_groups[0]["momentum"] == 0.95
    for _ in range(20):
        made.step()
        schedule.step()
    with pytest.raises(ValueError, match=r"Tried to step 21 times\. The specified number of total steps is 20"):
        schedule.step()


@pytest.mark.parametrize("mode", ["min", "max"])
def test_plateau(mode):
    made = optimizer()
    schedule = schedules.ReduceLROnPlateau(
        made, mode, factor=0.1, patience=2, cooldown=2, min_lr=0.01, threshold_mode="abs"
    )
    sign = 1 if mode == "min" else -1
    for measure, expected in [(5, 0.5), (4, 0.5), (4, 0.5), (4, 0.5), (4, 0.05), (4, 0.05), (4, 0.05), (4, 0.05)]:
        schedule.step(torch.tensor(float(sign * measure)))
        assert schedule.get_last_lr() == pytest.approx([expected])
    for _ in range(4):
        schedule.step(sign * 4)
    assert schedule.get_last_lr() == [0.01]


def test_a_learning_rate_that_is_a_tensor_is_written_to():
    lr = torch.tensor(1.0)
    made = optim.SGD([nn.Parameter(torch.ones(1))], lr=lr)
    schedule = schedules.ExponentialLR(made, 0.5)
    made.step()
    schedule.step()
    assert lr.item() == 0.5
    assert made.param_groups[0]["lr"] is lr


def test_the_order_of_steps():
    made = optimizer()
    schedule = schedules.StepLR(made, 1)
    with pytest.warns(UserWarning, match=r"^Detected call of `lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        schedule.step()
    made.step()
    schedule.step()
    second = schedules.StepLR(made, 1)
    second.step()  # the optimizer has been stepping


def test_get_lr_is_not_for_users():
    schedule = schedules.StepLR(optimizer(), 1)
    with pytest.warns(UserWarning, match=r"please use `get_last_lr\(\)`"):
        schedule.get_lr()


def test_functions_are_not_saved_but_callable_objects_are():
    class Decay:
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, epoch):
            return self.factor**epoch

    state = schedules.LambdaLR(optimizer(), Decay(0.5)).state_dict()
    assert "optimizer" not in state
    other = schedules.LambdaLR(optimizer(), Decay(1.0))
    other.load_state_dict(state)
    assert other.lr_lambdas[0].factor == 0.5
    assert schedules.LambdaLR(optimizer(), lambda epoch: 1).state_dict()["lr_lambdas"] == [None]


def test_a_schedule_of_ones_own():
    class Halving(schedules.LRScheduler):
        def get_lr(self):
            return [base / 2**self.last_epoch for base in self.base_lrs]

    assert rates(Halving, 4) == [0.5, 0.25, 0.125, 0.0625]


def test_resuming_needs_the_first_learning_rate():
    with pytest.raises(KeyError, match="param 'initial_lr' is not specified in param_groups"):
        schedules.StepLR(optimizer(), 1, last_epoch=3)
    made = optimizer()
    made.param_groups[0]["initial_lr"] = 1.0
    assert schedules.ExponentialLR(made, 0.5, last_epoch=3).last_epoch == 4
