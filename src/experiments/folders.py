"""Where a run reads and writes: data, trained networks, results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from src.training.trial import Trial, TrialFolder


class Profile(Protocol):
    """How much of a study is done."""

    @property
    def study(self) -> str: ...

    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class Places:
    """Where a run reads and writes.

    Attributes:
        data: holds mnist.npz, cifar10.npz once it was fetched, and cache/.
        models: holds <study>/<trial>/.
        results: holds <study>/<profile>/.
    """

    data: Path
    models: Path
    results: Path

    @property
    def mnist(self) -> Path:
        return self.data / "mnist.npz"

    @property
    def cifar10(self) -> Path:
        return self.data / "cifar10.npz"

    @property
    def cache(self) -> Path:
        return self.data / "cache"

    def trial(self, trial: Trial) -> TrialFolder:
        """The trial's folder."""
        return TrialFolder(self.models / trial.study / trial.key)

    def profile(self, profile: Profile) -> Path:
        """Where the profile's tables, figures and records go."""
        return self.results / profile.study / profile.name
