"""How a run goes: what is not done yet is done, then what follows from it is made anew, if anything changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from src.experiments.folders import Places
from src.experiments.trial_table import load_trials
from src.storage.files import only_writer, write_text

ANOTHER = "give this one another --results and --models"
"""The way out where another run writes to the same folder."""


class AnyJob(Protocol):
    """One network with all that is asked of it, of any study."""

    def is_done(self, places: Places, listed: Collection[str]) -> bool:
        """Whether nothing is missing; `listed` are the keys in the folder's table of trials."""


Job = TypeVar("Job", bound=AnyJob)


@dataclass(frozen=True)
class Products:
    """Files that follow from what is in a folder.

    Attributes:
        paths: of the files.
        marker: a file that keeps what they were made from.
        sources: says what they would be made from now.
        write: makes them.
    """

    paths: tuple[Path, ...]
    marker: Path
    sources: Callable[[], str]
    write: Callable[[], None]

    def are_current(self) -> bool:
        """Whether all are there, made from what is there now."""
        there = all(path.exists() for path in (*self.paths, self.marker))
        return there and self.marker.read_text() == self.sources()

    def make(self) -> None:
        """Make them, and say from what, last."""
        self.write()
        write_text(self.marker, self.sources())


def finish(
    folder: Path,
    places: Places,
    jobs: Sequence[Job],
    execute: Callable[[Sequence[Job]], None],
    products: Products,
) -> bool:
    """Bring every job to its end and its folder's products up to date; nobody else writes there meanwhile.

    Args:
        folder: of the profile, with its trials.csv.
        places: where the jobs read and write.
        jobs: of one profile.
        execute: does what is missing of some of them.
        products: of the folder.

    Returns:
        Whether there was anything to do.

    Raises:
        InputError: another run is writing to the folder, or a file is damaged.
        StorageError: something can't be written.
    """
    with only_writer(folder / ".lock", folder, ANOTHER):
        listed = set(load_trials(folder / "trials.csv"))
        unfinished = [job for job in jobs if not job.is_done(places, listed)]
        if unfinished:
            execute(unfinished)
        elif products.are_current():
            return False
        products.make()
    return True
