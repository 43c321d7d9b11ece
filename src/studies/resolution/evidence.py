"""All that the study's claims are judged by: trials with their records, of the paper's protocols and of `corrected`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from src.conditions import Condition, select
from src.studies.resolution.config import SEEDS, Profile, Protocol, Variant
from src.studies.resolution.corrected.config import CORRECTED
from src.studies.resolution.corrected.measurements import Measured, load_measurements
from src.studies.resolution.plan import Job, Places
from src.studies.resolution.rows import first_images
from src.studies.resolution.tables import evaluated


@dataclass(frozen=True)
class Evidence:
    """A profile's folder, read back.

    Attributes:
        profile: whose.
        jobs: of the protocols other than `corrected`, each with its records.
        votes: the same jobs, each with how its smoothed classifier's votes fell.
        fit: the same jobs, each with what it says of its training images.
        reduced: the same of profile `seeds`, whose many seeds tell how much two trainings differ.
        corrected: the networks of protocol `corrected`.
    """

    profile: Profile
    jobs: tuple[tuple[Job, pd.DataFrame], ...]
    votes: tuple[tuple[Job, pd.DataFrame], ...]
    fit: tuple[tuple[Job, pd.DataFrame], ...]
    reduced: tuple[tuple[Job, pd.DataFrame], ...]
    corrected: tuple[Measured, ...]

    def of(self, protocol: Protocol, variant: Variant | None = None) -> Iterator[tuple[Job, pd.DataFrame]]:
        """Of each network the protocol's training from the first seed, fixed beforehand, in the order of the paper."""
        chosen = [one for one in self.jobs if one[0].protocol == protocol and variant in (None, one[0].variant)]
        first: dict[Variant, int] = {}
        for job, _ in chosen:
            first[job.variant] = min(job.trial.seed, first.get(job.variant, job.trial.seed))
        return (one for one in chosen if one[0].trial.seed == first[one[0].variant])

    def trainings(self, protocol: Protocol, *networks: Variant) -> list[list[tuple[Job, pd.DataFrame]]]:
        """A training of each network for each seed: of this profile, or of `seeds` where that has more of all."""
        sources = [
            [
                list({job.trial.seed: (job, records) for job, records in jobs
                      if (job.protocol, job.variant) == (protocol, network)}.values())
                for network in networks
            ]
            for jobs in (self.jobs, self.reduced)
        ]  # fmt: skip
        return max(sources, key=lambda source: min(map(len, source)))


def load_evidence(places: Places, profile: Profile) -> Evidence:
    """Read a profile's folder, and profile `seeds` if it is there too.

    Args:
        places: whose results to read.
        profile: which.

    Raises:
        InputError: a file is damaged.
    """
    folder = places.profile(profile)
    jobs = tuple(evaluated(folder, profile))
    return Evidence(
        profile=profile,
        jobs=jobs,
        votes=tuple((job, job.votes(places).load()) for job, _ in jobs),
        fit=tuple((job, job.fit(places).load()) for job, _ in jobs),
        reduced=() if profile is SEEDS else tuple(evaluated(places.profile(SEEDS), SEEDS)),
        corrected=tuple(load_measurements(folder / CORRECTED)),
    )


def on_most_images(job: Job, records: pd.DataFrame, *conditions: Condition) -> list[pd.DataFrame] | None:
    """Records of each condition on the largest test set of the profile that has them all; None where none has.

    Args:
        job: whose records.
        records: all of them.
        conditions: which.
    """
    for count in sorted({*job.profile.test_images, job.profile.sweep_images}, reverse=True):
        found = [first_images(select(records, condition), count) for condition in conditions]
        complete = [rows for rows in found if rows is not None]
        if len(complete) == len(conditions):
            return complete
    return None
