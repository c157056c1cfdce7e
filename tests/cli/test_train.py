"""convlet train: what it writes and prints, and how it ends."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import convlet
from convlet.models import ImageClassifier, classifier, training

for each in ("PIL", "safetensors", "matplotlib", "tqdm"):
    pytest.importorskip(each)


@pytest.fixture
def trained(shapes, tmp_path, convlet_command):
    """A model trained on the bars: (the file, what was printed)."""
    model = tmp_path / "bars.safetensors"
    status, out, err = convlet_command("train", shapes, "--size", 8, "--epochs", 3, "--output", model)
    assert (status, err) == (0, "")
    return model, out


def test_a_folder_becomes_a_model_and_a_picture(trained):
    model, out = trained
    lines = out.splitlines()
    assert lines[0].endswith("shapes: 30 gray images of 8 x 8, 2 classes")
    assert lines[1] == "24 to train on, 6 held out: a fifth of each class, drawn with seed 0"
    assert [line.split()[:2] for line in lines[2:5]] == [["epoch", f"{i}/3"] for i in (1, 2, 3)]
    assert lines[5].startswith("done: epoch 3: 6 of 6 held-out images right (100.00%)")
    assert lines[6:] == [f"model: {model}", f"curve: {model.with_suffix('.png')}"]
    assert model.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"
    loaded = ImageClassifier.load(model)
    assert (loaded.classes, loaded.channels, loaded.size) == (["flat", "upright"], 1, 8)
    assert sorted(os.listdir(model.parent)) == ["bars.png", "bars.safetensors", "shapes"]  # nothing temporary


def test_same_seed_same_model_to_the_bit(shapes, tmp_path, convlet_command):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        output = tmp_path / f"{name}.safetensors"
        convlet_command("train", shapes, "--size", 8, "--epochs", 2, "--seed", seed, "--output", output, "--flip")
    a, b, c = (convlet.load(tmp_path / f"{name}.safetensors") for name in "abc")
    weights = a.pop("weights"), b.pop("weights"), c.pop("weights")
    assert a == b == c
    a, b, c = ([(name, each.numpy().tobytes()) for name, each in part.items()] for part in weights)
    assert a == b
    assert a != c


def test_colour_and_larger_images(shapes, tmp_path, convlet_command):
    image = pytest.importorskip("PIL.Image")
    image.open(shapes / "flat" / "0.png").convert("RGB").save(shapes / "flat" / "0.png")
    model = tmp_path / "model"
    options = ("--size", 33, "--epochs", 1, "--batch-size", 13)
    status, out, _ = convlet_command("train", shapes, *options, "--output", model)
    assert status == 0
    assert "30 RGB images of 33 x 33" in out
    assert ImageClassifier.load(f"{model}.safetensors").channels == 3


def stop_in_epoch(number, monkeypatch, error):
    """Make the evaluation at the end of this epoch raise ``error`` instead."""
    evaluate, calls = training.evaluate, []

    def stopping(*arguments):
        calls.append(None)
        if len(calls) == number:
            raise error
        return evaluate(*arguments)

    monkeypatch.setattr(training, "evaluate", stopping)


def test_interrupted_it_keeps_the_last_finished_epoch(shapes, tmp_path, convlet_command, monkeypatch):
    model = tmp_path / "m.safetensors"
    stop_in_epoch(3, monkeypatch, KeyboardInterrupt())
    status, out, _ = convlet_command("train", shapes, "--size", 8, "--epochs", 9, "--output", model)
    assert status == 130
    assert "stopped after epoch 2" in out
    assert model.with_suffix(".png").exists()
    assert ImageClassifier.load(model).classes == ["flat", "upright"]


def test_interrupted_before_the_first_epoch_it_leaves_what_was_there(shapes, tmp_path, convlet_command, monkeypatch):
    model = tmp_path / "m.safetensors"
    model.write_bytes(b"an older model")
    stop_in_epoch(1, monkeypatch, KeyboardInterrupt())
    status, _, err = convlet_command("train", shapes, "--size", 8, "--epochs", 9, "--output", model)
    assert status == 130
    assert "nothing is written" in err
    assert model.read_bytes() == b"an older model"


def test_a_real_ctrl_c(tmp_path, environment):
    command = [sys.executable, "-m", "convlet", "train", "--epochs", "10000"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        for line in process.stdout:
            if line.startswith("epoch") and line.split()[1] == "2/10000":
                process.send_signal(signal.SIGINT)
                break
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "stopped after epoch" in out
    assert "Traceback" not in err
    assert ImageClassifier.load(tmp_path / "model.safetensors").size == 8
    assert (tmp_path / "model.png").exists()


def test_a_failed_write_leaves_the_old_model(trained, shapes, convlet_command, monkeypatch):
    model, _ = trained
    before = model.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(classifier, "save", full)
    status, _, err = convlet_command("train", shapes, "--size", 8, "--epochs", 1, "--output", model)
    assert status == 2
    assert err == f"convlet train: {model}: can't be written (No space left on device)\n"
    assert model.read_bytes() == before


def test_a_loss_that_explodes_says_what_to_do(shapes, tmp_path, convlet_command):
    with np.errstate(all="ignore"):
        status, _, err = convlet_command(
            "train", shapes, "--size", 8, "--lr", 1e38, "--epochs", 30, "--output", tmp_path / "m.safetensors"
        )
    assert status == 2
    assert "training diverged. Try a smaller --lr than 1e+38" in err


def refused(convlet_command, *arguments):
    status, _, err = convlet_command("train", *arguments)
    assert status == 2
    assert "Traceback" not in err
    assert err.count("\n") == 1, err
    return err


def test_a_broken_image_is_named(shapes, tmp_path, convlet_command):
    bad = shapes / "flat" / "bad.png"
    bad.write_bytes((shapes / "flat" / "0.png").read_bytes()[:60])
    model = tmp_path / "m.safetensors"
    err = refused(convlet_command, shapes, "--output", model)
    assert err.startswith(f"convlet train: {bad}: not a readable image")
    assert not model.exists()


def test_folders_that_cannot_be_learned_from(shapes, tmp_path, convlet_command):
    missing, empty, single = tmp_path / "missing", tmp_path / "empty", tmp_path / "single"
    assert f"{missing}: No such file or directory" in refused(convlet_command, missing)
    empty.mkdir()
    assert f"Couldn't find any class folder in {empty}" in refused(convlet_command, empty)
    (empty / "a").mkdir()
    assert "Found no valid file for the classes a" in refused(convlet_command, empty)
    single.mkdir()
    (shapes / "flat").rename(single / "flat")
    assert "one class only (flat)" in refused(convlet_command, single)
    (single / "other").mkdir()
    (shapes / "upright" / "0.png").rename(single / "other" / "0.png")
    assert f"{single / 'other'}: one image only" in refused(convlet_command, single)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "--epochs must be at least 1, but is 0"),
        (["--batch-size", "-3"], "--batch-size must be at least 1, but is -3"),
        (["--lr", "0"], "--lr must be a positive number"),
        (["--lr", "nan"], "--lr must be a positive number"),
        (["--seed", str(2**70)], "--seed must be in"),
        (["--size", "16"], "--size is for a folder of images"),
        (["somewhere", "--size", "7"], "--size must be at least 8, but is 7"),
        (["--output", "no/such/folder/m.safetensors"], "no such folder to write m.safetensors to"),
        (["--output", "picture.png"], "the model is a .safetensors file"),
    ],
)
def test_options_are_checked_before_anything_is_done(arguments, message, convlet_command):
    assert message in refused(convlet_command, *arguments)


def test_an_output_that_cannot_be_written_is_found_before_training(tmp_path, convlet_command, monkeypatch):
    (tmp_path / "folder.safetensors").mkdir()
    assert "there is a folder of this name" in refused(
        convlet_command, "--output", tmp_path / "folder.safetensors"
    )

    def denied(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", denied)  # root may write anywhere
    assert "can't be written (Permission denied)" in refused(convlet_command, "--output", tmp_path / "m.safetensors")


@pytest.mark.parametrize("module", ["tqdm", "matplotlib", "safetensors", "PIL"])
def test_a_missing_extra_is_named_with_its_cure(module, shapes, tmp_path, convlet_command, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    err = refused(convlet_command, shapes, "--output", tmp_path / "m.safetensors")
    assert "pip install 'convlet[train]'" in err
    assert module.lower().replace("pil", "pillow") in err.lower()


def test_the_digits_are_learned(tmp_path, environment):
    """The main job as a user runs it: at least 98.5 % of the held-out fifth, whose images training never saw."""
    command = [sys.executable, "-m", "convlet", "train", "--output", "digits.safetensors"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "1797 gray images of 8 x 8, 10 classes\n1438 to train on, 359 held out" in done.stdout
    right = int(done.stdout.split("done: epoch 20: ")[1].split()[0])
    assert right >= 0.985 * 359

    from PIL import Image

    from convlet.data import Digits, stratified_split

    digits = Digits()
    _, held_out = stratified_split(digits.targets, 0.2, convlet.Generator().manual_seed(0))
    chances = ImageClassifier.load(tmp_path / "digits.safetensors").probabilities(digits.images[held_out][:, None])
    assert int((chances.argmax(axis=1) == digits.targets[held_out]).sum()) == right
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)

    names = []
    for i in held_out[:20]:
        names.append(f"{digits.targets[i]}-{i}.png")
        Image.fromarray(digits.images[i]).save(tmp_path / names[-1])
    command = [sys.executable, "-m", "convlet", "predict", "digits.safetensors", "--json", *names]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    results = json.loads(done.stdout)
    assert [each["image"] for each in results] == names
    assert sum(each["class"] == each["image"][0] for each in results) >= 19
