"""Imports point down the floors of docs/architecture.md, and importing convlet loads nothing it should not."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import convlet

SOURCE = Path(convlet.__file__).parent

# The floor of a package or module; the longest matching prefix counts.
FLOORS = {
    "dtypes": 0, "determinism": 0, "runtime": 0,
    "kernels": 1,
    "conv.algorithms": 2, "conv.select": 2,
    "conv": 3,
    "autograd": 4,
    "ops": 5,
    "tensor": 6,
    "nn": 7, "backends": 7, "cuda": 7, "linalg": 7,
    "optim": 8, "data": 8, "utils": 8, "datasets": 8, "models": 8, "io": 8, "interop": 8,
    "amp": 7, "ao": 8, "settings": 7, "version": 8, "explanation": 8, "warming": 8,
    "cli": 9, "__main__": 9,
}  # fmt: skip
# Plain values of floor 3, which the algorithms below it read too.
VALUES = {"conv.problem", "conv.padding", "conv.gradient", "conv.precision", "conv.tail"}
FACE = ""  # convlet/__init__.py itself


def module_name(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor(name):
    for length in range(len(name.split(".")), 0, -1):
        prefix = ".".join(name.split(".")[:length])
        if prefix in FLOORS:
            return FLOORS[prefix]
    raise AssertionError(f"convlet.{name} has no floor: add it to FLOORS and to docs/architecture.md")


def is_module(name):
    path = SOURCE.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def imports(path):
    """(module of convlet, line) for each import in a file; '' is the face."""
    parts = module_name(path).split(".") if module_name(path) else []
    package = parts if path.name == "__init__.py" else parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "convlet":
                    yield alias.name.removeprefix("convlet").removeprefix("."), node.lineno
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                base = ".".join([*package[: len(package) - node.level + 1], *([module] if module else [])])
            elif module.split(".")[0] == "convlet":
                base = module.removeprefix("convlet").removeprefix(".")
            else:
                continue
            for alias in node.names:
                full = f"{base}.{alias.name}".removeprefix(".")
                yield (full if is_module(full) else base), node.lineno


FILES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path):
    name = module_name(path)
    if name == FACE:
        return
    mine = floor(name)
    for target, line in imports(path):
        if target == FACE:
            assert mine >= 8, f"{path.name}:{line} imports the face from floor {mine}"
            continue
        allowed = floor(target) <= mine or target in VALUES
        assert allowed, f"{path.name}:{line}: floor {mine} imports convlet.{target} of floor {floor(target)}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_only_the_kernels_and_the_ground_import_numba(path):
    if module_name(path).split(".")[0] in ("kernels", "runtime"):
        return
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        assert not any(each.split(".")[0] in ("numba", "llvmlite") for each in names), path


def test_only_compiling_imports_numba():
    """A process whose kernels are on disk loads neither it nor LLVM (kernels/jit.py)."""
    needed = {"numba", "llvmlite.binding"}
    for path in FILES:
        for node in ast.parse(path.read_text()).body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            if any(name in needed or name.startswith("numba.") for name in names):
                assert module_name(path) == "kernels.compilation", path


def test_importing_convlet_loads_nothing_optional():
    code = "import sys, json, convlet; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = set(json.loads(output))
    optional = {"numba", "llvmlite", "ml_dtypes", "PIL", "matplotlib", "tqdm", "safetensors", "torch", "scipy"}
    assert not loaded & optional
