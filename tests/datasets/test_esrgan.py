"""The bundled ESRGAN is the package's network, and the way from a handle to gray images holds or says why not."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image, ImageDraw

from src.base import InputError
from src.datasets import esrgan, esrgan_port
from src.datasets.esrgan import (
    BLOCK,
    BUNDLED,
    BUNDLED_SHA256,
    TFHUB_HANDLE,
    Upscaler,
    halve,
    handle_identity,
    load_esrgan,
    to_gray,
)

ROOT = Path(__file__).resolve().parents[2]


def digits(count: int) -> np.ndarray:
    """(count, 28, 28, 1) uint8: anti-aliased strokes like a four, a seven and a zero, each a little elsewhere."""
    strokes = (
        [(70, 50), (60, 120), (140, 120), (140, 50), (140, 180)],
        [(60, 60), (150, 60), (100, 175)],
        [(110, 50), (150, 80), (150, 150), (110, 175), (75, 150), (75, 80), (110, 50)],
    )
    images = []
    for index in range(count):
        canvas = Image.new("L", (224, 224))
        points = [(x + 4 * (index % 5), y - 3 * (index % 4)) for x, y in strokes[index % 3]]
        ImageDraw.Draw(canvas).line(points, fill=255, width=18, joint="curve")
        images.append(np.asarray(canvas.resize((28, 28), Image.Resampling.BOX)))
    return np.stack(images)[..., np.newaxis]


@pytest.fixture(scope="module")
def bundled() -> Upscaler:
    return load_esrgan(None)


def quantized() -> np.ndarray:
    import tensorflow as tf

    return tf.train.load_checkpoint(str(BUNDLED / "variables" / "variables")).get_tensor(
        "quantized/.ATTRIBUTES/VARIABLE_VALUE"
    )


def numpy_rrdn(image: np.ndarray, blob: np.ndarray, manifest: list[dict[str, Any]]) -> np.ndarray:
    """The network as published, T=10 D=3 C=4 x4, in float64 without TensorFlow: (h, w, 3) to (4h, 4w, 3) in [0, 1]."""
    ends = np.cumsum([math.prod(entry["shape"]) for entry in manifest])
    weights = {}
    for entry, end in zip(manifest, ends, strict=True):
        part = blob[end - math.prod(entry["shape"]) : end].astype(np.float64)
        values = part * entry["quantization"]["scale"] + entry["quantization"]["min"]
        weights[entry["name"]] = values.reshape(entry["shape"])

    def conv(x: np.ndarray, name: str) -> np.ndarray:
        kernel, (height, width, _) = weights[f"{name}/kernel"], x.shape
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        taps = (padded[i : i + height, j : j + width] @ kernel[i, j] for i in range(3) for j in range(3))
        return sum(taps, start=weights[f"{name}/bias"])

    first = x = conv(image, "Pre_blocks_conv")
    for t in range(1, 11):
        trunk = x
        for d in range(1, 4):
            dense = x
            for c in range(1, 5):
                dense = np.concatenate([dense, np.maximum(conv(dense, f"F_{t}_{d}_{c}"), 0)], axis=2)
            x = x + 0.2 * conv(dense, f"LFF_{t}_{d}")
        x = trunk + 0.2 * x
    x = conv(conv(x, "post_blocks_conv") + first, "PreShuffle")
    height, width, _ = x.shape
    shuffled = x.reshape(height, width, 4, 4, 3).transpose(0, 2, 1, 3, 4).reshape(4 * height, 4 * width, 3)
    return conv(shuffled, "SR")


def test_bundled_weights_are_the_packages_bytes() -> None:
    blob = quantized()
    assert blob.dtype == np.uint8 and blob.shape == (4_176_100,)
    assert hashlib.sha256(blob.tobytes()).hexdigest() == esrgan_port.SOURCE_SHA256[esrgan_port.BLOB]


def test_bundled_manifest_is_the_packages() -> None:
    manifest = json.loads((BUNDLED / "assets" / esrgan_port.MANIFEST).read_text())
    assert len(manifest) == 308
    first, last = manifest[0], manifest[-1]
    # Copied by hand from the package's model.json.
    assert (first["name"], first["shape"]) == ("F_10_1_1/kernel", [3, 3, 32, 32])
    assert (first["quantization"]["min"], first["quantization"]["scale"]) == (
        -0.46612293439752917,
        0.003377702423170501,
    )
    assert (last["name"], last["shape"]) == ("post_blocks_conv/bias", [32])
    assert (last["quantization"]["min"], last["quantization"]["scale"]) == (-0.05019363573953217, 0.0004047873849962272)


def test_the_whole_network_equals_numpy() -> None:
    import tensorflow_hub as hub

    rgb = np.random.default_rng(3).integers(0, 256, (9, 7, 3)).astype(np.float32)
    manifest = json.loads((BUNDLED / "assets" / esrgan_port.MANIFEST).read_text())
    expected = 255 * numpy_rrdn(rgb.astype(np.float64) / 255, quantized(), manifest)
    actual = hub.load(str(BUNDLED))(rgb[np.newaxis]).numpy()
    assert actual.shape == (1, 36, 28, 3) and actual.dtype == np.float32
    np.testing.assert_allclose(actual[0], expected, atol=0.02)


def test_bundle_is_small_and_whole() -> None:
    assert sum(path.stat().st_size for path in BUNDLED.rglob("*") if path.is_file()) <= 5_000_000
    readme = (BUNDLED / "README.md").read_text()
    assert all(digest in readme for digest in (*BUNDLED_SHA256.values(), *esrgan_port.SOURCE_SHA256.values()))
    assert "MIT License" in (BUNDLED / "LICENSE").read_text()


def test_digits_come_out_sharper_than_bicubic_and_in_their_place(bundled: Upscaler) -> None:
    images = digits(6)
    bicubic = np.stack(
        [np.asarray(Image.fromarray(i[..., 0]).resize((56, 56), Image.Resampling.BICUBIC)) for i in images]
    )
    ours = bundled(images)[..., 0]

    def energy(stack: np.ndarray) -> np.ndarray:
        wide = stack.astype(float)
        return (np.diff(wide, axis=1) ** 2).sum((1, 2)) + (np.diff(wide, axis=2) ** 2).sum((1, 2))

    def mass_and_centre(stack: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # The network lifts black to a few gray levels, all over the image; the stroke is what counts here.
        stroke = np.where(stack > 16, stack, 0).astype(float)
        mass, places = stroke.sum((1, 2)), np.arange(56)
        centre = np.stack([stroke.sum(2) @ places, stroke.sum(1) @ places], axis=1) / mass[:, np.newaxis]
        return mass, centre

    assert (energy(ours) > 1.3 * energy(bicubic)).all()
    (mass, centre), (plain_mass, plain_centre) = mass_and_centre(ours), mass_and_centre(bicubic)
    np.testing.assert_allclose(mass, plain_mass, rtol=0.06)
    np.testing.assert_allclose(centre, plain_centre, atol=0.3)
    assert np.abs((centre - plain_centre).mean(0)).max() < 0.15


def test_an_image_does_not_depend_on_its_company(bundled: Upscaler) -> None:
    images = digits(BLOCK + 3)
    together = bundled(images)
    assert together.shape == (BLOCK + 3, 56, 56, 1) and together.dtype == np.uint8
    np.testing.assert_array_equal(bundled(images[BLOCK:]), together[BLOCK:])
    np.testing.assert_array_equal(bundled(images[5:6]), together[5:6])
    assert bundled(images[:0]).shape == (0, 56, 56, 1)


@pytest.mark.parametrize("images", [np.zeros((2, 28, 28), np.uint8), np.zeros((2, 28, 28, 1), np.float32)])
def test_other_images_are_refused(images: np.ndarray) -> None:
    with pytest.raises(InputError, match="uint8 of shape"):
        Upscaler("any", lambda block: block)(images)


def test_gray_is_pillows_and_the_half_is_the_mean() -> None:
    import tensorflow as tf

    rgb = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    gray = to_gray(rgb)
    np.testing.assert_array_equal(gray[..., 0], np.stack([np.asarray(Image.fromarray(i).convert("L")) for i in rgb]))
    resized = tf.image.resize(gray, (32, 32), "bilinear", antialias=False).numpy()
    np.testing.assert_array_equal(halve(gray), np.floor(resized + 0.5))


def save_model(folder: Path, function: Any) -> str:
    """A SavedModel whose call is `function` of a float32 RGB batch."""
    import tensorflow as tf

    module = tf.Module()
    module.__call__ = tf.function(function, input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
    tf.saved_model.save(module, str(folder))
    return str(folder)


def enlarge(images: Any, factor: int = 4) -> Any:
    import tensorflow as tf

    return tf.repeat(tf.repeat(images, factor, axis=1), factor, axis=2)


def test_another_network_of_the_convention_is_taken(tmp_path: Path) -> None:
    handle = save_model(tmp_path / "nearest", enlarge)
    upscaler = load_esrgan(handle)
    images = digits(2)
    np.testing.assert_array_equal(upscaler(images), images.repeat(2, axis=1).repeat(2, axis=2))
    assert upscaler.identity == handle_identity(handle) != handle_identity(None)
    copy = shutil.copytree(handle, tmp_path / "copy")
    (copy / "README.md").write_text("not part of the network")
    assert handle_identity(str(copy)) == upscaler.identity


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda images: enlarge(images, 2), r"shape \(32, 16, 16, 3\), not float32"),
        (lambda images: enlarge(images)[..., :1], r"shape \(32, 32, 32, 1\), not float32"),
        (lambda images: enlarge(images) / 255.0, "0.502: its images are not on the scale"),
        (lambda images: {"image": enlarge(images)}, "not float32"),
    ],
    ids=["twice", "gray", "unit scale", "dictionary"],
)
def test_another_convention_is_refused(tmp_path: Path, function: Any, reason: str) -> None:
    handle = save_model(tmp_path, function)
    with pytest.raises(InputError, match=reason) as caught:
        load_esrgan(handle)
    assert handle in str(caught.value) and "Leave --esrgan out" in str(caught.value)


def test_a_handle_that_leads_nowhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    with pytest.raises(InputError, match="no such folder"):
        load_esrgan(str(tmp_path / "absent"))
    with pytest.raises(InputError, match=r"no saved_model\.pb"):
        load_esrgan(str(tmp_path))
    (tmp_path / "saved_model.pb").write_bytes(b"no protocol buffer")
    with pytest.raises(InputError, match="Leave --esrgan out"):
        load_esrgan(str(tmp_path))
    tf.saved_model.save(tf.Module(), str(tmp_path / "mute"))
    with pytest.raises(InputError, match="can't be called"):
        load_esrgan(str(tmp_path / "mute"))

    def no_network(*_: Any, **__: Any) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "hub"))
    with pytest.raises(InputError, match=r"esrgan-tf2/1.*no route to host.*Leave --esrgan out"):
        load_esrgan(TFHUB_HANDLE)
    assert handle_identity(TFHUB_HANDLE) == TFHUB_HANDLE


def test_a_damaged_bundle_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copytree(BUNDLED, tmp_path / "esrgan")
    monkeypatch.setattr(esrgan, "BUNDLED", copy)
    assert handle_identity(None).startswith("sha256:")
    (copy / "saved_model.pb").write_bytes(b"")
    with pytest.raises(InputError, match="git checkout"):
        load_esrgan(None)
    (copy / "saved_model.pb").unlink()
    with pytest.raises(InputError, match="missing"):
        handle_identity(None)


def test_the_port_refuses_what_it_does_not_know(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert esrgan_port.main([str(tmp_path), str(tmp_path / "out")]) == 1
    assert "is missing" in capsys.readouterr().err
    layers = [
        {"name": "in", "class_name": "InputLayer", "config": {}, "inbound_nodes": []},
        {"name": "out", "class_name": "Lambda", "config": {}, "inbound_nodes": [[["in", 0, 0, {}]]]},
    ]
    graph = {"layers": layers, "input_layers": [["in", 0, 0]], "output_layers": [["out", 0, 0]]}
    weight = {"name": "w", "shape": [1], "quantization": {"dtype": "uint8", "scale": 1.0, "min": 0.0}}
    model = {"modelTopology": {"model_config": {"config": graph}}, "weightsManifest": [{"weights": [weight]}]}
    with pytest.raises(InputError, match="knows no Lambda"):
        esrgan_port.write_saved_model(model, b"\x00", tmp_path / "out")
    with pytest.raises(InputError, match="2 bytes"):
        esrgan_port.write_saved_model(model, b"\x00\x00", tmp_path / "out")


def test_the_module_and_an_identity_need_no_tensorflow() -> None:
    code = "import sys, src.datasets.esrgan as e; e.handle_identity(None); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
