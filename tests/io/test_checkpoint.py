"""save and load: every kind of value, files of others, broken files, and writing that leaves nothing half-done."""

import contextlib
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import textwrap
from collections import Counter, OrderedDict

import numpy as np
import pytest

import convlet as torch
from convlet.autograd.function import make_result
from convlet.io import CheckpointError, load, save
from convlet.io.atomic import replacing
from convlet.nn.module import Module
from convlet.nn.parameter import Buffer, Parameter
from convlet.optim import SGD, Adam
from convlet.optim.lr_scheduler import MultiStepLR

safetensors = pytest.importorskip("safetensors")
from safetensors.numpy import load_file, save_file  # noqa: E402


def tensor(values, dtype=np.float32):
    return make_result(np.array(values, dtype))


class Tiny(Module):
    def __init__(self):
        super().__init__()
        self.weight = Parameter(tensor([[1, 2], [3, 4]]))
        self.count = Buffer(tensor(7, np.int64))

    def forward(self, x):
        return x * self.weight


class Model(Module):
    def __init__(self):
        super().__init__()
        self.second = Tiny()
        self.first = Tiny()


def equal(a, b):
    """Whether two loaded values are the same, types included."""
    if isinstance(a, torch.Tensor):
        same = type(a) is type(b) and a.array.dtype == b.array.dtype and a.array.shape == b.array.shape
        return same and a.array.tobytes() == b.array.tobytes() and a.requires_grad == b.requires_grad
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b or (a != a and b != b)


VALUES = {
    "none": None,
    "number": 3,
    "floats": [0.1, float("inf"), float("-inf"), float("nan"), 1e300, -0.0],
    "large": 2**80,
    "complex": 1 - 2j,
    "text": "naïve \u2028 \ud800 text",
    "bool": True,
    "tensor": tensor([1, 2]),
    "scalar": tensor(2.5),
    "empty": tensor(np.zeros((0, 3))),
    "nothing": {},
    "list": [1, [2, tensor(3)], (tensor(4), "x"), ()],
    "size": torch.Size([2, 3]),
    "keys": {1: "a", "1": "b", None: "c", 2.5: "d", False: "e"},
    "ordered": OrderedDict(b=1, a=tensor(2)),
    "counter": Counter({3: 2, 5: 1}),
    "clash": {"a.b": tensor(1), "a": {"b": tensor(2)}, "__metadata__": tensor(3), "": tensor(4)},
    "dtype": torch.float16,
    "device": torch.device("cpu"),
    "array": np.arange(6, dtype=np.uint16).reshape(2, 3),
    "parameter": [Parameter(tensor([1.0])), Parameter(tensor([1.0]), requires_grad=False)],
    "gradient": tensor([1.0]).requires_grad_(),
    "numpy scalars": [np.float64(2.5).item(), np.int32(4).item()],
}


@pytest.mark.parametrize("name", VALUES)
def test_what_is_saved_comes_back(name, tmp_path):
    path = tmp_path / "value.safetensors"
    save(VALUES[name], path)
    assert equal(load(path), VALUES[name])
    buffer = io.BytesIO()
    save(VALUES[name], buffer)
    buffer.seek(0)
    assert equal(load(buffer), VALUES[name])


FLOATING = ["float16", "bfloat16", "float32", "float64", "complex64", "complex128"]


@pytest.mark.parametrize("dtype", [*FLOATING, "uint8", "int8", "int16", "int32", "int64", "bool"])
def test_every_dtype(dtype, tmp_path):
    kind = getattr(torch, dtype).numpy
    values = tensor(np.array([[0, 1, 2], [3, 4, 5]]).astype(kind), kind)
    save({"x": values}, tmp_path / "x")
    loaded = load(tmp_path / "x")["x"]
    assert equal(loaded, values)
    loaded.array[...] = 1  # it can be written to


def test_a_loaded_array_does_not_depend_on_the_file(tmp_path):
    path = tmp_path / "x"
    save({"x": tensor([1, 2])}, path)
    loaded = load(path)["x"]
    path.write_bytes(b"")
    assert loaded.array.tolist() == [1, 2]


