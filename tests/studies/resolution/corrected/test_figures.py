"""The figures from made-up measurements: what they show is what was measured, and text fits. Some minutes of a core."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text

from src.base import ABSTAIN
from src.certification.log import Fixed, Sequential
from src.statistics.intervals import certified_radii
from src.studies.resolution.config import CONTROL_SMALL, DOWNSCALED, NORMAL, VARIANTS, Variant
from src.studies.resolution.corrected.config import COMPARISON, FULL, REDUCED, Attacks, Schedule
from src.studies.resolution.corrected.figures import (
    FIGURES,
    certified_accuracy,
    certified_by_resolution,
    draws,
    recipes,
    robustness,
    smoothed_attack,
    trade_off,
    write_figures,
)
from src.studies.resolution.corrected.measurements import load_measurements
from src.studies.resolution.corrected.plan import corrected_jobs
from src.training.recipes import Consistency, Gaussian

from .corrected_folder import folder_of, job, list_trial, make_folder, write_log
from .test_tables import log_rows

DRAW: tuple[Callable[[Path], Figure], ...] = (
    certified_accuracy, certified_by_resolution, trade_off, robustness, draws, recipes, smoothed_attack,
)  # fmt: skip

THOROUGH = Attacks(images=12, n=50, thorough=True, sweep=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that the paper's profile does, on few images; read only."""
    return make_folder(tmp_path_factory.mktemp("paper"), corrected_jobs("paper", [0], "float32", None), images=20)


def panel(figure: Figure, title: str) -> Axes:
    (axes,) = (axes for axes in figure.axes if axes.get_title().startswith(title))
    return axes


def lines(axes: Axes) -> dict[str, Line2D]:
    """The labelled lines of a panel, those of error bars included."""
    found = {str(line.get_label()): line for line in axes.get_lines()}
    return found | {str(container.get_label()): container[0] for container in axes.containers}


def points(line: Line2D) -> list[tuple[float, float]]:
    return list(zip(np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist(), strict=True))


