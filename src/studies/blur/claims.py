"""What the abstract says, sentence by sentence, and how each is put to the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from src.claim_tables import claims_table, tests_table
from src.claims import Claim, Comparison, Judgement
from src.files import write_text
from src.studies.blur import claim_accuracy as accuracy
from src.studies.blur import claim_layers as layers
from src.studies.blur.config import CIFAR10, HEAVY
from src.studies.blur.evidence import DATASETS, Evidence
from src.studies.blur.kernels import CUT_OFF

CLAIM_TABLES = ("claims.csv", "claim_tests.csv")

SOURCE = "Abstract"

THEOREM = "A theorem here: a failure would mean an error in code or proof."

OURS = f"The abstract gives no formula: what is verified is this project's, which it proves. {THEOREM}"

BELOW_ONE = "Although the bounding constant is less than 1"
"""Of which constant, in terms of what, the abstract does not say: both readings are judged."""

FAMILY = "fails by intervals simultaneous over its tests on a data set (Bonferroni, 95%)"


def claims() -> list[Claim[Evidence]]:
    """The abstract's sentences, by what they are about."""
    return [*_about_layers(), *_about_accuracy()]


def _about_layers() -> Iterator[Claim[Evidence]]:
    yield _claim(
        "inequality",
        "the convolutional layer’s outputs of a signal and its deformation satisfy a non-Lipschitz inequality",
        "||L(x) - L(Kx)|| <= C ||x|| for every convolution, Gaussian blur and test image, with the smallest C of the "
        f"reconstruction that holds (T1) and {layers.ROUNDING:g} of it for rounding",
        partial(layers.within, constant="bound"),
        note=OURS,
    )
    yield _claim(
        "parameters",
        "via a constant that depends only on the layer’s parameters and the L^1-norm of the blurring kernel",
        "as before, with C = m (1 + ||k||_1)",
        partial(layers.within, constant="parameters"),
        note=OURS,
    )
    yield _claim(
        "product",
        "The total constant is at most the product of all local ones.",
        "the logits change at most by the product of all stages' Lipschitz constants times the image's change",
        layers.product_holds,
        note=OURS,
    )
    yield _claim(
        "below-one",
        BELOW_ONE,
        "read as the constant of T1, in terms of ||x||: it is below 1, for every convolution and Gaussian blur; it is "
        "not where an input is changed by more than its own length, as any constant in terms of ||x|| is at least what "
        "an input attains",
        layers.below_one,
        note="The abstract gives no formula and does not say in terms of what: below-one-output is another reading.",
    )
    yield _claim(
        "below-one-output",
        BELOW_ONE,
        "read as the constant of T2, in terms of the layer's own output without blur: in ||z(x) - z(Kx)|| <= C ||W * "
        "x||, before the activation, C = max |dhat| (column symbol of layers.csv) is below 1, for every convolution "
        f"and Gaussian blur, but for the {CUT_OFF:.2g} that cutting off the kernel may add",
        layers.below_one_of_output,
        note="Of the blur alone, whatever the layer; exact only with a circular boundary, with zeros around at pixels "
        f"away from the border. {THEOREM}",
    )
    yield _claim(
        "propagation",
        "the error in the output seems to propagate down the network",
        "the relative error after the last layer is above that after the first, for every network plainly trained; "
        f"{FAMILY}",
        layers.error_grows,
    )
    yield _claim(
        "explanation",
        "and thus heuristically explain classification errors of blurry images",
        "the logits of images that a blur turns wrong change by more, relative to their length, than those of images "
        f"that stay right, for every network and blur with {layers.FEWEST} of each; {FAMILY}",
        layers.errors_explain,
    )
    yield Claim(
        "pre-trained", SOURCE, "various image classification neural nets, pre-trained and ad-hoc trained", "quoted", "",
        "", "no network that others trained on photographs is part of the study", None, (),
    )  # fmt: skip
    yield Claim(
        "culprit", SOURCE, "Large Lipschitz constants are hypothesized as the culprit in classification errors",
        "quoted", "", "", "a hypothesis of others, which the abstract reports", None, (),
    )  # fmt: skip


def _about_accuracy() -> Iterator[Claim[Evidence]]:
    yield _claim(
        "misclassified",
        "we have noticed consistent errors in classifying blurred images",
        f"Gaussian blur of {HEAVY:g} pixels or more (of 32x32 or 28x28) costs accuracy, for every network plainly "
        f"trained; {FAMILY}",
        accuracy.blur_costs,
    )
    yield _claim(
        "augmentation",
        "With ad-hoc trained networks we have noticed improvement in classification of heavily blurred images after "
        "the data sets were augmented with slightly blurred copies",
        "under each heavy blur, training on blurred copies is above training on as many unblurred ones, with all "
        f"layers trained and with a frozen base, over {accuracy.SEEDS_NEEDED} or more trainings and images; {FAMILY}",
        accuracy.copies_help,
        (CIFAR10,),
    )


def _claim(
    name: str,
    statement: str,
    tolerance: str,
    query: Callable[[Evidence], Iterator[Comparison]],
    decided_by: tuple[str, ...] = DATASETS,
    note: str = "",
) -> Claim[Evidence]:
    return Claim(name, SOURCE, statement, "quoted", "", "", tolerance, query, decided_by, note)


def write_claims(folder: Path, judged: Sequence[Judgement[Evidence]]) -> None:
    """Write claims.csv and claim_tests.csv into a profile's folder.

    Raises:
        StorageError: the folder can't be written.
    """
    tables = claims_table(judged, DATASETS), tests_table(judged)
    for name, table in zip(CLAIM_TABLES, tables, strict=True):
        write_text(folder / name, table.to_csv(index=False, float_format="%.6g"))
