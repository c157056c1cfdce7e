"""Modules that hold others: in a chain, in a list, in a dict; and lists and dicts of parameters."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Self

from ..autograd.variable import Variable
from .module import Module, indent
from .norm import _BatchNorm
from .parameter import Parameter


def _position(index: Any, length: int) -> int:
    """An index, counted from the end when negative. IndexError when out of range."""
    index = operator.index(index)
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range")
    return index % length


class _Numbered(Module):
    """Submodules under the names "0", "1", ...: what a chain and a list of modules have in common."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._slice(index)
        return self._modules[self._name(index)]

    def _name(self, index: Any) -> str:
        return str(_position(index, len(self)))

    def _slice(self, index: slice) -> Any:
        return type(self)(list(self._modules.values())[index])

    def __delitem__(self, index: Any) -> None:
        modules = list(self._modules.values())
        del modules[index if isinstance(index, slice) else _position(index, len(self))]
        self._renumber(modules)

    def _renumber(self, modules: Iterable[Module | None]) -> None:
        self.__dict__["_modules"] = {str(i): module for i, module in enumerate(modules)}

    def append(self, module: Module) -> Self:
        """Add a module at the end; returns the container."""
        self.add_module(str(len(self)), module)
        return self

    def pop(self, key: Any) -> Any:
        """Remove and return the module at an index."""
        module = self[key]
        del self[key]
        return module


class Sequential(_Numbered):
    """Modules called one after the other, each on the output of the one before.

    ``args``: the modules, or one OrderedDict of names and modules.

    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU())
    >>> model(torch.ones(3, 2)).shape
    torch.Size([3, 4])
    >>> model[1]
    ReLU()
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0] if len(args) == 1 and isinstance(args[0], OrderedDict) else None
        for name, module in named.items() if named is not None else ((str(i), each) for i, each in enumerate(args)):
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        modules = [*self._modules.values()]
        done = False
        for module, after in zip(modules, [*modules[1:], None]):
            if done:
                done = False
                continue
            word = module.takes(after) if isinstance(module, _BatchNorm) else None
            done = word is not None
            input = module.forward(input, word) if done else module(input)
        return input

    def _slice(self, index: slice) -> Any:
        return type(self)(OrderedDict(list(self._modules.items())[index]))

    def _name(self, index: Any) -> str:
        return next(islice(self._modules, _position(index, len(self)), None))

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name(index), module)

    def __delitem__(self, index: Any) -> None:
        if isinstance(index, slice):
            for name in list(self._modules)[index]:
                delattr(self, name)
        else:
            delattr(self, self._name(index))
        self._renumber(list(self._modules.values()))  # names given by an OrderedDict are lost, as in PyTorch

    def extend(self, sequential: Iterable[Module]) -> Self:
        """Add the modules of another container at the end; returns the container."""
        for module in list(sequential):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put a module before the one at ``index``; returns the container. IndexError when there is no such place."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        length = len(self)
        if not -length <= index <= length:
            raise IndexError(f"Index out of range: {index}")
        modules: list[Any] = list(self._modules.values())
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def __add__(self, other: Any) -> Sequential:
        result = Sequential()
        for module in (*self, *_sequential(other)):
            result.append(module)
        return result

    def __iadd__(self, other: Any) -> Self:
        return self.extend(_sequential(other))

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*list(self) * _factor(self, other))

    def __rmul__(self, other: int) -> Sequential:
        return self * other

    def __imul__(self, other: int) -> Self:
        return self.extend(list(self) * (_factor(self, other) - 1))


def _sequential(other: Any) -> Sequential:
    if not isinstance(other, Sequential):
        raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
    return other


def _factor(sequential: Sequential, other: Any) -> int:
    if not isinstance(other, int):
        raise TypeError(f"unsupported operand type(s) for *: {type(sequential)} and {type(other)}")
    if other <= 0:
        raise ValueError(f"Non-positive multiplication factor {other} for {type(sequential)}")
    return other


class ModuleList(_Numbered):
    """A list of modules that registers them: their parameters are the model's.

    >>> layers = torch.nn.ModuleList([torch.nn.ReLU() for _ in range(3)])
    >>> layers.append(torch.nn.Flatten())
    ModuleList(
      (0-2): 3 x ReLU()
      (3): Flatten(start_dim=1, end_dim=-1)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self += modules

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name(index), module)

    def insert(self, index: int, module: Module) -> None:
        """Put a module before the one at ``index``, as ``list.insert`` does."""
        self.append(module)  # checks it
        modules = list(self)
        modules.insert(index, modules.pop())
        self._renumber(modules)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end; returns the list. TypeError for what cannot be iterated."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        """As for every module, but equal neighbours in one line: "(0-2): 3 x ReLU()"."""
        groups: list[list[Any]] = []  # [first, last, text]
        for index, text in enumerate(map(repr, self)):
            if groups and groups[-1][2] == text:
                groups[-1][1] = index
            else:
                groups.append([index, index, text])
        if not groups:
            return f"{self._get_name()}()"
        lines = [
            f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}"
            for first, last, text in groups
        ]
        return f"{self._get_name()}(\n  " + "\n  ".join(indent(line, 2) for line in lines) + "\n)"


def _pairs(kind: str, items: Any, container: type) -> Iterator[tuple[Any, Any]]:
    """The (key, value) pairs of a mapping or of an iterable of pairs; TypeError, ValueError for what is neither."""
    if not isinstance(items, Iterable):
        raise TypeError(
            f"{kind}.update should be called with an iterable of key/value pairs, but got {type(items).__name__}"
        )
    if isinstance(items, (Mapping, container)):
        yield from items.items()  # type: ignore[attr-defined]
        return
    for position, item in enumerate(items):
        if not isinstance(item, Iterable):
            raise TypeError(
                f"{container.__name__} update sequence element #{position} should be Iterable; is{type(item).__name__}"
            )
        pair = tuple(item)
        if len(pair) != 2:
            raise ValueError(
                f"{container.__name__} update sequence element #{position} has length {len(pair)}; 2 is required"
            )
        yield pair


class ModuleDict(Module):
    """A dict of modules that registers them; it keeps the order of insertion.

    >>> heads = torch.nn.ModuleDict({"a": torch.nn.ReLU(), "b": torch.nn.Identity()})
    >>> list(heads.keys())
    ['a', 'b']
    """

    def __init__(self, modules: Any = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Remove and return the module of this name."""
        return self._modules.pop(key)

    def keys(self) -> Any:
        """The names."""
        return self._modules.keys()

    def items(self) -> Any:
        """(name, module) pairs."""
        return self._modules.items()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Add the modules of a mapping or of an iterable of (name, module) pairs."""
        for key, module in list(_pairs("ModuleDict", modules, ModuleDict)):
            self[key] = module


def _described(name: Any, value: Any, type_of: Callable[[Any], Any]) -> str:
    """A line of a parameter container's repr."""
    if not isinstance(value, Variable):
        return f"  ({name}): Object of type: {type(value).__name__}"
    size = "x".join(map(str, value.array.shape))
    owner = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"  ({name}): {owner} containing: [{type_of(value)} of size {size}]"


