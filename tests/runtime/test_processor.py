"""What a machine says of its caches, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from convlet.runtime import processor


@pytest.fixture(autouse=True)
def forgetting() -> Iterator[None]:
    processor.caches.cache_clear()
    yield
    processor.caches.cache_clear()


def say(folder: Path, *caches: tuple[str, str, str, str]) -> None:
    """Writes what a system says of so many caches."""
    for i, texts in enumerate(caches):
        index = folder / f"index{i}"
        index.mkdir()
        for name, text in zip(("level", "type", "size", "shared_cpu_list"), texts):
            (index / name).write_text(text + "\n")


L1 = ("1", "Data", "48K", "0")
CODE = ("1", "Instruction", "64K", "0")
L3 = ("3", "Unified", "32M", "0-7")


@pytest.mark.parametrize(
    ("said", "sizes"),
    [
        ((L1, CODE, ("2", "Unified", "2048K", "0"), L3), (48, 2048)),
        ((L1, CODE, ("2", "Unified", "2M", "0,8"), L3), (48, 1024)),  # two threads of a core
        ((L1, ("2", "Unified", "4096K", "0-3,8-11"), CODE), (48, 512)),  # a cluster of cores
        ((L1,), (48, 1024)),
        ((), (32, 1024)),
        ((("1", "Data", "", "0"), ("2", "Unified", "512K", "")), (32, 1024)),  # half of it
        ((("2", "Unified", "unknown", "0"), L1), (48, 1024)),
        ((("1", "Unified", "0K", "0"), ("2", "Unified", "64M", "0")), (16, 4096)),  # not to be believed
    ],
)
def test_sizes(
    said: tuple[tuple[str, str, str, str], ...], sizes: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(tmp_path, *said)
    monkeypatch.setattr(processor, "CACHES", tmp_path)
    assert processor.caches() == tuple(size << 10 for size in sizes)


def test_a_system_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "CACHES", tmp_path / "nowhere")
    assert processor.caches() == processor.MEASURED
    assert (processor.in_l1(1000), processor.in_l2(1000)) == (1000, 1000)


def test_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "caches", lambda: (48 << 10, 256 << 10))
    assert (processor.in_l1(16 << 10), processor.in_l2(768 << 10)) == (24 << 10, 192 << 10)
