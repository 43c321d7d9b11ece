from __future__ import annotations

import dataclasses
import errno
import json
import os
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.base import InputError, StorageError
from src.storage import files
from src.storage.arrays import load_arrays, save_arrays
from src.training import trial as trials
from src.training.trial import Trial, TrialFolder

TRIAL = Trial(
    study="resolution",
    protocol="released",
    variant="UpscaledAI Small",
    recipe="cross_entropy",
    seed=7,
    precision="float32",
    training={"epochs": 10, "filters": [28, 64], "train_noise": 0.15},
)
WEIGHTS = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1.5, np.nan, -0.0], np.float32), np.float32(2.0)]
FACTS = {"parameters": 10, "versions": {"keras": "3"}}

words = st.text(min_size=1, max_size=12)
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words
settings_of_training = st.dictionaries(words, values | st.lists(values, max_size=3), max_size=4)
trials_ = st.builds(
    Trial, words, words, words, words, st.integers(0, 2**48), st.sampled_from(["float32", "bfloat16"]),
    settings_of_training,
)  # fmt: skip


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> TrialFolder:
    """A trial that has begun and has a checkpoint."""
    folder = TrialFolder(tmp_path / "models" / TRIAL.key)
    folder.begin(TRIAL)
    save_arrays(folder.checkpoint, {"weight000": WEIGHTS[0]})
    return folder


def test_the_key_is_what_it_has_always_been() -> None:
    # Trained networks are found by it: a change here orphans every one of them.
    assert TRIAL.key == "released-upscaledai-small-seed7-7ea5ddb148"


@given(trials_, st.data())
def test_the_key_changes_with_every_field(trial: Trial, data: st.DataObject) -> None:
    for field in dataclasses.fields(Trial):
        old = getattr(trial, field.name)
        others = {"seed": st.integers(0, 2**48), "training": settings_of_training}.get(field.name, words)
        new = data.draw(others.filter(lambda value, old=old: json.dumps(value) != json.dumps(old)), label=field.name)
        assert dataclasses.replace(trial, **{field.name: new}).key != trial.key


@given(trials_, st.data())
def test_the_key_changes_with_every_training_setting(trial: Trial, data: st.DataObject) -> None:
    for name, old in trial.training.items():
        new = data.draw(values.filter(lambda value, old=old: json.dumps(value) != json.dumps(old)))
        assert dataclasses.replace(trial, training={**trial.training, name: new}).key != trial.key
        without = {other: value for other, value in trial.training.items() if other != name}
        assert dataclasses.replace(trial, training=without).key != trial.key


@given(trials_)
def test_the_key_depends_on_the_values_alone(trial: Trial) -> None:
    backwards = dict(reversed(trial.training.items()))
    assert dataclasses.replace(trial, training=backwards).key == trial.key
    assert Trial(**json.loads(json.dumps(trial.as_dict()))).key == trial.key


def test_the_key_can_be_read(tmp_path: Path) -> None:
    assert re.fullmatch(r"released-upscaledai-small-seed7-[0-9a-f]{10}", TRIAL.key)


def test_beginning_writes_the_configuration_once(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path / "new" / "trial")
    folder.begin(TRIAL)
    assert json.loads(folder.configuration.read_text()) == TRIAL.as_dict()
    before = folder.configuration.stat().st_mtime_ns
    folder.begin(dataclasses.replace(TRIAL, training=dict(reversed(TRIAL.training.items()))))
    assert folder.configuration.stat().st_mtime_ns == before
    assert names(folder.path) == ["trial.json"]
    assert not folder.is_complete


@pytest.mark.parametrize(
    "change",
    [
        {"study": "blur"}, {"protocol": "written"}, {"variant": "Control"}, {"recipe": "macer"}, {"seed": 8},
        {"precision": "bfloat16"}, {"training": {**TRIAL.training, "epochs": 11}}, {"training": {}},
    ],
)  # fmt: skip
def test_the_folder_refuses_another_trial(folder: TrialFolder, change: dict[str, Any]) -> None:
    before = folder.configuration.read_bytes()
    with pytest.raises(InputError) as caught:
        folder.begin(dataclasses.replace(TRIAL, **change))
    assert str(folder.configuration) in str(caught.value)
    assert f"Move the folder {folder.path} away and run again" in str(caught.value)
    assert folder.configuration.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "{}"])
