"""A place of its own for a whole run of the command line."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pandas as pd

from src import reproduce
from src.certification_log import read_log
from src.datasets import mnist


class Workplace:
    """A folder with its own data, models and results, and the command line run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data, self.models, self.results = (folder / name for name in ("data", "models", "results"))
        if not folder.exists():
            self.data.mkdir(parents=True)
            (self.data / "mnist.npz").symlink_to(mnist.MNIST_NPZ)

    @property
    def profile(self) -> Path:
        return self.results / "resolution" / "smoke"

    def arguments(self, *options: str) -> list[str]:
        places = [f"--{name}={getattr(self, name)}" for name in ("data", "models", "results")]
        return ["--profile", "smoke", *places, *options]

    def run(self, *options: str) -> int:
        return reproduce.main(self.arguments(*options))

    def contents(self) -> dict[str, str | bytes]:
        """Everything that a run writes, wall times aside."""
        found: dict[str, str | bytes] = {}
        for path in sorted(path for path in self.profile.rglob("*") if path.is_file() and path.name != ".lock"):
            name = str(path.relative_to(self.profile))
            if path.suffix == ".tsv":
                found[name] = read_log(path).drop(columns="time").to_csv()
            elif path.name == "trials.csv":
                found[name] = pd.read_csv(path).drop(columns="seconds").to_csv()
            else:
                found[name] = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in sorted(self.models.rglob("history.csv")):
            found[str(path.relative_to(self.models))] = pd.read_csv(path).drop(columns="seconds").to_csv()
        return found


def command(workplace: Workplace, *options: str) -> list[str]:
    """The command line as a process of its own."""
    return [sys.executable, "-m", "src.reproduce", *workplace.arguments(*options)]
