"""What a training's objective is called: the same words for the same, other words for any other."""

from __future__ import annotations

import functools
import linecache
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from src.training.described import described
from src.training.losses import loss_of
from src.training.recipes import Consistency, Gaussian
from src.training.trainer import cross_entropy

ROOT = Path(__file__).resolve().parents[2]


def closing_over(value: Any) -> Callable[[], Any]:
    return lambda: value


def function_of(text: str, name: str = "loss") -> Any:
    """As in a source file."""
    file = f"<written for {hash(text)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names: dict[str, Any] = {"__name__": "written"}
    exec(compile(text, file, "exec"), names)
    return names[name]


class Weighted:
    def __init__(self, weight: float) -> None:
        self.weight = weight

    def __call__(self) -> float:
        return self.weight

    def twice(self) -> float:
        return 2 * self.weight

    @tf.function
    def compiled(self) -> float:
        return self.weight


@dataclass(frozen=True, slots=True)
class Slots:
    weight: float


def defaults(weight: Any, keyword: Any) -> Callable[..., Any]:
    def loss(first: Any = weight, *, second: Any = keyword) -> Any:
        return first, second

    return loss


def test_every_recipe_and_setting_has_words_of_its_own() -> None:
    losses = [cross_entropy, *(loss_of(Gaussian(sigma)) for sigma in (0.25, 0.5)), loss_of(Consistency(0.25)),
              loss_of(Consistency(0.25, m=3))]  # fmt: skip
    assert len({described(loss) for loss in losses}) == len(losses)
    assert [described(loss) for loss in losses[1:3]] == [described(loss_of(Gaussian(s))) for s in (0.25, 0.5)]
    assert "sigma=0.25" in described(losses[1])


def test_functions_of_one_line_differ_by_what_they_do() -> None:
    def made(place: int) -> Callable[[float], float]:
        return (lambda value: value + value) if place == 0 else (lambda value: value * value)

    assert described(made(0)) == described(made(0)) != described(made(1))


OTHERS: dict[str, tuple[Any, Any]] = {
    "float32": (np.float32(0.25), np.float32(0.5)),
    "int64": (np.int64(1), np.int64(2)),
    "in a recipe": (Gaussian(np.float32(0.25)), Gaussian(np.float32(0.5))),  # type: ignore[arg-type]
    "bool": (True, 1),
    "large": (2**53 + 1, 2**53 + 2),
    "text": ("1", 1),
    "list": ([1, 2], [1, 3]),
    "dict": ({"a": 1}, {"a": 2}),
    "set": ({1, 2}, {1, 3}),
    "array": (np.zeros(3), np.ones(3)),
    "array's type": (np.zeros(3), np.zeros(3, np.float32)),
    "array's shape": (np.zeros((2, 3)), np.zeros((3, 2))),
    "objects": (np.array([1, "a"], object), np.array([1, "b"], object)),
    "tensor": (tf.zeros(3), tf.ones(3)),
    "path": (Path("a"), Path("b")),
    "dtype": (tf.float32, tf.bfloat16),
    "Keras loss": (
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=False),
    ),
    "Keras layer": (keras.layers.GaussianNoise(0.25), keras.layers.GaussianNoise(0.5)),
    "callable": (Weighted(1), Weighted(2)),
    "method": (Weighted(1).twice, Weighted(2).twice),
    "of two methods": (Weighted(1).twice, Weighted(1).__call__),
    "slots": (Slots(1), Slots(2)),
    "large object": (Weighted(list(range(500))), Weighted(list(range(1, 501)))),  # type: ignore[arg-type]
    "tf.function": (tf.function(closing_over(1)), tf.function(closing_over(2))),
    "partial": (functools.partial(max, 1), functools.partial(max, 2)),
    "partial's keyword": (functools.partial(max, key=1), functools.partial(max, key=2)),
    "builtin": (max, min),
    "defaults": (defaults(1, 1), defaults(2, 1)),
    "keyword defaults": (defaults(1, 1), defaults(1, 2)),
    "code": (function_of("def loss(a):\n    return a + a"), function_of("def loss(a):\n    return a * a")),
    "a global": (function_of("W = 1\ndef loss():\n    return W"), function_of("W = 2\ndef loss():\n    return W")),
}


