"""A trial: one network trained one way from one seed, and the folder in which it lives.

The configuration is written first and the completion marker last, both atomically: what is complete is
not run again, what is interrupted goes on from its last epoch, what does not match is another trial.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from src.base import InputError, Precision
from src.storage.arrays import load_arrays, save_arrays
from src.storage.files import explained_storage_errors, sha256, verify_sha256, write_text

BEGUN_WITH = "begun_with"
"""The fact of a complete trial that `src.training.beginning` compares."""


@dataclass(frozen=True)
class Trial:
    """What identifies a trained network.

    Attributes:
        study, protocol, variant: whose network it is.
        recipe: the loss it is trained with.
        seed: of initial weights, order of images, dropout and training noise.
        precision: of the activations, "float32" or "bfloat16".
        training: everything else that shapes the weights, as JSON values.
    """

    study: str
    protocol: str
    variant: str
    recipe: str
    seed: int
    precision: Precision
    training: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The configuration as JSON values."""
        return {
            "study": self.study,
            "protocol": self.protocol,
            "variant": self.variant,
            "recipe": self.recipe,
            "seed": self.seed,
            "precision": self.precision,
            "training": dict(self.training),
        }

    @property
    def key(self) -> str:
        """A readable name that ends in a hash of the whole configuration."""
        digest = hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()
        variant = self.variant.lower().replace(",", "").replace(" ", "-")
        recipe = "" if self.recipe == "cross_entropy" else f"{self.recipe}-"
        return f"{self.protocol}-{variant}-{recipe}seed{self.seed}-{digest[:10]}"


@dataclass(frozen=True)
class TrialFolder:
    """Where a trial keeps its configuration, checkpoint, history, weights and completion marker."""

    path: Path

    @property
    def configuration(self) -> Path:
        return self.path / "trial.json"

    @property
    def beginning(self) -> Path:
        """What a training that is under way was begun with."""
        return self.path / "begun_with.json"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.npz"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def weights(self) -> Path:
        return self.path / "weights.npz"

    @property
    def marker(self) -> Path:
        return self.path / "complete.json"

    def begin(self, trial: Trial) -> None:
        """Write the configuration, or check that the one that is there is this trial's.

        A checkpoint beside a completion marker goes: a kill came between the two last steps of `complete`.

        Raises:
            InputError: the folder holds something else.
            StorageError: the folder can't be written.
        """
        text = json.dumps(trial.as_dict(), indent=2, sort_keys=True) + "\n"
        if not self.configuration.exists():
            write_text(self.configuration, text)
        elif self.configuration.read_bytes() != text.encode():
            raise InputError(
                f"{self.configuration} does not describe the trial its folder is named for. "
                f"Move the folder {self.path} away and run again: the network is trained anew."
            )
        if self.is_complete:
            self._drop_what_only_a_resumption_needs()

    @property
    def is_complete(self) -> bool:
        """Whether training has ended and its weights are here; of large networks, only the marker is handed on."""
        return self.marker.exists() and self.weights.exists()

    def complete(self, weights: Sequence[np.ndarray], facts: Mapping[str, Any]) -> None:
        """Write the weights and, last, the completion marker with their hash; drop what only a resumption needs.

        Args:
            weights: the network's arrays, in its own order.
            facts: what else is worth recording (parameters, seconds, versions), as JSON values.
        """
        save_arrays(self.weights, {f"{place:03d}": array for place, array in enumerate(weights)})
        facts = {"weights_sha256": sha256(self.weights), **facts}
        write_text(self.marker, json.dumps(facts, indent=2, sort_keys=True) + "\n")
        self._drop_what_only_a_resumption_needs()

    def _drop_what_only_a_resumption_needs(self) -> None:
        for path in (self.checkpoint, self.beginning):
            with explained_storage_errors(path):
                path.unlink(missing_ok=True)

    @property
    def _remedy(self) -> str:
        return f"Delete the folder {self.path} and run again: only this network is trained anew."

    def facts(self) -> dict[str, Any]:
        """What `complete` recorded.

        Raises:
            InputError: the marker can't be read.
        """
        try:
            facts = dict(json.loads(self.marker.read_text()))
            if not isinstance(facts.get("weights_sha256"), str):
                raise ValueError("it has no hash of the weights")
        except (ValueError, TypeError, FileNotFoundError) as error:
            raise InputError(f"{self.marker} is missing or damaged ({error}). {self._remedy}") from error
        return facts

    def load_weights(self) -> list[np.ndarray]:
        """The trained network's arrays, checked against the marker's hash.

        Raises:
            InputError: the file is missing or damaged.
        """
        expected = self.facts()["weights_sha256"]
        if not self.weights.exists():
            raise InputError(f"{self.weights} is missing. {self._remedy}")
        verify_sha256(self.weights, expected, self._remedy)
        arrays = load_arrays(self.weights, self._remedy)
        return [arrays[name] for name in sorted(arrays)]
