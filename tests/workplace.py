"""A place of its own for a whole run of the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from src import reproduce
from src.certification.log import read_log
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
        return contents(self.folder)


def contents(folder: Path) -> dict[str, str | bytes]:
    """All files in a folder by name, wall times aside."""
    found: dict[str, str | bytes] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"):
        name = str(path.relative_to(folder))
        if path.suffix == ".tsv":
            found[name] = read_log(path).drop(columns="time").to_csv()
        elif path.name in ("trials.csv", "history.csv"):
            found[name] = pd.read_csv(path).drop(columns="seconds").to_csv()
        elif path.name == "complete.json":
            facts = json.loads(path.read_text())
            facts.pop("seconds", None)
            found[name] = json.dumps(facts)
        else:
            found[name] = path.read_bytes()
    return found
