"""convlet.explain: the numbers are right, the sentences say them, and whatever takes a convolution can be explained."""

import re

import pytest

import convlet as torch
from convlet import nn
from convlet.conv import ConvProblem, force_algorithm
from convlet.conv.problem import DIRECTIONS

STRIDED = "n2 g2 ic6 ih20 iw30 oc8 kh3 kw5 sh2 ph1 pw2 dw2"


def test_numbers():
    found = torch.explain(STRIDED)
    p = found.problem
    assert p == ConvProblem.parse(STRIDED)
    assert found.flops == 2 * (2 * 8 * 10 * 26) * (3 * 3 * 5) == p.flops
    assert found.bytes == 4 * (2 * 6 * 20 * 30 + 8 * 3 * 3 * 5 + 2 * 8 * 10 * 26)
    assert found.intensity == found.flops / found.bytes
    assert found.receptive_field == (3, 9)
    assert found.walk[-1] == (found.algorithm, None)
    assert all(reason for _, reason in found.walk[:-1])
    assert found.measured is None


def test_the_text():
    text = str(torch.explain(STRIDED, direction="fwd"))
    assert "floor((20 + 1 + 1 - 3) / 2) + 1 = 10" in text
    assert "floor((30 + 2 + 2 - 9) / 1) + 1 = 26" in text
    assert "2 * (5 - 1) + 1 = 9" in text
    assert "a sum of 45 products" in " ".join(text.split())
    assert all(len(line) <= 120 for line in text.split("\n"))
    assert "takes it" in text
    assert [line.split()[0] for line in text.split("\n") if re.match("  [a-z]", line)] == [
        *("what", "size", "sees", "work", "memory", "walk", "tasks", "time")
    ]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(
    "text",
    [
        "ic16 ih9 iw9 oc32 kh1 kw1",
        "g8 ic8 ih9 iw9 oc8 kh3 kw3 ph1 pw1",
        "ic64 ih28 iw28 oc64 kh3 kw3 ph1 pw1",
        "ic3 ih9 iw9 oc8 kh5 kw5 sh2 sw2 pt1 pl-1 mode_h=reflect f64",
        "ic3 ih9 iw9 oc8 kh2 kw2 ph1 pw1 circular i32",
        "n0 ic3 ih9 iw9 oc8 kh2 kw2",
    ],
)
def test_whatever_takes_it(text, direction):
    found = torch.explain(text, direction=direction, measure=True)
    assert found.problem.direction == direction
    assert found.measured > 0
    said = str(found)
    assert f"{found.algorithm:10} takes it" in said
    assert "measured (median)" in " ".join(said.split())
    if found.algorithm not in ("numpy", "empty"):
        assert found.expected > 0
        assert found.tasks
        assert "worker" in said


def test_what_depends_on_the_layout():
    text = "g4 ic64 ih9 iw9 oc64 kh3 kw3 sh2 sw2 ph1 pw1"
    assert "leaves it to direct, unless the channels" in str(torch.explain(text))
    assert "leaves it" not in str(torch.explain(text, direction="bwd_weight"))


def test_arguments_of_conv2d():
    x, w = torch.zeros(2, 8, 20, 30), torch.zeros(8, 1, 3, 5)
    found = torch.explain(x, w, None, 2, (1, 2), 1, 8, padding_mode="reflect", direction="bwd_weight")
    assert found.problem.text == "n2 g8 ic8 ih20 iw30 oc8 kh3 kw5 sh2 sw2 ph1 pw2 reflect bwd_weight"
    assert torch.explain(x, torch.zeros(4, 8, 1, 1), padding="same").problem.oc == 4
    with pytest.raises(RuntimeError, match="Given groups=1, weight of size"):
        torch.explain(x, w)


def test_a_layer():
    conv = nn.Conv2d(3, 8, 3, padding="same", dtype=torch.float64)
    assert torch.explain(conv, (3, 9, 9)).problem.text == "n1 g1 ic3 ih9 iw9 oc8 kh3 kw3 ph1 pw1 f64 fwd"
    assert torch.explain(conv, torch.zeros(1, 3, 9, 9).shape).flops == 2 * 8 * 81 * 27


