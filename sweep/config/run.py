"""What a run is: every value that can change its numbers, checked once, and the id that follows from them."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sweep.config.bits import FULL_PRECISION
from sweep.config.checks import ConfigError, allowed, check_boolean, check_choice, check_integer, check_number
from sweep.config.networks import SIZES, network_of
from sweep.config.rules import RULE_PARSERS, rule_values
from sweep.config.transfer import LABELS, NO_TEACHER, RANDOM, check_weights, is_plain, transfer

OPTIMIZERS = ("sgd", "adam", "rmsprop", "adamw")
DECAYS = ("steps", "cosine")
FILE_CROP_FLIP = "file_crop_flip"
AUGMENTATIONS = ("crop_flip", "crop", "flip", "resized_crop_flip", "resized_crop", FILE_CROP_FLIP, "none")
PRECISIONS = ("fp32", "tf32", "bf16", "fp16", "fp64")
FIRST_LAST = ("b", "8", "fp")
THIRDS = "thirds"


ACT_GRAD_SCALES = ("sample", "batch")
DIFFQ_NOISES = ("none", "normal", "uniform")


@dataclass(frozen=True)
class Quantizer:
    """What a quantizer can quantize, and the hyperparameters that it reads besides bits, act_bits and first_last."""

    weights: tuple[str, ...] | None  # those of its weight quantizer; None where it has none
    activations: tuple[str, ...] | None


_STEPS = ("step_size_weight_decay",)
_LSQ_WEIGHTS = (*_STEPS, "bin_regularization", "bin_regularization_start")
_LSQ_ACTIVATIONS = (*_STEPS, "act_grad_scale", "quantize_images")
QUANTIZERS = {
    "lsq": Quantizer(_LSQ_WEIGHTS, _LSQ_ACTIVATIONS),
    "lsq_plus": Quantizer(_LSQ_WEIGHTS, _LSQ_ACTIVATIONS),
    "vvtq": Quantizer(_LSQ_WEIGHTS, _LSQ_ACTIVATIONS),
    "dorefa": Quantizer((), None),
    "pact": Quantizer(None, ("pact_alpha",)),
    "dorefa_pact": Quantizer((), ("pact_alpha",)),
    "saq": Quantizer(_STEPS, _STEPS),
    "noise_tempering": Quantizer((*_STEPS, "tempering_c", "tempering_k"), _LSQ_ACTIVATIONS),
    "diffq": Quantizer(("diffq_noise",), None),
}
STEP_SIZES = ("lsq", "lsq_plus", "noise_tempering")  # those that learn a step size per weight tensor
# What a quantizer of weights and activations is, where only one of both is quantized.
_WEIGHTS_ONLY = {"dorefa_pact": "dorefa"}
_ACTIVATIONS_ONLY = {"dorefa_pact": "pact", "noise_tempering": "lsq"}


def _doc(text: str) -> Any:
    return field(metadata={"doc": text})


def _later(unless: object, text: str) -> Any:
    """A hyperparameter that earlier rows do not have: at `unless` it changes nothing and is left out of the id."""
    return field(default=unless, metadata={"doc": text})


@dataclass(frozen=True, slots=True)
class RunConfig:
    """The science config of one run. Two runs with equal values are the same run, wherever they ran."""

    dataset: str = _doc("name of the data set")
    data_sha256: str = _doc("sha256 of the data files; empty where the name fixes the content")
    train_subset: int = _doc("images drawn from the training split, 0 for all")
    test_subset: int = _doc("images drawn from the test split, 0 for all")
    augmentation: str = _doc(
        "of training batches: crop_flip, crop (padding 4), flip, resized_crop(_flip), file_crop_flip (of files) or none"
    )
    model: str = _doc("network")
    base_width: int = _doc("channels of the first stage, of nin per unit of width; 1 where the network has no choice")
    width: int = _doc("width multiplier; 1 where the network has no choice")
    depth: int = _doc("number of blocks, of wide_resnet of layers; 1 where the network has no choice")
    quantizer: str = _doc("of weights and activations; none at full precision")
    bits: int = _doc("bits per weight, 32 for full precision")
    first_last: str = _doc("precision of the first and last layer: b (as the others), 8 or fp")
    step_size_weight_decay: bool = _doc("whether weight_decay also acts on step sizes, offsets and SAQ's clips")
    optimizer: str = _doc("sgd, adam, rmsprop or adamw")
    lr: float = _doc("initial learning rate")
    weight_decay: float = _doc("L2 coefficient of the optimizer")
    momentum: float = _doc("momentum of SGD and RMSprop")
    epochs: int = _doc("passes over the training set")
    batch_size: int = _doc("images per step")
    milestones: tuple[int, ...] = _doc("epochs after which the learning rate is multiplied by lr_gamma")
    lr_gamma: float = _doc("factor of the learning rate at a milestone")
    eval_every_epochs: int = _doc("epochs between evaluations up to the last milestone")
    eval_every_epochs_late: int = _doc("epochs between evaluations after the last milestone")
    precision: str = _doc("of products and activations: fp32, tf32, bf16, fp16 (scaled loss); fp64: of everything")
    seed: int = _doc("of the initial weights, the data order, the augmentation and the quantizer's noise")
    lr_decay: str = _later("steps", "steps: at milestones alone; cosine: also by a half cosine over the epochs, to 0")
    act_bits: int = _later(32, "bits per activation, 32 for full precision")
    act_grad_scale: str = _later("sample", "N of LSQ's 1/sqrt(N qmax) for activations: that of a sample or batch")
    quantize_images: bool = _later(False, "whether the input of the first layer is quantized")
    pact_alpha: float = _later(0.0, "initial clip of PACT, 0 without PACT")
    tempering_c: float = _later(0.0, "c of noise tempering, 0 without noise")
    tempering_k: float = _later(0.0, "k of noise tempering, 0 without noise")
    diffq_noise: str = _later("none", "DiffQ's training noise: normal or uniform; none with other quantizers")
    rule: str = _later("plain", "of updates: plain, sam or saq (sharpness-aware)")
    rho: float = _later(0.0, "l2 norm of the perturbation of sam and saq, 0 without one")
    saq_case: int = _later(0, "of SAQ: 1 Q(w) + eps(w), 2 Q(w + eps(w)), 3 Q(w) + eps(Q(w)); 0 without SAQ")
    grad_source: str = _later("quantized", "weights whose loss gives eps(w): quantized, or full_precision")
    combine: str = _later("sum", "SAQ's gradient: sum or mean of the vanilla and the perturbed one, or perturbed alone")
    tau: int = _later(1, "steps between two perturbed gradients (efficient training); 1 takes every step's")
    beta: float = _later(0.0, "weight of the kept gradient at the steps between, 0 with tau 1")
    efficient_norms: str = _later(
        "all", "inner products and norms of efficient training: of all parameters or per tensor"
    )
    perturb_biases: bool = _later(False, "whether eps has also biases and position embeddings")
    perturb_norms: bool = _later(False, "whether eps has also the parameters of normalization layers")
    perturb_clips: bool = _later(False, "whether eps has also learned parameters of quantizers")
    bn_statistics: str = _later("first", "passes of a step that move BN's running statistics: the first, or both")
    m_sharpness: int = _later(0, "images per perturbation: chunks of a batch have their own; 0: the batch has one")
    initial_weights: str = _later(RANDOM, "random, run:ID (its best), file:SHA256 or torchvision's pretrained:NAME")
    teacher: str = _later(NO_TEACHER, "of distillation: none, run:ID, file:SHA256 or torchvision's pretrained:NAME")
    teacher_model: str = _later("", "network of a teacher that is no run; empty: that of the run itself")
    teacher_labels: str = _later("live", "live: of every batch anew; cached: once per image and crop")
    soft_label_classes: int = _later(0, "classes of a teacher's label; the others share what is left; 0: all")
    temperature: float = _later(1.0, "of the softmax of teacher and student in distillation")
    hard_label_share: float = _later(0.0, "of the loss on true labels in the loss, in distillation")
    crops: int = _later(1, "crops of each image that are in one batch")
    crop_pool: int = _later(0, "crops per image that training draws from; 0: new ones in every epoch")
    bin_regularization: float = _later(0.0, "largest coefficient of the oscillation-aware bin regularization")
    bin_regularization_start: float = _later(0.0, "share of the epochs before bin_regularization begins to rise")

    @property
    def is_quantized(self) -> bool:
        return self.bits != FULL_PRECISION or self.act_bits != FULL_PRECISION

    @property
    def run_id(self) -> str:
        """sha256 of the canonical JSON, so that no default of conf/ and no later hyperparameter changes an id."""
        return hashlib.sha256(canonical_json(self).encode()).hexdigest()


def identity(values: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters of `values` that ids are made of: without later ones that are at what changes nothing."""
    neutral = {name for name, unless in UNLESS.items() if values.get(name, unless) == unless}
    return {name: values[name] for name in RUN_FIELDS if name not in neutral}


