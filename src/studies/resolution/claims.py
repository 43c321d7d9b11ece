"""What the paper says, claim by claim: the cells of its two tables, its sentences, and what its tables imply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from src.claims.claim import Claim, Comparison, Judgement
from src.claims.tables import claims_table, tests_table
from src.storage.files import write_text
from src.studies.resolution import claim_certificates as certificates
from src.studies.resolution import claim_networks as networks
from src.studies.resolution import claim_smoothing as smoothing
from src.studies.resolution.claim_cells import cell_claims
from src.studies.resolution.config import (
    CONTROL,
    CONTROL_SMALL,
    DOWNSCALED,
    NORMAL,
    PAPER_PROTOCOLS,
    UPSCALED_AI,
    UPSCALED_AI_SMALL,
    VARIANTS,
)
from src.studies.resolution.corrected.config import ALPHA, CORRECTED
from src.studies.resolution.evidence import Evidence
from src.studies.resolution.published_tables import reported

CLAIM_TABLES = ("claims.csv", "claim_tests.csv")

Query = Callable[[Evidence], Iterable[Comparison]]

READINGS = (*(protocol.name for protocol in PAPER_PROTOCOLS), CORRECTED)

FAMILY = "fails by intervals simultaneous over the claim's tests of a protocol (Bonferroni, 95%)"

SUMMARISED = "The paper's wording beyond its abstract was not at hand: the sentence is a summary of it."

ABSTRACT = (
    "Modern CNN architectures can correctly classify noised MNIST samples under heavy noise that is out of range for "
    "regular smoothing (σ=255) therefore completely flattening the trade-off across all input scales in accuracy and "
    "robustness one would usually expect between regular and smoothed classifiers."
)


def sentence_claims() -> list[Claim[Evidence]]:
    """The paper's sentences, and what its tables imply."""
    return [*_about_smoothing(), *_about_networks(), *_about_certificates(), *_inferred_from_tables()]


def _about_smoothing() -> Iterator[Claim[Evidence]]:
    same = (
        f"equivalence (two one-sided tests at 5%, McNemar's pairs): RS minus CNN within {smoothing.MARGIN:g} for every "
        f"network, an abstention (under `corrected` alone) being an error; {FAMILY}"
    )
    yield _sentence(
        "smoothing-accuracy", "There is no relative performance difference in accuracy between smoothed and "
        "non-smoothed classifiers.", same, partial(smoothing.smoothing_changes_nothing, attacked=False),
    )
    yield _sentence(
        "smoothing-robustness", "Nor is there one in adversarial robustness.", same,
        partial(smoothing.smoothing_changes_nothing, attacked=True),
    )
    yield Claim(
        "sigma-255", "Abstract", ABSTRACT, "quoted", "no difference up to sigma 255", "",
        f"at each sigma up to 255/255, on clean images: {same}", smoothing.sigma_changes_nothing, _names(),
        note="sigma is taken on the scale of the images, 0 to 255; of the sentence accuracy is tested, not robustness.",
    )
    for alpha in smoothing.ALPHAS:
        yield _sentence(
            f"abstention-{alpha:g}", f"Abstention never arose (at alpha {alpha:g}).",
            f"PREDICT answers every image at alpha {alpha:g} (the paper gives no alpha); one without an answer is "
            "enough to fail",
            partial(smoothing.abstention_never_arises, alpha=alpha),
            # `corrected` answers at 0.001 alone.
            READINGS if alpha == ALPHA else _names(),
            note="With the paper's 10 votes it can't hold: even 10 to 0 is no answer (p = 0.00195)."
            if alpha == 0.001
            else "",
        )


def _about_networks() -> Iterator[Claim[Evidence]]:
    yield _sentence(
        "epsilon-10", "Robustness is innately high, hence an epsilon of 10.",
        f"FGSM of 10/255 takes at most {networks.LOSS:g} of the answers of every network; {FAMILY}",
        networks.robust_at_ten, _names(),
    )
    cells = [("accuracy", variant.name, "cnn_accuracy") for variant in (DOWNSCALED, NORMAL)]
    yield _sentence(
        "downscaled-normal", "The gap between down-scaled and normal images is small.",
        "equivalence over at least 5 trainings of each (two one-sided tests at 5%, over trainings and images): within "
        f"{networks.SMALL:g}; {FAMILY}", networks.downscaled_is_near_normal, _names(),
        reported=_values("paper", *cells), author_notebook=_values("author_notebook", *cells),
    )
    yield _sentence(
        "overfitting", "Overfitting can be excluded.",
        f"training minus test accuracy at most {networks.GENERALISATION_GAP:g} for every network (Newcombe); {FAMILY}",
        networks.overfitting_is_excluded, _names(),
        note="As released the training images have noise and the test images none, which narrows the gap: it can only "
        "fail there.",
    )  # fmt: skip