def test_a_network():
    norm = nn.BatchNorm2d(6)
    body = nn.Sequential(nn.Conv2d(6, 6, 3, padding=2, dilation=2), norm)
    model = nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.MaxPool2d(2), nn.ReLU(), body, nn.Upsample(scale_factor=2), body[0])
    before = norm.num_batches_tracked.item(), norm.training
    found = torch.explain(model, (2, 3, 33, 33))
    assert (norm.num_batches_tracked.item(), norm.training) == before
    assert [(name, seen) for name, _, seen in found.layers] == [("0", (3, 3)), ("3.0", (21, 21)), ("3.0", None)]
    assert found.flops == sum(each.flops for _, each, _ in found.layers)
    lines = str(found).split("\n")
    assert lines[0].split()[:3] == ["layer", "problem", "result"]
    assert lines[-1].startswith("3 convolutions")
    assert "measured" not in lines[0]


def test_a_transposed_layer():
    up = nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1)
    problem = torch.explain(up, (1, 8, 16, 16)).problem
    assert problem.direction == "bwd_input"
    assert problem.result_shape == tuple(up(torch.zeros(1, 8, 16, 16)).shape)
    assert torch.explain(up, (1, 8, 16, 16), direction="bwd_input").problem == problem.with_direction("fwd")
    network = torch.explain(nn.Sequential(nn.Conv2d(3, 8, 3), up), (1, 3, 18, 18))
    assert [seen for _, _, seen in network.layers] == [(3, 3), None]
    assert "4 x 32 x 32" in str(network)


def test_what_is_forced():
    with force_algorithm("numpy"):
        found = torch.explain("ic16 ih9 iw9 oc32 kh1 kw1")
    assert found.forced
    assert "numpy      is forced" in str(found)
    assert not torch.explain("ic16 ih9 iw9 oc32 kh1 kw1").forced


def test_mistakes():
    with pytest.raises(ValueError, match="no convolution in this Linear"):
        torch.explain(nn.Linear(3, 4), (2, 3))
    with pytest.raises(ValueError, match="'hello' is no word"):
        torch.explain("hello")
    with pytest.raises(TypeError, match="takes a module, conv2d's arguments or a ConvProblem, not int"):
        torch.explain(3)
    with pytest.raises(TypeError, match="nothing more after a str"):
        torch.explain("ic16 ih9 iw9 oc32 kh1 kw1", 3)


def test_a_tail_is_told():
    text = str(torch.explain("ic3 ih9 iw9 oc8 kh3 kw3 fwd norm add relu6"))
    assert "8 channels of 7 x 7, then batch norm, then plus another array, then a ReLU6." in " ".join(text.split())


def test_layers_of_signals() -> None:
    found = torch.explain(torch.nn.Conv1d(3, 4, 3, padding=1), (2, 3, 9))
    assert found.problem.output_shape == (2, 4, 1, 9)
    network = torch.nn.Sequential(torch.nn.Conv1d(3, 4, 3), torch.nn.ReLU(), torch.nn.Conv1d(4, 5, 3))
    assert [each.problem.output_shape for _, each, _ in torch.explain(network, (1, 3, 9)).layers] == [
        (1, 4, 1, 7),
        (1, 5, 1, 5),
    ]


def test_operations_with_padding_take_no_time_at_the_best() -> None:
    from convlet.explanation import _meeting

    assert _meeting(ConvProblem.parse("ic2 ih5 iw5 oc2 kh3 kw3")) == 1
    assert _meeting(ConvProblem.parse("ic2 ih1 iw1 oc2 kh3 kw3 ph1 pw1")) == pytest.approx(1 / 9)
    assert _meeting(ConvProblem.parse("ic2 ih1 iw1 oc2 kh3 kw3 ph1 pw1 replicate")) == 1
