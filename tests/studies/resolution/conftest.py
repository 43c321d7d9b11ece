"""What several tests of the study start from."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment that names folders of its own, with MNIST in one, and a profile without anything."""
    for name in ("data", "models", "results"):
        monkeypatch.setenv(f"REPRODUCE_{name.upper()}", str(tmp_path / name))
    monkeypatch.setenv("REPRODUCE_PROFILE", "smoke")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mnist.npz").symlink_to(ROOT / "data" / "mnist.npz")
    (tmp_path / "results" / "resolution" / "smoke").mkdir(parents=True)
    return tmp_path
