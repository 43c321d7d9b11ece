"""The loop over draws: which noise it adds, that it sums, and what it must not depend on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from src.base import InputError
from src.smoothing import monte_carlo
from src.smoothing.monte_carlo import MAX_ROWS_CPU, MonteCarlo, rows_that_fit
from src.smoothing.noise import DRAW_BLOCK, Stream, noise_blocks

SHAPE = (4, 4, 1)
SIZE = 16


def pixels() -> keras.Model:
    """A network that hands on its pixels, so that sums show the noisy images themselves."""
    return keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()])


def noise_of(seed: int, stream: int, index: int, n: int, size: int = SIZE) -> np.ndarray:
    """(n, size) float32, draws 0 to n - 1 of an image, straight from `noise_blocks`."""
    blocks = np.arange(-(-n // DRAW_BLOCK))
    key = [tf.constant(value, tf.int64) for value in (seed, stream, np.full(len(blocks), index), blocks)]
    return noise_blocks(*key, size).numpy().reshape(-1, size)[:n]


def images_of(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, *SHAPE), np.float32)


@pytest.fixture(scope="module")
def sums() -> MonteCarlo:
    """Sums of the noisy pixels, their squares, and one for each draw."""
    return MonteCarlo(pixels(), lambda out: tf.concat([out, out**2, tf.ones_like(out[:, :1])], axis=1))


class TestSums:
    @given(
        n=st.integers(1, 60),
        indices=st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=7),
        sigma=st.sampled_from([0.0, 0.15 / 255, 0.25, 3.0]),
        seed=st.integers(0, 2**48 - 1),
        stream=st.sampled_from(Stream),
    )
    @settings(max_examples=40, derandomize=True, deadline=None)
    def test_equal_those_over_the_keyed_noise_added_unclipped(
        self, sums: MonteCarlo, n: int, indices: list[int], sigma: float, seed: int, stream: Stream
    ) -> None:
        images = images_of(len(indices))
        got = sums(images, indices, sigma, n, seed, stream).numpy()
        for image, index, row in zip(images, indices, got, strict=True):
            noisy = image.ravel() + np.float32(sigma) * noise_of(seed, stream, index, n)
            noisy = noisy.astype(np.float64)
            np.testing.assert_allclose(row[:SIZE], noisy.sum(0), rtol=1e-6, atol=1e-5)
            np.testing.assert_allclose(row[SIZE:-1], (noisy**2).sum(0), rtol=1e-6, atol=1e-5)
            assert row[-1] == n

    @pytest.mark.parametrize("batch", [1, 24, 25, 26, 51])
    @pytest.mark.parametrize("n", [10, 11, 250, 251, 499])
    def test_counts_every_draw_once_where_chunks_end(self, sums: MonteCarlo, batch: int, n: int) -> None:
        got = sums(images_of(batch), np.arange(batch), 0.5, n, 0, Stream.ESTIMATION).numpy()
        assert (got[:, -1] == n).all()

    def test_a_sum_of_many_draws_keeps_its_digits(self, sums: MonteCarlo) -> None:
        """Ones summed in float32 would still be exact here; 0.1, rounded on the way, would drift."""
        got = sums(np.full((1, *SHAPE), 0.1, np.float32), [0], 0.0, 300_000, 0, Stream.ATTACK).numpy()
        np.testing.assert_allclose(got[0, :SIZE], 300_000 * np.float64(np.float32(0.1)), rtol=2e-7)

    def test_accepts_a_batch_of_none(self, sums: MonteCarlo) -> None:
        assert sums(images_of(0), np.zeros(0), 0.5, 10, 0, Stream.ATTACK).shape == (0, 2 * SIZE + 1)

    @given(skipped=st.integers(0, 6), n=st.integers(1, 45))
    @settings(max_examples=25, derandomize=True, deadline=None)
    def test_skip_the_first_draws(self, sums: MonteCarlo, skipped: int, n: int) -> None:
        first = skipped * DRAW_BLOCK
        got = sums(images_of(3), [5, 0, 9], 0.5, n, 7, Stream.ESTIMATION, first).numpy()
        for image, index, row in zip(images_of(3), [5, 0, 9], got, strict=True):
            noisy = image.ravel() + np.float32(0.5) * noise_of(7, Stream.ESTIMATION, index, first + n)[first:]
            np.testing.assert_allclose(row[:SIZE], noisy.sum(0, np.float64), rtol=1e-6, atol=1e-5)
            assert row[-1] == n

    @pytest.mark.parametrize("first", [-10, 5, 101])
    def test_refuses_to_skip_a_part_of_a_draw_block(self, sums: MonteCarlo, first: int) -> None:
        with pytest.raises(InputError, match=f"first.*got {first}"):
            sums(images_of(1), [0], 0.5, 10, 0, Stream.ATTACK, first)

    @pytest.mark.parametrize("seed", [-1, 2**48, 0.5])
    def test_refuses_a_seed_out_of_range(self, sums: MonteCarlo, seed: float) -> None:
        with pytest.raises(InputError, match=f"seed.*got {seed}"):
            sums(images_of(1), [0], 0.5, 10, seed, Stream.ATTACK)


class Spy(keras.layers.Layer):
    """Hands on its input, and notes the static shape and the mode each time that it is traced or run."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple] = []
        self.modes: list[object] = []

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        self.shapes.append(tuple(inputs.shape))
        self.modes.append(training)
        return inputs