def canonical_json(run: RunConfig) -> str:
    values = {name: getattr(run, name) for name in RUN_FIELDS}
    return json.dumps(identity(values), sort_keys=True, separators=(",", ":"))


RUN_FIELDS = tuple(f.name for f in dataclasses.fields(RunConfig))
UNLESS = {f.name: f.default for f in dataclasses.fields(RunConfig) if f.default is not dataclasses.MISSING}
QUANTIZER_FIELDS = (
    "bits", "quantizer", "first_last", "step_size_weight_decay", "act_bits", "act_grad_scale", "quantize_images",
    "pact_alpha", "tempering_c", "tempering_k", "diffq_noise", "bin_regularization", "bin_regularization_start",
)  # fmt: skip
# What members of one array may differ in.
MEMBER_FIELDS = (
    "seed", "bits", "quantizer", "first_last", "step_size_weight_decay",
    "optimizer", "lr", "weight_decay", "momentum", "lr_gamma", "lr_decay",
)  # fmt: skip


ARRAY_OPTIMIZERS = ("sgd", "adam", "rmsprop")


def quantizes_weights_by_lsq(run: RunConfig) -> bool:
    """Whether LSQ of the weights is all the quantization that `run` has, or it has none."""
    return run.quantizer in ("lsq", "none") and run.act_bits == FULL_PRECISION


