"""The command line for a user's own model: certify its smoothed classifier on the user's own images.

    python -m src.certify MODEL.keras DATA.npz --sigma 0.25 --n 100000 --out LOG.tsv
    python -m src.certify --plot A.tsv B.tsv --out curves.png
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from src.base import N0, InputError
from src.certification.log import CertificationLog, Method, Sequential, read_log
from src.certification.options import MULTIPLES, check_plot, checked, parser
from src.certification.summary import Certification, read_certification, summary
from src.certification.user_data import OwnData, load_data
from src.certification.user_model_file import check_model_file
from src.cli.parser import exit_status, warn
from src.cli.progress import stage
from src.cli.tensorflow_setup import start_tensorflow
from src.storage.files import explained_storage_errors, only_writer, sha256


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit status: 0; 2 for a message about input or files; 130 when interrupted.
    """
    return exit_status(lambda: _main(parser().parse_args(arguments)))


def _main(options: argparse.Namespace) -> None:
    if options.plot:
        check_plot(options)
        _plot(options.plot, options.out or Path("certified_curves.png"))
    else:
        _certify(options)


def _plot(paths: Sequence[Path], out: Path) -> None:
    if out.suffix != ".png":
        raise InputError(f"{out}: figures are PNG files. Name one that ends in .png.")
    with explained_storage_errors(out):
        there = out.exists()
    if there:
        raise InputError(f"{out} is there already. Name another --out, or move it away.")
    names = [path.name.removesuffix(".tsv") or path.name for path in paths]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    # A name whose bytes Python could not decode, as in the locale C, can't be drawn.
    names = [os.fsencode(name).decode("utf-8", errors="replace") for name in names]
    logs = {name: (read_log(path), read_certification(path)) for name, path in zip(names, paths, strict=True)}

    from src.certification.curves import certified_accuracy_curves  # here, as matplotlib takes a while
    from src.reporting.plotting import save

    save(certified_accuracy_curves(logs), out)
    print(f"Wrote {out}.")


def _certify(options: argparse.Namespace) -> None:
    method, bounds = checked(options)
    check_model_file(options.model)
    data = load_data(options.data, bounds, options.max)
    if options.max is not None and len(data.labels) < options.max:
        warn(f"--max {options.max}, but {options.data} has only {len(data.labels)} images.")
    n0 = N0 if options.n0 is None else options.n0
    settings = {
        **method.settings(),
        **({} if options.predict else {"n0": n0}),
        "sigma": options.sigma,
        "alpha": options.alpha,
        "seed": options.seed,
        "bounds": [bounds.lower, bounds.upper],
        "model_sha256": sha256(options.model),
        "data_sha256": sha256(options.data),
    }
    log = CertificationLog(options.out, settings)
    log.check()
    if not (options.out.exists() and set(range(len(data.labels))) <= set(log.done())):
        _run(options, method, n0, data, log)
    rows = log.load()
    rows = rows[rows["idx"] < len(data.labels)]
    radii = method.radii if isinstance(method, Sequential) else [multiple * options.sigma for multiple in MULTIPLES]
    print("\n".join([f"{options.out}: sigma {options.sigma:g}, {method.name}, alpha {options.alpha:g}",
                     *summary(rows, radii, Certification(method, options.sigma, options.alpha, bounds))]))


def _run(options: argparse.Namespace, method: Method, n0: int, data: OwnData, log: CertificationLog) -> None:
    start_tensorflow()

    from src.certification.certify_images import certify_images  # here, as they import TensorFlow
    from src.certification.user_model import load_network, smoothed
    from src.smoothing.checks import FaintNoiseWarning
    from src.training.provenance import provenance

    # The options' check has said it already, in its own words.
    warnings.simplefilter("ignore", FaintNoiseWarning)
    network = load_network(options.model)
    classifier = smoothed(network, data, options.sigma, options.seed)
    indices = np.arange(len(data.labels))
    # Only then is it looked at what is there and missing: another run may have written since.
    with only_writer(log.lock, log.path, "name another --out"):
        log.begin(provenance(network))
        missing = len(np.setdiff1d(indices, log.done()))
        with stage(f"Certifying {options.model.name}", missing, "images") as advance:
            certify_images(classifier, data.images, data.labels, indices, method, options.alpha, n0, log, advance)


if __name__ == "__main__":
    sys.exit(main())
