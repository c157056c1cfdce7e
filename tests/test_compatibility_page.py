"""docs/compatibility.md names every line once, and says of none more than the checks show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import convlet
from tests.parity.compatibility import CHECKS
from tests.parity.compatibility.check import SECTIONS
from tests.parity.compatibility.differences import ABSENT, DIFFERENCES, has

PAGE = Path(__file__).parents[1] / "docs" / "compatibility.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \| (.+) \| (.+) \|$", TEXT, re.MULTILINE)
STATUS = {int(number): status for number, _, status in ROWS}
CHECKED = {check.line for check in CHECKS}
KINDS = ("met", "differs: ", "not yet", "not applicable: ")


def test_every_line_once_and_in_order():
    assert [int(number) for number, _, _ in ROWS] == list(range(1, 162))


def test_every_line_has_a_status():
    assert [number for number, status in STATUS.items() if not status.startswith(KINDS)] == []


def test_lines_stand_in_their_section():
    for letter, lines in SECTIONS.items():
        section = re.search(rf"^## {letter}\. .*?(?=^## )", TEXT, re.MULTILINE | re.DOTALL)
        numbers = re.findall(r"^\| (\d+) \|", section[0], re.MULTILINE)
        assert [int(number) for number in numbers] == list(lines)


def test_what_is_met_is_checked():
    assert {number for number, status in STATUS.items() if status.startswith("met")} - CHECKED == set()


def test_differences_are_the_tested_ones():
    differs = {number for number, status in STATUS.items() if status.startswith("differs")}
    assert differs == {difference.line for difference in DIFFERENCES}


def test_ids_are_unique():
    ids = [str(check) for check in (*CHECKS, *DIFFERENCES)]
    assert len({*ids}) == len(ids)


@pytest.mark.parametrize("difference", DIFFERENCES, ids=str)
def test_our_side_of_a_difference(difference):
    assert difference.see(convlet) == difference.ours


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_said_to_be_absent_is(name):
    assert has(convlet, name) == (False,)
    assert f"`{name}`" in TEXT
