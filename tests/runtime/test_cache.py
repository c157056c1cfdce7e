"""The kernel cache: where it is, what it forgives, and that a second process finds it and loads no compiler."""

import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("numba")

import llvmlite
import numba

from convlet.kernels import launch
from convlet.runtime import cache, machine_code, processor

# A kernel of few instructions: the cache is tested, not the compiler.
CODE = """
import sys
from convlet.kernels import steps
kernel = steps.STEPS[4]["accumulate"]
import numpy as np
a, b = np.arange(16, dtype="f4"), np.ones(16, "f4")
kernel.run(a.ctypes.data, b.ctypes.data, 16)
assert (a == np.arange(16) + 1).all()
print("compiled" if "numba" in sys.modules else "loaded")
"""


def run(home, **environment):
    """Compiles or loads a kernel in a new process; returns whether it only loaded, and what it said."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("CONVLET_", "XDG_"))}
    variables |= {"HOME": str(home), "TMPDIR": str(home)} | environment
    done = subprocess.run([sys.executable, "-c", CODE], env=variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout == "loaded\n", done.stderr


def kernels_in(folder):
    return list(Path(folder).rglob("rows._accumulate_f32.*"))


def test_the_second_process_loads_what_the_first_compiled(tmp_path):
    folder = tmp_path / "kernels"
    loaded, said = run(tmp_path, CONVLET_CACHE_DIR=str(folder), CONVLET_VERBOSE="1")
    assert not loaded
    assert said.count("convlet: compiling kernels for this processor (once)...") == 1
    assert kernels_in(folder)
    loaded, said = run(tmp_path, CONVLET_CACHE_DIR=str(folder), CONVLET_VERBOSE="1")
    assert loaded
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
    loaded, _ = run(tmp_path, CONVLET_CACHE_DIR=str(blocked / "cache"))
    assert not loaded
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


BREAKS = {
    "cut off": lambda content: content[:-20],
    "empty": lambda content: b"",
    "of another format": lambda content: b"convlet code 0\n" + content[15:],
    "one bit": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "no address to be had": None,
}


@pytest.mark.parametrize("how", BREAKS)
def test_a_broken_file_is_compiled_anew(tmp_path, how):
    folder = tmp_path / "kernels"
    run(tmp_path, CONVLET_CACHE_DIR=str(folder))
    (path,) = kernels_in(folder)
    whole = path.read_bytes()
    if BREAKS[how] is None:
        code = machine_code.unpack(whole)
        path.write_bytes(replace(code, symbols=("convlet_has_no_such_function",), slots=(0,)).pack())
    else:
        path.write_bytes(BREAKS[how](whole))
    loaded, _ = run(tmp_path, CONVLET_CACHE_DIR=str(folder))
    assert not loaded
    assert path.read_bytes() == whole
    assert run(tmp_path, CONVLET_CACHE_DIR=str(folder))[0]


def test_other_versions_and_processors_have_other_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVLET_CACHE_DIR", str(tmp_path))
    found = {cache.directory.__wrapped__("generic")}
    with monkeypatch.context() as changed:
        changed.setattr(processor, "identity", lambda: "another")
        found.add(cache.directory.__wrapped__("generic"))
    for package in ("numba", "llvmlite"):
        with monkeypatch.context() as changed:
            versions = {"numba": numba.__version__, "llvmlite": llvmlite.__version__, package: "9"}
            changed.setattr(cache, "_version", versions.__getitem__)
            found.add(cache.directory.__wrapped__("generic"))
    assert len(found) == 4
    assert numba.__version__ in str(min(found))


def test_a_change_of_any_source_is_another_name(tmp_path):
    """Of a kernel's file, of those it imports, and they import."""
    for name, text in {
        "a": "from .b import x",
        "b": "    from . import c, d",
        "c": "",
        "d": "",
        "unrelated": "",
    }.items():
        (tmp_path / f"{name}.py").write_text(text)

    def name_now():
        launch._imports.cache_clear()
        return launch._sources.__wrapped__(tmp_path / "a.py")

    before = name_now()
    assert name_now() == before
    for name in "abcd":
        file = tmp_path / f"{name}.py"
        text = file.read_text()
        file.write_text(text + "\n# changed")
        assert name_now() != before
        file.write_text(text)
    (tmp_path / "unrelated.py").write_text("changed")
    assert name_now() == before


def test_no_two_kernels_share_a_name(tmp_path):
    """Files are named after them. All that the modules make; those made on demand have their numbers in the name."""
    code = """
    import importlib, pkgutil
    from convlet import kernels
    from convlet.kernels import launch
    names = []
    init = launch.Kernel.__init__
    def noted(self, function):
        names.append((function.__code__.co_filename, function.__qualname__))
        init(self, function)
    launch.Kernel.__init__ = noted
    for each in pkgutil.iter_modules(kernels.__path__):
        if each.name != "compilation":
            importlib.import_module("convlet.kernels." + each.name)
    assert len(names) > 100, len(names)
    assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