def assert_text_fits(figure: Figure) -> None:
    """Titles, labels, remarks and legends lie inside the figure and do not overlap."""
    figure.draw_without_rendering()
    written: list[Text | Legend] = [*figure.texts, *figure.legends]
    for axes in figure.axes:
        written += [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
        written += [axes.get_legend()] if axes.get_legend() else []
    boxes = [text.get_window_extent() for text in written if isinstance(text, Legend) or text.get_text()]
    for place, box in enumerate(boxes):
        assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1, box
        assert box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1, box
        assert not any(box.overlaps(other) for other in boxes[:place]), box


class TestEveryFigure:
    @pytest.mark.parametrize("draw", DRAW)
    def test_of_everything(self, draw: Callable[[Path], Figure], folder: Path) -> None:
        figure = draw(folder)
        assert figure.get_suptitle()
        assert_text_fits(figure)
        shown = [axes for axes in figure.axes if axes.axison]
        assert all(axes.get_xlabel() or not axes.xaxis.get_tick_params()["labelbottom"] for axes in shown)
        # Rows of a network or a recipe have their names in the place of a label.
        assert shown[0].get_ylabel() or draw in (draws, recipes)
        assert "[0, 1]" in " ".join(axes.get_xlabel() + axes.get_ylabel() for axes in shown) or draw in (
            draws, smoothed_attack,
        )  # fmt: skip

    @pytest.mark.parametrize("seeds", [[0], [0, 1]])
    def test_of_a_brief_profile(self, seeds: list[int], tmp_path: Path) -> None:
        made = make_folder(tmp_path, corrected_jobs("quick", seeds, "float32", None), images=10)
        for draw in DRAW:
            assert_text_fits(draw(made))

    def test_of_all_variants_of_one_schedule(self, tmp_path: Path) -> None:
        made = make_folder(tmp_path, corrected_jobs("smoke", [0], "float32", None), images=6)
        for draw in DRAW:
            assert_text_fits(draw(made))

    @pytest.mark.parametrize("part", ["certificates", "records", "trials", "image"])
    def test_of_parts(self, part: str, tmp_path: Path) -> None:
        both = ((Fixed(1_000), 8), (Sequential((0.0, 0.25), 5_000), 8))
        jobs = [job(variant, Gaussian(0.25), FULL, both, THOROUGH) for variant in (NORMAL, CONTROL_SMALL)]
        made = make_folder(tmp_path, jobs, images=1 if part == "image" else 8)
        if part in ("certificates", "trials"):
            shutil.rmtree(made / "records")
        if part in ("records", "trials"):
            shutil.rmtree(made / "certificates")
        for draw in DRAW:
            figure = draw(made)
            assert_text_fits(figure)
            said = " ".join(text.get_text() for axes in figure.axes for text in axes.texts).lower()
            from_certificates = draw in (certified_accuracy, certified_by_resolution, draws, recipes)
            measured = {"certificates": from_certificates or draw is trade_off, "records": not from_certificates}
            if part == "trials" or (part in measured and not measured[part]) or draw is recipes:
                assert "not measured yet" in said

    def test_of_nothing_says_so(self, tmp_path: Path) -> None:
        for draw in DRAW:
            (axes,) = draw(tmp_path).axes
            assert axes.texts[0].get_text().startswith("Not measured yet: ")
            assert_text_fits(draw(tmp_path))

    def test_files_are_the_same_bytes_each_time(self, tmp_path: Path) -> None:
        made = make_folder(tmp_path / "one", corrected_jobs("quick", [0], "float32", None), images=6)
        other = Path(shutil.copytree(made, tmp_path / "other"))
        write_figures(made)
        write_figures(other)
        assert sorted(path.name for path in (made / "figures").iterdir()) == sorted(FIGURES)
        for name in FIGURES:
            content = (made / "figures" / name).read_bytes()
            assert content.startswith(b"\x89PNG") and len(content) > 10_000
            assert content == (other / "figures" / name).read_bytes(), name


class TestCertifiedAccuracy:
    def test_a_line_falls_with_the_certificates_and_ends_where_draws_do(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(1_000), log_rows([0.6, 0.4, 0.2, None]))
        (line,) = (line for name, line in lines(certified_accuracy(list_trial(one, tmp_path)).axes[0]).items()
                   if name == "0.25")  # fmt: skip
        drawn = points(line)
        # 1,000 of 1,000 votes certify 0.25 * Phi^-1(0.001^(1 / 1000)).
        assert drawn[0] == (0, 0.75) and drawn[-1] == (pytest.approx(0.61582, abs=1e-5), 0)
        assert {y for x, y in drawn if 0.21 < x < 0.39} == {0.5} and {y for x, y in drawn if 0.41 < x < 0.59} == {0.25}

    def test_published_points_stand_beside_normal_alone(self, folder: Path) -> None:
        figure = certified_accuracy(folder)
        marks = {axes.get_title().split(",")[0]: [n for n in lines(axes) if n.startswith("published")]
                 for axes in figure.axes}  # fmt: skip
        assert marks.pop("Normal") == ["published 0.25", "published 0.5", "published 1"]
        assert not any(marks.values())
        assert points(lines(panel(figure, "Normal"))["published 0.5"])[-1] == pytest.approx((1.5, 0.678))

    def test_the_longest_training_is_drawn_and_named(self, folder: Path) -> None:
        figure = certified_accuracy(folder)
        for variant in VARIANTS:
            name = "full training: 48,000" if variant in (DOWNSCALED, NORMAL) else "reduced training: 4,000"
            assert name in panel(figure, f"{variant.name},").get_title()

    def test_fewer_draws_than_published_are_said(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(1_000), log_rows([0.6] * 4))
        said = "n = 1,000 certifies less than the published n = 100,000."
        assert said in certified_accuracy(list_trial(one, tmp_path)).legends[0].get_title().get_text()
        write_log(one, tmp_path, Fixed(100_000), log_rows([0.6] * 4, 100_000))
        assert said not in certified_accuracy(list_trial(one, tmp_path)).legends[0].get_title().get_text()

    def test_lines_of_one_panel_are_of_the_draws_that_all_have(self, tmp_path: Path) -> None:
        for sigma, counts in ((0.25, {1_000: 6, 9_000: 2}), (0.5, {1_000: 4, 9_000: 2})):
            one = job(NORMAL, Gaussian(sigma), FULL)
            for n, count in counts.items():
                write_log(one, tmp_path, Fixed(n), log_rows([0.6] * count, n))
            made = list_trial(one, tmp_path)
        assert certified_accuracy(made).axes[0].get_title().endswith("\nn = 9,000; 2 test images")

    def test_lines_without_draws_in_common_say_theirs(self, tmp_path: Path) -> None:
        for sigma, n, count in ((0.125, 1_000, 4), (0.25, 1_000, 4), (0.5, 9_000, 2)):
            one = job(NORMAL, Gaussian(sigma), FULL)
            write_log(one, tmp_path, Fixed(n), log_rows([0.3] * count, n))
            made = list_trial(one, tmp_path)
        figure = certified_accuracy(made)
        assert figure.axes[0].get_title().splitlines()[2:] == [
            "σ = 0.125, 0.25: n = 1,000; 4 test images", "σ = 0.5: n = 9,000; 2 test images",
        ]  # fmt: skip
        assert_text_fits(figure)

    def test_a_grid_is_drawn_as_far_as_its_cap_certifies(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(1_000), log_rows([0.6] * 4))
        write_log(one, tmp_path, Sequential((0.25, 0.5, 0.75), 1_000), log_rows([0.5] * 4))
        drawn = lines(certified_accuracy(list_trial(one, tmp_path)).axes[0])
        assert points(drawn["sequential 0.25"]) == [(0.25, 1), (0.5, 1)]
        labels = [text.get_text() for text in certified_accuracy(folder_of(one, tmp_path)).legends[0].get_texts()]
        assert "sequential, at most 1,000 draws; 4 images" in labels


class TestByResolution:
    @pytest.fixture
    def figure(self, tmp_path: Path) -> Figure:
        """Three resolutions of equal noise in the picture; image 3 is not in all."""
        made: list[tuple[Variant, float, list[float]]] = [
            (DOWNSCALED, 0.125, [0.1, 0.2, 0.3, 0.0]), (NORMAL, 0.25, [0.2, 0.4, 0.6]),
            (CONTROL_SMALL, 0.5, [0.4, 0.8, 1.2]),
        ]  # fmt: skip
        for variant, sigma, radii in made:
            one = job(variant, Gaussian(sigma), REDUCED)
            write_log(one, tmp_path, Fixed(1_000), log_rows(radii))
            list_trial(one, tmp_path)
        full = job(NORMAL, Gaussian(0.25), FULL)
        write_log(full, tmp_path, Fixed(1_000), log_rows([0.6] * 9))
        other_draws = job(NORMAL, Gaussian(0.25), COMPARISON)
        write_log(other_draws, tmp_path, Fixed(2_000), log_rows([0.6] * 9, 2_000))
        list_trial(other_draws, tmp_path)
        return certified_by_resolution(list_trial(full, tmp_path))

    def test_equal_certificates_of_the_picture_coincide(self, figure: Figure) -> None:
        drawn = lines(panel(figure, "Equal σ on the picture"))
        reduced = [line for name, line in drawn.items() if name.endswith("reduced training")]
        assert len(reduced) == 3
        for line in reduced[1:]:
            np.testing.assert_allclose(points(line), points(reduced[0]))

    def test_all_lines_are_of_the_same_images_and_draws(self, figure: Figure) -> None:
        axes = panel(figure, "Equal σ on the picture")
        assert axes.get_title().endswith("n = 1,000; the same 3 test images")
        assert not any("comparison" in name for name in lines(axes))

    def test_other_schedules_are_thin_and_without_markers(self, figure: Figure) -> None:
        axes = panel(figure, "Equal σ on the picture")
        for name, line in lines(axes).items():
            if "training" in name:
                assert name.endswith("reduced training") == (line.get_linewidth() > 1)
        # Error bars, a container for each network: two points each.
        assert [len(container[0].get_xdata()) for container in axes.containers] == [2, 2, 2]

    def test_networks_of_one_size_have_lines_of_their_own(self, folder: Path) -> None:
        axes = panel(certified_by_resolution(folder), "Equal σ on the picture")
        drawn = [line for name, line in lines(axes).items() if "56 × 56" in name]
        patterns = {str(line._unscaled_dash_pattern) for line in drawn}  # type: ignore[attr-defined]
        assert len(drawn) == len(patterns) == 4

    def test_equal_noise_on_the_pixels(self, figure: Figure) -> None:
        names = {name for name in lines(panel(figure, "Equal σ on the pixels: 0.25")) if "training" in name}
        assert names == {"Normal, 28 × 28, reduced training", "Normal, 28 × 28, full training"}


class TestOthers:
    def test_robustness_is_the_tables_and_certified_the_logs(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL, ((Fixed(1_000), 12),), THOROUGH)
        made = make_folder(tmp_path, [one])
        (measured,) = load_measurements(made)
        figure = robustness(made)
        fgsm, pgd, attacked = (lines(axes) for axes in figure.axes)
        assert [round(x) for x, _ in points(fgsm["network 0.25"])] == [0, 2, 10, 19, 38, 57, 76]
        assert [x for x, _ in points(pgd["smoothed 0.25"])] == [0, 0.25, 0.5, 0.75, 1]
        records = measured.records.query("attack == 'smoothed-pgd' and epsilon == 0.5 and m == 16 and steps == 20")
        right = (records["label"] == records["prediction"]).mean()
        assert dict(points(attacked["smoothed 0.25"]))[0.5] == pytest.approx(right)
        wrong = ((records["label"] != records["prediction"]) & (records["prediction"] != ABSTAIN)).mean()
        assert dict(points(attacked["right or abstained 0.25"]))[0.5] == pytest.approx(1 - wrong)
        assert not any(name.startswith("right or") for name in (*fgsm, *pgd))
        certified = certified_radii(measured.logs[0].rows)
        assert points(attacked["certified 0.25"])[0] == (0, (certified >= 0).mean())
        said = figure.legends[0].get_title().get_text()
        assert said == "Smoothed classifier: n = 50 votes; certified by n = 1,000 (Normal)"

    def test_trade_off_is_of_one_number_of_draws(self, tmp_path: Path) -> None:
        for sigma, n, count in ((0.25, 1_000, 4), (0.5, 1_000, 4), (0.5, 9_000, 6), (0.125, 9_000, 2)):
            one = job(NORMAL, Gaussian(sigma), FULL)
            write_log(one, tmp_path, Fixed(n), log_rows([0.1] * count, n))
            list_trial(one, tmp_path)
        axes = panel(trade_off(folder_of(one, tmp_path)), "ACR")
        assert axes.get_title() == "ACR: the same 4 test images, n = 1,000"
        drawn = lines(axes)
        # A row for each sigma, the first of another n.
        assert points(drawn["ACR Normal 0.25"]) == [(pytest.approx(0.1), 1)]
        assert points(drawn["ACR Normal 0.5"]) == [(pytest.approx(0.1), 2)]
        assert "ACR Normal 0.125" not in drawn
        assert [(text.get_text(), text.get_position()[1]) for text in axes.texts] == [("not certified by this n", 0)]
        # 1,000 of 1,000 votes.
        assert points(drawn["largest ACR Normal 0.5"]) == [(pytest.approx(1.23163, abs=1e-5), 2)]

    def test_trade_off_compares_one_schedule_on_the_same_images(self, tmp_path: Path) -> None:
        made: list[tuple[Variant, Schedule, list[float]]] = [
            (NORMAL, REDUCED, [0.2, 0.4]), (CONTROL_SMALL, REDUCED, [0.1, 0.1, 0.1]), (NORMAL, FULL, [0.6]),
        ]  # fmt: skip
        for variant, schedule, radii in made:
            one = job(variant, Gaussian(0.25), schedule)
            write_log(one, tmp_path, Fixed(1_000), log_rows(radii))
            list_trial(one, tmp_path)
        figure = trade_off(folder_of(one, tmp_path))
        assert [axes.get_ylabel().split(":")[0] for axes in figure.axes[::2]] == ["reduced training", "full training"]
        above, below = (lines(axes) for axes in figure.axes[1::2])
        assert points(above["ACR Normal 0.25"]) == [(pytest.approx(0.3), 0)]
        assert points(above["ACR Control Small 0.25"]) == [(pytest.approx(0.05), 1)]
        assert points(below["ACR Normal 0.25"]) == [(pytest.approx(0.6), 0)]
        assert figure.axes[1].get_title() == "ACR: the same 2 test images, n = 1,000"

    def test_trade_off_says_who_was_not_attacked(self, folder: Path) -> None:
        axes = trade_off(folder).axes[0]
        names = [text.get_text() for text in axes.get_yticklabels()]
        silent = {names[int(text.get_position()[1])] for text in axes.texts}
        assert {text.get_text() for text in axes.texts} == {"not attacked: no predictions"}
        assert silent == {f"{name}, σ = {sigma}" for name in ("UpscaledAI", "Control") for sigma in (0.25, 0.5)}

    def test_draws_marks_the_mean(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Sequential((0.25,), 5_000), log_rows([0.25, 0.25, None], [100, 200, 900]))
        drawn = lines(draws(list_trial(one, tmp_path)).axes[0])
        assert [x for x, _ in points(drawn["mean 0"])] == [400]
        assert points(drawn["median 0"]) == [(200, 0)]
        assert [x for x, _ in points(drawn["images 0"])] == [100, 200, 900]

    def test_draws_hides_no_mark_under_another(self, tmp_path: Path) -> None:
        one = job(NORMAL, Gaussian(0.25), FULL)
        write_log(one, tmp_path, Fixed(5_000), log_rows([0.25] * 3, 5_000))
        write_log(one, tmp_path, Sequential((0.25,), 5_000), log_rows([0.25] * 3, [200, 200, 200]))
        axes = draws(list_trial(one, tmp_path)).axes[0]
        drawn = lines(axes)
        ((cap, above),), ((median, middle),), ((mean, below),) = (
            points(drawn[f"{name} 0"]) for name in ("cap", "median", "mean")
        )
        assert cap == 5_000 and mean == median == 200
        # The axis points down: the cap is above the line of the fixed number.
        (fixed,) = (line.get_segments()[0] for line in axes.collections)
        assert above < fixed[:, 1].min() and axes.get_ylim()[1] < above and middle < below
        assert drawn["median 0"].get_zorder() > drawn["images 0"].get_zorder()

    def test_recipes_shows_acr_and_difference(self, tmp_path: Path) -> None:
        for recipe, radii in ((Gaussian(0.5), [0.1, 0.3]), (Consistency(0.5), [0.2, 0.4])):
            one = job(NORMAL, recipe, COMPARISON)
            write_log(one, tmp_path, Fixed(2_000), log_rows(radii, 2_000))
            list_trial(one, tmp_path)
        axes = recipes(folder_of(one, tmp_path)).axes[0]
        drawn = lines(axes)
        assert points(drawn["gaussian 0"]) == [(pytest.approx(0.2), 0)]
        assert points(drawn["consistency 0"]) == [(pytest.approx(0.3), 1)]
        assert points(drawn["published"]) == [(1.558, 0), (1.655, 1)]
        # 2,000 of 2,000 votes certify 0.5 * Phi^-1(0.001^(1 / 2000)).
        assert points(drawn["largest"])[0][0] == pytest.approx(1.35092, abs=2e-5)
        assert axes.get_title().endswith("n = 2,000: ACR can be 1.351 at the most")
        assert [text.get_text() for text in axes.texts] == ["+0.100 [+0.100, +0.100]"]

    def test_smoothed_attack_varies_one_thing_at_a_time(self, tmp_path: Path) -> None:
        made = make_folder(tmp_path, [job(NORMAL, Gaussian(0.5), FULL, (), THOROUGH)])
        figure = smoothed_attack(made)
        # Several lines are not exactly at their values, to be told apart; one is.
        for axes, name, values in zip(figure.axes, ("m", "steps", "restarts"),
                                      ((1, 4, 16, 64), (5, 10, 20, 40), (1, 2, 4)), strict=True):  # fmt: skip
            assert [x for x, _ in points(lines(axes)[f"{name} 0"])] == list(values)
        assert [axes.get_title() for axes in figure.axes] == [
            "steps = 20, restarts = 1", "m = 16, restarts = 1", "m = 16, steps = 20",
        ]  # fmt: skip
