"""The command ``convlet``: ``train``, ``predict`` and ``run``. Each command is one module of this folder."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from .errors import CommandError

COMMANDS = ("train", "predict", "run")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 2 an error of the user's, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="convlet",
        description="PyTorch's convolution stack for NumPy: train image classifiers, use them, run PyTorch scripts.",
    )
    parser.add_argument("--version", action="version", version=f"convlet {_version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    modules = {name: importlib.import_module(f".{name}", __name__) for name in COMMANDS}
    for name, module in modules.items():
        module.add_arguments(commands.add_parser(name, help=module.HELP, description=module.__doc__))
    options = parser.parse_args(arguments)
    try:
        return modules[options.command].run(options)
    except CommandError as error:
        sys.stdout.flush()
        print(f"convlet {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"convlet {options.command}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _version() -> str:
    from .. import __version__

    return __version__
