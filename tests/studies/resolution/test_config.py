"""The protocols and profiles, written out once more: a slip here would be a false statement about the paper."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import pytest

from src.architectures.cnn import CNNConfig, parameters
from src.datasets.resolution import Resolution
from src.studies.resolution import config
from src.studies.resolution.config import (
    CONTROL,
    PAPER,
    PAPER_PROTOCOLS,
    PROFILES,
    PROTOCOLS,
    QUICK,
    RELEASED,
    RELEASED_112,
    SEEDS,
    SMOKE,
    SWEEP_EPSILONS,
    SWEEP_SIGMAS,
    UPSCALED_AI,
    VARIANTS,
    WRITTEN,
    Profile,
)

MODELS = {
    "Downscaled": (14, "pil", CNNConfig((14, 32), 64, 0.5), 406_326),
    "Normal": (28, None, CNNConfig((28, 64), 128, 0.5), 6_440_418),
    "UpscaledAI": (56, "esrgan", CNNConfig((56, 128), 256, 0.5), 102_828_474),
    "Control": (56, "pil", CNNConfig((56, 128), 256, 0.5), 102_828_474),
    "UpscaledAI Small": (56, "esrgan", CNNConfig((28, 64), 128, 0.5), 25_708_002),
    "Control Small": (56, "pil", CNNConfig((28, 64), 128, 0.5), 25_708_002),
}
"""Side, upscaler, widths and parameters: the design's table, in its order."""


def test_the_six_models() -> None:
    found = {}
    for variant in VARIANTS:
        network = variant.network(1)
        count = parameters(network, variant.side, config.NUM_CLASSES)
        found[variant.name] = (variant.side, variant.upscaler, network, count)
    assert list(found) == list(MODELS) and found == MODELS
    assert [variant.width_factor for variant in VARIANTS] == [0.5, 1, 2, 2, 1, 1]


def test_what_all_protocols_share() -> None:
    assert (config.TRAIN_SPLIT, config.SUBSET, config.BATCH_SIZE, config.NUM_CLASSES) == (48_000, 12_000, 32, 10)
    assert PAPER_PROTOCOLS == (RELEASED, WRITTEN)
    assert (*PAPER_PROTOCOLS, RELEASED_112) == PROTOCOLS


def test_released_is_what_the_notebook_does() -> None:
    assert asdict(RELEASED) == {
        "name": "released",
        "train_split": "smaller",
        "train_noise": 0.15,
        "passes": 2,
        "enlarging": "bicubic",
        "sigma": 0.15 / 255,
        "votes": 10,
        "epsilon": 2 / 255,
        "epsilon_upscaled_ai": 10 / 255,
        "attacked_output": "softmax",
        "noise_before_halving": False,
    }


def test_released_112_differs_in_the_place_of_the_training_noise_alone() -> None:
    assert asdict(RELEASED_112) == asdict(RELEASED) | {"name": "released-112", "noise_before_halving": True}


def test_written_is_what_the_paper_says() -> None:
    assert asdict(WRITTEN) == {
        "name": "written",
        "train_split": "larger",
        "train_noise": 0,
        "passes": 1,
        "enlarging": "bilinear",
        "sigma": 0.15,
        "votes": 10,
        "epsilon": 10 / 255,
        "epsilon_upscaled_ai": 10 / 255,
        "attacked_output": "log-odds",
        "noise_before_halving": False,
    }


def test_budget_of_each_model_in_pixels() -> None:
    def budgets(protocol: config.Protocol) -> dict[str, float]:
        return {variant.name: protocol.attack_epsilon(variant) * 255 for variant in VARIANTS}

    assert budgets(RELEASED) == pytest.approx({name: 10 if name == "UpscaledAI" else 2 for name in MODELS})
    assert budgets(WRITTEN) == pytest.approx(dict.fromkeys(MODELS, 10))


