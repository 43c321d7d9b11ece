"""The errors whose messages a command line prints as they are."""

from __future__ import annotations


class InputError(ValueError):
    """Something the user gave, or has on disk, can't be used.

    The message names the thing, the value and the way out; the command line prints it as it is.
    """


class StorageError(OSError):
    """A file can't be read or written (read-only folder, full disk); the message says which and what to do."""


class TrainingError(RuntimeError):
    """Training went wrong in a way that more epochs won't mend."""
