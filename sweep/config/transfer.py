"""What a run learns from besides its images: given weights, a teacher, several crops; its names and its rules.

Weights are named by what fixes their content: `run:ID`, `file:SHA256` or `pretrained:ENUM.MEMBER` of torchvision.
"""

import re
from functools import partial
from typing import Any

from sweep.config.checks import ConfigError, allowed, did_you_mean
from sweep.config.networks import network_of
from sweep.config.parts import Hyperparameter, Part, Values, hyperparameters_of

RANDOM, NO_TEACHER = "random", "none"
TWIN, PRETRAINED, FILE, RUN = "full_precision", "pretrained", "file", "run"
ASKED = (TWIN, PRETRAINED, FILE, f"{RUN}:ID")  # what a user may say; the sweep finds the exact name
LABELS = ("live", "cached")
_NAME = re.compile(r"(run|file):[0-9a-f]{64}|pretrained:\w+\.\w+")
_ASKED = re.compile(rf"{TWIN}|{PRETRAINED}|{FILE}|run:[0-9a-f]{{1,63}}")


def check_weights(name: str, value: object, none: str) -> str:
    """A name of weights, as asked or exact; `none` is the word for no such weights."""
    text = str(value)
    if text != none and not _NAME.fullmatch(text) and not _ASKED.fullmatch(text):
        known = (none, *ASKED)
        raise ConfigError(f"{name}={text}: allowed are {allowed(known)}{did_you_mean(text, known)}")
    return text


def origin_of(weights: str) -> str:
    """Returns what names weights: run, file, pretrained, full_precision, random or none."""
    return weights.partition(":")[0]


def is_exact(weights: str) -> bool:
    return weights in (RANDOM, NO_TEACHER) or _NAME.fullmatch(weights) is not None


def has_teacher(values: Values) -> bool:
    return bool(values["teacher"] != NO_TEACHER)


def _has_crops(values: Values) -> bool:
    return bool(values["augmentation"] != "none")


def _is_another_network(values: Values) -> bool:
    """Whether teacher_model says what is not known: a run has its own network."""
    return has_teacher(values) and origin_of(values["teacher"]) != RUN and values["teacher_model"] != values["model"]


def _check_teacher_model(name: str, value: object) -> str:
    return network_of(str(value)).name if value else ""


def _inexact(name: str, values: Values) -> str | None:
    if is_exact(values[name]):
        return None
    return f"{name}={values[name]}: which weights that are depends on a results directory"


def _teacher_conflict(values: Values) -> str | None:
    if not has_teacher(values):
        return None
    if values["hard_label_share"] >= 1:
        return (
            f"hard_label_share={values['hard_label_share']}: allowed is a number from 0 to below 1; at 1 the teacher "
            f"would teach nothing: say teacher=none"
        )
    if values["teacher_labels"] == "cached" and _has_crops(values) and not values["crop_pool"]:
        return (
            "teacher_labels=cached with crop_pool=0: every epoch has new crops, which have no label yet; give "
            "crop_pool=..., the number of crops per image, or augmentation=none"
        )
    return _inexact("teacher", values) or _sizes_conflict(values)


def _sizes_conflict(values: Values) -> str | None:
    model, origin = values["teacher_model"], origin_of(values["teacher"])
    sizes = [size.name for size in network_of(model).reads] if model else []
    if not sizes:
        return None
    return (
        f"teacher_model={model}: a {origin} does not say its {allowed(sizes)}; "
        f"give such a teacher as a run: teacher={RUN}:ID"
    )


def _crops_conflict(values: Values) -> str | None:
    crops, pool = values["crops"], values["crop_pool"]
    if not _has_crops(values):
        same = "all crops of an image would be the same"
        return f"crops={crops} with augmentation=none: {same}" if crops > 1 else None
    if values["batch_size"] % crops:
        return f"crops={crops}: batch_size={values['batch_size']} is no multiple of it"
    if crops > 1 and values["epochs"] <= crops:
        return (
            f"crops={crops}: the last {crops} epochs have one crop per image, and epochs={values['epochs']} has no "
            f"others; allowed are more than {crops} epochs, or crops=1"
        )
    return f"crop_pool={pool}: allowed are 0 and multiples of crops={crops}" if pool % crops else None


def _of_teacher(name: str, type_: type, meaning: str, neutral: object, **declared: Any) -> Hyperparameter:
    return Hyperparameter(name, type_, meaning, neutral, **({"read_if": has_teacher} | declared))


_DISTILLATION = (
    _of_teacher(
        "teacher_model",
        str,
        "network of a teacher that is no run; empty: that of the run itself",
        "",
        parse=_check_teacher_model,
        read_if=_is_another_network,
    ),
    _of_teacher(
        "teacher_labels", str, "live: of every batch anew; cached: once per image and crop", LABELS[0], choices=LABELS
    ),
    _of_teacher(
        "soft_label_classes", int, "classes of a teacher's label; the others share what is left; 0: all", 0, low=0
    ),
    _of_teacher(
        "temperature", float, "of the softmax of teacher and student in distillation", 1.0, low=0, low_open=True
    ),
    _of_teacher("hard_label_share", float, "of the loss on true labels in the loss, in distillation", 0.0, low=0),
)
_INITIAL_WEIGHTS = Hyperparameter(
    "initial_weights",
    str,
    "random, run:ID (its best), file:SHA256 or torchvision's pretrained:NAME",
    RANDOM,
    parse=partial(check_weights, none=RANDOM),
)
_TEACHER = Hyperparameter(
    "teacher",
    str,
    "of distillation: none, run:ID, file:SHA256 or torchvision's pretrained:NAME",
    NO_TEACHER,
    parse=partial(check_weights, none=NO_TEACHER),
)
_CROPS = Hyperparameter("crops", int, "crops of each image that are in one batch", 1, low=1)
_CROP_POOL = Hyperparameter(
    "crop_pool",
    int,
    "crops per image that training draws from; 0: new ones in every epoch",
    0,
    low=0,
    read_if=_has_crops,
)
# What every run has, most of it at what changes nothing. Only the plain engine knows the rest.
TRANSFER = (
    Part(
        "initial_weights",
        "the weights that training starts from",
        (_INITIAL_WEIGHTS,),
        conflict=partial(_inexact, "initial_weights"),
    ),
    Part("teacher", "soft labels", (_TEACHER, *_DISTILLATION), conflict=_teacher_conflict),
    Part("crops", "several crops of each image", (_CROPS, _CROP_POOL), conflict=_crops_conflict),
)
OF_TRANSFER = hyperparameters_of(TRANSFER)
DISTILLATION = tuple(own.name for own in _DISTILLATION)
