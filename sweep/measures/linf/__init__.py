"""Sharpness in an l-infinity ball, in both readings of noise tempering 5.1."""

from sweep.config.checks import ConfigError, check_number
from sweep.config.measures import (
    CURVATURE_IMAGES,
    PERTURBED,
    ImagePasses,
    Measure,
    MeasureColumn,
    images_taken,
    positive,
)
from sweep.config.parts import Hyperparameter, Values


def _radii(name: str, value: object) -> tuple[float, ...]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)) or not value:
        raise ConfigError(f"{name}={value}: allowed is a list of radii above 0 such as [0.001,0.0005]")
    return tuple(check_number(name, item, 0, low_open=True) for item in value)


SETTINGS = (
    Hyperparameter(
        "linf_radii", tuple[float, ...], "radii of the l-infinity sharpness", (1e-3, 5e-4), parse=_radii,
        in_every_id=True,
    ),
    positive("linf_dimensions", int, "of the random subspace of its second reading", 100),
    positive("linf_iterations", int, "of L-BFGS-B", 10),
)  # fmt: skip


def passes(values: Values, images: int, classes: int) -> ImagePasses:
    evaluations = 2 * len(values["linf_radii"]) * (values["linf_iterations"] + 2)
    return ImagePasses(gradient=evaluations * images_taken(values["curvature_images"], images))


PART = Measure(
    "linf",
    "rise of the loss in an l-infinity ball",
    (PERTURBED, CURVATURE_IMAGES, *SETTINGS),
    of_form=(
        MeasureColumn("linf_box", list[float], "largest rise of the loss, per radius", "nats"),
        MeasureColumn("linf_subspace", list[float], "as Keskar et al. 2017, eq. 4, per radius", "%"),
    ),
    paper="noise tempering Table 3",
    passes=passes,
)
