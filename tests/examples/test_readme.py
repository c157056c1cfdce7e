"""What the README shows and promises is so."""

import contextlib
import io
import re
from pathlib import Path

import pytest

import convlet as torch
from convlet import nn

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_its_example_prints_what_it_says():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    assert printed.getvalue().strip() == re.search(r"print\(.*\)  # (.*)", code)[1]


def test_its_commands_are_one_line_each_and_marked():
    for name, extra in (("train", "[train]"), ("test", "[test]")):
        block = re.search(rf"<!-- command: {name} -->\n```sh\n(.*?)\n```", README, re.DOTALL)[1]
        assert "\n" not in block
        assert block.startswith("python3 -m venv .venv && ")
        assert extra in block


@pytest.mark.parametrize(
    "options",
    [
        {"padding": ((1, 2), (0, 3))},
        {"padding": (1, 2, 0, 3)},
        {"padding": "same_upper", "stride": 2},
        {"padding": "same_lower", "stride": 2},
        {"padding": 1, "padding_mode": ("zeros", "circular")},
    ],
    ids=str,
)
def test_its_extensions_exist(options):
    conv = nn.Conv2d(2, 3, 3, **options)
    x = torch.zeros(1, 2, 9, 9)
    assert conv(x).shape == conv.output_shape(x.shape)