@pytest.fixture(scope="module")
def spied() -> tuple[Spy, MonteCarlo]:
    spy = Spy()
    loop = MonteCarlo(keras.Sequential([keras.Input(SHAPE), spy, keras.layers.Flatten()]), tf.identity)
    loop(images_of(2), [0, 1], 0.5, 10, 0, Stream.ATTACK)
    return spy, loop


class TestOneGraph:
    def test_is_traced_once_for_all_batches_n_sigmas_seeds_and_streams(self, spied: tuple[Spy, MonteCarlo]) -> None:
        spy, loop = spied
        before = len(spy.shapes)
        for batch in (1, 2, 7, 40):
            for n in (1, 10, 33):
                for sigma in (0.0, 1, np.float32(0.3)):
                    loop(images_of(batch), np.arange(batch), sigma, n, batch * n, Stream(n % 4))
        assert len(spy.shapes) == before
        assert loop._sums.experimental_get_tracing_count() == 1

    def test_the_network_sees_one_chunk_at_a_time(self, spied: tuple[Spy, MonteCarlo]) -> None:
        spy, loop = spied
        assert spy.shapes[-1] == (loop.rows, *SHAPE)
        assert not {shape[0] for shape in spy.shapes} - {None, 1, loop.rows}

    def test_the_network_runs_outside_training(self, spied: tuple[Spy, MonteCarlo]) -> None:
        assert spied[0].modes[-1] is False

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak of memory from /proc")
    def test_memory_does_not_grow_with_n(self) -> None:
        """50,000 draws of 28x28 are 157 MB; a chunk is 0.8 MB."""
        shape = (28, 28, 1)
        network = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(2)])
        loop = MonteCarlo(network, tf.identity)
        image = np.zeros((1, *shape), np.float32)
        loop(image, [0], 0.5, 1000, 0, Stream.ATTACK)
        try:
            Path("/proc/self/clear_refs").write_text("5")  # lowers the peak to what is in use now
        except OSError:
            pytest.skip("the peak of memory can't be reset here")
        before = memory_kilobytes("VmRSS")
        loop(image, [0], 0.5, 50_000, 0, Stream.ATTACK)
        assert memory_kilobytes("VmHWM") - before < 40_000


def memory_kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


class TestRowsThatFit:
    @pytest.fixture
    def machine(self, monkeypatch: pytest.MonkeyPatch):
        """A machine without GPU and with so many bytes of memory."""
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda *_: [])

        def of(memory: int) -> None:
            monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": memory}.__getitem__)

        return of

    @given(st.integers(1, 2**36), st.integers(1, 2000))
    @settings(max_examples=100, derandomize=True, deadline=None)
    def test_is_a_multiple_of_the_draw_block_within_bounds_and_share(self, memory: int, units: int) -> None:
        network = keras.Sequential([keras.Input((8,)), keras.layers.Dense(units)])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tf.config, "list_physical_devices", lambda *_: [])
            patch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": memory}.__getitem__)
            rows = rows_that_fit(network)
        assert rows % DRAW_BLOCK == 0
        assert DRAW_BLOCK <= rows <= MAX_ROWS_CPU
        assert rows == DRAW_BLOCK or rows * units * 4 <= memory * monte_carlo.MEMORY_SHARE
        # And no smaller than it need be.
        assert rows == MAX_ROWS_CPU or (rows + DRAW_BLOCK) * units * 4 > memory * monte_carlo.MEMORY_SHARE

    def test_less_memory_means_fewer_rows(self, machine) -> None:
        network = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1000)])
        rows = []
        for memory in (2**40, 2**22 * 2, 2**22, 1):
            machine(memory)
            rows.append(rows_that_fit(network))
        assert rows == [MAX_ROWS_CPU, 130, 60, DRAW_BLOCK]

    def test_is_the_chunk_of_the_loop(self, machine) -> None:
        machine(64 * 16 * 40)  # 40 rows of the 16 pixels, at a sixteenth of the memory
        loop = MonteCarlo(pixels(), tf.identity)
        assert loop.rows == 40
        got = loop(images_of(3), [5, 6, 7], 0.5, 37, 3, Stream.ESTIMATION).numpy()
        for image, index, row in zip(images_of(3), (5, 6, 7), got, strict=True):
            expected = (image.ravel() + np.float32(0.5) * noise_of(3, Stream.ESTIMATION, index, 37)).sum(0, np.float64)
            np.testing.assert_allclose(row, expected, rtol=1e-6, atol=1e-5)


def test_rows_that_fit_looks_inside_nested_models() -> None:
    body = [keras.layers.Conv2D(512, 3, padding="same"), keras.layers.Flatten()]
    flat = keras.Sequential([keras.Input((224, 224, 3)), *body])
    nested = keras.Sequential([keras.Input((224, 224, 3)), keras.Sequential(body)])
    assert rows_that_fit(nested) == rows_that_fit(flat) < MAX_ROWS_CPU
