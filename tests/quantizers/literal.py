"""Quantizers written out one number at a time, in float64: (value, d/dx, d/d parameter) of each."""

import math


def lsq(v: float, s: float, qmin: int, qmax: int) -> tuple[float, float, float]:
    """vhat (eq. 1-2), dvhat/dv (eq. 5), dvhat/ds (eq. 3) of Esser et al., halves to even."""
    u = v / s
    if u <= qmin:
        return qmin * s, 0.0, qmin
    if u >= qmax:
        return qmax * s, 0.0, qmax
    return round(u) * s, 1.0, round(u) - u


def lsq_plus(x: float, s: float, beta: float, qmax: int) -> tuple[float, float, float, float]:
    """xhat, dxhat/dx, dxhat/ds, dxhat/dbeta of Bhalgat et al."""
    value, dx, ds = lsq(x - beta, s, 0, qmax)
    return value + beta, dx, ds, 1.0 - dx


def pact(x: float, alpha: float, bits: int) -> tuple[float, float, float]:
    steps = 2**bits - 1
    if x >= alpha:
        return alpha, 0.0, 1.0
    if x <= 0:
        return 0.0, 0.0, 0.0
    return round(x * steps / alpha) * alpha / steps, 1.0, 0.0


def saq_activation(x: float, a: float, bits: int) -> tuple[float, float, float]:
    """SAQ eq. 1-2; with gradient 1 through the rounding, dQ/da = Q/a - x/a inside."""
    steps, clip, sign = 2**bits - 1, abs(a), math.copysign(1, a)
    u = x / clip
    if u <= 0:
        return 0.0, 0.0, 0.0
    if u >= 1:
        return clip, 0.0, sign
    q = round(u * steps) / steps
    return clip * q, 1.0, sign * (q - u)


def saq_weight(w: float, mean: float, std: float, a: float, bits: int) -> tuple[float, float, float]:
    steps, clip, sign = 2**bits - 1, abs(a), math.copysign(1, a)
    u = (w - mean) / std / clip
    if u <= -1:
        return -clip, 0.0, -sign
    if u >= 1:
        return clip, 0.0, sign
    q = 2 * round((u + 1) / 2 * steps) / steps - 1
    return clip * q, 1 / std, sign * (q - u)


def dorefa(weights: list[float], bits: int) -> list[float]:
    steps, largest = 2**bits - 1, max(abs(math.tanh(w)) for w in weights)
    return [2 * round(steps * (math.tanh(w) / (2 * largest) + 0.5)) / steps - 1 for w in weights]


def dorefa_gradient(weights: list[float], upstream: list[float]) -> list[float]:
    """Of sum(upstream * t / max|t|), t = tanh(w): through tanh, and through the maximum."""
    t = [math.tanh(w) for w in weights]
    peak = max(range(len(t)), key=lambda i: abs(t[i]))
    largest = abs(t[peak])
    dt = [u / largest for u in upstream]
    through_maximum = sum(u * x for u, x in zip(upstream, t, strict=True)) / largest**2
    dt[peak] -= math.copysign(1, t[peak]) * through_maximum
    return [d * (1 - x * x) for d, x in zip(dt, t, strict=True)]


def diffq_grid(weights: list[float], bits: int) -> list[float]:
    low, step = min(weights), (max(weights) - min(weights)) / (2**bits - 1)
    return [low + step * round((w - low) / step) for w in weights]