def decodes_batches(run: RunConfig) -> bool:
    """Whether the images of `run` are decoded from their files for every batch, instead of once for all."""
    return run.augmentation == FILE_CROP_FLIP


def evaluated_epochs(run: RunConfig) -> list[int]:
    """Epochs (counted from 1) after which both clean sets are evaluated; the last one always is."""
    late_from = run.milestones[-1] if run.milestones else 0
    early = range(run.eval_every_epochs, min(late_from, run.epochs) + 1, run.eval_every_epochs)
    late = range(late_from + run.eval_every_epochs_late, run.epochs + 1, run.eval_every_epochs_late)
    return sorted({*early, *late, run.epochs})


def can_join_array(run: RunConfig) -> bool:
    """Whether the array engine knows all that `run` needs; the plain engine trains the others."""
    is_known = (
        network_of(run.model).trains_in_arrays and run.optimizer in ARRAY_OPTIMIZERS and quantizes_weights_by_lsq(run)
    )
    return is_known and run.rule == "plain" and is_plain(run) and not decodes_batches(run)


def array_key(run: RunConfig) -> tuple[object, ...]:
    """Equal for runs that can train in one array, if they can join one."""
    return tuple(getattr(run, name) for name in RUN_FIELDS if name not in MEMBER_FIELDS)


@dataclass(frozen=True)
class DataSource:
    """Where the images of a data set come from: `kind` names a loader, the rest is what it needs."""

    kind: str
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


def _bits(name: str, value: object) -> int:
    if isinstance(value, bool) or value not in (*range(2, 9), FULL_PRECISION):
        raise ConfigError(
            f"{name}={value}: allowed are 2 to 8 (a signed b-bit weight has 2^b levels, and at 1 bit none is "
            f"above zero), and {FULL_PRECISION} for full precision"
        )
    return int(value)  # type: ignore[call-overload, no-any-return]


