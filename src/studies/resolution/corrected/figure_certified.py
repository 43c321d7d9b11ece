"""Figure: certified accuracy against radius, a panel for each network, beside the published points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.reporting.plotting import PAPER_MARK, styled
from src.statistics.intervals import certified_radii
from src.studies.resolution.config import NORMAL
from src.studies.resolution.corrected.certificate_tables import PUBLISHED_DRAWS, published_for
from src.studies.resolution.corrected.figure_choices import (
    alike_logs,
    entitled,
    gaussian,
    longest_trained,
    one_of_each,
)
from src.studies.resolution.corrected.figure_parts import (
    ACCURACY_LIMITS,
    bars,
    draw_curve,
    handle,
    missing_figure,
    named,
    panel_grid,
    schedule_text,
    several,
    shares,
    sigma_style,
    variants_of,
)
from src.studies.resolution.corrected.measurements import Log, Measured, load_measurements

TITLE = "Certified accuracy against l2 radius, networks trained on noisy images"


@styled
def certified_accuracy(folder: Path) -> Figure:
    """Certified accuracy against radius, of the longest trained Gaussian networks, a panel for each variant.

    A line for each sigma (of one seed and precision), with its 95% score interval. A panel's lines are of the largest
    number of draws that all its networks were certified with; if there is none, each is of its own largest. The title
    says how many, and of how many images each line is. With fewer draws than the published points have, a line ends at
    a smaller radius. Sequential certification of several radii stands as points with their intervals, as far as its cap
    can certify; diamonds are published, of 100,000 draws on 10,000 images of 28x28.

    Args:
        folder: results/resolution/<profile>/corrected.

    Raises:
        InputError: a file is damaged.
    """
    drawn = [one for one in gaussian(load_measurements(folder)) if any(log.is_fixed for log in one.logs)]
    drawn = one_of_each(longest_trained(drawn))
    if not drawn:
        return missing_figure(TITLE, "certificates of a network with the Gaussian recipe")
    names = variants_of(drawn)
    logs = {name: alike_logs(one for one in drawn if one.trial.variant == name) for name in names}
    figure, panels = panel_grid(len(names), 3, 2.25, 1.5, sharex=True, sharey=True)
    for place, (axes, name) in enumerate(zip(panels, names, strict=True)):
        _panel(axes, logs[name])
        if place % 3 == 0:
            axes.set_ylabel("certified accuracy (share of images)")
        if place + 3 >= len(names):
            axes.set_xlabel("l2 radius, pixels in [0, 1]")
    figure.suptitle(entitled(TITLE, drawn))
    sigmas = sorted({one.sigma for one in drawn})
    handles = [handle(f"σ = {sigma:g}", **{**sigma_style(sigma), "marker": ""}) for sigma in sigmas]
    grids = [log for one in drawn for log in _sequential(one)]
    if grids:
        caps, images = several(log.draws for log in grids), several(len(log.rows) for log in grids)
        text = f"sequential, at most {caps} draws; {images} images"
        handles.append(handle(text, color="black", marker="o", markersize=3, linestyle="none"))
    if any(published_for(one) for one in drawn):
        handles.append(handle("published, in its σ's colour: n = 100,000; 10,000 images", **PAPER_MARK))
    note = _note(logs.get(NORMAL.name, []))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, title=note)
    return figure


def _note(beside_published: list[tuple[Measured, Log]]) -> str:
    note = "Shaded: 95% interval. A line falls to 0 where its n draws certify no more."
    fewer = several(log.draws for _, log in beside_published if log.draws < PUBLISHED_DRAWS)
    return f"{note}\nn = {fewer} certifies less than the published n = {PUBLISHED_DRAWS:,}." if fewer else note


def _panel(axes: Axes, logs: list[tuple[Measured, Log]]) -> None:
    for one, log in logs:
        style = sigma_style(one.sigma)
        draw_curve(axes, certified_radii(log.rows), log.largest_radius, float, True, label=f"{one.sigma:g}", **style)
        for sequential in _sequential(one):
            radii = np.array([radius for radius in sequential.grid if radius <= sequential.largest_radius])
            points = shares(certified_radii(sequential.rows), radii)
            axes.errorbar(
                radii, points[0], bars(points), fmt=style["marker"], color=style["color"], markersize=3, linewidth=0.9,
                label=f"sequential {one.sigma:g}",
            )  # fmt: skip
        reference = published_for(one)
        if reference is not None:
            mark = PAPER_MARK | {"color": style["color"], "markeredgecolor": style["color"]}
            axes.plot(*zip(*reference.accuracy.items(), strict=True), label=f"published {one.sigma:g}", **mark)
    first = logs[0][0]
    axes.set_title(f"{named(first.trial.variant)}\n{schedule_text(first)}\n{_counts(logs)}", fontsize=7.5)
    axes.set_ylim(*ACCURACY_LIMITS)


def _counts(logs: list[tuple[Measured, Log]]) -> str:
    """Draws and images; where the lines differ, a line of text for those that do not."""
    alike: dict[str, list[str]] = {}
    for one, log in logs:
        alike.setdefault(f"n = {log.draws:,}; {len(log.rows):,} test images", []).append(f"{one.sigma:g}")
    if len(alike) == 1:
        return next(iter(alike))
    return "\n".join(f"σ = {', '.join(sigmas)}: {counts}" for counts, sigmas in alike.items())


def _sequential(one: Measured) -> list[Log]:
    """Those of several radii (a single one would be a single point), where the cap certifies any."""
    return [log for log in one.logs if len(log.grid) > 1 and log.largest_radius >= log.grid[0]]