def test_values_count_not_strides(tmp_path):
    base = np.arange(24.0).reshape(2, 3, 4)
    views = {
        "transposed": make_result(base.T),
        "sliced": make_result(base[:, ::2, 1:]),
        "reversed": make_result(base[::-1]),
        "repeated": make_result(np.broadcast_to(base[0, 0], (5, 4))),
    }
    save(views, tmp_path / "x")
    for name, each in load(tmp_path / "x").items():
        assert each.array.tolist() == views[name].array.tolist()


def test_shared_memory_is_shared_again(tmp_path):
    weight = tensor([1, 2])
    save({"a": weight, "b": weight.detach(), "c": tensor([1, 2])}, tmp_path / "x")
    loaded = load(tmp_path / "x")
    assert np.shares_memory(loaded["a"].array, loaded["b"].array)
    assert not np.shares_memory(loaded["a"].array, loaded["c"].array)
    assert load_file(tmp_path / "x").keys() == {"a", "b", "c"}  # for other readers all are there


def test_a_state_dict_is_a_plain_file_with_its_own_names_and_order(tmp_path):
    model = Model()
    save(model.state_dict(), tmp_path / "model.safetensors")
    arrays = load_file(tmp_path / "model.safetensors")
    assert arrays.keys() == set(model.state_dict())
    assert arrays["first.weight"].tolist() == [[1, 2], [3, 4]]
    state = load(tmp_path / "model.safetensors")
    assert list(state) == list(model.state_dict())
    assert state._metadata == model.state_dict()._metadata
    other = Model()
    other.first.weight.array[...] = 0
    assert str(other.load_state_dict(state)) == "<All keys matched successfully>"
    assert other.first.weight.array.tolist() == [[1, 2], [3, 4]]


def test_training_goes_on_from_a_checkpoint(tmp_path):
    def build():
        parameter = Parameter(tensor([1.0, 2.0]))
        optimizer = Adam([parameter], lr=0.1)
        return parameter, optimizer, MultiStepLR(optimizer, [2, 4, 4])

    def train(parameter, optimizer, scheduler, steps):
        for _ in range(steps):
            parameter.grad = tensor(parameter.array * 2)
            optimizer.step()
            scheduler.step()

    parameter, optimizer, scheduler = build()
    train(parameter, optimizer, scheduler, 3)
    state = {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(), "x": parameter, "epoch": 3}
    save(state, tmp_path / "checkpoint")
    train(parameter, optimizer, scheduler, 3)

    again, optimizer2, scheduler2 = build()
    loaded = load(tmp_path / "checkpoint")
    again.array[...] = loaded["x"].array
    optimizer2.load_state_dict(loaded["optimizer"])
    scheduler2.load_state_dict(loaded["scheduler"])
    train(again, optimizer2, scheduler2, 3)
    assert again.array.tolist() == parameter.array.tolist()
    assert scheduler2.get_last_lr() == scheduler.get_last_lr()


def test_files_of_others(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"b": np.ones(2, np.float32), "a": np.zeros(3, np.int8)}, path, {"format": "pt"})
    loaded = load(path, map_location="cpu")
    assert {name: each.array.tolist() for name, each in loaded.items()} == {"b": [1, 1], "a": [0, 0, 0]}
    assert load(path, weights_only=True).keys() == loaded.keys()


def test_map_location(tmp_path):
    save({"x": tensor([1, 2]), "y": [tensor(1)]}, tmp_path / "x")
    loaded = load(tmp_path / "x", map_location=torch.device("meta"))
    assert loaded["x"].is_meta
    assert loaded["y"][0].is_meta
    assert loaded["x"].shape == (2,)
    with pytest.raises(AssertionError, match="not compiled with CUDA"):
        load(tmp_path / "x", map_location="cuda")


