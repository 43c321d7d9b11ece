"""The abstract's sentences about layers: each query carries out the tests of one claim."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from src.claims.claim import Comparison, Outcome, above_zero, simultaneous_confidence
from src.statistics.intervals import Interval, mean_interval
from src.studies.blur.evidence import DATASETS, Evidence, Measured, plainly_trained, under
from src.studies.blur.tables import share

ROUNDING = 1e-4
"""By which float32 outputs may exceed a bound, as a share of it."""

FEWEST = 20
"""Images of each kind, below which two kinds are not compared."""


def within(evidence: Evidence, constant: str) -> Iterator[Comparison]:
    """Every convolution's largest ||L(x) - L(Kx)|| / ||x|| as a share of its constant: is it at most 1?"""
    for one in evidence:
        merged = one.layers.merge(one.constants, on=["trial", "stage", "blur", "size", "angle"])
        merged = merged[merged["bound"].notna()]
        shares = pd.Series(share(merged["own_error"], merged["input_norm"]) / merged[constant], index=merged.index)
        for (_, name), of_stage in shares.groupby([merged["stage"], merged["name"]]):
            # A measurement that is no number is no evidence that the bound holds.
            worst = float(of_stage.max(skipna=False))
            yield Comparison(
                protocol=one.job.dataset,
                subject=f"{one.job.label}, {name}",
                quantity=f"largest ||L(x) - L(Kx)|| / ||x|| as a share of {constant}",
                value=Interval(worst, math.nan, math.nan),
                outcome=Outcome.HOLDS if worst <= 1 + ROUNDING else Outcome.FAILS,
                seeds=1,
                images=one.layers["image"].nunique(),
                confidence=math.nan,
                note=f"{len(of_stage)} pairs of images and blurs, no sample: every one is checked",
            )


def product_holds(evidence: Evidence) -> Iterator[Comparison]:
    """The logits' change as a share of the product of constants times the image's change: is it at most 1?"""
    for one in evidence:
        per_stage = one.constants.drop_duplicates("stage")["lipschitz"]
        last = one.layers[one.layers["stage"] == one.layers["stage"].max()]
        worst = float(share(last["error"], last["image_error"] * per_stage.prod()).max())
        yield Comparison(
            protocol=one.job.dataset,
            subject=one.job.label,
            quantity="largest change of the logits as a share of what the product allows",
            value=Interval(worst, math.nan, math.nan),
            outcome=Outcome.HOLDS if worst <= 1 + ROUNDING else Outcome.FAILS,
            seeds=1,
            images=last["image"].nunique(),
            confidence=math.nan,
            note=f"product {per_stage.prod():.4g}",
        )


def below_one(evidence: Evidence) -> Iterator[Comparison]:
    """T1's constant, in terms of ||x||, of every convolution under every Gaussian blur: is it below 1?

    The constant is the norm of the linear part. It is below 1 if the bound is, and is not if the linear part changes
    some input by its own length or more, as power iteration finds or a test image's outputs show, which ReLU brings
    no further apart; in between it is not known. (With ReLU the smallest constant may be smaller, but not below half.)
    """
    for one in evidence:
        measured = one.layers.assign(ratio=share(one.layers["own_error"], one.layers["input_norm"]))
        largest = measured.groupby(["stage", "size"])["ratio"].max()
        for row in one.constants[one.constants["bound"].notna()].itertuples():
            least = np.nanmax([row.attained, largest[row.stage, row.size]])
            yield Comparison(
                protocol=one.job.dataset,
                subject=f"{one.job.label}, {row.name}, Gaussian blur of {row.size:g} pixels",
                quantity="the constant: its bound, between what is attained and the bound",
                value=Interval(row.bound, least, row.bound),
                outcome=Outcome.HOLDS if row.bound < 1 else Outcome.FAILS if least >= 1 else Outcome.INCONCLUSIVE,
                seeds=1,
                images=one.layers["image"].nunique(),
                confidence=math.nan,
                note="no sample: the ends are computed",
            )


