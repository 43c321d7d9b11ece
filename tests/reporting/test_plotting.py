from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from src.reporting.plotting import DPI, axes_at, plain_ticks, save, show_pixels, styled


@styled
def drawn() -> Figure:
    figure = Figure(figsize=(2, 1.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([1, 10], [0, 1], marker="o")
    axes.set(xlabel="noise", ylabel="accuracy", title="a title")
    return figure


class TestStyle:
    def test_same_bytes_whatever_the_users_settings(self, tmp_path: Path) -> None:
        save(drawn(), tmp_path / "first.png")
        with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 9, "savefig.bbox": "tight", "figure.dpi": 50}):
            save(drawn(), tmp_path / "second.png")
        assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()

    def test_leaves_the_users_settings_alone(self, tmp_path: Path) -> None:
        before = dict(matplotlib.rcParams)
        save(drawn(), tmp_path / "figure.png")
        assert dict(matplotlib.rcParams) == before


class TestSave:
    def test_png_of_the_promised_size_without_time_or_version(self, tmp_path: Path) -> None:
        save(drawn(), tmp_path / "new" / "figure.png")
        with Image.open(tmp_path / "new" / "figure.png") as image:
            assert image.format == "PNG" and image.size == (2 * DPI, 1.5 * DPI)
            assert set(image.info) == {"dpi"}
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["figure.png"]


class TestPixels:
    def test_each_image_pixel_is_one_square_of_the_file(self, tmp_path: Path) -> None:
        image = np.random.default_rng(0).integers(0, 256, (7, 7), np.uint8)
        figure = Figure(figsize=(200 / DPI, 150 / DPI))
        show_pixels(axes_at(figure, left=30, top=20, width=14 * 7, height=14 * 7), image, 255)
        save(figure, tmp_path / "pixels.png")
        with Image.open(tmp_path / "pixels.png") as file:
            saved = np.asarray(file.convert("L"))
        shown = saved[20 : 20 + 98, 30 : 30 + 98].reshape(7, 14, 7, 14)
        difference = shown.astype(int) - image[:, None, :, None]
        # The frame covers the outermost pixels of the file; the colour map may round a gray value down.
        assert np.abs(difference[:, 2:-2, :, 2:-2]).max() <= 1


class TestPlainTicks:
    def test_writes_the_other_unit(self) -> None:
        axes = Figure().subplots()
        axes.set(xscale="log", xlim=(1e-4, 2))
        plain_ticks(axes, (0.15, 10, 255), unit=255)
        np.testing.assert_allclose(axes.get_xticks(), [0.15 / 255, 10 / 255, 1])
        assert [label.get_text() for label in axes.get_xticklabels()] == ["0.15", "10", "255"]
        assert list(axes.get_xticks(minor=True)) == []
