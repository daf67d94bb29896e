"""The largest eigenvalue of the Hessian of the training loss (SAQ Table 4)."""

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

USUAL_ITERATIONS = 25  # of the power iteration
SETTINGS = (
    positive("hessian_tol", float, "relative change of the eigenvalue at which the power iteration ends", 1e-3),
    positive("hessian_iterations", int, "of the power iteration, at most", 100),
    Hyperparameter(
        "hessian_shift", float, "c of the power iteration on H + c I; a large c finds the largest signed one", 0.0,
        in_every_id=True,
    ),
)  # fmt: skip


def passes(values: Values, images: int, classes: int) -> ImagePasses:
    iterations = min(values["hessian_iterations"], USUAL_ITERATIONS)
    return ImagePasses(gradient=2 * iterations * images_taken(values["curvature_images"], images))


PART = Measure(
    "hessian",
    "largest eigenvalue of the Hessian of the training loss",
    (PERTURBED, CURVATURE_IMAGES, *SETTINGS),
    of_form=(
        MeasureColumn("hessian_eigenvalue", float, "the largest in magnitude, with its sign", "nats", is_ranked=True),
        MeasureColumn("hessian_converged", bool, "whether the power iteration did"),
        MeasureColumn("hessian_iterations", int, "of the power iteration"),
    ),
    paper="SAQ Table 4",
    passes=passes,
)
