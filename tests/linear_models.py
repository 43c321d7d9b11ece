"""Two-class linear networks, whose certified radius is known, and images for them."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

SHAPE = (4, 4, 1)
THRESHOLD = 8.0


def linear_network(scale: float = 1.0, activation: str | None = None) -> keras.Model:
    """Class 1 where the sum of the image's values, divided by `scale`, is above THRESHOLD."""
    network = keras.Sequential([keras.Input(SHAPE), keras.layers.Rescaling(1 / scale), keras.layers.Flatten(),
                                keras.layers.Dense(2, activation=activation)])
    weights = np.zeros((16, 2), np.float32)
    weights[:, 1] = 1
    network.layers[-1].set_weights([weights, np.array([0, -THRESHOLD], np.float32)])
    return network


def true_radii(images: np.ndarray) -> np.ndarray:
    """The l2 distance of each image to the decision's boundary, at every sigma the smoothed classifier's radius."""
    sums = images.reshape(len(images), -1).sum(axis=1, dtype=np.float64)
    return np.abs(sums - THRESHOLD) / 4


def labelled_images(count: int) -> dict[str, np.ndarray]:
    """`images` in [0, 1], some near the boundary and some far, and `labels`, every tenth of them wrong."""
    generator = np.random.default_rng(1)
    images = np.clip(generator.normal(generator.uniform(0.2, 0.8, (count, 1, 1, 1)), 0.1, (count, *SHAPE)), 0, 1)
    labels = (images.sum(axis=(1, 2, 3)) > THRESHOLD).astype(np.int64)
    labels[::10] = 1 - labels[::10]
    return {"images": images.astype(np.float32), "labels": labels}


def write_files(folder: Path, count: int) -> None:
    """`linear.keras`, `probabilities.keras`, `bytes.keras` (for pixels to 255), `data.npz`, `bytes.npz`."""
    linear_network().save(folder / "linear.keras")
    linear_network(activation="softmax").save(folder / "probabilities.keras")
    linear_network(scale=255).save(folder / "bytes.keras")
    data = labelled_images(count)
    np.savez(folder / "data.npz", **data)
    pixels = np.round(data["images"] * 255).astype(np.uint8)
    np.savez(folder / "bytes.npz", images=pixels, labels=data["labels"].astype(np.uint8))
