"""What the compiled algorithms promise whole: bits that depend on no thread, no access outside an array."""

import ctypes
import mmap
import os
import subprocess
import sys
import tempfile
import textwrap

import numpy as np
import pytest

pytest.importorskip("numba")

from convlet.conv.algorithms import ALGORITHMS, load
from convlet.conv.problem import DIRECTIONS, ConvProblem, numpy_dtype
from convlet.kernels import launch
from convlet.runtime import memory, threads

COMPILED = [name for name in ALGORITHMS if name != "numpy"]

PROBLEMS = [
    "ic64 ih28 iw28 oc64 kh3 kw3 ph1 pw1",
    "ic256 ih7 iw7 oc160 kh3 kw3 ph1 pw1",
    "n3 ic20 ih17 iw19 oc37 kh3 kw3 sh2 sw2 ph1 pw1",
    "ic3 ih40 iw40 oc32 kh7 kw7 sh2 sw2 ph3 pw3",
    "n2 g16 ic16 ih60 iw70 oc16 kh3 kw3 ph1 pw1",
    "n2 g8 ic32 ih15 iw15 oc32 kh3 kw3 sh2 sw2 dh2 dw2 ph2 pw2 reflect",
    "n2 g3 ic18 ih40 iw41 oc21 kh3 kw3 sh2 sw2 ph1 pw1",
    "ic8 ih5 iw600 oc40 kh1 kw9 pw4 f64",
    "n2 ic24 ih13 iw11 oc24 kh3 kw2 f16",
    "n2 ic150 ih20 iw21 oc37 kh1 kw1",
    "n3 g2 ic1030 ih1 iw1 oc42 kh1 kw1",
    "n2 ic20 ih33 iw34 oc50 kh4 kw4 sh4 sw4",
    "n3 ic3 ih81 iw46 oc20 kh3 kw3 ph1 pw1",
    "ic2 ih130 iw93 oc36 kh7 kw7 sh2 sw2 ph3 pw3",
]


def operands(problem, rng):
    names = {"fwd": "xw", "bwd_input": "gw", "bwd_weight": "xg"}[problem.direction]
    shapes = {"x": problem.input_shape, "w": problem.weight_shape, "g": problem.output_shape}
    return [rng.standard_normal(shapes[each]).astype(numpy_dtype(problem.dtype)) for each in names]


def cases():
    for text in PROBLEMS:
        for direction in DIRECTIONS:
            problem = ConvProblem.parse(f"{text} {direction}")
            for name in COMPILED:
                if load(name).refuse(problem.per_image()) is None:
                    yield pytest.param(name, problem, id=f"{name}-{problem}")


@pytest.fixture
def thread_count():
    before = threads.get_num_threads()
    yield threads.set_num_threads
    threads.set_num_threads(before)


@pytest.mark.parametrize(("name", "problem"), list(cases()))
def test_the_same_bits_on_any_number_of_threads(name, problem, thread_count):
    a, b = operands(problem, np.random.default_rng(0))
    results = []
    for count in (1, 2, 3, 7):
        thread_count(count)
        out = np.full(problem.result_shape, np.nan, a.dtype)
        load(name).plan(problem)(a, b, None, out)
        results.append(out)
    assert not np.isnan(results[0].astype(np.float64)).any()
    for other in results[1:]:
        assert other.tobytes() == results[0].tobytes()


LARGE = [
    "ic2048 ih112 iw112 oc2048 kh3 kw3 ph1 pw1",
    "ic512 ih512 iw512 oc512 kh3 kw3",
    "ic64 ih224 iw224 oc64 kh31 kw31 ph15 pw15",
    "ic1 ih4000 iw4000 oc8 kh3 kw3",
    "ic512 ih33 iw33 oc512 kh3 kw3 ph12 pw12 dh12 dw12",
    "ic64 ih1 iw100000 oc64 kh1 kw9",
    "ic1024 ih64 iw64 oc3 kh3 kw3",
    "g64 ic64 ih512 iw512 oc64 kh31 kw31",
    "g4 ic64 ih1024 iw1024 oc64 kh3 kw3 ph1 pw1",
    "ic256 ih56 iw56 oc256 kh3 kw3 ph1 pw1 f64",
]


