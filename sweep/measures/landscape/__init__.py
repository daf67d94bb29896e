"""Filter-normalized loss landscapes (Li et al. 2018; QGen Figure 2)."""

from typing import TypedDict

from sweep.config.checks import ConfigError, check_integer
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


class Point(TypedDict):
    """The loss in nats at w + x d1 + y d2, coordinates in filter norms."""

    x: float
    y: float
    loss: float


def _points(name: str, value: object) -> int:
    points = check_integer(name, value, 0)
    if points and (points < 3 or points % 2 == 0):
        raise ConfigError(f"{name}={value}: allowed are 0 and odd numbers from 3, so that the centre is a point")
    return points


SETTINGS = (
    Hyperparameter(
        "landscape_points", int, "of the loss landscape per axis, odd; 0 leaves it out", 0, parse=_points,
        in_every_id=True,
    ),
    positive(
        "landscape_radius", float, "largest coordinate of the landscape, in filter norms", 1.0,
        read_if=lambda values: values["landscape_points"] > 0,
    ),
)  # fmt: skip


def passes(values: Values, images: int, classes: int) -> ImagePasses:
    points = values["landscape_points"] ** 2
    return ImagePasses(forward=points * images_taken(values["curvature_images"], images))


PART = Measure(
    "landscape",
    "loss on a plane through the weights",
    (PERTURBED, CURVATURE_IMAGES, *SETTINGS),
    of_form=(MeasureColumn("landscape", list[Point], "mean loss at w + x d1 + y d2", "nats"),),
    paper="QGen Figure 2",
    passes=passes,
)
