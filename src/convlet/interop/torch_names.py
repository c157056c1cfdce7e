"""PyTorch's module names for Convlet's modules, in this process only.

After :func:`install_as_torch`, ``import torch`` and its submodules give thin modules that look everything up
in Convlet; classes carry the module names they have in PyTorch, so that ``type(conv)`` prints the same.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import inspect
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

PYTORCH = "2.13.0"  # the version whose behaviour Convlet follows

# Where the names of each PyTorch module are found in Convlet ("" is convlet itself).
MODULES = {
    "torch": "",
    "torch.amp": "amp",
    "torch.amp.autocast_mode": "amp",
    "torch.amp.grad_scaler": "amp",
    "torch.autograd": "autograd",
    "torch.autograd.function": "autograd",
    "torch.autograd.gradcheck": "autograd",
    "torch.autograd.grad_mode": "autograd",
    "torch.autograd.variable": "interop.variable",
    "torch.backends": "backends",
    "torch.backends.cpu": "backends.cpu",
    "torch.backends.cuda": "backends.cuda",
    "torch.backends.cudnn": "backends.cudnn",
    "torch.backends.mkl": "backends.mkl",
    "torch.backends.mkldnn": "backends.mkldnn",
    "torch.backends.mps": "backends.mps",
    "torch.backends.openmp": "backends.openmp",
    "torch.cuda": "cuda",
    "torch.cuda.amp": "cuda.amp",
    "torch.linalg": "linalg",
    "torch.nn": "nn",
    "torch.nn.functional": "nn.functional",
    "torch.nn.grad": "nn.grad",
    "torch.nn.init": "nn.init",
    "torch.nn.modules": "nn",
    "torch.nn.modules.activation": "nn.activation",
    "torch.nn.modules.batchnorm": "nn.norm",
    "torch.nn.modules.container": "nn.containers",
    "torch.nn.modules.conv": "nn.conv",
    "torch.nn.modules.dropout": "nn.dropout",
    "torch.nn.modules.flatten": "nn.flatten",
    "torch.nn.modules.instancenorm": "nn.norm",
    "torch.nn.modules.linear": "nn.linear",
    "torch.nn.modules.loss": "nn.loss",
    "torch.nn.modules.module": "nn.module",
    "torch.nn.modules.normalization": "nn.norm",
    "torch.nn.modules.padding": "nn.padding",
    "torch.nn.modules.pooling": "nn.pooling",
    "torch.nn.modules.utils": "interop.tuples",
    "torch.nn.parameter": "nn.parameter",
    "torch.nn.parallel": "nn.data_parallel",
    "torch.nn.parallel.data_parallel": "nn.data_parallel",
    "torch.nn.utils": "nn.utils",
    "torch.nn.utils.clip_grad": "nn.utils.clip_grad",
    "torch.nn.utils.convert_parameters": "nn.utils.convert_parameters",
    "torch.optim": "optim",
    "torch.optim.lr_scheduler": "optim.lr_scheduler",
    "torch.optim.optimizer": "optim",
    "torch.random": "",
    "torch.serialization": "io",
    "torch.utils": "utils",
    "torch.utils.checkpoint": "utils.checkpoint",
    "torch.utils.data": "utils.data",
    "torch.utils.data.dataloader": "data.loader",
    "torch.utils.data.dataset": "data.dataset",
    "torch.utils.data.sampler": "data.sampler",
    "torch.version": "version",
}

# Names that Convlet's module of that place uses for something of its own.
REPLACED = {"torch.autograd.Variable": "interop.variable"}

# Functions that hide the module of their name, as in PyTorch: the module can be imported from all the same.
HIDING = frozenset({"torch.autograd.gradcheck"})

# The PyTorch module whose name the classes of a module or package of Convlet carry; the longest prefix counts, and *
# is the class's name in small letters.
HOMES = {
    "amp": "torch.amp.autocast_mode",
    "autograd.anomaly_mode": "torch.autograd.anomaly_mode",
    "autograd.custom": "torch.autograd.function",
    "autograd.mode": "torch.autograd.grad_mode",
    "data.dataset": "torch.utils.data.dataset",
    "data.loader": "torch.utils.data.dataloader",
    "data.sampler": "torch.utils.data.sampler",
    "dtypes": "torch",
    "interop.variable": "torch.autograd.variable",
    "nn.activation": "torch.nn.modules.activation",
    "nn.containers": "torch.nn.modules.container",
    "nn.conv": "torch.nn.modules.conv",
    "nn.data_parallel": "torch.nn.parallel.data_parallel",
    "nn.dropout": "torch.nn.modules.dropout",
    "nn.flatten": "torch.nn.modules.flatten",
    "nn.linear": "torch.nn.modules.linear",
    "nn.loss": "torch.nn.modules.loss",
    "nn.margin_loss": "torch.nn.modules.loss",
    "nn.module": "torch.nn.modules.module",
    "nn.norm": "torch.nn.modules.normalization",
    "nn.padding": "torch.nn.modules.padding",
    "nn.parameter": "torch.nn.parameter",
    "nn.pooling": "torch.nn.modules.pooling",
    "nn.sparse": "torch.nn.modules.sparse",
    "nn.upsampling": "torch.nn.modules.upsampling",
    "optim": "torch.optim.*",
    "optim.lr_scheduler": "torch.optim.lr_scheduler",
    "tensor": "torch",
    "tensor.generator": "torch._C",
}

# Classes that PyTorch keeps elsewhere than Convlet does.
EXCEPTIONS = {
    "torch.nn.modules.channelshuffle": ("ChannelShuffle",),
    "torch.amp.grad_scaler": ("GradScaler",),
    "torch.nn.modules.batchnorm": ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"),
    "torch.nn.modules.distance": ("CosineSimilarity", "PairwiseDistance"),
    "torch.nn.modules.fold": ("Fold", "Unfold"),
    "torch.nn.modules.instancenorm": ("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
    "torch.nn.modules.pixelshuffle": ("PixelShuffle", "PixelUnshuffle"),
}


def install_as_torch() -> None:
    """Make ``import torch`` mean Convlet in this process, for code that is imported from now on.

    A name that Convlet does not have raises AttributeError, a module ModuleNotFoundError; both say so.
    Calling it twice changes nothing. Raises RuntimeError when PyTorch itself is already imported.

    Example::

        import convlet.interop
        convlet.interop.install_as_torch()
        import torch.nn as nn           # Convlet's
        print(type(nn.Conv2d(1, 1, 3)))  # <class 'torch.nn.modules.conv.Conv2d'>
    """
    loaded = sys.modules.get("torch")
    if isinstance(loaded, TorchModule):
        return
    if loaded is not None:
        raise RuntimeError("PyTorch is already imported in this process: call install_as_torch() before 'import torch'")
    sys.meta_path.insert(0, _Finder())
    importlib.import_module("torch")
    _name_classes_as_pytorch_does()


class TorchModule(ModuleType):
    """A module of PyTorch's name whose attributes are those of a module of Convlet."""

    def __init__(self, name: str, source: ModuleType) -> None:
        super().__init__(name, source.__doc__)
        self._source = source

    def __getattr__(self, name: str) -> Any:
        if name == "__version__" and self.__name__ == "torch":
            return f"{PYTORCH}+convlet"
        if name == "__all__":
            return [each for each in dir(self) if each[0] != "_"]
        full = f"{self.__name__}.{name}"
        if full in MODULES and full not in HIDING:
            try:
                return importlib.import_module(full)
            except ModuleNotFoundError:
                raise self._missing(name) from None
        if name[:2] == "__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self)
        source = importlib.import_module(f"convlet.{REPLACED[full]}") if full in REPLACED else self._source
        try:
            value = getattr(source, name)
        except AttributeError:
            raise self._missing(name) from None
        if isinstance(value, ModuleType):  # Convlet's own inner structure
            raise self._missing(name)
        setattr(self, name, value)  # found directly the next time
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, TorchModule) and value.__name__ in HIDING):  # set by the import system
            super().__setattr__(name, value)

    def _missing(self, name: str) -> AttributeError:
        return AttributeError(
            f"module {self.__name__!r} has no attribute {name!r}. Convlet runs here in place of PyTorch and does not "
            f"have {self.__name__}.{name}.",
            name=name,
            obj=self,
        )

    def __dir__(self) -> list[str]:
        public = getattr(self._source, "__all__", None) or [each for each in dir(self._source) if each[0] != "_"]
        inner = [each.rpartition(".")[2] for each in MODULES if each.rpartition(".")[0] == self.__name__]
        return sorted({*super().__dir__(), *public, *inner})


