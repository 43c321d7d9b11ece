"""The notebooks: they run in order on results of the smallest profile, and what is committed of them can be read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from tests.colour_images import instead_of_cifar10
from tests.workplace import Workplace

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

EXERCISE_SECONDS = 60
"""What an exercise may take at the most; the timeout of every cell."""

LONGEST_CELL = 12
"""Lines of code."""

LARGEST = 1_500_000
"""Bytes of a notebook with its figures."""

MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:home|root|tmp|work|usr|opt|var|mnt|Users|private)/\w|\b[A-Z]:\\+\w")

anywhere = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def environment(workplace: Workplace) -> dict[str, str]:
    """What tells a notebook to show a workplace's results."""
    folders = {f"REPRODUCE_{name.upper()}": str(getattr(workplace, name)) for name in ("data", "models", "results")}
    return {"REPRODUCE_PROFILE": "smoke", "IPYTHONDIR": str(workplace.folder / "ipython"), **folders}


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Two resolutions, all protocols; of `corrected` the networks that are attacked thoroughly too. And blur."""
    workplace = Workplace(tmp_path_factory.mktemp("notebooks") / "work")
    networks = ("--variants", "Downscaled", "Normal", "--recipes", "gaussian")
    assert workplace.run("--protocol", "released", "written", "corrected", *networks) == 0
    with instead_of_cifar10():
        assert workplace.run("--study", "blur", "--seeds", "0") == 0
    return workplace


def executed(path: Path, folder: Path) -> nbformat.NotebookNode:
    """The notebook after all of its cells ran in a clean kernel, started in a folder."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=EXERCISE_SECONDS, kernel_name="python3", resources=resources).execute()
    return notebook


def code_of(notebook: nbformat.NotebookNode) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def pictures_in(cell: Any) -> int:
    return sum("image/png" in output.get("data", {}) for output in cell.outputs)


def texts(notebook: nbformat.NotebookNode) -> str:
    """All that a reader reads: sources and outputs, without the pictures' bytes."""
    found = [cell.source for cell in notebook.cells]
    for cell in code_of(notebook):
        for output in cell.outputs:
            data = {kind: value for kind, value in output.get("data", {}).items() if not kind.startswith("image/")}
            found.append(json.dumps([output.get("text"), data, output.get("traceback")], ensure_ascii=False))
    return "\n".join(found)


def test_there_are_notebooks_and_their_names_are_in_order() -> None:
    assert len(NOTEBOOKS) >= 4
    numbers = [int(path.stem.split("_")[0]) for path in NOTEBOOKS]
    # Each study begins a new ten.
    assert all(number == before + 1 or number == 10 * (before // 10 + 1) for before, number in pairwise(numbers))
    assert numbers[0] == 10


def test_all_run_in_order_on_smoke_results_and_change_none(smoke: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a kernel of its own, alternately from the repository's root and from its own folder."""
    for name, value in environment(smoke).items():
        monkeypatch.setenv(name, value)
    before = {path: path.read_bytes() for path in smoke.results.rglob("*") if path.is_file()}
    for place, path in enumerate(NOTEBOOKS):
        notebook = executed(path, (ROOT, path.parent)[place % 2])
        assert "profile smoke" in texts(notebook), f"{path.name} does not show the results it was told to"
        assert pictures_in(code_of(notebook)[-1]) == 1, f"the exercise of {path.name} shows no picture"
    after = {path: path.read_bytes() for path in smoke.results.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize("folder", [ROOT, ROOT / "notebooks"], ids=["root", "notebooks"])
def test_the_first_cells_find_the_repository(folder: Path) -> None:
    """All of them in turn, as plain Python, with the committed results."""
    first = "\n".join(code_of(nbformat.read(path, as_version=4))[0].source for path in NOTEBOOKS)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("REPRODUCE_", "PYTHONPATH"))}
    done = subprocess.run(
        [sys.executable, "-c", first], cwd=folder, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("profile paper") == len(NOTEBOOKS)


@anywhere
class TestCommitted:
    def test_ran_from_top_to_bottom_without_an_error(self, path: Path) -> None:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        cells = code_of(notebook)
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        kinds = {output.output_type for cell in cells for output in cell.outputs}
        assert "error" not in kinds
        streams = {output.name for cell in cells for output in cell.outputs if output.output_type == "stream"}
        assert streams == {"stdout"}, "warnings are no part of the story"

    def test_carries_its_figures_and_tables_and_stays_small(self, path: Path) -> None:
        cells = code_of(nbformat.read(path, as_version=4))
        assert sum(pictures_in(cell) for cell in cells) >= 3
        assert any("text/html" in output.get("data", {}) for cell in cells for output in cell.outputs)
        assert path.stat().st_size < LARGEST

    def test_names_no_place_on_a_machine(self, path: Path) -> None:
        notebook = nbformat.read(path, as_version=4)
        said = texts(notebook)
        assert str(ROOT) not in said and not MACHINE_PATH.search(said)
        assert set(notebook.metadata) == {"kernelspec", "language_info"}
        assert notebook.metadata.kernelspec.name == "python3"

    def test_ends_with_the_exercise(self, path: Path) -> None:
        *_, told, last = nbformat.read(path, as_version=4).cells
        assert "\n## Exercise: " in f"\n{told.source}" and last.cell_type == "code"
        assert re.match(r"digit\b.* = \d", last.source), "the reader's choices come first"
        assert pictures_in(last) == 1 and any(output.output_type == "stream" for output in last.outputs)

    def test_has_short_cells(self, path: Path) -> None:
        for cell in code_of(nbformat.read(path, as_version=4)):
            assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source

    def test_links_to_its_neighbours(self, path: Path) -> None:
        place = NOTEBOOKS.index(path)
        neighbours = [NOTEBOOKS[near].name for near in (place - 1, place + 1) if 0 <= near < len(NOTEBOOKS)]
        linked = re.findall(r"\]\(([^)#]+)\)", texts(nbformat.read(path, as_version=4)))
        assert set(neighbours) <= set(linked)


@pytest.mark.parametrize(("study", "notebook"), [("resolution", "14_claims"), ("blur", "20_blur")])
def test_the_claims_shown_are_those_of_the_committed_results(study: str, notebook: str) -> None:
    """Else the notebooks were executed before the last results."""
    folder = ROOT / "results" / study / "paper"
    claims, tests = (pd.read_csv(folder / name, keep_default_na=False) for name in ("claims.csv", "claim_tests.csv"))
    shown = texts(nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", as_version=4))
    assert f"{len(claims)} claims, {len(tests)} comparisons" in shown
    for verdict, count in claims["verdict"].value_counts().items():
        assert re.search(rf"<td>{verdict}</td>\\n\s*<td>{count}</td>", shown), verdict


def test_places_on_machines_are_recognised() -> None:
    for text in ("in /home/ann/clone", "'/tmp/x'", r"C:\Users\ann", r"C:\\Users"):
        assert MACHINE_PATH.search(text), text
    for text in ("2/255", "https://example.org/home/x", "src/studies", "models/work/x", "side / 28"):
        assert not MACHINE_PATH.search(text), text
