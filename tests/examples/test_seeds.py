"""The programs of four public texts print under Convlet what they print under PyTorch, to the character."""

import subprocess
import sys
from pathlib import Path

import pytest

SEEDS = Path(__file__).parents[2] / "examples" / "seeds"
PROGRAMS = sorted(each for each in SEEDS.glob("*_*.py") if each.name != "make_outputs.py")


def test_every_program_is_there_with_its_output():
    assert len(PROGRAMS) == 18
    assert {each.stem for each in PROGRAMS} == {each.stem for each in SEEDS.glob("*.out")}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_output_is_that_of_pytorch(program):
    command = [sys.executable, "-m", "convlet", "run", "--seed", "0", program]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode() == program.with_suffix(".out").read_bytes().decode()
