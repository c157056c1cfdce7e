"""The kernel cache: where it is, what it forgives, and that a second process finds it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

# A kernel of few instructions: the cache is tested, not the compiler.
CODE = """
import ctypes, sys, time
from convlet.kernels import steps
kernel = steps.STEPS[4]["accumulate"]
address = kernel.address
import numpy as np
a, b = np.arange(16, dtype="f4"), np.ones(16, "f4")
ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 3)(address)(a.ctypes.data, b.ctypes.data, 16)
assert (a == np.arange(16) + 1).all()
print(kernel._compiled.cache_hits)
"""


def run(home, **environment):
    """Compiles or loads a kernel in a new process; returns the cache hits and what it said."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("CONVLET_", "XDG_"))}
    variables |= {"HOME": str(home), "TMPDIR": str(home)} | environment
    done = subprocess.run([sys.executable, "-c", CODE], env=variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return int(done.stdout), done.stderr


def kernels_in(folder):
    return list(Path(folder).rglob("*.nbc"))


def test_the_second_process_loads_what_the_first_compiled(tmp_path):
    folder = tmp_path / "kernels"
    hits, said = run(tmp_path, CONVLET_CACHE_DIR=str(folder), CONVLET_VERBOSE="1")
    assert hits == 0
    assert said.count("convlet: compiling kernels for this processor (once)...") == 1
    assert kernels_in(folder)
    hits, said = run(tmp_path, CONVLET_CACHE_DIR=str(folder), CONVLET_VERBOSE="1")
    assert hits == 1
    assert "compiling" not in said


def test_quiet_where_nobody_looks(tmp_path):
    assert run(tmp_path)[1] == ""


@pytest.mark.skipif(sys.platform != "linux", reason="XDG directories")
def test_the_users_cache_directory(tmp_path):
    run(tmp_path, XDG_CACHE_HOME=str(tmp_path / "xdg"))
    assert kernels_in(tmp_path / "xdg" / "convlet")


def test_another_target_has_another_folder(tmp_path):
    run(tmp_path, CONVLET_CACHE_DIR=str(tmp_path), CONVLET_TARGET="generic")
    assert all("generic" in str(path) for path in kernels_in(tmp_path))


def test_a_directory_that_cannot_be_written_is_no_error(tmp_path):
    """Root may write anywhere: a file where the directory should be stops everyone."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    hits, _ = run(tmp_path, CONVLET_CACHE_DIR=str(blocked / "cache"))
    assert hits == 0
    assert kernels_in(tmp_path), "the temporary directory should have served instead"


def test_nowhere_to_write_is_no_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    code = "import tempfile; tempfile.gettempdir = lambda: " + repr(str(blocked)) + "\n"
    variables = dict(os.environ) | {"CONVLET_CACHE_DIR": str(blocked / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code + CODE], env=variables, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_broken_file_is_compiled_anew(tmp_path):
    folder = tmp_path / "kernels"
    run(tmp_path, CONVLET_CACHE_DIR=str(folder))
    for path in folder.rglob("*.nb*"):
        path.write_bytes(path.read_bytes()[:20])
    run(tmp_path, CONVLET_CACHE_DIR=str(folder))
