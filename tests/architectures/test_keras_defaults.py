"""The user's Keras configuration changes no network of the project, no training and no result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from src.architectures.keras_defaults import keras_defaults

ROOT = Path(__file__).parents[2]

WORK = """
import hashlib, sys
from pathlib import Path
import numpy as np
import tensorflow as tf
from src.architectures.cnn import CNNConfig, build_cnn
from src.architectures.convnet import ConvNetConfig, build_convnet
from src.attacks.fgsm import FGSM
from src.base import LabeledImages
from src.smoothing.classifier import SmoothedClassifier
from src.training.trainer import TrainingConfig, cross_entropy, train
from src.training.trial import TrialFolder

tf.config.experimental.enable_op_determinism()
random = np.random.default_rng(0)
images = LabeledImages(random.integers(0, 256, (24, 8, 8, 1), np.uint8), np.arange(24) % 3, np.arange(24))
network = build_cnn(CNNConfig((3, 4), 8), (8, 8, 1), 3, seed=1)
colour = build_convnet(ConvNetConfig((3, 4)), (8, 8, 3), 3, seed=1)
config = TrainingConfig(2, 8, annealed=True)
train(network, images, cross_entropy, config, 0, TrialFolder(Path(sys.argv[1])), "Training")
values = images.as_float()
results = [
    *network.get_weights(),
    *colour.get_weights(),
    colour(values.repeat(3, axis=3)).numpy(),
    SmoothedClassifier(network, 0.25).vote(values, 20).counts,
    FGSM(network)(values, images.labels, 0.1),
]
print(*sorted({str(array.dtype) for array in results}))
print(hashlib.sha256(b"".join(array.tobytes() for array in results)).hexdigest())
"""


def outcome(home: Path, configuration: dict[str, object] | None) -> list[str]:
    """What WORK prints where the user's keras.json says this."""
    home.mkdir()
    if configuration is not None:
        (home / "keras.json").write_text(json.dumps(configuration))
    environment = {**os.environ, "KERAS_HOME": str(home), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("KERAS_BACKEND", None)
    ran = subprocess.run(
        [sys.executable, "-c", WORK, str(home / "trial")], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


@pytest.fixture(scope="module")
def without_configuration(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return outcome(tmp_path_factory.mktemp("plain") / "home", None)


@pytest.mark.parametrize(
    "configuration",
    [
        {"floatx": "float16", "image_data_format": "channels_first"},
        {"floatx": "float64", "epsilon": 0.1},
    ],
    ids=lambda configuration: configuration["floatx"],
)
def test_networks_trainings_and_results_are_the_same_bit_for_bit(
    configuration: dict[str, object], without_configuration: list[str], tmp_path: Path
) -> None:
    assert outcome(tmp_path / "home", configuration) == without_configuration


def test_what_the_user_has_set_is_back_afterwards() -> None:
    before = keras.config.floatx(), keras.config.image_data_format(), keras.config.epsilon()
    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_image_data_format("channels_first")
    keras.config.set_epsilon(0.5)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        with pytest.raises(ZeroDivisionError), keras_defaults():
            assert keras.config.floatx() == "float32"
            assert keras.config.image_data_format() == "channels_last"
            assert keras.config.epsilon() == 1e-7
            assert keras.config.dtype_policy().name == "float32"
            _ = 1 / 0
        assert keras.config.floatx() == "float64"
        assert keras.config.image_data_format() == "channels_first"
        assert keras.config.epsilon() == 0.5
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_image_data_format(before[1])
        keras.config.set_epsilon(before[2])
        keras.config.set_dtype_policy(policy)