def below_one_of_output(evidence: Evidence) -> Iterator[Comparison]:
    """Every convolution's largest ||L(x) - L(Kx)|| / ||L(x)||, over images and Gaussian blurs: is it below 1?

    Of these images alone: the constant that T3 proves for all of them, with a circular boundary, is sqrt(2).
    """
    for one in evidence:
        own = one.layers[one.layers["own_error"].notna()]
        ratios = pd.Series(share(own["own_error"], own["norm"]), index=own.index)
        names = one.constants.drop_duplicates("stage").set_index("stage")["name"]
        for stage, of_stage in ratios.groupby(own["stage"]):
            worst = float(of_stage.max(skipna=False))
            yield Comparison(
                protocol=one.job.dataset,
                subject=f"{one.job.label}, {names[stage]}",
                quantity="largest ||L(x) - L(Kx)|| / ||L(x)||",
                value=Interval(worst, math.nan, math.nan),
                outcome=Outcome.HOLDS if worst < 1 else Outcome.FAILS,
                seeds=1,
                images=own["image"].nunique(),
                confidence=math.nan,
                note=f"{len(of_stage)} pairs of images and blurs, and only these",
            )


def error_grows(evidence: Evidence, end: Literal["convolution", "stage"]) -> Iterator[Comparison]:
    """log of the relative error after the last `end` over that after the first: is its mean above zero?

    Args:
        evidence: what was measured.
        end: the last convolution, or the last stage of all, which gives the logits; the first is a convolution.
    """
    for dataset in DATASETS:
        found = []
        for one in plainly_trained(evidence, dataset):
            kinds = one.constants.drop_duplicates("stage").set_index("stage")["kind"]
            places = kinds.index[kinds == "conv"] if end == "convolution" else kinds.index
            for size, by_stage in relative_errors(one):
                # An image whose outputs do not change, or are all zero, has no logarithm.
                ends = by_stage[[places.min(), places.max()]]
                ends = ends[(ends > 0).all(axis=1)]
                if len(ends) > 1:
                    growth = np.log(ends.iloc[:, 1] / ends.iloc[:, 0])
                    found.append((f"{one.job.label}, Gaussian blur of {size:g} pixels", growth.to_numpy()))
        confidence = simultaneous_confidence(len(found))
        for subject, growth in found:
            value = mean_interval(growth, confidence)
            yield Comparison(
                protocol=dataset,
                subject=subject,
                quantity=f"log of relative error after the last {end} over that after the first, mean",
                value=value,
                outcome=above_zero(value),
                seeds=1,
                images=len(growth),
                confidence=confidence,
                note=f"{np.exp(value.estimate):.3g} times",
            )


def relative_errors(one: Measured) -> Iterator[tuple[float, pd.DataFrame]]:
    """For each blur the change of each image's output after each stage, as a share of its length: images x stages."""
    rows = one.layers.assign(relative=share(one.layers["error"], one.layers["norm"]))
    for size, of_size in rows.groupby("size"):
        yield float(size), of_size.pivot(index="image", columns="stage", values="relative")


def errors_explain(evidence: Evidence) -> Iterator[Comparison]:
    """log relative error before the last stage: of images that a blur turns wrong, minus of those that stay right.

    Not of the logits: no answer changes unless these do, whatever the layers before them make of a blur.
    """
    for dataset in DATASETS:
        found = []
        for one in plainly_trained(evidence, dataset):
            sharp = under(one, {"blur": "none", "size": 0.0, "angle": 0.0})
            known = sharp.loc[sharp["label"] == sharp["prediction"], "image"]
            for size, by_stage in relative_errors(one):
                soft = under(one, {"blur": "gaussian", "size": size, "angle": 0.0}).set_index("image")
                images = by_stage.index.intersection(known).intersection(soft.index)
                errors = by_stage.loc[images].iloc[:, -2]
                wrong = soft.loc[images, "label"] != soft.loc[images, "prediction"]
                turned, kept = (np.log(errors[chosen & (errors > 0)]) for chosen in (wrong, ~wrong))
                if min(len(turned), len(kept)) >= FEWEST:
                    found.append((f"{one.job.label}, Gaussian blur of {size:g} pixels", turned, kept))
        confidence = simultaneous_confidence(len(found))
        for subject, turned, kept in found:
            test = stats.ttest_ind(turned, kept, equal_var=False)
            ends = test.confidence_interval(confidence)
            value = Interval(float(turned.mean() - kept.mean()), float(ends.low), float(ends.high))
            yield Comparison(
                protocol=dataset,
                subject=subject,
                quantity="log relative error before the last stage, images turned wrong minus those that stay right",
                value=value,
                outcome=above_zero(value),
                seeds=1,
                images=len(turned) + len(kept),
                confidence=confidence,
                p_value=float(test.pvalue),
                note=f"{len(turned)} turned wrong, {len(kept)} stay right",
            )
