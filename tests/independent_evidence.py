"""The evidence of a sequential certificate, computed another way than `src` does."""

from __future__ import annotations

import math

from scipy import stats


def log_evidence(hits: int, draws: int, p0: float) -> float:
    """log of (integral of p^k (1 - p)^(n - k) over (p0, 1)) / ((1 - p0) p0^k (1 - p0)^(n - k)).

    The integral is B(k + 1, n - k + 1) P(X <= k) for X ~ Binomial(n + 1, p0), by repeated integration by parts.
    """
    misses = draws - hits
    log_beta = math.lgamma(hits + 1) + math.lgamma(misses + 1) - math.lgamma(draws + 2)
    integral = log_beta + float(stats.binom.logcdf(hits, draws + 1, p0))
    return integral - math.log1p(-p0) - hits * math.log(p0) - misses * math.log1p(-p0)
