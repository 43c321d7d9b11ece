"""What the command lines share: how errors and interruptions end, warnings, and whole numbers as options."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO, cast

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

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write the help; argparse itself keeps quiet about what can't be written."""
        (file or sys.stderr).write(message)


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
    expanded = os.path.expanduser(text)
    if expanded.startswith("~"):
        user = text.partition(os.sep)[0][1:]
        problem = f"there is no user {user!r}" if user else "your home folder is not known"
        raise argparse.ArgumentTypeError(f"{text}: {problem}; for a file of that name, give ./{text}")
    return Path(expanded)


def warn(text: str) -> None:
    """Say what is allowed but unlikely to be meant."""
    print(f"warning: {text}", file=sys.stderr)


def exit_status(work: Callable[[], object]) -> int:
    """Do the work of a command line.

    Returns:
        The exit status: 0; 2 for a message about input, files, training or standard output; 130 when interrupted; 141
        where nobody reads the output any more.
    """
    _mend_streams()
    try:
        return _flushed(_status(work))
    except SystemExit:  # --help
        failed = _flushed(0)
        if failed:
            return failed
        raise


def _status(work: Callable[[], object]) -> int:
    try:
        work()
    except (InputError, StorageError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; run the same command again to go on from here.", file=sys.stderr)
        return INTERRUPTED
    except OSError:
        # The system's error names no file; only writing once more tells whether it is about the output.
        failed = _flushed(0, "\n")
        if failed:
            return failed
        raise
    return 0


def _flushed(status: int, last: str = "") -> int:
    """Write `last` and all that is still to be written; the exit status after that. A failure is told once."""
    try:
        if last:
            sys.stdout.write(last)
        sys.stdout.flush()
    except OSError as error:
        # Else Python fails once more as it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return status or BROKEN_PIPE
        print(f"error: can't write to standard output: {error.strerror}. Send it somewhere else.", file=sys.stderr)
        return status or 2
    return status


class _Forgiving:
    """Standard error where a failure to write, as to a full disk, is none of the work's."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _mend_streams() -> None:
    """Make standard output and error take all that is written to them, whatever the terminal is."""
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            # Else the next file that is opened would get this number, and what is said would be written into it.
            opened = os.open(os.devnull, os.O_RDWR)
            os.dup2(opened, descriptor)
            if opened != descriptor:
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if sys.stderr is sys.__stderr__ or (sys.__stderr__ is None and not isinstance(sys.stderr, _Forgiving)):
        sys.stderr = cast(TextIO, _Forgiving(sys.stderr))
