"""Signs that an attack is broken, so that the robustness it reports is none.

After Athalye, Carlini and Wagner (2018), Carlini et al. (2019) and Pintor et al. (2022).
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence

import numpy as np
from scipy import stats

from src.attacks.balls import Norm, lengths
from src.attacks.fgsm import FGSM
from src.attacks.inputs import check_epsilon
from src.attacks.pgd import PGD
from src.base import Bounds, InputError

TOLERANCE = {"linf": 1e-3, "l2": 0.1}
"""Share of its budget that a perturbation may stay short of. l2-PGD loses what the bounds cut off its last step."""

ROUNDING = 1e-5
"""Share of its budget, and of the bounds' range, by which float32 may exceed them."""


class AttackWarning(UserWarning):
    """An attack shows a sign of being broken; the message says which, and what to do."""


def softmax_as_logits(outputs: np.ndarray) -> str | None:
    """Whether what an attack is given as logits are probabilities.

    Args:
        outputs: (batch, classes) what the attack is given.
    """
    outputs = np.asarray(outputs, np.float64)
    if len(outputs) and (outputs >= 0).all() and np.abs(outputs.sum(axis=1) - 1).max() < 1e-2:
        return (
            "the attack is given probabilities where it expects logits: a second softmax flattens its gradients, and "
            "where the first saturates they are zero. Give it the logits."
        )
    return None


def zero_gradients(gradients: np.ndarray, allowed: float = 0.01) -> str | None:
    """Whether too many images have an input gradient that is exactly zero, or not finite.

    Args:
        gradients: (batch, ...) of the loss that the attack climbs.
        allowed: share of the images.
    """
    gradients = _flat(gradients)
    useless = int((~np.isfinite(gradients).all(axis=1) | (gradients == 0).all(axis=1)).sum())
    if useless > allowed * len(gradients):
        return (
            f"the gradients of {useless} of {len(gradients)} images are exactly zero or not finite, so the attack "
            "can't move them. Look for a saturated softmax, rounding or a step that has no gradient."
        )
    return None


def weakens(
    strengths: Sequence[float], successes: np.ndarray, alpha: float = 0.001, what: str = "budget"
) -> str | None:
    """Whether the attack succeeds less often as it gets stronger, beyond chance.

    For each two strengths, the images on which only one of them succeeds are counted. Were the stronger one as good,
    at least half would be its own: an exact one-sided binomial test (McNemar's), corrected for the number of pairs.

    Args:
        strengths: (k,) budgets or numbers of steps.
        successes: (k, images) bool, of the same images at each strength.
        alpha: probability of a false alarm, over all pairs.
        what: the strength is, for the message.

    Raises:
        InputError: there is not one row of successes for each strength.
    """
    successes = np.asarray(successes, bool)
    if successes.ndim != 2 or len(successes) != len(strengths):
        raise InputError(
            f"successes: expected shape ({len(strengths)}, images), a row for each strength, got {successes.shape}."
        )
    order = np.argsort(strengths, kind="stable")
    pairs = [(i, j) for i, j in itertools.combinations(order, 2) if strengths[i] < strengths[j]]
    for weaker, stronger in pairs:
        lost = int((successes[weaker] & ~successes[stronger]).sum())
        won = int((successes[stronger] & ~successes[weaker]).sum())
        if stats.binom.sf(lost - 1, lost + won, 0.5) <= alpha / len(pairs):
            return (
                f"the attack weakens as its {what} grows from {strengths[weaker]:g} to {strengths[stronger]:g}: of "
                f"{successes.shape[1]} images it loses {lost} and wins {won}. Its loss or its step misleads it."
            )
    return None


