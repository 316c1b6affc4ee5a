"""Quantiles of Student's t and of the beta distribution, to their last bits and without scipy."""

import math
from collections.abc import Callable
from functools import lru_cache

LAST_BITS = 4.0 * 2.0**-53
"""How closely a root is bracketed, relative to it."""


@lru_cache(maxsize=4096)  # a report asks for the same few degrees of freedom again and again
def t_quantile(*, p: float, df: float) -> float:
    """Return the p-quantile (.5 <= p < 1) of Student's t with any positive degrees of freedom."""
    # Student's t is a root of a beta variable: P(T <= t) = 1 - I_x(df/2, 1/2) / 2 with x = df / (df + t^2).
    x = root_between(lambda x: beta_cdf(x=x, a=df / 2.0, b=0.5) - 2.0 * (1.0 - p), 0.0, 1.0)
    if x is None or x <= 0.0:
        return math.inf
    return math.sqrt(df * (1.0 - x) / x)


def beta_quantile(*, p: float, a: float, b: float) -> float | None:
    """Return the p-quantile of a Beta(a, b) variable; None where it has none inside 0 to 1."""
    return root_between(lambda x: beta_cdf(x=x, a=a, b=b) - p, 0.0, 1.0)


def beta_cdf(*, x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) by its continued fraction (Lentz)."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - beta_cdf(x=1.0 - x, a=b, b=a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    fraction = d
    for m in range(1, 10_000):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + factor * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + factor / c
            c = c if abs(c) > tiny else tiny
            fraction *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return math.exp(log_front) * fraction / a


def root_between(f: Callable[[float], float], low: float, high: float) -> float | None:
    """Find the root of a monotone function to its last bits; ``None`` when the ends have one sign.

    Inverse quadratic interpolation where it is safe, else halving (Chandrupatla, 1997).
    """
    x1, x2 = low, high
    f1, f2 = f(x1), f(x2)
    if f1 == 0.0 or f2 == 0.0:
        return x1 if f1 == 0.0 else x2
    if (f1 > 0.0) == (f2 > 0.0):
        return None
    t = 0.5
    for _ in range(200):
        x = x1 + t * (x2 - x1)
        here = f(x)
        if (here > 0.0) == (f1 > 0.0):
            x3, f3 = x1, f1
        else:
            x3, f3, x2, f2 = x2, f2, x1, f1
        x1, f1 = x, here
        best = x2 if abs(f2) < abs(f1) else x1
        least = LAST_BITS * abs(best) / abs(x2 - x1)
        if least > 0.5 or here == 0.0:
            return best
        xi, phi = (x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2)
        t = 0.5
        if phi * phi < xi and (1.0 - phi) ** 2 < 1.0 - xi:
            t = f1 / (f2 - f1) * f3 / (f2 - f3)
            t += (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
        t = min(1.0 - least, max(least, t))
    return best