@pytest.mark.parametrize(("protocol", "enlarging"), [(RELEASED, "bicubic"), (WRITTEN, "bilinear")])
def test_filter_of_each_model(protocol: config.Protocol, enlarging: str) -> None:
    assert {variant.name: protocol.resolution(variant) for variant in VARIANTS} == {
        "Downscaled": Resolution(14, "bilinear"),
        "Normal": Resolution(28, "original"),
        "UpscaledAI": Resolution(56, "esrgan"),
        "Control": Resolution(56, enlarging),  # type: ignore[arg-type]
        "UpscaledAI Small": Resolution(56, "esrgan"),
        "Control Small": Resolution(56, enlarging),  # type: ignore[arg-type]
    }


def test_sweeps() -> None:
    assert (SWEEP_SIGMAS[0], SWEEP_SIGMAS[-1]) == (0.15 / 255, 1.0)
    assert (SWEEP_EPSILONS[0], SWEEP_EPSILONS[-1]) == (0, 76 / 255)
    for values in (SWEEP_SIGMAS, SWEEP_EPSILONS):
        assert list(values) == sorted(set(values))
        assert all(math.isfinite(value) and 0 <= value <= 1 for value in values)
    for protocol in PROTOCOLS:
        # A sweep holds the point that the paper's tables show.
        assert protocol.sigma in SWEEP_SIGMAS
        assert {protocol.epsilon, protocol.epsilon_upscaled_ai} <= set(SWEEP_EPSILONS)


def test_profile_paper_is_the_whole_protocol() -> None:
    assert asdict(PAPER) | {"variants": None} == {
        "name": "paper",
        "width_scale": 1,
        "train_images": 48_000,
        "epochs": 10,
        "epochs_56": 10,
        "test_images": (1_000, 10_000),
        "sweep_images": 1_000,
        "variants": None,
    }
    assert PAPER.variants == ((RELEASED, VARIANTS), (WRITTEN, VARIANTS))


def test_profile_quick_is_all_six_at_full_size_in_the_released_protocol() -> None:
    assert QUICK.width_scale == 1
    assert (QUICK.train_images, QUICK.test_images, QUICK.sweep_images) == (4_000, (1_000,), 60)
    assert dict(QUICK.variants)[RELEASED] == VARIANTS


def test_profile_smoke_is_small() -> None:
    assert SMOKE.width_scale == 0.25
    assert max(SMOKE.train_images, *SMOKE.test_images, SMOKE.sweep_images) < 1_000
    # A quarter of every width is still a network.
    assert [variant.network(0.25).filters for variant in VARIANTS] == [
        (4, 8), (7, 16), (14, 32), (14, 32), (7, 16), (7, 16),
    ]  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_every_profile_can_be_carried_out(profile: Profile) -> None:
    assert list(profile.test_images) == sorted(set(profile.test_images))
    assert profile.test_images[0] >= 2 and profile.test_images[-1] <= 10_000
    # The sweep's records are part of the tables' where both have a condition.
    assert 1 <= profile.sweep_images <= profile.test_images[-1]
    planned = {protocol for protocol, _ in profile.variants}
    assert planned == set(PROTOCOLS if profile is SEEDS else PAPER_PROTOCOLS)


def test_profile_seeds_is_quick_with_more_to_compare() -> None:
    assert asdict(SEEDS) | {"variants": None} == asdict(QUICK) | {"name": "seeds", "variants": None}
    assert {protocol.name: [variant.name for variant in variants] for protocol, variants in SEEDS.variants} == {
        "released": list(MODELS),
        # Where a network costs under a minute.
        "written": ["Downscaled", "Normal"],
        "released-112": ["UpscaledAI", "UpscaledAI Small"],
    }


def test_epochs_go_by_the_side() -> None:
    profile = replace(PAPER, epochs=7, epochs_56=3)
    assert [profile.epochs_of(variant) for variant in VARIANTS] == [7, 7, 3, 3, 3, 3]
    assert PAPER.epochs_of(UPSCALED_AI) == PAPER.epochs_of(CONTROL) == 10


def test_names_are_unique() -> None:
    for things in (VARIANTS, PROTOCOLS, PROFILES):
        assert len({thing.name for thing in things}) == len(things)
