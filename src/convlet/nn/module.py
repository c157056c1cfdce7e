"""``Module``: parameters, buffers and submodules under names, and a ``forward`` that uses them.

A module's own state stands in three dictionaries (``_parameters``, ``_buffers``, ``_modules``), filled by assigning to
its attributes; everything that concerns a whole model (walking it, converting it, its state_dict) walks these.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from ..autograd.deferred import span
from ..autograd.function import make_result
from ..autograd.mode import _mode, no_grad
from ..autograd.variable import RemovableHandle, Variable
from ..tensor.conversion import parse_to
from ..tensor.size import META, require_supported
from .backward_hooks import BackwardHook
from .parameter import Buffer, Parameter
from .state import STATE_HOOKS, Stateful

_CALL_HOOKS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
)
_OWN = ("_parameters", "_buffers", "_modules")

# Hooks of every module in the process.
_global_forward_pre_hooks: dict[int, Any] = {}
_global_forward_hooks: dict[int, Any] = {}
_global_backward_pre_hooks: dict[int, Any] = {}
_global_backward_hooks: dict[int, Any] = {}
_GLOBAL_HOOKS = (_global_forward_pre_hooks, _global_forward_hooks, _global_backward_pre_hooks, _global_backward_hooks)


def typename(value: Any) -> str:
    """The name of a value's type as it stands in error messages."""
    if isinstance(value, Variable):
        return value.dtype.tensor_type
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _check_name(kind: str, name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"{kind} name should be a string. Got {type(name).__name__}")
    if "." in name:
        got = f", got: {name}" if kind == "module" else ""
        raise KeyError(f'{kind} name can\'t contain "."{got}')
    if not name:
        raise KeyError(f'{kind} name can\'t be empty string ""')


def indent(text: str, spaces: int) -> str:
    """Text with all lines but the first moved to the right."""
    return text.replace("\n", "\n" + " " * spaces)


