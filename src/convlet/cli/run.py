"""``convlet run SCRIPT.py``: run a PyTorch script with Convlet in PyTorch's place."""

from __future__ import annotations

import argparse
import builtins
import importlib.machinery
import io
import os
import sys
from types import CodeType, ModuleType, TracebackType

from .errors import CommandError

HELP = "run a PyTorch script with torch meaning Convlet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, help="call torch.manual_seed(SEED) before the script begins")
    parser.add_argument("script", metavar="SCRIPT.py", help="the program; '-' reads it from standard input")
    parser.add_argument("args", nargs=argparse.REMAINDER, metavar="ARGS", help="its arguments: sys.argv[1:]")


def run(options: argparse.Namespace) -> int:
    """Run the script as ``python SCRIPT.py ARGS`` would: its argv, ``__main__``, exit status and
    tracebacks."""
    from ..interop import install_as_torch
    from ..tensor.random import manual_seed

    source = _read(options.script)
    install_as_torch()
    if options.seed is not None:
        manual_seed(options.seed)
    try:
        code: CodeType = compile(source, _name(options.script), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return _report(error, None)
    main = _main_module(options.script)
    sys.argv = [options.script, *options.args]
    sys.path[0:0] = [os.path.dirname(os.path.realpath(options.script)) if options.script != "-" else ""]
    try:
        exec(code, main.__dict__)
    except SystemExit:
        raise  # exits with the script's status
    except BaseException as error:
        return _report(error, error.__traceback__)
    return 0


def _report(error: BaseException, trace: TracebackType | None) -> int:
    """Print the traceback from the script's own frame on; returns the exit status."""
    trace = trace and trace.tb_next
    sys.excepthook(type(error), error.with_traceback(trace), trace)
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def _read(script: str) -> bytes:
    if script == "-":
        return sys.stdin.buffer.read()
    try:
        with io.open_code(os.path.abspath(script)) as file:
            return file.read()
    except OSError as error:
        raise CommandError(f"can't open file '{script}': {error.strerror}") from error


def _name(script: str) -> str:
    return "<stdin>" if script == "-" else os.path.abspath(script)


def _main_module(script: str) -> ModuleType:
    """A fresh ``__main__``, as the interpreter makes it for a script; it takes the place of the command's."""
    main = ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __package__=None, __cached__=None)
    if sys.version_info < (3, 14):  # since then made when it is asked for
        main.__annotations__ = {}
    if script != "-":
        main.__dict__["__file__"] = path = _name(script)
        main.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    sys.modules["__main__"] = main
    return main