def _milestones(value: object, epochs: int) -> tuple[int, ...]:
    """`thirds` puts them where QGen has them: after a third and after two thirds of the epochs."""
    if value == THIRDS:
        return tuple(sorted({m for m in (epochs // 3, 2 * epochs // 3) if m}))
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigError(f"milestones={value}: allowed are {THIRDS}, or a list of epochs such as [100,200]")
    milestones = tuple(check_integer("milestones", item, 1) for item in value)
    if list(milestones) != sorted(set(milestones)):
        raise ConfigError(f"milestones={list(milestones)}: epochs must rise and not repeat")
    return milestones


def _unread_sizes(checked: Mapping[str, Any]) -> dict[str, int]:
    """1 for every size that the network does not read; raises `ConfigError` on values that it cannot go with."""
    network = network_of(checked["model"])
    conflict = network.conflict(checked)
    if conflict:
        raise ConfigError(conflict)
    return dict.fromkeys(set(SIZES) - {size.name for size in network.reads}, 1)


def _name(name: str, value: object) -> str:
    if not isinstance(value, str) or not value or any(c in value for c in "/\\\0"):
        raise ConfigError(f"{name}={value!r}: a data set needs a name without slashes")
    return value


def _text(name: str, value: object) -> str:
    return str(value)


_PARSERS: dict[str, Callable[[str, Any], Any]] = {
    "dataset": _name,
    "data_sha256": _text,
    "train_subset": lambda n, v: check_integer(n, v, 0),
    "test_subset": lambda n, v: check_integer(n, v, 0),
    "augmentation": lambda n, v: check_choice(n, v, AUGMENTATIONS),
    "model": lambda n, v: network_of(v).name,
    "base_width": lambda n, v: check_integer(n, v, 1),
    "width": lambda n, v: check_integer(n, v, 1),
    "depth": lambda n, v: check_integer(n, v, 1),
    "quantizer": lambda n, v: check_choice(n, v, (*QUANTIZERS, "none")),
    "bits": _bits,
    "first_last": lambda n, v: check_choice(n, v, FIRST_LAST),
    "step_size_weight_decay": check_boolean,
    "optimizer": lambda n, v: check_choice(n, v, OPTIMIZERS),
    "lr": lambda n, v: check_number(n, v, 0, low_open=True),
    "weight_decay": lambda n, v: check_number(n, v, 0),
    "momentum": lambda n, v: check_number(n, v, 0),
    "epochs": lambda n, v: check_integer(n, v, 1),
    "batch_size": lambda n, v: check_integer(n, v, 2),
    "lr_gamma": lambda n, v: check_number(n, v, 0, low_open=True),
    "eval_every_epochs": lambda n, v: check_integer(n, v, 1),
    "eval_every_epochs_late": lambda n, v: check_integer(n, v, 1),
    "precision": lambda n, v: check_choice(n, v, PRECISIONS),
    "seed": lambda n, v: check_integer(n, v, 0, 2**31 - 1),
    "lr_decay": lambda n, v: check_choice(n, v, DECAYS),
    "act_bits": _bits,
    "act_grad_scale": lambda n, v: check_choice(n, v, ACT_GRAD_SCALES),
    "quantize_images": check_boolean,
    "pact_alpha": lambda n, v: check_number(n, v, 0),
    "tempering_c": lambda n, v: check_number(n, v, 0),
    "tempering_k": lambda n, v: check_number(n, v, 0),
    "diffq_noise": lambda n, v: check_choice(n, v, DIFFQ_NOISES),
    **RULE_PARSERS,
    "initial_weights": lambda n, v: check_weights(n, v, RANDOM),
    "teacher": lambda n, v: check_weights(n, v, NO_TEACHER),
    "teacher_model": lambda n, v: network_of(v).name if v else "",
    "teacher_labels": lambda n, v: check_choice(n, v, LABELS),
    "soft_label_classes": lambda n, v: check_integer(n, v, 0),
    "temperature": lambda n, v: check_number(n, v, 0, low_open=True),
    "hard_label_share": lambda n, v: check_number(n, v, 0),
    "crops": lambda n, v: check_integer(n, v, 1),
    "crop_pool": lambda n, v: check_integer(n, v, 0),
    "bin_regularization": lambda n, v: check_number(n, v, 0),
    "bin_regularization_start": lambda n, v: check_number(n, v, 0),
}


def check_value(name: str, value: object) -> Any:
    """One hyperparameter's value in its declared type. `milestones` stays as given: it depends on epochs."""
    return _PARSERS[name](name, value) if name in _PARSERS else value


def make_run(values: Mapping[str, object]) -> RunConfig:
    """The run of `values`, which name every field of `RunConfig` that has no default; raises `ConfigError`.

    What cannot change the numbers is set to one value, so that equal training has one id: at 32 bits there is
    no quantizer, no first or last layer that differs, and no hyperparameter of another quantizer; networks read
    different sizes, and update rules different hyperparameters.
    """
    checked = {name: check_value(name, values[name]) for name in RUN_FIELDS if name in values or name not in UNLESS}
    checked = UNLESS | checked
    checked |= _unread_sizes(checked)
    checked["milestones"] = _milestones(checked["milestones"], checked["epochs"])
    checked |= _quantizer(checked)
    checked |= rule_values(checked, UNLESS, _learns(checked["quantizer"]))
    checked |= transfer(checked)
    if checked["optimizer"] in ("adam", "adamw") and checked["momentum"]:
        given = f"momentum={checked['momentum']} with optimizer={checked['optimizer']}"
        raise ConfigError(f"{given}: only sgd and rmsprop have it")
    return RunConfig(**checked)


def _quantizer(values: Mapping[str, Any]) -> dict[str, Any]:
    """The quantizer of `values` and, at what changes nothing, every hyperparameter that it does not read."""
    weights, activations = (values[name] != FULL_PRECISION for name in ("bits", "act_bits"))
    neutral = {name: UNLESS[name] for name in QUANTIZER_FIELDS if name in UNLESS}
    neutral |= {"first_last": "b", "step_size_weight_decay": False}
    if not weights and not activations:
        return neutral | {"quantizer": "none"}
    name, quantizer = _checked_quantizer(values, weights, activations)
    read = {"act_bits", "first_last"}
    read |= {*((weights and quantizer.weights) or ()), *((activations and quantizer.activations) or ())}
    if not values["tempering_c"]:
        read -= {"tempering_k"}
    if not values["bin_regularization"]:
        read -= {"bin_regularization_start"}
    _check_read(name, values, read)
    return neutral | {"quantizer": name} | {key: values[key] for key in read}


def _learns(quantizer: str) -> bool:
    """Whether it has parameters: those that can have weight decay, or PACT's."""
    own = QUANTIZERS.get(quantizer, Quantizer(None, None))
    return bool({*_STEPS, "pact_alpha"} & {*(own.weights or ()), *(own.activations or ())})


def _checked_quantizer(values: Mapping[str, Any], weights: bool, activations: bool) -> tuple[str, Quantizer]:
    name = values["quantizer"]
    if name == "none":
        given = f"bits={values['bits']}" if weights else f"act_bits={values['act_bits']}"
        raise ConfigError(f"{given} needs a quantizer: allowed are {allowed(QUANTIZERS)}")
    if not activations:
        name = _WEIGHTS_ONLY.get(name, name)
    elif not weights:
        name = _ACTIVATIONS_ONLY.get(name, name)
    for part, key, asked in (("weights", "bits", weights), ("activations", "act_bits", activations)):
        if asked and getattr(QUANTIZERS[name], part) is None:
            others = allowed(n for n, q in QUANTIZERS.items() if getattr(q, part) is not None)
            raise ConfigError(
                f"{key}={values[key]} with quantizer={name}, which does not quantize {part}: "
                f"allowed is {key}={FULL_PRECISION}, or one of the quantizers {others}"
            )
    return name, QUANTIZERS[name]


def _check_read(name: str, values: Mapping[str, Any], read: Collection[str]) -> None:
    if "pact_alpha" in read and not values["pact_alpha"]:
        raise ConfigError(f"pact_alpha=0 with quantizer={name}: allowed is a number above 0; the paper starts at 10")
    if "diffq_noise" in read and values["diffq_noise"] == "none":
        raise ConfigError(f"diffq_noise=none with quantizer={name}: allowed are {allowed(DIFFQ_NOISES[1:])}")
    if "bin_regularization_start" in read and values["bin_regularization_start"] >= 1:
        raise ConfigError(
            f"bin_regularization_start={values['bin_regularization_start']}: allowed is a share of the epochs, from 0 "
            f"to below 1"
        )
