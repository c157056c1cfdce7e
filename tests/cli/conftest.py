import os

import numpy as np
import pytest

import convlet.cli


@pytest.fixture
def environment():
    """For a process that computes for seconds: one thread where several tests run at once, all of them elsewhere."""
    crowded = "PYTEST_XDIST_WORKER" in os.environ
    return {**os.environ, **({"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"} if crowded else {})}


@pytest.fixture
def convlet_command(capsys):
    """Run the command line in this process: (status, standard output, standard error)."""

    def run(*arguments):
        try:
            status = convlet.cli.main([str(each) for each in arguments])
        except SystemExit as error:  # argparse's own
            status = error.code
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def shapes(tmp_path):
    """A folder of labelled gray images that a network learns at once: 12 x 12, horizontal and vertical bars."""
    image = pytest.importorskip("PIL.Image")
    random = np.random.default_rng(0)
    for name in ("flat", "upright"):
        (tmp_path / "shapes" / name).mkdir(parents=True)
        for i in range(15):
            pixels = random.integers(0, 60, (12, 12), np.uint8)
            at = 2 + i % 8
            pixels[at : at + 2] = 220
            image.fromarray(pixels if name == "flat" else pixels.T).save(tmp_path / "shapes" / name / f"{i}.png")
    return tmp_path / "shapes"
