"""The regularizer that quantization noise adds to a loss (QGen eq. 7)."""

from sweep.config.measures import ImagePasses, Measure, MeasureColumn, image_count, images_taken
from sweep.config.parts import Values

REGULARIZER_IMAGES = image_count("regularizer_images", "training images of R(Delta), 0 for all", 1000)


def passes(values: Values, images: int, classes: int) -> ImagePasses:
    return ImagePasses(gradient=images_taken(values["regularizer_images"], images) * classes)


PART = Measure(
    "regularizer",
    "R(Delta) for uniform noise and for the real one",
    (REGULARIZER_IMAGES,),
    of_run=(
        MeasureColumn("regularizer_uniform", float, "QGen eq. 7 for uniform noise; null at full precision"),
        MeasureColumn("regularizer_actual", float, "QGen eq. 7 for the real Q(w) - w; null at full precision"),
    ),
    paper="QGen eq. 7",
    passes=passes,
)
