"""Where kernels cannot be made, or not be run: NumPy computes, and says why, once."""

import os
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("numba")

# A small network, forward and backward, whose warnings are printed.
CODE = """
import warnings
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    import convlet as torch
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU())
    x = torch.ones(2, 3, 40, 40, requires_grad=True)
    net(x).sum().backward()
    assert x.grad.shape == x.shape
print(torch.explain(net[0], x.shape).algorithm, *[each.message for each in said], sep="|", end="")
"""

BEHIND = "; convolutions run through NumPy, slower"
REFUSALS = {
    "no memory may be run": (
        """
        import ctypes
        PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1  # as SELinux may; Linux 6.3
        if ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
            from convlet.runtime import machine_code
            machine_code._protect = lambda: lambda *where: -1
        """,
        "Error: [Errno ",  # ours, or that of who asks first
    ),
    "Numba has changed inside": (
        """
        from numba.core import codegen
        del codegen.JITCodeLibrary
        """,
        "AttributeError: module 'numba.core.codegen' has no attribute 'JITCodeLibrary'",
    ),
    "Numba refuses this NumPy": (
        """
        import sys
        class Refusing:
            @staticmethod
            def find_spec(name, path=None, target=None):
                if name == "llvmlite.binding":
                    raise ImportError("Numba needs NumPy 1.0 or less")
        sys.meta_path.insert(0, Refusing)
        """,
        "kernels cannot be compiled: Numba needs NumPy 1.0 or less" + BEHIND,
    ),
    "no Numba": ("import sys; sys.modules['numba'] = None", "Numba is not installed" + BEHIND),
}


def run(code, folder, **environment):
    variables = os.environ | {"CONVLET_CACHE_DIR": str(folder)} | environment
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split("|")


@pytest.mark.skipif(sys.platform != "linux", reason="code of our own loading")
@pytest.mark.parametrize("how", REFUSALS)
def test_numpy_computes_where_kernels_cannot(how, tmp_path):
    first, reason = REFUSALS[how]
    algorithm, *said = run(textwrap.dedent(first) + CODE, tmp_path)
    assert algorithm == "numpy"
    assert len(said) == 1, said
    assert reason in said[0]
    assert said[0].endswith(BEHIND)


# One small kernel: what is tested is whether it compiles.
KERNEL = """
import numpy as np
from convlet.kernels import steps
a, b = np.arange(16, dtype="f4"), np.ones(16, "f4")
steps.STEPS[4]["accumulate"].run(a.ctypes.data, b.ctypes.data, 16)
print(*a, sep="|", end="")
"""


def test_kernels_are_compiled_where_numba_is_told_to_compile_nothing(tmp_path):
    assert run(KERNEL, tmp_path, NUMBA_DISABLE_JIT="1") == [str(i + 1.0) for i in range(16)]
