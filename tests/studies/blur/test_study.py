"""The study as a whole on small networks: what comes out, that it follows from records, and that it can be resumed.

CIFAR-10 is not part of the repository: colour images of the same shapes take its place here. About 40 seconds.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src import reproduce
from src.base import InputError, LabeledImages
from src.claims.claim import Verdict
from src.datasets.cifar10 import Cifar10
from src.experiments.folders import Places
from src.experiments.trial_table import save_trial
from src.reporting.plotting import save
from src.studies.blur import networks, run
from src.studies.blur.config import (
    BLURRED,
    FROZEN_BLURRED,
    FROZEN_UNBLURRED,
    NOISY,
    PLAIN,
    SMOKE,
    TRAININGS,
    UNBLURRED,
    Training,
)
from src.studies.blur.evidence import load_evidence
from src.studies.blur.figures import FIGURES
from src.studies.blur.plan import Job, cifar10_trial, jobs
from src.studies.blur.tables import TABLES, training_table
from src.studies.resolution.config import DOWNSCALED, RELEASED
from src.studies.resolution.config import SMOKE as RESOLUTION_SMOKE
from src.studies.resolution.plan import resolution_trial
from src.training.networks import build, load_network
from src.training.trial import Trial
from tests.colour_images import instead_of_cifar10
from tests.killed_at import APPENDED, ASIDE, IN_PLACE, TORN, TORN_ASIDE, assert_kills_change_nothing

PROFILE = replace(
    SMOKE, filters=(3, 4), train_images=48, epochs=1, seeds=(0, 1, 2), test_images=60, layer_images=4,
    explained_images=6,
    smoothed_images=20, votes=4,
)  # fmt: skip
GRAY = resolution_trial(RESOLUTION_SMOKE, RELEASED, DOWNSCALED, 0, "float32", None)


@pytest.fixture(scope="module", autouse=True)
def cifar10() -> Iterator[Cifar10]:
    with instead_of_cifar10() as made:
        yield made


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    folder = tmp_path_factory.mktemp("blur")
    data = Path(__file__).resolve().parents[3] / "data"
    (folder / "data").mkdir()
    (folder / "data" / "mnist.npz").symlink_to(data / "mnist.npz")
    return Places(folder / "data", folder / "models", folder / "results")


def hand_over(places: Places, trial: Trial) -> None:
    """A network of the first study, as if it were trained."""
    places.trial(trial).begin(trial)
    places.trial(trial).complete(build(trial).get_weights(), {"parameters": 0})


def planned(seeds: tuple[int, ...] = PROFILE.seeds) -> list[Job]:
    return jobs(PROFILE, [GRAY], seeds, "float32")


@pytest.fixture(scope="module")
def done(places: Places) -> Places:
    hand_over(places, GRAY)
    run.run(planned(), places, None, prepare=lambda: None)
    return places


def everything(places: Places) -> dict[str, bytes]:
    """All results but wall times and package versions."""
    folder = places.profile(PROFILE)
    names = [*TABLES, "claims.csv", "claim_tests.csv", *(f"figures/{name}" for name in FIGURES)]
    names += [str(path.relative_to(folder)) for path in sorted(folder.glob("*/*.csv.gz"))]
    return {name: (folder / name).read_bytes() for name in names}


class TestCommandLine:
    def test_networks_whose_work_is_done_are_not_trained_again_though_their_weights_are_gone(
        self, done: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """As in a clone, where only the small networks' weights are, whatever precision is asked for."""
        monkeypatch.setattr(reproduce.blur, "PROFILES", (PROFILE,))
        monkeypatch.setattr(reproduce, "train", lambda *_, **__: pytest.fail("trains"))
        options = ["--study", "blur", "--profile", PROFILE.name, "--variants", DOWNSCALED.name]
        options += ["--data", str(done.data), "--results", str(done.results), "--models", str(tmp_path)]
        assert reproduce.main(options) == 0
        assert "Nothing to do: of study blur" in capsys.readouterr().out
        assert reproduce.main([*options, "--list"]) == 0
        assert "Nothing to do: 19 of 19 networks are done" in capsys.readouterr().out

        looked_at: list[str] = []
        monkeypatch.setattr(reproduce.blur_run, "fetch_data", lambda *_: None)
        monkeypatch.setattr(
            reproduce.blur_run, "run", lambda jobs, *_, **__: looked_at.extend(job.trial.key for job in jobs)
        )
        assert reproduce.main([*options, "--precision", "bfloat16"]) == 0
        assert looked_at[0] == GRAY.key and GRAY.precision == "float32" and len(looked_at) == 19


