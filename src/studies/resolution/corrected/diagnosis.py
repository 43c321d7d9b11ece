"""Whether the records of protocol `corrected` show an attack that is broken: one that weakens as it gets stronger."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from src.attacks.diagnostics import weakens

ATTACK = ["classifier", "n", "attack", "norm"]
STRENGTHS = ("epsilon", "steps", "restarts", "m")


def signs_of_weakening(records: pd.DataFrame) -> Iterator[str]:
    """A message for each attack that loses images as its budget, steps, restarts or draws grow, beyond chance.

    Args:
        records: of one trial, columns as in `conditions.COLUMNS`; an attack succeeds where the label is not answered.
    """
    attacked = records[~records["attack"].isin(["none", "deepfool"])]
    for strength in STRENGTHS:
        others = [name for name in STRENGTHS if name != strength]
        for kind, rows in attacked.groupby([*ATTACK, *others], sort=True):
            table = rows.assign(success=rows["prediction"] != rows["label"]).pivot(
                index=strength, columns="image", values="success"
            )
            table = table.dropna(axis=1)
            finding = weakens(table.index.tolist(), table.to_numpy(bool), what=strength) if len(table) > 1 else None
            if finding is not None:
                classifier, _, attack, norm = kind[:4]
                yield f"{attack} ({norm}) on {classifier}: {finding}"
