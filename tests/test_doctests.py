"""Every example in a docstring runs and prints what it says; so do those of README.md and docs/."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import numpy as np
import pytest

import convlet

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    info.name
    for info in pkgutil.walk_packages(convlet.__path__, "convlet.")
    if not info.name.endswith("__main__")
)
PAGES = [path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] if path.exists()]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def names():
    from convlet import nn
    from convlet.nn import functional

    return {"torch": convlet, "convlet": convlet, "nn": nn, "F": functional, "np": np}


@pytest.fixture(autouse=True)
def _fresh_state(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    convlet.manual_seed(0)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    module = importlib.import_module(name)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs=names()):
        convlet.manual_seed(0)
        report = []
        runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
        runner.run(test, out=report.append)
        assert runner.failures == 0, "".join(report)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages(path):
    test = doctest.DocTestParser().get_doctest(path.read_text(), names(), path.name, str(path), 0)
    report = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    runner.run(test, out=report.append)
    assert runner.failures == 0, "".join(report)
