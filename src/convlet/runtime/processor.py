"""The processor of this machine: what it can do, which one it is, and how large its caches are.

Linux on x86 says it in files; elsewhere LLVM is asked, which takes 30 ms and 40 MB to load, and caches are assumed.
"""

from __future__ import annotations

import functools
import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
# The lines that decide what LLVM makes of a processor.
_TELLING = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags")
# Bytes of the first and the second cache of the machine on which all sizes of bands were measured (Zen 4, November
# 2026), and the least and the most of another's that is believed.
MEASURED = 32 << 10, 1 << 20
BELIEVED = (16 << 10, 256 << 10), (256 << 10, 4 << 20)


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


def _nbytes(size: str) -> int:
    """Bytes that a text like 1024K says."""
    unit = {"K": 10, "M": 20}.get(size[-1:], 0)
    return int(size[:-1] if unit else size) << unit


def _members(ranges: str) -> int:
    """How many numbers a text like 0-3,8 lists."""
    ends = (part.partition("-") for part in ranges.split(","))
    return sum(int(last or first) - int(first) + 1 for first, _, last in ends)


@functools.cache
def caches() -> tuple[int, int]:
    """Bytes of the first and of the second cache that a thread has to itself; those of MEASURED where nobody says."""
    found = dict(zip(("1", "2"), MEASURED))
    for index in CACHES.glob("index*"):
        try:
            level, kind, size, sharers = (
                (index / name).read_text("ascii").strip() for name in ("level", "type", "size", "shared_cpu_list")
            )
            if level in found and kind != "Instruction":
                found[level] = _nbytes(size) // _members(sharers)
        except (OSError, ValueError, ZeroDivisionError):  # a virtual machine may say half of it
            continue
    first, second = (min(max(nbytes, least), most) for nbytes, (least, most) in zip(found.values(), BELIEVED))
    return first, second


def in_l1(nbytes: int) -> int:
    """The bytes that are as much of this machine's first cache as `nbytes` are of the one they were measured with.

    Such sizes cut bands and tasks, which never changes a sum; what does is the same size on all machines.
    """
    return nbytes * caches()[0] // MEASURED[0]


def in_l2(nbytes: int) -> int:
    """The same for the second cache."""
    return nbytes * caches()[1] // MEASURED[1]
