"""The stream of random numbers: PyTorch's CPU generator, the Mersenne Twister mt19937 (Matsumoto & Nishimura
1998).

Same seed, same stream, same saved state as PyTorch's. NumPy's MT19937 runs it; what is added here is
PyTorch's seeding, the order in which two 32-bit numbers make a 64-bit one, the cached second normal number,
and the layout of a saved state. How the stream becomes uniform, normal or other numbers stands in
``random.py``.
"""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np

from .size import require_supported

DEFAULT_SEED = 67280421310721  # of a new Generator; a large prime, the same as PyTorch's

_WORDS = 624  # the twister's state

# The bytes that PyTorch saves: its state structure of 5056 bytes, native byte order and C alignment.
_STATE = np.dtype(
    {
        "names": ["seed", "left", "seeded", "next", "words", "cached", "has_cached"],
        "formats": ["u8", "i4", "i4", "u8", ("u8", _WORDS), "f8", "i4"],
        "offsets": [0, 8, 12, 16, 24, 24 + 8 * _WORDS + 8, 24 + 8 * _WORDS + 24],
        "itemsize": 5056,
    }
)


class Generator:
    """A seeded stream of random numbers, equal to ``torch.Generator`` on the CPU.

    ``device`` can only be 'cpu'. A new generator starts from one fixed seed, not from a random one. Drawing,
    seeding and saving lock the generator, so several threads may share it (which of them gets which numbers
    is then chance).

    >>> generator = torch.Generator().manual_seed(7)
    >>> torch.rand(2, generator=generator)
    tensor([0.5349, 0.1988])

    Raises the error of :func:`require_supported`, or RuntimeError, for another device.
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = require_supported(device)
        if self.device.type != "cpu":
            raise RuntimeError(
                f"{self.device.type.upper()} device type not an accelerator. A generator's device is 'cpu'."
            )
        self.lock = threading.RLock()
        self.manual_seed(DEFAULT_SEED)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream anew from ``seed``, an integer in [-2**63, 2**64); returns the generator itself.

        A negative seed means seed + 2**64; two seeds equal in their low 32 bits give the same stream. Raises
        RuntimeError when ``seed`` is not an integer and ValueError when it is out of range.
        """
        if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        value = int(seed)
        if not -(2**63) <= value < 2**64:
            raise ValueError(f"Overflow when unpacking long long. A seed must be in [-2**63, 2**64): {value}")
        with self.lock:
            self._seed = value % 2**64
            self._twister: np.random.Generator | None = None  # built at the first draw
            self._at_seed = True  # no draw yet: only a saved state shows the difference
            self._cached_normal: float | None = None
        return self

    def seed(self) -> int:
        """Start the stream anew from a seed of the operating system's entropy; returns that seed."""
        seed = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed the stream was last started from, in [0, 2**64)."""
        return self._seed

    def draw32(self, count: int) -> np.ndarray:
        """The next ``count`` 32-bit numbers of the stream (uint32)."""
        with self.lock:
            stream = self._twister or self._start()
            self._at_seed = self._at_seed and count == 0
            return stream.integers(0, 2**32, size=count, dtype=np.uint32)

    def draw64(self, count: int) -> np.ndarray:
        """The next ``count`` 64-bit numbers (uint64); each is two numbers of the stream, the high half
        first."""
        with self.lock:
            stream = self._twister or self._start()
            self._at_seed = self._at_seed and count == 0
            return stream.integers(0, 2**64 - 1, size=count, dtype=np.uint64, endpoint=True)

    def take_cached_normal(self) -> float | None:
        """The normal number left over from the last pair drawn one by one, if any; it is then forgotten."""
        cached, self._cached_normal = self._cached_normal, None
        return cached

    def put_cached_normal(self, value: float) -> None:
        """Keep the second number of a normal pair for the next draw."""
        self._cached_normal = value

    def get_state(self) -> np.ndarray:
        """The whole state as 5056 bytes (uint8), the same bytes that ``torch.Generator.get_state`` gives."""
        with self.lock:
            stream = self._twister or self._start()
            twister: Any = stream.bit_generator.state["state"]
            record = np.zeros((), _STATE)
            drawn = int(twister["pos"])
            record["seed"], record["seeded"], record["words"] = self._seed, 1, twister["key"]
            record["left"], record["next"] = (1, 0) if self._at_seed else (_WORDS + 1 - drawn, drawn)
            if self._cached_normal is not None:
                record["cached"], record["has_cached"] = self._cached_normal, 1
            return np.frombuffer(record.tobytes(), np.uint8).copy()

    def set_state(self, new_state: Any) -> None:
        """Continue from a state saved by ``get_state`` or by PyTorch.

        ``new_state`` is a uint8 array of 5056 bytes. Raises TypeError for another dtype and RuntimeError for
        another size or for bytes that are no state of this generator; the generator is then as it was.
        """
        state = np.asarray(new_state) if hasattr(new_state, "__array__") else new_state
        if not isinstance(state, np.ndarray):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        if state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if state.size != _STATE.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_STATE.itemsize} "
                f"but found the input RNG state size to be {state.size}"
            )
        record = np.frombuffer(state.tobytes(), _STATE)[0]
        left, drawn = int(record["left"]), int(record["next"])
        at_seed = (left, drawn) == (1, 0)
        if not record["seeded"] or not (at_seed or (left == _WORDS + 1 - drawn and 1 <= drawn <= _WORDS)):
            raise RuntimeError("Invalid mt19937 state")
        with self.lock:
            self._seed = int(record["seed"])
            self._twister = _twister(record["words"].astype(np.uint32), _WORDS if at_seed else drawn)
            self._at_seed = at_seed
            self._cached_normal = float(record["cached"]) if record["has_cached"] else None

    def clone_state(self) -> Generator:
        """A new generator that continues from here on its own."""
        clone = Generator()
        clone.set_state(self.get_state())
        return clone

    def __reduce__(self) -> tuple[Any, ...]:
        return (Generator, (), self.get_state())

    def __setstate__(self, state: np.ndarray) -> None:
        self.set_state(state)

    def _start(self) -> np.random.Generator:
        # NumPy's legacy seeding is mt19937's own, of the low 32 bits, and frozen for good.
        seeded = np.random.RandomState(self._seed & 0xFFFFFFFF)
        words = seeded.get_state(legacy=False)["state"]["key"]
        self._twister = _twister(words, _WORDS)
        return self._twister


def _twister(words: np.ndarray, drawn: int) -> np.random.Generator:
    """NumPy's mt19937 with these state words, of which ``drawn`` are used up."""
    bits = np.random.MT19937(0)
    bits.state = {"bit_generator": "MT19937", "state": {"key": words, "pos": drawn}}
    return np.random.Generator(bits)


default_generator = Generator()
"""The generator of every call that is given none; it starts from a seed of the operating system's entropy."""
default_generator.seed()


def manual_seed(seed: Any) -> Generator:
    """Start the default generator anew from ``int(seed)``; returns it. See :meth:`Generator.manual_seed`.

    >>> generator = torch.manual_seed(0)
    >>> torch.rand(3)
    tensor([0.4963, 0.7682, 0.0885])
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Start the default generator anew from the operating system's entropy; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed the default generator was last started from."""
    return default_generator.initial_seed()


def get_rng_state() -> np.ndarray:
    """The state of the default generator: 5056 bytes (uint8)."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Continue the default generator from a saved state. See :meth:`Generator.set_state`."""
    default_generator.set_state(new_state)
