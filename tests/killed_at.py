"""Runs that are killed at their writes: at the same ones on every machine, however fast it is.

A kill between two writes can't be told from one right after the first. So a run is killed at moments that it reaches
itself, not at times. A child process watches the calls by which files come to last: it counts `os.fsync`, `os.replace`
and `os.unlink` on what `Path.open` opened, and kills itself at the moments that it was given.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from dataclasses import astuple, dataclass
from pathlib import Path, PurePath
from typing import IO, Any

from tests.workplace import contents

TORN_ASIDE = "torn aside"
"""A file that is to be renamed holds half of its bytes."""

ASIDE = "aside"
"""It holds all of them, and is not renamed."""

IN_PLACE = "in place"
"""It is renamed."""

TORN = "torn"
"""A file that is appended to holds half of what is new."""

APPENDED = "appended"
"""It holds all of it."""

REMOVED = "removed"
"""A file is gone."""

LASTING = (IN_PLACE, APPENDED)
"""The moments after which a write is not repeated."""

PRELOADED = ["tensorflow", "keras", "pandas", "scipy.stats", "matplotlib.pyplot", "rich.table", "jinja2"]
"""What every run imports. TensorFlow starts its threads later, in the child."""

Work = Callable[[Path], int]
"""A run in a folder, with an exit status; a function that another process can import by name."""


@dataclass(frozen=True)
class Moment:
    """A moment of a run.

    Attributes:
        what: one of those above.
        file: relative to the run's folder; of a file aside the one that it will be.
        write: counts the lasting writes of this file, from 1, across kills; 0 for its removal.
    """

    what: str
    file: str
    write: int

    @property
    def kind(self) -> tuple[str, str]:
        """What happens to what sort of file, whichever network, table or figure it is about."""
        file = PurePath(self.file)
        of_a_network_or_cache = re.search(r"-[0-9a-f]{10,12}$", file.parent.name)
        return self.what, file.name if of_a_network_or_cache else f"{file.parent.name}/*{file.suffix}"


def assert_kills_change_nothing(work: Work, folder: Path, kinds: Collection[tuple[str, str]] | None = None) -> None:
    """Let a run be killed, and again until it ends; what it leaves is what an unbroken run leaves.

    Args:
        work: the run; its files are compared but for wall times.
        folder: for both runs.
        kinds: of `Moment`; killed is at the first moment of each. None for all kinds, and of each the first moment, one
            in the middle, and the last.
    """
    unbroken, killed = folder / "unbroken", folder / "killed"
    status, moments, said = _child(work, unbroken, Counter(), ())
    assert status == 0, said
    found: dict[tuple[str, str], list[Moment]] = defaultdict(list)
    for moment in moments:
        found[moment.kind].append(moment)
    if kinds is None:
        left = {of[place] for of in found.values() for place in (0, len(of) // 2, -1)}
    else:
        left = {found[kind][0] for kind in kinds}

    written: Counter[str] = Counter()
    while True:
        status, moments, said = _child(work, killed, written, left)
        written.update(moment.file for moment in moments if moment.what in LASTING)
        if status != -signal.SIGKILL:
            break
        left.remove(moments[-1])
    assert status == 0, said
    assert not left, f"no run came to {left}"
    assert contents(killed) == contents(unbroken)


def _child(
    work: Work, folder: Path, written: Counter[str], fatal: Collection[Moment]
) -> tuple[int | None, list[Moment], str]:
    """The exit status, the moments that the child came to, and what it said."""
    # A server that has imported what takes long, and has no threads, forks each child.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with tempfile.TemporaryDirectory() as aside:
        log, said = Path(aside, "moments"), Path(aside, "said")
        child = context.Process(target=_run, args=(work, folder, log, said, written, fatal))
        child.start()
        child.join()
        moments = [Moment(*json.loads(line)) for line in log.read_text().splitlines()]
        return child.exitcode, moments, said.read_text(encoding="utf-8", errors="replace")


def _run(
    work: Work, folder: Path, log: Path, said: Path, written: Counter[str], fatal: Collection[Moment]
) -> None:
    output = os.open(said, os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1), os.dup2(output, 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, encoding="utf-8") for number in (1, 2))
    with log.open("a", buffering=1) as file:
        _Watch(folder, file, written, frozenset(fatal)).begin()
        sys.exit(work(folder))


class _Watch:
    """Notes the moments that this process comes to, and kills it at those that are fatal."""

    def __init__(self, folder: Path, log: IO[str], written: Counter[str], fatal: frozenset[Moment]) -> None:
        self._folder, self._log, self._written, self._fatal = folder, log, written, fatal
        self._open, self._fsync, self._replace, self._unlink = Path.open, os.fsync, os.replace, os.unlink
        self._opened: dict[int, tuple[Path, int]] = {}

    def begin(self) -> None:
        """From now on."""
        watch = self

        def opened(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> IO[Any]:
            file = watch._open(path, mode, *arguments, **options)
            if mode not in ("r", "rb"):
                watch._opened[file.fileno()] = path, path.stat().st_size
            return file

        Path.open = opened  # type: ignore[method-assign, assignment]
        os.fsync, os.replace, os.unlink = self._synced, self._replaced, self._unlinked  # type: ignore[assignment]

    def _synced(self, number: int) -> None:
        path, before = self._opened[number]
        aside = path.suffix == ".part"
        if self._comes_to(TORN_ASIDE if aside else TORN, path):
            os.truncate(path, (before + path.stat().st_size) // 2)
            self._die()
        self._fsync(number)
        if self._comes_to(ASIDE if aside else APPENDED, path):
            self._die()

    def _replaced(self, source: Path, target: Path) -> None:
        self._replace(source, target)
        if self._comes_to(IN_PLACE, target):
            self._die()

    def _unlinked(self, path: Path, **options: Any) -> None:
        self._unlink(path, **options)
        if self._comes_to(REMOVED, path):
            self._die()

    def _comes_to(self, what: str, path: Path) -> bool:
        if not Path(path).is_relative_to(self._folder):
            return False
        file = Path(path).relative_to(self._folder)
        # `.NAME.PROCESS.part` is aside of NAME.
        name = file.name[1:].rsplit(".", 2)[0] if file.suffix == ".part" else file.name
        file = str(file.with_name(name))
        moment = Moment(what, file, 0 if what == REMOVED else self._written[file] + 1)
        if what in LASTING:
            self._written[file] += 1
        self._log.write(json.dumps(astuple(moment)) + "\n")
        return moment in self._fatal

    def _die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
