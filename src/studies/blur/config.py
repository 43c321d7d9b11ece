"""The blur study as data: its blurs, its ways of training on CIFAR-10, and its profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from src.perturbations.blur import Blur, Boundary, BoxBlur, GaussianBlur, MotionBlur

STUDY = "blur"

Dataset = Literal["mnist", "cifar10"]
MNIST: Dataset = "mnist"
CIFAR10: Dataset = "cifar10"

CIFAR10_TRAIN_IMAGES = 50_000

BOUNDARY: Boundary = "reflect"
"""Of the images that networks are asked about: outside lies their mirror image, so that blur leaves no dark frame."""

LAYER_BOUNDARY: Boundary = "constant"
"""Of a layer's own input, which the inequality is about: zeros, as the networks' convolutions pad with."""

SMALLEST = 0.4
"""Standard deviation, in a layer's own pixels, below which a sampled Gaussian is no blur."""

SLIGHT = GaussianBlur(1.0)
"""The blur of the copies that networks are trained on."""

HEAVY = 2.0
"""Standard deviation from which a Gaussian blur counts as heavy, in pixels of CIFAR-10 or of MNIST's 28x28."""

SIGMAS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
"""Of Gaussian blur, in pixels of the network's images; for MNIST also in pixels of 28x28, equal for the picture."""

LAYER_SIGMAS = (0.5, 1.0, 2.0, 3.0)
"""Of the Gaussian blurs that the inequality and propagation are looked at under, in pixels of the network's images."""

SMOOTHED_SIGMAS = (1.0, 2.0, 3.0)
"""Of the Gaussian blurs under which networks are smoothed too, in pixels that are equal for the picture."""

NOISE: dict[Dataset, float] = {
    # What the first study's networks were trained with.
    "mnist": 0.15,
    "cifar10": 0.1,
}
"""Sigma of the smoothed classifier, in [0, 1]."""

SOURCE_SIDE = 28
"""Of MNIST, in pixels."""


def same_picture(dataset: Dataset, side: int, sigmas: Sequence[float] = SIGMAS) -> dict[float, GaussianBlur]:
    """Blurs that are equal for the picture: by standard deviation in its own pixels, those in the network's pixels.

    The picture's own pixels are 28x28 of MNIST; a blur that is none in the network's pixels is left out.
    """
    scale = side / SOURCE_SIDE if dataset == MNIST else 1.0
    found = {sigma: GaussianBlur(sigma).at(scale) for sigma in sigmas}
    return {sigma: blur for sigma, blur in found.items() if blur.sigma >= SMALLEST}


def heavy(dataset: Dataset, side: int) -> dict[float, GaussianBlur]:
    """Those of them that count as heavy."""
    return same_picture(dataset, side, [sigma for sigma in SIGMAS if sigma >= HEAVY])


def blurs(dataset: Dataset, side: int) -> tuple[Blur, ...]:
    """The blurs that a network is asked about, each once.

    Args:
        dataset: whose images.
        side: of the network's images, in pixels.
    """
    found: list[Blur] = [*map(GaussianBlur, SIGMAS), *same_picture(dataset, side).values()]
    found += [BoxBlur(width) for width in (3, 5, 7)]
    found += [MotionBlur(length, angle) for length in (5, 9) for angle in (0.0, 45.0)]
    return tuple(dict.fromkeys(found))


def shown_blurs(dataset: Dataset, side: int) -> dict[str, Blur]:
    """Those that the figure of blurred images shows, with their titles; Gaussian ones are equal for the picture."""
    shown = same_picture(dataset, side, SMOOTHED_SIGMAS).values()
    gaussian = {f"σ = {blur.sigma:g}": blur for blur in shown}
    return {**gaussian, "box, 5": BoxBlur(5), "motion, 9, 45°": MotionBlur(9, 45.0)}