class ParameterList(Module):
    """A list of parameters that registers them; tensors put in become parameters, other values stay as they are.

    >>> weights = torch.nn.ParameterList([torch.ones(2, 3)])
    >>> weights
    ParameterList(  (0): Parameter containing: [torch.float32 of size 2x3])
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self += values

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, str(i)) for i in range(self._size))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, str(_position(index, self._size)))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, str(_position(index, self._size)), _as_parameter(value))

    def append(self, value: Any) -> Self:
        """Add a value at the end; returns the list."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add values at the end; returns the list. TypeError for what cannot be iterated."""
        if not isinstance(values, Iterable) or isinstance(values, Variable):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def extra_repr(self) -> str:
        return "\n".join(_described(i, value, lambda tensor: tensor.dtype) for i, value in enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dict of parameters that registers them; tensors put in become parameters, other values stay as they are.

    >>> weights = torch.nn.ParameterDict({"left": torch.ones(2)})
    >>> weights["left"].requires_grad
    True
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    @staticmethod
    def _attribute(key: Any) -> str:
        if not isinstance(key, str):
            raise TypeError(
                "Index given to ParameterDict cannot be used as a key as it is not a string (type is "
                f"'{type(key).__name__}'). Open an issue on github if you need non-string keys."
            )
        return key

    def __getitem__(self, key: str) -> Any:
        return getattr(self, self._attribute(key))

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self, self._attribute(key), _as_parameter(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, self._attribute(key))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self._keys))

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def copy(self) -> ParameterDict:
        """A new dict with the same parameters."""
        return ParameterDict(self)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, after putting ``default`` there if it had none."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove all."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Remove and return a value."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the last (key, value)."""
        key, _ = self._keys.popitem()
        value = self[key]
        delattr(self, key)
        return key, value

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, ``default`` if there is none."""
        return self[key] if key in self._keys else default

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new dict with these keys, all with the same value."""
        return ParameterDict([(key, default) for key in keys])

    def keys(self) -> Any:
        """The keys."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """(key, value) pairs."""
        return [(key, self[key]) for key in self._keys]

    def values(self) -> Iterable[Any]:
        """The values."""
        return [self[key] for key in self._keys]

    def update(self, parameters: Any) -> None:
        """Add the values of a mapping or of an iterable of (key, value) pairs."""
        if type(parameters) is dict:
            parameters = sorted(parameters.items())  # as PyTorch does, for the order of the state_dict
        for key, value in list(_pairs("ParametersDict", parameters, ParameterDict)):
            self[key] = value

    def extra_repr(self) -> str:
        return "\n".join(_described(key, value, lambda tensor: tensor.dtype.tensor_type) for key, value in self.items())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other: ParameterDict) -> ParameterDict:
        return ParameterDict([*self.items(), *other.items()])

    def __ror__(self, other: ParameterDict) -> ParameterDict:
        return ParameterDict([*other.items(), *self.items()])

    def __ior__(self, other: ParameterDict) -> Self:
        self.update(other)
        return self


def _as_parameter(value: Any) -> Any:
    """A tensor as a parameter, anything else as it is."""
    if isinstance(value, Variable) and not isinstance(value, Parameter):
        return Parameter(value)
    return value


__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]