@pytest.mark.parametrize("text", LARGE)
@pytest.mark.parametrize("name", ["direct", "grouped"])
def test_scratch_of_a_worker_is_bounded_for_any_problem(name, text, monkeypatch):
    """The plans are made for arrays that are not there; nothing is computed."""
    slots = []
    monkeypatch.setattr(launch, "launch", lambda *arguments: slots.append(arguments[-2]))
    monkeypatch.setattr(memory, "scratch", lambda nbytes, use="workers": (0, None))
    for direction in DIRECTIONS:
        problem = ConvProblem.parse(f"{text} {direction}")
        if load(name).refuse(problem) is not None:
            continue
        dtype = numpy_dtype(problem.dtype)
        shapes = {"x": problem.input_shape, "w": problem.weight_shape, "g": problem.output_shape}
        fakes = {each: fake(shape, dtype) for each, shape in shapes.items()}
        a, b = {"fwd": "xw", "bwd_input": "gw", "bwd_weight": "xg"}[direction]
        run = load(name).plan(problem)
        if direction != "bwd_weight":  # that one owns its result
            run(fakes[a], fakes[b], None, fake(problem.result_shape, dtype))
        elif np.prod(problem.result_shape) < 1 << 22:
            run(fakes[a], fakes[b], None, np.empty(problem.result_shape, dtype))
    assert max(slots, default=0) <= 2 << 20


def fake(shape, dtype):
    """An array that has only the strides of a large one."""
    strides = [int(np.prod(shape[axis + 1 :])) * dtype.itemsize for axis in range(len(shape))]
    return np.lib.stride_tricks.as_strided(np.zeros(1, dtype), shape, strides)


def guarded(array, at_end):
    """A copy that ends right before (or begins right after) a page that nobody may touch."""
    page = mmap.PAGESIZE
    pages = -(-array.nbytes // page)
    memory = mmap.mmap(-1, (pages + 2) * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    for forbidden in (start, start + (pages + 1) * page):
        assert libc.mprotect(ctypes.c_void_p(forbidden), page, 0) == 0
    offset = page + (pages * page - array.nbytes if at_end else 0)
    copy = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
    copy[...] = array
    return copy


def run_guarded(name):
    """Every problem with inputs and output between forbidden pages; a wrong access ends the process."""
    rng = np.random.default_rng(0)
    for text in [*PROBLEMS, "ic3 ih5 iw7 oc5 kh3 kw3 ph1 pw1", "g8 ic8 ih3 iw3 oc8 kh2 kw2", "ic5 ih1 iw1 oc7 kh1 kw1"]:
        for direction in DIRECTIONS:
            problem = ConvProblem.parse(f"{text} {direction}")
            if load(name).refuse(problem.per_image()) is not None:
                continue
            a, b = operands(problem, rng)
            bias = rng.standard_normal(problem.oc).astype(a.dtype) if direction == "fwd" else None
            want = np.empty(problem.result_shape, a.dtype)
            load(name).plan(problem)(a, b, bias, want)
            for at_end in (True, False):
                arrays = [guarded(each, at_end) if each is not None else None for each in (a, b, bias)]
                out = guarded(np.full(problem.result_shape, np.nan, a.dtype), at_end)
                load(name).plan(problem)(*arrays, out)
                assert out.tobytes() == want.tobytes(), problem


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs mprotect")
@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("target", [None, "avx2"])
def test_no_access_outside_the_arrays(name, target):
    from convlet.kernels.target import TARGETS, current

    environment = dict(os.environ)
    if target is not None:
        best = list(TARGETS)
        if current().name not in best[: best.index(target)]:
            pytest.skip(f"this machine has no more than {target}")
        environment["CONVLET_TARGET"] = target
    code = f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\nimport test_engine\n"
    command = [sys.executable, "-c", code + f"test_engine.run_guarded({name!r})"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr[-3000:]}"


def test_numba_of_others_works_beside_kernels():
    """What Numba compiled for kernels first, it can link to functions of others; and theirs to kernels."""
    code = """
    import numba, numpy as np
    from convlet.kernels import pool, product

    @numba.njit
    def before(a, b):
        return max((a, b))

    assert before(1, 2) == 2
    for kernel in (product.panels, pool._kernels["maximum"]):
        kernel.run  # compiled

    @numba.njit
    def after(x, a, b):
        return x[min((a, b)) : max((a, b))].sum() + before(a, b)

    assert after(np.arange(10.0), 5, 2) == 9 + 5
    """
    with tempfile.TemporaryDirectory() as folder:
        variables = os.environ | {"CONVLET_CACHE_DIR": folder}
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)], env=variables, capture_output=True, text=True, timeout=120
        )
    assert done.returncode == 0, done.stderr[-3000:]


def test_what_goes_wrong_in_the_builder_is_raised_at_the_launch(monkeypatch):
    monkeypatch.setattr(launch.cache, "read", lambda *_: None)
    monkeypatch.setattr(launch.machine_code, "load", lambda code: 1 // 0)

    def _never_built(x):
        return x

    kernel = launch.Kernel(_never_built)
    try:
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                kernel.run(1)
            with pytest.raises(ZeroDivisionError):
                launch.launch(kernel.address, 0, 0, 0, 0, 0, 64, 1)
    finally:
        launch._building.clear()


def test_invoking_returns_numbers_and_raises():
    run = launch.alone.run
    with pytest.raises(OverflowError):
        run(1 << 63)
    with pytest.raises(TypeError):
        run("text")