def test_a_damaged_configuration_is_refused(folder: TrialFolder, text: str) -> None:
    folder.configuration.write_text(text)
    with pytest.raises(InputError, match=r"Move the folder .* away and run again"):
        folder.begin(TRIAL)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    folder = TrialFolder(tmp_path / "models" / "x")
    with pytest.raises(StorageError, match="name another folder") as caught:
        folder.begin(TRIAL)
    assert str(folder.configuration) in str(caught.value)


def test_a_complete_trial_gives_its_weights_back(folder: TrialFolder) -> None:
    assert not folder.is_complete
    folder.complete(WEIGHTS, FACTS)
    assert folder.is_complete
    assert names(folder.path) == ["complete.json", "trial.json", "weights.npz"]
    loaded = folder.load_weights()
    assert [array.dtype for array in loaded] == [np.float32] * 3
    assert [array.tobytes() for array in loaded] == [np.asarray(array).tobytes() for array in WEIGHTS]
    assert [array.shape for array in loaded] == [(2, 3), (3,), ()]
    assert folder.facts() == {**FACTS, "weights_sha256": files.sha256(folder.weights)}

@pytest.mark.parametrize("weights_are_here", [True, False])
def test_a_checkpoint_that_a_kill_left_beside_the_marker_goes(folder: TrialFolder, weights_are_here: bool) -> None:
    folder.complete(WEIGHTS, FACTS)
    folder.checkpoint.write_bytes(b"of a gigabyte")
    if not weights_are_here:
        folder.weights.unlink()
    folder.begin(TRIAL)
    # Without weights the network is trained again, from there.
    assert folder.checkpoint.exists() != weights_are_here


def test_many_weights_keep_their_order(folder: TrialFolder) -> None:
    folder.complete([np.array(place) for place in range(120)], {})
    assert [int(array) for array in folder.load_weights()] == list(range(120))


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("failing", ["weights.npz", "complete.json"])
def test_the_marker_comes_last(
    folder: TrialFolder, monkeypatch: pytest.MonkeyPatch, error: BaseException, failing: str
) -> None:
    replace = os.replace
    written = []

    def fail(source: Path, target: Path) -> None:
        written.append(target.name)
        if target.name == failing:
            raise error
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", fail)
    checkpoint = folder.checkpoint.read_bytes()
    with pytest.raises(StorageError if isinstance(error, OSError) else KeyboardInterrupt):
        folder.complete(WEIGHTS, FACTS)
    assert written == ["weights.npz", "complete.json"][: len(written)] and written[-1] == failing
    assert not folder.is_complete
    assert folder.checkpoint.read_bytes() == checkpoint
    assert not list(folder.path.glob(".*"))
    monkeypatch.undo()
    folder.complete(WEIGHTS, FACTS)
    assert folder.is_complete and not folder.checkpoint.exists()
    np.testing.assert_array_equal(folder.load_weights()[0], WEIGHTS[0])


