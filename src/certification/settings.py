"""The settings of a certification log, as JSON beside it: read, and compared with those of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from src.base import InputError

MADE_WITH = "made_with"
"""The key of what made the log but does not shape its rows: package versions, device, precision; not compared."""

WEIGHTS = "weights_sha256"
"""Of what made the log, this alone is compared: two trainings with the same settings have different rows."""


FILES = {"model_sha256": "another model (or the same saved another time)", "data_sha256": "other images or labels"}
"""Settings that are hashes of files, with what another hash means."""

UNSTATED = frozenset({"bounds"})
"""Settings that logs made earlier do not state; they go on with whatever is stated now."""


def sidecar_of(log: Path) -> Path:
    """Where a log's settings are."""
    return log.with_name(log.name + ".json")


def read_text(path: Path) -> str:
    """A text file, with its line ends as they are; bytes that are no UTF-8 become U+FFFD, which no parser takes.

    Raises:
        InputError: it is not there, a folder, or can't be read.
    """
    try:
        return path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror or error}.") from error


def format_settings(settings: Mapping[str, Any], made_with: Mapping[str, Any] | None) -> str:
    """What a new log's settings file holds."""
    facts = {} if made_with is None else {MADE_WITH: dict(made_with)}
    return json.dumps({**settings, **facts}, indent=2, sort_keys=True) + "\n"


def read_settings(sidecar: Path, way_out: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings that are there, and what made the log (empty where that is not recorded).

    Raises:
        InputError: the file can't be read or is something else; the message ends in `way_out`.
    """
    text = read_text(sidecar)
    try:
        there = dict(json.loads(text))
        return there, dict(there.pop(MADE_WITH, {}))
    except (ValueError, TypeError) as error:
        raise InputError(f"{sidecar} is no file of settings ({error}). {way_out}") from error


def difference(
    sidecar: Path, settings: Mapping[str, Any], made_with: Mapping[str, Any] | None, way_out: str
) -> str | None:
    """How the log that is there was made otherwise than a run would make it: "with ..." or "by ..."; None if as that.

    Args:
        sidecar: the file, which exists.
        settings: JSON values that shape the rows.
        made_with: of it, only the hash of the weights is compared, and that only where both have it.
        way_out: what a message ends in.

    Raises:
        InputError: the file can't be read or is something else.
    """
    there, made_there = read_settings(sidecar, way_out)
    now = {name: value for name, value in settings.items() if name != MADE_WITH}
    names = sorted((there.keys() | now.keys()) - (UNSTATED - there.keys()))
    differing = [name for name in names if (name in there, there.get(name)) != (name in now, now.get(name))]
    if differing:
        return f"with {_changes(differing, there, now)}"
    made_now = made_with or {}
    if WEIGHTS in made_there and WEIGHTS in made_now and made_there[WEIGHTS] != made_now[WEIGHTS]:
        return f"by another training: {_change(WEIGHTS, made_there, made_now)}"
    return None


def _changes(names: Sequence[str], there: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What of these differs: first the files, which their hashes alone would not tell the reader."""
    files = [name for name in FILES if name in names and name in there and name in now]
    parts = [f"{FILES[name]} ({_change(name, there, now)})" for name in files]
    changes = "; ".join(_change(name, there, now) for name in names if name not in files)
    return ", and with ".join([*parts, *([f"other settings: {changes}"] if changes else [])])


def _change(name: str, there: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    return f"{name} is {_shown(there, name)} there and {_shown(now, name)} now"


def _shown(settings: Mapping[str, Any], name: str) -> str:
    text = json.dumps(settings[name]) if name in settings else "not stated"
    return f'{text[:16]}..."' if name.endswith("_sha256") and len(text) > 40 else text
