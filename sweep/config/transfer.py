"""What a run learns from besides its images: given weights, a teacher, several crops; its names and its rules.

Weights are named by what fixes their content: `run:ID`, `file:SHA256` or `pretrained:ENUM.MEMBER` of torchvision.
"""

import re
from collections.abc import Mapping
from typing import Any

from sweep.config.checks import ConfigError, allowed, did_you_mean
from sweep.config.networks import network_of

RANDOM, NO_TEACHER = "random", "none"
TWIN, PRETRAINED, FILE, RUN = "full_precision", "pretrained", "file", "run"
ASKED = (TWIN, PRETRAINED, FILE, f"{RUN}:ID")  # what a user may say; the sweep finds the exact name
LABELS = ("live", "cached")
_NAME = re.compile(r"(run|file):[0-9a-f]{64}|pretrained:\w+\.\w+")
_ASKED = re.compile(rf"{TWIN}|{PRETRAINED}|{FILE}|run:[0-9a-f]{{1,63}}")
# The hyperparameters of this page, which only the plain engine knows, with what changes nothing.
DISTILLATION = {"teacher_model": "", "teacher_labels": "live", "soft_label_classes": 0, "temperature": 1.0,
                "hard_label_share": 0.0}  # fmt: skip
TRANSFER = {"initial_weights": RANDOM, "teacher": NO_TEACHER, **DISTILLATION, "crops": 1, "crop_pool": 0,
            "bin_regularization": 0.0}  # fmt: skip


def check_weights(name: str, value: object, none: str) -> str:
    """A name of weights, as asked or exact; `none` is the word for no such weights."""
    text = str(value)
    if text != none and not _NAME.fullmatch(text) and not _ASKED.fullmatch(text):
        known = (none, *ASKED)
        raise ConfigError(f"{name}={text}: allowed are {allowed(known)}{did_you_mean(text, known)}")
    return text


def kind_of(weights: str) -> str:
    """run, file, pretrained, full_precision, random or none."""
    return weights.partition(":")[0]


def is_exact(weights: str) -> bool:
    return weights in (RANDOM, NO_TEACHER) or _NAME.fullmatch(weights) is not None


def transfer(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of this page with those that change nothing at their neutral ones; raises `ConfigError`."""
    for name in ("initial_weights", "teacher"):
        if not is_exact(values[name]):
            raise ConfigError(f"{name}={values[name]}: which weights that are depends on a results directory")
    return _teacher(values) | _crops(values)


def _teacher(values: Mapping[str, Any]) -> dict[str, Any]:
    if values["teacher"] == NO_TEACHER:
        return dict(DISTILLATION)
    if values["hard_label_share"] >= 1:
        raise ConfigError(
            f"hard_label_share={values['hard_label_share']}: allowed is a number from 0 to below 1; at 1 the teacher "
            f"would teach nothing: say teacher=none"
        )
    if values["teacher_labels"] == "cached" and values["augmentation"] != "none" and not values["crop_pool"]:
        raise ConfigError(
            "teacher_labels=cached with crop_pool=0: every epoch has new crops, which have no label yet; give "
            "crop_pool=..., the number of crops per image, or augmentation=none"
        )
    return {"teacher_model": teacher_model(values)}


def teacher_model(values: Mapping[str, Any]) -> str:
    """Empty where it is that of the run, or a run's own."""
    model, kind = values["teacher_model"], kind_of(values["teacher"])
    if kind == RUN or not model:
        return ""
    sizes = [size.name for size in network_of(model).reads]
    if sizes:
        raise ConfigError(
            f"teacher_model={model}: a {kind} does not say its {allowed(sizes)}; "
            f"give such a teacher as a run: teacher={RUN}:ID"
        )
    return "" if model == values["model"] else str(model)


def _crops(values: Mapping[str, Any]) -> dict[str, Any]:
    crops, pool = values["crops"], values["crop_pool"]
    if values["augmentation"] == "none":
        if crops > 1:
            raise ConfigError(f"crops={crops} with augmentation=none: all crops of an image would be the same")
        return {"crop_pool": 0}
    if values["batch_size"] % crops:
        raise ConfigError(f"crops={crops}: batch_size={values['batch_size']} is no multiple of it")
    if crops > 1 and values["epochs"] <= crops:
        raise ConfigError(
            f"crops={crops}: the last {crops} epochs have one crop per image, and epochs={values['epochs']} has no "
            f"others; allowed are more than {crops} epochs, or crops=1"
        )
    if pool % crops:
        raise ConfigError(f"crop_pool={pool}: allowed are 0 and multiples of crops={crops}")
    return {}


def is_plain(values: object) -> bool:
    """Whether a run learns from its images and their labels alone, from random weights on."""
    return all(getattr(values, name) == neutral for name, neutral in TRANSFER.items())