def test_the_checkpoint_goes_only_after_the_marker(folder: TrialFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    write = trials.write_text

    def check(path: Path, text: str) -> None:
        assert folder.checkpoint.exists()
        write(path, text)

    monkeypatch.setattr(trials, "write_text", check)
    folder.complete(WEIGHTS, FACTS)
    assert not folder.checkpoint.exists()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def swap(path: Path) -> None:
    """Whole and readable, but other weights."""
    save_arrays(path, {f"{place:03d}": array + 1 for place, array in enumerate(WEIGHTS)})


@pytest.mark.parametrize("damage", [truncate, flip, empty, swap, Path.unlink])
def test_damaged_or_missing_weights(folder: TrialFolder, damage: Any) -> None:
    folder.complete(WEIGHTS, FACTS)
    damage(folder.weights)
    with pytest.raises(InputError) as caught:
        folder.load_weights()
    assert str(folder.weights) in str(caught.value)
    assert f"Delete the folder {folder.path} and run again" in str(caught.value)


@pytest.mark.parametrize("damage", [truncate, empty, lambda path: path.write_bytes(b"\xff\xfe\0\0")])
def test_a_damaged_marker(folder: TrialFolder, damage: Any) -> None:
    folder.complete(WEIGHTS, FACTS)
    damage(folder.marker)
    for load in (folder.facts, folder.load_weights):
        with pytest.raises(InputError) as caught:
            load()
        assert str(folder.marker) in str(caught.value)
        assert f"Delete the folder {folder.path} and run again" in str(caught.value)


def test_a_marker_without_a_hash_vouches_for_nothing(folder: TrialFolder) -> None:
    folder.complete(WEIGHTS, FACTS)
    for text in ("{}", "null", "5", "[1]", '{"weights_sha256": 3}'):
        folder.marker.write_text(text)
        with pytest.raises(InputError, match="Delete the folder"):
            folder.load_weights()


def test_weights_without_a_marker_are_refused(folder: TrialFolder) -> None:
    folder.complete(WEIGHTS, FACTS)
    folder.marker.unlink()
    with pytest.raises(InputError, match="Delete the folder"):
        folder.load_weights()


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("trusted", [True, False])
def test_nothing_is_unpickled(folder: TrialFolder, tmp_path: Path, trusted: bool) -> None:
    folder.complete(WEIGHTS, FACTS)
    crater = tmp_path / "crater"
    np.savez(folder.weights, allow_pickle=True, **{"000": np.array([Bomb(crater)], dtype=object)})
    if trusted:
        # Even where the marker vouches for it.
        folder.marker.write_text(json.dumps({"weights_sha256": files.sha256(folder.weights)}))
    with pytest.raises(InputError, match="Delete the folder"):
        folder.load_weights()
    assert not crater.exists()
    with np.load(folder.weights, allow_pickle=True) as archive:
        archive["000"]
    assert crater.exists(), "the bomb was live"


def test_a_bare_pickle_is_refused(tmp_path: Path) -> None:
    crater = tmp_path / "crater"
    (tmp_path / "a.npz").write_bytes(pickle.dumps(Bomb(crater)))
    with pytest.raises(InputError, match=r"is damaged .* Do this\.$"):
        load_arrays(tmp_path / "a.npz", "Do this.")
    assert not crater.exists()


def test_every_truncation_of_an_npz_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_arrays(path, {"a": WEIGHTS[0], "b": WEIGHTS[1]})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError) as caught:
            load_arrays(path, "Do this.")
        assert str(caught.value).startswith(f"{path} is damaged") and str(caught.value).endswith(" Do this.")


def test_every_flipped_bit_of_the_data_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_arrays(path, {"a": WEIGHTS[0]})
    whole = path.read_bytes()
    start = whole.index(WEIGHTS[0].tobytes())
    for bit in range(8 * start, 8 * (start + WEIGHTS[0].nbytes)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="is damaged"):
            load_arrays(path, "Do this.")


def test_arrays_come_back_bit_for_bit(tmp_path: Path) -> None:
    arrays = {
        "empty": np.zeros((0, 4)),
        "scalar": np.array(3, np.int64),
        "big": np.random.default_rng(0).standard_normal((50, 70)).astype(np.float32),
        "fortran": np.asfortranarray(np.arange(12, dtype=np.uint8).reshape(3, 4)),
    }
    save_arrays(tmp_path / "a.npz", arrays)
    loaded = load_arrays(tmp_path / "a.npz", "")
    assert loaded.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (loaded[name].dtype, loaded[name].shape) == (array.dtype, array.shape)
        assert loaded[name].tobytes() == array.tobytes()
