from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text

from src.base import InputError
from src.experiments.trial_table import save_trial
from src.statistics.intervals import wilson_interval
from src.storage.arrays import save_arrays
from src.studies.resolution.config import PAPER, PROTOCOLS, SWEEP_EPSILONS, SWEEP_SIGMAS, VARIANTS
from src.studies.resolution.figure_architecture import layers, parameters
from src.studies.resolution.figures import (
    FIGURES,
    accuracy,
    adversarial_examples,
    architecture,
    epsilon_sweep,
    resolutions,
    sigma_sweep,
    write_figures,
)
from src.studies.resolution.plan import examples_path, resolution_trial
from src.studies.resolution.published_tables import reported
from src.studies.resolution.tables import TABLES

FROM_A_FOLDER = (resolutions, accuracy, sigma_sweep, epsilon_sweep, adversarial_examples)
ROOT = Path(__file__).parents[3]
NAMES = [variant.name for variant in VARIANTS]


def make_folder(
    folder: Path,
    variants: list[str] = NAMES,
    protocols: tuple[str, ...] = ("released", "written"),
    seeds: tuple[int, ...] = (0,),
    precisions: tuple[str, ...] = ("float32",),
) -> Path:
    """A profile's folder with made-up measurements, with the columns that the figures read."""
    generator = np.random.default_rng(0)
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in TABLES}
    paper = reported().set_index(["table", "variant", "metric"])["paper"]

    def measured(prefix: str, count: int) -> dict[str, float]:
        interval = wilson_interval(int(generator.integers(count // 2, count)), count)
        names = ("measured", "low", "high") if prefix == "" else (f"{prefix}accuracy", f"{prefix}low", f"{prefix}high")
        return dict(zip(names, interval, strict=True))

    for protocol in PROTOCOLS:
        for variant in VARIANTS:
            if protocol.name not in protocols or variant.name not in variants:
                continue
            for seed in seeds:
                for precision in precisions:
                    trial = resolution_trial(PAPER, protocol, variant, seed, precision, None)
                    identity: dict[str, object] = {"protocol": protocol.name, "variant": variant.name}
                    identity |= {"seed": seed, "precision": precision, "trial": trial.key}
                    for name, table in (("accuracy.csv", "accuracy"), ("adversarial_accuracy.csv", "adversarial")):
                        budget = 0 if table == "accuracy" else protocol.attack_epsilon(variant)
                        for count in (50, 200):
                            for metric in ("cnn_accuracy", "cnn_loss", "rs_accuracy"):
                                if (table, variant.name, metric) in paper.index:
                                    cell = {"metric": metric, "paper": paper[table, variant.name, metric]}
                                    cell |= {"epsilon_255": budget * 255, "test_images": count}
                                    rows[name].append(identity | cell | measured("", count))
                    points = [("sigma_sweep.csv", sigma, 0.0) for sigma in SWEEP_SIGMAS]
                    points += [("epsilon_sweep.csv", protocol.sigma, epsilon) for epsilon in SWEEP_EPSILONS]
                    for name, sigma, epsilon in points:
                        cell = {"test_images": 100, "sigma": sigma, "sigma_255": sigma * 255, "epsilon": epsilon}
                        rows[name].append(identity | cell | measured("cnn_", 100) | measured("rs_", 100))
                    save_trial(folder / "trials.csv", trial, {})
                    labels = np.arange(8) % 10
                    side = variant.side
                    save_arrays(
                        examples_path(folder, trial, protocol),
                        {
                            "clean": generator.integers(0, 256, (8, side, side, 1), np.uint8),
                            "adversarial": generator.random((8, side, side, 1), np.float32),
                            "labels": labels,
                            "epsilon": np.float64(protocol.attack_epsilon(variant)),
                            "cnn_adversarial": np.where(labels < 3, 9, labels),
                            "rs_adversarial": np.where(labels < 1, 9, labels),
                        },
                    )
    for name, cells in rows.items():
        # As the study writes them.
        pd.DataFrame(cells).to_csv(folder / name, index=False, float_format="%.6g")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All networks under both protocols; read only."""
    return make_folder(tmp_path_factory.mktemp("profile"))


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def lines(figure: Figure, title: str) -> dict[str, Line2D]:
    """The labelled lines of the panel with this title, by label."""
    (axes,) = (axes for axes in figure.axes if axes.get_title() == title)
    drawn = list(axes.get_lines()) + [container[0] for container in axes.containers]
    labelled = {str(line.get_label()): line for line in drawn if not str(line.get_label()).startswith("_")}
    return labelled | {str(container.get_label()): container[0] for container in axes.containers}


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def assert_text_fits(figure: Figure) -> None:
    """Titles, labels, remarks and legends lie inside the figure and do not overlap."""
    figure.draw_without_rendering()
    written: list[Text | Legend] = [*figure.texts, *figure.legends]
    for axes in figure.axes:
        written += [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
    boxes = [text.get_window_extent() for text in written if isinstance(text, Legend) or text.get_text()]
    for place, box in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1, box
        assert box.y0 >= 0 and box.y1 <= figure.bbox.y1, box
        assert not any(box.overlaps(other) for other in boxes[:place]), box


class TestWriteFigures:
    def test_every_figure_with_the_same_bytes_each_time(self, tmp_path: Path) -> None:
        copy = make_folder(tmp_path / "one_name", ["Downscaled", "Normal", "Control"], ("released",))
        other = Path(shutil.copytree(copy, tmp_path / "other_name"))
        write_figures(copy)
        write_figures(other)
        assert sorted(path.name for path in (copy / "figures").iterdir()) == sorted(FIGURES)
        for name in FIGURES:
            content = (copy / "figures" / name).read_bytes()
            assert content.startswith(b"\x89PNG") and len(content) > 10_000
            assert content == (other / "figures" / name).read_bytes(), name

    def test_needs_neither_tensorflow_nor_pyplot(self) -> None:
        code = (
            "import sys, src.studies.resolution.figures;"
            "sys.exit(', '.join({'tensorflow', 'keras', 'matplotlib.pyplot'} & set(sys.modules)) or None)"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
        assert result.returncode == 0, result.stderr


class TestEveryFigure:
    @pytest.mark.parametrize(
        ("variants", "protocols"),
        [
            (NAMES, ("released", "written")),
            (["Downscaled", "Normal", "Control", "Control Small"], ("written",)),
            (["UpscaledAI Small"], ("released",)),
        ],
        ids=["all", "four", "one"],
    )
    def test_draws_what_was_measured_and_its_text_fits(
        self, variants: list[str], protocols: tuple[str, ...], tmp_path: Path
    ) -> None:
        make_folder(tmp_path, variants, protocols)
        for draw in FROM_A_FOLDER:
            figure = draw(tmp_path)
            assert figure.get_suptitle()
            assert_text_fits(figure)
            if draw in (sigma_sweep, epsilon_sweep):
                assert titles(figure) == variants
            if draw is accuracy:
                assert len(titles(figure)) == 2 * len(protocols)

    @pytest.mark.parametrize("draw", [accuracy, sigma_sweep, epsilon_sweep])
    def test_axes_say_what_they_count(self, draw: Callable[[Path], Figure], folder: Path) -> None:
        figure = draw(folder)
        labels = " ".join(axes.get_xlabel() + axes.get_ylabel() for axes in figure.axes)
        assert "accuracy (share of" in labels
        if draw is not accuracy:
            assert "pixels in [0, 1]" in labels and "pixels in 0–255" in labels

    @pytest.mark.parametrize("draw", FROM_A_FOLDER)
    def test_wrong_folder_is_a_clear_error(self, draw: Callable[[Path], Figure], tmp_path: Path) -> None:
        with pytest.raises(InputError, match=re.escape(str(tmp_path / "nowhere")) + r".*src\.reproduce"):
            draw(tmp_path / "nowhere")

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("", "empty or damaged"),
            ("\n", "empty or damaged"),
            ("protocol,variant\nreleased,Normal\n", "has no column seed"),
            ("<html>", "has no column protocol"),
        ],
    )
    @pytest.mark.parametrize("name", sorted(set(TABLES) - {"differences.csv"}))
    def test_unusable_table_is_a_clear_error(self, name: str, text: str, complaint: str, copy: Path) -> None:
        (copy / name).write_text(text)
        draw = {"sigma_sweep.csv": sigma_sweep, "epsilon_sweep.csv": epsilon_sweep}.get(name, accuracy)
        with pytest.raises(InputError, match=f"{name}.*{complaint}"):
            draw(copy)

    def test_table_without_a_row_is_a_clear_error(self, copy: Path) -> None:
        path = copy / "sigma_sweep.csv"
        path.write_text(path.read_text().splitlines()[0] + "\n")
        with pytest.raises(InputError, match="holds no measurement"):
            sigma_sweep(copy)

    def test_damaged_examples_are_a_clear_error(self, copy: Path) -> None:
        path = next((copy / "examples").glob("released-normal-*"))
        path.write_bytes(path.read_bytes()[:1000])
        with pytest.raises(InputError, match=f"{path.name} is damaged"):
            resolutions(copy)


class TestAccuracy:
    @pytest.mark.parametrize("protocol", ["released", "written"])
    @pytest.mark.parametrize(
        ("name", "title"), [("accuracy.csv", "Clean images"), ("adversarial_accuracy.csv", "Under FGSM")]
    )
    def test_shows_the_largest_test_set_and_the_papers_values(
        self, folder: Path, protocol: str, name: str, title: str
    ) -> None:
        table = pd.read_csv(folder / name)
        drawn = lines(accuracy(folder), f"{title}, protocol {protocol}")
        for metric in ("cnn_accuracy", "rs_accuracy"):
            rows = table.query("protocol == @protocol and test_images == 200 and metric == @metric")
            assert len(rows) == 6
            np.testing.assert_array_equal(drawn[metric].get_xdata(), rows["measured"])
            np.testing.assert_array_equal(drawn[f"paper {metric}"].get_xdata(), rows["paper"])
            # Each in its own network's row.
            places = np.asarray(drawn[metric].get_ydata())
            np.testing.assert_array_equal(np.round(places), range(6))
            np.testing.assert_array_equal(places, drawn[f"paper {metric}"].get_ydata())

    def test_intervals_are_the_tables(self, folder: Path) -> None:
        rows = pd.read_csv(folder / "accuracy.csv").query(
            "protocol == 'released' and test_images == 200 and metric == 'rs_accuracy'"
        )
        axes = accuracy(folder).axes[0]
        (container,) = (container for container in axes.containers if container.get_label() == "rs_accuracy")
        ends = np.stack([segment[:, 0] for segment in container[2][0].get_segments()])
        np.testing.assert_allclose(ends, rows[["low", "high"]])

    def test_the_papers_intervals_are_of_1000_images(self, folder: Path) -> None:
        paper = reported().query("table == 'accuracy' and metric == 'cnn_accuracy'")["paper"]
        segments = accuracy(folder).axes[0].collections[1].get_segments()
        expected = [wilson_interval(round(value * 1000), 1000)[1:] for value in paper]
        np.testing.assert_allclose([segment[:, 0] for segment in segments], expected)

    def test_says_how_many_images_and_that_axes_are_cut(self, folder: Path) -> None:
        figure = accuracy(folder)
        assert all("200 test images" in axes.get_xlabel() for axes in figure.axes)
        assert all(axes.get_xlim()[0] > 0 for axes in figure.axes)
        assert "do not start at 0" in figure.legends[0].get_title().get_text()

    def test_several_trials_of_a_network_are_apart_and_the_paper_once(self, tmp_path: Path) -> None:
        figure = accuracy(make_folder(tmp_path, ["Normal"], ("released",), (0, 1), ("float32", "bfloat16")))
        drawn = lines(figure, "Clean images, protocol released")
        assert len(set(np.asarray(drawn["rs_accuracy"].get_ydata()))) == 4
        assert len(np.asarray(drawn["paper rs_accuracy"].get_xdata())) == 1


class TestSweeps:
    @pytest.mark.parametrize(
        ("draw", "name", "x"),
        [(sigma_sweep, "sigma_sweep.csv", "sigma"), (epsilon_sweep, "epsilon_sweep.csv", "epsilon")],
    )
    def test_lines_are_the_tables(self, draw: Callable[[Path], Figure], name: str, x: str, folder: Path) -> None:
        figure = draw(folder)
        for (variant, protocol), rows in pd.read_csv(folder / name).groupby(["variant", "protocol"]):
            drawn = lines(figure, str(variant))
            for classifier in ("cnn", "rs"):
                line = drawn[f"{classifier} {protocol}"]
                np.testing.assert_array_equal(line.get_xdata(), rows[x])
                np.testing.assert_array_equal(line.get_ydata(), rows[f"{classifier}_accuracy"])

    @pytest.mark.parametrize("draw", [sigma_sweep, epsilon_sweep])
    def test_scale_above_stands_at_the_same_places(self, draw: Callable[[Path], Figure], folder: Path) -> None:
        figure = draw(folder)
        figure.draw_without_rendering()
        below = figure.axes[0]
        (above, *_) = (axes for axes in figure.axes if "0–255" in axes.get_xlabel())
        for tick, label in zip(above.get_xticks(), above.get_xticklabels(), strict=True):
            place = below.transData.transform((float(label.get_text()) / 255, 0))[0]
            assert above.transData.transform((tick, 0))[0] == pytest.approx(place)

    @pytest.mark.parametrize("draw", [sigma_sweep, epsilon_sweep])
    def test_the_first_seed_is_the_line_and_the_others_are_thin(
        self, draw: Callable[[Path], Figure], tmp_path: Path
    ) -> None:
        folder = make_folder(tmp_path, ["Normal", "Control"], ("released",), (2, 0, 1))
        figure = draw(folder)
        table = pd.read_csv(folder / f"{draw.__name__}.csv").query("variant == 'Normal'")
        drawn = figure.axes[0].get_lines()
        (first,) = (line for line in drawn if line.get_label() == "rs released")
        others = [line for line in drawn if line.get_label() == "other seeds released"]
        np.testing.assert_array_equal(first.get_ydata(), table.query("seed == 0")["rs_accuracy"])
        for line, seed in zip(others, (2, 1), strict=True):
            np.testing.assert_array_equal(line.get_ydata(), table[table["seed"] == seed]["rs_accuracy"])
            assert line.get_linewidth() < first.get_linewidth() and (line.get_alpha() or 1) < (first.get_alpha() or 1)
        assert "RS, other seeds (released)" in [text.get_text() for text in figure.legends[0].get_texts()]
        assert_text_fits(figure)

    def test_without_other_seeds_there_is_no_word_of_them(self, folder: Path) -> None:
        legend = [text.get_text() for text in sigma_sweep(folder).legends[0].get_texts()]
        assert len(legend) == 6 and not any("seeds" in text or text.isspace() for text in legend)

    def test_a_protocol_without_other_seeds_keeps_its_column_of_the_legend(self, copy: Path) -> None:
        path = copy / "sigma_sweep.csv"
        table = pd.read_csv(path)
        again = table.query("variant == 'Normal' and protocol == 'released'").assign(seed=1, trial="another")
        pd.concat([table, again]).to_csv(path, index=False)
        figure = sigma_sweep(copy)
        figure.draw_without_rendering()
        left = {text.get_text(): text.get_window_extent().x0 for text in figure.legends[0].get_texts()}
        assert left["RS (released)"] == left["RS, other seeds (released)"]
        assert left["CNN without noise (written)"] == left["RS (written)"]

    @pytest.mark.parametrize("draw", [sigma_sweep, epsilon_sweep])
    @pytest.mark.parametrize("count", [1, 4, 5, 6])
    def test_every_panel_has_numbers_below(self, draw: Callable[[Path], Figure], count: int, copy: Path) -> None:
        path = copy / f"{draw.__name__}.csv"
        table = pd.read_csv(path)
        table[table["variant"].isin(NAMES[:count])].to_csv(path, index=False)
        figure = draw(copy)
        figure.draw_without_rendering()
        panels = [axes for axes in figure.axes if axes.get_title()]
        assert len(panels) == count
        for axes in panels:
            shown = [label.get_text() for label in axes.get_xticklabels() if label.get_visible()]
            assert len(shown) >= 4 and all(shown) and axes.xaxis.get_tick_params()["labelbottom"]
        assert_text_fits(figure)

    def test_marks_the_noise_of_the_notebook_and_of_the_paper(self, folder: Path) -> None:
        upright = {np.asarray(line.get_xdata())[0] for line in sigma_sweep(folder).axes[0].get_lines()[:2]}
        assert upright == {0.15 / 255, 1.0}

    def test_the_papers_accuracy_stands_at_its_notebooks_epsilon(self, folder: Path) -> None:
        figure = epsilon_sweep(folder)
        for variant in NAMES:
            mark = lines(figure, variant)["paper"]
            row = reported().query("table == 'adversarial' and variant == @variant").iloc[0]
            epsilon = 10 if variant == "UpscaledAI" else 2
            assert np.asarray(mark.get_xdata()).tolist() == [epsilon / 255]
            assert np.asarray(mark.get_ydata()).tolist() == [row["paper"]]


def examples(folder: Path, name: str) -> dict[str, np.ndarray]:
    (path,) = (folder / "examples").glob(f"released-{name.lower().replace(' ', '-')}-seed0-*.npz")
    with np.load(path) as archive:
        return dict(archive)


class TestImages:
    def test_resolutions_shows_the_stored_pixels_and_how_they_were_made(self, folder: Path) -> None:
        figure = resolutions(folder)
        names = ["Normal", "Downscaled", "Control", "UpscaledAI"]
        for axes, name in zip(figure.axes, names, strict=True):
            shown = np.asarray(axes.get_images()[0].get_array())
            assert any((shown == image[..., 0]).all() for image in examples(folder, name)["clean"])
        assert [title.splitlines()[1:] for title in titles(figure)] == [
            ["28 × 28 pixels", "as in MNIST"],
            ["14 × 14 pixels", "PIL, bilinear"],
            ["56 × 56 pixels", "PIL, bicubic"],
            ["56 × 56 pixels", "ESRGAN"],
        ]

    def test_adversarial_examples_shows_the_stored_pixels(self, folder: Path) -> None:
        axes = adversarial_examples(folder).axes
        assert len(axes) == 6 * 8
        for row, name in enumerate(NAMES):
            for column, image in enumerate(examples(folder, name)["adversarial"]):
                shown = axes[8 * row + column].get_images()[0]
                np.testing.assert_array_equal(shown.get_array(), image[..., 0])
                assert shown.get_clim() == (0, 1) and shown.get_interpolation() == "nearest"

    def test_wrong_predictions_are_marked(self, folder: Path) -> None:
        texts = [[text.get_text() for text in axes.texts] for axes in adversarial_examples(folder).axes[:4]]
        assert texts == [["/", "9 ✗", "9 ✗"], ["/", "9 ✗", "1"], ["/", "9 ✗", "2"], ["/", "3", "3"]]

    def test_rows_name_the_network_and_its_epsilon(self, folder: Path) -> None:
        written = "\n".join(text.get_text() for text in adversarial_examples(folder).texts)
        assert "UpscaledAI\n56 × 56\nε = 10/255" in written and "Downscaled\n14 × 14\nε = 2/255" in written

    def test_lowest_seed_of_the_first_protocol_is_shown(self, tmp_path: Path) -> None:
        folder = make_folder(tmp_path, ["Normal"], seeds=(2, 0, 1))
        shown = np.asarray(resolutions(folder).axes[0].get_images()[0].get_array())
        assert any((shown == image[..., 0]).all() for image in examples(folder, "Normal")["clean"])


class TestArchitecture:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("Downscaled", 406_326),
            ("Normal", 6_440_418),
            ("UpscaledAI", 102_828_474),
            ("Control", 102_828_474),
            ("UpscaledAI Small", 25_708_002),
            ("Control Small", 25_708_002),
        ],
    )
    def test_parameters_and_the_table_that_says_them(self, name: str, expected: int) -> None:
        (variant,) = (variant for variant in VARIANTS if variant.name == name)
        assert parameters(variant.network(1), variant.side, 10) == expected
        (table,) = (table for axes in architecture().axes for table in axes.tables)
        row = 1 + NAMES.index(name)
        assert [table[row, column].get_text().get_text() for column in (0, 5)] == [name, f"{expected:,}"]

    def test_layers_are_those_of_the_network(self) -> None:
        from src.architectures.cnn import build_cnn

        variant = VARIANTS[0]
        network = build_cnn(variant.network(1), (variant.side, variant.side, 1), 10)
        image, *described = layers(variant.network(1), variant.side, 10)
        assert image.shape == network.input_shape[1:]
        assert [layer.shape for layer in described] == [layer.output.shape[1:] for layer in network.layers]
        assert [layer.parameters for layer in described] == [layer.count_params() for layer in network.layers]

    def test_text_fits(self) -> None:
        assert_text_fits(architecture())
