"""What the command lines share: how errors and interruptions end, warnings, and whole numbers as options."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from src.base import InputError, StorageError, TrainingError

INTERRUPTED = 130
"""The shell's exit status for Ctrl-C."""

BROKEN_PIPE = 141
"""The shell's exit status where whoever reads the output has stopped, as `head` does."""


class Parser(argparse.ArgumentParser):
    """Wrong options raise InputError, like any other bad input."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Raise InputError with argparse's message."""
        raise InputError(f"{message}. See {self.prog} --help.")


def whole_number(what: str, least: int, most: int) -> Callable[[str], int]:
    """The type of an option that takes a whole number from `least` to `most`."""

    def parsed(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no {what}; give a whole number from {least} to {most}")
        return value

    return parsed


def own_path(text: str) -> Path:
    """The type of an option that takes a file: `~` at its start is the home folder, as in `--out=~/log.tsv`."""
    return Path(os.path.expanduser(text))


def warn(text: str) -> None:
    """Say what is allowed but unlikely to be meant."""
    print(f"warning: {text}", file=sys.stderr)


def exit_status(work: Callable[[], object]) -> int:
    """Do the work of a command line.

    Returns:
        The exit status: 0; 2 for a message about input, files or training; 130 when interrupted; 141 where nobody
        reads the output any more.
    """
    try:
        work()
        sys.stdout.flush()
    except (InputError, StorageError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; run the same command again to go on from here.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Else Python fails once more as it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return 0
