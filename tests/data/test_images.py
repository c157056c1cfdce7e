"""Image files, folders of them, the digits, transforms."""

import hashlib

import numpy as np
import pytest

import convlet as torch
from convlet.data import Digits, ImageError, ImageFolder, images, transforms

PIL = pytest.importorskip("PIL.Image")


def save(path, array, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = PIL.fromarray(np.asarray(array))
    (image.convert(mode) if mode else image).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    colour = np.zeros((6, 6, 3), np.uint8)
    for name, red in (("b", 10), ("a", 20)):
        colour[..., 0] = red
        for i in (2, 10):
            save(tmp_path / name / f"{i}.png", colour)
    save(tmp_path / "a" / "deeper" / "3.png", colour)
    (tmp_path / "a" / "notes.txt").write_text("not an image")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "list.csv").write_text("")
    return tmp_path


def test_image_folder_lists_classes_and_files_in_a_fixed_order(folder):
    data = ImageFolder(folder)
    assert data.classes == ["a", "b"]
    assert data.class_to_idx == {"a": 0, "b": 1}
    names = [path.removeprefix(str(folder)) for path, _ in data.samples]
    assert names == ["/a/10.png", "/a/2.png", "/a/deeper/3.png", "/b/10.png", "/b/2.png"]
    assert data.targets == [0, 0, 0, 1, 1]
    image, target = data[4]
    assert (image.mode, image.size, target) == ("RGB", (6, 6), 1)
    tensor, name = ImageFolder(folder, transforms.ToTensor(), data.classes.__getitem__)[4]
    assert (tensor.shape, tensor.dtype, name) == ((3, 6, 6), torch.float32, "b")
    assert tensor[0, 0, 0].item() == pytest.approx(10 / 255)
    assert "5 images of 2 classes" in repr(data)


def test_image_folder_errors_name_the_place(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"Couldn't find any class folder in .*deeper\."):
        ImageFolder(folder / "a" / "deeper")
    (folder / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"Found no valid file for the classes empty .* \.jpg, "):
        ImageFolder(folder)
    assert ImageFolder(folder, allow_empty=True).classes == ["a", "b", "empty"]
    assert len(ImageFolder(folder, is_valid_file=lambda path: "10" in path, allow_empty=True)) == 2


def test_broken_files_are_named(folder):
    noise = np.random.default_rng(0).integers(0, 256, (9, 9), np.uint8)
    good = save(folder / "a" / "good.png", noise).read_bytes()
    bad = folder / "a" / "bad.png"
    for content in (b"", b"\x89PNG\r\n\x1a\n", b"not an image", good[:40], good[:-60]):
        bad.write_bytes(content)
        with pytest.raises(ImageError, match=r"bad\.png: not a readable image"):
            images.open_image(bad)
    with pytest.raises(ImageError, match=r"nothing\.png: no such file"):
        images.open_image(folder / "nothing.png")
    with pytest.raises(ImageError, match="a folder, not an image"):
        images.open_image(folder)


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    path = save(tmp_path / "bomb.png", np.zeros((40, 40), np.uint8))
    monkeypatch.setattr(PIL, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ImageError, match=r"bomb\.png: the image is too large to decode safely"):
        images.open_image(path)


def test_modes_become_bytes(tmp_path):
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8)
    plain = images.to_bytes(images.open_image(save(tmp_path / "l.png", gray)), 1, 8)
    assert plain.dtype == np.uint8
    np.testing.assert_array_equal(plain[0], gray)
    wide = images.open_image(save(tmp_path / "i16.png", gray.astype(np.uint16) * 256 + 255))
    np.testing.assert_array_equal(images.to_bytes(wide, 1, 8)[0], gray)
    assert images.is_gray(wide)
    see_through = np.zeros((8, 8, 4), np.uint8)
    see_through[:, :4] = (10, 20, 30, 255)
    image = images.open_image(save(tmp_path / "rgba.png", see_through))
    pixels = images.to_bytes(image, 3, 8)
    assert pixels[:, 0, 0].tolist() == [10, 20, 30]
    assert pixels[:, 0, 7].tolist() == [255, 255, 255]
    assert not images.is_gray(image)
    palette = images.open_image(save(tmp_path / "p.gif", np.full((8, 8, 3), 102, np.uint8), "P"))
    assert images.to_bytes(palette, 1, 8).max() == 102
    cmyk = images.open_image(save(tmp_path / "c.jpg", np.full((8, 8, 3), 255, np.uint8), "CMYK"))
    assert images.to_bytes(cmyk, 3, 8).shape == (3, 8, 8)


