"""What a run is: every value that can change its numbers, checked once, and the id that follows from them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sweep.config.bits import FULL_PRECISION, check_bits
from sweep.config.checks import ConfigError, check_integer
from sweep.config.chosen import (
    NO_QUANTIZER,
    OF_PARTS,
    OF_QUANTIZERS,
    PART_CLASSES,
    check_chosen,
    chosen_parts,
    chosen_quantizer,
    unread,
)
from sweep.config.fields import hyperparameters, left_out_of_ids, own, value_in, with_fields
from sweep.config.parts import Values, always, check_conflicts
from sweep.config.transfer import TRANSFER

FILE_CROP_FLIP = "file_crop_flip"
AUGMENTATIONS = ("crop_flip", "crop", "flip", "resized_crop_flip", "resized_crop", FILE_CROP_FLIP, "none")
PRECISIONS = ("fp32", "tf32", "bf16", "fp16", "fp64")
FIRST_LAST = ("b", "8", "fp")
THIRDS = "thirds"


def _name(name: str, value: object) -> str:
    if not isinstance(value, str) or not value or any(c in value for c in "/\\\0"):
        raise ConfigError(f"{name}={value!r}: a data set needs a name without slashes")
    return value


def _milestones(name: str, value: object) -> str | tuple[int, ...]:
    if value == THIRDS:
        return THIRDS
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigError(f"{name}={value}: allowed are {THIRDS}, or a list of epochs such as [100,200]")
    milestones = tuple(check_integer(name, item, 1) for item in value)
    if list(milestones) != sorted(set(milestones)):
        raise ConfigError(f"{name}={list(milestones)}: epochs must rise and not repeat")
    return milestones


def _is_quantized(values: Values) -> bool:
    return bool(values["quantizer"] != NO_QUANTIZER)


_of_every_id = partial(own, in_every_id=True)


@dataclass(frozen=True, slots=True, kw_only=True)
@with_fields(OF_PARTS, "run")
class RunConfig:
    """The science config of one run. Two runs with equal values are the same run, wherever they ran.

    Below are the hyperparameters that every run has; those of parts follow from their declarations.
    """

    dataset: str = own("name of the data set", parse=_name)
    data_sha256: str = own("sha256 of the data files; empty where the name fixes the content")
    train_subset: int = own("images drawn from the training split, 0 for all", low=0)
    test_subset: int = own("images drawn from the test split, 0 for all", low=0)
    augmentation: str = own(
        "of training batches: crop_flip, crop (padding 4), flip, resized_crop(_flip), file_crop_flip (files) or none",
        choices=AUGMENTATIONS,
    )
    model: str = own("network", parse=check_chosen)
    bits: int = own(
        "bits per weight, 32 for full precision", parse=check_bits, differs_in_arrays=True, is_of_precision=True
    )
    quantizer: str = own(
        "of weights and activations; none at full precision",
        parse=check_chosen,
        differs_in_arrays=True,
        is_of_precision=True,
    )
    first_last: str = _of_every_id(
        "precision of the first and last layer: b (as the others), 8 or fp",
        "b",
        choices=FIRST_LAST,
        read_if=_is_quantized,
        differs_in_arrays=True,
        is_of_precision=True,
    )
    optimizer: str = own("of the parameters", parse=check_chosen, differs_in_arrays=True)
    lr: float = own("initial learning rate", low=0, low_open=True, differs_in_arrays=True)
    weight_decay: float = own("L2 coefficient of the optimizer", low=0, differs_in_arrays=True)
    epochs: int = own("passes over the training set", low=1)
    batch_size: int = own("images per step", low=2)
    milestones: tuple[int, ...] = own(
        "epochs after which the learning rate is multiplied by lr_gamma", parse=_milestones
    )
    eval_every_epochs: int = own("epochs between evaluations up to the last milestone", low=1)
    eval_every_epochs_late: int = own("epochs between evaluations after the last milestone", low=1)
    precision: str = own(
        "of products and activations: fp32, tf32, bf16, fp16 (scaled loss); fp64: of everything", choices=PRECISIONS
    )
    seed: int = own(
        "of the initial weights, the data order, the augmentation and the quantizer's noise",
        low=0,
        high=2**31 - 1,
        differs_in_arrays=True,
    )
    lr_decay: str = own(
        "how the learning rate falls, besides at milestones",
        "steps",
        parse=check_chosen,
        differs_in_arrays=True,
    )
    act_bits: int = own(
        "bits per activation, 32 for full precision", FULL_PRECISION, parse=check_bits, is_of_precision=True
    )
    rule: str = own("of updates", "plain", parse=check_chosen)

    @property
    def is_quantized(self) -> bool:
        return self.bits != FULL_PRECISION or self.act_bits != FULL_PRECISION

    @property
    def run_id(self) -> str:
        """Returns the sha256 of the canonical JSON: no default of conf/ and no later hyperparameter changes an id."""
        return hashlib.sha256(canonical_json(self).encode()).hexdigest()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # a hyperparameter of a part


HYPERPARAMETERS = hyperparameters(RunConfig, OF_PARTS)
RUN_FIELDS = tuple(HYPERPARAMETERS)
# Left out of ids at these values, which change nothing: earlier rows do not have them.
UNLESS = left_out_of_ids(HYPERPARAMETERS)
# What members of one array may differ in.
MEMBER_FIELDS = tuple(name for name, each in HYPERPARAMETERS.items() if each.differs_in_arrays)
_NEUTRAL_IN_ARRAYS = tuple(pair for pair in UNLESS.items() if pair[0] not in MEMBER_FIELDS)
# What only quantized networks can differ in.
PRECISION_FIELDS = tuple(n for n, each in HYPERPARAMETERS.items() if each.is_of_precision or n in OF_QUANTIZERS)
_SOMETIMES_READ = tuple(each for n, each in HYPERPARAMETERS.items() if n not in OF_PARTS and each.read_if is not always)


def identity(values: Values) -> dict[str, Any]:
    """The hyperparameters of `values` that ids are made of: without later ones that are at what changes nothing."""
    neutral = {name for name, unless in UNLESS.items() if values.get(name, unless) == unless}
    return {name: values[name] for name in RUN_FIELDS if name not in neutral}


def canonical_json(run: RunConfig) -> str:
    values = {name: getattr(run, name) for name in RUN_FIELDS}
    return json.dumps(identity(values), sort_keys=True, separators=(",", ":"))


def decodes_batches(run: RunConfig) -> bool:
    """Tells whether the images of `run` are decoded from their files for every batch, instead of once for all."""
    return run.augmentation == FILE_CROP_FLIP


def evaluated_epochs(run: RunConfig) -> list[int]:
    """Epochs (counted from 1) after which both clean sets are evaluated; the last one always is."""
    late_from = run.milestones[-1] if run.milestones else 0
    early = range(run.eval_every_epochs, min(late_from, run.epochs) + 1, run.eval_every_epochs)
    late = range(late_from + run.eval_every_epochs_late, run.epochs + 1, run.eval_every_epochs_late)
    return sorted({*early, *late, run.epochs})


def can_join_array(run: RunConfig) -> bool:
    """Tells whether the array engine knows all that `run` needs; the plain engine trains the others."""
    if decodes_batches(run) or any(getattr(run, name) != neutral for name, neutral in _NEUTRAL_IN_ARRAYS):
        return False
    parts = chosen_parts({each.key: getattr(run, each.key) for each in PART_CLASSES})
    return all(part.trains_in_arrays for part in parts)


def array_key(run: RunConfig) -> tuple[object, ...]:
    """Equal for runs that can train in one array, if they can join one."""
    return tuple(getattr(run, name) for name in RUN_FIELDS if name not in MEMBER_FIELDS)


@dataclass(frozen=True)
class DataSource:
    """The place where the images of a data set come from: `loader` names what reads them, the rest is what it needs."""

    loader: str
    name: str
    directory: str
    label_column: str | None = None
    image_size: int | None = None  # side in pixels, where images come in many sizes


# Keys of conf/ that choose where data comes from or what is swept; they end in DataSource and the grid.
SOURCE_KEYS = {
    "data_source": "the loader, such as parquet_images; of trained runs null: their data set by its name",
    "dataset_name": "what rows and tables call a data set of one's own files",
    "data_dir": "where image files are, or are downloaded to",
    "label_column": "of parquet images; null: the only ClassLabel of the metadata, or label",
    "image_size": "side in pixels of the squares that images of many sizes become",
}


def check_value(name: str, value: object) -> Any:
    """One hyperparameter's value in its declared type; raises `ConfigError`. `milestones` may stay as THIRDS."""
    return HYPERPARAMETERS[name].check(value) if name in HYPERPARAMETERS else value


def make_run(values: Mapping[str, object]) -> RunConfig:
    """The run of `values`, the rest at their neutral values; raises `ConfigError`.

    What cannot change the numbers is set to one value, so that equal training has one id: at 32 bits there is
    no quantizer, no first or last layer that differs, and no hyperparameter of another quantizer; networks read
    different sizes, and update rules different hyperparameters.
    """
    checked = {name: value_in(values, each) for name, each in HYPERPARAMETERS.items()}
    checked["milestones"] = _placed(checked["milestones"], checked["epochs"])
    checked["quantizer"] = chosen_quantizer(checked)
    parts = [*chosen_parts(checked), *TRANSFER]
    checked |= unread(checked, parts)
    checked |= {each.name: each.neutral for each in _SOMETIMES_READ if not each.read_if(checked)}
    check_conflicts(checked, parts)
    return RunConfig(**checked)


def _placed(milestones: str | tuple[int, ...], epochs: int) -> tuple[int, ...]:
    """`thirds` puts them where QGen has them: after a third and after two thirds of the epochs."""
    if isinstance(milestones, tuple):
        return milestones
    return tuple(sorted({m for m in (epochs // 3, 2 * epochs // 3) if m}))