UNSUPPORTED = [
    ({"model": {"layer": Tiny()}}, "cannot save the entry 'model.layer': Tiny is not .* save its state_dict()"),
    (Tiny(), "cannot save this: Tiny is not a tensor"),
    ({"a": [1, object()]}, "cannot save the entry 'a.1': object"),
    ({"f": print}, "cannot save the entry 'f'"),
    ({"a": {(1, 2): 3}}, r"cannot save the entry 'a': the key \(1, 2\) is a tuple"),
    ({"o": np.array([object()])}, "cannot save the entry 'o': arrays of object"),
    ({"m": make_result(np.zeros(2), meta=True)}, "cannot save the entry 'm': a tensor on the device meta has no data"),
    ({"s": {1, 2}}, "cannot save the entry 's': set"),
]


@pytest.mark.parametrize(("value", "message"), UNSUPPORTED, ids=[str(i) for i in range(len(UNSUPPORTED))])
def test_what_cannot_be_saved_is_named_and_nothing_is_written(value, message, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"before")
    with pytest.raises(TypeError, match=message):
        save(value, path)
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["x"]


def test_a_value_that_contains_itself(tmp_path):
    value = {"a": []}
    value["a"].append(value)
    with pytest.raises(ValueError, match=r"cannot save the entry 'a.0': it contains itself"):
        save(value, tmp_path / "x")


def test_paths_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.safetensors"):
        load(tmp_path / "nowhere.safetensors")
    with pytest.raises(RuntimeError, match=r"Parent directory .* does not exist\."):
        save({}, tmp_path / "nowhere" / "x")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        save({}, tmp_path)
    with pytest.raises(IsADirectoryError):
        load(tmp_path)


def good_file(tmp_path):
    save({"weights": tensor(np.arange(100)), "list": [1, 2]}, tmp_path / "good")
    return (tmp_path / "good").read_bytes()


def header(content, data=b""):
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<Q", len(text)) + text + data


