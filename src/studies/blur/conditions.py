"""Which classifier sees the images under which blur, and how a record says so (its columns: `columns.py`)."""

from __future__ import annotations

from dataclasses import dataclass

from src.experiments.conditions import Smoothing, round9
from src.perturbations.blur import Blur

NO_BLUR: dict[str, str | float] = {"blur": "none", "size": 0.0, "angle": 0.0}


@dataclass(frozen=True)
class BlurCondition:
    """Which classifier sees which images.

    Attributes:
        blur: of the images; None for sharp ones.
        smoothing: of the classifier that is scored; None for the network itself.
    """

    blur: Blur | None = None
    smoothing: Smoothing | None = None

    @property
    def perturbation(self) -> Blur | None:
        """What is done to the images."""
        return self.blur

    def columns(self) -> dict[str, str | float | int]:
        """What a record says of the condition."""
        return {
            **blur_columns(self.blur),
            "classifier": "rs" if self.smoothing else "cnn",
            "sigma": round9(self.smoothing.sigma) if self.smoothing else 0.0,
            "n": self.smoothing.n if self.smoothing else 0,
        }


def blur_columns(blur: Blur | None) -> dict[str, str | float]:
    """What a record says of a blur."""
    said = NO_BLUR if blur is None else blur.columns()
    return {name: round9(value) if isinstance(value, float) else value for name, value in said.items()}
