"""Keyed noise: Gaussian to the tails, one key one noise, and keys independent of each other.

All seeds are fixed, so a test that passes keeps passing; a false alarm could only strike when a seed or the generator
changes. Each statistical test states its rate. Together they stay below one in ten thousand.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from src.base import InputError
from src.smoothing import noise
from src.smoothing.noise import DRAW_BLOCK, MAX_SEED, Stream, check_seed, noise_blocks

SEED, STREAM, INDEX, BLOCK = 20231, int(Stream.ESTIMATION), 41, 6
"""The key that the others are compared with."""

_compiled = tf.function(noise_blocks, reduce_retracing=True)


def draws(seed: int, stream: int, indices: object, blocks: object, size: int) -> np.ndarray:
    """(keys, DRAW_BLOCK, size) noise of the keys (seed, stream, index, block)."""
    indices, blocks = np.broadcast_arrays(np.asarray(indices, np.int64), np.asarray(blocks, np.int64))
    return _compiled(
        tf.constant(seed, tf.int64), tf.constant(stream, tf.int64), tf.constant(indices), tf.constant(blocks), size
    ).numpy()


def neighbours(size: int) -> dict[str, np.ndarray]:
    """Noise of SEED, STREAM, INDEX, BLOCK, and of keys that differ from it in one of the four, by one or by far."""
    key = {"seed": SEED, "stream": STREAM, "index": INDEX, "block": BLOCK}
    others = {
        "seed": [SEED + 1, SEED + 2**20, MAX_SEED],
        "stream": [int(Stream.SELECTION), int(Stream.ATTACK), int(Stream.SCORING)],
        "index": [INDEX + 1, 0, 2**31 - 1],
        "block": [BLOCK + 1, 0, 2**32 - 1],
    }
    keys = {"itself": key} | {
        f"{name} {value}": key | {name: value} for name, values in others.items() for value in values
    }
    # Where two fields could be mistaken for one another.
    keys |= {"index and block swapped": key | {"index": BLOCK, "block": INDEX}}
    keys |= {"seed and stream swapped": key | {"seed": STREAM, "stream": 3}}
    return {name: draws(k["seed"], k["stream"], [k["index"]], [k["block"]], size)[0] for name, k in keys.items()}


@pytest.fixture(scope="module")
def sample() -> np.ndarray:
    """Four million draws over 1000 keys, 500 images x 2 blocks, in order of size."""
    indices, blocks = np.divmod(np.arange(1000), 2)
    return np.sort(draws(SEED, STREAM, indices, blocks, 400), axis=None).astype(np.float64)


@pytest.fixture(scope="module")
def family() -> dict[str, np.ndarray]:
    """200,000 draws of each of 15 neighbouring keys."""
    return {name: values.ravel().astype(np.float64) for name, values in neighbours(20_000).items()}


class TestDistribution:
    def test_follows_the_normal_distribution_function(self, sample: np.ndarray) -> None:
        # Kolmogorov-Smirnov at its limit law: rate 1e-6. With 4e6 draws it sees a distance of 0.0014.
        distance = np.abs(stats.norm.cdf(sample) - (np.arange(len(sample)) + 0.5) / len(sample)).max()
        assert distance < stats.kstwobign.isf(1e-6) / np.sqrt(len(sample))

    def test_each_position_of_a_block_follows_it(self) -> None:
        # 10 draws x 4 pixels; a position that were wrong alone would hide among the others. Rate 40 x 1e-7.
        values = draws(SEED, STREAM, np.arange(10_000), 0, 4).reshape(-1, DRAW_BLOCK * 4)
        for position in values.T:
            assert stats.kstest(position, "norm").pvalue > 1e-7

    def test_moments(self, sample: np.ndarray) -> None:
        # Mean, variance, third and fourth moment at 5.5 standard errors: rate 4 x 4e-8.
        root = np.sqrt(len(sample))
        powers = np.ones_like(sample)
        for power, expected, variance in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:
            powers *= sample
            assert abs(powers.mean() - expected) < 5.5 * np.sqrt(variance) / root, f"moment {power}"

    @pytest.mark.parametrize("limit", [2, 3, 4, 5])
    @pytest.mark.parametrize("side", [-1, 1])
    def test_tails_hold_as_many_draws_as_the_binomial_law_allows(
        self, sample: np.ndarray, limit: int, side: int
    ) -> None:
        # Rate 8 x 2e-7. Beyond 4 sigma 127 are expected on each side, beyond 5 about one: see the next test.
        count = int((side * sample > limit).sum())
        low, high = stats.binom.ppf([1e-7, 1 - 1e-7], len(sample), stats.norm.sf(limit))
        assert low <= count <= high

    def test_far_tail(self) -> None:
        # Of 6e7 draws 34.4 are expected beyond 5 sigma, 9 to 71 allowed: rate 2e-7. A tail that ended there holds none.
        total = beyond = 0
        for seed in range(6):
            values = draws(seed, STREAM, np.arange(1000), 0, 1000)
            beyond += int((np.abs(values) > 5).sum())
            total += values.size
        low, high = stats.binom.ppf([1e-7, 1 - 1e-7], total, 2 * stats.norm.sf(5))
        assert low >= 5
        assert low <= beyond <= high

    def test_neither_a_value_is_infinite_nor_are_many_the_same(self, sample: np.ndarray) -> None:
        assert np.isfinite(sample).all()
        # Float32 rounds some to the same value; a key drawn twice would repeat all of its own.
        assert (np.diff(sample) > 0).mean() > 0.75


class TestExtremeBits:
    @pytest.fixture
    def fed(self, monkeypatch: pytest.MonkeyPatch):
        """`standard_normal` of chosen random bits: (2, count) uint32 -> 2 x count values."""

        def values(bits: list[list[int]]) -> np.ndarray:
            bits = np.array(bits, np.uint32)
            monkeypatch.setattr(tf.random, "stateless_uniform", lambda *_, **__: tf.constant(bits))
            return noise.standard_normal(tf.constant([0, 0], tf.int64), bits.size).numpy()

        return values

    def test_any_extreme_gives_finite_values(self, fed) -> None:
        extremes = [0, 1, 2, 2**31 - 1, 2**31, 2**32 - 129, 2**32 - 128, 2**32 - 2, 2**32 - 1]
        first, second = zip(*itertools.product(extremes, extremes), strict=True)
        values = fed([list(first), list(second)])
        assert values.shape == (2 * len(extremes) ** 2,)
        assert np.isfinite(values).all()
        assert np.abs(values).max() < 6.8

    def test_the_smallest_uniform_reaches_beyond_six_sigma(self, fed) -> None:
        """-2 log(2^-33) under the root is 6.76; uniforms of 23 bits would end at 5.8."""
        assert fed([[0], [0]])[0] == pytest.approx(np.sqrt(66 * np.log(2)), rel=1e-6)

    @given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
    @settings(max_examples=50, derandomize=True, deadline=None)
    def test_is_the_transform_of_box_and_muller(self, first: int, second: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            bits = tf.constant([[first], [second]], tf.uint32)
            patch.setattr(tf.random, "stateless_uniform", lambda *_, **__: bits)
            cosine, sine = noise.standard_normal(tf.constant([0, 0], tf.int64), 2).numpy()
        length = np.sqrt(-2 * np.log(min((first + 0.5) * 2.0**-32, 1.0)))
        angle = 2 * np.pi * (second + 0.5) * 2.0**-32
        # A uniform near 1 is rounded to 24 bits: its length, near zero, is good to 4e-4.
        assert cosine == pytest.approx(length * np.cos(angle), rel=1e-5, abs=4e-4)
        assert sine == pytest.approx(length * np.sin(angle), rel=1e-5, abs=4e-4)


class TestCount:
    @pytest.mark.parametrize("count", [1, 2, 5, 40, 999])
    def test_any_count_as_number_or_tensor(self, count: int) -> None:
        key = tf.constant([3, 4], tf.int64)
        values = noise.standard_normal(key, count).numpy()
        assert values.shape == (count,)
        np.testing.assert_array_equal(noise.standard_normal(key, tf.constant(count)).numpy(), values)
        # The last of an odd count has no partner; the others are those of one more.
        np.testing.assert_array_equal(noise.standard_normal(key, count + count % 2).numpy()[:count], values)

    def test_a_count_known_only_in_the_graph(self) -> None:
        signature = [tf.TensorSpec([2], tf.int64), tf.TensorSpec([], tf.int32)]
        compiled = tf.function(noise.standard_normal, input_signature=signature)
        for count in (1, 7, 8):
            assert compiled(tf.constant([1, 2], tf.int64), count).shape == (count,)

    def test_an_odd_count_is_as_normal_as_an_even_one(self) -> None:
        # 3 places of 20,000 keys, each by Kolmogorov and Smirnov: rate 3e-7.
        @tf.function
        def threes(keys: tf.Tensor) -> tf.Tensor:
            return tf.map_fn(lambda key: noise.standard_normal(key, 3), keys, fn_output_signature=tf.float32)

        values = threes(tf.stack([tf.fill([20_000], np.int64(8)), tf.range(20_000, dtype=tf.int64)], axis=1)).numpy()
        for place in values.T:
            assert stats.kstest(place, "norm").pvalue > 1e-7
        assert np.abs(np.corrcoef(values.T) - np.eye(3)).max() < 6 / np.sqrt(len(values))


class TestKeys:
    def test_keys_that_differ_in_one_field_are_uncorrelated(self, family: dict[str, np.ndarray]) -> None:
        # Values and squares (partners of Box-Muller share their length), 105 pairs, n = 200,000, each at 6 standard
        # errors: rate 210 x 2e-9. A common share of 1.4% of the variance would be seen.
        for power in (1, 2):
            rows = np.stack([values**power for values in family.values()])
            correlation = np.corrcoef(rows) - np.eye(len(rows))
            assert np.abs(correlation).max() < 6 / np.sqrt(rows.shape[1]), f"power {power}"

    def test_no_key_repeats_another_shifted(self, family: dict[str, np.ndarray]) -> None:
        # Counters that overlap would give a shifted copy: correlation over every lag at 7 standard errors,
        # 14 x 200,000 lags: rate 7e-6 by the union bound.
        spectra = {name: np.fft.rfft(values) for name, values in family.items()}
        count = next(iter(family.values())).size
        own = np.conj(spectra.pop("itself"))
        for name, spectrum in spectra.items():
            lags = np.fft.irfft(spectrum * own, count) / count
            assert np.abs(lags).max() < 7 / np.sqrt(count), name

    def test_draws_of_a_block_are_uncorrelated(self) -> None:
        # 10 draws x 2 pixels of one block, over 50,000 keys: 190 pairs, values and squares, at 6 standard errors,
        # rate 380 x 2e-9. Cosine and sine partners are among the pairs.
        values = draws(SEED, STREAM, np.arange(50_000), 3, 2).reshape(-1, 2 * DRAW_BLOCK).astype(np.float64)
        for power in (1, 2):
            correlation = np.corrcoef(values.T**power) - np.eye(values.shape[1])
            assert np.abs(correlation).max() < 6 / np.sqrt(len(values)), f"power {power}"

    def test_cosine_and_sine_partners_are_independent_jointly(self) -> None:
        # 1e6 pairs in 16 x 16 cells of equal probability: chi-square with 255 degrees of freedom, rate 1e-7.
        values = draws(SEED, STREAM, np.arange(1000), 0, 200).reshape(1000, -1)
        cosine, sine = np.split(values, 2, axis=1)
        cells = [np.floor(16 * stats.norm.cdf(part)).astype(int).ravel() for part in (cosine, sine)]
        counts = np.bincount(16 * cells[0] + cells[1], minlength=256)
        assert stats.chisquare(counts).pvalue > 1e-7

    def test_successive_seeds_images_and_blocks_at_one_position_look_drawn_anew(self) -> None:
        # The first value of each key: normal, and without correlation to the next key's, rate 3 x 2e-7.
        for values in (
            draws(SEED, STREAM, np.arange(20_000), 0, 1)[:, 0, 0],
            draws(SEED, STREAM, 5, np.arange(20_000), 1)[:, 0, 0],
            np.array([draws(seed, STREAM, [5], [0], 1)[0, 0, 0] for seed in range(1_000)]),
        ):
            assert stats.kstest(values, "norm").pvalue > 1e-7
            assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 5.4 / np.sqrt(len(values))

    def test_different_keys_never_give_the_same_noise(self) -> None:
        rows = [values.tobytes() for values in neighbours(16).values()]
        assert len(set(rows)) == len(rows)

    def test_no_field_runs_over_into_the_next(self) -> None:
        """A key packs its fields into two words: a large block must not look like another image."""
        values = [draws(SEED, STREAM, [INDEX + 1], [BLOCK], 4)]
        values += [draws(SEED, STREAM, [INDEX], [BLOCK + 2**bit], 4) for bit in range(32)]
        values += [draws(SEED, STREAM, [INDEX + 2**bit], [BLOCK], 4) for bit in range(1, 31)]
        values += [draws(SEED + 2**bit, STREAM, [INDEX], [BLOCK], 4) for bit in range(48)]
        values += [draws(seed, stream, [0], [0], 4) for seed in range(4) for stream in Stream]
        assert len({block.tobytes() for block in values}) == len(values)

    def test_streams_are_four(self) -> None:
        assert sorted(Stream) == [0, 1, 2, 3]

    @given(
        seed=st.integers(0, MAX_SEED),
        stream=st.sampled_from(Stream),
        keys=st.lists(
            st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**32 - 1)), min_size=1, max_size=6, unique=True
        ),
        data=st.data(),
    )
    @settings(max_examples=60, derandomize=True, deadline=None)
    def test_a_key_s_noise_does_not_depend_on_the_others_in_the_call_or_their_order(
        self, seed: int, stream: Stream, keys: list[tuple[int, int]], data: st.DataObject
    ) -> None:
        together = dict(zip(keys, draws(seed, stream, *np.transpose(keys), 7), strict=True))
        assert len({values.tobytes() for values in together.values()}) == len(keys)
        shuffled = data.draw(st.permutations(keys))
        for key, values in zip(shuffled, draws(seed, stream, *np.transpose(shuffled), 7), strict=True):
            np.testing.assert_array_equal(values, together[key])
        for key in keys:
            np.testing.assert_array_equal(draws(seed, stream, [key[0]], [key[1]], 7)[0], together[key])

    def test_eager_and_compiled_agree(self) -> None:
        arguments = [tf.constant(value, tf.int64) for value in (SEED, STREAM, [3, 1], [0, 9])]
        np.testing.assert_array_equal(noise_blocks(*arguments, 7).numpy(), draws(SEED, STREAM, [3, 1], [0, 9], 7))

    @pytest.mark.parametrize("size", [1, 2, 5, 16])
    def test_shape_and_type(self, size: int) -> None:
        values = draws(SEED, STREAM, [0, 1, 2], [0, 0, 0], size)
        assert values.shape == (3, DRAW_BLOCK, size)
        assert values.dtype == np.float32


class TestCheckSeed:
    @pytest.mark.parametrize("seed", [0, 1, MAX_SEED, np.int64(7)])
    def test_accepts_whole_numbers_in_range(self, seed: int) -> None:
        assert check_seed(seed) is None, "it raises nothing"

    @pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, 2**64, 1.5, float("nan"), float("inf")])
    def test_names_what_it_refuses(self, seed: float) -> None:
        with pytest.raises(InputError, match=rf"seed.*got {seed}\."):
            check_seed(seed)
