"""The command line of the studies: what to run, in which profile.

    python -m src.reproduce --list
    python -m src.reproduce --profile quick
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from src.base import InputError, Precision
from src.cli.parser import Parser, exit_status, whole_number
from src.cli.tensorflow_setup import check_bfloat16, start_tensorflow
from src.experiments.folders import Places
from src.experiments.folders import Profile as HasName
from src.experiments.trial_table import load_trials
from src.studies.blur import config as blur
from src.studies.blur import estimates as blur_estimates
from src.studies.blur import plan as blur_plan
from src.studies.blur import run as blur_run
from src.studies.resolution.conclusion import conclude
from src.studies.resolution.config import (
    PAPER,
    PROFILES,
    PROTOCOLS,
    QUICK,
    RELEASED,
    STUDY,
    VARIANTS,
    Profile,
    Protocol,
    Variant,
)
from src.studies.resolution.corrected import config as corrected_config
from src.studies.resolution.corrected import estimates as corrected_estimates
from src.studies.resolution.corrected import run as corrected_run
from src.studies.resolution.corrected.config import CORRECTED, RECIPES, SIGMAS
from src.studies.resolution.corrected.plan import corrected_jobs
from src.studies.resolution.estimates import print_plan
from src.studies.resolution.plan import Job, jobs
from src.studies.resolution.run import run, train
from src.training.trial import Trial

ROOT = Path(__file__).resolve().parents[1]


def parser() -> Parser:
    """The command line's options."""
    options = Parser(prog="python -m src.reproduce", description="Reproduce a paper: train, attack, smooth, tabulate.")
    add = options.add_argument
    add("--study", choices=[STUDY, blur.STUDY], default=STUDY, help="which paper (default: %(default)s)")
    add("--profile", choices=[profile.name for profile in PROFILES],
        help="how much: seconds, under 20 minutes, or the whole paper (default: paper with a GPU, else quick)")
    add("--protocol", nargs="+", action="extend", choices=[*(protocol.name for protocol in PROTOCOLS), CORRECTED],
        help="whose reading of the experiment (default: all that the profile has)")
    add("--variants", nargs="+", action="extend", metavar="NAME", type=_variant,
        help=f"which networks: {', '.join(repr(variant.name) for variant in VARIANTS)} (default: the profile's)")
    add("--recipes", nargs="+", action="extend", choices=RECIPES,
        help="of protocol corrected: trained how (default: the profile's)")
    add("--sigmas", nargs="+", action="extend", type=float, choices=SIGMAS, metavar="SIGMA",
        help=f"of protocol corrected: {', '.join(f'{sigma:g}' for sigma in SIGMAS)} (default: the profile's)")
    add("--seeds", nargs="+", action="extend", type=whole_number("seed", 0, 2**31 - 1), metavar="N",
        help="each gives a trial of its own (default: 0; of study blur the profile's)")
    add("--precision", choices=["float32", "bfloat16"], default="float32", help="of activations (default: %(default)s)")
    add("--esrgan", metavar="HANDLE", help="a tfhub.dev URL or SavedModel folder (default: the bundled network)")
    add("--results", type=Path, default=ROOT / "results", help="tables, figures, records (default: results/)")
    add("--models", type=Path, default=ROOT / "models", help="trained networks (default: models/)")
    add("--data", type=Path, default=ROOT / "data", help="mnist.npz, cifar10.npz, their cache (default: data/)")
    add("--list", action="store_true", help="print the plan with estimates and run nothing")
    return options


