"""The options of `python -m src.certify`: what there is, and what of it makes sense."""

from __future__ import annotations

import argparse
import math

import numpy as np

from src.base import FAINT, N0, Bounds, InputError
from src.certification.log import Fixed, Method, Predict, Sequential
from src.cli.parser import Parser, own_path, warn, whole_number
from src.smoothing.radius import check_alpha, check_noise_size, prediction
from src.smoothing.sequential import check_radii

MULTIPLES = (0, 1, 2, 3)
"""Of sigma: the radii of --sequential by default, and of the summary."""

LARGEST_SEED = 2**48 - 1
"""The noise's keys hold no larger one."""


def parser() -> argparse.ArgumentParser:
    """The command line's options."""
    options = Parser(
        prog="python -m src.certify",
        description="Certify a Keras classifier by randomized smoothing (Cohen et al. 2019). The same command goes on "
        "where it was interrupted.",
    )
    add = options.add_argument
    draws = whole_number("number of draws", 1, 2**31 - 1)
    add("model", nargs="?", type=own_path, metavar="MODEL.keras",
        help="saved by model.save; emits logits or probabilities")
    add("data", nargs="?", type=own_path, metavar="DATA.npz", help="arrays `images` and `labels`")
    add("--sigma", type=float, metavar="S", help="standard deviation of the noise, in the unit of the images")
    add("--n", type=draws, default=100_000, help="draws for each image; with --sequential, at the most (%(default)s)")
    add("--n0", type=draws, help=f"draws that choose the class to certify (default: {N0})")
    add("--alpha", type=float, default=0.001, help="probability that an answer is wrong (default: %(default)s)")
    add("--seed", type=whole_number("seed", 0, LARGEST_SEED), default=0, help="of the noise (default: %(default)s)")
    add("--bounds", nargs=2, type=float, metavar=("LOWER", "UPPER"), default=[0.0, 1.0],
        help="the range of the images' values (default: 0 1)")
    add("--max", type=whole_number("number of images", 1, 2**31 - 1), metavar="COUNT",
        help="only the first COUNT images (default: all); more of them later go on in the same log")
    how = options.add_mutually_exclusive_group()
    how.add_argument("--sequential", action="store_true", help="draw only until each radius of a grid is decided")
    how.add_argument("--predict", action="store_true", help="PREDICT's answers instead of certificates")
    how.add_argument("--plot", nargs="+", action="extend", type=own_path, metavar="LOG",
        help="draw these logs' curves; no model needed")
    add("--radii", nargs="+", action="extend", type=float, metavar="R",
        help="of --sequential, ascending (default: 0 1 2 3 times sigma)")
    add("--out", type=own_path, help="the log, tab-separated; of --plot, the figure (default: certified_curves.png)")
    return options


def checked(options: argparse.Namespace) -> tuple[Method, Bounds]:
    """The method and the images' bounds, all options checked; warns of what is allowed but unlikely to be meant.

    Raises:
        InputError: an option is missing, out of range or does not go with another.
    """
    for name, value in (("MODEL.keras", options.model), ("DATA.npz", options.data), ("--sigma", options.sigma),
                        ("--out", options.out)):
        if value is None:
            raise InputError(f"{name} is missing. See python -m src.certify --help.")
    sigma, alpha = options.sigma, options.alpha
    if not (math.isfinite(sigma) and sigma > 0):
        raise InputError(f"--sigma: expected a finite number above 0, in the unit of the images, got {sigma:g}.")
    check_noise_size("--sigma", sigma)
    check_alpha(alpha)
    bounds = Bounds(*options.bounds)
    if not math.isfinite(bounds.upper - bounds.lower):
        raise InputError(f"--bounds: expected finite numbers, got {bounds.lower:g} and {bounds.upper:g}.")
    if options.radii is not None and not options.sequential:
        raise InputError("--radii are the grid of --sequential: add it, or leave them out.")
    if options.n0 is not None and options.predict:
        raise InputError("--n0 chooses the class to certify, which --predict does not: leave it out.")
    method: Method = Predict(options.n) if options.predict else Fixed(options.n)
    if options.sequential:
        method = Sequential(tuple(options.radii or [multiple * sigma for multiple in MULTIPLES]), options.n)
        check_radii(method.radii, sigma)
    width = bounds.upper - bounds.lower
    if sigma < FAINT * width:
        warn(f"--sigma {sigma:g} is {sigma / width:.2%} of the images' range {bounds.lower:g} to {bounds.upper:g}: "
             "such noise changes next to nothing."
             + (f" If it was meant for images in [0, 1], give {sigma * width:g}." if width > 1 else ""))
    if not _can_answer(method, sigma, alpha):
        warn(f"with --n {options.n} and --alpha {alpha:g} every image is an abstention, even if all draws agree.")
    return method, bounds


def check_plot(options: argparse.Namespace) -> None:
    """Raise InputError if, beside --plot, there is more than logs and --out."""
    if options.model is not None:
        raise InputError(f"{options.model}: --plot takes logs alone. See python -m src.certify --help.")
    defaults = vars(parser().parse_args([]))
    given = [
        f"--{name}"
        for name, value in vars(options).items()
        if name not in ("plot", "out") and value != defaults[name]
    ]
    if given:
        raise InputError(f"{', '.join(given)}: --plot draws logs as they are. Leave out all but --out.")


def _can_answer(method: Method, sigma: float, alpha: float) -> bool:
    """Whether an image on whose class all draws agree gets an answer."""
    if isinstance(method, Predict):
        return bool(prediction(np.array([[method.n, 0]]), alpha)[0] == 0)
    return method.largest_radius(alpha, sigma) >= 0
