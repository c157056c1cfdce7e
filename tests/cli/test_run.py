"""convlet run: a script sees torch, and everything else as under plain python."""

import os
import subprocess
import sys

import pytest


@pytest.fixture
def script(tmp_path):
    def write(text, name="script.py"):
        (tmp_path / name).write_text(text)
        return name

    return write


@pytest.fixture
def run(tmp_path):
    """(status, standard output, standard error) of ``convlet run``."""

    def run(*arguments, **options):
        command = [sys.executable, "-m", "convlet", "run", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, **options)
        return done.returncode, done.stdout, done.stderr

    return run


NAMES = """
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
import torch.optim.lr_scheduler
import torch.backends.cudnn as cudnn
from torch import Tensor, nn as again
from torch.nn import init, Parameter
from torch.nn.modules.conv import Conv2d
from torch.nn.parameter import Parameter as same
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader, TensorDataset
from torch.autograd import Function, grad
from torch.autograd.function import once_differentiable
from torch.autograd import Variable
from torch.nn.modules.utils import _pair

assert again is nn and torch.nn is nn and Conv2d is nn.Conv2d and same is Parameter
assert torch.optim.lr_scheduler.StepLR is not None
assert _pair(3) == (3, 3) and _pair([1, 2]) == (1, 2)
v = Variable(torch.ones(2), requires_grad=True)
assert v.requires_grad and type(v) is Tensor and isinstance(v, Variable)
cudnn.benchmark = True
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
conv = nn.Conv2d(1, 2, 3).to(device)
x = torch.zeros(1, 1, 4, 4)
for each in (conv, conv.weight, x, torch.float32, x.shape, device, nn.ReLU(), nn.Sequential(), nn.MaxPool2d(2),
             nn.BatchNorm2d(1), nn.Linear(1, 1), nn.Flatten(), nn.CrossEntropyLoss(), nn.Dropout(),
             optim.SGD(conv.parameters(), 0.1), TensorDataset(x), DataLoader([1])):
    print(type(each))
print(torch)
print(nn.Module, torch.Generator, torch.no_grad, Function)
print(torch.__version__)
"""


def test_names_and_types_are_those_of_pytorch(run, script):
    status, out, err = run(script(NAMES))
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "<class 'torch.nn.modules.conv.Conv2d'>",
        "<class 'torch.nn.parameter.Parameter'>",
        "<class 'torch.Tensor'>",
        "<class 'torch.dtype'>",
        "<class 'torch.Size'>",
        "<class 'torch.device'>",
        "<class 'torch.nn.modules.activation.ReLU'>",
        "<class 'torch.nn.modules.container.Sequential'>",
        "<class 'torch.nn.modules.pooling.MaxPool2d'>",
        "<class 'torch.nn.modules.batchnorm.BatchNorm2d'>",
        "<class 'torch.nn.modules.linear.Linear'>",
        "<class 'torch.nn.modules.flatten.Flatten'>",
        "<class 'torch.nn.modules.loss.CrossEntropyLoss'>",
        "<class 'torch.nn.modules.dropout.Dropout'>",
        "<class 'torch.optim.sgd.SGD'>",
        "<class 'torch.utils.data.dataset.TensorDataset'>",
        "<class 'torch.utils.data.dataloader.DataLoader'>",
        "<module 'torch' (Convlet)>",
        "<class 'torch.nn.modules.module.Module'> <class 'torch._C.Generator'> "
        "<class 'torch.autograd.grad_mode.no_grad'> <class 'torch.autograd.function.Function'>",
        "2.13.0+convlet",
    ]


def test_what_convlet_has_not_is_said(run, script):
    text = """
import torch
for use in (lambda: torch.frobnicate, lambda: torch.nn.functional.nothing, lambda: torch.conv):
    try:
        use()
    except AttributeError as error:
        print(error)
print(hasattr(torch, "frobnicate"), getattr(torch, "frobnicate", 3))
try:
    import torch.distributed.rpc
except ModuleNotFoundError as error:
    print(error.name, "|", error)
"""
    status, out, err = run(script(text))
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == (
        "module 'torch' has no attribute 'frobnicate'. Convlet runs here in place of PyTorch and does not have "
        "torch.frobnicate."
    )
    assert lines[1].startswith("module 'torch.nn.functional' has no attribute 'nothing'.")
    assert lines[2].startswith("module 'torch' has no attribute 'conv'.")  # Convlet's inner module of that name
    assert lines[3] == "False 3"
    assert lines[4].startswith("torch.distributed | No module named 'torch.distributed'. Convlet runs here")


