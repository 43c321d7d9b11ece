"""What the abstract says, sentence by sentence, and how each is put to the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from src.claims.claim import Claim, Comparison, Judgement
from src.claims.tables import claims_table, tests_table
from src.storage.files import write_text
from src.studies.blur import claim_accuracy as accuracy
from src.studies.blur import claim_layers as layers
from src.studies.blur.config import BLURRED, CIFAR10, FROZEN_BLURRED, HEAVY
from src.studies.blur.evidence import DATASETS, Evidence

CLAIM_TABLES = ("claims.csv", "claim_tests.csv")

SOURCE = "Abstract"

THEOREM = "A theorem here: a failure would mean an error in code or proof."

OURS = f"The abstract gives no formula: what is verified is this project's, which it proves. {THEOREM}"

BELOW_ONE = "Although the bounding constant is less than 1"
"""Of which constant, in terms of what, the abstract does not say: both readings are judged."""

PROPAGATES = "the error in the output seems to propagate down the network"
"""From where to where, the abstract does not say."""

NETWORKS = "for every MNIST network (as released, trained with noise, once each) and plain training on CIFAR-10"
"""Those whose training is not about blur or noise of this study."""

HELPS = (
    "With ad-hoc trained networks we have noticed improvement in classification of heavily blurred images after the "
    "data sets were augmented with slightly blurred copies"
)

FAMILY = "holds or fails by intervals simultaneous over its tests on a data set (Bonferroni, 95%)"


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
        f"{BELOW_ONE} [in terms of the input]",
        "read as the constant of T1, the norm of the linear part in ||W * (x - Kx)|| <= C ||x||: it is below 1, for "
        "every convolution and Gaussian blur; it is not where the linear part changes an input by the "
        "input's own length or more, as no constant is smaller than what an input attains",
        layers.below_one,
        note="The abstract gives no formula and does not say in terms of what: below-one-output is another reading.",
    )
    yield _claim(
        "below-one-output",
        f"{BELOW_ONE} [in terms of the output]",
        "read as what blur changes of the layer's own output: the largest ||L(x) - L(Kx)|| / ||L(x)|| of the test "
        "images is below 1, for every convolution and Gaussian blur; of these images alone: what T3 proves for all is "
        "sqrt(2)",
        layers.below_one_of_output,
        note="The abstract gives no formula: below-one is another reading. Before the activation T2's constant is at "
        "most 1 for every Gaussian, whatever the layer, and 1.00026 where its kernel is cut off (column symbol of "
        "layers.csv); of a box it is not.",
    )
    yield _claim(
        "propagation",
        f"{PROPAGATES} [through the convolutions]",
        "the relative error after the last convolution is above that after the first, for every Gaussian blur (in "
        f"pixels of the network's images), {NETWORKS}; {FAMILY}",
        partial(layers.error_grows, end="convolution"),
        note="The abstract is about convolutional layers. This reading was added when profile quick had shown that, on "
        "MNIST, the dense layers take back what the convolutions add.",
    )
    yield _claim(
        "propagation-logits",
        f"{PROPAGATES} [to the logits]",
        "the relative error of the logits is above that after the first convolution, for every Gaussian blur (in "
        f"pixels of the network's images), {NETWORKS}; {FAMILY}",
        partial(layers.error_grows, end="stage"),
    )
    yield _claim(
        "explanation",
        "and thus heuristically explain classification errors of blurry images",
        "the outputs before the last layer change by more, relative to their length, where a blur turns an "
        f"answer wrong than where it stays right, for every Gaussian blur with {layers.FEWEST} of each, {NETWORKS}; "
        f"{FAMILY}",
        layers.errors_explain,
        note="Of the logits it would be no finding: an answer changes only if they do.",
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
        f"Gaussian blur of {HEAVY:g} pixels or more (of 32x32 or 28x28) costs accuracy, {NETWORKS}; {FAMILY}",
        accuracy.blur_costs,
    )
    yield from (
        _claim(
            name,
            f"{HELPS} [{how}]",
            "under each heavy blur, training on blurred copies is above training on as many unblurred ones, over "
            f"{accuracy.SEEDS_NEEDED} or more trainings and images; {FAMILY}",
            partial(accuracy.copies_help, trained_on=trained_on),
            (CIFAR10,),
            note=f"{note} Beside it, without a say, stands plain training, with half as many images and steps.",
        )
        for name, how, trained_on, note in (
            ("augmentation", "all layers trained", BLURRED, "Not the abstract's setting: see augmentation-frozen."),
            (
                "augmentation-frozen",
                "the dense layer trained anew",
                FROZEN_BLURRED,
                "The abstract's ad-hoc networks are imported with all parameters but the fully connected layer's.",
            ),
        )
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