def misses_budget(
    clean: np.ndarray,
    adversarial: np.ndarray,
    epsilon: float,
    norm: Norm,
    bounds: Bounds | None = None,
    allowed: float = 0.01,
) -> list[str]:
    """Whether perturbations exceed budget or bounds, or too many stay short of it though the bounds leave room.

    The bounds leave room where a pixel of the adversarial image lies strictly within, and where a perturbation of
    the budget's length exists at all.

    Args:
        clean, adversarial: (batch, ...), of one shape.
        epsilon: the budget, in the norm.
        norm: "linf" or "l2".
        bounds: of valid pixel values.
        allowed: share of the images that may stay short.

    Returns:
        Messages; empty if nothing is wrong.

    Raises:
        InputError: `epsilon` is out of range, or the images differ in shape.
    """
    check_epsilon(epsilon)
    if np.shape(clean) != np.shape(adversarial):
        raise InputError(f"clean and adversarial: expected one shape, got {np.shape(clean)}, {np.shape(adversarial)}.")
    bounds = bounds or Bounds()
    clean, adversarial = (_flat(np.asarray(images, np.float64)) for images in (clean, adversarial))
    reached = lengths(adversarial - clean, norm)
    slack = ROUNDING * (bounds.upper - bounds.lower)
    messages = []
    # Negated, so that NaN counts.
    beyond = np.logical_not(reached <= epsilon * (1 + ROUNDING) + slack)
    if beyond.any():
        messages.append(
            f"{beyond.sum()} of {len(clean)} perturbations exceed the {norm} budget {epsilon:g}, "
            f"by up to a factor of {reached.max() / max(epsilon, slack):.3g}. The projection is broken."
        )
    outside = ~((adversarial >= bounds.lower - slack) & (adversarial <= bounds.upper + slack)).all(axis=1)
    if outside.any():
        messages.append(f"{outside.sum()} of {len(clean)} images leave the bounds {bounds.lower} to {bounds.upper}.")
    room = lengths(np.maximum(clean - bounds.lower, bounds.upper - clean), norm)
    within = ((adversarial > bounds.lower + slack) & (adversarial < bounds.upper - slack)).any(axis=1)
    short = (reached < (1 - TOLERANCE[norm]) * np.minimum(epsilon, room) - slack) & within
    if short.sum() > allowed * len(clean):
        messages.append(
            f"{short.sum()} of {len(clean)} perturbations stay short of the {norm} budget {epsilon:g} (median "
            f"{np.median(reached[short]):.3g}). Take more or larger steps, or look for gradients that vanish."
        )
    return messages


def diagnose(attack: FGSM | PGD, images: np.ndarray, labels: np.ndarray, epsilon: float) -> list[str]:
    """Run all checks on an attack, warning of each finding.

    Whether it weakens is asked of a quarter, a half and the whole of the budget, for PGD also of 1 step and all.

    Args:
        attack: on the network.
        images: (batch, ...) float32 within its bounds; some hundreds show most.
        labels: (batch,) the true classes.
        epsilon: the budget to be used.

    Returns:
        Messages; empty if nothing is wrong.

    Raises:
        InputError: as the attack.
    """
    if not isinstance(attack, FGSM | PGD):
        raise InputError(f"attack: expected FGSM or PGD, got {type(attack).__name__}; call the checks one by one.")
    images, labels = np.asarray(images, np.float32), np.asarray(labels)
    norm: Norm = attack.norm if isinstance(attack, PGD) else "linf"

    def fooled(adversarial: np.ndarray) -> np.ndarray:
        return attack.outputs(adversarial).argmax(axis=1) != labels

    budgets = (epsilon / 4, epsilon / 2, epsilon)
    of_budget = [attack(images, labels, budget) for budget in budgets]
    findings = [
        softmax_as_logits(attack.outputs(images)),
        zero_gradients(attack.gradients(images, labels)),
        weakens(budgets, np.array([fooled(adversarial) for adversarial in of_budget])),
    ]
    if isinstance(attack, PGD):
        one = attack.with_steps(1)(images, labels, epsilon)
        findings.append(
            weakens((1, attack.steps), np.array([fooled(one), fooled(of_budget[-1])]), what="number of steps")
        )
    findings += misses_budget(images, of_budget[-1], epsilon, norm, attack.bounds)
    messages = [finding for finding in findings if finding]
    for message in messages:
        warnings.warn(message, AttackWarning, stacklevel=2)
    return messages


def _flat(values: np.ndarray) -> np.ndarray:
    """A row for each image."""
    values = np.asarray(values)
    return values.reshape(len(values), math.prod(values.shape[1:]))
