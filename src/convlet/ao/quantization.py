"""Neighbouring layers as one: ``torch.ao.quantization.fuse_modules``. Quantization itself is not built."""

from __future__ import annotations

import copy
from typing import Any

from ..nn import BatchNorm2d, Conv2d, Identity, Linear, ReLU
from ..nn.intrinsic import BNReLU2d, ConvReLU2d, LinearReLU
from ..nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["fuse_modules"]

_FUSERS: dict[Any, Any] = {
    (Conv2d, BatchNorm2d): fuse_conv_bn_eval,
    (Conv2d, BatchNorm2d, ReLU): lambda conv, bn, relu: ConvReLU2d(fuse_conv_bn_eval(conv, bn), relu),
    (Conv2d, ReLU): ConvReLU2d,
    (Linear, ReLU): LinearReLU,
    (BatchNorm2d, ReLU): BNReLU2d,
}


def fuse_modules(model: Any, modules_to_fuse: Any, inplace: bool = False) -> Any:
    """The model with the named neighbours as one layer each, for inference: a copy, or the model itself ``inplace``.

    ``modules_to_fuse`` is a list of names such as ``["conv1", "bn1", "relu"]``, or a list of such lists. Convolution
    and batch norm become one convolution (:func:`convlet.nn.utils.fusion.fuse_conv_bn_eval`); a ReLU behind is applied
    while the convolution stores its results. The first layer's place is taken by the new one, the others' by
    ``nn.Identity``. Only where the model calls these layers one after another, and each once, does it compute the same.

    Raises NotImplementedError for layers that cannot be joined, AssertionError for a model in training mode.

    >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU()).eval()
    >>> torch.ao.quantization.fuse_modules(model, ["0", "1", "2"])
    Sequential(
      (0): ConvReLU2d(
        (0): Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1))
        (1): ReLU()
      )
      (1): Identity()
      (2): Identity()
    )
    """
    groups = [modules_to_fuse] if all(isinstance(each, str) for each in modules_to_fuse) else modules_to_fuse
    if not inplace:
        model = copy.deepcopy(model)
    # All layers are made before the first is put in place: an error changes nothing.
    made = [(names, _fused([model.get_submodule(name) for name in names])) for names in groups]
    for names, layers in made:
        for name, layer in zip(names, layers):
            owner, _, last = name.rpartition(".")
            setattr(model.get_submodule(owner), last, layer)
    return model


def _fused(layers: list[Any]) -> list[Any]:
    """The layers that take these layers' places."""
    kinds = tuple(type(each) for each in layers)
    if any(each.training for each in layers):
        raise AssertionError("Fusion only for eval! Call model.eval() first.")
    fuser = _FUSERS.get(kinds)
    if fuser is None:
        known = "; ".join(", ".join(kind.__name__ for kind in each) for each in _FUSERS)
        raise NotImplementedError(f"Cannot fuse modules: {kinds}. What can be: {known}.")
    fused = fuser(*layers)
    fused.eval()
    return [fused, *[Identity().eval() for _ in layers[1:]]]
