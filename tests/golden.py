"""Whether a change of the code left every number as it was: what two trees make of the same commands, byte for byte.

    python -m tests.golden make FOLDER        # smoke of both studies, and what python -m src.certify prints
    python -m tests.golden compare BEFORE AFTER

Both folders have to be made on one machine: another processor rounds otherwise. CIFAR-10 is fetched.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

STUDIES = ("resolution", "blur")

CERTIFY = {
    "fixed": "--n 200",
    "sequential": "--sequential --n 1000",
    "predict": "--predict --n 100",
    "first": "--n 200 --max 7",
}

ASIDE = {"seconds", "time", "query"}
"""Columns of wall times, and of names of functions."""


def make(folder: Path) -> None:
    """Run all commands into a new folder; what they print goes into text files beside the results."""
    from tests.linear_models import write_files  # here, as it imports TensorFlow

    folder.mkdir(parents=True)
    model = folder / "model"
    model.mkdir()
    write_files(model, 40)
    places = [f"--results={folder / 'results'}", f"--models={folder / 'models'}"]
    for study in STUDIES:
        _run(folder, study, "src.reproduce", "--study", study, "--profile", "smoke", *places)
    for name, options in CERTIFY.items():
        given = [str(model / "linear.keras"), str(model / "data.npz"), "--sigma=0.25", *options.split()]
        _run(folder, name, "src.certify", *given, f"--out={folder / 'logs' / name}.tsv")


def _run(folder: Path, name: str, module: str, *options: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, *options], stdout=subprocess.PIPE, text=True, check=True)
    (folder / f"{name}.txt").write_text(done.stdout.replace(str(folder), "FOLDER"), encoding="utf-8")


def differences(before: Path, after: Path) -> Iterator[str]:
    """What differs between two folders, wall times aside; models and their hashes hold the moment of their saving."""
    files = [{path.relative_to(top): path for path in _files(top)} for top in (before, after)]
    for name in sorted(files[0].keys() ^ files[1].keys()):
        yield f"{name} is only in {before if name in files[0] else after}"
    for name in sorted(files[0].keys() & files[1].keys()):
        first, second = (found[name].read_bytes() for found in files)
        if first != second and not (name.suffix in (".csv", ".tsv") and _same_table(name, first, second)):
            yield f"{name} differs"


def _files(top: Path) -> Iterator[Path]:
    for part in ("results", "logs"):
        for path in (top / part).rglob("*"):
            if path.is_file() and not path.name.startswith(".") and not path.name.endswith(".tsv.json"):
                yield path
    yield from top.glob("*.txt")


def _same_table(name: Path, first: bytes, second: bytes) -> bool:
    separator = "\t" if name.suffix == ".tsv" else ","
    kept = []
    for text in (first, second):
        table = pd.read_csv(io.BytesIO(text), sep=separator, dtype=str, keep_default_na=False)
        kept.append(table.drop(columns=[column for column in table if column in ASIDE]))
    return kept[0].equals(kept[1])


def main(arguments: list[str]) -> int:
    """Carry out one of the two commands.

    Returns:
        The exit status: 1 where something differs, 2 for a command that is none.
    """
    match arguments:
        case ["make", folder]:
            make(Path(folder))
        case ["compare", before, after]:
            found = list(differences(Path(before), Path(after)))
            print("\n".join(found) or "nothing differs")
            return 1 if found else 0
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
