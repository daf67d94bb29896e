"""How a trained run is measured: every value that can change a measure's numbers, checked once, and their id.

Nothing here imports torch: measurements are planned where nothing is computed.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sweep.config.checks import ConfigError, check_choice, check_integer, check_number, no_such_key

THRESHOLDS = ("drop", "error")
PERTURBED = ("counted", "all")
CENTRES = ("quantized", "latent")
MAGNITUDE_NOISES = ("weights", "theory", "peer")
ASCENTS = ("effective", "paper", "l2")
LOG_ARGUMENTS = ("scale", "paper")
PRECISIONS = ("fp32", "tf32")

# What is measured of each form of the weights: the measures of QGen eq. 15-22, and the scales they need.
FORMS = ("raw", "folded")
SCALE_OF = {
    "pacbayes_init": "sigma",
    "pacbayes_orig": "sigma",
    "pacbayes_mag_init": "sigma_mag",
    "pacbayes_mag_orig": "sigma_mag",
    "sharpness_init": "alpha",
    "sharpness_orig": "alpha",
    "sharpness_mag_init": "alpha_mag",
    "sharpness_mag_orig": "alpha_mag",
}
NORMS = ("l2_norm", "distance")
BOUNDS = tuple(SCALE_OF)
SCALES = ("sigma", "sigma_mag", "alpha", "alpha_mag")


def _doc(default: object, text: str) -> Any:
    return field(default=default, metadata={"doc": text})


@dataclass(frozen=True, slots=True)
class MeasureConfig:
    """The measure settings; two rows with equal run id and equal settings are the same measurement."""

    seed: int = _doc(0, "of noise, restarts, image subsets and random directions")
    threshold: str = _doc("drop", "what the searches bound: drop of train accuracy, or the train error as printed")
    target: float = _doc(0.1, "the bound on it, a share of the images")
    tolerance: float = _doc(0.01, "a search ends once it is this close to the target")
    search_steps: int = _doc(15, "bisection steps at most")
    search_ceiling: float = _doc(2.0, "upper end of the bisection, its lower end is 0")
    noise_samples: int = _doc(10, "Gaussian samples per step of the sigma searches; their mean accuracy counts")
    restarts: int = _doc(10, "ascents per step of the alpha searches; their least accuracy counts")
    perturbed: str = _doc("counted", "tensors: counted (weights of conv and linear layers) or all parameters")
    centre: str = _doc("quantized", "perturbed values: quantized (the dequantized ones), or latent, quantized anew")
    magnitude_noise: str = _doc("weights", "std: weights sqrt(s^2 w^2 + eps^2), theory (w - w0 for w), peer (no root)")
    magnitude_eps: float = _doc(1e-3, "eps of the magnitude-aware measures")
    ascent: str = _doc("effective", "effective (signs, relative steps), paper (SGD), l2 (SGD in an l2 ball)")
    ascent_steps: int = _doc(20, "gradient steps per restart")
    ascent_share: float = _doc(0.1, "step of the effective ascent as a share of the bound on each weight")
    ascent_lr: float = _doc(1e-4, "learning rate of the paper and l2 ascents")
    ascent_images: int = _doc(250, "training images per ascent step, drawn anew each step, 0 for all")
    log_argument: str = _doc("scale", "log(m / scale) with the sigma or alpha found, or as paper: delta in 16, 18-22")
    delta: float = _doc(0.05, "confidence in the bounds")
    curvature_images: int = _doc(10_000, "training images of Hessian, l-inf sharpness and landscape, 0 for all")
    hessian_tol: float = _doc(1e-3, "relative change of the eigenvalue at which the power iteration ends")
    hessian_iterations: int = _doc(100, "of the power iteration, at most")
    hessian_shift: float = _doc(0.0, "c of the power iteration on H + c I; a large c finds the largest signed one")
    linf_radii: tuple[float, ...] = _doc((1e-3, 5e-4), "radii of the l-infinity sharpness")
    linf_dimensions: int = _doc(100, "of the random subspace of its second reading")
    linf_iterations: int = _doc(10, "of L-BFGS-B")
    regularizer_images: int = _doc(1000, "training images of R(Delta), 0 for all")
    landscape_points: int = _doc(0, "of the loss landscape per axis, odd; 0 leaves it out")
    landscape_radius: float = _doc(1.0, "largest coordinate of the landscape, in filter norms")
    precision: str = _doc("fp32", "of matrix products: fp32, or tf32 on GPUs")
    train_images: int = _doc(0, "training images that all is measured on, the same for every seed; 0 for all")

    @property
    def options_id(self) -> str:
        """sha256 of the canonical JSON, so that no default and no later setting changes what an id means."""
        return hashlib.sha256(canonical_json(self).encode()).hexdigest()


# Settings that earlier rows do not have: at these values they change nothing and are left out of the id.
UNLESS: dict[str, Any] = {"precision": "fp32", "train_images": 0}


def canonical_json(config: MeasureConfig) -> str:
    values = {name: value for name, value in dataclasses.asdict(config).items() if UNLESS.get(name) != value}
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


MEASURE_FIELDS = tuple(f.name for f in dataclasses.fields(MeasureConfig))
_DEFAULTS = MeasureConfig()


def _from(low: int) -> Callable[[str, Any], int]:
    return lambda name, value: check_integer(name, value, low)


def _positive(name: str, value: object) -> float:
    return check_number(name, value, 0, low_open=True)


def _one_of(choices: tuple[str, ...]) -> Callable[[str, Any], str]:
    return lambda name, value: check_choice(name, value, choices)


def _share(name: str, value: object) -> float:
    share = _positive(name, value)
    if share >= 1:
        raise ConfigError(f"{name}={value}: allowed is a share above 0 and below 1")
    return share


def _radii(name: str, value: object) -> tuple[float, ...]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)) or not value:
        raise ConfigError(f"{name}={value}: allowed is a list of radii above 0 such as [0.001,0.0005]")
    return tuple(_positive(name, item) for item in value)


def _points(name: str, value: object) -> int:
    points = check_integer(name, value, 0)
    if points and (points < 3 or points % 2 == 0):
        raise ConfigError(f"{name}={value}: allowed are 0 and odd numbers from 3, so that the centre is a point")
    return points


def _shift(name: str, value: object) -> float:
    return check_number(name, value, float("-inf"))


_PARSERS: dict[str, Callable[[str, Any], Any]] = {
    "seed": lambda n, v: check_integer(n, v, 0, 2**31 - 1),
    "threshold": _one_of(THRESHOLDS),
    "perturbed": _one_of(PERTURBED),
    "centre": _one_of(CENTRES),
    "magnitude_noise": _one_of(MAGNITUDE_NOISES),
    "ascent": _one_of(ASCENTS),
    "log_argument": _one_of(LOG_ARGUMENTS),
    "precision": _one_of(PRECISIONS),
    **dict.fromkeys(("target", "delta", "ascent_share"), _share),
    **dict.fromkeys(("tolerance", "search_ceiling", "magnitude_eps", "ascent_lr"), _positive),
    **dict.fromkeys(("hessian_tol", "landscape_radius"), _positive),
    **dict.fromkeys(("search_steps", "noise_samples", "restarts", "ascent_steps"), _from(1)),
    **dict.fromkeys(("hessian_iterations", "linf_dimensions", "linf_iterations"), _from(1)),
    **dict.fromkeys(("ascent_images", "curvature_images", "regularizer_images", "train_images"), _from(0)),
    "hessian_shift": _shift,
    "linf_radii": _radii,
    "landscape_points": _points,
}


def make_measure_config(values: Mapping[str, object]) -> MeasureConfig:
    """The settings `values`, the rest at their defaults; raises `ConfigError`.

    What cannot change the numbers is set to its default, so that equal measurements have one id.
    """
    for name in values:
        if name not in MEASURE_FIELDS:
            raise no_such_key(name, name, {"Settings of a measurement": MEASURE_FIELDS})
    config = MeasureConfig(**{name: _PARSERS[name](name, value) for name, value in values.items()})
    if config.tolerance >= config.target:
        raise ConfigError(f"tolerance={config.tolerance}: must be below target={config.target}")
    unused = ["ascent_lr"] if config.ascent == "effective" else ["ascent_share"]
    unused += [] if config.landscape_points else ["landscape_radius"]
    return dataclasses.replace(config, **{name: getattr(_DEFAULTS, name) for name in unused})