def test_the_central_square_is_kept_and_turned_upright(tmp_path):
    array = np.zeros((8, 24, 3), np.uint8)
    array[:, 8:16] = 255
    pixels = images.to_bytes(images.open_image(save(tmp_path / "wide.png", array)), 3, 8)
    assert (pixels == 255).all()
    half = np.zeros((8, 8, 3), np.uint8)
    half[:4] = 255  # top
    exif = PIL.Exif()
    exif[0x0112] = 6  # shown turned clockwise by a quarter: the top goes to the right
    turned = images.to_bytes(images.open_image(save(tmp_path / "turned.png", half, exif=exif)), 3, 8)
    assert turned[0, 0].tolist() == [0] * 4 + [255] * 4


def test_digits_are_the_published_ones():
    digits = Digits()
    assert len(digits) == 1797
    assert np.bincount(digits.targets).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    with np.load(images.__file__.replace("images.py", "digits.npz")) as file:
        content = file["images"].tobytes() + file["labels"].tobytes()
    # Of the 64 pixels and the label of each image, as bytes, of scikit-learn's digits.csv.gz.
    assert hashlib.sha256(content).hexdigest() == "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
    image, digit = digits[3]
    assert (image.shape, image.dtype, digit) == ((1, 8, 8), torch.float32, 3)
    assert image.min().item() == 0
    assert image.max().item() == pytest.approx(15 / 16, abs=1 / 255)
    assert Digits(transform=lambda x: x.shape, target_transform=str)[3] == ((1, 8, 8), "3")


def test_to_tensor_and_normalize():
    array = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    tensor = transforms.ToTensor()(array)
    np.testing.assert_allclose(tensor.numpy(), array.transpose(2, 0, 1) / 255, rtol=1e-6)
    assert transforms.ToTensor()(array[..., 0]).shape == (1, 2, 4)
    flat = transforms.Normalize([0.5, 0.5, 0.5], [0.5, 1, 2])(torch.ones(3, 2, 2))
    np.testing.assert_allclose(flat.numpy()[:, 0, 0], [1, 0.5, 0.25])
    with pytest.raises(ValueError, match="std must not be zero"):
        transforms.Normalize([0], [0])
    with pytest.raises(ValueError, match="pic should be 2/3 dimensional"):
        transforms.ToTensor()(np.zeros((1, 1, 1, 1)))


def test_resize_and_compose():
    image = PIL.fromarray(np.full((10, 30, 3), 7, np.uint8))
    tensor = transforms.Compose([transforms.Resize((4, 6)), transforms.ToTensor()])(image)
    assert tensor.shape == (3, 4, 6)
    assert transforms.Resize(5)(image).size == (5, 5)


def test_affine_without_change_is_the_identity():
    x = torch.rand(3, 2, 5, 7)
    same = transforms.RandomAffine(0, 0, 0)(x)
    assert same.dtype is torch.float32
    np.testing.assert_allclose(same.numpy(), x.numpy(), atol=1e-6)


def test_affine_shifts_and_turns_each_image_by_itself(monkeypatch):
    x = np.zeros((2, 1, 5, 5), np.float32)
    x[:, 0, 2, 3] = 1

    def draws(shape, **_):
        angle, size, down, right = [1, 0], [0, 0], [0, 1], [0, -1]
        return np.array([angle, size, down, right], np.float32)

    monkeypatch.setattr(transforms, "uniform", draws)
    moved = transforms.RandomAffine(degrees=90, scale=0.5, shift=0.2)(torch.from_numpy(x)).numpy()
    assert np.unravel_index(moved[0, 0].argmax(), (5, 5)) == (3, 2)  # a quarter turn about the middle
    assert np.unravel_index(moved[1, 0].argmax(), (5, 5)) == (1, 4)  # one pixel up and right
    np.testing.assert_allclose(moved.sum(axis=(1, 2, 3)), 1, atol=1e-5)


def test_random_transforms_repeat_by_their_generator():
    x = torch.rand(8, 1, 6, 6)
    for make in (
        lambda g: transforms.RandomAffine(10, 0.1, 0.1, g),
        lambda g: transforms.RandomHorizontalFlip(generator=g),
    ):
        one, two, other = (make(torch.Generator().manual_seed(seed))(x).numpy() for seed in (0, 0, 1))
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, other)
    assert transforms.RandomAffine(10, 0.1, 0.1)(x[0]).shape == (1, 6, 6)
    np.testing.assert_array_equal(transforms.RandomHorizontalFlip(1.0)(x).numpy(), x.numpy()[..., ::-1])
