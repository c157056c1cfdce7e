"""The processor of this machine: what it can do, and which one it is.

Linux on x86 says it in a file; elsewhere LLVM is asked, which takes 30 ms and 40 MB to load.
"""

from __future__ import annotations

import functools
import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# The lines that decide what LLVM makes of a processor.
_TELLING = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")


@functools.cache
def _lines() -> dict[str, str]:
    """What the system says of the first processor; nothing where it does not, or LLVM's names are others."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return {}
    try:
        with CPUINFO.open("rb") as file:  # the rest is the same of the other processors, and slow to make
            text = file.read(1 << 14).decode("ascii", "replace")
    except OSError:
        return {}
    pairs = (line.partition(":")[::2] for line in text.split("\n\n")[0].splitlines())
    found = {name.strip(): value.strip() for name, value in pairs}
    return {name: found[name] for name in _TELLING} if all(name in found for name in _TELLING) else {}


@functools.cache
def features() -> frozenset[str]:
    """The instruction sets that it has, by LLVM's names."""
    lines = _lines()
    if lines:
        return frozenset(lines["flags"].split())
    import llvmlite.binding as llvm

    return frozenset(name for name, there in llvm.get_host_cpu_features().items() if there)


@functools.cache
def identity() -> str:
    """A text that differs where code compiled here may not run, or not run best."""
    lines = _lines()
    if lines:
        return "\n".join(lines.values())
    import llvmlite.binding as llvm

    return f"{llvm.get_host_cpu_name()}\n{' '.join(sorted(features()))}"
