"""The abstract's sentences about layers: each query carries out the tests of one claim."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from src.claims import Comparison, Outcome, above_zero, simultaneous_confidence
from src.metrics import Interval, mean_interval
from src.studies.blur.evidence import DATASETS, Evidence, plainly_trained

ROUNDING = 1e-4
"""By which float32 outputs may exceed a bound, as a share of it."""


def within(evidence: Evidence, constant: str) -> Iterator[Comparison]:
    """Every convolution's largest ||L(x) - L(Kx)|| / ||x|| as a share of its constant: is it at most 1?"""
    for one in evidence:
        merged = one.layers.merge(one.constants, on=["trial", "stage", "blur", "size", "angle"])
        merged = merged[merged["kind"] == "conv"]
        shares = merged["own_error"] / merged["input_norm"] / merged[constant]
        for stage, of_stage in shares.groupby(merged["stage"]):
            worst = float(of_stage.max())
            yield Comparison(
                protocol=one.job.dataset,
                subject=f"{one.job.label}, stage {stage}",
                quantity=f"largest ||L(x) - L(Kx)|| / ||x|| as a share of {constant}",
                value=Interval(worst, worst, worst),
                outcome=Outcome.HOLDS if worst <= 1 + ROUNDING else Outcome.FAILS,
                seeds=1,
                images=one.layers["image"].nunique(),
                note=f"{len(of_stage)} pairs of images and blurs, no sample: every one is checked",
            )


def product_holds(evidence: Evidence) -> Iterator[Comparison]:
    """The logits' change as a share of the product of constants times the image's change: is it at most 1?"""
    for one in evidence:
        per_stage = one.constants.drop_duplicates("stage")["lipschitz"]
        last = one.layers[one.layers["stage"] == one.layers["stage"].max()]
        worst = float((last["error"] / (last["image_error"] * per_stage.prod())).max())
        yield Comparison(
            protocol=one.job.dataset,
            subject=one.job.label,
            quantity="largest change of the logits as a share of what the product allows",
            value=Interval(worst, worst, worst),
            outcome=Outcome.HOLDS if worst <= 1 + ROUNDING else Outcome.FAILS,
            seeds=1,
            images=last["image"].nunique(),
            note=f"product {per_stage.prod():.4g}",
        )


def below_one(evidence: Evidence) -> Iterator[Comparison]:
    """Every convolution's bound under every blur: is it below 1?"""
    for one in evidence:
        for row in one.constants[one.constants["kind"] == "conv"].itertuples():
            yield Comparison(
                protocol=one.job.dataset,
                subject=f"{one.job.label}, stage {row.stage}, Gaussian blur of {row.size:g} pixels",
                quantity="bound",
                value=Interval(row.bound, row.bound, row.bound),
                outcome=Outcome.HOLDS if row.bound < 1 else Outcome.FAILS,
                seeds=1,
                images=0,
                note="of the weights alone",
            )


def error_grows(evidence: Evidence) -> Iterator[Comparison]:
    """log of the relative error after the last stage over that after the first: is its mean above zero?"""
    for dataset in DATASETS:
        found = []
        for one in plainly_trained(evidence, dataset):
            relative = one.layers.assign(relative=one.layers["error"] / one.layers["norm"])
            for size, rows in relative.groupby("size"):
                by_stage = rows.pivot(index="image", columns="stage", values="relative")
                growth = np.log(by_stage.iloc[:, -1] / by_stage.iloc[:, 0])
                found.append((f"{one.job.label}, Gaussian blur of {size:g} pixels", growth.to_numpy()))
        confidence = simultaneous_confidence(len(found))
        for subject, growth in found:
            value = mean_interval(growth, confidence)
            yield Comparison(
                protocol=dataset,
                subject=subject,
                quantity="log of relative error after the last stage over that after the first, mean",
                value=value,
                outcome=above_zero(value),
                seeds=1,
                images=len(growth),
                confidence=confidence,
                note=f"{np.exp(value.estimate):.3g} times",
            )
