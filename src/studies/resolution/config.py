"""The resolution study as data: its six networks, its protocols and its profiles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from src.architectures.cnn import CNNConfig
from src.datasets.resolution import Resolution

STUDY = "resolution"

FULL_SCALE = 255
"""Pixels and their noise are published on 0-255; inside everything is in [0, 1]."""

TRAIN_SPLIT, SUBSET = 48_000, 12_000
"""The author splits the 60,000 training images 80 : 20 and then trains on the smaller part."""

BATCH_SIZE = 32

NUM_CLASSES = 10


@dataclass(frozen=True)
class Variant:
    """One of the paper's networks.

    Attributes:
        name: as in the paper's tables.
        side: of the square images, in pixels.
        upscaler: "esrgan", "pil", or None for the original images.
        width_factor: of the base network's widths.
    """

    name: str
    side: int
    upscaler: Literal["esrgan", "pil"] | None
    width_factor: float

    def network(self, width_scale: float) -> CNNConfig:
        """The widths, times the profile's scale."""
        return CNNConfig().scaled(self.width_factor * width_scale)

    def resolution(self, enlarging: Literal["bilinear", "bicubic"]) -> Resolution:
        """How the images are made, where PIL enlarges with this filter; it reduces bilinearly."""
        if self.upscaler == "esrgan":
            return Resolution(self.side, "esrgan")
        if self.upscaler is None:
            return Resolution(self.side, "original")
        return Resolution(self.side, "bilinear" if self.side < 28 else enlarging)


DOWNSCALED = Variant("Downscaled", 14, "pil", 0.5)
NORMAL = Variant("Normal", 28, None, 1)
UPSCALED_AI = Variant("UpscaledAI", 56, "esrgan", 2)
CONTROL = Variant("Control", 56, "pil", 2)
UPSCALED_AI_SMALL = Variant("UpscaledAI Small", 56, "esrgan", 1)
CONTROL_SMALL = Variant("Control Small", 56, "pil", 1)
VARIANTS = (DOWNSCALED, NORMAL, UPSCALED_AI, CONTROL, UPSCALED_AI_SMALL, CONTROL_SMALL)
"""In the order of the paper's tables."""


@dataclass(frozen=True)
class Protocol:
    """One reading of how the paper's experiment is done.

    Attributes:
        name: the protocol's.
        train_split: which part of the fixed split trains the network.
        train_noise: sigma of the Gaussian noise added once to the training images, in [0, 1]; 0 for none.
        noise_before_halving: whether images of ESRGAN get it at 112x112, before they are made 56x56.
        passes: how often an epoch goes through the training images.
        enlarging: PIL's filter from 28x28 to 56x56.
        sigma: of the smoothed classifier, in [0, 1].
        votes: noise draws of the smoothed classifier (argmax, no abstention).
        epsilon: FGSM's l-infinity budget, in [0, 1].
        epsilon_upscaled_ai: the budget against UpscaledAI.
        attacked_output: what FGSM climbs: the log-odds of the logits, or Foolbox's cross-entropy of the softmax.
    """

    name: str
    train_split: Literal["larger", "smaller"]
    train_noise: float
    passes: int
    enlarging: Literal["bilinear", "bicubic"]
    sigma: float
    votes: int
    epsilon: float
    epsilon_upscaled_ai: float
    attacked_output: Literal["softmax", "log-odds"]
    noise_before_halving: bool = False

    def resolution(self, variant: Variant) -> Resolution:
        """How the variant's images are made."""
        return variant.resolution(self.enlarging)

    def concerns(self, variant: Variant) -> bool:
        """Whether it says anything of the variant: the place of the noise does of ESRGAN's images alone."""
        return variant.upscaler == "esrgan" or not self.noise_before_halving

    def attack_epsilon(self, variant: Variant) -> float:
        """FGSM's budget against the variant, in [0, 1]."""
        return self.epsilon_upscaled_ai if variant is UPSCALED_AI else self.epsilon


RELEASED = Protocol(
    name="released",
    train_split="smaller",
    train_noise=0.15,
    passes=2,
    enlarging="bicubic",
    # The notebook's noise of 0.15 is added to pixels in 0-255.
    sigma=0.15 / FULL_SCALE,
    votes=10,
    epsilon=2 / FULL_SCALE,
    epsilon_upscaled_ai=10 / FULL_SCALE,
    # Foolbox takes a second softmax of it.
    attacked_output="softmax",
)
WRITTEN = Protocol(
    name="written",
    train_split="larger",
    train_noise=0.0,
    passes=1,
    enlarging="bilinear",
    # The paper gives no unit; read as [0, 1].
    sigma=0.15,
    votes=10,
    epsilon=10 / FULL_SCALE,
    epsilon_upscaled_ai=10 / FULL_SCALE,
    attacked_output="log-odds",
)
PAPER_PROTOCOLS = (RELEASED, WRITTEN)
"""The two readings of the paper that its tables and sentences are held against."""

