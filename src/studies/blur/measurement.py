"""What a Gaussian blur of the image does at each stage of a network: how far its output moves, and how far it may."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from src.base import LabeledImages
from src.lipschitz.blur_inequality import attained, commuting_constant
from src.perturbations.blur import GaussianBlur
from src.studies.blur.conditions import blur_columns
from src.studies.blur.config import BOUNDARY, LAYER_BOUNDARY, SMALLEST
from src.studies.blur.stages import Stage

BLOCK = 20
"""Images that go through the network together; a wide layer's outputs of them are of 100 MB."""


def measured(stages: Sequence[Stage], data: LabeledImages, blurs: Sequence[GaussianBlur]) -> pd.DataFrame:
    """A row for each stage, Gaussian blur and image.

    All lengths are l2, over pixels and channels: `image_norm` ||x|| of the image, `image_error` ||x - Kx||. a is the
    stage's output for the image, a' for the image that was blurred before the network: `norm` ||a||, `error`
    ||a - a'||, and `commuting_error` ||a - k * a||, what it would be if the stages so far commuted with the blur. Of a
    convolution also what the inequality is about, for its own input x, a blur at the scale of its pixels, and zeros
    around: `input_norm` ||x||, `own_error` ||L(x) - L(Kx)||, and `relu_excess`, the largest L(Kx) - k * L(x) at pixels
    where the zeros do not matter, as a share of the largest output (0 where all are 0). NaN where there is none, as for
    a blur that is too small for the stage's pixels.

    Args:
        stages: of the network.
        data: images for it; in blocks, as all outputs of a block are held.
        blurs: of the image.
    """
    images = data.as_float()
    blocks = range(0, len(images), BLOCK)
    rows = [
        row
        for start in blocks
        for row in _of_block(stages, images[start : start + BLOCK], data.indices[start : start + BLOCK], blurs)
    ]
    return pd.concat(rows, ignore_index=True)


def _of_block(
    stages: Sequence[Stage], images: np.ndarray, indices: np.ndarray, blurs: Sequence[GaussianBlur]
) -> Iterator[pd.DataFrame]:
    sharp = [images]
    for stage in stages:
        sharp.append(stage.apply(sharp[-1]))
    for blur in blurs:
        soft = blur.apply(images, BOUNDARY)
        image = {"image_norm": length(images), "image_error": length(images - soft)}
        for stage, before, after in zip(stages, sharp, sharp[1:], strict=False):
            soft = stage.apply(soft)
            columns = {"norm": length(after), "error": length(after - soft)}
            alone = _alone(stage, before, after, blur, images.shape[1])
            yield pd.DataFrame(
                {"stage": stage.place, **blur_columns(blur), "image": indices, **image, **columns, **alone}
            )


def _alone(
    stage: Stage, before: np.ndarray, after: np.ndarray, blur: GaussianBlur, side: int
) -> dict[str, np.ndarray | float]:
    """What the blur would do to the stage's own input, and to its output."""
    found: dict[str, np.ndarray | float] = dict.fromkeys(
        ("input_norm", "own_error", "commuting_error", "relu_excess"), np.nan
    )
    if after.ndim == 4 and (at_output := at_stage(blur, after.shape[1], side)):
        found["commuting_error"] = length(after - at_output.apply(after, BOUNDARY))
    if stage.convolution is not None and (own := at_stage(blur, before.shape[1], side)):
        soft = stage.apply(own.apply(before, LAYER_BOUNDARY))
        found |= {"input_norm": length(before), "own_error": length(after - soft)}
        border = max(*stage.convolution.weights.shape[:2], *own.kernel().shape) // 2
        if stage.convolution.keeps_places and 2 * border < min(after.shape[1:3]):
            inside = (slice(None), slice(border, -border or None), slice(border, -border or None))
            excess = (soft - own.apply(after, LAYER_BOUNDARY))[inside].max(axis=(1, 2, 3))
            largest = after.max(axis=(1, 2, 3))
            found["relu_excess"] = np.divide(excess, largest, out=np.zeros_like(excess), where=largest > 0)
    return found


def at_stage(blur: GaussianBlur, side: int, image_side: int) -> GaussianBlur | None:
    """The image's blur in a stage's pixels, of which `side` cover the image's; None where it would be none."""
    scaled = blur.at(side / image_side)
    return scaled if scaled.sigma >= SMALLEST else None


def length(values: np.ndarray) -> np.ndarray:
    """(n, ...) -> (n,): l2 over all but the first axis, in float64."""
    return np.sqrt(np.square(values, dtype=np.float64).reshape(len(values), -1).sum(axis=1))


def constants(stages: Sequence[Stage], side: int, blurs: Sequence[GaussianBlur]) -> pd.DataFrame:
    """A row for each stage and Gaussian blur: its Lipschitz constant and, of a convolution, T1's for its own input.

    `name` is the stage's; `own_size` is the blur's standard deviation in the pixels of the stage's input; `bound`,
    `absolute` and `parameters` are those of `inequality.Constants`, `attained` is a lower bound of the linear part's
    (`inequality.attained`), and `symbol` the constant of T2. NaN for a blur that is too small for these pixels.

    Args:
        stages: of the network.
        side: of its images, in pixels.
        blurs: of the image.
    """
    rows = []
    for stage in stages:
        for blur in blurs:
            row = {"stage": stage.place, **blur_columns(blur), "name": stage.name, "kind": stage.kind,
                   "lipschitz": stage.lipschitz}  # fmt: skip
            layer = stage.convolution
            if layer is not None and (own := at_stage(blur, layer.shape[0], side)):
                kernel = own.kernel()
                found = layer.constants(kernel)
                row |= {"own_size": own.sigma, "bound": found.bound, "absolute": found.absolute,
                        "parameters": found.parameters, "symbol": commuting_constant(kernel, layer.shape)}  # fmt: skip
                if layer.keeps_places:
                    row["attained"] = attained(layer.weights, kernel, layer.shape)
            rows.append(row)
    return pd.DataFrame(rows, columns=["stage", "blur", "size", "angle", "name", "kind", "lipschitz", "own_size",
                                       "attained", "bound", "absolute", "parameters", "symbol"])  # fmt: skip