def _about_certificates() -> Iterator[Claim[Evidence]]:
    yield _sentence(
        "trade-off", "Smoothing sacrifices performance (for robustness) in general.",
        "training with noise and smoothing, against a network without either: clean accuracy falls and accuracy under "
        f"FGSM rises, beyond zero in each test; {FAMILY}",
        certificates.smoothing_trades_accuracy_for_robustness, (CORRECTED,),
        note="Decided where smoothing is done as its authors do, an abstention being an error; its networks have "
        "another schedule, and may have another precision, than those of `written` beside them. The paper's own "
        "networks, and what smoothing alone does, stand beside.",
    )
    yield _sentence(
        "radius", "The radius sigma (Pa - Pb) / 2 is certified.",
        "never above sigma Phi^-1(Pa) with Pb = 1 - Pa, for any certificate: valid. How loose it is, is the value",
        certificates.linear_radius_is_valid, (CORRECTED,), reported="sigma (Pa - Pb) / 2",
    )
    yield Claim(
        "low-complexity", "Abstract", "This is hypothesized to be a consequence of the low complexity of MNIST",
        "quoted", "", "", "a hypothesis about other data sets, of which the study has none", None, (),
    )  # fmt: skip


def _inferred_from_tables() -> Iterator[Claim[Evidence]]:
    attacked = [("adversarial", variant.name, "cnn_accuracy") for variant in VARIANTS]
    yield _inferred(
        "esrgan-least-robust", "The ESRGAN network is the least robust.", attacked,
        f"over at least 5 trainings at 14x14 and 28x28, 3 at 56x56: under FGSM every other network's accuracy is above "
        f"UpscaledAI's (over trainings and images), as released under the notebook's budgets and under 10/255 for all; "
        f"{FAMILY}", networks.esrgan_network_is_least_robust,
    )
    pairs = [
        (table, variant.name, "cnn_accuracy")
        for table in ("accuracy", "adversarial")
        for variant in (UPSCALED_AI, UPSCALED_AI_SMALL, CONTROL, CONTROL_SMALL)
    ]
    yield _inferred(
        "small-as-large", "The small controls behave as the large networks.", pairs,
        "equivalence over at least 3 trainings of each (two one-sided tests at 5%, over trainings and images): within "
        f"{networks.SMALL:g}, clean and under FGSM of one budget; {FAMILY}", networks.small_behave_as_large,
    )  # fmt: skip


def _values(source: str, *cells: tuple[str, str, str]) -> str:
    """What the paper's tables or the notebook give for these cells: "Downscaled 0.982, Normal 0.98"."""
    published = reported().set_index(["table", "variant", "metric"])[source]
    kinds = {"accuracy": "", "adversarial": " under FGSM"}
    return ", ".join(f"{cell[1]}{kinds[cell[0]]} {published[cell]:.4g}" for cell in cells)


def _names() -> tuple[str, ...]:
    return tuple(protocol.name for protocol in PAPER_PROTOCOLS)


def _sentence(
    name: str,
    statement: str,
    tolerance: str,
    query: Query,
    decided_by: tuple[str, ...] = READINGS,
    reported: str = "",
    author_notebook: str = "",
    note: str = "",
) -> Claim[Evidence]:
    text = f"{SUMMARISED} {note}".strip()
    return Claim(name, "Text", statement, "summarised", reported, author_notebook, tolerance, query, decided_by, text)


def _inferred(
    name: str, statement: str, cells: Sequence[tuple[str, str, str]], tolerance: str, query: Query
) -> Claim[Evidence]:
    paper, notebook = (_values(source, *cells) for source in ("paper", "author_notebook"))
    return Claim(name, "Tables 1 and 2", statement, "inferred", paper, notebook, tolerance, query, _names())


def all_claims() -> list[Claim[Evidence]]:
    """Sentences first, then the cells."""
    return [*sentence_claims(), *cell_claims()]


def write_claims(folder: Path, judged: Sequence[Judgement[Evidence]]) -> None:
    """Write claims.csv and claim_tests.csv into a profile's folder.

    Raises:
        StorageError: the folder can't be written.
    """
    for name, table in zip(CLAIM_TABLES, (claims_table(judged, READINGS), tests_table(judged)), strict=True):
        write_text(folder / name, table.to_csv(index=False, float_format="%.6g"))