class Module(Stateful):
    """The base of all layers and models: assign parameters and submodules in ``__init__``, define ``forward``.

    Calling the module calls ``forward`` and the registered hooks.

    >>> class Scale(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = torch.nn.Parameter(torch.tensor(2.0))
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scale()(torch.tensor([1.0, 3.0]))
    tensor([2., 6.], grad_fn=<MulBackward0>)
    >>> [name for name, _ in Scale().named_parameters()]
    ['factor']
    """

    dump_patches: bool = False
    _hooked: bool = False  # True once a hook was registered, here or for every module: all a call looks at
    call_super_init: bool = False

    training: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if self.call_super_init is False:
            if kwargs:
                raise TypeError(
                    f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
                )
            if args:
                raise TypeError(
                    f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
                )
        state = self.__dict__
        state["training"] = True
        for name in _OWN:
            state[name] = {}
        state["_non_persistent_buffers_set"] = set()
        state["_is_full_backward_hook"] = None
        for name in _CALL_HOOKS:
            state[name] = {}
        for name in STATE_HOOKS:
            state[name] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *input: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # Calling ------------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooked:
            return self._call_with_hooks(args, kwargs)
        if self._modules and not _mode.grad and _mode.span is None:  # a network in evaluation
            return span(self.forward, *args, **kwargs)
        return self.forward(*args, **kwargs)

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        called: set[int] = set()
        call = [args, kwargs, None]  # as the hooks have left them so far
        try:
            return self._run_with_hooks(call, called)
        except Exception:
            self._call_remaining_hooks(call, called)
            raise

    def _run_with_hooks(self, call: list[Any], called: set[int]) -> Any:
        for hook in list(_global_forward_pre_hooks.values()):
            call[0] = _replaced_args(call[0], hook(self, call[0]))
        for key, hook in list(self._forward_pre_hooks.items()):
            if key in self._forward_pre_hooks_with_kwargs:
                replaced = hook(self, call[0], call[1])
                if replaced is not None:
                    if not (isinstance(replaced, tuple) and len(replaced) == 2):
                        raise RuntimeError(
                            "forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
                            f"{replaced}."
                        )
                    call[0], call[1] = replaced
            else:
                call[0] = _replaced_args(call[0], hook(self, call[0]))
        backward = self._backward_hook()
        args = call[0] if backward is None else backward.mark_inputs(call[0])
        call[2] = self.forward(*args, **call[1])
        for key, hook in [*_global_forward_hooks.items(), *self._forward_hooks.items()]:
            called.add(key)
            replaced = self._call_forward_hook(key, hook, call)
            if replaced is not None:
                call[2] = replaced
        result = call[2]
        if backward is not None:
            if not isinstance(result, (Variable, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                    f"received {type(result)}",
                    stacklevel=4,
                )
            result = backward.mark_output(result)
        if self._is_full_backward_hook is False:
            self._attach_old_backward_hooks(result)
        return result

    def _call_forward_hook(self, key: int, hook: Callable[..., Any], call: list[Any]) -> Any:
        if key in self._forward_hooks_with_kwargs:
            return hook(self, call[0], call[1], call[2])
        return hook(self, call[0], call[2])

    def _call_remaining_hooks(self, call: list[Any], called: set[int]) -> None:
        """After an error: the hooks registered with ``always_call``; their own errors become warnings."""
        always = {**_global_always_called, **self._forward_hooks_always_called}
        for where, hooks in (("global module", _global_forward_hooks), ("module", self._forward_hooks)):
            for key, hook in list(hooks.items()):
                if key in called or key not in always:
                    continue
                try:
                    replaced = self._call_forward_hook(key, hook, call)
                    if replaced is not None:
                        call[2] = replaced
                except Exception as error:
                    warnings.warn(
                        f"{where} forward hook with ``always_call=True`` raised an exception that was silenced as "
                        f"another error was raised in forward: {error}",
                        stacklevel=4,
                    )

    def _backward_hook(self) -> BackwardHook | None:
        own = self._backward_hooks.values() if self._is_full_backward_hook is not False else ()
        hooks = [*_global_backward_hooks.values(), *own]
        prehooks = [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]
        return BackwardHook(self, hooks, prehooks) if hooks or prehooks else None

    def _attach_old_backward_hooks(self, result: Any) -> None:
        while not isinstance(result, Variable):
            if not result:
                return
            result = next(iter(result.values())) if isinstance(result, dict) else result[0]
        node = result.grad_fn
        if node is not None:
            for hook in self._backward_hooks.values():
                node.register_hook(lambda ins, outs, hook=hook: hook(self, ins, outs))

    # Hooks --------------------------------------------------------------------------------------------------------

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before every ``forward``; what it returns, unless None, replaces the arguments.

        With ``with_kwargs``: ``hook(module, args, kwargs)``, which returns None or (args, kwargs). ``prepend`` puts it
        before the other hooks. Returns a handle with ``remove()``.
        """
        handle = self._add_hook("_forward_pre_hooks", hook, prepend)
        if with_kwargs:
            self._forward_pre_hooks_with_kwargs[handle.id] = True
        return handle

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after every ``forward``; what it returns, unless None, is the new output.

        With ``with_kwargs``: ``hook(module, args, kwargs, output)``. ``prepend`` puts it before the other hooks;
        with ``always_call`` it runs also when ``forward`` raised. Returns a handle with ``remove()``.
        """
        handle = self._add_hook("_forward_hooks", hook, prepend)
        if with_kwargs:
            self._forward_hooks_with_kwargs[handle.id] = True
        if always_call:
            self._forward_hooks_always_called[handle.id] = True
        return handle

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the gradients of the outputs are there; it may return others."""
        return self._add_hook("_backward_pre_hooks", hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are there.

        ``grad_input`` has one entry for each positional argument (None where there is none); a tuple returned by the
        hook replaces it. RuntimeError when the module has an old-style backward hook.
        """
        self._set_backward_kind(True)
        return self._add_hook("_backward_hooks", hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The old form of :meth:`register_full_backward_hook`: sees the last operation of the module only."""
        self._set_backward_kind(False)
        return self._add_hook("_backward_hooks", hook, False)

    def _set_backward_kind(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only "
                "one of them."
            )
        self._is_full_backward_hook: bool | None = full

    def _add_hook(self, kind: str, hook: Callable[..., Any], prepend: bool) -> RemovableHandle:
        self._hooked = True
        return RemovableHandle.add(self.__dict__[kind], hook, first=prepend)

    # Registering --------------------------------------------------------------------------------------------------

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Add a tensor (or None) that is part of the module's state but not trained; ``module.name`` reads it.

        ``persistent=False`` keeps it out of the state_dict. AttributeError before ``Module.__init__``, TypeError for
        what is not a tensor, KeyError for a name that is taken or holds a dot.
        """
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        _check_name("buffer", name)
        if hasattr(self, name) and name not in self._buffers:
            raise KeyError(f"attribute '{name}' already exists")
        if tensor is not None and not isinstance(tensor, Variable):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter (or None) under a name; ``module.name`` reads it.

        AttributeError before ``Module.__init__``, TypeError for what is not a Parameter, ValueError for a computed
        tensor, KeyError for a name that is taken or holds a dot.
        """
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        _check_name("parameter", name)
        if hasattr(self, name) and name not in self._parameters:
            raise KeyError(f"attribute '{name}' already exists")
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in the "
                    "forward() method."
                )
        self._parameters[name] = param

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule (or None) under a name; ``self.name`` reads it. TypeError, KeyError as for a parameter."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        if not isinstance(name, str):
            raise TypeError(f"module name should be a string. Got {typename(name)}")
        if hasattr(self, name) and name not in self._modules:
            raise KeyError(f"attribute '{name}' already exists")
        _check_name("module", name)
        self._modules[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """Another name of :meth:`add_module`."""
        self.add_module(name, module)

    def __getattr__(self, name: str) -> Any:
        state = self.__dict__
        for kind in _OWN:
            own = state.get(kind)
            if own is not None and name in own:
                return own[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in state:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_buffers", "_modules")
            self.register_parameter(name, value)
        elif "_parameters" in state and name in state["_parameters"]:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, None)
        elif isinstance(value, Module):
            if "_modules" not in state:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, "_parameters", "_buffers")
            state["_modules"][name] = value
        elif "_modules" in state and name in state["_modules"]:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            state["_modules"][name] = None
        elif isinstance(value, Buffer):
            if "_buffers" not in state:
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            self._forget(name, "_parameters", "_modules")
            self.register_buffer(name, value, value.persistent)
        elif "_buffers" in state and name in state["_buffers"]:
            if value is not None and not isinstance(value, Variable):
                raise TypeError(
                    f"cannot assign '{typename(value)}' as buffer '{name}' "
                    "(torch.nn.Buffer, torch.Tensor or None expected)"
                )
            state["_buffers"][name] = value
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        for kind in _OWN:
            if name in self.__dict__.get(kind, ()):
                del self.__dict__[kind][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def _forget(self, name: str, *kinds: str) -> None:
        """Free a name that is about to mean something else."""
        state = self.__dict__
        state.pop(name, None)
        for kind in kinds:
            state[kind].pop(name, None)
        state["_non_persistent_buffers_set"].discard(name)

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers}
        return sorted(name for name in names if not name[0].isdigit())

    # Walking ------------------------------------------------------------------------------------------------------

    def children(self) -> Iterator[Module]:
        """The direct submodules, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the direct submodules, each module once."""
        seen: set[Module] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it, parents first."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """(dotted name, module) of this module and all below it, parents first; each once if ``remove_duplicate``."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and, if ``recurse``, of all below it; each once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter), as for :meth:`parameters`."""
        return self._named_members(lambda each: each._parameters.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Any]:
        """The buffers of this module and, if ``recurse``, of all below it; each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """(dotted name, buffer), as for :meth:`buffers`."""
        return self._named_members(lambda each: each._buffers.items(), prefix, recurse, remove_duplicate)

    def _named_members(
        self, members_of: Callable[[Module], Any], prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        modules = self.named_modules(None, prefix, remove_duplicate) if recurse else [(prefix, self)]
        for module_prefix, module in modules:
            for name, value in members_of(module):
                if value is None or value in seen:
                    continue
                if remove_duplicate:
                    seen.add(value)
                yield f"{module_prefix}.{name}" if module_prefix else name, value

    def get_submodule(self, target: str) -> Module:
        """The submodule of this dotted name ("" is the module itself). AttributeError when there is none."""
        module: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put ``module`` in the place of this dotted name; with ``strict`` there must be a module there already."""
        if not target:
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of this dotted name. AttributeError when there is none."""

        def accepts(module: Module, name: str) -> bool:
            return isinstance(getattr(module, name), Parameter)

        return self._get_member(target, accepts, "an nn.Parameter")

    def get_buffer(self, target: str) -> Any:
        """The buffer of this dotted name. AttributeError when there is none."""
        return self._get_member(target, lambda module, name: name in module._buffers, "a buffer")

    def _get_member(self, target: str, accepts: Callable[[Module, str], bool], kind: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        if not accepts(module, name):
            raise AttributeError(f"`{name}` is not {kind}")
        return getattr(module, name)

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call ``fn`` on every module below this one and then on this one; returns the module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # Modes --------------------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Set training mode (dropout drops, batch norm uses the batch) for this module and all below it."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode: ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say whether gradients are collected for all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            reset_grad(parameter, set_to_none)

    # Conversion ---------------------------------------------------------------------------------------------------

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> Self:
        """Replace every parameter's data and gradient and every buffer by ``fn`` of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for key, parameter in self._parameters.items():
            if parameter is None:
                continue
            with no_grad():
                new = fn(parameter)
            if new.meta is parameter.meta:
                owner = parameter
                if new is not parameter:
                    parameter.data = new
            else:
                owner = self._parameters[key] = Parameter(new, parameter.requires_grad)
            grad = parameter.grad
            if grad is not None:
                with no_grad():
                    new = fn(grad)
                owner.grad = new.requires_grad_(grad.requires_grad) if new is not grad else grad
        for key, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[key] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert all parameters and buffers, in place: ``to(device)``, ``to(dtype)``, ``to(memory_format=...)``.

        A dtype (floating or complex) is given to floating and complex tensors only, a memory format to those of four
        dimensions. Returns the module. TypeError for an integer dtype.
        """
        device, dtype, format, _ = parse_to(args, kwargs)
        if dtype is not None:
            if not dtype.is_differentiable:
                raise TypeError(
                    f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
                )
            if dtype.is_complex:
                warnings.warn(
                    "Complex modules are a new feature under active development whose design may change, and some "
                    "modules might not work as expected when using complex tensors as parameters or buffers. Please "
                    "file an issue at https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml if a "
                    "complex module does not work as expected.",
                    stacklevel=2,
                )

        def convert(tensor: Any) -> Any:
            options: dict[str, Any] = {"device": device}
            if tensor.dtype.is_differentiable:
                options["dtype"] = dtype
            if tensor.ndim in (4, 5):
                options["memory_format"] = format
            try:
                return tensor.to(**options)
            except NotImplementedError as error:
                if str(error) != "Cannot copy out of meta tensor; no data!":
                    raise
                raise NotImplementedError(
                    f"{error} Please use torch.nn.Module.to_empty() instead of torch.nn.Module.to() when moving module "
                    "from meta to a different device."
                ) from None

        return self._apply(convert)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Give all parameters and buffers fresh memory on a device, its contents undefined."""
        meta = require_supported(device) is META

        def empty(tensor: Any) -> Any:
            like = tensor.array
            if meta:
                return make_result(np.broadcast_to(np.zeros((), like.dtype), like.shape), meta=True)
            return make_result(np.empty(like.shape, like.dtype) if tensor.meta else np.empty_like(like))

        return self._apply(empty, recurse)

    def _floating(self, convert: Callable[[Any], Any]) -> Self:
        return self._apply(lambda each: convert(each) if each.dtype.is_floating_point else each)

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers to a dtype."""
        return self._apply(lambda each: each.type(dst_type))

    def float(self) -> Self:
        """Convert floating parameters and buffers to float32."""
        return self._floating(lambda each: each.float())

    def double(self) -> Self:
        """Convert floating parameters and buffers to float64."""
        return self._floating(lambda each: each.double())

    def half(self) -> Self:
        """Convert floating parameters and buffers to float16."""
        return self._floating(lambda each: each.half())

    def bfloat16(self) -> Self:
        """Convert floating parameters and buffers to bfloat16."""
        return self._floating(lambda each: each.bfloat16())

    def cpu(self) -> Self:
        """Move to the CPU."""
        return self._apply(lambda each: each.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Raises: there is no CUDA device."""
        return self._apply(lambda each: each.cuda(device))

    def share_memory(self) -> Self:
        """Does nothing: threads share memory already."""
        return self

    def compile(self, *args: Any, **kwargs: Any) -> Self:
        """Does nothing: the kernels are compiled when first needed. Returns the module."""
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in (*_CALL_HOOKS, *STATE_HOOKS):  # absent in what other versions pickled
            self.__dict__.setdefault(name, {})
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)

    # Printing -----------------------------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the brackets of the module's repr; defined by subclasses."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        children = [f"({name}): {indent(repr(module), 2)}" for name, module in self._modules.items()]
        if not children and "\n" not in extra:
            return f"{self._get_name()}({extra})"
        lines = [*(extra.split("\n") if extra else ()), *children]
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


def reset_grad(parameter: Variable, set_to_none: bool) -> None:
    """Forget a parameter's gradient, or fill it with zeros."""
    grad = parameter.grad
    if grad is None:
        return
    if set_to_none:
        parameter.grad = None
        return
    if grad.grad_fn is not None:
        grad.detach_()
    else:
        grad.requires_grad_(False)
    grad.array[...] = 0
    grad._version.bump()


def _replaced_args(args: tuple[Any, ...], replaced: Any) -> tuple[Any, ...]:
    if replaced is None:
        return args
    return replaced if isinstance(replaced, tuple) else (replaced,)


# Hooks of every module ----------------------------------------------------------------------------------------------

_global_always_called: dict[int, bool] = {}


class _GlobalHandle(RemovableHandle):
    """Removes a hook of every module; after the last one, calls are as cheap as before."""

    def remove(self) -> None:
        super().remove()
        Module._hooked = any(_GLOBAL_HOOKS)


def _add_global(hooks: dict[int, Any], hook: Callable[..., Any]) -> RemovableHandle:
    Module._hooked = True
    return _GlobalHandle(hooks, RemovableHandle.add(hooks, hook).id)


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """:meth:`Module.register_forward_pre_hook` for every module in the process."""
    return _add_global(_global_forward_pre_hooks, hook)


def register_module_forward_hook(hook: Callable[..., Any], *, always_call: bool = False) -> RemovableHandle:
    """:meth:`Module.register_forward_hook` for every module in the process."""
    handle = _add_global(_global_forward_hooks, hook)
    if always_call:
        _global_always_called[handle.id] = True
    return handle


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """:meth:`Module.register_full_backward_pre_hook` for every module in the process."""
    return _add_global(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """:meth:`Module.register_full_backward_hook` for every module in the process."""
    return _add_global(_global_backward_hooks, hook)
