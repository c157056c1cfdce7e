"""Initialisation: ranges, moments and shapes of what is drawn (the numbers themselves: tests/parity)."""

import math

import numpy as np
import pytest

import convlet as torch
from convlet import nn

LARGE = (60, 40, 5, 5)
FAN_IN, FAN_OUT = 1000, 1500


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def drawn(function, *arguments, shape=LARGE, **options):
    tensor = torch.zeros(shape)
    assert function(tensor, *arguments, **options) is tensor
    return tensor.numpy()


@pytest.mark.parametrize(
    ("function", "options", "bound"),
    [
        (nn.init.xavier_uniform_, {}, math.sqrt(6 / (FAN_IN + FAN_OUT))),
        (nn.init.xavier_uniform_, {"gain": 2.0}, 2 * math.sqrt(6 / (FAN_IN + FAN_OUT))),
        (nn.init.kaiming_uniform_, {"a": math.sqrt(5)}, 1 / math.sqrt(FAN_IN)),
        (nn.init.kaiming_uniform_, {"mode": "fan_out", "nonlinearity": "relu"}, math.sqrt(6 / FAN_OUT)),
        (nn.init.kaiming_uniform_, {"nonlinearity": "linear"}, math.sqrt(3 / FAN_IN)),
    ],
)
def test_uniform_ranges(function, options, bound):
    values = drawn(function, **options)
    assert np.abs(values).max() <= bound
    assert values.max() > 0.999 * bound
    assert values.min() < -0.999 * bound
    assert abs(values.mean()) < 0.02 * bound


@pytest.mark.parametrize(
    ("function", "options", "std"),
    [
        (nn.init.xavier_normal_, {}, math.sqrt(2 / (FAN_IN + FAN_OUT))),
        (nn.init.kaiming_normal_, {"nonlinearity": "relu"}, math.sqrt(2 / FAN_IN)),
        (nn.init.kaiming_normal_, {"mode": "fan_out", "a": 1}, math.sqrt(1 / FAN_OUT)),
        (nn.init.normal_, {"std": 3.0}, 3.0),
    ],
)
def test_normal_deviations(function, options, std):
    values = drawn(function, **options)
    assert values.std() == pytest.approx(std, rel=0.02)
    assert abs(values.mean()) < 0.02 * std


@pytest.mark.parametrize("bounds", [(-0.5, 1.0), (1.0, 3.0), (-2.0, -1.5)])
def test_truncated_normal_stays_inside_and_has_its_mean(bounds):
    low, high = bounds
    values = drawn(nn.init.trunc_normal_, 0.0, 1.0, low, high)
    assert low <= values.min()
    assert values.max() <= high
    grid = np.linspace(low, high, 10_001)
    weight = np.exp(-grid * grid / 2)
    assert values.mean() == pytest.approx((grid * weight).sum() / weight.sum(), abs=0.01)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_grouped_convolution_counts_its_own_inputs(groups):
    conv = nn.Conv2d(64, 64, 3, groups=groups)
    bound = 1 / math.sqrt(64 // groups * 9)
    for values in (conv.weight.detach().numpy(), conv.bias.detach().numpy()):
        assert 0.9 * bound < np.abs(values).max() <= bound


@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_hands_the_input_on(groups):
    weight = nn.init.dirac_(torch.empty(6, 6 // groups, 3, 5), groups).numpy()
    centre = weight[:, :, 1, 2]
    assert centre.tolist() == np.tile(np.eye(6 // groups), (groups, 1)).tolist()
    assert weight.sum() == centre.sum()


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (6, 2, 3, 3)])
def test_orthogonal(shape):
    matrix = drawn(nn.init.orthogonal_, 2.0, shape=shape).reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_fixed_values():
    assert drawn(nn.init.constant_, 0.5, shape=(2,)).tolist() == [0.5, 0.5]
    assert drawn(nn.init.ones_, shape=(2,)).tolist() == [1, 1]
    assert nn.init.zeros_(torch.ones(2)).tolist() == [0, 0]
    assert drawn(nn.init.eye_, shape=(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    sparse = drawn(nn.init.sparse_, 0.25, shape=(8, 5))
    assert (sparse == 0).sum(axis=0).tolist() == [2] * 5


def test_parameters_are_filled_without_history_and_caches_can_tell():
    parameter = nn.Parameter(torch.zeros(3, 3))
    for function in (nn.init.kaiming_uniform_, nn.init.ones_, nn.init.orthogonal_, nn.init.trunc_normal_):
        before = parameter._version.writes
        function(parameter)
        assert parameter.is_leaf
        assert parameter.requires_grad
        assert parameter._version.writes > before


def test_a_generator_of_its_own():
    before = torch.get_rng_state()
    a, b = (nn.init.uniform_(torch.empty(5), generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert a.tolist() == b.tolist()
    assert (torch.get_rng_state() == before).all()


def test_without_elements_nothing_happens():
    with pytest.warns(UserWarning, match="^Initializing zero-element tensors is a no-op$"):
        nn.init.kaiming_uniform_(torch.empty(0, 3))


def test_errors():
    with pytest.raises(ValueError, match="Fan in and fan out can not be computed for tensor with fewer than 2 dim"):
        nn.init.xavier_normal_(torch.empty(3))
    with pytest.raises(ValueError, match="Unsupported nonlinearity foo"):
        nn.init.calculate_gain("foo")
    with pytest.raises(ValueError, match=r"Mode fan not supported, please use one of \['fan_in', 'fan_out'\]"):
        nn.init.kaiming_normal_(torch.empty(3, 3), mode="fan")
    with pytest.warns(FutureWarning, match="`nn.init.uniform` is now deprecated in favor of `nn.init.uniform_`"):
        nn.init.uniform(torch.empty(3))
