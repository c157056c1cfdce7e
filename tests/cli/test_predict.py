"""convlet predict: its output, and files that are no models or no images."""

import json
import sys

import numpy as np
import pytest

import convlet as torch
from convlet.models import ImageClassifier, ModelFileError, SmallCNN

image = pytest.importorskip("PIL.Image")
safetensors = pytest.importorskip("safetensors.numpy")


@pytest.fixture
def model(tmp_path):
    """A model of two classes, untrained, but for a bias that makes it sure of the second one."""
    torch.manual_seed(0)
    classifier = ImageClassifier(SmallCNN(2, 3, 9), ["cat", "dog"], [0.5, 0.5, 0.5], [0.25, 0.25, 0.25])
    with torch.no_grad():
        classifier.network.head[2].bias.copy_(torch.tensor([0.0, 30.0]))
    classifier.save(tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


@pytest.fixture
def pictures(tmp_path):
    for i in range(3):
        image.fromarray(np.full((20, 30, 3), 80 * i, np.uint8)).save(tmp_path / f"{i}.png")
    return [tmp_path / f"{i}.png" for i in range(3)]


def test_a_line_for_each_image(model, pictures, convlet_command):
    status, out, err = convlet_command("predict", model, *pictures)
    assert (status, err) == (0, "")
    assert out.splitlines() == [f"{path}: dog 100.0%" for path in pictures]
    status, out, _ = convlet_command("predict", model, pictures[0], "--top", 5)
    assert out == f"{pictures[0]}: dog 100.0%, cat 0.0%\n"


def test_json(model, pictures, convlet_command):
    _, out, _ = convlet_command("predict", model, pictures[0], "--json")
    assert json.loads(out) == [{"image": str(pictures[0]), "class": "dog", "probability": 1.0}]
    _, out, _ = convlet_command("predict", model, pictures[0], "--json", "--top", 2)
    assert [each["class"] for each in json.loads(out)[0]["top"]] == ["dog", "cat"]


def test_what_is_loaded_computes_what_was_saved(model):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 3, 9, 9), np.uint8)
    first = ImageClassifier.load(model)
    first.network.head[2].bias.data.zero_()
    first.save(model)
    second = ImageClassifier.load(model)
    np.testing.assert_array_equal(first.probabilities(pixels), second.probabilities(pixels))
    inverted = second.probabilities(255 - pixels)
    assert not np.array_equal(inverted, second.probabilities(pixels))


def test_inverting(model, pictures, convlet_command):
    loaded = ImageClassifier.load(model)
    loaded.network.head[2].bias.data.zero_()
    loaded.save(model)
    image.fromarray(255 - np.asarray(image.open(pictures[1]))).save(pictures[0])
    plain = json.loads(convlet_command("predict", model, pictures[1], "--json")[1])
    swapped = json.loads(convlet_command("predict", model, pictures[0], "--json", "--invert")[1])
    assert swapped[0]["probability"] == plain[0]["probability"]


def test_a_file_that_is_no_image_is_named_and_the_others_are_done(model, pictures, tmp_path, convlet_command):
    pictures[1].write_bytes(b"no image")
    status, out, err = convlet_command("predict", model, *pictures, tmp_path / "missing.png", tmp_path)
    assert status == 2
    assert len(out.splitlines()) == 2
    assert err.splitlines() == [
        f"convlet predict: {pictures[1]}: not a readable image (no image format that Pillow knows)",
        f"convlet predict: {tmp_path / 'missing.png'}: no such file",
        f"convlet predict: {tmp_path}: a folder, not an image",
    ]


def refused(convlet_command, *arguments):
    status, out, err = convlet_command("predict", *arguments)
    assert (status, out) == (2, "")
    assert "Traceback" not in err
    assert err.count("\n") == 1, err
    return err


def test_files_that_are_no_models(model, pictures, tmp_path, convlet_command):
    whole = model.read_bytes()
    other = tmp_path / "other.safetensors"
    assert f"{other}: " in refused(convlet_command, other, pictures[0])
    for content in (b"", b"no model", b"PK\x03\x04 a pickle of PyTorch", whole[:50], whole[:-10], b"\xff" * 100):
        other.write_bytes(content)
        assert f"{other}" in refused(convlet_command, other, pictures[0])
    safetensors.save_file({"weight": np.zeros(3, np.float32)}, other)
    assert "not a model that 'convlet train' wrote" in refused(convlet_command, other, pictures[0])
    torch.save({"format": "convlet.ImageClassifier", "version": 99}, other)
    assert "this convlet reads version 1" in refused(convlet_command, other, pictures[0])
    assert f"{tmp_path}" in refused(convlet_command, tmp_path, pictures[0])


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.pop("weights"),
        lambda c: c["network"].update(size=10**6),
        lambda c: c["network"].update(size="9"),
        lambda c: c["network"].update(width=10**6),
        lambda c: c["network"].update(name="Other"),
        lambda c: c["network"].update(surprise=1),
        lambda c: c.update(classes=["one"]),
        lambda c: c.update(classes=[1, 2]),
        lambda c: c.update(std=[0.0, 0.0, 0.0]),
        lambda c: c.update(mean=[0.0]),
        lambda c: c["weights"].pop("features.0.weight"),
        lambda c: c["weights"].update({"features.0.weight": torch.zeros(32, 3, 5, 5)}),
    ],
)
def test_damaged_models(change, model, tmp_path):
    content = torch.load(model)
    change(content)
    torch.save(content, tmp_path / "damaged.safetensors")
    with pytest.raises(ModelFileError, match=r"damaged\.safetensors: a damaged model file"):
        ImageClassifier.load(tmp_path / "damaged.safetensors")


def test_top_and_extras(model, pictures, convlet_command, monkeypatch):
    assert "--top must be at least 1" in refused(convlet_command, model, pictures[0], "--top", 0)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    assert "pip install 'convlet[train]'" in refused(convlet_command, model, pictures[0])


@pytest.mark.parametrize("size", [8, 9, 15, 16, 28, 31, 32, 33, 64, 100])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_network_takes_every_size(size, channels):
    network = SmallCNN(5, channels, size, width=4).eval()
    assert network(torch.zeros(2, channels, size, size)).shape == (2, 5)
    assert 4 <= int((network.head[2].in_features / network.features[-3].out_channels) ** 0.5) <= 7


def test_the_network_refuses_tiny_images():
    with pytest.raises(ValueError, match="at least 8 x 8 pixels, but got size=7"):
        SmallCNN(size=7)
