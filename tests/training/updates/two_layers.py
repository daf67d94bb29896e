"""Two quantized linear layers with a bias and a ReLU between, forward and backward in numpy, in float64.

y = relu(x Q(W1)^T + b) Q(W2)^T, loss = mean over the images of ||y - t||^2 / 2, Q = LSQ with step sizes s1 and s2.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Values = dict[str, Array]
NAMES = ("w1", "b", "w2", "s1", "s2")
ZERO: Mapping[str, float] = dict.fromkeys((*NAMES, "q1", "q2"), 0.0)


def lsq(w: Array, s: Array, bits: int) -> tuple[Array, Array, Array]:
    """Q(w), dQ/dw and dQ/ds of every element (LSQ eq. 1-3, 5)."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    u = w / s
    inside = (u > low) & (u < high)
    codes = np.rint(np.clip(u, low, high))
    return codes * s, inside.astype(float), np.where(inside, codes - u, codes)


@dataclass
class TwoLayers:
    """`bits` None: no quantizers, and no s1 and s2."""

    bits: int | None

    def backward(
        self, u: Values, x: Array, t: Array, eps: Mapping[str, float | Array] = ZERO, bypassed: bool = False
    ) -> tuple[float, Values]:
        """Loss and gradients at u + eps; `eps` of q1 and q2 is added to the quantized weights, whose gradients are
        also there as q1 and q2. Gradients of s1 and s2 have LSQ's scale."""
        u = {name: value + eps[name] for name, value in u.items()}
        q1, dw1, ds1, q2, dw2, ds2 = (*self._quantized(u, 1, bypassed), *self._quantized(u, 2, bypassed))
        q1, q2 = q1 + eps["q1"], q2 + eps["q2"]
        hidden = x @ q1.T + u["b"]
        active = np.maximum(hidden, 0)
        error = active @ q2.T - t
        dy = error / len(x)
        dh = dy @ q2 * (hidden > 0)
        g = {"q2": dy.T @ active, "q1": dh.T @ x, "b": dh.sum(0)}
        g |= {"w1": g["q1"] * dw1, "w2": g["q2"] * dw2}
        if self.bits is not None:
            high = 2 ** (self.bits - 1) - 1
            for layer, ds in ((1, ds1), (2, ds2)):
                g[f"s{layer}"] = (g[f"q{layer}"] * ds).sum() / np.sqrt(ds.size * high)
        return 0.5 * float((error**2).sum()) / len(x), g

    def _quantized(self, u: Values, layer: int, bypassed: bool) -> tuple[Array, Array, Array]:
        w = u[f"w{layer}"]
        if self.bits is None or bypassed:
            return w, np.ones_like(w), np.zeros_like(w)
        return lsq(w, u[f"s{layer}"], self.bits)


def norm(*arrays: Array) -> float:
    return float(np.sqrt(sum((a**2).sum() for a in arrays)))


def inner(a: Values, b: Values, names: tuple[str, ...]) -> float:
    return float(sum((a[name] * b[name]).sum() for name in names))
