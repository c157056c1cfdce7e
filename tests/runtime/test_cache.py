"""The kernel cache: where it is, what it forgives, and that a second process finds it and loads no compiler."""

import os
import shutil
import subprocess
import sys
import textwrap
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("numba")

import llvmlite
import numba
import numpy as np

import convlet
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


def run(home, code=CODE, **environment):
    """Compiles or loads a kernel in a new process; returns whether it only loaded, and what it said."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("CONVLET_", "XDG_"))}
    variables |= {"HOME": str(home), "TMPDIR": str(home)} | environment
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=120)
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


def test_a_full_disk_is_no_error(tmp_path):
    """No file may grow beyond a few bytes."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    variables = dict(os.environ) | {"CONVLET_CACHE_DIR": str(tmp_path / "kernels"), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", limit + CODE], env=variables, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_two_processes_compile_at_once(tmp_path):
    kernels = tmp_path / "kernels"
    variables = dict(os.environ) | {"CONVLET_CACHE_DIR": str(kernels), "TMPDIR": str(tmp_path)}
    both = [subprocess.Popen([sys.executable, "-c", CODE], env=variables, stdout=subprocess.DEVNULL) for _ in "ab"]
    assert [each.wait(120) for each in both] == [0, 0]
    (folder,) = kernels.iterdir()
    for path in folder.iterdir():
        assert machine_code.unpack(path.read_bytes()) is not None, path
    assert len(kernels_in(folder)) == 1
    assert run(tmp_path, CONVLET_CACHE_DIR=str(kernels))[0]


THREADS = """
import threading
import numpy as np
from convlet.kernels import compilation, steps
draft, drafts, sums, gate = compilation.draft, [], [], threading.Barrier(8)
compilation.draft = lambda function, name: drafts.append(name) or draft(function, name)

def ask():
    a, b = np.arange(16, dtype="f4"), np.ones(16, "f4")
    gate.wait()
    steps.STEPS[4]["accumulate"].run(a.ctypes.data, b.ctypes.data, 16)
    sums.append(a.sum())

threads = [threading.Thread(target=ask) for _ in range(8)]
for each in threads:
    each.start()
for each in threads:
    each.join()
assert sums == [136.0] * 8, sums
assert len(set(drafts)) == len(drafts) == 1, drafts
"""


def test_threads_that_ask_for_a_kernel_at_once_compile_it_once(tmp_path):
    variables = dict(os.environ) | {"CONVLET_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", THREADS], env=variables, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


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


# What is read will be run: nobody else may have written it.


@pytest.fixture
def two_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_roots", lambda: iter([tmp_path / "first", tmp_path / "second"]))
    cache.folders.cache_clear()
    yield lambda: cache.folders("generic")
    cache.folders.cache_clear()


posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes and owners of POSIX")
as_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root may give files away")
CHANGES = {
    "a group may write": lambda path: path.chmod(path.stat().st_mode | 0o020),
    "all may write": lambda path: path.chmod(path.stat().st_mode | 0o002),
    "another's": lambda path: os.chown(path, 12345, -1),
}
WAYS = [pytest.param(change, id=name, marks=as_root if name == "another's" else ()) for name, change in CHANGES.items()]


@posix
@pytest.mark.parametrize("change", WAYS)
def test_a_folder_that_others_may_write_to_is_not_used(two_folders, change):
    first, second = two_folders()
    cache.write("generic", "kernel", b"code")
    change(first)
    cache.folders.cache_clear()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert two_folders() == (second,)
    told = [] if first.stat().st_uid else [f"because others may write to it: chmod go-w {first}"]
    assert [str(each.message).partition(", ")[2] for each in said] == told
    assert cache.read("generic", "kernel") is None
    cache.write("generic", "kernel", b"anew")
    assert (second / "kernel").read_bytes() == b"anew"


@posix
@pytest.mark.parametrize("change", WAYS)
def test_a_file_that_others_may_have_written_counts_as_none(two_folders, change):
    cache.write("generic", "kernel", b"code")
    assert cache.read("generic", "kernel") == b"code"
    change(two_folders()[0] / "kernel")
    assert cache.read("generic", "kernel") is None
    cache.write("generic", "kernel", b"anew")
    assert cache.read("generic", "kernel") == b"anew"


@posix
def test_what_is_made_may_be_written_by_nobody_else(two_folders):
    before = os.umask(0)
    try:
        first, _ = two_folders()
        cache.write("generic", "kernel", b"code")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (first, first / "kernel")] == [0o755, 0o644]


def test_a_folder_that_takes_no_file_is_still_read(two_folders):
    """Kernels that came with a container's image, say; what is missing is kept in the next folder."""
    first, second = two_folders()
    cache.write("generic", "old", b"code")
    (first / "new").mkdir()  # no file can take its place
    cache.write("generic", "new", b"more")
    assert [path.name for path in second.iterdir()] == ["new"]
    assert {path.name for path in first.iterdir()} == {"old", "new"}
    assert [cache.read("generic", name) for name in ("old", "new")] == [b"code", b"more"]


def test_other_versions_and_processors_have_other_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVLET_CACHE_DIR", str(tmp_path))
    found = set(cache.folders.__wrapped__("generic")[:1])
    with monkeypatch.context() as changed:
        changed.setattr(processor, "identity", lambda: "another")
        found |= set(cache.folders.__wrapped__("generic")[:1])
    with monkeypatch.context() as changed:
        changed.setattr(np, "__version__", "9.8.7")
        found |= set(cache.folders.__wrapped__("generic")[:1])
    for package in ("numba", "llvmlite"):
        with monkeypatch.context() as changed:
            versions = {"numba": numba.__version__, "llvmlite": llvmlite.__version__, package: "9"}
            changed.setattr(cache, "version", versions.__getitem__)
            found |= set(cache.folders.__wrapped__("generic")[:1])
    assert len(found) == 5
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
        launch._files.cache_clear()
        return launch._sources(tmp_path / "a.py")

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


def test_a_process_whose_package_is_replaced_neither_keeps_nor_takes_kernels(tmp_path):
    """What it would keep is of the files that it has read, and its name of those that lie there now."""
    package = shutil.copytree(Path(convlet.__file__).parent, tmp_path / "convlet")
    replaced = CODE.replace(
        "kernel =", f"open({str(package / 'kernels' / 'rows.py')!r}, 'a').write('# of a newer version'); kernel ="
    )
    kernels = tmp_path / "kernels"
    here = {"CONVLET_CACHE_DIR": str(kernels), "PYTHONPATH": str(tmp_path)}
    assert not run(tmp_path, replaced, **here)[0]
    assert not kernels_in(kernels)
    assert not run(tmp_path, **here)[0]
    assert kernels_in(kernels)
    assert not run(tmp_path, replaced, **here)[0]


def test_no_two_kernels_share_a_name(tmp_path):
    """Files are named after them. All that the modules make; those made on demand have their numbers in the name."""
    code = """
    import importlib, pkgutil
    from convlet import kernels
    from convlet.kernels import launch
    names = []
    init = launch.Kernel.__init__
    def noted(self, function, *name):
        init(self, function, *name)
        names.append((function.__code__.co_filename, function.__qualname__))
    launch.Kernel.__init__ = noted
    for each in pkgutil.iter_modules(kernels.__path__):
        if each.name != "compilation":
            importlib.import_module("convlet.kernels." + each.name)
    assert len(names) > 100, len(names)
    assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
