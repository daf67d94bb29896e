"""The eight PAC-Bayes and sharpness measures of QGen (eq. 15-22, Table 3), and the scales that they follow from."""

from typing import TypedDict

from sweep.config.measures import (
    PERTURBED,
    ImagePasses,
    Measure,
    MeasureColumn,
    image_count,
    images_taken,
    one_of,
    positive,
    share,
)
from sweep.config.parts import Values

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
BOUNDS = tuple(SCALE_OF)
SCALES = tuple(dict.fromkeys(SCALE_OF.values()))
USUAL_STEPS = 8  # of a search that converges


class SearchStep(TypedDict):
    """One step of a search: the scale tried, and between what its excess of the threshold lay after so many images."""

    search: str
    step: int
    scale: float
    excess_low: float
    excess_high: float
    images: int


SETTINGS = (
    one_of(
        "threshold", "what the searches bound: drop of train accuracy, or the train error as printed", ("drop", "error")
    ),
    share("target", "the bound on it, a share of the images", 0.1),
    positive("tolerance", float, "a search ends once it is this close to the target", 0.01),
    positive("search_steps", int, "bisection steps at most", 15),
    positive("search_ceiling", float, "upper end of the bisection, its lower end is 0", 2.0),
    positive("noise_samples", int, "Gaussian samples per step of the sigma searches; their mean accuracy counts", 10),
    positive("restarts", int, "ascents per step of the alpha searches; their least accuracy counts", 10),
    PERTURBED,
    one_of(
        "centre",
        "perturbed values: quantized (the dequantized ones), or latent, quantized anew",
        ("quantized", "latent"),
    ),
    one_of(
        "magnitude_noise",
        "std: weights sqrt(s^2 w^2 + eps^2), theory (w - w0 for w), peer (no root)",
        ("weights", "theory", "peer"),
    ),
    positive("magnitude_eps", float, "eps of the magnitude-aware measures", 1e-3),
    one_of(
        "ascent",
        "effective (signs, relative steps), paper (SGD), l2 (SGD in an l2 ball)",
        ("effective", "paper", "l2"),
    ),
    positive("ascent_steps", int, "gradient steps per restart", 20),
    share(
        "ascent_share",
        "step of the effective ascent as a share of the bound on each weight",
        0.1,
        read_if=lambda values: values["ascent"] == "effective",
    ),
    positive(
        "ascent_lr",
        float,
        "learning rate of the paper and l2 ascents",
        1e-4,
        read_if=lambda values: values["ascent"] != "effective",
    ),
    image_count("ascent_images", "training images per ascent step, drawn anew each step, 0 for all", 250),
    one_of(
        "log_argument",
        "log(m / scale) with the sigma or alpha found, or as paper: delta in 16, 18-22",
        ("scale", "paper"),
    ),
    share("delta", "confidence in the bounds", 0.05),
)


def conflict(values: Values) -> str | None:
    if values["tolerance"] >= values["target"]:
        return f"tolerance={values['tolerance']}: must be below target={values['target']}"
    return None


def passes(values: Values, images: int, classes: int) -> ImagePasses:
    steps = min(values["search_steps"], USUAL_STEPS)
    evaluated = 2 * steps * (values["noise_samples"] + values["restarts"]) * images
    ascents = 2 * steps * values["restarts"] * values["ascent_steps"]
    return ImagePasses(evaluated, ascents * images_taken(values["ascent_images"], images))


def _of_search(name: str) -> tuple[MeasureColumn, ...]:
    return (
        MeasureColumn(name, float, "scale that the search found"),
        MeasureColumn(f"{name}_converged", bool, "whether it met the target within the tolerance"),
        MeasureColumn(f"{name}_saturated", bool, "it hit an end of its range: a limit, not a property of the network"),
    )


def _bound(name: str) -> MeasureColumn:
    meaning = "QGen eq. 15-22, printed as sqrt(x / train_size)"
    return MeasureColumn(name, float, meaning, is_ranked=True, table="3", scale=SCALE_OF[name])


PART = Measure(
    "bounds",
    "the eight PAC-Bayes and sharpness measures of QGen, and the scales that they follow from",
    SETTINGS,
    of_form=(
        MeasureColumn("train_acc", float, "of the unperturbed network", "share of 1"),
        MeasureColumn("threshold_missed", bool, "the unperturbed network misses the threshold: no scales, no bounds"),
        *(column for name in SCALES for column in _of_search(name)),
        *map(_bound, BOUNDS),
        MeasureColumn("history", list[SearchStep], "steps of the four searches"),
    ),
    paper="QGen Table 3",
    conflict=conflict,
    passes=passes,
)
