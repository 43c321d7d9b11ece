"""Folders of the paper's protocols with made-up records, written by the classes that the study writes with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from src.base import Precision
from src.claims.claim import Judgement, judge
from src.experiments.conditions import Condition, HasColumns, select
from src.experiments.folders import Places
from src.experiments.trial_table import save_trial
from src.storage.records import Records
from src.studies.resolution.claims import all_claims
from src.studies.resolution.config import RELEASED, SMOKE, Profile, Protocol, Variant
from src.studies.resolution.corrected import conditions as corrected_conditions
from src.studies.resolution.corrected.plan import CorrectedJob
from src.studies.resolution.evidence import Evidence, load_evidence
from src.studies.resolution.plan import Job, resolution_trial, test_order
from tests.studies.resolution.corrected import corrected_folder

SMALL = replace(SMOKE, test_images=(50, 100), sweep_images=50)

LARGE = replace(SMOKE, test_images=(600,), sweep_images=600, train_images=600)
"""Just enough images for a difference of none to lie within 0.005 of zero: 2.71 / (600 + 2.71)."""

Wrong = Callable[[Condition], Collection[int]]
"""The positions, in the fixed order of the images, of those that are answered wrongly."""


def nothing(condition: Condition) -> Collection[int]:
    """All answers are right."""
    return ()


def job(
    variant: Variant,
    protocol: Protocol = RELEASED,
    seed: int = 0,
    profile: Profile = SMALL,
    precision: Precision = "float32",
) -> Job:
    return Job(profile, protocol, variant, resolution_trial(profile, protocol, variant, seed, precision, None))


def rows(
    one: Job, condition: Condition, images: np.ndarray, wrong: Collection[int] = (), loss: float = 0.1
) -> pd.DataFrame:
    """Records of one condition; an image's label is its last digit, its loss spreads around `loss`."""
    label = images % 10
    is_wrong = np.isin(np.arange(len(images)), list(wrong))
    return pd.DataFrame(
        {
            "trial": one.trial.key,
            **condition.columns(),
            "image": images,
            "label": label,
            "prediction": np.where(is_wrong, (label + 1) % 10, label),
            "loss": loss * 2 * np.random.default_rng(0).random(len(images)),
        }
    )


def write(
    places: Places,
    one: Job,
    wrong: Wrong = nothing,
    only: Iterable[Condition] | None = None,
    loss: float = 0.1,
    images: int = 10_000,
) -> Job:
    """Write a trial's records and list it.

    Args:
        places: where.
        one: whose.
        wrong: for each condition.
        only: these conditions; without it all that the profile needs.
        loss: of the network; the smoothed classifier's is a tenth smaller.
        images: of each condition, at most.
    """
    found = []
    for condition in one.work if only is None else only:
        chosen = test_order()[: min(one.work[condition], images)]
        found.append(rows(one, condition, chosen, wrong(condition), loss * (0.9 if condition.smoothing else 1.0)))
    records = one.records(places)
    records.append(pd.concat(found))
    records.finish()
    save_trial(places.profile(one.profile) / "trials.csv", one.trial, {})
    return one


def write_votes(places: Places, one: Job, votes: tuple[int, int] = (10, 0)) -> None:
    """So many votes for the predicted class and the next one, for every image of a sweep."""
    images = test_order()[: one.profile.sweep_images]
    counts = {"votes": votes[0], "runner_up_votes": votes[1]}
    frames = [rows(one, condition, images).assign(**counts) for condition in one.vote_conditions]
    one.votes(places).append(pd.concat(frames))
    one.votes(places).finish()


def write_fit(places: Places, one: Job, wrong: Collection[int] = ()) -> None:
    """What the network says of its training images."""
    one.fit(places).append(rows(one, Condition(), one.fit_indices, wrong))
    one.fit(places).finish()


def write_corrected(
    folder: Path, one: CorrectedJob, wrong: Callable[[corrected_conditions.Condition], Collection[int]] = lambda _: ()
) -> None:
    """Write what a network of protocol `corrected` answers on the images that it is attacked on, and list it."""
    assert one.work.attacks is not None
    images = test_order()[: one.work.attacks.images]
    label, frames = images % 10, []
    for condition in corrected_conditions.conditions(one.work.attacks, one.sigma):
        is_wrong = np.isin(np.arange(len(images)), list(wrong(condition)))
        answers = {"label": label, "prediction": np.where(is_wrong, (label + 1) % 10, label), "distance": 0.0}
        frames.append(pd.DataFrame({**condition.columns(), "image": images, **answers}))
    corrected_folder.write_records(one, folder, pd.concat(frames))
    corrected_folder.list_trial(one, folder)


def change(records: Records, condition: HasColumns, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change the rows of one condition in a records file on disk."""
    before = records.load()
    chosen = select(before, condition)
    assert len(chosen), "nothing to change"
    records.path.unlink()
    records.append(pd.concat([before.drop(chosen.index), edit(chosen)]))
    records.finish()


def flip(records: Records, condition: HasColumns, count: int) -> None:
    """Of so many images, by ascending index, right answers become wrong and wrong ones right."""

    def edit(chosen: pd.DataFrame) -> pd.DataFrame:
        images = np.sort(chosen["image"])[:count]
        right = chosen["prediction"] == chosen["label"]
        flipped = np.where(right, (chosen["label"] + 1) % 10, chosen["label"])
        return chosen.assign(prediction=np.where(chosen["image"].isin(images), flipped, chosen["prediction"]))

    change(records, condition, edit)


def judged_claim(places: Places, name: str, profile: Profile = SMALL) -> Judgement[Evidence]:
    """One claim of the study, judged by what lies on disk."""
    (claim,) = (one for one in all_claims() if one.name == name)
    (found,) = judge([claim], load_evidence(places, profile))
    return found