ENVIRONMENT = """from __future__ import annotations
import os, sys
import neighbour
print(__name__, __file__, sys.argv, neighbour.value, __package__, sys.modules["__main__"].__dict__ is globals())
print(sys.path[0] == os.path.dirname(os.path.abspath(__file__)), sorted(globals()))
if __name__ == "__main__":
    sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize("status", ["0", "3"])
def test_a_script_sees_what_python_shows_it(run, script, tmp_path, status):
    script("value = 'beside'", "neighbour.py")
    name = script(ENVIRONMENT)
    plain = subprocess.run([sys.executable, name, status, "--seed", "-x"], cwd=tmp_path, capture_output=True, text=True)
    mine = run(name, status, "--seed", "-x")
    assert mine == (plain.returncode, plain.stdout, plain.stderr)
    assert mine[0] == int(status)


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nsys.exit('a message')\n",
        "def f():\n    return 1 / 0\n\nf()\n",
        "print('before')\nthis is no Python\n",
        "raise SystemExit\n",
        "raise SystemExit(7)\n",
        "import atexit\natexit.register(print, 'at exit')\nraise ValueError('x') from KeyError('y')\n",
        "import threading\nthreading.Timer(0.1, print, ['from a thread']).start()\n",
        "print(annotations)\n",
        "# -*- coding: latin-1 -*-\nprint(len('\u00e9'))\n",
    ],
)
def test_endings_are_those_of_python(run, script, tmp_path, text):
    name = script(text)
    plain = subprocess.run([sys.executable, name], cwd=tmp_path, capture_output=True, text=True)
    assert run(name) == (plain.returncode, plain.stdout, plain.stderr)


def test_a_script_elsewhere_and_one_from_standard_input(run, script, tmp_path):
    (tmp_path / "deep").mkdir()
    script("import torch\nfrom near import x\nprint(x, torch.ones(2))\n", "deep/a.py")
    script("x = 1\n", "deep/near.py")
    assert run(os.path.join("deep", "a.py")) == (0, "1 tensor([1., 1.])\n", "")
    assert run("-", "y", input="import sys\nprint(sys.argv, __name__)\n") == (0, "['-', 'y'] __main__\n", "")


def test_a_missing_script(run):
    status, out, err = run("nowhere.py")
    assert (status, out) == (2, "")
    assert err == "convlet run: can't open file 'nowhere.py': No such file or directory\n"


def test_the_seed(run, script):
    name = script("import torch\nprint(torch.rand(3))\n")
    assert run("--seed", "0", name) == (0, "tensor([0.4963, 0.7682, 0.0885])\n", "")
    assert run(name) != run(name)


def test_classes_can_be_pickled_and_copied_under_their_new_names(run, script):
    text = """
import copy, pickle, torch
conv = torch.nn.Conv2d(1, 1, 1)
again = pickle.loads(pickle.dumps(conv))
print(torch.equal(again.weight, conv.weight), type(copy.deepcopy(conv.weight)))
print(pickle.loads(pickle.dumps(torch.float16)))
"""
    assert run(script(text))[1] == "True <class 'torch.nn.parameter.Parameter'>\ntorch.float16\n"


def test_it_refuses_where_pytorch_is_loaded_already():
    code = (
        "import sys, types; sys.modules['torch'] = types.ModuleType('torch')\n"
        "import convlet.interop as i\n"
        "try: i.install_as_torch()\n"
        "except RuntimeError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("PyTorch is already imported in this process")


def test_installing_twice_changes_nothing_and_star_import_works():
    code = (
        "import convlet.interop as i; i.install_as_torch(); import torch; first = torch; i.install_as_torch()\n"
        "import torch; assert torch is first\n"
        "from torch.nn.functional import *\n"
        "print(callable(conv2d), callable(relu))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"
