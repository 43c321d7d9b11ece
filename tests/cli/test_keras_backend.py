"""Keras configured for another backend: the command lines run on TensorFlow and say so; Keras's file may be damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.certification.log import read_log
from tests.linear_models import write_files

ROOT = Path(__file__).resolve().parents[2]


def certify(folder: Path, keras_json: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Certify in a process of its own, with this configuration file of Keras alone."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    if keras_json is not None:
        (home / "keras.json").write_text(keras_json)
    usual = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    command = [sys.executable, "-m", "src.certify", str(folder / "linear.keras"), str(folder / "data.npz")]
    return subprocess.run(
        [*command, "--sigma", "0.25", "--n", "20", "--out", str(folder / "log.tsv")], cwd=ROOT, capture_output=True,
        text=True, check=False, env={**usual, "KERAS_HOME": str(home), **environment},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path, 5)
    return tmp_path


@pytest.mark.parametrize(
    ("keras_json", "environment", "note"),
    [
        ('{"backend": "jax"}', {}, "note: {}/home/keras.json names the backend jax, but this runs on TensorFlow all"),
        (None, {"KERAS_BACKEND": "torch"}, "note: KERAS_BACKEND names the backend torch, but this runs on TensorFlow"),
        ('{"backend": "jax"}', {"KERAS_BACKEND": "tensorflow"}, ""),
        ('{"backend": "tensorflow"}', {"KERAS_BACKEND": ""}, ""),
        ("no JSON", {}, ""),
    ],
)
def test_it_runs_on_tensorflow_and_says_so(
    folder: Path, keras_json: str | None, environment: dict[str, str], note: str
) -> None:
    done = certify(folder, keras_json, **environment)
    assert done.returncode == 0 and len(read_log(folder / "log.tsv")) == 5
    assert done.stderr.startswith(note.format(folder)) and done.stderr.count("\n") == bool(note)


@pytest.mark.parametrize("keras_json", ["[]", '{"floatx": "float31"}'])
def test_a_configuration_that_keras_refuses_is_named_without_a_traceback(folder: Path, keras_json: str) -> None:
    done = certify(folder, keras_json)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and not (folder / "log.tsv").exists()
    assert done.stderr.startswith(f"error: Keras can't start with its configuration file {folder}/home/keras.json (")
    assert done.stderr.endswith("Mend the file, or move it away.\n")
