"""Under ``install_as_torch`` each class prints the module name that it has in PyTorch."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("torch")

pytestmark = pytest.mark.parity

LIST = """
import inspect, json, sys
{install}
import torch, torch.nn, torch.optim.lr_scheduler, torch.utils.data, torch.autograd
found = {{}}
for name in ("torch", "torch.nn", "torch.optim", "torch.optim.lr_scheduler", "torch.utils.data", "torch.autograd"):
    module = sys.modules[name]
    for each in dir(module):
        value = getattr(module, each, None)
        if each[0] != "_" and inspect.isclass(value):
            found[name + "." + each] = value.__module__
print(json.dumps(found))
"""


def names(install):
    code = LIST.format(install=install)
    return json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


def test_module_names_of_all_classes_that_both_have():
    ours, theirs = names("import convlet.interop as i; i.install_as_torch()"), names("")
    common = ours.keys() & theirs.keys()
    assert len(common) > 120
    assert {each: ours[each] for each in common} == {each: theirs[each] for each in common}