F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
HOSTILE = {
    "empty": b"",
    "short": b"\x01\x02",
    "text": b"hello, this is no tensor at all",
    "zeros": bytes(100),
    "huge header": struct.pack("<Q", 2**63) + b"{}",
    "no json": header(b"{nonsense"),
    "not a dict": header([1, 2]),
    "overlap": header({"a": F32, "b": F32}, bytes(8)),
    "outside": header({"a": {**F32, "data_offsets": [0, 800]}}, bytes(8)),
    "negative": header({"a": {**F32, "data_offsets": [-8, 0]}}, bytes(8)),
    "wrong size": header({"a": {**F32, "shape": [3]}}, bytes(8)),
    "overflow": header({"a": {**F32, "shape": [2**62, 2**62]}}, bytes(8)),
    "hole": header({"a": {**F32, "data_offsets": [4, 12]}}, bytes(12)),
    "unknown type": header({"a": {**F32, "dtype": "F128"}}, bytes(8)),
    "type we have not": header({"a": {**F32, "dtype": "F8_E4M3", "shape": [8]}}, bytes(8)),
    "deep": header(b'{"__metadata__":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_broken_files_are_refused(name, tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(CheckpointError, match=r"broken\.safetensors cannot be read: "):
        load(path)


STRUCTURES = [
    "nonsense",
    "[]",
    "3",
    '{"version":1}',
    '{"version":2,"value":3}',
    '{"version":1,"value":{"tensor":"missing"}}',
    '{"version":1,"value":{"tensor":"a","same":"b"}}',
    '{"version":1,"value":{"tensor":["a"]}}',
    '{"version":1,"value":{"dict":[[1]]}}',
    '{"version":1,"value":{"dict":[[[1],2]]}}',
    '{"version":1,"value":{"eval":"1"}}',
    '{"version":1,"value":{"list":1,"tuple":2}}',
    '{"version":1,"value":{"dtype":"object"}}',
    '{"version":1,"value":{"device":"moon"}}',
    '{"version":1,"value":{"float":"1;2"}}',
    '{"version":1,"value":{"complex":[1]}}',
    '{"version":1,"value":{"counter":[["a","b","c"]]}}',
    '{"version":1,"value":{"tensor":"a","complex":"complex64"}}',
    '{"version":1,"value":' + "[" * 5000 + "]" * 5000 + "}",
    '{"version":1,"value":' + '{"tuple":[' * 3000 + "]}" * 3000 + "}",
]


@pytest.mark.parametrize("text", STRUCTURES, ids=[each[:60] for each in STRUCTURES])
def test_broken_structures_are_refused(text, tmp_path):
    save_file({"a": np.ones(3, np.float32)}, tmp_path / "x", {"convlet": text})
    with pytest.raises(CheckpointError, match=r"cannot be read: (the description of )?its structure is d"):
        load(tmp_path / "x")


def test_truncated_files_are_refused_at_every_length(tmp_path):
    whole = good_file(tmp_path)
    for length in [0, 1, 7, 8, 9, 50, len(whole) // 2, len(whole) - 1]:
        (tmp_path / "x").write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="cannot be read"):
            load(tmp_path / "x")


def test_damaged_headers_never_do_worse_than_an_error(tmp_path):
    whole = good_file(tmp_path)
    random = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        for position in random.integers(0, 300, random.integers(1, 4)):
            damaged[position] = random.integers(0, 256)
        (tmp_path / "x").write_bytes(damaged)
        with contextlib.suppress(CheckpointError):
            load(tmp_path / "x")


@pytest.mark.parametrize("protocol", [2, 4])
def test_pickles_are_refused_with_the_way_out(protocol, tmp_path):
    (tmp_path / "model.pt").write_bytes(pickle.dumps({"a": 1}, protocol))
    with pytest.raises(CheckpointError, match=r"is a PyTorch pickle \(\.pt\).*save_file"):
        load(tmp_path / "model.pt")


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "model"
    save({"a": 1}, path)
    before = path.read_bytes()

    for error in (KeyboardInterrupt(), OSError(28, "No space left on device"), safetensors.SafetensorError("io")):

        def fail(arrays, draft, metadata, error=error):
            with open(draft, "wb") as file:
                file.write(b"half")
            raise error

        monkeypatch.setattr("safetensors.numpy.save_file", fail)
        with pytest.raises(OSError if isinstance(error, safetensors.SafetensorError) else type(error)):
            save({"a": 2}, path)
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["model"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of a process are Unix's")
def test_a_full_disk(tmp_path):
    path = tmp_path / "model"
    save({"a": 1}, path)
    before = path.read_bytes()
    code = f"""
        import resource, signal
        import numpy as np
        from convlet.io import save
        from convlet.autograd.function import make_result
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            save({{"a": make_result(np.zeros(1_000_000))}}, {str(path)!r})
        except OSError as error:
            print("OSError", error)
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, env=environment, check=True
    )
    assert run.stdout.startswith("OSError"), run.stdout + run.stderr
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model"]


def test_a_link_stays_a_link_and_modes_are_kept(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    save({"a": 1}, target)
    target.chmod(0o640)
    link.symlink_to(target)
    save({"a": 2}, link)
    assert link.is_symlink()
    assert load(target) == {"a": 2}
    assert target.stat().st_mode & 0o777 == 0o640
    old = os.umask(0o027)
    try:
        save({}, tmp_path / "new")
    finally:
        os.umask(old)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


def test_replacing(tmp_path):
    path = tmp_path / "x"
    with replacing(path) as draft:
        assert not path.exists()
        with open(draft, "w") as file:
            file.write("whole")
    assert path.read_text() == "whole"
    with pytest.raises(ValueError, match="oh"), replacing(path):
        raise ValueError("oh")
    assert path.read_text() == "whole"
    assert os.listdir(tmp_path) == ["x"]


def test_without_the_library_the_error_names_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match="pip install safetensors"):
        save({}, tmp_path / "x")
    assert os.listdir(tmp_path) == []


def test_optimizers_are_saved_by_their_state(tmp_path):
    with pytest.raises(TypeError, match="SGD is not a tensor"):
        save(SGD([Parameter(tensor(1.0))]), tmp_path / "x")
