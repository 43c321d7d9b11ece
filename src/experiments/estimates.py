"""What work costs on this machine, before it is done: seconds, memory and disk, and a table of them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from src.architectures.cnn import Layer

TRAINING_RATE, FORWARD_RATE = 45e9, 105e9
"""Floating-point operations a second and core, measured with float32 on two otherwise idle cores with AVX-512."""

STEP_OVERHEAD_S = 0.002
"""What a training step costs besides its arithmetic, likewise."""

ESRGAN_RATE = 12
"""Images a second and core, likewise."""

BASE_MEMORY = 1.2e9
"""TensorFlow, MNIST and the interpreter, in bytes."""


@dataclass(frozen=True)
class Estimate:
    """What a job still costs.

    Attributes:
        upscaling, training, evaluation: seconds.
        memory: peak, in bytes.
        disk: while training (network, optimizer and checkpoint), in bytes.
    """

    upscaling: float
    training: float
    evaluation: float
    memory: float
    disk: float


def costs(
    described: Sequence[Layer], upscaled: int, trained_on: int, steps: float, classifications: float
) -> Estimate:
    """What work on a network costs on this machine's processor cores.

    Args:
        described: its layers.
        upscaled: images that ESRGAN enlarges.
        trained_on: forward and backward passes of training; 0 if the network is trained.
        steps: of training.
        classifications: forward passes of evaluation.
    """
    parameters = sum(layer.parameters for layer in described)
    # A convolution's weights act at every pixel, a dense layer's once; each time a multiplication and an addition.
    operations = 2 * sum(
        layer.parameters * (math.prod(layer.shape[:-1]) if len(layer.shape) == 3 else 1) for layer in described
    )
    cores = os.cpu_count() or 1
    chunk = 4 * 500 * sum(math.prod(layer.shape) for layer in described)
    return Estimate(
        upscaling=upscaled / ESRGAN_RATE / cores,
        training=3 * operations * trained_on / TRAINING_RATE / cores + steps * STEP_OVERHEAD_S,
        evaluation=operations * classifications / FORWARD_RATE / cores,
        # Weights, gradients, two moments, and the copies that a checkpoint takes.
        memory=BASE_MEMORY + 4 * parameters * (7 if trained_on else 2) + chunk,
        disk=4 * parameters * (4 if trained_on else 1),
    )


def print_estimates(title: str, rows: Sequence[tuple[str, Estimate | None]]) -> None:
    """Print a line for each network, then the sums, or that nothing is left to do.

    Args:
        title: of the table.
        rows: each network with what it still costs; None where nothing is left to do.
    """
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("network", overflow="fold")
    for heading in ("upscale", "train", "evaluate", "memory", "disk"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, costing in rows:
        if costing is None:
            table.add_row(name, *["done"] * 3, *["-"] * 2)
            continue
        stages = (costing.upscaling, costing.training, costing.evaluation)
        sizes = (f"{value / 1e9:.1f} GB" for value in (costing.memory, costing.disk))
        table.add_row(name, *(_rounded(value) if value else "-" for value in stages), *sizes)
    left = [costing for _, costing in rows if costing]
    console = Console()
    console.print(table)
    if not left:
        console.print(f"Nothing to do: {len(rows)} of {len(rows)} networks are done; nothing was run.", highlight=False)
        return
    console.print(
        f"In all about {_rounded(sum(cost.upscaling + cost.training + cost.evaluation for cost in left))} on "
        f"{os.cpu_count()} CPU cores (on a GPU: not measured), "
        f"{max(cost.memory for cost in left) / 1e9:.1f} GB of memory and "
        f"{sum(cost.disk for cost in left) / 1e9:.2f} GB of disk at most; nothing was run.",
        highlight=False,
    )


def _rounded(seconds: float) -> str:
    """A duration as precise as an estimate is."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