RELEASED_112 = replace(RELEASED, name="released-112", noise_before_halving=True)
"""Another reading of the notebook, in which the mean of each 2x2 halves the noise that ESRGAN's networks train with."""

PROTOCOLS = (*PAPER_PROTOCOLS, RELEASED_112)


@dataclass(frozen=True)
class Profile:
    """How much of a protocol is done.

    Attributes:
        name: the profile's.
        width_scale: of every network's widths.
        train_images: at most so many of the protocol's training images.
        epochs: of the networks on images up to 28x28.
        epochs_56: of those on 56x56, which cost 4 to 16 times as much each.
        test_images: sizes of the test sets for the paper's tables, nested, ascending.
        sweep_images: test images of the two sweeps.
        variants: the protocols with the networks that each trains.
    """

    name: str
    width_scale: float
    train_images: int
    epochs: int
    epochs_56: int
    test_images: tuple[int, ...]
    sweep_images: int
    variants: tuple[tuple[Protocol, tuple[Variant, ...]], ...]

    @property
    def study(self) -> str:
        return STUDY

    @property
    def caution(self) -> str:
        """What a reader must know before believing its verdicts; "" where networks are trained as in the paper."""
        if (self.width_scale, self.train_images, self.epochs, self.epochs_56) == (1, TRAIN_SPLIT, 10, 10):
            return ""
        widths = f"networks of {self.width_scale:g} times the paper's widths" if self.width_scale != 1 else "networks"
        epochs = f"{self.epochs} epochs" + (f" ({self.epochs_56} at 56x56)" if self.epochs_56 != self.epochs else "")
        return (
            f"Shortened: {widths}, trained for {epochs} on at most {self.train_images:,} images. The verdicts are of "
            "these networks, not of the paper's."
        )

    def epochs_of(self, variant: Variant) -> int:
        """How long the variant's network is trained."""
        return self.epochs_56 if variant.side == 56 else self.epochs


SMOKE = Profile(
    name="smoke",
    width_scale=0.25,
    train_images=256,
    epochs=2,
    epochs_56=2,
    test_images=(100,),
    sweep_images=50,
    variants=((RELEASED, VARIANTS), (WRITTEN, (DOWNSCALED, NORMAL))),
)
QUICK = Profile(
    name="quick",
    width_scale=1,
    train_images=4_000,
    epochs=4,
    # One epoch of 4,000 images trains better than two of 2,000, at the same cost.
    epochs_56=1,
    test_images=(1_000,),
    # 100 would take it over 20 minutes.
    sweep_images=60,
    # `written` where a network costs under a minute.
    variants=((RELEASED, VARIANTS), (WRITTEN, (DOWNSCALED, NORMAL))),
)
PAPER = Profile(
    name="paper",
    width_scale=1,
    train_images=TRAIN_SPLIT,
    epochs=10,
    epochs_56=10,
    test_images=(1_000, 10_000),
    sweep_images=1_000,
    variants=((RELEASED, VARIANTS), (WRITTEN, VARIANTS)),
)
SEEDS = replace(
    QUICK,
    name="seeds",
    variants=((RELEASED, VARIANTS), (WRITTEN, (DOWNSCALED, NORMAL)), (RELEASED_112, (UPSCALED_AI, UPSCALED_AI_SMALL))),
)
"""As `quick`, for several seeds: how far two trainings of a network lie apart, and what the place of the noise does."""

PROFILES = (SMOKE, QUICK, PAPER, SEEDS)

NOTEBOOK_EPSILONS = (RELEASED.epsilon, RELEASED.epsilon_upscaled_ai)

SWEEP_SIGMAS = (0.15 / FULL_SCALE, 2 / FULL_SCALE, 10 / FULL_SCALE, 0.15, 0.25, 0.5, 0.75, 1.0)
"""From the noise that the notebook really adds to the 255 that the paper writes, in [0, 1]."""

SWEEP_EPSILONS = tuple(step / FULL_SCALE for step in (0, 1, 2, 5, 10, 19, 38, 57, 76))
"""FGSM budgets, in [0, 1]."""