class TestRun:
    def test_all_networks_are_there(self, done: Places) -> None:
        found = load_evidence(done, PROFILE)
        expected = [(DOWNSCALED.name, 0), *((one.name, seed) for one in TRAININGS for seed in PROFILE.seeds)]
        assert [(one.trial.variant, one.trial.seed) for one in found] == expected
        assert all(one.job.is_evaluated(done) for one in found)

    def test_again_there_is_nothing_to_do(self, done: Places, capsys: pytest.CaptureFixture[str]) -> None:
        before = everything(done)
        run.run(planned(), done, None, prepare=lambda: pytest.fail("nothing needs TensorFlow"))
        printed = capsys.readouterr().out
        assert "Nothing to do: of study blur, profile smoke, all 19 networks are complete." in printed
        verdicts = pd.read_csv(done.profile(PROFILE) / "claims.csv")["verdict"].value_counts()
        (counted,) = (line for line in printed.splitlines() if line.startswith("Claims: "))
        shares = counted.removeprefix("Claims: ").removesuffix(".").split(", ")
        assert sorted(shares) == sorted(f"{count} {verdict}" for verdict, count in verdicts.items())
        assert everything(done) == before

    def test_what_was_lost_is_made_again_the_same(self, done: Places, tmp_path: Path) -> None:
        copy = Places(done.data, tmp_path / "models", tmp_path / "results")
        shutil.copytree(done.models, copy.models)
        shutil.copytree(done.results, copy.results)
        job = next(job for job in planned() if job.trial.variant == PLAIN.name)
        records = job.records(copy)
        kept = records.load()
        records.path.unlink()
        # A run that was killed in the middle: some blocks, and of the layers half of the images.
        records.append(kept.sample(frac=0.4, random_state=0))
        layers = job.layers(copy).load()
        job.layers(copy).path.unlink()
        job.layers(copy).append(layers[layers["image"].isin(job.layer_indices[:2])])
        run.run(planned(), copy, None, prepare=lambda: None)
        assert everything(copy) == everything(done)

    def test_what_is_not_complete_has_no_say(self, done: Places, tmp_path: Path) -> None:
        """Three trials that were interrupted: listed only, without layers, in the middle of their answers."""
        copy = Places(done.data, done.models, tmp_path / "results")
        shutil.copytree(done.results, copy.results)
        listed, without, torn = (job for job in planned() if job.trial.seed == 2 and job.trial.variant in
                                 (PLAIN.name, BLURRED.name, UNBLURRED.name))  # fmt: skip
        for path in listed.made(copy):
            path.unlink(missing_ok=True)
        for records in (without.layers(copy), without.constants(copy)):
            records.path.unlink()
        rows = torn.records(copy).load()
        torn.records(copy).path.unlink()
        torn.records(copy).append(rows.iloc[: len(rows) // 2])
        run.run(planned((0, 1)), copy, None, prepare=lambda: None)
        found = load_evidence(copy, PROFILE)
        assert len(found) == 16 and not {listed.trial.key, without.trial.key, torn.trial.key} & {
            one.trial.key for one in found
        }
        claims = pd.read_csv(copy.profile(PROFILE) / "claims.csv").set_index("claim")["verdict"]
        assert claims["product"] == claims["inequality"] == Verdict.REPRODUCED

    def test_two_precisions_count_once(self, done: Places, tmp_path: Path) -> None:
        copy = Places(done.data, tmp_path / "models", tmp_path / "results")
        shutil.copytree(done.models, copy.models)
        shutil.copytree(done.results, copy.results)
        twins = jobs(PROFILE, [], (0,), "bfloat16")
        for job in twins[:3]:
            original = Job(PROFILE, replace(job.trial, precision="float32"))
            for kind in ("records", "layers", "constants"):
                rows = getattr(Job(PROFILE, cifar10_trial(PROFILE, original.training, 0, "float32")), kind)(copy).load()
                getattr(job, kind)(copy).append(rows.assign(trial=job.trial.key))
                getattr(job, kind)(copy).finish()
            save_trial(copy.profile(PROFILE) / "trials.csv", job.trial, {})
        assert [one.trial.key for one in load_evidence(copy, PROFILE)] == [
            one.trial.key for one in load_evidence(done, PROFILE)
        ]

    def test_another_base_is_refused(self, done: Places, tmp_path: Path) -> None:
        copy = Places(done.data, tmp_path / "models", tmp_path / "results")
        shutil.copytree(done.models, copy.models)
        plain, frozen = (Job(PROFILE, cifar10_trial(PROFILE, one, 0, "float32")) for one in (PLAIN, FROZEN_BLURRED))
        weights = copy.trial(plain.trial).load_weights()
        copy.trial(plain.trial).complete([2 * array for array in weights], {})
        with pytest.raises(InputError, match="does not rest on the convolutions in"):
            run.run([frozen], copy, None, prepare=lambda: None)

    def test_a_base_that_is_gone_is_trained_again(self, done: Places, tmp_path: Path) -> None:
        copy = Places(done.data, tmp_path / "models", tmp_path / "results")
        frozen = Job(PROFILE, cifar10_trial(PROFILE, FROZEN_BLURRED, 1, "float32"))
        run.run([frozen], copy, None, prepare=lambda: None)
        first, second = (load_network(frozen.trial, one.trial(frozen.trial)).get_weights() for one in (copy, done))
        assert all(map(np.array_equal, first, second))

    def test_a_network_that_is_not_trained_is_named(self, done: Places, tmp_path: Path) -> None:
        empty = Places(done.data, tmp_path / "models", tmp_path / "results")
        with pytest.raises(InputError, match=r"has no trained network.*--study resolution --profile smoke"):
            run.run(planned(()), empty, None, prepare=lambda: None)


class TestTrainings:
    def weights(self, places: Places, training: Training, seed: int = 0) -> list[np.ndarray]:
        trial = cifar10_trial(PROFILE, training, seed, "float32")
        return load_network(trial, places.trial(trial)).get_weights()

    def images(self, cifar10: Cifar10, training: Training) -> LabeledImages:
        trial = cifar10_trial(PROFILE, training, 0, "float32")
        return networks.training_images(trial, networks.Datasets(None, cifar10))

    def test_a_frozen_base_is_that_of_plain_training(self, done: Places) -> None:
        plain = self.weights(done, PLAIN)
        for training in (FROZEN_BLURRED, FROZEN_UNBLURRED):
            frozen = self.weights(done, training)
            assert all(np.array_equal(one, other) for one, other in zip(frozen[:-2], plain[:-2], strict=True))
            assert not np.array_equal(frozen[-2], plain[-2])
            # Trained anew, not further.
            fresh = build(cifar10_trial(PROFILE, training, 0, "float32")).get_weights()
            assert np.abs(frozen[-2] - fresh[-2]).max() < np.abs(frozen[-2] - plain[-2]).max()
        assert not np.array_equal(self.weights(done, BLURRED)[0], plain[0])

    def test_copies(self, cifar10: Cifar10) -> None:
        plain, same, soft = (self.images(cifar10, training) for training in (PLAIN, UNBLURRED, BLURRED))
        assert len(plain) == 48 and len(same) == len(soft) == 96
        for one in (same, soft):
            assert np.array_equal(one.images[:48], plain.images) and np.array_equal(one.labels[48:], plain.labels)
        assert np.array_equal(same.images[48:], plain.images)
        # A blur keeps the mean and takes the contrast away.
        assert soft.images[48:].mean() == pytest.approx(plain.images.mean(), abs=0.5)
        assert soft.images[48:].std() < 0.9 * plain.images.std()

    def test_seeds_and_trainings_differ(self, done: Places) -> None:
        first = [self.weights(done, training)[0].tobytes() for training in (PLAIN, BLURRED, UNBLURRED, NOISY)]
        assert len({*first, self.weights(done, PLAIN, 1)[0].tobytes()}) == 5


class TestTables:
    def test_accuracies_are_those_of_the_records(self, done: Places) -> None:
        table = pd.read_csv(done.profile(PROFILE) / "accuracy.csv")
        for one in load_evidence(done, PROFILE)[:2]:
            rows = table[table["trial"] == one.trial.key]
            assert len(rows) == sum(condition.smoothing is None for condition in one.job.work)
            networks_rows = one.answers[one.answers["classifier"] == "cnn"]
            right = networks_rows["label"] == networks_rows["prediction"]
            shares = right.groupby([networks_rows[name] for name in ("blur", "size", "angle")]).mean()
            for row in rows.to_dict("records"):
                assert row["accuracy"] == pytest.approx(shares[row["blur"], row["size"], row["angle"]], abs=1e-6)
                assert row["low"] <= row["accuracy"] <= row["high"]
            sharp = rows[rows["blur"] == "none"].iloc[0]
            assert sharp["change"] == 0 and sharp["p_value"] == 1

    def test_mnist_is_blurred_equally_for_the_picture_too(self, done: Places) -> None:
        table = pd.read_csv(done.profile(PROFILE) / "accuracy.csv")
        gray = table[(table["dataset"] == "mnist") & (table["blur"] == "gaussian")]
        assert {0.5, 0.75, 1.5, 3.0} <= set(gray["size"]) and 0.25 not in set(gray["size"])
        assert set(2 * gray["size"]) == set(gray["size_28"])

    def test_the_control_is_paired_by_seed(self, done: Places) -> None:
        table = pd.read_csv(done.profile(PROFILE) / "training.csv").set_index(["variant", "blur", "size", "angle"])
        accuracy = pd.read_csv(done.profile(PROFILE) / "accuracy.csv")
        means = accuracy.groupby(["variant", "blur", "size", "angle"])["accuracy"].mean()
        for key in table.index:
            assert table.loc[key, "accuracy"] == pytest.approx(means[key], abs=1e-6) and table.loc[key, "seeds"] == 3
        for one, control in ((BLURRED, UNBLURRED), (FROZEN_BLURRED, FROZEN_UNBLURRED)):
            key, theirs = ((name, "gaussian", 2.0, 0.0) for name in (one.name, control.name))
            assert table.loc[key, "control"] == control.name
            assert table.loc[key, "minus_control"] == pytest.approx(means[key] - means[theirs], abs=1e-6)
        assert table.loc[(PLAIN.name, "none", 0.0, 0.0)].isna()["control"]

    def test_the_ends_of_an_accuracys_interval_are_accuracies(self, done: Places, tmp_path: Path) -> None:
        """Of two trainings one is always right and the other always wrong; those of the control are the reverse."""
        chosen = [one for one in load_evidence(done, PROFILE) if one.trial.variant in (BLURRED.name, UNBLURRED.name)]
        answered = []
        for one in chosen:
            knows = (one.trial.seed == 0) == (one.trial.variant == BLURRED.name)
            label = one.answers["label"]
            answers = one.answers.assign(prediction=label if knows else (label + 1) % 10)
            answered.append(replace(one, answers=answers))
        table = training_table([one for one in answered if one.trial.seed < 2])
        assert (table["seeds"] == 2).all() and (table["accuracy"] == 0.5).all()
        assert (table["accuracy_low"] == 0).all() and (table["accuracy_high"] == 1).all()
        blurred = table[table["variant"] == BLURRED.name]
        assert (blurred["minus_control_low"] < -1).all() and (blurred["minus_control_high"] > 1).all()
        alone = training_table([one for one in answered if one.trial.seed == 0])
        assert alone[["accuracy_low", "accuracy_high"]].isna().all(axis=None)
        gained = alone[alone["variant"] == BLURRED.name]
        assert gained["minus_control"].notna().all()
        assert gained[["minus_control_low", "minus_control_high"]].isna().all(axis=None)
        # And it can be drawn.
        alone.to_csv(tmp_path / "training.csv", index=False)
        save(FIGURES["training.png"](tmp_path), tmp_path / "training.png")

    def test_layers_are_named_alike_and_seen_under_gaussian_blur_alone(self, done: Places) -> None:
        layers, propagation = (
            pd.read_csv(done.profile(PROFILE) / name).query(f"trial == '{GRAY.key}'")
            for name in ("layers.csv", "propagation.csv")
        )
        assert layers.groupby("stage")["layer"].unique().map(list).tolist() == [["conv 1"], ["conv 2"]]
        names = propagation.groupby("stage")["layer"].unique().map(list).tolist()
        assert names == [["image"], ["conv 1"], ["conv 2"], ["dense 1"], ["dense 2"]]
        assert set(layers["blur"]) == set(propagation["blur"]) == {"gaussian"}

    def test_more_images_go_through_the_networks_whose_errors_they_explain(self, done: Places) -> None:
        layers = pd.read_csv(done.profile(PROFILE) / "layers.csv")
        explained = (layers["dataset"] == "mnist") | (layers["variant"] == "plain")
        assert set(layers[explained]["images"]) == {PROFILE.explained_images}
        assert set(layers[~explained]["images"]) == {PROFILE.layer_images}

    def test_networks_are_smoothed_under_blurs_that_are_equal_for_the_picture(self, done: Places) -> None:
        table = pd.read_csv(done.profile(PROFILE) / "smoothing.csv")
        pixels = table["side"].where(table["dataset"] == "cifar10", table["side"] / 28)
        scale = pixels.where(table["dataset"] == "mnist", 1)
        assert np.allclose(table["own_size"], table["size"] * scale)
        assert {0.0, 1.0, 2.0, 3.0} == set(table["size"]) == set(table[table["dataset"] == "mnist"]["size"])

    def test_no_layer_breaks_its_bound(self, done: Places) -> None:
        table = pd.read_csv(done.profile(PROFILE) / "layers.csv")
        assert (table["tightness"] <= 1.0001).all() and (table["tightness"] > 0).all()
        assert ((table["bound"] < 1) == (table["below_one"] == "yes")).all()

    def test_the_product_allows_more_than_was_measured(self, done: Places) -> None:
        table = pd.read_csv(done.profile(PROFILE) / "propagation.csv")
        later = table[table["stage"] >= 0]
        assert (later["product"] >= later["error"]).all()
        image = table[table["stage"] == -1]
        assert np.allclose(image["product"], image["error"]) and np.allclose(image["commuting"], image["error"])


class TestClaims:
    def claims(self, places: Places) -> pd.Series:
        return pd.read_csv(places.profile(PROFILE) / "claims.csv").set_index("claim")["verdict"]

    def test_every_sentence_has_a_verdict(self, done: Places) -> None:
        found = self.claims(done)
        assert list(found.index) == [
            "inequality", "parameters", "product", "below-one", "below-one-output", "propagation",
            "propagation-logits", "explanation", "pre-trained", "culprit", "misclassified", "augmentation",
            "augmentation-frozen",
        ]  # fmt: skip
        assert found["inequality"] == found["parameters"] == found["product"] == Verdict.REPRODUCED
        assert found["culprit"] == found["pre-trained"] == Verdict.NOT_TESTABLE
        assert Verdict.NOT_MEASURED not in set(found.drop("explanation"))  # too few images for it here

    @pytest.mark.parametrize(
        ("claim", "kind", "columns"),
        [
            ("inequality", "layers", {"own_error": 1e3}),
            ("parameters", "constants", {"parameters": 1e-9}),
            ("product", "layers", {"error": 1e9}),
        ],
    )
    def test_records_decide(
        self, done: Places, tmp_path: Path, claim: str, kind: str, columns: dict[str, float]
    ) -> None:
        copy = Places(done.data, done.models, tmp_path)
        shutil.copytree(done.results, copy.results, dirs_exist_ok=True)
        job = planned()[0]
        records = getattr(job, kind)(copy)
        rows = records.load()
        records.path.unlink()
        records.append(rows.assign(**{name: rows[name] * factor for name, factor in columns.items()}))
        records.finish()
        run.run(planned(), copy, None, prepare=lambda: None)
        assert self.claims(copy)[claim] == Verdict.NOT_REPRODUCED
        assert self.claims(done)[claim] == Verdict.REPRODUCED

    def test_accuracy_decides(self, done: Places, tmp_path: Path) -> None:
        """Trained on blurred copies, all answers under blur are right, without them none."""
        copy = Places(done.data, done.models, tmp_path)
        shutil.copytree(done.results, copy.results, dirs_exist_ok=True)
        for job in planned():
            records = job.records(copy)
            rows = records.load()
            knows = (rows["blur"] == "none") | (job.trial.variant in (BLURRED.name, FROZEN_BLURRED.name))
            records.path.unlink()
            records.append(rows.assign(prediction=np.where(knows, rows["label"], (rows["label"] + 1) % 10)))
            records.finish()
        run.run(planned(), copy, None, prepare=lambda: None)
        found = self.claims(copy)
        subjects = pd.read_csv(copy.profile(PROFILE) / "claim_tests.csv").query("claim == 'misclassified'")["subject"]
        assert subjects.str.endswith(" pixels of 28x28").any() and subjects.str.endswith(" pixels").any()
        assert found["misclassified"] == found["augmentation"] == found["augmentation-frozen"] == Verdict.REPRODUCED


class TestReport:
    def test_shows_all_figures_and_tables(self, done: Places) -> None:
        page = (done.profile(PROFILE) / "report.html").read_text(encoding="utf-8")
        assert page.count("<img ") == len(FIGURES)
        for name in TABLES:
            assert f"({name})" in page
        assert "this project&#x27;s" in page or "this project's" in page


def run_some(trainings: Collection[Training], folder: Path) -> int:
    wanted = [job for job in jobs(PROFILE, [], (0,), "float32") if job.training in trainings]
    with instead_of_cifar10(distinct=1_000):
        run.run(wanted, Places(*(folder / name for name in ("data", "models", "results"))), None, prepare=lambda: None)
    return 0


def test_kills_in_the_middle_of_writes_change_nothing(tmp_path: Path) -> None:
    assert_kills_change_nothing(functools.partial(run_some, [PLAIN]), tmp_path, [
        (IN_PLACE, "weights.npz"), (IN_PLACE, "complete.json"), (TORN, "records/*.partial"),
        (APPENDED, "layers/*.partial"), (IN_PLACE, "layers/*.gz"), (TORN, "constants/*.partial"),
        (ASIDE, "constants/*.gz"), (TORN_ASIDE, "examples/*.npz"), (ASIDE, "smoke/*.csv"), (IN_PLACE, "figures/*.png"),
    ])  # fmt: skip


@pytest.mark.slow
def test_kills_at_every_kind_of_write_change_nothing(tmp_path: Path) -> None:
    """One network that is trained from scratch, and one on its convolutions."""
    assert_kills_change_nothing(functools.partial(run_some, [PLAIN, FROZEN_BLURRED]), tmp_path)
