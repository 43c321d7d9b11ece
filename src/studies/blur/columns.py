"""The columns of the three kinds of records, with pandas types, and which of them name a row."""

from __future__ import annotations

COLUMNS = {
    "trial": "str",
    "blur": "str",
    "size": "float64",
    "angle": "float64",
    "classifier": "str",
    "sigma": "float64",
    "n": "int64",
    "image": "int64",
    "label": "int64",
    "prediction": "int64",
}
"""Of an answer. `size` is the blur's in pixels (standard deviation, width or length), `sigma` is the
smoothed classifier's in [0, 1], `n` its votes; 0 where there is none."""

CONDITION = ("blur", "size", "angle", "classifier", "sigma", "n")
KEY = ("trial", *CONDITION, "image")

LAYER_COLUMNS = {
    "trial": "str",
    "stage": "int64",
    "blur": "str",
    "size": "float64",
    "angle": "float64",
    "image": "int64",
    "image_norm": "float64",
    "image_error": "float64",
    "norm": "float64",
    "error": "float64",
    "input_norm": "float64",
    "own_error": "float64",
    "commuting_error": "float64",
    "relu_excess": "float64",
}
"""Of a record of what blur does at one stage of a network; see `measurement.py`."""

LAYER_KEY = ("trial", "stage", "blur", "size", "angle", "image")

CONSTANT_COLUMNS = {
    "trial": "str",
    "stage": "int64",
    "blur": "str",
    "size": "float64",
    "angle": "float64",
    "name": "str",
    "kind": "str",
    "lipschitz": "float64",
    "own_size": "float64",
    "attained": "float64",
    "bound": "float64",
    "absolute": "float64",
    "parameters": "float64",
    "symbol": "float64",
}
"""Of a record of a stage's constants; NaN where it has none."""

CONSTANT_KEY = ("trial", "stage", "blur", "size", "angle")