class _Finder:
    """Finds ``torch`` and what is below it; both finder and loader of the import system."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "torch" and not name.startswith("torch."):
            return None
        if _source(name) is None:
            raise ModuleNotFoundError(
                f"No module named {name!r}. Convlet runs here in place of PyTorch and does not have this module.",
                name=name,
            )
        return importlib.machinery.ModuleSpec(name, self, origin="Convlet", is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        source = _source(spec.name)
        assert source is not None
        return TorchModule(spec.name, source)

    def exec_module(self, module: ModuleType) -> None:
        pass


def _source(name: str) -> ModuleType | None:
    """The module of Convlet that stands for this one of PyTorch; it may be an object in a module's place."""
    if name not in MODULES:
        return None
    full = f"convlet.{MODULES[name]}".removesuffix(".")
    try:
        return importlib.import_module(full)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{full}.".startswith(f"{error.name}."):
            raise
    parent, _, attribute = full.rpartition(".")
    return getattr(sys.modules.get(parent), attribute, None)


def _name_classes_as_pytorch_does() -> None:
    # All modules with classes, so that these are there.
    for name in ("", "amp", "nn", "optim.lr_scheduler", "utils.data", "interop.variable"):
        importlib.import_module(f"convlet.{name}".removesuffix("."))
    elsewhere = {name: home for home, names in EXCEPTIONS.items() for name in names}
    for module in [each for name, each in sys.modules.items() if f"{name}.".startswith("convlet.")]:
        for name, each in list(vars(module).items()):
            if inspect.isclass(each) and name[0] != "_" and (home := _home(each.__module__)) is not None:
                each.__module__ = elsewhere.get(name, home.replace("*", name.lower()))


def _home(module: str) -> str | None:
    """The PyTorch module for classes of this module of Convlet; None for Convlet's own and everybody else's."""
    if module == "convlet":
        return "torch"
    here = module.removeprefix("convlet.") if module.startswith("convlet.") else ""
    while here and here not in HOMES:
        here = here.rpartition(".")[0]
    return HOMES.get(here)
