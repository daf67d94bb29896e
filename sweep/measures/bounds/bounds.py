"""The eight sharpness-based measures of QGen (eq. 15-22)."""

import math

from torch import Tensor

from sweep.config.measuring import MeasureConfig
from sweep.measures.bounds import BOUNDS, SCALE_OF


class Bounds:
    """The measures x of weights w with initial values w0, both (omega,), trained on m images; printed sqrt(x / m).

    With D = |w - w0|^2 (init) or |w|^2 (orig), sums over all omega weights:
      pacbayes       D / (4 sigma^2) + log(m / sigma) + 10                                             (eq. 15, 16)
      sharpness      D log(2 omega) / (4 alpha^2) + log(m / alpha) + 10                                (eq. 17, 18)
      pacbayes_mag   1/4 sum_i log[(eps^2 + (sigma'^2 + 1) D / omega) / (eps^2 + sigma'^2 (w_i - w0_i)^2)]
                     + log(m / sigma') + 10                                                            (eq. 19, 20)
      sharpness_mag  the same with alpha'^2 + 4 log(2 omega / delta) for sigma'^2 + 1, alpha'^2 below  (eq. 21, 22)
    Deviations: the logarithm's argument is m / scale everywhere, as in the code of Dziugaite et al. 2020; with
    log_argument=paper it is m / delta in eq. 16 and 18-22, and in eq. 17 alpha for the paper's sigma. delta is not
    in the paper.
    """

    def __init__(self, w: Tensor, w0: Tensor, m: int, config: MeasureConfig) -> None:
        w, w0 = w.double(), w0.double()
        self._moved2 = (w - w0) ** 2
        self._norm2 = {"init": self._moved2.sum().item(), "orig": (w**2).sum().item()}
        self._omega, self._m, self._config = len(w), m, config

    def printed(self, scales: dict[str, float | None]) -> dict[str, float | None]:
        """All of `BOUNDS` as sqrt(x / m); None where a scale is missing, nan where x is negative."""
        return {name: self._printed(name, scales) for name in BOUNDS}

    def _printed(self, name: str, scales: dict[str, float | None]) -> float | None:
        family, *magnitude, origin = name.split("_")
        scale = scales[SCALE_OF[name]]
        if scale is None:
            return None
        x = self._magnitude(family, origin, scale) if magnitude else self._plain(family, origin, scale)
        paper = self._config.log_argument == "paper" and (magnitude or origin == "orig")
        x += math.log(self._m / (self._config.delta if paper else scale)) + 10
        return math.sqrt(x / self._m) if x >= 0 else math.nan

    def _plain(self, family: str, origin: str, scale: float) -> float:
        factor = math.log(2 * self._omega) if family == "sharpness" else 1.0
        return self._norm2[origin] * factor / (4 * scale**2)

    def _magnitude(self, family: str, origin: str, scale: float) -> float:
        eps2: float = self._config.magnitude_eps**2
        width: float = 4 * math.log(2 * self._omega / self._config.delta) if family == "sharpness" else 1.0
        above = math.log(eps2 + (scale**2 + width) * self._norm2[origin] / self._omega)
        below = (eps2 + scale**2 * self._moved2).log().sum().item()
        return (self._omega * above - below) / 4