def _variant(name: str) -> Variant:
    for variant in VARIANTS:
        if variant.name.lower() == name.lower():
            return variant
    known = ", ".join(repr(variant.name) for variant in VARIANTS)
    raise argparse.ArgumentTypeError(f"unknown variant {name!r}; there are {known}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit status: 0; 2 for a message about input, files or training; 130 when interrupted.
    """
    return exit_status(lambda: _main(_parsed(arguments)))


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; of those that take several values, each value once, in the order given."""
    options = parser().parse_args(arguments)
    for name, value in list(vars(options).items()):
        if isinstance(value, list):
            setattr(options, name, list(dict.fromkeys(value)))
    return options


def _main(options: argparse.Namespace) -> None:
    places = Places(options.data, options.models, options.results)
    if options.study == blur.STUDY:
        _blur(options, places)
    else:
        _resolution(options, places)


def _resolution(options: argparse.Namespace, places: Places) -> None:
    profile = _profile(options.profile, PROFILES)
    seeds = tuple(options.seeds or [0])
    chosen = _protocols(options, profile)
    wanted = _wanted(profile, chosen, options.variants)
    planned = jobs(profile, wanted, seeds, options.precision, options.esrgan)
    corrected = (
        corrected_jobs(
            profile.name, seeds, options.precision, options.esrgan, options.variants, options.recipes, options.sigmas
        )
        if chosen is None or CORRECTED in chosen
        else []
    )
    if chosen and CORRECTED in chosen and not corrected:
        given = " or ".join(_given(options, "variants", "recipes", "sigmas"))
        raise InputError(
            f"profile {profile.name} trains no such network under protocol {CORRECTED}. Leave out {given}; --list "
            "shows what there is."
        )
    _check_esrgan(options.esrgan, [*(job.trial for job in planned), *(job.trial for job in corrected)])
    if options.list:
        if planned:
            print_plan(planned, places)
        if corrected:
            corrected_estimates.print_plan(corrected, places)
        return
    if planned:
        run(planned, places, options.esrgan, prepare=lambda: _prepare(options.precision))
    if corrected:
        corrected_run.run(corrected, places, options.esrgan, prepare=lambda: _prepare(options.precision))
    conclude(places, profile)


def _blur(options: argparse.Namespace, places: Places) -> None:
    """The blur study; what it needs of the first study's networks is trained first."""
    if foreign := _given(options, "protocol", "recipes", "sigmas"):
        raise InputError(f"{foreign[0]} belongs to --study resolution. Leave it out.")
    profile = _profile(options.profile, blur.PROFILES)
    seeds = tuple(options.seeds or profile.seeds)
    variants = tuple(options.variants or (variant for variant in VARIANTS if variant.name in profile.variants))
    (trained_in,) = (known for known in PROFILES if known.name == profile.resolution_profile)
    listed = set(load_trials(places.profile(profile) / "trials.csv"))

    def is_done(network: Job) -> bool:
        return blur_plan.Job(profile, network.trial).is_done(places, listed)

    def is_trained(network: Job) -> bool:
        return places.trial(network.trial).is_complete

    networks = [_preferred(trained_in, variant, options, (is_done, is_trained)) for variant in variants]
    _check_esrgan(options.esrgan, [job.trial for job in networks])
    untrained = [job for job in networks if not is_trained(job) and not is_done(job)]
    planned = blur_plan.jobs(profile, [job.trial for job in networks], seeds, options.precision)
    if options.list:
        if untrained:
            print_plan(untrained, places)
        blur_estimates.print_plan(planned, places)
        return
    blur_run.fetch_data(planned, places)
    if untrained:
        train(untrained, places, options.esrgan, prepare=lambda: _prepare(options.precision))
    blur_run.run(planned, places, options.esrgan, prepare=lambda: _prepare(options.precision))


def _preferred(
    profile: Profile, variant: Variant, options: argparse.Namespace, reasons: Sequence[Callable[[Job], bool]]
) -> Job:
    """The first study's network as released, seed 0, in a precision for which a reason speaks, the first reason first.

    Where one speaks for both precisions, or none for any, it is the one that is asked for.
    """
    precisions: tuple[Precision, ...] = ("float32", "bfloat16")
    found = [jobs(profile, ((RELEASED, (variant,)),), (0,), precision, options.esrgan)[0] for precision in precisions]
    asked = found[precisions.index(options.precision)]
    return next((job for reason in reasons for job in (asked, *found) if reason(job)), asked)


AnyProfile = TypeVar("AnyProfile", bound=HasName)


def _profile(name: str | None, profiles: Sequence[AnyProfile]) -> AnyProfile:
    by_name = {profile.name: profile for profile in profiles}
    if name is not None:
        if name not in by_name:
            raise InputError(f"profile {name}: this study has {', '.join(by_name)}.")
        return by_name[name]
    chosen, reason = (
        (by_name[PAPER.name], "TensorFlow sees a GPU")
        if start_tensorflow()
        else (by_name[QUICK.name], "TensorFlow sees no GPU")
    )
    print(f"Profile {chosen.name}, because {reason}; --profile names another.", file=sys.stderr)
    return chosen


def _given(options: argparse.Namespace, *names: str) -> list[str]:
    """Those of the options that were given, as they are written on the command line."""
    return [f"--{name}" for name in names if getattr(options, name)]


def _protocols(options: argparse.Namespace, profile: Profile) -> list[str] | None:
    """The protocols that the options ask for, which the profile has; None for all of them."""
    own = " and ".join(_given(options, "recipes", "sigmas"))
    asked: list[str] = options.protocol or ([CORRECTED] if own else [])
    if own and CORRECTED not in asked:
        raise InputError(f"{own}: for protocol {CORRECTED} alone. Add it to --protocol.")
    there = [protocol.name for protocol, _ in profile.variants]
    there += [CORRECTED for found in corrected_config.PROFILES if found.profile.name == profile.name and found.work]
    missing = ", ".join(name for name in asked if name not in there)
    if missing:
        way_out = "Name one of these" if options.protocol else f"Leave out {own}"
        raise InputError(
            f"protocol {missing}: profile {profile.name} has protocols {', '.join(there)}. {way_out}, or take another "
            "profile."
        )
    return asked or None


def _check_esrgan(handle: str | None, trials: Sequence[Trial]) -> None:
    """Raise InputError if an upscaler is given and no network is trained on its images."""
    if handle is not None and not any(trial.training.get("resized_by") == "esrgan" for trial in trials):
        names = " or ".join(repr(variant.name) for variant in VARIANTS if variant.upscaler == "esrgan")
        raise InputError(
            f"--esrgan {handle}: no network of this run has ESRGAN's images. Leave it out, or name {names} with "
            "--variants."
        )


def _wanted(
    profile: Profile, protocols: Sequence[str] | None, variants: Sequence[Variant] | None
) -> tuple[tuple[Protocol, tuple[Variant, ...]], ...]:
    """What the options leave of the profile's networks; naming networks also adds what the profile leaves out.

    Raises:
        InputError: a protocol that was asked for says nothing of any network that was.
    """
    wanted = []
    for protocol, own in profile.variants:
        if protocols is not None and protocol.name not in protocols:
            continue
        chosen = tuple(variant for variant in variants or own if protocol.concerns(variant))
        if protocols is not None and not chosen:
            able = " or ".join(repr(variant.name) for variant in VARIANTS if protocol.concerns(variant))
            raise InputError(f"protocol {protocol.name} is about {able} alone. Name one of them with --variants.")
        wanted.append((protocol, chosen))
    return tuple(wanted)


def _prepare(precision: Precision) -> None:
    gpu = start_tensorflow()
    if precision == "bfloat16":
        check_bfloat16(gpu)


if __name__ == "__main__":
    sys.exit(main())
