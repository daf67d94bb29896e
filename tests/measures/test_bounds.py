"""QGen eq. 15-22, literally, one weight after the other."""

import math

import pytest
import torch

from sweep.config.measuring import make_measure_config
from sweep.measures.bounds import BOUNDS
from sweep.measures.bounds.bounds import Bounds

W, W0, M = [0.5, -1.5, 0.25, 2.0], [0.1, 0.3, -0.2, 1.9], 50
SCALES = {"sigma": 0.2, "sigma_mag": 0.3, "alpha": 0.4, "alpha_mag": 0.7}
EPS, DELTA = 1e-3, 0.05


def plain(of: list[float], factor: float, scale: float, log_argument: float) -> float:
    return sum(x**2 for x in of) * factor / (4 * scale**2) + math.log(log_argument) + 10


def magnitude(of: list[float], scale: float, width: float, log_argument: float) -> float:
    total = 0.0
    for w, w0 in zip(W, W0, strict=True):
        above = EPS**2 + (scale**2 + width) * sum(x**2 for x in of) / len(W)
        total += math.log(above / (EPS**2 + scale**2 * (w - w0) ** 2))
    return total / 4 + math.log(log_argument) + 10


@pytest.mark.parametrize("log_argument", ["scale", "paper"])
def test_the_eight_measures(log_argument: str) -> None:
    moved = [w - w0 for w, w0 in zip(W, W0, strict=True)]
    sharp, wide = math.log(2 * len(W)), 4 * math.log(2 * len(W) / DELTA)
    s, sm, a, am = SCALES.values()
    paper = log_argument == "paper"
    ms, msm, ma, mam = (M / (DELTA if paper else scale) for scale in SCALES.values())
    expected = {
        "pacbayes_init": plain(moved, 1, s, M / s),
        "pacbayes_orig": plain(W, 1, s, ms),
        "pacbayes_mag_init": magnitude(moved, sm, 1, msm),
        "pacbayes_mag_orig": magnitude(W, sm, 1, msm),
        "sharpness_init": plain(moved, sharp, a, M / a),
        "sharpness_orig": plain(W, sharp, a, ma),
        "sharpness_mag_init": magnitude(moved, am, wide, mam),
        "sharpness_mag_orig": magnitude(W, am, wide, mam),
    }
    config = make_measure_config({"log_argument": log_argument})
    bounds = Bounds(torch.tensor(W, dtype=torch.float64), torch.tensor(W0, dtype=torch.float64), M, config)
    printed = bounds.printed(dict(SCALES))
    assert tuple(printed) == BOUNDS
    assert printed == pytest.approx({name: math.sqrt(x / M) for name, x in expected.items()}, rel=1e-12)


def test_float32_weights_are_summed_in_float64() -> None:
    w = torch.full((300_000,), 1e-4)
    bounds = Bounds(w, torch.zeros_like(w), M, make_measure_config({}))
    expected = 3e5 * w[0].item() ** 2 / (4 * 0.04) + math.log(M / 0.2) + 10
    assert bounds.printed(dict(SCALES))["pacbayes_orig"] == pytest.approx(math.sqrt(expected / M), rel=1e-12)


def test_a_scale_that_was_not_found_has_no_measure() -> None:
    bounds = Bounds(torch.tensor(W), torch.tensor(W0), M, make_measure_config({}))
    printed = bounds.printed(SCALES | {"alpha": None})
    assert [name for name, value in printed.items() if value is None] == ["sharpness_init", "sharpness_orig"]


def test_a_negative_measure_has_no_root() -> None:
    """The orig forms are negative where the weights shrank far below their initial values."""
    w, w0 = torch.full((1000,), 0.01), torch.ones(1000)
    printed = Bounds(w, w0, M, make_measure_config({})).printed(SCALES | {"sigma_mag": 2.0})
    assert printed["pacbayes_mag_orig"] is not None and math.isnan(printed["pacbayes_mag_orig"])
    assert printed["pacbayes_mag_init"] is not None and printed["pacbayes_mag_init"] > 0