@dataclass(frozen=True)
class Training:
    """One way to train the CIFAR-10 network.

    Attributes:
        name: the way's.
        copies: what a second copy of every image is, "blurred" by SLIGHT or "unblurred"; None for one copy.
        frozen: whether the convolutions are those of PLAIN from the same seed, and only the dense layer is trained.
        noise: sigma of fresh Gaussian noise in every step, in [0, 1].
    """

    name: str
    copies: Literal["blurred", "unblurred"] | None = None
    frozen: bool = False
    noise: float = 0.0


PLAIN = Training("plain")
BLURRED = Training("blurred copies", "blurred")
UNBLURRED = Training("unblurred copies", "unblurred")
FROZEN_BLURRED = Training("frozen, blurred copies", "blurred", frozen=True)
FROZEN_UNBLURRED = Training("frozen, unblurred copies", "unblurred", frozen=True)
NOISY = Training("noise", noise=NOISE["cifar10"])
TRAININGS = (PLAIN, BLURRED, UNBLURRED, FROZEN_BLURRED, FROZEN_UNBLURRED, NOISY)
"""PLAIN first, on which the frozen ones rest."""

CONTROLS = {BLURRED.name: UNBLURRED.name, FROZEN_BLURRED.name: FROZEN_UNBLURRED.name}
"""What each training on blurred copies is compared with: as many images, none of them blurred."""


@dataclass(frozen=True)
class Profile:
    """How much is done.

    Attributes:
        name: the profile's.
        resolution_profile: of the first study, whose MNIST networks are looked at.
        variants: which of them, by name.
        filters: of the CIFAR-10 network's blocks.
        train_images: of CIFAR-10.
        epochs: of the CIFAR-10 network, and of the dense layer on a frozen base.
        seeds: of the CIFAR-10 networks.
        test_images: classified under every blur.
        layer_images: whose way through the layers is measured.
        explained_images: likewise, in the networks whose errors it is to explain: MNIST's and plain training's.
        smoothed_images: shown to the smoothed classifiers.
        votes: of these.
    """

    name: str
    resolution_profile: str
    variants: tuple[str, ...]
    filters: tuple[int, ...]
    train_images: int
    epochs: int
    seeds: tuple[int, ...]
    test_images: int
    layer_images: int
    explained_images: int
    smoothed_images: int
    votes: int

    @property
    def study(self) -> str:
        return STUDY

    @property
    def caution(self) -> str:
        """What a reader must know before believing its verdicts; "" where all of CIFAR-10 trains the networks."""
        if self.train_images == CIFAR10_TRAIN_IMAGES:
            return ""
        return (
            f"Shortened: the networks on CIFAR-10 are trained on {self.train_images:,} of {CIFAR10_TRAIN_IMAGES:,} "
            f"images for {self.epochs} epochs. The verdicts are of these networks."
        )


UP_TO_28 = ("Downscaled", "Normal")

SMOKE = Profile(
    name="smoke",
    resolution_profile="smoke",
    variants=UP_TO_28,
    filters=(4, 8),
    train_images=256,
    epochs=2,
    seeds=(0, 1),
    test_images=100,
    layer_images=20,
    explained_images=50,
    smoothed_images=50,
    votes=10,
)
QUICK = Profile(
    name="quick",
    resolution_profile="quick",
    # The 56x56 ones take as long as all the rest.
    variants=UP_TO_28,
    filters=(16, 32, 64),
    train_images=8_000,
    epochs=5,
    seeds=(0, 1, 2),
    test_images=1_000,
    layer_images=100,
    explained_images=500,
    smoothed_images=200,
    votes=50,
)
PAPER = Profile(
    name="paper",
    resolution_profile="paper",
    variants=(*UP_TO_28, "UpscaledAI Small", "Control Small", "UpscaledAI", "Control"),
    filters=(16, 32, 64),
    train_images=CIFAR10_TRAIN_IMAGES,
    epochs=10,
    seeds=(0, 1, 2, 3, 4),
    test_images=2_000,
    layer_images=200,
    explained_images=1_000,
    smoothed_images=500,
    votes=50,
)
PROFILES = (SMOKE, QUICK, PAPER)

BATCH_SIZE = 64
"""Of the CIFAR-10 network."""
