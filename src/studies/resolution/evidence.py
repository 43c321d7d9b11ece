"""All that the study's claims are judged by: trials with their records, of the paper's protocols and of `corrected`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from src.experiments.conditions import Condition, current, select
from src.experiments.folders import Places
from src.studies.resolution.config import SEEDS, Profile, Protocol, Variant
from src.studies.resolution.corrected.config import CORRECTED
from src.studies.resolution.corrected.measurements import Measured, load_measurements
from src.studies.resolution.plan import Job
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

    def trainings(
        self, protocol: Protocol, conditions: Mapping[Variant, Condition], needed: Mapping[Variant, int]
    ) -> list[list[tuple[Job, pd.DataFrame]]]:
        """Trainings of each network: of this profile where it has as many as needed, else of `seeds` if that has.

        Args:
            protocol: under which they were trained.
            conditions: of each network; a training counts once it has it on the profile's largest test set.
            needed: how many of each network.

        Returns:
            The trainings network by network, with their records of the condition; where neither profile has enough,
            those of the one that lacks fewer, and rather of one that has some of each.
        """
        sources = [trainings_of(jobs, protocol, conditions) for jobs in (self.jobs, self.reduced)]

        def lacking(source: list[list[tuple[Job, pd.DataFrame]]]) -> tuple[bool, int]:
            missing = sum(max(0, count - len(found)) for found, count in zip(source, needed.values(), strict=True))
            return not all(source), missing

        return min(sources, key=lacking)


def trainings_of(
    jobs: Sequence[tuple[Job, pd.DataFrame]], protocol: Protocol, conditions: Mapping[Variant, Condition]
) -> list[list[tuple[Job, pd.DataFrame]]]:
    """The trainings of each network under a protocol, with their records of its condition, network by network.

    Args:
        jobs: with all of their records.
        protocol: under which they were trained.
        conditions: of each network; a training counts once it has it on its profile's largest test set.
    """
    return [
        [
            (job, found)
            for job, records in jobs
            if (job.protocol, job.variant) == (protocol, network)
            and (found := first_images(select(records, condition), job.profile.test_images[-1])) is not None
        ]
        for network, condition in conditions.items()
    ]


def load_evidence(places: Places, profile: Profile) -> Evidence:
    """Read a profile's folder, and profile `seeds` if it is there too.

    Args:
        places: whose results to read.
        profile: which.

    Raises:
        InputError: a file is damaged.
    """
    folder = places.profile(profile)
    jobs = one_of_each_seed(evaluated(folder, profile))
    return Evidence(
        profile=profile,
        jobs=jobs,
        votes=tuple((job, current(job.votes(places).load())) for job, _ in jobs),
        fit=tuple((job, job.fit(places).load()) for job, _ in jobs),
        reduced=() if profile is SEEDS else one_of_each_seed(evaluated(places.profile(SEEDS), SEEDS)),
        corrected=tuple(load_measurements(folder / CORRECTED)),
    )


def one_of_each_seed(evaluated: Iterable[tuple[Job, pd.DataFrame]]) -> tuple[tuple[Job, pd.DataFrame], ...]:
    """Of trainings of one network from one seed (in two precisions, with two ESRGANs) one, so that none counts twice.

    That in float32 is taken, else the first.
    """
    jobs = list(evaluated)
    chosen: dict[tuple[str, str, int], tuple[Job, pd.DataFrame]] = {}
    for job, records in sorted(jobs, key=lambda one: one[0].trial.precision != "float32"):
        chosen.setdefault((job.trial.protocol, job.trial.variant, job.trial.seed), (job, records))
    # As they were, in the order of tables.
    keys = {job.trial.key for job, _ in chosen.values()}
    return tuple(one for one in jobs if one[0].trial.key in keys)


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
