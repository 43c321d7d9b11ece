"""What `python -m src.certify` refuses, before any work: a message, exit status 2, and nothing written."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from src import certify
from tests.linear_models import labelled_images, linear_network, write_files
from tests.test_layers import imports_of, modules_of

ROOT = Path(__file__).resolve().parents[1]
layers = keras.layers


@keras.saving.register_keras_serializable("tests")
class Own(layers.Layer):
    """A layer that Keras does not have."""

    def call(self, images: object) -> object:
        return images


def head(*inside: layers.Layer, shape: tuple[int | None, ...] = (4, 4, 1), units: int = 2) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *inside, layers.Flatten(), layers.Dense(units)])


def broken_networks() -> dict[str, keras.Model]:
    image, other = keras.Input((4, 4, 1)), keras.Input((4, 4, 1))
    logits = layers.Dense(2)(layers.Flatten()(image))
    undefined = linear_network()
    undefined.layers[-1].set_weights([np.full((16, 2), np.nan, np.float32), np.zeros(2, np.float32)])
    pooled = [keras.Input((None, None, 1)), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    return {
        "lambda": head(layers.Lambda(lambda images: 2 * images)),
        "nested": keras.Sequential([keras.Input((4, 4, 1)), head(layers.Lambda(lambda images: images))]),
        "own": head(Own()),
        "larger": head(shape=(8, 8, 1)),
        "unit": head(units=1),
        "map": keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(2, 1)]),
        "unfixed": keras.Sequential(pooled),
        "two_inputs": keras.Model([image, other], layers.Dense(2)(layers.Flatten()(layers.Add()([image, other])))),
        "two_outputs": keras.Model(image, [logits, layers.Dense(2)(logits)]),
        "undefined": undefined,
        # Noise takes some of the values below 0, where the root is NaN.
        "root": keras.Model(image, layers.Dense(2)(layers.Flatten()(keras.ops.sqrt(image)))),
    }


def stretched(images: np.ndarray, low: float, high: float) -> np.ndarray:
    share = (images.astype(np.float64) - images.min()) / np.ptp(images)
    return low + (high - low) * share


def broken_data() -> dict[str, dict[str, np.ndarray]]:
    sound = labelled_images(12)
    images, labels = sound["images"], sound["labels"]
    undefined, infinite = images.copy(), images.copy()
    undefined[3, 0, 0, 0], infinite[4, 0, 0, 0] = np.nan, -np.inf
    negative, beyond = labels.copy(), labels.copy()
    negative[5], beyond[6] = -1, 2
    changed: dict[str, dict[str, np.ndarray | None]] = {
        "no_labels": {"labels": None}, "no_images": {"images": None}, "shorter": {"labels": labels[:-1]},
        "float_labels": {"labels": labels.astype(np.float64)}, "one_hot": {"labels": np.eye(2, dtype=int)[labels]},
        "column": {"labels": labels[:, None]}, "negative": {"labels": negative}, "beyond": {"labels": beyond},
        "none": {"images": images[:0], "labels": labels[:0]}, "flat": {"images": images[..., 0]},
        "transposed": {"images": images.reshape(-1, 1, 4, 4)}, "undefined": {"images": undefined},
        "infinite": {"images": infinite}, "pixels": {"images": (255 * images).astype(np.uint8)},
        "booleans": {"images": images > 0.5}, "pickled": {"labels": labels.astype(object)},
        "numbers": {"images": images[:, 0, 0, 0]}, "black": {"images": images / 255},
        "normalised": {"images": stretched(images, -2.1419, 2.7312)}, "tiny": {"images": stretched(images, 0, 2e-5)},
        "scan": {"images": stretched(images, -1000, 3075).astype(np.int16)},
        "huge": {"images": stretched(images, 0, 1e39)},
        "x_and_y": {"images": None, "labels": None, "x": images, "y": labels},
        "two_splits": {"images": None, "labels": None, "x_train": images, "y_train": labels, "x_test": images,
                       "y_test": labels},
        "empty": {"images": None, "labels": None},
        "deep": {"images": stretched(images, 0, 65535).astype(np.uint16)},
    }  # fmt: skip
    return {
        name: {key: value for key, value in {**sound, **changes}.items() if value is not None}
        for name, changes in changed.items()
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_files(folder, 12)
    for name, network in broken_networks().items():
        network.save(folder / f"{name}.keras")
    keras.saving.get_custom_objects().clear()  # as in a process that never saw the layer
    for name, arrays in broken_data().items():
        np.savez(folder / f"{name}.npz", allow_pickle=True, **arrays)
    np.save(folder / "images.npy", labelled_images(12)["images"])
    whole = (folder / "linear.keras").read_bytes()
    (folder / "torn.keras").write_bytes(whole[: len(whole) // 2])
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    (folder / "flipped.keras").write_bytes(flipped)
    (folder / "weights.h5").write_bytes(whole)
    (folder / "text.npz").write_text("images")
    with zipfile.ZipFile(folder / "foreign.keras", "w") as archive:
        archive.writestr("readme", "")
    return folder


SOUND = {"model": "linear.keras", "data": "data.npz", "options": "--sigma 0.25 --n 100"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "gone.keras"}, "can't read"),
        ({"model": "weights.h5"}, "is a Keras model under another name. Rename it, so that it ends in .keras"),
        ({"model": "data.npz"}, "is no .keras file. Save the model with model.save"),
        ({"model": "torn.keras"}, "torn.keras is damaged or no Keras model"),
        ({"model": "flipped.keras"}, "flipped.keras "),
        ({"model": "foreign.keras"}, "no item named 'config.json'"),
        ({"model": "lambda.keras"}, "has a Lambda layer, whose Python code would be run from the file"),
        ({"model": "nested.keras"}, "has a Lambda layer"),
        ({"model": "own.keras"}, "has code of its own: Could not locate class 'Own'"),
        ({"model": "larger.keras"}, "the model takes images of shape (8, 8, 1), got (4, 4, 1)"),
        ({"model": "unit.keras"}, "two classes or more, got (None, 1). Give one that emits a single number a second"),
        ({"model": "map.keras"}, "two classes or more, got (None, 4, 4, 2)"),
        ({"model": "unfixed.keras"}, "a fixed input shape is needed"),
        ({"model": "two_inputs.keras"}, "expected one input, the images, got 2"),
        ({"model": "two_outputs.keras"}, "two classes or more, got ["),
        ({"model": "undefined.keras"}, "weights of layer 'dense"),
        ({"model": "root.keras"}, "of the network gives NaN for image 2"),
        ({"data": "gone.npz"}, "gone.npz: No such file"),
        ({"data": "text.npz"}, "text.npz is damaged or not the expected file"),
        ({"data": "no_labels.npz"}, "has no array named labels; it has images (shape (12, 4, 4, 1)). Save it under"),
        ({"data": "no_images.npz"}, "has no array named images; it has labels (shape (12,)). Save it under"),
        ({"data": "x_and_y.npz"}, "no array named images and none named labels; it has x (shape (12, 4, 4, 1)), y ("),
        ({"data": "x_and_y.npz"}, "np.savez('renamed.npz', images=old['x'], labels=old['y'])"),
        ({"data": "two_splits.npz"}, "np.savez('renamed.npz', images=old['NAME'], labels=old['NAME'])"),
        ({"data": "empty.npz"}, "has no array named images and none named labels; it has none at all"),
        ({"data": "pickled.npz"}, "labels: they are Python objects (dtype object)"),
        ({"data": "pickled.npz"}, "Save integers: labels.astype(np.int64)."),
        ({"data": "images.npy"}, "images.npy is an .npy file: one array, without labels. Save both in one file: np."),
        ({"data": "images.npy"}, "images.npy'), labels=labels)."),
        ({"data": "shorter.npz"}, "differ in length: 12 and 11"),
        ({"data": "float_labels.npz"}, "labels: expected integers, got float64"),
        ({"data": "one_hot.npz"}, "got shape (12, 2); one-hot ones become so by labels.argmax(axis=1)"),
        ({"data": "column.npz"}, "got shape (12, 1); use labels[:, 0]"),
        ({"data": "negative.npz"}, "labels: expected class indices from 0 on, got -1 at position 5"),
        ({"data": "beyond.npz"}, "labels go from 0 to 1; image 6 has 2"),
        ({"data": "none.npz"}, "images: there are none"),
        ({"data": "flat.npz"}, "got (4, 4). Add the axis: images[..., np.newaxis]"),
        ({"data": "transposed.npz"}, "got (1, 4, 4). Resize or transpose them"),
        ({"data": "numbers.npz"}, "expected shape (n, height, width, channels), got (12,)"),
        ({"data": "booleans.npz"}, "expected floating-point numbers or integers, got bool"),
        ({"data": "undefined.npz"}, "image 3 has a value that is not finite"),
        ({"data": "infinite.npz"}, "image 4 has a value that is not finite"),
        ({"data": "huge.npz"}, "image 0 has a value that is not finite in float32"),
        ({"data": "shorter.npz", "options": "--sigma 0.25 --max 2"}, "differ in length: 12 and 11"),
        ({"data": "pickled.npz", "options": "--sigma 0.25 --max 2"}, "labels: they are Python objects"),
        ({"data": "pixels.npz"}, "outside --bounds 0 1. State the range that they have, e.g. --bounds 0 255"),
        ({"data": "normalised.npz"}, "layer of the model (keras.layers.Normalization) and give images in [0, 1]; or"),
        ({"data": "normalised.npz"}, "their own range, --bounds -2.15 2.74; sigma"),
        ({"data": "scan.npz"}, "State the range that they have, e.g. --bounds -1000 3080"),
        ({"data": "deep.npz"}, "State the range that they have, e.g. --bounds 0 65600"),
        ({"data": "tiny.npz", "options": "--sigma 0.25 --bounds 0 0.00001"}, "e.g. --bounds 0 0.00002"),
        ({"data": "black.npz"}, "almost nothing of --bounds 0 1"),
        ({"options": "--sigma 64 --n 100 --bounds 0 255"}, "almost nothing of --bounds 0 255"),
        ({"options": "--sigma 0.25 --bounds 1 0"}, "bounds: lower must be below upper"),
        ({"options": "--sigma 0.25 --bounds 0 inf"}, "--bounds: expected finite numbers"),
        ({"options": "--n 100"}, "--sigma is missing"),
        ({"options": "--sigma 0"}, "--sigma: expected a finite number above 0"),
        ({"options": "--sigma -1"}, "--sigma: expected a finite number above 0"),
        ({"options": "--sigma nan"}, "--sigma: expected a finite number above 0"),
        ({"options": "--sigma 1e38"}, "--sigma: noise is computed in float32, which holds sigma from 1.2e-38 to 5e+37"),
        ({"options": "--sigma 1e-39"}, "got 1e-39. Give images and sigma in another unit"),
        ({"options": "--sigma much"}, "invalid float value: 'much'"),
        ({"options": "--sigma 0.25 --n 0"}, "'0' is no number of draws"),
        ({"options": "--sigma 0.25 --n 1.5"}, "'1.5' is no number of draws"),
        ({"options": "--sigma 0.25 --n0 0"}, "'0' is no number of draws"),
        ({"options": "--sigma 0.25 --alpha 1"}, "alpha: expected a probability between 0 and 1, got 1.0"),
        ({"options": "--sigma 0.25 --alpha nan"}, "alpha: expected a probability between 0 and 1"),
        ({"options": "--sigma 0.25 --seed -1"}, "'-1' is no seed"),
        ({"options": "--sigma 0.25 --max 0"}, "'0' is no number of images"),
        ({"options": "--sigma 0.25 --radii 0 1"}, "--radii are the grid of --sequential"),
        ({"options": "--sigma 0.25 --sequential --radii 1 0"}, "expected numbers that ascend from 0"),
        ({"options": "--sigma 0.25 --sequential --radii 0 3"}, "beyond 8 sigma"),
        ({"options": "--sigma 0.25 --sequential --predict"}, "not allowed with argument"),
        ({"options": "--sigma 0.25 --predict --n0 5"}, "--n0 chooses the class to certify"),
        ({"options": "--sigma 0.25 --plot a.tsv"}, "--plot takes logs alone"),
        ({"options": f"--sigma 0.25 --out {'long' * 100}.tsv"}, "File name too long: name a shorter one, and run"),
        ({"options": "--sigma 0.25 --out ~nobody-at-all/x"}, "~nobody-at-all/x: there is no user 'nobody-at-all'"),
        ({"options": "--sigma 0.25 --out /"}, "/ is a folder. Name a file in it."),
        ({"options": "--sigma 0.25 --out ."}, ". is a folder. Name a file in it."),
        ({"options": "--sigma 0.25 --fast"}, "unrecognized arguments: --fast. See python -m src.certify --help"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, str], message: str
) -> None:
    given = {**SOUND, **changes}
    arguments = [str(files / given["model"]), str(files / given["data"]), *given["options"].split()]
    assert certify.main(["--out", str(tmp_path / "log.tsv"), *arguments]) == 2
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("error: ") and "Traceback" not in said
    assert message in said
    assert list(tmp_path.iterdir()) == []


def test_no_message_advises_to_delete_anything() -> None:
    """Of all modules that the command line can reach; what a user certified took hours, and moving it away suffices."""
    modules, reached, ahead = modules_of(ROOT), set(), {"src.certify"}
    while ahead:
        module = ahead.pop()
        reached.add(module)
        ahead |= (imports_of(module, modules[module], modules) & modules.keys()) - reached
    expected = {"storage.arrays", "certification.log", "certification.user_model", "cli.tensorflow_setup"}
    assert {f"src.{name}" for name in expected} <= reached
    for module in reached:
        nodes = list(ast.walk(ast.parse(modules[module].read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                advice = re.search(r"(?i)\b(delete|remove|erase|drop|rm|overwrite)\b", node.value)
                assert not advice, f"{module}: {node.value!r}"


def test_missing_arguments_are_named(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, missing in (([], "MODEL.keras"), (["m.keras"], "DATA.npz"), (["m", "d", "--sigma", "1"], "--out")):
        assert certify.main(arguments) == 2
        assert f"error: {missing} is missing" in capsys.readouterr().err


def test_a_log_with_other_settings_stays_as_it_is(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, sound = tmp_path / "log.tsv", [str(files / "linear.keras"), str(files / "data.npz"), "--n", "100"]
    assert certify.main([*sound, "--sigma", "0.25", "--out", str(out)]) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for options, named in (
        (["--sigma", "0.5"], "sigma is 0.25 there and 0.5 now"),
        (["--sigma", "0.25", "--predict"], 'method is "fixed" there and "predict" now'),
        (["--sigma", "0.25", "--seed", "1"], "seed is 0 there and 1 now"),
    ):
        assert certify.main([*sound, *options, "--out", str(out)]) == 2
        assert named in capsys.readouterr().err
    other = [str(files / "probabilities.keras"), *sound[1:], "--sigma", "0.25", "--out", str(out)]
    assert certify.main(other) == 2
    assert "was made with another model (or the same saved another time) (model_sha256 is" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        ("--sigma 0.15", "--sigma 0.15 is 0.06% of the images' range 0 to 255"),
        ("--sigma 0.15", "in [0, 1], give 38.25"),
        ("--sigma 64 --n 9", "with --n 9 and --alpha 0.001 every image is an abstention"),
        ("--sigma 64 --n 10 --predict", "every image is an abstention"),
        ("--sigma 64 --n 10 --sequential", "every image is an abstention"),
    ],
)
def test_what_is_unlikely_to_be_meant_is_warned_of(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, warning: str
) -> None:
    arguments = [str(files / "bytes.keras"), str(files / "bytes.npz"), "--bounds", "0", "255", "--max", "1"]
    assert certify.main([*arguments, "--n", "20", *options.split(), "--out", str(tmp_path / "log.tsv")]) == 0
    said = capsys.readouterr().err
    assert said.startswith("warning: ") and warning in said.splitlines()[0]
    assert (tmp_path / "log.tsv").read_text().count("\n") == 2


def test_more_images_than_there_are_is_told(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(files / "linear.keras"), str(files / "data.npz"), "--sigma", "0.25", "--n", "10"]
    for most, warns in ((13, True), (12, False)):
        assert certify.main([*arguments, "--max", str(most), "--out", str(tmp_path / "log.tsv")]) == 0
        said = capsys.readouterr().err
        assert (f"warning: --max {most}, but {files / 'data.npz'} has only 12 images." in said) == warns


def test_nothing_is_warned_of_without_a_reason(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for options in ("--sigma 2.6 --n 10", "--sigma 64 --n 11 --predict"):
        arguments = [str(files / "bytes.keras"), str(files / "bytes.npz"), "--bounds", "0", "255", *options.split()]
        assert certify.main([*arguments, "--out", str(tmp_path / f"{len(options)}.tsv")]) == 0
        assert "warning" not in capsys.readouterr().err


def test_plot_refuses_what_it_cannot_draw(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "else.tsv").write_text("a,b\n")
    (tmp_path / "predict.tsv").write_text("idx\tlabel\tpredict\tcorrect\ttime\n0\t1\t1\t1\t0.1\n")
    (tmp_path / "empty.tsv").write_text("idx\tlabel\tpredict\tradius\tcorrect\ttime\n")
    messages = {"gone": "can't read", "else": "is no log", "predict": "PREDICT gives none", "empty": "no images yet"}
    for name, message in messages.items():
        out = tmp_path / "curves.png"
        assert certify.main(["--plot", str(tmp_path / f"{name}.tsv"), "--out", str(out)]) == 2
        assert message in capsys.readouterr().err
        assert not out.exists()
    assert certify.main(["--plot", str(tmp_path / "empty.tsv"), "--out", str(tmp_path / "curves.pdf")]) == 2
    assert "Name one that ends in .png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("--sigma 0.25", "--sigma"), ("--n 5", "--n"), ("--n0 5", "--n0"), ("--alpha 0.1", "--alpha"),
        ("--seed 1", "--seed"), ("--bounds 0 255", "--bounds"), ("--max 3", "--max"), ("--radii 0 1", "--radii"),
        ("--radii 0 1 --max 3 --sigma 2", "--sigma, --max, --radii"),
    ],
)  # fmt: skip
def test_plot_refuses_options_that_it_would_ignore(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, named: str
) -> None:
    log, out = tmp_path / "log.tsv", tmp_path / "curves.png"
    log.write_text("idx\tlabel\tpredict\tradius\tcorrect\ttime\n0\t1\t1\t0.5\t1\t0.1\n")
    assert certify.main([*options.split(), "--plot", str(log), "--out", str(out)]) == 2
    assert f"error: {named}: --plot draws logs as they are." in capsys.readouterr().err
    assert not out.exists()
    assert certify.main(["--n", "100000", "--bounds", "0", "1", "--plot", str(log), "--out", str(out)]) == 0


def test_help_plots_and_errors_need_no_tensorflow(files: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.tsv"
    log.write_text("idx\tlabel\tpredict\tradius\tcorrect\ttime\n0\t1\t1\t0.5\t1\t0.1\n")
    model, data = str(files / "linear.keras"), str(files / "data.npz")
    sound, out = [model, data], ["--out", str(log)]
    script = (
        "import json, sys\n"
        "from src import certify\n"
        "for expected, arguments in json.loads(sys.argv[1]):\n"
        "    try:\n"
        "        status = certify.main(arguments)\n"
        "    except SystemExit as end:\n"
        "        status = end.code\n"
        "    assert status == expected, (arguments, status)\n"
        "    assert not {'tensorflow', 'keras'} & set(sys.modules), arguments\n"
    )
    runs = [
        (0, ["--help"]),
        (0, ["--plot", str(log), "--out", str(tmp_path / "curves.png")]),
        (2, [*sound, "--sigma", "0", *out]),
        (2, [model, str(files / "shorter.npz"), "--sigma", "1", *out]),
        (2, [str(files / "lambda.keras"), data, "--sigma", "1", *out]),
        (2, [*sound, "--sigma", "1", *out]),  # the log has no settings
    ]
    command = [sys.executable, "-c", script, json.dumps(runs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("error: ") == 4
