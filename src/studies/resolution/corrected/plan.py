"""What protocol `corrected` has to do, without loading TensorFlow."""

from __future__ import annotations

from dataclasses import asdict

from src.base import Precision
from src.datasets.esrgan import handle_identity
from src.studies.resolution.config import STUDY
from src.studies.resolution.corrected.config import BATCH_SIZE, CORRECTED, Training
from src.trials import Trial


def corrected_trial(
    training: Training, width_scale: float, seed: int, precision: Precision, esrgan: str | None
) -> Trial:
    """The trial that carries out `training`, from `seed`."""
    network = training.variant.network(width_scale)
    resolution = training.variant.resolution("bilinear")
    settings = {
        "filters": list(network.filters),
        "units": network.units,
        "dropout": network.dropout,
        "side": resolution.side,
        "resized_by": resolution.method,
        "train_split": "larger",
        "train_images": training.schedule.train_images,
        "epochs": training.schedule.epochs,
        "batch_size": BATCH_SIZE,
        "annealed": True,
        "recipe": asdict(training.recipe),
    }
    if resolution.method == "esrgan":
        settings["esrgan"] = handle_identity(esrgan)
    recipe = type(training.recipe).__name__.lower()
    return Trial(STUDY, CORRECTED, training.variant.name, recipe, seed, precision, settings)