@pytest.mark.parametrize("name", OTHERS)
def test_others_differ_alone_and_in_a_closure(name: str) -> None:
    first, second = OTHERS[name]
    assert described(first) != described(second)
    assert described(closing_over(first)) != described(closing_over(second))


def test_methods_that_tensorflow_compiles_differ_by_their_object() -> None:
    one, two = Weighted(1), Weighted(2)
    assert described(one.compiled) == described(one.compiled) != described(two.compiled)


DOCUMENTED = '''
@staticmethod
def loss(images, *, weight=2):
    """Text."""
    def inner(values):
        """Text."""
        return [value * weight for value in values]  # a comment
    return inner(images)
'''

SAME: dict[str, tuple[Any, Any]] = {
    "float64": (np.float64(0.25), 0.25),
    "whole": (2, 2.0),
    "whole in a recipe": (Consistency(1, m=2), Consistency(1.0, m=np.int64(2))),  # type: ignore[arg-type]
    "order of a dict": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "order of a set": ({"a", "b", "c"}, {"c", "b", "a"}),
    "tensor": (tf.ones(3), np.ones(3, np.float32)),
    "variable": (tf.Variable(1.0), tf.Variable(2.0)),
    "Keras layer": (keras.layers.GaussianNoise(0.25), keras.layers.GaussianNoise(0.25)),
    "docstring": (
        function_of(DOCUMENTED).__func__,
        function_of("\n" + DOCUMENTED.replace('"""Text."""', '"""Others."""').replace("# a", "# another")).__func__,
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_is_the_same(name: str) -> None:
    first, second = SAME[name]
    assert described(first) == described(second)
    assert described(closing_over(first)) == described(closing_over(second))


def test_a_loss_may_close_over_itself_or_over_a_name_without_a_value() -> None:
    def again(count: int) -> int:
        return again(count - 1) if count else 0

    def empty() -> int:
        return later

    assert "..." in described(again)
    assert "later='empty'" in described(empty)
    later = 1
    assert "later=1.0" in described(empty)
    ring: list[Any] = []
    ring.append(ring)
    one = Weighted(1)
    one.weight = one  # type: ignore[assignment]
    assert described(ring) == "(...)" and described(one).startswith("Weighted(weight=...)")


def test_objects_that_know_each_other_take_no_time() -> None:
    all_of_them = [Weighted(place) for place in range(200)]
    for one in all_of_them:
        one.others = all_of_them  # type: ignore[attr-defined]
    assert len(described(closing_over(all_of_them))) < 100_000


def test_no_address_in_memory_is_in_it() -> None:
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    kept = tf.Variable(1.0), object(), np.ones(3), network, tf.random.Generator.from_seed(1), keras.optimizers.Adam()
    assert "0x" not in described(functools.partial(lambda *values, **options: kept, *kept, other=kept))
    assert described(network) == "Sequential()"


PROGRAM = """
from src.training.described import described
def made(names):
    def loss(value):
        return value in {"a", "b", "c", "d"}, names
    return loss
print(described(made({"a", "b", "c", "d"})))
"""


def test_every_process_says_the_same() -> None:
    said = {
        subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed},
                       capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(said) == 1 and "loss" in said.pop()


def test_code_without_a_source_differs_by_what_it_names() -> None:
    def made(text: str) -> Any:
        names: dict[str, Any] = {"__name__": "written"}
        exec(text, names)
        return names["loss"]

    first, documented, second = (
        made(f"def loss(a):\n    {line}") for line in ("return a + 1", "'Text.'; return a + 1", "return a + 2")
    )
    assert described(first) == described(documented) != described(second)
